"""Adverse events: a first report, then follow-up reports in a chain that is never rewritten."""

from dataclasses import fields
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Max

from registry.access.roles import require
from registry.actions.evaluations import nudge
from registry.actions.event_entries import (
    EventEntry,
    FollowUpEntry,
    completed,
    completed_follow_up,
    event_doubts,
    event_problems,
    first_day_zero_of,
    follow_up_doubts,
    follow_up_problems,
    unanswered,
)
from registry.actions.laboratory import lock_patient
from registry.actions.locks import refuse_if_locked
from registry.actions.refused import refuse_if
from registry.clinical.event_facts import Facts
from registry.models import AdverseEvent, AdverseEventFollowUp, Patient, User, Visit
from registry.models.event_details import DETAILS_OF
from registry.queries.event_chain import standing_facts


class AlreadySent(RuntimeError):
    """The same form was saved before with other words; `event` is what was saved."""

    def __init__(self, event: AdverseEvent):
        super().__init__(event.pk)
        self.event = event

    @property
    def for_people(self) -> str:
        return (
            f"This form was saved before, as “{self.event.term}”. What was changed since is not stored: "
            "report it as a follow-up, or open a new form for another event."
        )


def record_event(
    *,
    patient: Patient,
    entry: EventEntry,
    submission: UUID,
    visit: Visit | None = None,
    by: User | None,
    at: datetime,
    today: date,
) -> AdverseEvent:
    """Keep the first report of an event and return it; the same submission twice is one event.

    `visit`: at which it was told, and with which it is signed.
    Raises NotAllowed, RecordRefused, RecordLocked, and AlreadySent when the second time says something else.
    """
    require(by, "enter_record", patient=patient)
    refuse_if_locked(patient=patient, visit=visit)
    entry = completed(entry)
    refuse_if(event_problems(patient=patient, entry=entry, today=today))
    refuse_if(
        unanswered(
            event_doubts(patient=patient, entry=entry, first_day_zero=first_day_zero_of(patient=patient)),
            entry.kept_because,
        )
    )
    with transaction.atomic():
        lock_patient(patient)
        sent = AdverseEvent.objects.filter(submission=submission, patient=patient).first()
        if sent is not None:
            if any(getattr(sent, name) != value for name, value in first_report_columns(entry).items()) or (
                standing_facts(event=sent) != entry.facts and not sent.follow_ups.exists()
            ):
                raise AlreadySent(sent)
            return sent
        event = AdverseEvent.objects.create(
            patient=patient,
            study=patient.study,
            event_id=f"AE-{uuid4().hex[:12]}",
            visit=visit,
            submission=submission,
            **first_report_columns(entry),
            entered_by=by,
            entered_at=at,
            origin="form",
        )
        keep_facts(event, entry.facts, number=0, by=by, at=at)
        nudge(patient_id=patient.pk)
    return event


def record_follow_up(
    *, event: AdverseEvent, entry: FollowUpEntry, number: int, by: User | None, at: datetime, today: date
) -> AdverseEventFollowUp:
    """Add a report to the event's chain and return it.

    `number` is the one the person saw as next: a form sent twice, or by two people, adds one report.
    Raises NotAllowed, RecordRefused, RecordLocked.
    """
    patient = event.patient
    require(by, "enter_record", patient=patient)
    refuse_if_locked(patient=patient)
    entry = completed_follow_up(entry, event=event)
    refuse_if(follow_up_problems(event=event, entry=entry, today=today))
    refuse_if(unanswered(follow_up_doubts(event=event, entry=entry), entry.kept_because))
    with transaction.atomic():
        lock_patient(patient)
        there = AdverseEventFollowUp.objects.filter(event=event, number=number).first()
        if there is not None and _says_the_same(there, entry):
            return there
        report = add_report(event=event, entry=entry, visit=None, by=by, at=at)
        nudge(patient_id=patient.pk)
    return report


def add_report(
    *, event: AdverseEvent, entry: FollowUpEntry, visit: Visit | None, by: User | None, at: datetime
) -> AdverseEventFollowUp:
    """Write the next report of the chain. For acts that hold the patient's lock and have checked it."""
    latest = AdverseEventFollowUp.objects.filter(event=event).aggregate(Max("number"))["number__max"] or 0
    report = AdverseEventFollowUp.objects.create(
        event=event,
        patient_id=event.patient_id,
        number=latest + 1,
        visit=visit,
        **_report_columns(entry),
        entered_by=by,
        entered_at=at,
        origin="form",
    )
    keep_facts(event, entry.facts, number=report.number, by=by, at=at)
    return report


def keep_facts(
    event: AdverseEvent, facts: Facts | None, *, number: int, by: User | None, at: datetime
) -> None:
    """Write what report `number` told of the event's category, if anything. For acts that have checked it."""
    if facts is None or facts.is_empty:
        return
    DETAILS_OF[facts.category].objects.create(  # type: ignore[attr-defined]
        event=event,
        patient_id=event.patient_id,
        number=number,
        **facts_columns(facts),
        entered_by=by,
        entered_at=at,
        origin="form",
    )


def facts_columns(facts: Facts) -> dict[str, Any]:
    """Return facts as the columns of their table, with the grade that they compute."""
    told = {field.name: getattr(facts, field.name) for field in fields(facts)}
    computed = {"computed_grade": facts.computed.grade} if facts.computed is not None else {}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in told.items()
    } | computed


def first_report_columns(entry: EventEntry) -> dict[str, Any]:
    """Return what the entry says as the columns of a first report; facts have tables of their own."""
    told = {field.name: getattr(entry, field.name) for field in fields(entry) if field.name != "facts"}
    return {
        **told,
        "started_on": str(entry.started_on or ""),
        "ended_on": str(entry.ended_on or ""),
        "seriousness": list(entry.seriousness),
    }


def _report_columns(entry: FollowUpEntry) -> dict[str, Any]:
    told = {field.name: getattr(entry, field.name) for field in fields(entry) if field.name != "facts"}
    return {
        **told,
        "ended_on": str(entry.ended_on or ""),
        "seriousness": None if entry.serious is None else list(entry.seriousness),
    }


def _says_the_same(report: AdverseEventFollowUp, entry: FollowUpEntry) -> bool:
    return all(getattr(report, name) == value for name, value in _report_columns(entry).items())
