"""A cytopenia lasting more than 28 days.

Lineages and limits, absolute and in canonical units, because "grade 3" changed meaning between CTCAE v5
and v6: neutrophils ANC **< 1.0 ×10⁹/L**, platelets PLT **< 50 ×10⁹/L**, haemoglobin HGB **< 80 g/L**.

- **CYT-1** Each course is judged by itself. Only results of peripheral blood dated from day 0 to the last
  day of the course, and not after the end of follow-up, are seen. Results that are not evaluable are
  removed first; then per lineage and day the lowest result stands for the day. Results dated before
  enrolment but on or after day 0 are seen. A result reported as `<x` counts as low when x is at or below
  the limit, otherwise it is not evaluable and is skipped. `>x` counts as not low when x is at or above the
  limit, otherwise it is skipped.
- **CYT-2** A day is **low** when its value is below the limit (at the limit is not low).
- **CYT-3** A not-low day is **supported**, and then counts neither as low nor as recovery, when it falls on
  the day of a support or within N days after it, also when the support was given before day 0 or in an
  earlier course: for PLT a platelet transfusion (N = **6**) or a thrombopoietin-receptor agonist (**6**);
  for HGB a red-cell transfusion (**29**); for ANC short-acting G-CSF (**6**) or pegylated G-CSF (**13**).
  A low day is low whether supported or not.
- **CYT-4** **Recovery** is the first of **3** consecutive unsupported not-low days (consecutive among the
  unsupported evaluable days; a low day breaks the run).
- **CYT-5** An **episode** is a maximal set of low days such that between two neighbouring low days there is
  no recovery date and no more than **35** days (later − earlier ≤ 35).
- **CYT-6** Certain days = last low − first low. The episode is a `certain` finding when they are more than
  **28**.
- **CYT-7** The earliest start is the day after the last unsupported not-low day before the first low day,
  or day 0 when there is none. The latest end is the day before the first unsupported not-low day after the
  last low day, or, when there is none, the last day seen: the as-of date, the end of follow-up or the last
  day of the course, whichever is earliest. Possible days = latest end − earliest start. Low days of other
  episodes bound neither end, so the possible intervals of two episodes may overlap; results before day 0
  are not used.
- **CYT-8** The episode is a `possible` finding when it is not `certain` and the possible days are more than
  **28**: somebody must repeat the blood count. The clock alone can bring this about; no new data is needed.
- **CYT-9** Look at the days after the last low day and before the next low day of the course, or to the
  last day seen when there is none. The finding says `recovered`, with the date, when they hold a recovery
  date (CYT-4); otherwise `censored` when no low day follows and, by the as-of date, follow-up ended or a new
  infusion was given; otherwise `recovering` when they hold an unsupported not-low day; otherwise `ongoing`.
- **CYT-10** Labels, never suppressions: `baseline_low` when any result of the lineage within **30** days
  before day 0 was low; `supported` when a supported day lies inside the episode; the deepest value and its
  day; the largest gap between neighbouring evaluable results from the first to the last low day
  (`largest_gap:9`, in days); the CTCAE v5 and v6 grade of the deepest value (`ctcae_v5:4`, `ctcae_v6:3`).
- **CYT-11** Severity: `high` when the deepest ANC < **0.5**, PLT < **25** or HGB < **65**, or certain days
  > **90**, or a `certain` episode of another lineage in the same course shares a day with it; otherwise
  `medium`. `possible` findings are `low`.
- Subject: the lineage. Time span: first low day to last low day.

Source: rules.md section 2; clinical-reference.md 3.1 (limits of labels and of Rejeski 2021 as absolute
values) and 3.3 (transfusions and growth factors hide counts).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal

from registry.clinical.ctcae import Version, grade_of
from registry.monitoring.blood_counts import (
    LINEAGES,
    CountLimits,
    Course,
    DayCount,
    Lineage,
    courses,
    days_of,
    depth,
    first_not_low_on,
    has_low,
    is_below,
    recovered_on,
    value_text,
)
from registry.monitoring.evidence import Finding, History, LabPoint, Severity
from registry.monitoring.rule import Change, Needs, Raised, Rule

Outcome = Literal["recovered", "recovering", "ongoing", "censored"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The bold numbers of the definition."""

    counts: CountLimits = field(default_factory=CountLimits)
    longest_gap_days: int = 35
    prolonged_over_days: int = 28
    baseline_days: int = 30
    neutrophils_severe_below_10e9_per_l: Decimal = Decimal("0.5")
    platelets_severe_below_10e9_per_l: Decimal = Decimal("25")
    haemoglobin_severe_below_g_per_l: Decimal = Decimal("65")
    severe_over_days: int = 90

    def severe_below(self, lineage: Lineage) -> Decimal:
        """Return the value below which a count makes the episode severe, in the canonical unit."""
        return {
            "ANC": self.neutrophils_severe_below_10e9_per_l,
            "PLT": self.platelets_severe_below_10e9_per_l,
            "HGB": self.haemoglobin_severe_below_g_per_l,
        }[lineage]


