"""What the visit form shows before anybody types: the window, what is recorded, the previous values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from django.db import connection

from registry.clinical.visit_windows import UNSCHEDULED, ScheduleVersion, VisitWindow, planned_windows
from registry.models import (
    Alert,
    AuditEvent,
    Course,
    LabNotDone,
    LabResult,
    Patient,
    SupportiveTreatment,
    User,
    Visit,
)
from registry.monitoring.evidence import History
from registry.monitoring.lifecycle import WAITING
from registry.queries.evidence import schedules_of_studies
from registry.queries.patient_checks import Progress, progress
from registry.queries.patient_file import history_of
from registry.queries.site_worklist import GRAVEST_FIRST, AwaitedVisit, awaited_visits
from registry.queries.stored_rows import rows_where

_Read = TypeVar("_Read")
_AHEAD = timedelta(days=400)
_RECENT_PATIENTS, _RECENT_ROWS = 25, 40


@dataclass(frozen=True, slots=True)
class EarlierResult:
    """The latest result of an analyte before the visit, as it was entered."""

    entered_value: str
    entered_unit: str
    collected_on: date
    laboratory_id: int | None


@dataclass(frozen=True, slots=True)
class VisitSheet:
    """One visit of one course with what surrounds it.

    `results`: the visit's own current results, and others of its day. `day_zeros`:
    of the course and of the later ones. `read`: what one section has read and another needs as well.
    """

    course: Course
    window: VisitWindow | None
    visit: Visit | None
    results: tuple[LabResult, ...]
    supports: tuple[SupportiveTreatment, ...]
    not_done: tuple[LabNotDone, ...]
    day_zeros: tuple[date, ...] = ()
    read: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def previous(self) -> dict[str, EarlierResult]:
        """Per analyte the latest current result before the visit."""
        own = self.visit.visited_on if self.visit is not None else None
        return self.once("previous", lambda: _previous(self.course.patient, before=own, without=self.visit))

    @property
    def units(self) -> dict[str, str]:
        """Per analyte the unit that this site enters most."""
        return self.once("units", lambda: _units_of_site(self.course.patient.site_id))

    def once(self, name: str, read: Callable[[], _Read]) -> _Read:
        """Return what `read` returns, asked at most once for the page."""
        if name not in self.read:
            self.read[name] = read()
        return self.read[name]


def course_for(*, patient: Patient, day_zero: date | None, today: date) -> Course | None:
    """Return the course of this day 0, or the current one: the latest begun. None when there is none."""
    found = course_with_later(patient=patient, day_zero=day_zero, today=today)
    return found[0] if found else None


def course_with_later(
    *, patient: Patient, day_zero: date | None, today: date
) -> tuple[Course, tuple[date, ...]] | None:
    """Return the same with the days 0 of this course and of the later ones."""
    courses = rows_where(Course, "patient_id = %(patient)s ORDER BY day_zero", patient=patient.pk)
    if day_zero is not None:
        meant = [course for course in courses if course.day_zero == day_zero]
    else:
        meant = [course for course in courses if course.day_zero <= today]
    if not meant:
        return None
    course = meant[-1]
    course.patient = patient
    return course, tuple(each.day_zero for each in courses if each.day_zero >= course.day_zero)


def window_for(*, history: History, course: Course, code: str, today: date) -> VisitWindow | None:
    """Return the planned visit of this code in the course, or None."""
    return _window(schedules=history.schedules, course=course, code=code, today=today)


def window_of(*, patient: Patient, course: Course, code: str, today: date) -> VisitWindow | None:
    """Return the same where nothing was read yet, in one query."""
    schedules = schedules_of_studies(study_ids=[patient.study_id])[patient.study_id]
    return _window(schedules=schedules, course=course, code=code, today=today)


def _window(
    *, schedules: Sequence[ScheduleVersion], course: Course, code: str, today: date
) -> VisitWindow | None:
    windows = planned_windows(
        day_zero=course.day_zero, schedules=schedules, as_of=today, until=today + _AHEAD
    )
    return next((window for window in windows if window.code == code), None)


def visit_sheet(
    *,
    patient: Patient,
    course: Course,
    day_zeros: tuple[date, ...],
    code: str,
    visit: Visit | None,
    today: date,
) -> VisitSheet:
    """Read what the form needs; `visit` is the recorded one, or None for a new entry."""
    own = visit.visited_on if visit is not None else None
    results: tuple[LabResult, ...] = ()
    supports: tuple[SupportiveTreatment, ...] = ()
    not_done: tuple[LabNotDone, ...] = ()
    if visit is not None:
        results = tuple(
            rows_where(
                LabResult,
                "patient_id = %(patient)s AND superseded_at IS NULL"
                " AND (visit_id = %(visit)s OR (visit_id IS NULL AND collected_on = %(on)s))"
                " ORDER BY visit_id DESC NULLS FIRST, id",
                patient=patient.pk,
                visit=visit.pk,
                on=own,
            )
        )
        not_done = tuple(rows_where(LabNotDone, "visit_id = %(visit)s ORDER BY id", visit=visit.pk))
        supports = tuple(
            rows_where(
                SupportiveTreatment,
                "patient_id = %(patient)s AND given_on BETWEEN %(since)s AND %(until)s"
                " ORDER BY given_on, kind",
                patient=patient.pk,
                since=course.day_zero if own is None else own - timedelta(days=45),
                until=own or today,
            )
        )
    schedules = schedules_of_studies(study_ids=[patient.study_id])[patient.study_id]
    return VisitSheet(
        course=course,
        window=_window(schedules=schedules, course=course, code=code, today=today),
        day_zeros=day_zeros,
        visit=visit,
        results=results,
        supports=supports,
        not_done=not_done,
    )


def recorded_visit(*, course: Course, code: str) -> Visit | None:
    """Return the recorded visit of this code; an unscheduled one is never meant by its code alone."""
    if code == UNSCHEDULED:
        return None
    return _visit_of(course, "t.code = %(code)s", code=code)


def unscheduled_visit(*, course: Course, on: date) -> Visit | None:
    """Return the unscheduled visit of this day."""
    return _visit_of(course, "t.code = %(code)s AND t.visited_on = %(on)s", code=UNSCHEDULED, on=on)


def _visit_of(course: Course, condition: str, **values: Any) -> Visit | None:
    """The visit with who entered it and what it answered about new events; course and patient are known."""
    found = rows_where(
        Visit,
        f"t.course_id = %(course)s AND {condition} ORDER BY t.id LIMIT 1",
        related=["entered_by", "new_events_answer"],
        course=course.pk,
        **values,
    )
    for visit in found:
        visit.course, visit.patient = course, course.patient
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class AfterSaving:
    """What the confirmation page shows: what was stored, what comes next, what the rules say.

    `checks`: whether they have said it yet.
    """

    results: tuple[LabResult, ...]
    not_done: tuple[LabNotDone, ...]
    supports: tuple[SupportiveTreatment, ...]
    awaited: AwaitedVisit | None
    alerts: tuple[Alert, ...]
    checks: Progress
    changed_by: User | None
    changed_at: datetime | None


def after_saving(*, visit: Visit, today: date, at: datetime, sheet: VisitSheet | None = None) -> AfterSaving:
    """Read what became of a saved visit. `sheet`: its own, where it was read."""
    patient = visit.patient
    awaited = awaited_visits(patient=patient, history=history_of(patient=patient), today=today)
    changed_by, changed_at = latest_change(visit=visit) if visit.version > 1 else (None, None)
    return AfterSaving(
        results=tuple(
            LabResult.objects.filter(visit=visit, superseded_at__isnull=True).order_by("collected_on", "pk")
        )
        if sheet is None
        else tuple(
            sorted(
                (result for result in sheet.results if result.visit_id == visit.pk),
                key=lambda result: (result.collected_on, result.pk),
            )
        ),
        not_done=tuple(LabNotDone.objects.filter(visit=visit).order_by("pk"))
        if sheet is None
        else sheet.not_done,
        supports=tuple(
            SupportiveTreatment.objects.filter(
                patient=patient, entered_at=visit.entered_at, entered_by=visit.entered_by
            ).order_by("given_on", "kind")
        ),
        awaited=min(awaited, key=lambda line: (not line.is_overdue, line.window.closes_on), default=None),
        alerts=tuple(
            Alert.objects.filter(patient=patient, state__in=WAITING)
            .select_related("patient__site")
            .order_by(*GRAVEST_FIRST)
        ),
        checks=progress(patient=patient, at=at),
        changed_by=changed_by,
        changed_at=changed_at,
    )


def _previous(patient: Patient, *, before: date | None, without: Visit | None) -> dict[str, EarlierResult]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (analyte) analyte, entered_value, entered_unit, collected_on, laboratory_id
            FROM registry_labresult
            WHERE patient_id = %(patient)s AND superseded_at IS NULL
              AND (%(before)s::date IS NULL OR collected_on < %(before)s)
              AND (%(without)s::bigint IS NULL OR visit_id IS DISTINCT FROM %(without)s)
            ORDER BY analyte, collected_on DESC, id DESC
            """,
            {"patient": patient.pk, "before": before, "without": without.pk if without else None},
        )
        return {analyte: EarlierResult(*row) for analyte, *row in cursor.fetchall()}


