"""The dataset of visits: every recorded visit and every planned one, with its window and its state.

Whether a planned visit is owed and whether it is overdue is the rule's answer (monitoring/overdue_visit.py),
asked twice: as of today, and as of a day when every window has closed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from registry.clinical import code_lists
from registry.clinical.study_days import study_day
from registry.clinical.visit_windows import ScheduledVisit as PlannedRow
from registry.clinical.visit_windows import ScheduleVersion, VisitWindow, planned_windows
from registry.models import Patient, ScheduledVisit, Visit
from registry.monitoring import overdue_visit
from registry.monitoring.evidence import History, RecordedVisit
from registry.queries.dataset_frame import (
    ORDER,
    PATIENT_ID,
    Column,
    Dataset,
    Known,
    learn_courses,
    learn_names,
    learn_patients,
    of_studies,
)

STATES = {
    "completed": "recorded, took place",
    "missed": "recorded as missed, with a reason",
    "overdue": "owed, not recorded, the window has closed",
    "due": "owed, not recorded, the window is open",
    "planned": "owed if follow-up goes on, the window has not opened",
    "not_owed": "not owed: outside follow-up, or dropped by a new infusion",
}


@dataclass(frozen=True, slots=True)
class VisitLine:
    """One visit of one course: recorded, planned, or both. A recorded one may have no window."""

    patient: Patient
    day_zero: date
    code: str
    state: str
    visit: Visit | None = None
    window: VisitWindow | None = None
    days_overdue: int = 0

    @property
    def patient_id(self) -> int:
        return self.patient.pk

    @property
    def visited_on(self) -> date | None:
        return self.visit.visited_on if self.visit else None


def _learn_schedules(known: Known) -> None:
    studies = {patient.study_id for patient in known.patients.values()}
    rows = (
        ScheduledVisit.objects.filter(schedule__study__in=studies)
        .select_related("schedule")
        .order_by("schedule__study_id", "schedule__version", "pk")
    )
    schedules: dict[int, list[ScheduleVersion]] = {study: [] for study in studies}
    for schedule, visits in groupby(rows, key=attrgetter("schedule")):
        schedules[schedule.study_id].append(
            ScheduleVersion(
                version=schedule.version,
                effective_from=schedule.effective_from,
                visits=tuple(
                    PlannedRow(
                        code=visit.code,
                        offset=visit.offset,
                        offset_unit="day" if visit.offset_unit == "day" else "month",
                        days_before=visit.days_before,
                        days_after=visit.days_after,
                        mode=visit.mode,
                        repeats_yearly=visit.repeats_yearly,
                    )
                    for visit in visits
                ),
            )
        )
    known.more["schedules"] = {study: tuple(versions) for study, versions in schedules.items()}


def _learn_of_patients(patients: Sequence[Patient], known: Known) -> None:
    known.patients |= {patient.pk: patient for patient in patients}
    learn_courses(known.patients, known)
    _learn_schedules(known)
    visits: dict[int, list[Visit]] = {}
    for visit in (
        Visit.objects.filter(patient__in=patients).select_related("course").order_by("visited_on", "pk")
    ):
        visits.setdefault(visit.patient_id, []).append(visit)
    known.more["visits"] = visits
    learn_names((visit.entered_by_id for of_one in visits.values() for visit in of_one), known)


def _learn_of_visits(visits: Sequence[Visit], known: Known) -> None:
    learn_patients(visits, known)
    learn_names((visit.entered_by_id for visit in visits), known)
    _learn_schedules(known)


def _lines_of_patients(patients: Sequence[Patient], known: Known) -> Iterator[VisitLine]:
    for patient in patients:
        visits = known.more["visits"].get(patient.pk, ())
        recorded = [_recorded(visit, patient, known) for visit in visits]
        taken = {(line.day_zero, line.code) for line in recorded}
        planned = [
            line for line in _planned(patient, visits, known) if (line.day_zero, line.code) not in taken
        ]
        yield from sorted([*recorded, *planned], key=_position)


def _position(line: VisitLine) -> tuple[Any, ...]:
    on = line.window.target_on if line.window else line.visited_on or date.max
    return (line.day_zero, on, line.code, line.visited_on or date.max)


def _lines_of_visits(visits: Sequence[Visit], known: Known) -> Iterator[VisitLine]:
    for visit in visits:
        yield _recorded(visit, known.patients[visit.patient_id], known)


def _recorded(visit: Visit, patient: Patient, known: Known) -> VisitLine:
    day_zero = visit.course.day_zero
    windows = _windows(patient, day_zero, known)
    return VisitLine(
        patient=patient,
        day_zero=day_zero,
        code=visit.code,
        state=visit.status,
        visit=visit,
        window=windows.get(visit.code),
    )


def _windows(patient: Patient, day_zero: date, known: Known) -> dict[str, VisitWindow]:
    """The windows of a course by visit code; asked once per course and batch."""
    cache: dict[Any, dict[str, VisitWindow]] = known.more.setdefault("windows", {})
    as_of = known.today_at(patient.site.time_zone)
    key = (patient.study_id, day_zero, as_of)
    if key not in cache:
        cache[key] = {
            window.code: window
            for window in planned_windows(
                day_zero=day_zero,
                schedules=known.more["schedules"].get(patient.study_id, ()),
                as_of=as_of,
                until=as_of,
            )
        }
    return cache[key]


def _planned(patient: Patient, visits: Sequence[Visit], known: Known) -> Iterator[VisitLine]:
    as_of = known.today_at(patient.site.time_zone)
    seen = _history(patient, visits, known).as_of(as_of)
    if not seen.in_scope:
        return
    windows = [
        window for day_zero in seen.day_zeros for window in _windows(patient, day_zero, known).values()
    ]
    if not windows:
        return
    when_all_closed = max(as_of, *(window.closes_on for window in windows)) + timedelta(days=1)
    limits = overdue_visit.RULE.limits
    owed = {finding.subject for finding in overdue_visit.judge(seen, when_all_closed, limits)}
    overdue = {finding.subject: finding for finding in overdue_visit.judge(seen, as_of, limits)}
    for window in windows:
        subject = f"{window.code}@{window.day_zero.isoformat()}"
        days_overdue = 0
        if subject in overdue:
            state = "overdue"
            days_overdue = (as_of - window.closes_on).days
        elif subject not in owed:
            state = "not_owed"
        else:
            state = "due" if window.opens_on <= as_of else "planned"
        yield VisitLine(
            patient=patient,
            day_zero=window.day_zero,
            code=window.code,
            state=state,
            window=window,
            days_overdue=days_overdue,
        )


def _history(patient: Patient, visits: Sequence[Visit], known: Known) -> History:
    """As much of the record as the rule on visits reads."""
    return History(
        patient_id=patient.pk,
        enrolled_on=patient.enrolled_on,
        day_zeros=known.day_zeros.get(patient.pk, ()),
        follow_up_ended_on=patient.follow_up_ended_on,
        follow_up_end_reason=patient.follow_up_end_reason,
        schedules=known.more["schedules"].get(patient.study_id, ()),
        visits=tuple(
            RecordedVisit(
                visit_id=visit.pk,
                code=visit.code,
                day_zero=visit.course.day_zero,
                status="completed" if visit.status == "completed" else "missed",
                visited_on=visit.visited_on,
            )
            for visit in visits
        ),
    )


def _of_visit(name: str) -> Any:
    read_field = attrgetter(name)
    return lambda line, known: read_field(line.visit) if line.visit else None


def _of_window(name: str) -> Any:
    read_field = attrgetter(name)
    return lambda line, known: read_field(line.window) if line.window else None


def _days_early(line: VisitLine, known: Known) -> int | None:
    if line.window is None or line.visited_on is None:
        return None
    return max((line.window.opens_on - line.visited_on).days, 0)


def _days_late(line: VisitLine, known: Known) -> int | None:
    if line.days_overdue:
        return line.days_overdue
    if line.window is None or line.visited_on is None:
        return None
    return max((line.visited_on - line.window.closes_on).days, 0)


_FROM_SCHEDULE = ("Course.day_zero", "ScheduledVisit.offset")

COLUMNS = (
    PATIENT_ID,
    Column(
        "visit_code", "text", "Code of the visit; UNS: unscheduled", lambda v, known: v.code, ("Visit.code",)
    ),
    Column("visited_on", "date", "Date of the visit", _of_visit("visited_on"), ("Visit.visited_on",)),
    Column(
        "status",
        "text",
        "completed or missed; empty: not recorded",
        _of_visit("status"),
        ("Visit.status",),
        codes=code_lists.VISIT_STATUSES,
    ),
    Column(
        "missed_reason", "text", "Why it was missed", _of_visit("missed_reason"), ("Visit.missed_reason",)
    ),
    Column(
        "new_malignancy",
        "boolean",
        "New malignancy since the visit before",
        _of_visit("new_malignancy"),
        ("Visit.new_malignancy",),
    ),
    Column(
        "new_malignancy_text",
        "text",
        "Description of it",
        _of_visit("new_malignancy_text"),
        ("Visit.new_malignancy_text",),
    ),
    Column("study", "text", "Key of the study", lambda v, known: v.patient.study.key, ("Study.key",)),
    Column("site_id", "text", "Site of the patient", lambda v, known: v.patient.site.code, ("Site.code",)),
    Column("visit_id", "integer", "The row's id; empty: not recorded", _of_visit("id"), ("Visit.id",)),
    Column("day_zero", "date", "Day 0 of the course", lambda v, known: v.day_zero, ("Course.day_zero",)),
    Column(
        "study_day",
        "integer",
        "Days from day 0 to the visit",
        lambda v, known: None if v.visited_on is None else study_day(v.visited_on, day_zero=v.day_zero),
        ("Course.day_zero", "Visit.visited_on"),
        unit="d",
    ),
    Column("opens_on", "date", "First day of the window", _of_window("opens_on"), _FROM_SCHEDULE),
    Column("target_on", "date", "Day aimed at", _of_window("target_on"), _FROM_SCHEDULE),
    Column("closes_on", "date", "Last day of the window", _of_window("closes_on"), _FROM_SCHEDULE),
    Column(
        "mode",
        "text",
        "How it may be made",
        _of_window("mode"),
        ("ScheduledVisit.mode",),
        codes=code_lists.MODES,
    ),
    Column(
        "schedule_version",
        "integer",
        "Version of the schedule that plans it",
        _of_window("schedule_version"),
        ("VisitSchedule.version",),
    ),
    Column("state", "text", "State of the visit", lambda v, known: v.state, ("Visit.status",), codes=STATES),
    Column("days_early", "integer", "Days before the window", _days_early, _FROM_SCHEDULE, unit="d"),
    Column(
        "days_late",
        "integer",
        "Days after the window; of an overdue visit, days overdue",
        _days_late,
        _FROM_SCHEDULE,
        unit="d",
    ),
    Column(
        "origin", "text", "Way of entry: form, import, api, system", _of_visit("origin"), ("Visit.origin",)
    ),
    Column(
        "entered_by",
        "text",
        "User name of who entered the row",
        lambda v, known: known.user_names.get(v.visit.entered_by_id) if v.visit else None,
        ("Visit.entered_by",),
    ),
    Column(
        "entered_at", "instant", "When the row was entered", _of_visit("entered_at"), ("Visit.entered_at",)
    ),
)

VISITS = Dataset(
    name="visits",
    meaning="One row per recorded visit and per planned visit that is not recorded",
    columns=COLUMNS,
    source=lambda studies: of_studies(
        Patient.objects.select_related("site", "study__sponsor"), studies, patient=""
    ).order_by(*ORDER),
    learn=_learn_of_patients,
    lines=_lines_of_patients,
)

RECORDED_VISITS = Dataset(
    name="visits",
    meaning="One row per recorded visit",
    columns=COLUMNS,
    source=lambda studies: of_studies(Visit.objects.select_related("course"), studies).order_by(
        *ORDER, "visited_on", "pk"
    ),
    learn=_learn_of_visits,
    lines=_lines_of_visits,
)
