"""When a planned visit opens, is aimed at and closes (rules.md OVD-1, OVD-5 and "A schedule is data").

One place for the rule, the worklist, the visit page and the export.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import count
from typing import Literal, NamedTuple

from registry.clinical.study_days import OffsetUnit, add_months, target_day

UNSCHEDULED = "UNS"


@dataclass(frozen=True, slots=True)
class ScheduledVisit:
    """One row of a visit schedule: `offset` days or months after day 0, with its window in days."""

    code: str
    offset: int
    offset_unit: OffsetUnit
    days_before: int
    days_after: int
    mode: str = "on_site"
    repeats_yearly: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleVersion:
    """A visit schedule as in force from a date on."""

    version: int
    effective_from: date
    visits: tuple[ScheduledVisit, ...]


class VisitWindow(NamedTuple):
    """A planned visit of one course: `opens_on` <= `target_on` <= `closes_on`.

    A tuple, because a night plans millions of them.
    """

    code: str
    day_zero: date
    opens_on: date
    target_on: date
    closes_on: date
    mode: str
    schedule_version: int


def window_of(visit: ScheduledVisit, *, day_zero: date, version: int) -> VisitWindow:
    """Return the window of one scheduled visit counted from day 0 (OVD-1)."""
    target = target_day(day_zero, offset=visit.offset, unit=visit.offset_unit)
    return VisitWindow(
        code=visit.code,
        day_zero=day_zero,
        opens_on=target - timedelta(days=visit.days_before),
        target_on=target,
        closes_on=target + timedelta(days=visit.days_after),
        mode=visit.mode,
        schedule_version=version,
    )


def planned_windows(
    *, day_zero: date, schedules: Sequence[ScheduleVersion], as_of: date, until: date
) -> tuple[VisitWindow, ...]:
    """Return the planned visits of a course by the versions in force at `as_of`, by target date.

    A later version moves, adds or drops only visits whose window had not opened when it took effect
    (a window that opens on that day has opened). Yearly repetitions are given while they open on or
    before `until`.
    """
    in_force = sorted((s for s in schedules if s.effective_from <= as_of), key=lambda s: s.version)
    if not in_force:
        # A course that began before the first version took effect still follows that version.
        in_force = sorted(schedules, key=lambda s: s.version)[:1]
    # A course follows whole the version in force on its day 0; what came before never held for it.
    held = [s for s in in_force if s.effective_from <= day_zero]
    in_force = in_force[max(len(held) - 1, 0) :]
    planned: dict[str, VisitWindow] = {}
    for position, schedule in enumerate(in_force):
        # Further than asked for: a repetition that a later version brings forward stood after `until`.
        further = add_months(until, 24)
        windows = {w.code: w for w in _windows_of(schedule, day_zero=day_zero, until=further)}
        if position == 0:
            planned = windows
            continue
        kept = {code: w for code, w in planned.items() if w.opens_on <= schedule.effective_from}
        # What decides is the window as it stood: a visit not yet open moves, even to a window that opens
        # earlier than the change; a visit new in this version is planned only when it can still open.
        moved = {
            code: w for code, w in windows.items() if code in planned or w.opens_on > schedule.effective_from
        }
        planned = {**moved, **kept}
    rows = {visit.code for schedule in in_force for visit in schedule.visits}
    asked_for = [window for window in planned.values() if window.code in rows or window.opens_on <= until]
    return tuple(sorted(asked_for, key=lambda window: (window.target_on, window.code)))


def window_label(*, window: VisitWindow, visited_on: date) -> Literal["early", "late", ""]:
    """Return where a visit lay outside its window; empty when it lay within (OVD-6)."""
    if visited_on < window.opens_on:
        return "early"
    return "late" if visited_on > window.closes_on else ""


def _windows_of(schedule: ScheduleVersion, *, day_zero: date, until: date) -> list[VisitWindow]:
    windows = []
    for visit in schedule.visits:
        windows.append(window_of(visit, day_zero=day_zero, version=schedule.version))
        if visit.repeats_yearly:
            windows.extend(_repetitions(visit, day_zero=day_zero, until=until, version=schedule.version))
    return windows


def _repetitions(visit: ScheduledVisit, *, day_zero: date, until: date, version: int) -> list[VisitWindow]:
    """Y15 marked *repeats yearly* goes on as Y16, Y17 …, each counted from day 0 and never chained."""
    found: list[VisitWindow] = []
    for year in count(1):
        window = _years_later(visit, years=year, day_zero=day_zero, version=version)
        if window.opens_on > until:
            return found
        found.append(window)
    return found


def _years_later(visit: ScheduledVisit, *, years: int, day_zero: date, version: int) -> VisitWindow:
    code = later_code(visit.code, years=years)
    if visit.offset_unit == "month":
        again = replace(visit, code=code, offset=visit.offset + 12 * years)
        return window_of(again, day_zero=day_zero, version=version)
    # A year is calendar arithmetic here too (G-4): the anniversary of day 0, then the days.
    again = replace(visit, code=code)
    anniversary = add_months(day_zero, 12 * years)
    return window_of(again, day_zero=anniversary, version=version)._replace(day_zero=day_zero)


def later_code(code: str, *, years: int) -> str:
    """Return the code of a visit's repetition: Y15 is Y16 a year later, M24 is M24+1Y."""
    stem = code.rstrip("0123456789")
    number = code[len(stem) :]
    return f"{stem}{int(number) + years}" if number and stem == "Y" else f"{code}+{years}Y"
