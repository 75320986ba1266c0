"""Everything about one patient on one page, in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from registry.clinical.analytes import ANALYTES, Analyte
from registry.clinical.study_days import course_of
from registry.clinical.visit_windows import VisitWindow, planned_windows, window_label
from registry.models import (
    Alert,
    Course,
    Infusion,
    LabResult,
    Patient,
    SupportiveTreatment,
    Visit,
)
from registry.monitoring import overdue_visit
from registry.monitoring.evidence import History
from registry.monitoring.icaht import CourseGrades, grades_by_course
from registry.queries.event_chain import EventChain, chains_of, day_zero_of
from registry.queries.evidence import PackedHistory, packed_histories
from registry.queries.judgements import RuleStanding, history_for, packed_record, standings
from registry.queries.site_worklist import GRAVEST_FIRST, AwaitedVisit, awaited_visits

_LAB_COLUMNS = 10
_AHEAD = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class VisitLine:
    """One visit of a course, planned, recorded or both.

    `state`: completed, missed, overdue, open, planned, dropped (by the infusion on `dropped_on`, OVD-5)
    or not_owed (outside follow-up). `label`: early or late.
    """

    code: str
    window: VisitWindow | None
    visit: Visit | None
    awaited: AwaitedVisit | None
    state: str
    label: str
    dropped_on: date | None = None


@dataclass(frozen=True, slots=True)
class YearOfVisits:
    """The visits of one year of a course.

    `concern`: now, past (all recorded), later (nothing due) or dropped (by a new infusion).
    """

    number: int
    lines: tuple[VisitLine, ...]
    concern: str


@dataclass(frozen=True, slots=True)
class CourseOfVisits:
    """A course with its visits by year, and in one list those of the years that concern nobody yet.

    `dropped`: the visits of the years that the infusion on `next_infusion_on` ended (OVD-5).
    """

    course: Course
    years: tuple[YearOfVisits, ...]
    later: tuple[VisitLine, ...]
    dropped: tuple[VisitLine, ...]
    next_infusion_on: date | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class LabRow:
    """The results of one analyte: for each column, the current ones, then what they superseded."""

    analyte: Analyte
    cells: tuple[tuple[LabResult, ...], ...]


@dataclass(frozen=True, slots=True)
class LabTable:
    """Results by analyte and day, newest day first; a column is the day and the day 0 it counts from."""

    columns: tuple[tuple[date, date | None], ...]
    rows: tuple[LabRow, ...]
    hidden_days_count: int


@dataclass(frozen=True, slots=True)
class PatientFile:
    """What the patient page shows. Lists are newest first; `results` are those that count, oldest first."""

    patient: Patient
    today: date
    day_zero: date | None
    courses: tuple[CourseOfVisits, ...]
    awaited: AwaitedVisit | None
    labs: LabTable
    results: tuple[LabResult, ...]
    supports: tuple[tuple[SupportiveTreatment, date | None], ...]
    events: tuple[tuple[EventChain, date | None], ...]
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class PatientChecks:
    """What the rules say of a patient: what each found and why no more, and the ICAHT grades by course."""

    standings: tuple[RuleStanding, ...]
    grades: tuple[CourseGrades, ...]


def patient_file(*, patient: Patient, today: date, all_lab_days: bool = False) -> PatientFile:
    """Read the file of one patient."""
    # A broken event or result must not keep the page from those who can mend it: only visits are read here.
    history = history_of(patient=patient)
    courses = list(
        Course.objects.filter(patient=patient)
        .select_related("infusion", "infusion__product")
        .order_by("-day_zero")
    )
    day_zeros = tuple(sorted(course.day_zero for course in courses))
    awaited = awaited_visits(patient=patient, history=history, today=today)
    visits = list(
        Visit.objects.filter(patient=patient)
        .select_related("entered_by")
        .prefetch_related("not_done")
        .order_by("visited_on", "pk")
    )
    alerts = tuple(
        Alert.objects.filter(patient=patient).select_related("patient__site").order_by(*GRAVEST_FIRST)
    )
    results = list(
        LabResult.objects.filter(patient=patient)
        .select_related("superseded_by", "entered_by")
        .order_by("-collected_on", "superseded_at", "pk")
    )
    return PatientFile(
        patient=patient,
        today=today,
        day_zero=course_of(today, day_zeros=day_zeros),
        courses=_courses(courses, visits, history, awaited, today),
        awaited=min(awaited, key=lambda line: (not line.is_overdue, line.window.closes_on), default=None),
        labs=_lab_table(results, day_zeros, all_days=all_lab_days),
        results=tuple(result for result in reversed(results) if result.superseded_at is None),
        supports=tuple(
            (support, course_of(support.given_on, day_zeros=day_zeros))
            for support in SupportiveTreatment.objects.filter(patient=patient).order_by("-given_on", "kind")
        ),
        events=tuple((chain, day_zero_of(chain.event, day_zeros)) for chain in chains_of(patient=patient)),
        alerts=alerts,
    )


def patient_checks(*, patient: Patient, today: date) -> PatientChecks:
    """Say what the rules found in the record, why they found no more, and how neutropenia is graded."""
    record = packed_record(patient=patient)
    alerts = Alert.objects.filter(patient=patient).order_by("-raised_at", "pk")
    graded = icaht_grades(record=record, as_of=today)
    return PatientChecks(
        standings=standings(patient=patient, record=record, alerts=tuple(alerts), today=today),
        grades=tuple(
            graded[infused_on]
            for infused_on in Infusion.objects.filter(patient=patient)
            .order_by("-infused_on")
            .values_list("infused_on", flat=True)
            if infused_on in graded
        ),
    )


def icaht_grades(*, record: PackedHistory, as_of: date) -> dict[date, CourseGrades]:
    """Return the ICAHT grades of the courses by their day 0; none where the counts cannot be read."""
    history = history_for(record=record, analytes=("ANC",), reads=frozenset())
    found = () if history is None else grades_by_course(history=history, as_of=as_of)
    return {grades.day_zero: grades for grades in found}


def icaht_grades_of(*, patient: Patient, as_of: date) -> dict[date, CourseGrades]:
    """Return the same of a patient of whom nothing was read yet."""
    [(_, packed)] = packed_histories(patient_ids=[patient.pk], analytes=("ANC",), reads=frozenset())
    return icaht_grades(record=packed, as_of=as_of)


def history_of(*, patient: Patient) -> History:
    """Return the patient's visits, courses and schedules, as the overdue rule sees them."""
    [(_, packed)] = packed_histories(patient_ids=[patient.pk], analytes=(), reads=overdue_visit.RULE.reads)
    return packed.unpack()


