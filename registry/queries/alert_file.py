"""Everything an officer reads beside one alert, in a fixed number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Prefetch, Q, Subquery

from registry.models import (
    AdverseEvent,
    AdverseEventFollowUp,
    Alert,
    AlertMove,
    Course,
    Infusion,
    LabResult,
    SupportiveTreatment,
    Treatment,
    Visit,
)
from registry.queries.dictionaries import terms_of_patient


@dataclass(frozen=True, slots=True)
class AlertFile:
    """One alert with what surrounds it, oldest first; `others` and `earlier_decisions` newest first.

    `results`: current results of the analytes asked for, and those the evidence used even when superseded
    since. `latest_contact_on`: the latest completed visit or blood sample. `dictionary_terms`: names of
    the events' MedDRA codes, where a dictionary is loaded. Only what this rule is judged beside: `visits`
    and `latest_contact_on` for an overdue visit, the visits for the answer at one, `drugs` for all others.
    """

    alert: Alert
    moves: tuple[AlertMove, ...]
    others: tuple[Alert, ...]
    earlier_decisions: tuple[AlertMove, ...]
    day_zeros: tuple[date, ...]
    results: tuple[LabResult, ...]
    supports: tuple[SupportiveTreatment, ...]
    drugs: tuple[Treatment, ...]
    events: tuple[AdverseEvent, ...]
    visits: tuple[Visit, ...]
    infusion: Infusion | None
    latest_contact_on: date | None
    dictionary_terms: Mapping[str, str]


def alert_file(
    *, alert: Alert, analytes: Sequence[str], used_results: Sequence[int], from_on: date, to_on: date
) -> AlertFile:
    """Read the file of one alert; results are those dated from `from_on` to `to_on`."""
    patient_id = alert.patient_id
    moves = list(
        AlertMove.objects.filter(patient_id=patient_id)
        .filter(Q(alert=alert) | ~Q(decision=""))
        .select_related("by", "alert")
        .order_by("at", "pk")
    )
    # A joined alert is named by a link, so the one it went into is read with the others.
    others = Alert.objects.filter(patient_id=patient_id).exclude(pk=alert.pk).order_by("-raised_at", "-pk")
    is_overdue = alert.rule == "overdue_visit"
    visits = (
        tuple(
            Visit.objects.filter(patient_id=patient_id).select_related("course").order_by("visited_on", "pk")
        )
        if is_overdue or alert.subject.startswith("visit_question:")
        else ()
    )
    sampled = LabResult.objects.filter(patient_id=patient_id, superseded_at__isnull=True)
    courses = list(
        Course.objects.filter(patient_id=patient_id)
        .select_related("infusion__product")
        .annotate(sampled_on=Subquery(sampled.order_by("-collected_on").values("collected_on")[:1]))
        .order_by("day_zero")
    )
    events = tuple(
        AdverseEvent.objects.filter(patient_id=patient_id)
        .prefetch_related(Prefetch("follow_ups", queryset=AdverseEventFollowUp.objects.order_by("number")))
        .order_by("started_on", "pk")
    )
    return AlertFile(
        alert=alert,
        moves=tuple(move for move in moves if move.alert_id == alert.pk),
        others=tuple(others),
        earlier_decisions=tuple(move for move in reversed(moves) if move.alert_id != alert.pk),
        day_zeros=tuple(course.day_zero for course in courses),
        results=_results(patient_id, analytes, used_results, from_on, to_on),
        supports=tuple(
            SupportiveTreatment.objects.filter(patient_id=patient_id).order_by("given_on", "kind")
        ),
        drugs=()
        if is_overdue
        else tuple(Treatment.objects.filter(patient_id=patient_id).order_by("started_on", "pk")),
        events=events,
        visits=visits,
        infusion=next(
            (getattr(course, "infusion", None) for course in courses if course.day_zero == alert.day_zero),
            None,
        ),
        latest_contact_on=_latest_contact(courses, visits) if is_overdue else None,
        dictionary_terms=terms_of_patient(patient_id=patient_id) if _are_coded(events) else {},
    )


def _results(
    patient_id: int, analytes: Sequence[str], used: Sequence[int], from_on: date, to_on: date
) -> tuple[LabResult, ...]:
    current = Q(analyte__in=analytes, superseded_at__isnull=True, collected_on__range=(from_on, to_on))
    return tuple(
        LabResult.objects.filter(Q(patient_id=patient_id) & (current | Q(pk__in=used)))
        .select_related("superseded_by", "supersedes")
        .order_by("collected_on", "pk")
    )


def _are_coded(events: Sequence[AdverseEvent]) -> bool:
    """Whether a report names a code of MedDRA."""
    return any(
        event.code_system == "MedDRA"
        or any(report.code_system == "MedDRA" for report in event.follow_ups.all())
        for event in events
    )


def _latest_contact(courses: Sequence[Any], visits: Sequence[Visit]) -> date | None:
    seen = [visit.visited_on for visit in visits if visit.visited_on and visit.status == "completed"]
    sampled = [course.sampled_on for course in courses if course.sampled_on]
    return max([*seen, *sampled], default=None)
