"""A follow-up visit is overdue.

- **OVD-1** A patient's planned visits come from the schedule version in force for the patient, counted from
  day 0: `target`, `opens` = target − days before, `closes` = target + days after.
- **OVD-2** A planned visit is *recorded* when a visit with its code exists for this day 0, whatever its
  date, with status `completed` or `missed` (a missed visit carries a reason). A draft records nothing.
- **OVD-3** A planned visit is *owed* when `closes` is on or after the date of enrolment and the patient is
  under follow-up on every day from the later of `opens` and enrolment to `closes`. The date on which
  follow-up ended is the last day under follow-up.
- **OVD-4** A planned visit is overdue at the as-of date when it is owed, not recorded, and the as-of date is
  after `closes`. Days overdue = as-of date − `closes`.
- **OVD-5** A new infusion restarts the schedule. Planned visits of the earlier day 0 whose `closes` is on or
  after the new infusion date are dropped, not overdue; those that had closed before stay owed.
- **OVD-6** A visit dated outside its window counts as recorded and is labelled `early` or `late`; it is
  never overdue.
- **OVD-7** When the next planned visit's window has opened, an overdue visit is labelled
  `superseded by <code>`: it stays open and is shown as *missed, undocumented*.
- **OVD-8** Severity: `low` to **30** days, `medium` to **90**, `high` above. Annual visits are M12, M24 and
  Y3 onward; two or more overdue that are neighbours in that list are each `high` and label the patient
  `lost to follow-up?`.
- **OVD-9** Recording the visit resolves the alert; the alert says when the visit was made and when it was
  entered.
- Subject: the visit's code and day 0. Always `certain`.

Source: rules.md section 1; clinical-reference.md 1 (fifteen years of follow-up, schedule of visits).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from registry.clinical.visit_windows import VisitWindow, planned_windows
from registry.monitoring.evidence import Finding, History, RecordedVisit, Severity
from registry.monitoring.rule import Change, Needs, Raised, Rule

# Beyond the longest time between two yearly windows: what lies further ahead is looked at again by then.
_LOOKS_AHEAD_DAYS = 800

LOST_TO_FOLLOW_UP = "lost to follow-up?"

# A yearly repetition of M24, where a schedule ends with it, is named M24+1Y (clinical/visit_windows.py).
_ANNUAL = re.compile(r"(?:M12|M24|Y(?:[3-9]|[1-9]\d+))(?:\+\d+Y)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limits:
    """The bold numbers of the definition."""

    low_to_days: int = 30
    medium_to_days: int = 90


def is_annual(code: str) -> bool:
    """Say whether a visit is one of M12, M24 and Y3 onward (OVD-8)."""
    return _ANNUAL.fullmatch(code) is not None


def judge(history: History, as_of: date, limits: Limits) -> tuple[Finding, ...]:
    """Return the planned visits that are overdue, by course and target date."""
    findings: list[Finding] = []
    rows = {visit.code for schedule in history.schedules for visit in schedule.visits}
    for day_zero, next_infusion_on in history.day_zeros_with_next:
        # OVD-7: a yearly repetition is the next planned visit once it has opened, never before.
        planned = [
            window
            for window in _planned_ahead(history, day_zero, next_infusion_on, as_of)
            if window.opens_on <= as_of or window.code in rows
        ]
        recorded = _recorded(history, day_zero)
        overdue = {
            window.code
            for window in planned
            # OVD-3, OVD-4
            if window.code not in recorded and as_of > window.closes_on and _is_owed(window, history)
        }
        lost = _neighbouring_annual_visits(planned, overdue)
        for position, window in enumerate(planned):
            if window.code in overdue:
                labels = _labels(planned[position + 1 :], as_of, is_lost=window.code in lost)
                findings.append(_finding(window, as_of, labels, limits))
    return tuple(findings)


def awaited_windows(*, history: History, as_of: date, until: date) -> tuple[VisitWindow, ...]:
    """Return the planned visits that are owed and not recorded, closed or still to come, by target date.

    Those that closed before `as_of` are the overdue ones; the others are what a site has ahead of it as far
    as the record shows on `as_of`. Yearly repetitions are given while they open on or before `until`.
    """
    seen = history.as_of(as_of)
    if not seen.in_scope:
        return ()
    return tuple(
        window
        for day_zero, next_infusion_on in seen.day_zeros_with_next
        for window in _planned(
            seen, day_zero=day_zero, next_infusion_on=next_infusion_on, as_of=as_of, until=until
        )
        if window.code not in _recorded(seen, day_zero) and _is_owed(window, seen)
    )


def _planned(
    history: History, *, day_zero: date, next_infusion_on: date | None, as_of: date, until: date
) -> list[VisitWindow]:
    """OVD-1, OVD-5."""
    return [
        window
        for window in planned_windows(
            day_zero=day_zero, schedules=history.schedules, as_of=as_of, until=until
        )
        if next_infusion_on is None or window.closes_on < next_infusion_on
    ]


def _planned_ahead(
    history: History, day_zero: date, next_infusion_on: date | None, as_of: date
) -> list[VisitWindow]:
    """As far as `wakes` looks ahead."""
    return history.once(
        ("planned ahead", day_zero, as_of),
        lambda: _planned(
            history,
            day_zero=day_zero,
            next_infusion_on=next_infusion_on,
            as_of=as_of,
            until=as_of + timedelta(days=_LOOKS_AHEAD_DAYS),
        ),
    )


def _recorded(history: History, day_zero: date) -> set[str]:
    """OVD-2."""
    return {visit.code for visit in history.visits if visit.day_zero == day_zero}


def _is_owed(window: VisitWindow, history: History) -> bool:
    """OVD-3: under follow-up from the later of opening and enrolment, so only both ends can fail."""
    is_enrolled = history.enrolled_on is not None and window.closes_on >= history.enrolled_on
    ended_on = history.follow_up_ended_on
    return is_enrolled and (ended_on is None or window.closes_on <= ended_on)


def _neighbouring_annual_visits(planned: Sequence[VisitWindow], overdue: set[str]) -> set[str]:
    """OVD-8: the overdue annual visits whose neighbour in the list of annual visits is overdue too."""
    annual = [window.code for window in planned if is_annual(window.code)]
    return {
        code
        for neighbours in pairwise(annual)
        if neighbours[0] in overdue and neighbours[1] in overdue
        for code in neighbours
    }


def _labels(following: Sequence[VisitWindow], as_of: date, *, is_lost: bool) -> list[str]:
    labels = []
    # OVD-7: a dropped visit (OVD-5) is planned no longer and supersedes nothing.
    if following and following[0].opens_on <= as_of:
        labels.append(f"superseded by {following[0].code}")
    if is_lost:
        labels.append(LOST_TO_FOLLOW_UP)
    return labels


def _finding(window: VisitWindow, as_of: date, labels: list[str], limits: Limits) -> Finding:
    days_overdue = (as_of - window.closes_on).days
    severity: Severity = "high"
    if LOST_TO_FOLLOW_UP not in labels and days_overdue <= limits.medium_to_days:
        severity = "low" if days_overdue <= limits.low_to_days else "medium"
    return Finding(
        subject=_subject(window.code, window.day_zero),
        certainty="certain",
        severity=severity,
        day_zero=window.day_zero,
        first_on=window.opens_on,
        last_on=window.closes_on,
        evidence={
            "visit_code": window.code,
            "day_zero": window.day_zero.isoformat(),
            "target_on": window.target_on.isoformat(),
            "opens_on": window.opens_on.isoformat(),
            "closes_on": window.closes_on.isoformat(),
            "days_overdue": days_overdue,
            "labels": labels,
        },
    )


def _subject(code: str, day_zero: date) -> str:
    return f"{code}@{day_zero.isoformat()}"


def wakes(history: History, as_of: date, limits: Limits) -> date | None:
    """Return the next day on which a visit falls due, or an overdue one changes severity or label."""
    ended_on = history.follow_up_ended_on
    until = as_of + timedelta(days=_LOOKS_AHEAD_DAYS)
    # Who is followed on may have yearly visits without end: looked at again when the look ahead ends.
    days = {until} if ended_on is None else set()
    for day_zero, next_infusion_on in history.day_zeros_with_next:
        planned = _planned_ahead(history, day_zero, next_infusion_on, as_of)
        recorded = _recorded(history, day_zero)
        missing = [w for w in planned if w.code not in recorded and _is_owed(w, history)]
        for window in missing:
            # OVD-4, OVD-8
            days |= {window.closes_on + timedelta(days=late) for late in _turns(limits)}
        if any(window.closes_on < as_of for window in missing):
            # OVD-7
            days |= {window.opens_on for window in planned}
    return min((day for day in days if day > as_of), default=None)


def _turns(limits: Limits) -> tuple[int, int, int]:
    """Days after closing on which a visit becomes overdue and its severity rises."""
    return 1, limits.low_to_days + 1, limits.medium_to_days + 1


def carries(evidence: Mapping[str, Any], since: date, on: date) -> Mapping[str, Any]:
    """Count the days overdue up to `on`."""
    return {**evidence, "days_overdue": (on - date.fromisoformat(evidence["closes_on"])).days}


def recorded_visit(*, history: History, subject: str) -> RecordedVisit | None:
    """Return the visit whose record settles the alert of this subject, or None (OVD-9)."""
    return next((visit for visit in history.visits if _subject(visit.code, visit.day_zero) == subject), None)


def is_answered(history: History, raised: Raised, limits: Limits) -> bool:
    """OVD-9: recorded, and not merely owed no longer."""
    return recorded_visit(history=history, subject=raised.subject) is not None


CHANGES = (Change(version=1, on=date(2026, 11, 22), what="First version."),)

RULE = Rule(
    key="overdue_visit",
    version=1,
    limits=Limits(),
    judge=judge,
    needs=Needs(any_of=("closed_window",)),
    reads=frozenset({"visits"}),
    is_selected_by_date=True,
    identity="subject",
    changes=CHANGES,
    title="Follow-up visit overdue",
    wakes=wakes,
    carries=carries,
    clock_keys=frozenset({"days_overdue", "labels"}),
    is_answered=is_answered,
)

CANDIDATES = (
    RULE.proposed(
        version=2,
        limits=Limits(low_to_days=14, medium_to_days=60),
        on=date(2026, 11, 22),
        why="Graver sooner: after two weeks a missed visit is rarely made up for within its purpose.",
    ),
)
