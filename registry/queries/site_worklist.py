"""What a site has ahead of it, and its patients: as many queries for one patient as for hundreds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When

from registry.access.scope import Rows
from registry.clinical.study_days import course_of
from registry.clinical.visit_windows import VisitWindow
from registry.models import Alert, Patient
from registry.models.alert import SEVERITIES
from registry.monitoring import overdue_visit
from registry.monitoring.evidence import Finding, History
from registry.monitoring.lifecycle import WAITING
from registry.queries.evidence import packed_histories

PAGE_SIZE = 50
SOON = timedelta(days=14)
AHEAD = timedelta(weeks=8)
_HORIZON = timedelta(days=400)  # to the next yearly visit

# How a site reads alerts: the gravest first, of the equally grave the newest.
GRAVEST_FIRST = (
    Case(
        *(When(severity=severity, then=Value(place)) for place, severity in enumerate(SEVERITIES)),
        output_field=IntegerField(),
    ),
    "-raised_at",
    "pk",
)

TodayAt = Callable[[str], date]  # the date at a site, by its time zone


@dataclass(frozen=True, slots=True)
class AwaitedVisit:
    """A visit that is owed and not recorded, on the site's `today`; with a finding when it is overdue."""

    patient: Patient
    window: VisitWindow
    today: date
    finding: Finding | None

    @property
    def days_overdue(self) -> int:
        return (self.today - self.window.closes_on).days

    @property
    def days_left(self) -> int:
        return -self.days_overdue

    @property
    def days_to_opening(self) -> int:
        return (self.window.opens_on - self.today).days

    @property
    def is_overdue(self) -> bool:
        return self.finding is not None

    @property
    def is_open(self) -> bool:
        return self.window.opens_on <= self.today <= self.window.closes_on

    @property
    def is_soon(self) -> bool:
        """The window is open, or opens within 14 days."""
        return not self.is_overdue and self.window.opens_on <= self.today + SOON

    @property
    def severity(self) -> str:
        return self.finding.severity if self.finding else ""

    @property
    def labels(self) -> Sequence[str]:
        found = self.finding.evidence["labels"] if self.finding else ()
        return found if isinstance(found, list | tuple) else ()


@dataclass(frozen=True, slots=True)
class Worklist:
    """A site's duties by urgency: overdue first, longest first, then by the day the window closes.

    `ahead`: whose window is open some day of the next eight weeks, in the order of their closing.
    `alerts`: the gravest; those about overdue visits are only counted, for `overdue` has the visits.
    """

    overdue: tuple[AwaitedVisit, ...]
    soon: tuple[AwaitedVisit, ...]
    next_later: AwaitedVisit | None
    ahead: tuple[AwaitedVisit, ...]
    alerts: tuple[Alert, ...]
    alert_count: int
    overdue_alert_count: int
    patient_count: int

    @property
    def other_alert_count(self) -> int:
        """The waiting alerts that are about something else than an overdue visit."""
        return self.alert_count - self.overdue_alert_count

    @property
    def next_things(self) -> tuple[AwaitedVisit, ...]:
        return (*self.overdue, *self.soon)


@dataclass(frozen=True, slots=True)
class PatientLine:
    """One line of the list of patients."""

    patient: Patient
    today: date
    day_zero: date | None
    awaited: AwaitedVisit | None
    alert_count: int


def worklist(*, rows: Rows, today_at: TodayAt, most_alerts: int = 10) -> Worklist:
    """Return what the sites in scope have to do. Every patient of them is judged afresh, in batches."""
    patients = list(Patient.objects.filter(rows.q()).select_related("site", "study").order_by("code"))
    awaited = [line for lines in _awaited(patients, today_at).values() for line in lines]
    later = [line for line in awaited if not line.is_overdue and not line.is_soon]
    alerts = _waiting_alerts().filter(rows.q("patient"))
    others = alerts.exclude(rule=overdue_visit.RULE.key)
    counted = alerts.aggregate(all=Count("pk"), overdue=Count("pk", filter=Q(rule=overdue_visit.RULE.key)))
    return Worklist(
        overdue=tuple(
            sorted((line for line in awaited if line.is_overdue), key=lambda line: line.window.closes_on)
        ),
        soon=tuple(
            sorted((line for line in awaited if line.is_soon), key=lambda line: line.window.closes_on)
        ),
        ahead=tuple(
            sorted(
                (
                    line
                    for line in awaited
                    if not line.is_overdue and line.window.opens_on < line.today + AHEAD
                ),
                key=lambda line: (line.window.closes_on, line.patient.code),
            )
        ),
        next_later=min(later, key=lambda line: line.window.opens_on, default=None),
        alerts=tuple(others.select_related("patient", "patient__site")[:most_alerts]),
        alert_count=counted["all"],
        overdue_alert_count=counted["overdue"],
        patient_count=sum(
            1 for patient in patients if patient.enrolled_on and not patient.follow_up_ended_on
        ),
    )


def patient_lines(
    *, rows: Rows, search: str, page_number: str | int, today_at: TodayAt
) -> tuple[Page, tuple[PatientLine, ...]]:
    """Return one page of the patients in scope whose code contains `search`, by code."""
    found = (
        Patient.objects.filter(rows.q())
        .select_related("site", "study")
        .annotate(alert_count=Count("alerts", filter=Q(alerts__state__in=WAITING)))
        .order_by("code", "pk")
    )
    if search:
        found = found.filter(code__icontains=search)
    page = Paginator(found, PAGE_SIZE).get_page(page_number)
    patients = list(page.object_list)
    histories = _histories(patients)
    awaited = _awaited(patients, today_at, histories)
    lines = []
    for patient in patients:
        today = today_at(patient.site.time_zone)
        lines.append(
            PatientLine(
                patient=patient,
                today=today,
                day_zero=course_of(today, day_zeros=histories[patient.pk].day_zeros),
                awaited=_most_urgent(awaited[patient.pk]),
                alert_count=getattr(patient, "alert_count", 0),
            )
        )
    return page, tuple(lines)


def awaited_visits(*, patient: Patient, history: History, today: date) -> tuple[AwaitedVisit, ...]:
    """Return the visits awaited of one patient, by target date."""
    findings = {
        (str(finding.evidence["visit_code"]), finding.day_zero): finding
        for finding in overdue_visit.RULE.findings(history, today)
    }
    return tuple(
        AwaitedVisit(
            patient=patient, window=window, today=today, finding=findings.get((window.code, window.day_zero))
        )
        for window in overdue_visit.awaited_windows(history=history, as_of=today, until=today + _HORIZON)
    )


def _most_urgent(awaited: Sequence[AwaitedVisit]) -> AwaitedVisit | None:
    return min(awaited, key=lambda line: (not line.is_overdue, line.window.closes_on), default=None)


def _histories(patients: Sequence[Patient]) -> dict[int, History]:
    ids = [patient.pk for patient in patients]
    return {
        pk: packed.unpack()
        for pk, packed in packed_histories(patient_ids=ids, analytes=(), reads=overdue_visit.RULE.reads)
    }


def _awaited(
    patients: Sequence[Patient], today_at: TodayAt, histories: dict[int, History] | None = None
) -> dict[int, tuple[AwaitedVisit, ...]]:
    known = _histories(patients) if histories is None else histories
    return {
        patient.pk: awaited_visits(
            patient=patient, history=known[patient.pk], today=today_at(patient.site.time_zone)
        )
        for patient in patients
    }


def _waiting_alerts() -> QuerySet[Alert]:
    return Alert.objects.filter(state__in=WAITING).order_by(*GRAVEST_FIRST)
