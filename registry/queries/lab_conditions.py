"""Which patients meet a necessary condition of a rule that lies in their results.

The conditions look at all courses of some patients at once, on a day after everything in the record, where
a rule says the most: what it says on an earlier day it says of a part of the same low days. Landmark counts
are the exception, because a recovery is confirmed later: they are looked at on the earliest day asked for.
What lengthens an episode is taken as given, what ends one must be certain, as in the rule.
"""

import math
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from registry.monitoring import prolonged_cytopenia, unresolved_at_day_28
from registry.monitoring.blood_counts import LINEAGES, CountLimits
from registry.monitoring.malignancy_triggers import TriggerLimits
from registry.queries.packed_columns import Ints, packed_columns
from registry.queries.packed_labs import (
    ABOVE,
    ALC,
    BELOW,
    BLASTS,
    CAR_DNA,
    DAY_BITS,
    EPOCH,
    LOW,
    MANY_BLASTS,
    SIZE_BITS,
    STEPS_PER_DECADE,
    Kind,
    Packing,
    Readings,
    readings_of,
)

Flags = NDArray[np.bool_]

SUPPORT_KINDS = tuple(kind for lineage in LINEAGES for kind in CountLimits().hidden_days_by_support(lineage))
_NOTHING = np.array([], dtype=np.int64)

# Later than any day in the record.
_NO_END = 2**40
_LAST_DAY = 2**DAY_BITS - 1

_COURSES = """
    SELECT c.patient_id, c.day_zero - %(epoch)s::date AS day_zero,
           coalesce(lead(c.day_zero) OVER (PARTITION BY c.patient_id ORDER BY c.day_zero) - %(epoch)s::date,
                    %(no_end)s) AS next_infusion,
           coalesce(p.follow_up_ended_on - %(epoch)s::date, %(no_end)s) AS ended
    FROM registry_course c JOIN registry_patient p ON p.id = c.patient_id
    WHERE c.patient_id BETWEEN %(first)s AND %(last)s
    ORDER BY c.patient_id, c.day_zero
"""
_SUPPORTS = """
    SELECT s.patient_id, s.given_on - %(epoch)s::date AS given_on, k.number
    FROM registry_supportivetreatment s
    JOIN unnest(%(kinds)s::text[]) WITH ORDINALITY AS k (kind, number) ON k.kind = s.kind
    WHERE s.patient_id BETWEEN %(first)s AND %(last)s
"""
_LARGE_CELLS = """
    SELECT patient_id FROM registry_labresult
    WHERE patient_id = ANY (%(ids)s) AND analyte = 'MCV' AND superseded_at IS NULL
    GROUP BY patient_id
    HAVING max(value) FILTER (WHERE comparator <> '<') >= least(
        %(over)s, min(value) FILTER (WHERE comparator = '') + %(rise)s)
"""


@dataclass(frozen=True, slots=True)
class Courses:
    """The courses of some patients, by patient and day 0, in days since EPOCH.

    `patient`: position among the patients asked for; `last_day`: the last day seen by rules 2 and 3.
    """

    patient: Ints
    day_zero: Ints
    next_infusion: Ints
    ended: Ints

    @property
    def last_day(self) -> Ints:
        return np.minimum(self.next_infusion - 1, self.ended)


@dataclass(frozen=True, slots=True)
class Days:
    """Days of a lineage that are low or proven not low, one entry each: by course, lineage and day.

    `series` numbers course and lineage. What a support hides and what lies outside the days seen is left out.
    """

    courses: Courses
    course: Ints
    series: Ints
    code: Ints
    day: Ints
    is_low: Flags

    @property
    def after_day_zero(self) -> Ints:
        return self.day - self.courses.day_zero[self.course]