@dataclass(frozen=True, slots=True)
class Episode:
    """One maximal set of low days of a lineage in a course (CYT-5), with what surrounds it.

    `days`: all evaluable days from the first to the last low day; `earliest_start_on`, `latest_end_on`:
    CYT-7; `outcome`, `recovered_on`: CYT-9.
    """

    lineage: Lineage
    course: Course
    days: tuple[DayCount, ...]
    earliest_start_on: date
    latest_end_on: date
    outcome: Outcome
    recovered_on: date | None

    @property
    def low_days(self) -> tuple[DayCount, ...]:
        return tuple(day for day in self.days if day.state == "low")

    @property
    def first_low_on(self) -> date:
        return self.days[0].on

    @property
    def last_low_on(self) -> date:
        return self.days[-1].on

    @property
    def certain_days(self) -> int:
        """CYT-6."""
        return (self.last_low_on - self.first_low_on).days

    @property
    def possible_days(self) -> int:
        """CYT-7."""
        return (self.latest_end_on - self.earliest_start_on).days

    @property
    def deepest(self) -> DayCount:
        """The day of the lowest value, the earliest of several (CYT-10)."""
        return min(self.low_days, key=lambda day: (depth(day.lowest), day.on))

    @property
    def largest_gap_days(self) -> int:
        """The longest time without an evaluable result inside the episode (CYT-10)."""
        return max(((later.on - earlier.on).days for earlier, later in pairwise(self.days)), default=0)

    def is_certain(self, limits: Limits) -> bool:
        return self.certain_days > limits.prolonged_over_days

    def shares_a_day_with(self, other: "Episode") -> bool:
        """Say whether the times from first to last low day meet, whatever days were measured."""
        return self.first_low_on <= other.last_low_on and other.first_low_on <= self.last_low_on


def episodes(*, history: History, as_of: date, limits: Limits) -> tuple[Episode, ...]:
    """Return all episodes, short ones too, by course, lineage and time.

    `history` shows nothing later than `as_of`.
    """
    return history.once(
        ("episodes", as_of, limits), lambda: tuple(_episodes(history, as_of, LINEAGES, limits))
    )


def _episodes(
    history: History, as_of: date, lineages: Collection[Lineage], limits: Limits
) -> Iterator[Episode]:
    for course in courses(history=history, as_of=as_of):
        for lineage in lineages:
            yield from _episodes_of(history, course, lineage, limits)


def certain_episodes(*, history: History, as_of: date, limits: Limits) -> tuple[Episode, ...]:
    """Return the episodes that are certain findings (CYT-6)."""
    lasting = [lineage for lineage in LINEAGES if _may_be_certain(history, lineage, limits)]
    return tuple(e for e in _episodes(history, as_of, lasting, limits) if e.is_certain(limits))


def _may_be_certain(history: History, lineage: Lineage, limits: Limits) -> bool:
    """Say whether the first and the last low result lie far enough apart; cheap, for few do."""
    limit = limits.counts.low_below(lineage)
    low = [p.collected_on for p in history.labs.get(lineage, ()) if p.value <= limit and is_below(p, limit)]
    return len(low) > 1 and (low[-1] - low[0]).days > limits.prolonged_over_days


def _episodes_of(history: History, course: Course, lineage: Lineage, limits: Limits) -> list[Episode]:
    if not has_low(history=history, lineage=lineage, limits=limits.counts):
        return []
    days = days_of(history=history, course=course, lineage=lineage, limits=limits.counts)
    low = [position for position, day in enumerate(days) if day.state == "low"]
    if not low:
        return []
    spans = [[low[0], low[0]]]
    for earlier, later in pairwise(low):
        # CYT-5
        is_apart = (days[later].on - days[earlier].on).days > limits.longest_gap_days
        if is_apart or recovered_on(days[earlier + 1 : later], limits=limits.counts):
            spans.append([later, later])
        else:
            spans[-1][1] = later
    next_lows = [*(first for first, _last in spans[1:]), None]
    return [
        _episode(course, lineage, days, first, last, next_low, limits)
        for (first, last), next_low in zip(spans, next_lows, strict=True)
    ]


