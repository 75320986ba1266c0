"""ICAHT: the grade of an early (day 0–30) and a late (after day 30) neutropenia after an infusion.

The grade is derived from the counts as the published automated grader does, and never stored:

- **Early.** The lowest count of each of the days 0–30 stands for the day. Up to **7** neighbouring days
  without a count are filled by a straight line between the counts around them, at either end by the nearest
  count; more stay missing. All is rounded to 0.01 ×10⁹/L. Runs at or below **0.5**, and at or below **0.1**,
  with at most **2** days between them are one run, those days counted: a recovery takes 3. The longest run
  grades: at or below 0.5 for 1 to **6** days 1, to **13** days 2, to **30** days 3, longer 4; at or below
  0.1 for **7** days 3, for **14** days 4. Grade 4 as well when a run at or below 0.5 begins on day 0 to **3**
  and lasts to the last count: never recovered.
- **Late.** From day 31 to day **100**, the end of follow-up or the day before the next infusion. The lowest
  daily count grades: at or below **1.5** 1, **1.0** 2, **0.5** 3, **0.1** 4, unless the second lowest is
  above 1.5: then it was passing, 0. A single count is graded by itself.

Equal to a limit is at or below it. `<x` counts as at or below a limit of x or more, `>x` as above a limit of
x or less; otherwise that result says nothing about that limit and is left out there (as rules.md CYT-1).

The consensus does not say whether days count in one run or summed: here the longest run does. Growth factor
changes nothing. What missing days leave open is given as bounds: `lowest` to `highest`. Neither relapse nor
a next therapy other than a further infusion is recorded here, so neither ends the late period.

Source: clinical-reference.md 2.4; Rejeski et al., Blood 2023;142:865, doi 10.1182/blood.2023020578
(thresholds); Liang, automated ICAHT grading (algorithm).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import groupby, pairwise
from typing import NamedTuple

from registry.clinical.units import Comparator

VERSION = "N-ICAHT 2023, registry version 1"

LAST_EARLY_DAY = 30
LAST_LATE_DAY = 100
SEVERE = Decimal("0.5")
PROFOUND = Decimal("0.1")
_LATE_AT_MOST = (Decimal("1.5"), Decimal("1.0"), Decimal("0.5"), Decimal("0.1"))
_STEP = Decimal("0.01")
_FILLED_DAYS = 7
_JOINED_OVER_DAYS = 2
_NEVER_RECOVERED_FROM_DAY = 3


class Count(NamedTuple):
    """A neutrophil count of a study day, day 0 being the infusion, in ×10⁹/L; `<0.1` as in LabPoint."""

    day: int
    value: Decimal
    comparator: Comparator = ""


class Span(NamedTuple):
    """Study days from the first to the last, both included."""

    first: int
    last: int

    @property
    def days(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class EarlyGrade:
    """The grade of days 0–30, what gave it, and what missing days leave open.

    `severe`, `profound`: the longest run at or below 0.5 and 0.1. `never_recovered`: graded 4 because it
    lasted to the last count. `missing`: days neither counted nor near enough to a count. `is_final`: no
    later day of the period is to come.
    """

    grade: int
    lowest: int
    highest: int
    severe: Span | None
    profound: Span | None
    never_recovered: bool
    counted_days: int
    missing: tuple[Span, ...]
    last_day: int
    is_final: bool

    @property
    def is_certain(self) -> bool:
        return self.lowest == self.highest

    @property
    def is_by_profound(self) -> bool:
        """Only the run at or below 0.1 is long enough for the grade."""
        return not self.never_recovered and _early(_length(self.severe), 0) < self.grade


@dataclass(frozen=True, slots=True)
class LateGrade:
    """The grade after day 30: the lowest and the second lowest daily count, and what they leave open."""

    grade: int
    lowest: int
    highest: int
    nadir: Count
    second: Count | None
    counted_days: int
    last_day: int
    is_final: bool

    @property
    def is_certain(self) -> bool:
        return self.lowest == self.highest

    @property
    def was_passing(self) -> bool:
        """A low count that no second one confirms (grade 0)."""
        return self.grade == 0 and is_at_most(self.nadir, _LATE_AT_MOST[0])


def early_grade(*, counts: Iterable[Count], last_day: int, is_over: bool) -> EarlyGrade | None:
    """Return the grade of days 0–30, or None without a count that says anything.

    `last_day`: the last day seen, of follow-up or of the course; `is_over`: no later day is to come.
    """
    last = min(last_day, LAST_EARLY_DAY)
    seen = [count for count in counts if 0 <= count.day <= last]
    is_final = is_over or last_day >= LAST_EARLY_DAY
    severe, profound = _Period(seen, SEVERE, last), _Period(seen, PROFOUND, last)
    if not severe.counted:
        return None
    longest, deepest = _longest(severe.runs), _longest(profound.runs)
    at_least = _early(_length(longest), _length(deepest))
    # While days are to come, the latest count is not the last one.
    never_recovered = is_final and any(
        run.first <= _NEVER_RECOVERED_FROM_DAY and run.last == severe.last_known for run in severe.runs
    )
    worst = severe.worst_runs
    at_most = _early(_length(_longest(worst)), _length(_longest(profound.worst_runs)))
    could_last = is_final and any(
        run.first <= _NEVER_RECOVERED_FROM_DAY and run.last == last for run in worst
    )
    grade = 4 if never_recovered else at_least
    return EarlyGrade(
        grade=grade,
        lowest=grade if severe.last_known == last else at_least,
        highest=max(grade, 4 if could_last else at_most),
        severe=longest,
        profound=deepest,
        never_recovered=never_recovered and at_least < 4,
        counted_days=len({count.day for count in seen}),
        missing=severe.missing,
        last_day=last,
        is_final=is_final,
    )


def late_grade(*, counts: Iterable[Count], last_day: int, is_over: bool) -> LateGrade | None:
    """Return the grade after day 30, or None without a count that says anything. As `early_grade`."""
    last = min(last_day, LAST_LATE_DAY)
    passing_over = _LATE_AT_MOST[0]
    by_day = _by_day(
        count for count in counts if LAST_EARLY_DAY < count.day <= last and _says(count, passing_over)
    )
    lows = sorted((_lowest(day) for day in by_day.values()), key=lambda count: (_depth(count), count.day))
    if not lows:
        return None
    nadir = lows[0]
    second = lows[1] if len(lows) > 1 else None
    is_confirmed = second is None or is_at_most(second, passing_over)
    grade = _late(nadir) if is_confirmed else 0
    return LateGrade(
        grade=grade,
        # A single count cannot say whether it was passing.
        lowest=0 if second is None else grade,
        # `<0.5` proves grade 3 and does not exclude 4.
        highest=4 if grade and nadir.comparator == "<" else grade,
        nadir=nadir,
        second=second,
        counted_days=len(lows),
        last_day=last,
        is_final=is_over or last_day >= LAST_LATE_DAY,
    )


def is_at_most(count: Count, limit: Decimal) -> bool:
    """Say whether a result proves a count at or below `limit`."""
    return count.comparator != ">" and count.value <= limit


def _says(count: Count, limit: Decimal) -> bool:
    """Whether a result proves on which side of the limit the count lay."""
    if count.comparator == "<":
        return count.value <= limit
    return count.comparator != ">" or count.value >= limit


class _Period:
    """Days 0 to `last` as one threshold sees them: at or below it, above it, or missing."""

    def __init__(self, counts: Sequence[Count], limit: Decimal, last: int) -> None:
        telling = _by_day(count for count in counts if _says(count, limit))
        self.counted = {day: _as_number(_lowest(results)) for day, results in telling.items()}
        # A day whose only results say nothing about this limit may have been low.
        self._undecided = {count.day for count in counts} - self.counted.keys()
        self._limit = limit
        self._days = range(last + 1)
        self._known = _filled(self.counted, last)

    @property
    def last_known(self) -> int:
        return max(self._known)

    @property
    def runs(self) -> list[Span]:
        """The runs at or below the limit, missing days taken for above it."""
        return self._joined(lambda day: day in self._known and self._known[day] <= self._limit)

    @property
    def worst_runs(self) -> list[Span]:
        """The same, missing and undecided days taken for at or below it."""
        return self._joined(
            lambda day: day not in self._known or day in self._undecided or self._known[day] <= self._limit
        )

    @property
    def missing(self) -> tuple[Span, ...]:
        return tuple(_runs(day for day in self._days if day not in self._known))

    def _joined(self, is_low: Callable[[int], bool]) -> list[Span]:
        joined: list[Span] = []
        for run in _runs(day for day in self._days if is_low(day)):
            if joined and run.first - joined[-1].last - 1 <= _JOINED_OVER_DAYS:
                joined[-1] = Span(joined[-1].first, run.last)
            else:
                joined.append(run)
        return joined


def _by_day(counts: Iterable[Count]) -> dict[int, list[Count]]:
    ordered = sorted(counts, key=lambda count: count.day)
    return {day: list(results) for day, results in groupby(ordered, key=lambda count: count.day)}


def _lowest(results: Iterable[Count]) -> Count:
    return min(results, key=_depth)


def _depth(count: Count) -> tuple[Decimal, int]:
    """`<0.1` before `0.1` before `>0.1`."""
    return count.value, ("<", "", ">").index(count.comparator)


def _as_number(count: Count) -> Decimal:
    """What a line is drawn through: `>0.5` lies a step above 0.5, which itself is not above."""
    return count.value + _STEP if count.comparator == ">" else count.value


def _filled(counted: Mapping[int, Decimal], last: int) -> dict[int, Decimal]:
    """Fill short gaps between counts and at both ends, and round, halves to the even step."""
    known = dict(counted)
    days = sorted(counted)
    for earlier, later in pairwise(days):
        if later - earlier - 1 <= _FILLED_DAYS:
            rise = counted[later] - counted[earlier]
            for day in range(earlier + 1, later):
                known[day] = counted[earlier] + rise * (day - earlier) / (later - earlier)
    if days:
        for edge, outside in ((days[0], range(days[0])), (days[-1], range(days[-1] + 1, last + 1))):
            if len(outside) <= _FILLED_DAYS:
                known |= dict.fromkeys(outside, counted[edge])
    return {day: value.quantize(_STEP, ROUND_HALF_EVEN) for day, value in known.items()}


def _runs(days: Iterable[int]) -> list[Span]:
    found: list[Span] = []
    for day in days:
        if found and found[-1].last == day - 1:
            found[-1] = Span(found[-1].first, day)
        else:
            found.append(Span(day, day))
    return found


def _longest(runs: Sequence[Span]) -> Span | None:
    """The longest run, the earliest of several."""
    return max(runs, key=lambda run: (run.days, -run.first), default=None)


def _length(run: Span | None) -> int:
    return run.days if run else 0


def _early(severe_days: int, profound_days: int) -> int:
    if severe_days > LAST_EARLY_DAY or profound_days >= 14:
        return 4
    if severe_days >= 14 or profound_days >= 7:
        return 3
    if severe_days >= 7:
        return 2
    return 1 if severe_days else 0


def _late(nadir: Count) -> int:
    return sum(is_at_most(nadir, limit) for limit in _LATE_AT_MOST)