def _courses(
    courses: Sequence[Course],
    visits: Sequence[Visit],
    history: History,
    awaited: Sequence[AwaitedVisit],
    today: date,
) -> tuple[CourseOfVisits, ...]:
    waiting = {(line.window.code, line.window.day_zero): line for line in awaited}
    # Infusions that lie ahead end no course yet (G-1).
    followed_by = {
        earlier.day_zero: later.day_zero for later, earlier in pairwise(courses) if later.day_zero <= today
    }
    shown = []
    for course in courses:
        recorded = [visit for visit in visits if visit.course_id == course.pk]
        next_infusion_on = followed_by.get(course.day_zero)
        lines = _visit_lines(course, recorded, history, waiting, today, next_infusion_on)
        years: dict[int, list[VisitLine]] = defaultdict(list)
        for line in lines:
            # A visit aimed at twelve months belongs to the first year, not to the second.
            years[max(-(-(_sort_day(line) - course.day_zero).days // 366), 1)].append(line)
        grouped = [
            YearOfVisits(number, tuple(years[number]), _concern(years[number], awaited))
            for number in sorted(years)
        ]
        shown.append(
            CourseOfVisits(
                course=course,
                years=tuple(year for year in grouped if year.concern in ("now", "past")),
                later=_lines_of(grouped, "later"),
                dropped=_lines_of(grouped, "dropped"),
                next_infusion_on=next_infusion_on,
                is_current=course is courses[0],
            )
        )
    return tuple(shown)


def _lines_of(years: Sequence[YearOfVisits], concern: str) -> tuple[VisitLine, ...]:
    return tuple(line for year in years if year.concern == concern for line in year.lines)


def _concern(lines: Sequence[VisitLine], awaited: Sequence[AwaitedVisit]) -> str:
    following = next((line for line in awaited if not line.is_overdue), None)
    states = {line.state for line in lines}
    if states & {"overdue", "open"} or any(line.awaited and line.awaited is following for line in lines):
        return "now"
    if states & {"completed", "missed"}:
        return "past"
    return "dropped" if states == {"dropped"} else "later"


def _visit_lines(
    course: Course,
    recorded: Sequence[Visit],
    history: History,
    waiting: Mapping[tuple[str, date], AwaitedVisit],
    today: date,
    next_infusion_on: date | None,
) -> list[VisitLine]:
    windows = {
        window.code: window
        for window in planned_windows(
            day_zero=course.day_zero, schedules=history.schedules, as_of=today, until=today + _AHEAD
        )
    }
    lines = []
    for visit in recorded:
        window = windows.pop(visit.code, None)
        late = window_label(window=window, visited_on=visit.visited_on) if window and visit.visited_on else ""
        lines.append(VisitLine(visit.code, window, visit, None, visit.status, late))
    for window in windows.values():
        line = waiting.get((window.code, window.day_zero))
        # OVD-5
        dropped_on = next_infusion_on if next_infusion_on and window.closes_on >= next_infusion_on else None
        state = "dropped" if dropped_on else _state(line)
        lines.append(VisitLine(window.code, window, None, line, state, "", dropped_on))
    return sorted(lines, key=_sort_day)


def _state(line: AwaitedVisit | None) -> str:
    if line is None:
        return "not_owed"
    if line.is_overdue:
        return "overdue"
    return "open" if line.is_open else "planned"


def _sort_day(line: VisitLine) -> date:
    if line.window is not None:
        return line.window.target_on
    if line.visit is not None and line.visit.visited_on is not None:
        return line.visit.visited_on
    return date.max


def _lab_table(results: Sequence[LabResult], day_zeros: tuple[date, ...], *, all_days: bool) -> LabTable:
    days = sorted({result.collected_on for result in results}, reverse=True)
    shown = days if all_days else days[:_LAB_COLUMNS]
    by_place: dict[tuple[str, date], list[LabResult]] = defaultdict(list)
    for result in results:
        by_place[result.analyte, result.collected_on].append(result)
    analytes = {result.analyte for result in results if result.collected_on in set(shown)}
    return LabTable(
        columns=tuple((day, course_of(day, day_zeros=day_zeros)) for day in shown),
        rows=tuple(
            LabRow(
                analyte=analyte,
                cells=tuple(
                    tuple(sorted(by_place[key, day], key=lambda r: (r.superseded_at is not None, r.pk)))
                    for day in shown
                ),
            )
            for key, analyte in ANALYTES.items()
            if key in analytes
        ),
        hidden_days_count=len(days) - len(shown),
    )
