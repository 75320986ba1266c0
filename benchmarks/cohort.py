"""Invented patients by the ten thousand, as arrays: who they are, their courses, visits and blood draws.

The same number of patients and the same seed give the same cohort on every machine. Dates are whole
days since 1970-01-01, as numpy and PostgreSQL count them. What the shares are is in README.md.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.clinical.default_schedule import DEFAULT_SCHEDULE

Days = NDArray[np.int64]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

EPOCH = date(1970, 1, 1)
# The record as it stands at the end of this day; the first measured night follows it.
DATA_CUT = date(2026, 10, 31)
# Visits of the days after the cut are held back: the changes of the nights that are measured.
DAYS_HELD_BACK = 120

CUT = (DATA_CUT - EPOCH).days
HORIZON = CUT + DAYS_HELD_BACK
LONGEST_FOLLOW_UP_DAYS = 3650

# Code, country, time zone; a site in the US reports counts per microlitre and haemoglobin in g/dL.
SITES = (
    *(("AT", "Europe/Vienna"),) * 3,
    *(("DE", "Europe/Berlin"),) * 10,
    *(("FR", "Europe/Paris"),) * 7,
    *(("ES", "Europe/Madrid"),) * 5,
    *(("IT", "Europe/Rome"),) * 7,
    *(("US", "America/New_York"),) * 5,
    *(("US", "America/Chicago"),) * 3,
)
IS_US = np.array([country == "US" for country, _zone in SITES])


@dataclass(frozen=True, slots=True)
class People:
    """One entry per patient. A day of -1 means: never, or not yet."""

    site: Numbers
    sex: NDArray[np.str_]
    birth_year: Numbers
    diagnosis: NDArray[np.str_]
    enrolled_on: Days
    ended_on: Days
    end_reason: NDArray[np.str_]
    failed_therapies: Numbers

    def __len__(self) -> int:
        return len(self.site)


@dataclass(frozen=True, slots=True)
class Courses:
    """One entry per course: its patient, its day 0, the last day on which it is recorded at all.

    `silent_from`: the day after which the site sent nothing any more, without ending follow-up.
    """

    patient: Numbers
    day_zero: Days
    until: Days
    silent_from: Days

    def __len__(self) -> int:
        return len(self.patient)


@dataclass(frozen=True, slots=True)
class Visits:
    """One entry per recorded visit; `code` counts the rows of the default schedule."""

    course: Numbers
    code: Numbers
    visited_on: Days
    entered_on: Days
    is_missed: Flags

    def __len__(self) -> int:
        return len(self.course)

    def take(self, which: Any) -> "Visits":
        return Visits(
            self.course[which],
            self.code[which],
            self.visited_on[which],
            self.entered_on[which],
            self.is_missed[which],
        )


@dataclass(frozen=True, slots=True)
class Draws:
    """One entry per blood draw, in the order in which the results were entered.

    `visit`: the visit it belongs to, counted from 0, or -1.
    """

    course: Numbers
    drawn_on: Days
    entered_on: Days
    visit: Numbers

    def __len__(self) -> int:
        return len(self.course)


@dataclass(frozen=True, slots=True)
class Cohort:
    """A whole registry but for the values of its results and the words of its adverse events."""

    people: People
    courses: Courses
    visits: Visits
    visits_held_back: Visits
    draws: Draws


def make_cohort(*, patients: int, seed: int) -> Cohort:
    """Return the cohort of this size and seed as it stands on DATA_CUT."""
    rng = np.random.default_rng([seed, patients])
    people, courses = _people(rng, patients)
    visits = _visits(rng, people, courses)
    seen = visits.take(visits.visited_on <= CUT)
    return Cohort(
        people=people,
        courses=courses,
        visits=seen,
        visits_held_back=visits.take(visits.visited_on > CUT),
        draws=_draws(rng, courses, seen),
    )


def add_months(days: Days, months: Numbers) -> Days:
    """Return the same day of a later month, clamped to the month's end (rules.md G-4)."""
    dates = days.astype("datetime64[D]")
    month = dates.astype("datetime64[M]")
    later = month + months
    day_of_month = dates - month.astype("datetime64[D]")
    last = (later + 1).astype("datetime64[D]") - later.astype("datetime64[D]") - np.timedelta64(1, "D")
    return (later.astype("datetime64[D]") + np.minimum(day_of_month, last)).astype(np.int64)


def as_date(day: int) -> date:
    return EPOCH + timedelta(days=int(day))


