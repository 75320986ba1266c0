"""Rules 2 and 3 a second time: one entry per day of a course, from the sentences of rules.md only.

Plain and slow. It shares no code with registry/monitoring but the shape of a History, and it was
written without looking at the rules, so that a misreading must be made twice to stay hidden.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from registry.monitoring.evidence import History, LabPoint

LIMIT = {"ANC": Decimal("1.0"), "PLT": Decimal(50), "HGB": Decimal(80)}
HIGH_BELOW = {"ANC": Decimal("0.5"), "PLT": Decimal(25), "HGB": Decimal(65)}
SUPPORTED_DAYS = {  # CYT-3
    "ANC": {"g_csf": 6, "peg_g_csf": 13},
    "PLT": {"platelet_transfusion": 6, "tpo_ra": 6},
    "HGB": {"rbc_transfusion": 29},
}
GRADE_CUTS: dict[str, tuple[tuple[tuple[Decimal, ...], int], ...]] = {
    "ANC": (((Decimal("0.5"),), 4), ((Decimal("0.1"), Decimal("0.5")), 4)),
    "PLT": (((Decimal(25),), 4), ((Decimal(10),), 4)),
    "HGB": (((), 3), ((), 3)),
}
DAY = timedelta(days=1)


@dataclass
class Course:
    """What is known of one lineage on each day from day 0 to the last day seen."""

    lineage: str
    day_zero: date
    last_seen: date
    ended: bool  # follow-up ended or a new infusion was given, by the as-of date
    low: dict[date, LabPoint] = field(default_factory=dict)
    normal: set[date] = field(default_factory=set)  # not low and not supported
    supported: set[date] = field(default_factory=set)

    def low_between(self, after: date, before: date) -> list[date]:
        return [day for day in sorted(self.low) if after < day < before]

    def normal_between(self, after: date, before: date) -> list[date]:
        return [day for day in sorted(self.normal) if after < day < before]

    def recovery_between(self, after: date, before: date) -> date | None:
        """CYT-4: the first of 3 consecutive unsupported not-low days; a low day breaks the run."""
        known = sorted(self.normal | self.low.keys())
        for start in known:
            if after < start < before and len(known[known.index(start) :]) >= 3:
                three = known[known.index(start) :][:3]
                if all(day in self.normal for day in three):
                    return start
        return None


def says(point: LabPoint, limit: Decimal) -> str:
    """Return `low`, `not low` or nothing where the result cannot be evaluated (CYT-1, CYT-2)."""
    if point.comparator == "<":
        return "low" if point.value <= limit else ""
    if point.comparator == ">":
        return "not low" if point.value >= limit else ""
    return "low" if point.value < limit else "not low"


def depth(point: LabPoint) -> tuple[Decimal, bool]:
    return point.value, point.comparator != "<"


def course_of(history: History, lineage: str, day_zero: date, as_of: date) -> Course:
    """Look at each day of the course in turn (CYT-1 to CYT-3)."""
    following = [day for day in history.day_zeros if day_zero < day <= as_of]
    ended_on = history.follow_up_ended_on
    ended = bool(following) or (ended_on is not None and ended_on <= as_of)
    last_seen = as_of
    if following:
        last_seen = min(last_seen, min(following) - DAY)
    if ended_on is not None:
        last_seen = min(last_seen, ended_on)
    course = Course(lineage=lineage, day_zero=day_zero, last_seen=last_seen, ended=ended)
    day = day_zero
    while day <= last_seen:
        today = [point for point in history.labs.get(lineage, ()) if point.collected_on == day]
        lows = [point for point in today if says(point, LIMIT[lineage]) == "low"]
        if lows:
            course.low[day] = min(lows, key=depth)
        elif any(says(point, LIMIT[lineage]) == "not low" for point in today):
            (course.supported if is_supported(history, lineage, day) else course.normal).add(day)
        day += DAY
    return course


def is_supported(history: History, lineage: str, day: date) -> bool:
    """CYT-3: on the day of a support or within N days after it, in whatever course it was given."""
    for support in history.supports:
        days = SUPPORTED_DAYS[lineage].get(support.kind)
        if days is not None and 0 <= (day - support.given_on).days <= days:
            return True
    return False


def episodes_of(course: Course) -> list[list[date]]:
    """CYT-5: the low days, parted by a recovery date or by more than 35 days."""
    episodes: list[list[date]] = []
    for day in sorted(course.low):
        if episodes:
            before = episodes[-1][-1]
            if (day - before).days <= 35 and course.recovery_between(before, day) is None:
                episodes[-1].append(day)
                continue
        episodes.append([day])
    return episodes


def certain_days(episode: list[date]) -> int:
    return (episode[-1] - episode[0]).days  # CYT-6


def widest(course: Course, episode: list[date]) -> tuple[date, date]:
    """CYT-7: the earliest start and the latest end that the record cannot exclude."""
    before = course.normal_between(date.min, episode[0])
    after = course.normal_between(episode[-1], date.max)
    return (
        before[-1] + DAY if before else course.day_zero,
        after[0] - DAY if after else course.last_seen,
    )


def outcome(course: Course, episode: list[date]) -> tuple[str, date | None]:
    """CYT-9, in the order of its words."""
    last = episode[-1]
    next_low = next(iter(course.low_between(last, date.max)), None)
    until = next_low or date.max
    recovered = course.recovery_between(last, until)
    if recovered:
        return "recovered", recovered
    if next_low is None and course.ended:
        return "censored", None
    if course.normal_between(last, until):
        return "recovering", None
    return "ongoing", None


def baseline_low(history: History, course: Course) -> bool:
    """CYT-10: any result of the lineage within 30 days before day 0 was low."""
    return any(
        says(point, LIMIT[course.lineage]) == "low"
        for point in history.labs.get(course.lineage, ())
        if 1 <= (course.day_zero - point.collected_on).days <= 30
    )


def largest_gap(course: Course, episode: list[date]) -> int:
    """CYT-10: between neighbouring evaluable results from the first to the last low day."""
    days = sorted(course.low.keys() | course.normal | course.supported)
    inside = [day for day in days if episode[0] <= day <= episode[-1]]
    return max(((later - earlier).days for earlier, later in pairwise(inside)), default=0)


def grades(lineage: str, deepest: LabPoint) -> str:
    """CYT-10: CTCAE v5 and v6 of the deepest value, from the table of clinical-reference.md 2.1.

    What is below x could be any grade from that of the value just below x on.
    """
    found = []
    for cuts, worst in GRADE_CUTS[lineage]:
        mildest = worst - sum(
            deepest.value >= cut if not deepest.comparator else deepest.value > cut for cut in cuts
        )
        found.append(f"{mildest}-{worst}" if deepest.comparator and mildest != worst else str(mildest))
    return " ".join(found)


def in_scope(history: History, as_of: date) -> bool:
    """A patient with no enrolment yet is screened, in no rule's scope (contract.md section 3)."""
    return history.enrolled_on is not None and history.enrolled_on <= as_of