def _episode(
    course: Course,
    lineage: Lineage,
    days: tuple[DayCount, ...],
    first: int,
    last: int,
    next_low: int | None,
    limits: Limits,
) -> Episode:
    """The low days from position `first` to `last`; `next_low`: where the next episode begins."""
    # CYT-7: only unsupported not-low days bound the possible time; low days of other episodes do not.
    before = first_not_low_on(days[:first][::-1])
    after = first_not_low_on(days[last + 1 :])
    # CYT-9
    following = days[last + 1 : next_low]
    recovery = recovered_on(following, limits=limits.counts)
    is_watched = course.follow_up_ended_on is None and course.next_infusion_on is None
    outcome: Outcome = "ongoing"
    if recovery is not None:
        outcome = "recovered"
    elif next_low is None and not is_watched:
        outcome = "censored"
    elif first_not_low_on(following) is not None:
        outcome = "recovering"
    return Episode(
        lineage=lineage,
        course=course,
        days=days[first : last + 1],
        earliest_start_on=before + timedelta(days=1) if before else course.day_zero,
        latest_end_on=after - timedelta(days=1) if after else course.last_seen_on,
        outcome=outcome,
        recovered_on=recovery,
    )


def judge(history: History, as_of: date, limits: Limits) -> tuple[Finding, ...]:
    """Return the certain (CYT-6) and the possible (CYT-8) episodes."""
    found = episodes(history=history, as_of=as_of, limits=limits)
    certain = [episode for episode in found if episode.is_certain(limits)]
    findings = []
    for episode in found:
        if episode in certain:
            findings.append(_finding(history, episode, _severity(episode, certain, limits), limits))
        elif episode.possible_days > limits.prolonged_over_days:
            findings.append(_finding(history, episode, "low", limits))
    return tuple(findings)


def _severity(episode: Episode, certain: list[Episode], limits: Limits) -> Severity:
    """CYT-11, for a certain episode."""
    severe_below = limits.severe_below(episode.lineage)
    is_deep = any(is_below(day.lowest, severe_below) for day in episode.low_days)
    is_long = episode.certain_days > limits.severe_over_days
    is_one_of_several = any(
        other.course == episode.course
        and other.lineage != episode.lineage
        and other.shares_a_day_with(episode)
        for other in certain
    )
    return "high" if is_deep or is_long or is_one_of_several else "medium"


def _finding(history: History, episode: Episode, severity: Severity, limits: Limits) -> Finding:
    recovery = episode.recovered_on
    low_days, deepest = episode.low_days, episode.deepest
    return Finding(
        subject=episode.lineage,
        certainty="certain" if episode.is_certain(limits) else "possible",
        severity=severity,
        day_zero=episode.course.day_zero,
        first_on=episode.first_low_on,
        last_on=episode.last_low_on,
        evidence={
            "lineage": episode.lineage,
            "first_low_on": episode.first_low_on.isoformat(),
            "last_low_on": episode.last_low_on.isoformat(),
            "certain_days": episode.certain_days,
            "possible_days": episode.possible_days,
            "earliest_start_on": episode.earliest_start_on.isoformat(),
            "latest_end_on": episode.latest_end_on.isoformat(),
            "outcome": episode.outcome,
            "recovered_on": recovery.isoformat() if recovery else None,
            "deepest_value": value_text(deepest.lowest),
            "deepest_on": deepest.on.isoformat(),
            "labels": _labels(history, episode, deepest, limits),
            "results": [result for day in low_days for result in day.low_results],
        },
    )


def _labels(history: History, episode: Episode, deepest: DayCount, limits: Limits) -> list[str]:
    """CYT-10."""
    labels = []
    day_zero = episode.course.day_zero
    baseline_from = day_zero - timedelta(days=limits.baseline_days)
    if any(
        baseline_from <= point.collected_on < day_zero
        and is_below(point, limits.counts.low_below(episode.lineage))
        for point in history.labs.get(episode.lineage, ())
    ):
        labels.append("baseline_low")
    if any(day.state == "supported" for day in episode.days):
        labels.append("supported")
    if episode.largest_gap_days:
        labels.append(f"largest_gap:{episode.largest_gap_days}")
    return [*labels, *_grades_of(deepest.lowest, lineage=episode.lineage)]