def _people(rng: np.random.Generator, count: int) -> tuple[People, Courses]:
    age = rng.integers(0, LONGEST_FOLLOW_UP_DAYS, count)
    day_zero = CUT - age
    enrolled_on = day_zero - rng.integers(5, 41, count)
    is_screened = rng.random(count) < 0.004
    waits_for_cells = ~is_screened & (rng.random(count) < 0.002)
    enrolled_on[waits_for_cells] = CUT - rng.integers(0, 7, waits_for_cells.sum())
    enrolled_on[is_screened] = -1
    has_course = ~is_screened & ~waits_for_cells

    ended_on = np.full(count, -1)
    leaves = has_course & (age > 60) & (rng.random(count) < 0.08)
    ended_on[leaves] = day_zero[leaves] + 20 + (rng.random(leaves.sum()) * (age[leaves] - 20)).astype(int)
    reason = rng.choice(["death", "lost", "withdrawal", "transfer"], count, p=[0.25, 0.35, 0.3, 0.1])

    people = People(
        site=rng.integers(0, len(SITES), count),
        sex=rng.choice(["F", "M"], count, p=[0.8, 0.2]),
        birth_year=2026 - age // 365 - rng.integers(18, 66, count),
        diagnosis=rng.choice(["SLE", "IIM", "SSC", "OTHER"], count, p=[0.55, 0.2, 0.2, 0.05]),
        enrolled_on=enrolled_on,
        ended_on=ended_on,
        end_reason=np.where(ended_on >= 0, reason, ""),
        failed_therapies=rng.integers(2, 8, count),
    )

    first = np.flatnonzero(has_course)
    twice = first[(age[first] > 400) & (ended_on[first] < 0) & (rng.random(len(first)) < 0.012)]
    again_on = day_zero[twice] + 180 + (rng.random(len(twice)) * (age[twice] - 200)).astype(int)
    until = np.where(ended_on >= 0, ended_on, HORIZON)
    until_first = until.copy()
    until_first[twice] = again_on - 1
    patient = np.concatenate([first, twice])
    starts = np.concatenate([day_zero[first], again_on])
    ends = np.concatenate([until_first[first], until[twice]])
    falls_silent = rng.random(len(patient)) < 0.012
    silent_after = 150 + (rng.random(len(patient)) * np.maximum(CUT - starts - 150, 1)).astype(int)
    courses = Courses(
        patient=patient,
        day_zero=starts,
        until=ends,
        silent_from=np.where(falls_silent, starts + silent_after, HORIZON),
    )
    return people, courses


def _visits(rng: np.random.Generator, people: People, courses: Courses) -> Visits:
    schedule = DEFAULT_SCHEDULE.visits
    shape = (len(courses), len(schedule))
    target = np.empty(shape, dtype=np.int64)
    for number, row in enumerate(schedule):
        if row.offset_unit == "day":
            target[:, number] = courses.day_zero + row.offset
        else:
            target[:, number] = add_months(courses.day_zero, np.full(len(courses), row.offset))
    before = np.array([row.days_before for row in schedule])
    after = np.array([row.days_after for row in schedule])
    jitter = np.rint(rng.normal(0, 1, shape) * (before + after) / 5)
    visited_on = target + np.clip(jitter, -before, after).astype(np.int64)
    is_late = rng.random(shape) < 0.01
    visited_on = np.where(is_late, target + after + rng.integers(1, 16, shape), visited_on)

    last = np.minimum(courses.until, courses.silent_from)[:, None]
    is_recorded = (visited_on <= last) & (visited_on <= HORIZON) & (rng.random(shape) > 0.0056)
    course, code = np.nonzero(is_recorded)
    days = visited_on[course, code]
    entered_on = days + rng.integers(0, 4, len(days))
    order = np.lexsort((rng.random(len(days)), entered_on))
    is_missed = rng.random(len(days)) < 0.01
    entered_on = np.where(days <= CUT, np.minimum(entered_on, CUT), days)
    return Visits(course, code, days, entered_on, is_missed).take(order)


def _draws(rng: np.random.Generator, courses: Courses, visits: Visits) -> Draws:
    """Nearly daily for two weeks, twice a week to day 30, weekly to day 90, then at visits."""
    offsets = [-7, -2, 0, *range(1, 15), 17, 20, 24, 27, 30, *range(37, 90, 7), 120, 150, 240, 330]
    moves = [3, 1, 0, *[0] * 14, 1, 1, 1, 1, 1, *[2] * len(range(37, 90, 7)), 7, 7, 14, 14]
    share = [0.9, 0.9, 1, *[0.93] * 14, *[0.97] * 5, *[0.93] * len(range(37, 90, 7)), 0.4, 0.4, 0.3, 0.3]
    shape = (len(courses), len(offsets))
    spread = np.array(moves)
    days = courses.day_zero[:, None] + offsets + rng.integers(-spread, spread + 1, shape)
    is_drawn = rng.random(shape) < share
    # A hole in a few courses: nobody measured for weeks after the low counts.
    hole_from = np.where(rng.random(len(courses)) < 0.012, rng.integers(15, 22, len(courses)), 10_000)
    day_number = days - courses.day_zero[:, None]
    is_drawn &= (day_number < hole_from[:, None]) | (day_number > hole_from[:, None] + rng.integers(20, 34))
    is_drawn &= days <= np.minimum(np.minimum(courses.until, courses.silent_from), CUT)[:, None]
    course, column = np.nonzero(is_drawn)

    is_made = np.flatnonzero(~visits.is_missed)
    all_courses = np.concatenate([visits.course[is_made], course])
    all_days = np.concatenate([visits.visited_on[is_made], days[course, column]])
    all_visits = np.concatenate([is_made, np.full(len(course), -1)])
    # One draw a day of a patient; where a visit asked for it, it is the visit's.
    _, kept = np.unique(courses.patient[all_courses] * 100_000 + all_days, return_index=True)
    course, drawn_on, visit = all_courses[kept], all_days[kept], all_visits[kept]
    entered_on = np.minimum(drawn_on + rng.integers(0, 4, len(kept)), CUT)
    order = np.lexsort((rng.random(len(kept)), entered_on))
    return Draws(course[order], drawn_on[order], entered_on[order], visit[order])