@dataclass(frozen=True, slots=True)
class LabConditions:
    """The results, courses and supports of some patients, read once for all conditions of a rule.

    `supports`: patient id, day, number of the kind. `unknown`: patients with a day outside the range of the
    readings; no condition may clear them.
    """

    readings: Readings
    courses: Courses
    supports: tuple[Ints, ...]
    course_of: Ints
    unknown: frozenset[int]
    _days_by: dict[CountLimits, Days] = field(default_factory=dict)

    @classmethod
    def read(cls, *, packing: Packing, kind: Kind, first_id: int, last_id: int) -> "LabConditions":
        readings = readings_of(packing=packing, kind=kind, first_id=first_id, last_id=last_id)
        asked: dict[str, Any] = {"epoch": EPOCH, "no_end": _NO_END, "first": first_id, "last": last_id}
        ids, *days = packed_columns(
            sql=_COURSES, names=("patient_id", "day_zero", "next_infusion", "ended"), parameters=asked
        )
        # A patient who came after the readings were read waits to be judged.
        known = np.isin(ids, readings.ids)
        courses = Courses(np.searchsorted(readings.ids, ids[known]), *(column[known] for column in days))
        supports: tuple[Ints, ...] = (_NOTHING, _NOTHING, _NOTHING)
        if kind == "counts":
            supports = tuple(
                packed_columns(
                    sql=_SUPPORTS,
                    names=("patient_id", "given_on", "number"),
                    parameters={**asked, "kinds": list(SUPPORT_KINDS)},
                )
            )
        is_odd = (courses.day_zero < 0) | (courses.day_zero > _LAST_DAY)
        return cls(
            readings=readings,
            courses=courses,
            supports=supports,
            course_of=_course_of(readings, courses),
            unknown=readings.unknown | set(readings.ids[courses.patient[is_odd]].tolist()),
        )

    def prolonged_counts(self, limits: prolonged_cytopenia.Limits) -> set[int]:
        """Rule 2: an episode that is certain, or possible once the clock has run (CYT-6 to CYT-8)."""
        days = self._days(limits.counts)
        first, last = _episodes(days, limits)
        certain = days.day[last] - days.day[first]
        possible = _latest_end(days, last) - _earliest_start(days, first)
        found = np.maximum(certain, possible) > limits.prolonged_over_days
        return self._patients(days.courses.patient[days.course[first[found]]])

    def landmark_counts(self, limits: unresolved_at_day_28.Limits, *, earliest_day: date | None) -> set[int]:
        """Rule 3: a low day by the landmark that no recovery proven by the earliest day asked for ended."""
        days = self._days(limits.counts)
        courses, count = days.courses, limits.counts.recovery_days_count
        landmark = courses.day_zero + limits.landmark_day
        # LMK-4
        is_watched = (courses.ended > landmark) & (courses.next_infusion > landmark)
        low = np.flatnonzero(days.is_low & (days.day <= landmark[days.course]) & is_watched[days.course])
        # LMK-1: the last of its series.
        low = low[np.append(days.series[low[1:]] != days.series[low[:-1]], True)[: len(low)]]
        # CYT-4: the day after it begins a recovery when so many not-low days follow one another.
        latest = np.minimum(low + count, len(days.day) - 1)
        lows_up_to = np.cumsum(days.is_low)
        recovers = (
            (latest == low + count)
            & (days.series[latest] == days.series[low])
            & (lows_up_to[latest] == lows_up_to[low])
            & (days.day[np.minimum(low + 1, latest)] <= landmark[days.course[low]])
            & (days.day[latest] <= np.maximum(landmark[days.course[low]] + 1, _earliest(earliest_day)))
        )
        return self._patients(courses.patient[days.course[low[~recovers]]])

    def late_prolonged_counts(self, limits: TriggerLimits) -> set[int]:
        """L2: a certain episode with a late low day, of two lineages or with large red cells (MAL-7)."""
        days = self._days(limits.cytopenia.counts)
        first, last = _episodes(days, limits.cytopenia)
        found = last[
            (days.day[last] - days.day[first] > limits.cytopenia.prolonged_over_days)
            & (days.after_day_zero[last] > limits.cytopenia_after_day)
        ]
        lineages = np.zeros((len(days.courses.patient), len(LINEAGES)), dtype=bool)
        lineages[days.course[found], days.code[found]] = True
        of_several = self._patients(days.courses.patient[lineages.sum(axis=1) > 1])
        of_one = self._patients(days.courses.patient[lineages.any(axis=1)]) - of_several
        return of_several | _with_large_cells(of_one, limits)

    def transgene_rise(self, limits: TriggerLimits) -> set[int]:
        """T2: results far enough apart that each reach many times an earlier one (MAL-7)."""
        position, course, after = self._points(CAR_DNA)
        late = after > limits.transgene_lowest_after_day
        position, course = position[late], course[late]
        says = self.readings.says[position]
        size, comparator = says & (2**SIZE_BITS - 1), says >> SIZE_BITS
        # Of values within one step the smaller may be up to a step smaller still.
        steps = math.floor(STEPS_PER_DECADE * math.log10(limits.transgene_rise_times)) - 1
        earlier = _lowest_earlier(np.where(comparator == ABOVE, _LAST_DAY, size), course)
        risen = (comparator != BELOW) & (size > 0) & ((size - earlier >= steps) | (earlier == 0))
        return self._apart(position[risen], course[risen], limits.transgene_apart_days)

    def high_lymphocytes(self, limits: TriggerLimits) -> set[int]:
        """T4: results over the limit, late and far enough apart."""
        position, course, after = self._points(ALC)
        late = after > limits.lymphocytes_after_day
        return self._apart(position[late], course[late], limits.lymphocytes_apart_days)

    def blasts(self, limits: TriggerLimits) -> set[int]:
        """L3: many once, or some in results far enough apart."""
        position, course, _ = self._points(BLASTS)
        many = position[self.readings.says[position] == MANY_BLASTS]
        return self._patients(self.readings.patient[many]) | self._apart(
            position, course, limits.blasts_apart_days
        )

    def _patients(self, positions: Ints) -> set[int]:
        return set(self.readings.ids[np.unique(positions)].tolist())

    def _points(self, code: int) -> tuple[Ints, Ints, Ints]:
        """Return the readings of an analyte in a course: position, course, days after day 0."""
        position = np.flatnonzero((self.readings.code == code) & (self.course_of >= 0))
        course = self.course_of[position]
        return position, course, self.readings.day[position] - self.courses.day_zero[course]

    def _apart(self, position: Ints, course: Ints, days: int) -> set[int]:
        """Return the patients with two of these readings in one course at least so many days apart."""
        if not len(position):
            return set()
        starts = np.flatnonzero(np.append(True, course[1:] != course[:-1]))
        ends = np.append(starts[1:], len(course)) - 1
        day = self.readings.day[position]
        found = starts[day[ends] - day[starts] >= days]
        return self._patients(self.readings.patient[position[found]])

    def _days(self, counts: CountLimits) -> Days:
        """The days of all courses by these limits, worked out once for all conditions."""
        if counts not in self._days_by:
            self._days_by[counts] = self._days_of(counts)
        return self._days_by[counts]

    def _days_of(self, counts: CountLimits) -> Days:
        readings, courses, course = self.readings, self.courses, self.course_of
        if not len(courses.patient):
            return Days(courses, _NOTHING, _NOTHING, _NOTHING, _NOTHING, _NOTHING == LOW)
        # CYT-1; the lowest result stands for the day: it comes first.
        stands = (course >= 0) & (readings.day <= courses.last_day[course])
        series, day = course * len(LINEAGES) + readings.code, readings.day
        stands[1:] &= (series[1:] != series[:-1]) | (day[1:] != day[:-1])
        is_low = readings.says == LOW
        if len(self.supports[0]):
            stands &= is_low | ~self._supported(counts)
        position = np.flatnonzero(stands)
        return Days(
            courses=courses,
            course=course[position],
            series=series[position],
            code=readings.code[position],
            day=day[position],
            is_low=is_low[position],
        )

    def _supported(self, counts: CountLimits) -> Flags:
        """CYT-3: whether a support of its lineage hides a reading, wherever the support was given."""
        readings = self.readings
        key = _key(readings.patient, readings.code, readings.day)
        changes = np.zeros(len(key) + 1, dtype=np.int64)
        patient_id, given_on, kind = self.supports
        patient = np.searchsorted(readings.ids, patient_id)
        patient[patient == len(readings.ids)] = 0
        is_known = readings.ids[patient] == patient_id
        for code, lineage in enumerate(LINEAGES):
            for name, hidden_days in counts.hidden_days_by_support(lineage).items():
                its = is_known & (kind == SUPPORT_KINDS.index(name) + 1)
                first = np.clip(given_on[its], 0, _LAST_DAY + 1)
                last = np.clip(given_on[its] + hidden_days, -1, _LAST_DAY)
                begins = np.searchsorted(key, _key(patient[its], code, first), side="left")
                ends = np.searchsorted(key, _key(patient[its], code, last), side="right")
                np.add.at(changes, begins[begins < ends], 1)
                np.add.at(changes, ends[begins < ends], -1)
        return np.cumsum(changes)[:-1] > 0


