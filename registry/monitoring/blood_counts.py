"""The days of a course as rules 2 and 3 read them: low, supported or not low (rules.md CYT-1 to CYT-4).

The sentences themselves stand in prolonged_cytopenia.py; here they are carried out once, so that
both readings of "prolonged" see the same days.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Literal, NamedTuple

from registry.monitoring.evidence import History, LabPoint, Support

Lineage = Literal["ANC", "PLT", "HGB"]
DayState = Literal["low", "supported", "not_low"]

LINEAGES: tuple[Lineage, ...] = ("ANC", "PLT", "HGB")


_COLLECTED_ON = attrgetter("collected_on")


@dataclass(frozen=True, slots=True)
class CountLimits:
    """When a count is low, how long a support hides it, how many days prove a recovery.

    Limits are absolute and in canonical units, because "grade 3" changed meaning between CTCAE v5 and v6.
    """

    neutrophils_low_below_10e9_per_l: Decimal = Decimal("1.0")
    platelets_low_below_10e9_per_l: Decimal = Decimal("50")
    haemoglobin_low_below_g_per_l: Decimal = Decimal("80")
    platelet_transfusion_hides_days: int = 6
    tpo_ra_hides_days: int = 6
    rbc_transfusion_hides_days: int = 29
    g_csf_hides_days: int = 6
    peg_g_csf_hides_days: int = 13
    recovery_days_count: int = 3

    def low_below(self, lineage: Lineage) -> Decimal:
        """Return the limit of the lineage in its canonical unit; a count at the limit is not low."""
        if lineage == "ANC":
            return self.neutrophils_low_below_10e9_per_l
        return self.platelets_low_below_10e9_per_l if lineage == "PLT" else self.haemoglobin_low_below_g_per_l

    def hidden_days_by_support(self, lineage: Lineage) -> Mapping[str, int]:
        """Return the supports that lift the lineage, each with the days after it that it still lifts."""
        by_lineage: dict[Lineage, dict[str, int]] = {
            "ANC": {"g_csf": self.g_csf_hides_days, "peg_g_csf": self.peg_g_csf_hides_days},
            "PLT": {
                "platelet_transfusion": self.platelet_transfusion_hides_days,
                "tpo_ra": self.tpo_ra_hides_days,
            },
            "HGB": {"rbc_transfusion": self.rbc_transfusion_hides_days},
        }
        return by_lineage[lineage]


@dataclass(frozen=True, slots=True)
class Course:
    """The days from one infusion to the day before the next, as far as they are seen (G-1, CYT-1).

    `last_seen_on`: the as-of date, the end of follow-up or the last day of the course, whichever is
    earliest. It lies before `day_zero` when follow-up had ended by then: such a course has no days.
    """

    day_zero: date
    next_infusion_on: date | None
    follow_up_ended_on: date | None
    last_seen_on: date


class DayCount(NamedTuple):
    """What one lineage showed on one day: the lowest evaluable result and what it counts as.

    `low_results`: ids of all low results of the day.
    """

    on: date
    lowest: LabPoint
    state: DayState
    low_results: tuple[int, ...]


def courses(*, history: History, as_of: date) -> tuple[Course, ...]:
    """Return the courses of a patient, oldest first; `history` shows nothing later than `as_of`."""
    found = []
    for day_zero, following in history.day_zeros_with_next:
        last_days = [as_of]
        if history.follow_up_ended_on is not None:
            last_days.append(history.follow_up_ended_on)
        if following is not None:
            last_days.append(following - timedelta(days=1))
        found.append(Course(day_zero, following, history.follow_up_ended_on, min(last_days)))
    return tuple(found)


def has_low(*, history: History, lineage: Lineage, limits: CountLimits) -> bool:
    """Say whether any result of the lineage is low, on whatever day: without one there is no episode."""
    limit = limits.low_below(lineage)
    return any(point.value <= limit and is_below(point, limit) for point in history.labs.get(lineage, ()))


def is_below(point: LabPoint, limit: Decimal) -> bool:
    """Say whether a result proves a count below `limit`; `<0.5` is below 0.5, `0.5` is not."""
    if point.comparator == "<":
        return point.value <= limit
    return point.comparator == "" and point.value < limit


def is_evaluable(point: LabPoint, limit: Decimal) -> bool:
    """Say whether a result proves on which side of `limit` the count lay (CYT-1)."""
    if not point.comparator:
        return True
    return point.value <= limit if point.comparator == "<" else point.value >= limit


def depth(point: LabPoint) -> tuple[Decimal, int]:
    """Return the key that orders results from the lowest: `<0.1` before `0.1` before `>0.1`."""
    return point.value, ("<", "", ">").index(point.comparator)


def days_of(
    *, history: History, course: Course, lineage: Lineage, limits: CountLimits
) -> tuple[DayCount, ...]:
    """Return the evaluable days of a lineage in a course, oldest first (CYT-1 to CYT-3)."""
    points = tuple(history.labs.get(lineage, ()))
    return _days_of(points, tuple(history.supports), course, lineage, limits)


# Rules 2, 3 and 4 ask for the same days of a patient one after the other.
@lru_cache(maxsize=32)
def _days_of(
    points: tuple[LabPoint, ...],
    supports: tuple[Support, ...],
    course: Course,
    lineage: Lineage,
    limits: CountLimits,
) -> tuple[DayCount, ...]:
    limit = limits.low_below(lineage)
    first, last = course.day_zero, course.last_seen_on
    seen = [
        point
        for point in points
        # CYT-1: what cannot be evaluated is removed before the lowest result of the day is chosen.
        if first <= point.collected_on <= last and (not point.comparator or is_evaluable(point, limit))
    ]
    hidden = _hidden_spans(supports, limits.hidden_days_by_support(lineage))
    return tuple(
        _day_count(on, list(results), limit, hidden)
        for on, results in groupby(sorted(seen, key=_COLLECTED_ON), key=_COLLECTED_ON)
    )


def _day_count(
    on: date, results: Sequence[LabPoint], limit: Decimal, hidden: Sequence[tuple[date, date]]
) -> DayCount:
    lowest = results[0]
    if len(results) == 1 and lowest.value > limit:  # nearly every day of nearly every patient
        is_hidden = any(first <= on <= last for first, last in hidden)
        return DayCount(on, lowest, "supported" if is_hidden else "not_low", ())
    if len(results) > 1:
        lowest = min(results, key=lambda point: (depth(point), point.result_id))
    low_results = tuple(sorted(point.result_id for point in results if is_below(point, limit)))
    if low_results:
        # CYT-3: a low day is low whether supported or not.
        return DayCount(on, lowest, "low", low_results)
    is_hidden = any(first <= on <= last for first, last in hidden)
    return DayCount(on, lowest, "supported" if is_hidden else "not_low", ())


def _hidden_spans(supports: Sequence[Support], hidden_days: Mapping[str, int]) -> list[tuple[date, date]]:
    """CYT-3: supports given before day 0 or in an earlier course hide counts as well."""
    return [
        (support.given_on, support.given_on + timedelta(days=hidden_days[support.kind]))
        for support in supports
        if support.kind in hidden_days
    ]


def between(days: Sequence[DayCount], *, after: date, before: date | None) -> Sequence[DayCount]:
    """Return the days strictly after one date and strictly before another (None: without end)."""
    end = len(days) if before is None else bisect_left(days, before, key=_on)
    return days[bisect_right(days, after, key=_on) : end]


_on = attrgetter("on")


def recovered_on(days: Sequence[DayCount], *, limits: CountLimits) -> date | None:
    """Return the first recovery date among days in order: CYT-4.

    Supported days are passed over, a low day breaks the run; all days of the run must be among `days`.
    """
    run: list[date] = []
    for day in days:
        if day.state == "low":
            run = []
        elif day.state == "not_low":
            run.append(day.on)
            if len(run) == limits.recovery_days_count:
                return run[0]
    return None


def first_not_low_on(days: Sequence[DayCount]) -> date | None:
    """Return the first unsupported day that is not low."""
    return next((day.on for day in days if day.state == "not_low"), None)


def value_text(point: LabPoint) -> str:
    """Return a result as evidence shows it, in the canonical unit without trailing noise: `0.4`, `<0.1`."""
    return f"{point.comparator}{point.value.normalize():f}"