def courses(history: History, as_of: date) -> Iterator[dict[str, Course]]:
    """CYT-1: each course by itself; infusions after the as-of date are not seen (G-1)."""
    if in_scope(history, as_of):
        for day_zero in sorted({day for day in history.day_zeros if day <= as_of}):
            yield {lineage: course_of(history, lineage, day_zero, as_of) for lineage in LIMIT}


def certain_episodes(course: Course) -> list[list[date]]:
    return [episode for episode in episodes_of(course) if certain_days(episode) > 28]


def share_a_day(one: list[date], other: list[date]) -> bool:
    return one[0] <= other[-1] and other[0] <= one[-1]


def cytopenias(history: History, as_of: date) -> Iterator[dict[str, object]]:
    """prolonged_cytopenia at the as-of date."""
    for course_by_lineage in courses(history, as_of):
        for lineage, course in course_by_lineage.items():
            for episode in episodes_of(course):
                others = [
                    other
                    for name, another in course_by_lineage.items()
                    if name != lineage
                    for other in certain_episodes(another)
                ]
                start, end = widest(course, episode)
                certain = certain_days(episode) > 28
                if not certain and (end - start).days <= 28:  # CYT-8
                    continue
                deepest_on = min(episode, key=lambda day: (depth(course.low[day]), day))
                deepest = course.low[deepest_on]
                low_enough = deepest.value < HIGH_BELOW[lineage] or (
                    deepest.comparator == "<" and deepest.value == HIGH_BELOW[lineage]
                )
                high = (
                    low_enough
                    or certain_days(episode) > 90
                    or any(share_a_day(episode, other) for other in others)
                )
                state, recovered_on = outcome(course, episode)
                inside = [day for day in course.supported if episode[0] <= day <= episode[-1]]
                yield {
                    "subject": lineage,
                    "certainty": "certain" if certain else "possible",
                    "severity": "low" if not certain else "high" if high else "medium",  # CYT-11
                    "first_on": episode[0],
                    "last_on": episode[-1],
                    "day_zero": course.day_zero,
                    "lineage": lineage,
                    "first_low_on": episode[0].isoformat(),
                    "last_low_on": episode[-1].isoformat(),
                    "certain_days": certain_days(episode),
                    "possible_days": (end - start).days,
                    "earliest_start_on": start.isoformat(),
                    "latest_end_on": end.isoformat(),
                    "outcome": state,
                    "recovered_on": recovered_on and recovered_on.isoformat(),
                    "deepest_value": f"{deepest.comparator}{deepest.value.normalize():f}",
                    "deepest_on": deepest_on.isoformat(),
                    "baseline_low": baseline_low(history, course),
                    "supported": bool(inside),
                    "largest_gap": largest_gap(course, episode),
                    "grades": grades(lineage, deepest),
                }