def _grades_of(point: LabPoint, *, lineage: Lineage) -> list[str]:
    """Both grades, side by side and never mapped; `3-4` when `<x` leaves it open.

    Below the limits of this rule no grade depends on the laboratory's lower limit of normal.
    """
    versions: dict[str, Version] = {"ctcae_v5": "5.0", "ctcae_v6": "6.0"}
    return [
        f"{label}:{grade}"
        for label, version in versions.items()
        if (
            grade := grade_of(
                point.value,
                analyte=lineage,
                version=version,
                lower_limit=None,
                comparator=point.comparator,
            )
        )
    ]


def is_answered(history: History, raised: Raised, limits: Limits) -> bool:
    """Say whether counts answered a request for counts (CYT-8): its low days stand, the doubt does not."""
    lineage = next((lineage for lineage in LINEAGES if lineage == raised.subject), None)
    return (
        raised.certainty == "possible"
        and lineage is not None
        and raised.first_on is not None
        and any(
            raised.first_on <= point.collected_on <= raised.last_on
            and is_below(point, limits.counts.low_below(lineage))
            for point in history.labs.get(lineage, ())
        )
    )


def wakes(history: History, as_of: date, limits: Limits) -> date | None:
    """Return the day on which an episode without a later count becomes `possible` (CYT-8)."""
    if not any(_may_be_open_ended(history, lineage, limits) for lineage in LINEAGES):
        return None
    open_ended = [
        episode
        for episode in episodes(history=history, as_of=as_of, limits=limits)
        if episode.latest_end_on == as_of
    ]
    days = [
        episode.earliest_start_on + timedelta(days=limits.prolonged_over_days + 1) for episode in open_ended
    ]
    if open_ended and history.follow_up_ended_on == as_of:
        days.append(as_of + timedelta(days=1))  # the time that ran on until today ends here
    return min((day for day in days if day > as_of), default=None)


def _may_be_open_ended(history: History, lineage: Lineage, limits: Limits) -> bool:
    """Say whether the latest result leaves open how long a low count lasts; cheap, for most are clear."""
    points = history.labs.get(lineage, ())
    if not points or not has_low(history=history, lineage=lineage, limits=limits.counts):
        return False
    latest = points[-1]
    is_certainly_not_low = not latest.comparator and latest.value >= limits.counts.low_below(lineage)
    # A support may hide the latest count; an earlier result of its day may be low.
    return bool(history.supports) or not is_certainly_not_low or _is_low_on(history, lineage, latest, limits)


def _is_low_on(history: History, lineage: Lineage, latest: LabPoint, limits: Limits) -> bool:
    limit = limits.counts.low_below(lineage)
    return any(
        point.collected_on == latest.collected_on and is_below(point, limit)
        for point in history.labs[lineage]
    )


def carries(evidence: Mapping[str, Any], since: date, on: date) -> Mapping[str, Any]:
    """Let a time without a later count run on to `on` (CYT-7)."""
    if evidence["latest_end_on"] != since.isoformat():
        return evidence
    days = (on - date.fromisoformat(evidence["earliest_start_on"])).days
    return {**evidence, "latest_end_on": on.isoformat(), "possible_days": days}


CHANGES = (Change(version=1, on=date(2026, 11, 22), what="First version."),)

RULE = Rule(
    key="prolonged_cytopenia",
    version=1,
    limits=Limits(),
    judge=judge,
    needs=Needs(any_of=("prolonged_counts",)),
    reads_labs=LINEAGES,
    identity="overlap",
    changes=CHANGES,
    title="Cytopenia lasting more than 28 days",
    reads=frozenset({"supports"}),
    clock_keys=frozenset({"possible_days", "latest_end_on"}),
    wakes=wakes,
    carries=carries,
    is_answered=is_answered,
)

CANDIDATES = (
    RULE.proposed(
        version=2,
        limits=Limits(prolonged_over_days=21),
        on=date(2026, 11, 22),
        why="A week earlier: marrow support and infection prophylaxis are decided on in the fourth week.",
    ),
    RULE.proposed(
        version=3,
        limits=Limits(longest_gap_days=28),
        on=date(2026, 11, 22),
        why="Joins no counts more than four weeks apart: what rests on sparse data only would be lost.",
    ),
)