def _earliest(day: date | None) -> int:
    return 0 if day is None else (day - EPOCH).days


def _key(patient: Ints, code: Ints | int, day: Ints) -> Ints:
    """The order of readings as one number."""
    return (((patient << 3) | code) << (DAY_BITS + 1)) + day


def _course_of(readings: Readings, courses: Courses) -> Ints:
    """Return the course that each reading lies in, -1 before the first day 0 (G-1)."""
    per_patient = np.bincount(courses.patient, minlength=len(readings.ids))
    first = np.cumsum(per_patient) - per_patient
    found = np.where(per_patient > 0, first, -1)[readings.patient]
    several = np.flatnonzero(per_patient[readings.patient] > 1)
    if len(several):
        begins = (courses.patient << (DAY_BITS + 2)) + np.clip(courses.day_zero, -1, _LAST_DAY + 1) + 1
        asked = (readings.patient[several] << (DAY_BITS + 2)) + readings.day[several] + 1
        found[several] = np.maximum(
            np.searchsorted(begins, asked, side="right") - 1, first[readings.patient[several]]
        )
    if not len(courses.patient):
        return found
    found[courses.day_zero[found] > readings.day] = -1
    return found


def _episodes(days: Days, limits: prolonged_cytopenia.Limits) -> tuple[Ints, Ints]:
    """Return first and last low day of every episode (CYT-5), as positions in `days`."""
    low = np.flatnonzero(days.is_low)
    earlier, later = low[:-1], low[1:]
    goes_on = (
        (days.series[later] == days.series[earlier])
        & (days.day[later] - days.day[earlier] <= limits.longest_gap_days)
        # CYT-4: all days between two neighbouring low days are not low.
        & (later - earlier - 1 < limits.counts.recovery_days_count)
    )
    begins = np.append(True, ~goes_on)[: len(low)]
    ends = np.append(~goes_on, True)[: len(low)]
    return low[begins], low[ends]