def _units_of_site(site_id: int) -> dict[str, str]:
    """The unit of most of the latest rows: one odd report must not set the unit of the next patient.

    The latest results of the latest patients, because a habit is recent and the whole table too long to ask.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (r.analyte) r.analyte, r.entered_unit
            FROM (SELECT id FROM registry_patient WHERE site_id = %s ORDER BY id DESC LIMIT %s) p
            CROSS JOIN LATERAL (
                SELECT id, analyte, entered_unit FROM registry_labresult
                WHERE patient_id = p.id ORDER BY collected_on DESC LIMIT %s
            ) r
            GROUP BY r.analyte, r.entered_unit
            ORDER BY r.analyte, count(*) DESC, max(r.id) DESC
            """,
            [site_id, _RECENT_PATIENTS, _RECENT_ROWS],
        )
        return dict(cursor.fetchall())


def latest_change(*, visit: Visit) -> tuple[User | None, datetime | None]:
    """Return who changed the visit last, and when."""
    event = (
        AuditEvent.objects.filter(patient_id=visit.patient_id, tbl="registry_visit", pk_text=str(visit.pk))
        .order_by("-id")
        .first()
    )
    if event is None:
        return visit.entered_by, visit.entered_at
    return User.objects.filter(pk=event.actor_id or 0).first(), event.at


def day_zeros_from(*, course: Course) -> tuple[date, ...]:
    """Return the day 0 of the course and of the later courses of its patient."""
    later = Course.objects.filter(patient_id=course.patient_id, day_zero__gt=course.day_zero)
    return (course.day_zero, *later.order_by("day_zero").values_list("day_zero", flat=True))


def result_of(*, patient: Patient, result_id: int) -> LabResult | None:
    """Return the patient's current result of this number, or None."""
    return (
        LabResult.objects.filter(patient=patient, pk=result_id, superseded_at__isnull=True)
        .select_related("patient", "patient__site", "visit", "entered_by", "laboratory")
        .first()
    )
