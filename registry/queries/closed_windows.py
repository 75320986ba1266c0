"""Whose planned visit has closed without a record: the condition of an overdue visit (OVD-1 to OVD-5).

All windows of all courses at once, by the calendar of clinical/visit_windows.py. Of several schedule versions
a window counts when any day's versions in force could have kept it; a visit counts as recorded when it was
on every day that is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from registry.clinical.visit_windows import ScheduledVisit, ScheduleVersion, later_code
from registry.queries.evidence import schedules_of_studies
from registry.queries.packed_columns import Ints, packed_columns, unpacked

# The dates of two sites differ by no more at one instant, and a change made meanwhile counts as made (G-2).
SITES_DIFFER_BY = timedelta(days=2)
# How far ahead closing windows are looked for: everybody is looked at again by then.
LOOKS_AHEAD_DAYS = 400

_EPOCH = date(1970, 1, 1)  # that of numpy's days

Dates = NDArray[np.datetime64]
Flags = NDArray[np.bool_]

_COURSES = """
    SELECT p.study_id, c.id, c.patient_id, c.day_zero - %(epoch)s::date AS day_zero,
           p.enrolled_on - %(epoch)s::date AS owed_from,
           least(lead(c.day_zero) OVER (PARTITION BY c.patient_id ORDER BY c.day_zero) - 1,
                 p.follow_up_ended_on, %(closed_by)s::date) - %(epoch)s::date AS owed_to
    FROM registry_course c JOIN registry_patient p ON p.id = c.patient_id
    WHERE c.patient_id BETWEEN %(first)s AND %(last)s AND p.enrolled_on IS NOT NULL
    ORDER BY c.id
"""
# A visit without a date was declared missed; it counts from the day 0 of its course on. One number for each:
# the course, then its code by its place in `codes`.
_RECORDED = """
    SELECT string_agg(int8send(v.course_id << 16 | k.number), ''::bytea)
    FROM registry_visit v
    JOIN unnest(%(codes)s::text[]) WITH ORDINALITY AS k (code, number) ON k.code = v.code
    WHERE v.patient_id BETWEEN %(first)s AND %(last)s
      AND (v.visited_on <= %(recorded_by)s OR v.visited_on IS NULL)