def _earliest_start(days: Days, first: Ints) -> Ints:
    """CYT-7: the day after the last not-low day of the series before, or day 0."""
    position = np.where(days.is_low, -1, np.arange(len(days.day)))
    before = np.maximum.accumulate(position)[first]
    found = (before >= 0) & (days.series[before] == days.series[first])
    return np.where(found, days.day[before] + 1, days.courses.day_zero[days.course[first]])


def _latest_end(days: Days, last: Ints) -> Ints:
    """CYT-7: the day before the first not-low day of the series after, or the last day seen."""
    nothing = len(days.day)
    position = np.where(days.is_low, nothing, np.arange(nothing))
    after = np.minimum.accumulate(position[::-1])[::-1][last]
    found = after < nothing
    after = np.where(found, after, 0)
    found &= days.series[after] == days.series[last]
    return np.where(found, days.day[after] - 1, days.courses.last_day[days.course[last]])


def _lowest_earlier(size: Ints, course: Ints) -> Ints:
    """Return for each reading the smallest before it in its course; without one more than any."""
    if not len(size):
        return size
    # Each course lies below the ones before it, so that a running minimum begins anew with it.
    number = np.cumsum(np.append(False, course[1:] != course[:-1]))
    lowest = np.minimum.accumulate(size - number * (_LAST_DAY + 1)) + number * (_LAST_DAY + 1)
    earlier = np.append(_LAST_DAY, lowest[:-1])
    earlier[np.append(True, course[1:] != course[:-1])] = _LAST_DAY
    return earlier


def _with_large_cells(ids: set[int], limits: TriggerLimits) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            _LARGE_CELLS, {"ids": sorted(ids), "over": limits.mcv_over_fl, "rise": limits.mcv_rise_fl}
        )
        return {row[0] for row in cursor.fetchall()}
