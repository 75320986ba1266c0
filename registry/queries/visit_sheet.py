"""What the visit form shows before anybody types: the window, what is recorded, the previous values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Q

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

_Read = TypeVar("_Read")
_AHEAD = timedelta(days=400)
_RECENT_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class VisitSheet:
    """One visit of one course with what surrounds it.

    `previous`: per analyte the latest current result before the visit. `units`: per analyte the unit
    this site enters most. `results`: the visit's own current results, and others of its day. `day_zeros`:
    of the course and of the later ones. `read`: what one section has read and another needs as well.
    """

    course: Course
    window: VisitWindow | None
    visit: Visit | None
    previous: dict[str, LabResult]
    units: dict[str, str]
    results: tuple[LabResult, ...]
    supports: tuple[SupportiveTreatment, ...]
    not_done: tuple[LabNotDone, ...]
    day_zeros: tuple[date, ...] = ()
    read: dict[str, Any] = field(default_factory=dict, compare=False)

    def once(self, name: str, read: Callable[[], _Read]) -> _Read:
        """Return what `read` returns, asked at most once for the page."""
        if name not in self.read:
            self.read[name] = read()
        return self.read[name]


def course_for(*, patient: Patient, day_zero: date | None, today: date) -> Course | None:
    """Return the course of this day 0, or the current one: the latest begun. None when there is none."""
    courses = Course.objects.filter(patient=patient).select_related("patient")
    if day_zero is not None:
        return courses.filter(day_zero=day_zero).first()
    return courses.filter(day_zero__lte=today).order_by("-day_zero").first()


def window_for(*, history: History, course: Course, code: str, today: date) -> VisitWindow | None:
    """Return the planned visit of this code in the course, or None."""
    return _window(schedules=history.schedules, course=course, code=code, today=today)


def _window(
    *, schedules: Sequence[ScheduleVersion], course: Course, code: str, today: date
) -> VisitWindow | None:
    windows = planned_windows(
        day_zero=course.day_zero, schedules=schedules, as_of=today, until=today + _AHEAD
    )
    return next((window for window in windows if window.code == code), None)


def visit_sheet(
    *, patient: Patient, course: Course, code: str, visit: Visit | None, today: date
) -> VisitSheet:
    """Read what the form needs; `visit` is the recorded one, or None for a new entry."""
    own = visit.visited_on if visit is not None else None
    results: tuple[LabResult, ...] = ()
    supports: tuple[SupportiveTreatment, ...] = ()
    not_done: tuple[LabNotDone, ...] = ()
    if visit is not None:
        same_day = Q(collected_on=own, visit__isnull=True) if own else Q(pk__in=())
        results = tuple(
            LabResult.objects.filter(Q(visit=visit) | same_day, patient=patient, superseded_at__isnull=True)
            .select_related("entered_by")
            .order_by("-visit_id", "pk")
        )
        not_done = tuple(LabNotDone.objects.filter(visit=visit).order_by("pk"))
        since = course.day_zero if own is None else own - timedelta(days=45)
        supports = tuple(
            SupportiveTreatment.objects.filter(
                patient=patient, given_on__gte=since, given_on__lte=own or today
            ).order_by("given_on", "kind")
        )
    schedules = schedules_of_studies(study_ids=[patient.study_id])[patient.study_id]
    return VisitSheet(
        course=course,
        window=_window(schedules=schedules, course=course, code=code, today=today),
        day_zeros=day_zeros_from(course=course),
        visit=visit,
        previous=_previous(patient, before=own, without=visit),
        units=_units_of_site(patient.site_id),
        results=results,
        supports=supports,
        not_done=not_done,
    )


def recorded_visit(*, course: Course, code: str) -> Visit | None:
    """Return the recorded visit of this code; an unscheduled one is never meant by its code alone."""
    if code == UNSCHEDULED:
        return None
    return (
        Visit.objects.filter(course=course, code=code)
        .select_related("patient", "course", "entered_by")
        .first()
    )


def unscheduled_visit(*, course: Course, on: date) -> Visit | None:
    """Return the unscheduled visit of this day."""
    return (
        Visit.objects.filter(course=course, code=UNSCHEDULED, visited_on=on)
        .select_related("patient", "course", "entered_by")
        .first()
    )


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


def after_saving(*, visit: Visit, today: date, at: datetime) -> AfterSaving:
    """Read what became of a saved visit."""
    patient = visit.patient
    awaited = awaited_visits(patient=patient, history=history_of(patient=patient), today=today)
    changed_by, changed_at = latest_change(visit=visit) if visit.version > 1 else (None, None)
    return AfterSaving(
        results=tuple(
            LabResult.objects.filter(visit=visit, superseded_at__isnull=True).order_by("collected_on", "pk")
        ),
        not_done=tuple(LabNotDone.objects.filter(visit=visit).order_by("pk")),
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


def _previous(patient: Patient, *, before: date | None, without: Visit | None) -> dict[str, LabResult]:
    found = LabResult.objects.filter(patient=patient, superseded_at__isnull=True)
    if before is not None:
        found = found.filter(collected_on__lt=before)
    if without is not None:
        found = found.exclude(visit=without)
    return {
        result.analyte: result
        for result in found.order_by("analyte", "-collected_on", "-pk").distinct("analyte")
    }


def _units_of_site(site_id: int) -> dict[str, str]:
    """The unit of most of the latest rows: one odd report must not set the unit of the next patient.

    The latest rows only, because a habit is recent and the whole table is too long to ask.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (r.analyte) r.analyte, r.entered_unit
            FROM registry_labresult r JOIN registry_patient p ON p.id = r.patient_id
            WHERE p.site_id = %s AND r.id > (SELECT coalesce(max(id), 0) - %s FROM registry_labresult)
            GROUP BY r.analyte, r.entered_unit
            ORDER BY r.analyte, count(*) DESC, max(r.id) DESC
            """,
            [site_id, _RECENT_ROWS],
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