"""


@dataclass(frozen=True, slots=True)
class _Courses:
    """Courses by id. A window is owed when it closes from `owed_from` to `owed_to`."""

    course: Ints
    study: Ints
    patient: Ints
    day_zero: Dates
    owed_from: Dates
    owed_to: Dates

    def of_study(self, study_id: int) -> "_Courses":
        its = self.study == study_id
        columns = (self.course, self.study, self.patient, self.day_zero, self.owed_from, self.owed_to)
        return _Courses(*(column[its] for column in columns))


def patients_with_closed_windows(*, latest_day: date, first_id: int, last_id: int) -> set[int]:
    """Return who could have a visit overdue on a day up to `latest_day`, judged in one run."""
    # Overdue from the day after closing on (OVD-4).
    closings = _closings(latest_day, first_id, last_id, closed_by=latest_day - timedelta(days=1))
    return {patient_id for patient_id, _ in closings}


def next_closings(*, latest_day: date, first_id: int, last_id: int) -> dict[int, date]:
    """Return the first day after `latest_day` on which a visit not recorded could become overdue, by patient.

    As the record stands, and no further than the look ahead of the rule: who is missing has none until then.
    """
    closed_by = latest_day + timedelta(days=LOOKS_AHEAD_DAYS)
    found: dict[int, date] = {}
    for patient_id, closes_on in _closings(latest_day, first_id, last_id, closed_by=closed_by):
        if closes_on >= latest_day:
            overdue_on = closes_on + timedelta(days=1)
            found[patient_id] = min(found.get(patient_id, overdue_on), overdue_on)
    return found


def _closings(latest_day: date, first_id: int, last_id: int, *, closed_by: date) -> set[tuple[int, date]]:
    """Return whose windows close without a record up to `closed_by`, and when."""
    asked: dict[str, Any] = {
        "first": first_id,
        "last": last_id,
        "epoch": _EPOCH,
        "closed_by": closed_by,
        "recorded_by": latest_day - SITES_DIFFER_BY,
    }
    courses = _courses(asked)
    studies = np.unique(courses.study).tolist()
    schedules = schedules_of_studies(study_ids=studies)
    codes = _codes_of(schedules, years=_years(courses))
    recorded = _recorded(courses, {**asked, "codes": codes})
    number_of = {code: number for number, code in enumerate(codes, start=1)}
    found: set[tuple[int, date]] = set()
    for study_id in studies:
        its = courses.study == study_id
        found |= _unrecorded(
            schedules[study_id], courses.of_study(study_id), recorded[its], number_of, years=_years(courses)
        )
    return found


def _courses(asked: dict[str, Any]) -> _Courses:
    study, course, patient, *days = packed_columns(
        sql=_COURSES,
        names=("study_id", "id", "patient_id", "day_zero", "owed_from", "owed_to"),
        parameters=asked,
    )
    return _Courses(course, study, patient, *(column.astype("datetime64[D]") for column in days))


def _codes_of(schedules: Mapping[int, tuple[ScheduleVersion, ...]], *, years: int) -> list[str]:
    """Return the codes of all visits that could be planned, repetitions of so many years among them."""
    visits = [visit for versions in schedules.values() for version in versions for visit in version.visits]
    codes = {visit.code for visit in visits}
    repeated = {visit.code for visit in visits if visit.repeats_yearly}
    codes |= {later_code(code, years=year) for code in repeated for year in range(1, years + 1)}
    return sorted(codes)


def _recorded(courses: _Courses, asked: dict[str, Any]) -> Flags:
    """Return by course and number of the code whether that visit is recorded."""
    found = np.zeros((len(courses.course), len(asked["codes"]) + 1), dtype=bool)
    with connection.cursor() as cursor:
        cursor.execute(_RECORDED, asked)
        [(words,)] = cursor.fetchall()
    visits = unpacked(words, kind=">i8")
    if len(visits) and len(courses.course):
        course, number = visits >> 16, visits & 0xFFFF
        position = np.searchsorted(courses.course, course)
        position[position == len(courses.course)] = 0
        known = courses.course[position] == course
        found[position[known], number[known]] = True
    return found


def _unrecorded(
    versions: tuple[ScheduleVersion, ...],
    courses: _Courses,
    recorded: Flags,
    number_of: Mapping[str, int],
    *,
    years: int,
) -> set[tuple[int, date]]:
    found: set[tuple[int, date]] = set()
    known: set[str] = set()
    for position, version in enumerate(versions):
        held = _could_hold(versions, position, courses.day_zero)
        codes = set()
        for visit in version.visits:
            for year in range(years + 1 if visit.repeats_yearly else 1):
                code = later_code(visit.code, years=year) if year else visit.code
                codes.add(code)
                opens, closes = _window(visit, courses.day_zero, years=year)
                is_owed = held & (courses.owed_from <= closes) & (closes <= courses.owed_to)
                if code not in known:
                    is_owed &= _could_begin(versions, position, opens, courses.day_zero)
                for later in versions[position + 1 :]:
                    # A later version moves or drops what had not opened when it took effect.
                    is_owed &= opens <= np.datetime64(later.effective_from)
                could = is_owed & ~recorded[:, number_of[code]]
                found |= set(zip(courses.patient[could].tolist(), closes[could].tolist(), strict=True))
        known |= codes
    return found


def _could_begin(
    versions: tuple[ScheduleVersion, ...], position: int, opens: Dates, day_zero: Dates
) -> Flags:
    """Say for which courses a visit new in a version was planned: all, or only when it could still open."""
    since = np.datetime64(versions[position].effective_from)
    if position == 0 or not _are_in_order(versions):
        return np.ones(len(opens), dtype=bool)
    began: Flags = (since <= day_zero) | (opens > since)
    return began


def _could_hold(versions: tuple[ScheduleVersion, ...], position: int, day_zero: Dates) -> Flags:
    """Say for which courses a version was not out of force already on day 0."""
    if position + 1 == len(versions) or not _are_in_order(versions):
        return np.ones(len(day_zero), dtype=bool)
    held: Flags = np.datetime64(versions[position + 1].effective_from) > day_zero
    return held


def _are_in_order(versions: tuple[ScheduleVersion, ...]) -> bool:
    dates = [version.effective_from for version in versions]
    return dates == sorted(dates)


def _years(courses: _Courses) -> int:
    """Return how many years of repetitions can have closed in any course."""
    if not len(courses.course):
        return 0
    return max(0, int((courses.owed_to - courses.day_zero).max() / np.timedelta64(365, "D"))) + 1


def _window(visit: ScheduledVisit, day_zero: Dates, *, years: int) -> tuple[Dates, Dates]:
    """Return when a visit opens and closes in each course (G-4: from day 0, month end clamped)."""
    months = 12 * years + (visit.offset if visit.offset_unit == "month" else 0)
    target = _months_later(day_zero, months) + (
        np.timedelta64(visit.offset, "D") if visit.offset_unit == "day" else np.timedelta64(0, "D")
    )
    return target - np.timedelta64(visit.days_before, "D"), target + np.timedelta64(visit.days_after, "D")


def _months_later(days: Dates, months: int) -> Dates:
    month = days.astype("datetime64[M]")
    later = month + np.timedelta64(months, "M")
    latest = (later + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
    found: Dates = np.minimum(later.astype("datetime64[D]") + (days - month.astype("datetime64[D]")), latest)
    return found
