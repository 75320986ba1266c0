"""What the data checks read of many patients: six queries for a batch, whatever its size."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from django.db.models import Q

from registry.clinical.analytes import ANALYTES
from registry.clinical.study_days import local_date
from registry.models import AdverseEvent, LabNotDone, LabResult, Patient, Visit
from registry.monitoring.data_questions import (
    COUNT_IS_NEAR,
    COUNTS,
    LOOKED_BACK,
    EventSeen,
    RecordSeen,
    ResultSeen,
    VisitSeen,
)
from registry.queries.event_chain import chain_of
from registry.queries.fact_values import original_results

_NOBODY_IS_ASKED_AFTER = "withdrawal"


@dataclass(frozen=True, slots=True)
class Asked:
    """A patient whose record the checks read, on today's date of the site.

    `record` is empty of somebody who is not enrolled, or who withdrew: nothing is asked about them.
    """

    patient_id: int
    on: date
    record: RecordSeen


def ranges_of_patients(*, size: int) -> Iterator[list[int]]:
    """Yield the ids of all patients in scope, a batch at a time."""
    after = 0
    while True:
        batch = list(Patient.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:size])
        if not batch:
            return
        yield batch
        after = batch[-1]


def records_for_checks(*, patient_ids: Sequence[int], at: datetime, as_of: date | None) -> tuple[Asked, ...]:
    """Return what the checks need of these patients, at `as_of` or on today's date of each site."""
    people = {
        pk: (
            as_of or local_date(at, time_zone=zone),
            bool(enrolled_on) and end_reason != _NOBODY_IS_ASKED_AFTER,
        )
        for pk, zone, enrolled_on, end_reason in Patient.objects.filter(pk__in=patient_ids).values_list(
            "pk", "site__time_zone", "enrolled_on", "follow_up_end_reason"
        )
    }
    asked = [pk for pk, (_, is_asked) in people.items() if is_asked]
    since = min((on for on, _ in people.values()), default=date.max)
    if asked:
        since -= LOOKED_BACK
    visits = _visits(asked, since)
    events = _events(asked)
    results = _results(asked, since)
    counted = _counted(asked, since)
    return tuple(
        Asked(
            pk,
            on,
            RecordSeen(
                visits=tuple(visits[pk]),
                events=tuple(events[pk]),
                results=tuple(results[pk]),
                counted_on=frozenset(counted[pk]),
            ),
        )
        for pk, (on, _) in people.items()
    )


def _visits(patient_ids: Sequence[int], since: date) -> dict[int, list[VisitSeen]]:
    found: dict[int, list[VisitSeen]] = defaultdict(list)
    if not patient_ids:
        return found
    rows = Visit.objects.filter(
        patient__in=patient_ids, status="completed", visited_on__gte=since
    ).select_related("course")
    visits = list(rows.order_by("pk"))
    not_done: dict[int, set[str]] = defaultdict(set)
    for visit_id, analyte in LabNotDone.objects.filter(visit__in=visits).values_list("visit_id", "analyte"):
        not_done[visit_id].add(analyte)
    for visit in visits:
        if visit.visited_on is not None:
            found[visit.patient_id].append(
                VisitSeen(
                    row=visit.pk,
                    code=visit.code,
                    day_zero=visit.course.day_zero,
                    visited_on=visit.visited_on,
                    new_malignancy=visit.new_malignancy,
                    not_done=frozenset(not_done[visit.pk]),
                    is_remote=visit.contact_mode not in ("", "on_site"),
                )
            )
    return found


def _events(patient_ids: Sequence[int]) -> dict[int, list[EventSeen]]:
    """Events without a complete onset, as their follow-ups leave them."""
    found: dict[int, list[EventSeen]] = defaultdict(list)
    if not patient_ids:
        return found
    rows = AdverseEvent.objects.filter(patient__in=patient_ids).exclude(started_on__regex=r"^.{10}$")
    for event in rows.prefetch_related("follow_ups").order_by("pk"):
        chain = chain_of(event=event)
        found[event.patient_id].append(
            EventSeen(
                event_id=event.event_id,
                term=chain.now.term,
                started_on=event.started_on,
                serious=chain.now.serious,
                grade=chain.highest_grade,
                category=event.category,
            )
        )
    return found


def _results(patient_ids: Sequence[int], since: date) -> dict[int, list[ResultSeen]]:
    """Current results outside the soft limits that nobody explained, under the number of the first."""
    found: dict[int, list[ResultSeen]] = defaultdict(list)
    if not patient_ids:
        return found
    rows = list(
        LabResult.objects.filter(
            _outside_soft_limits(),
            patient__in=patient_ids,
            superseded_at__isnull=True,
            collected_on__gte=since,
        ).order_by("pk")
    )
    roots = original_results(pks=[row.pk for row in rows])
    for row in rows:
        found[row.patient_id].append(
            ResultSeen(
                root=roots[row.pk],
                analyte=row.analyte,
                collected_on=row.collected_on,
                entered_value=row.entered_value,
                entered_unit=row.entered_unit,
                value=row.value,
            )
        )
    return found


def _counted(patient_ids: Sequence[int], since: date) -> dict[int, set[date]]:
    found: dict[int, set[date]] = defaultdict(set)
    if not patient_ids:
        return found
    rows = LabResult.objects.filter(
        patient__in=patient_ids,
        analyte__in=COUNTS,
        superseded_at__isnull=True,
        collected_on__gte=since - COUNT_IS_NEAR,
    )
    for patient_id, day in rows.values_list("patient_id", "collected_on").distinct():
        found[patient_id].add(day)
    return found


@cache
def _outside_soft_limits() -> Q:
    """Necessary for an unlikely result; the check decides."""
    outside = Q(pk__in=[])
    for key, analyte in ANALYTES.items():
        if analyte.soft_low is not None:
            outside |= Q(analyte=key, value__lt=analyte.soft_low)
        if analyte.soft_high is not None:
            outside |= Q(analyte=key, value__gt=analyte.soft_high)
    return outside
