"""The label's landmark: a cytopenia not resolved by Day 28.

Product labels and many papers mean something else by "prolonged": not resolved by Day 28. Both readings
are computed, never mixed.

- **LMK-1** Evaluated when as-of is after day **28**, per lineage, on the days of CYT-1 to CYT-4, with the
  limits of rule `prolonged_cytopenia`. L is the last low day in days 0–28; without one there is nothing.
- **LMK-2** `certain` when (a) L ≥ day **21** and no unsupported not-low day lies after L up to day 28; or
  (b) L ≥ day **14**, a low day M lies in days 29–**42**, and no recovery date (CYT-4) lies between L and M.
- **LMK-3** `possible` when LMK-2 does not hold and no recovery date (its two confirming days may lie after
  day 28) lies after L up to day 28: a count near day 28, or the confirmation of a recovery, is missing.
- **LMK-4** Not evaluated when follow-up ended, or a new infusion was given, on or before day 28; either of
  them on day 29 does not prevent it.
- Subject: the lineage, with day 0. Severity `medium`; `possible` is `low`.
- The evidence names the first reading that holds: `landmark` (LMK-2a), `bridge` (LMK-2b), `missing_count`
  (LMK-3, no unsupported not-low day after L up to day 28), `unconfirmed_recovery` (LMK-3, otherwise).

Source: rules.md section 3; clinical-reference.md 3.1 (labels of Kymriah, Yescarta, Abecma, Breyanzi).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from registry.monitoring.blood_counts import (
    LINEAGES,
    CountLimits,
    Course,
    DayCount,
    Lineage,
    between,
    courses,
    days_of,
    first_not_low_on,
    has_low,
    is_below,
    recovered_on,
)
from registry.monitoring.evidence import Finding, History
from registry.monitoring.rule import Change, Needs, Raised, Rule

Reading = Literal["landmark", "bridge", "missing_count", "unconfirmed_recovery"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The bold numbers of the definition."""

    counts: CountLimits = field(default_factory=CountLimits)
    landmark_day: int = 28
    landmark_low_from_day: int = 21
    bridge_low_from_day: int = 14
    bridge_to_day: int = 42


def judge(history: History, as_of: date, limits: Limits) -> tuple[Finding, ...]:
    """Return one finding per course and lineage that had not, or may not have, resolved by day 28."""
    findings = []
    for course in courses(history=history, as_of=as_of):
        landmark_on = course.day_zero + timedelta(days=limits.landmark_day)
        if as_of <= landmark_on or not _is_watched_through(course, landmark_on):
            continue
        for lineage in LINEAGES:
            if not has_low(history=history, lineage=lineage, limits=limits.counts):
                continue
            days = days_of(history=history, course=course, lineage=lineage, limits=limits.counts)
            # LMK-1
            last_low_on = max(
                (day.on for day in days if day.state == "low" and day.on <= landmark_on), default=None
            )
            reading = last_low_on and _reading(course, days, last_low_on, landmark_on, limits)
            if last_low_on and reading:
                findings.append(_finding(course, lineage, last_low_on, landmark_on, reading))
    return tuple(findings)


def _is_watched_through(course: Course, landmark_on: date) -> bool:
    """LMK-4: neither the end of follow-up nor a new infusion on or before day 28."""
    return not any(
        end is not None and end <= landmark_on for end in (course.follow_up_ended_on, course.next_infusion_on)
    )


def _reading(
    course: Course, days: Sequence[DayCount], last_low_on: date, landmark_on: date, limits: Limits
) -> Reading | None:
    last_low_day = (last_low_on - course.day_zero).days
    after = between(days, after=last_low_on, before=None)
    first_not_low = first_not_low_on(between(days, after=last_low_on, before=landmark_on + timedelta(days=1)))
    # LMK-2a
    if last_low_day >= limits.landmark_low_from_day and first_not_low is None:
        return "landmark"
    # LMK-2b: the first low day after L is the one with the least room for a recovery before it.
    next_low_on = next((day.on for day in after if day.state == "low"), None)
    # The days up to the next low day hold at most one run, so its recovery date is the first not-low day.
    recovery = recovered_on(between(days, after=last_low_on, before=next_low_on), limits=limits.counts)
    if (
        last_low_day >= limits.bridge_low_from_day
        and next_low_on is not None
        and (next_low_on - course.day_zero).days <= limits.bridge_to_day
        and recovery is None
    ):
        return "bridge"
    # LMK-3: the recovery must begin by day 28; its confirming days may lie later.
    if recovery is not None and recovery <= landmark_on:
        return None
    return "missing_count" if first_not_low is None else "unconfirmed_recovery"


def _finding(
    course: Course, lineage: Lineage, last_low_on: date, landmark_on: date, reading: Reading
) -> Finding:
    is_certain = reading in ("landmark", "bridge")
    return Finding(
        subject=f"{lineage}@{course.day_zero.isoformat()}",
        certainty="certain" if is_certain else "possible",
        severity="medium" if is_certain else "low",
        day_zero=course.day_zero,
        first_on=last_low_on,
        last_on=landmark_on,
        evidence={
            "lineage": lineage,
            "day_zero": course.day_zero.isoformat(),
            "last_low_on": last_low_on.isoformat(),
            "reading": reading,
        },
    )


def is_answered(history: History, raised: Raised, limits: Limits) -> bool:
    """Say whether counts answered a request for counts (LMK-3): the low day stands, the doubt does not."""
    lineage = next((lineage for lineage in LINEAGES if raised.subject.startswith(f"{lineage}@")), None)
    return (
        raised.certainty == "possible"
        and lineage is not None
        and any(
            point.collected_on == raised.first_on and is_below(point, limits.counts.low_below(lineage))
            for point in history.labs.get(lineage, ())
        )
    )


def wakes(history: History, as_of: date, limits: Limits) -> date | None:
    """Return the day after the next landmark (LMK-1)."""
    days = (
        course.day_zero + timedelta(days=limits.landmark_day + 1)
        for course in courses(history=history, as_of=as_of)
    )
    return min((day for day in days if day > as_of), default=None)


CHANGES = (Change(version=1, on=date(2026, 11, 22), what="First version."),)

RULE = Rule(
    key="unresolved_at_day_28",
    version=1,
    limits=Limits(),
    judge=judge,
    needs=Needs(any_of=("landmark_counts",)),
    reads_labs=LINEAGES,
    identity="subject",
    changes=CHANGES,
    title="Cytopenia not resolved by day 28",
    reads=frozenset({"supports"}),
    wakes=wakes,
    is_answered=is_answered,
)

CANDIDATES = (
    RULE.proposed(
        version=2,
        limits=Limits(landmark_low_from_day=14),
        on=date(2026, 11, 22),
        why="For sites that count every two weeks: a low count of day 14 with nothing better up to day 28.",
    ),
)