def reading_at_day_28(course: Course) -> tuple[date, str] | None:
    """LMK-2 and LMK-3: the last low day L and the first reading that holds."""
    zero = course.day_zero
    lows = [day for day in course.low if 0 <= (day - zero).days <= 28]
    if not lows:
        return None
    last = max(lows)
    after_28 = zero + 29 * DAY
    no_normal = not course.normal_between(last, after_28)
    later_lows = [day for day in course.low if 29 <= (day - zero).days <= 42]
    if (last - zero).days >= 21 and no_normal:
        return last, "landmark"
    if (last - zero).days >= 14 and any(not course.recovery_between(last, m) for m in later_lows):
        return last, "bridge"
    if course.recovery_between(last, after_28) is None:
        return last, "missing_count" if no_normal else "unconfirmed_recovery"
    return None


def landmarks(history: History, as_of: date) -> Iterator[dict[str, object]]:
    """unresolved_at_day_28 at the as-of date."""
    for course_by_lineage in courses(history, as_of):
        for lineage, course in course_by_lineage.items():
            zero = course.day_zero
            day_28 = zero + 28 * DAY
            ended_on = history.follow_up_ended_on
            if as_of <= day_28:  # LMK-1
                continue
            if ended_on is not None and ended_on <= day_28:  # LMK-4
                continue
            if any(zero < other <= day_28 for other in history.day_zeros):
                continue
            found = reading_at_day_28(course)
            if found:
                last, reading = found
                certain = reading in ("landmark", "bridge")
                yield {
                    "subject": f"{lineage}@{zero}",
                    "certainty": "certain" if certain else "possible",
                    "severity": "medium" if certain else "low",
                    "first_on": last,
                    "last_on": day_28,
                    "lineage": lineage,
                    "day_zero": zero.isoformat(),
                    "last_low_on": last.isoformat(),
                    "reading": reading,
                }
