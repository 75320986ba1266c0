"""Adverse events: a first report, then follow-up reports in a chain that is never rewritten."""

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Max

from registry.access.roles import require
from registry.actions.evaluations import nudge
from registry.actions.laboratory import lock_patient
from registry.actions.refused import refuse_if
from registry.clinical.partial_dates import PartialDate
from registry.clinical.record_checks import Life, check_event
from registry.clinical.refusals import Problem
from registry.models import AdverseEvent, AdverseEventFollowUp, Patient, User
from registry.queries.consent import collection_problems


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


@dataclass(frozen=True, slots=True)
class EventEntry:
    """An adverse event as first reported. Partial dates as they are known."""

    term: str
    category: str = ""
    code_system: str = ""
    code: str = ""
    grade: int | None = None
    grade_scale: str = ""
    started_on: PartialDate | None = None
    ended_on: PartialDate | None = None
    serious: bool | None = None
    seriousness: tuple[str, ...] = ()
    relatedness: str = ""
    outcome: str = ""
    narrative: str = ""
    aware_on: date | None = None


@dataclass(frozen=True, slots=True)
class FollowUpEntry:
    """A later report about an event; empty means unchanged."""

    reported_on: date
    term: str = ""
    code_system: str = ""
    code: str = ""
    outcome: str = ""
    narrative: str = ""


def event_problems(*, patient: Patient, entry: EventEntry, today: date) -> list[Problem]:
    """What makes the event impossible for this patient."""
    found = check_event(
        event_id="AE",
        term=entry.term,
        category=entry.category,
        code_system=entry.code_system,
        code=entry.code,
        grade=entry.grade,
        grade_scale=entry.grade_scale,
        started_on=entry.started_on,
        ended_on=entry.ended_on,
        serious=entry.serious,
        seriousness=entry.seriousness,
        relatedness=entry.relatedness,
        outcome=entry.outcome,
        narrative=entry.narrative,
        birth_year=patient.birth_year,
        died_on=patient.died_on,
        today=today,
    )
    if entry.started_on:
        # What may have begun while consent stood is safety's to know; what surely began later is not.
        began = entry.started_on.earliest
        found += collection_problems(
            patient=patient, field="started_on", what="An event that began", on=began
        )
    # The site may learn of an event after death; it cannot learn of it tomorrow.
    life = Life(birth_year=patient.birth_year, died_on=None, today=today)
    found += life.check(field="aware_on", on=entry.aware_on, what="Awareness")
    if entry.started_on and entry.aware_on and entry.aware_on < entry.started_on.earliest:
        found.append(
            Problem(
                "aware_on",
                entry.aware_on.isoformat(),
                "The site was aware of the event before it began.",
                "Correct one of the two dates.",
            )
        )
    return found


def follow_up_problems(*, event: AdverseEvent, entry: FollowUpEntry, today: date) -> list[Problem]:
    """What makes the follow-up report impossible."""
    patient = event.patient
    found = check_event(
        event_id="AE",
        term=entry.term or event.term,
        code_system=entry.code_system,
        code=entry.code,
        outcome=entry.outcome,
        narrative=entry.narrative,
        birth_year=patient.birth_year,
        died_on=None,
        today=today,
    )
    life = Life(birth_year=patient.birth_year, died_on=None, today=today)
    found += life.check_required(field="reported_on", on=entry.reported_on, what="A report")
    started = PartialDate.parse(event.started_on) if event.started_on else None
    if started and entry.reported_on and entry.reported_on < started.earliest:
        found.append(
            Problem(
                "reported_on",
                entry.reported_on.isoformat(),
                "The report is dated before the event began.",
                "Correct the date.",
            )
        )
    if not any((entry.term, entry.code, entry.outcome, entry.narrative)):
        found.append(
            Problem("narrative", "", "The report says nothing new.", "Write what is known now, or cancel.")
        )
    return found


def record_event(
    *, patient: Patient, entry: EventEntry, submission: UUID, by: User | None, at: datetime, today: date
) -> AdverseEvent:
    """Keep the first report of an event and return it; the same submission twice is one event.

    Raises NotAllowed, RecordRefused, and AlreadySent when the second time says something else.
    """
    require(by, "enter_record", patient=patient)
    refuse_if(event_problems(patient=patient, entry=entry, today=today))
    with transaction.atomic():
        lock_patient(patient)
        sent = AdverseEvent.objects.filter(submission=submission, patient=patient).first()
        if sent is not None:
            if any(getattr(sent, name) != value for name, value in _columns(entry).items()):
                raise AlreadySent(sent)
            return sent
        event = AdverseEvent.objects.create(
            patient=patient,
            study=patient.study,
            event_id=f"AE-{uuid4().hex[:12]}",
            submission=submission,
            **_columns(entry),
            entered_by=by,
            entered_at=at,
            origin="form",
        )
        nudge(patient_id=patient.pk)
    return event


def record_follow_up(
    *, event: AdverseEvent, entry: FollowUpEntry, number: int, by: User | None, at: datetime, today: date
) -> AdverseEventFollowUp:
    """Add a report to the event's chain and return it.

    `number` is the one the person saw as next: a form sent twice, or by two people, adds one report.
    Raises NotAllowed, RecordRefused.
    """
    patient = event.patient
    require(by, "enter_record", patient=patient)
    refuse_if(follow_up_problems(event=event, entry=entry, today=today))
    with transaction.atomic():
        lock_patient(patient)
        latest = event.follow_ups.aggregate(Max("number"))["number__max"] or 0
        if number <= latest:
            there = event.follow_ups.get(number=number)
            if _says_the_same(there, entry):
                return there
        report = AdverseEventFollowUp.objects.create(
            event=event,
            patient=patient,
            number=latest + 1,
            reported_on=entry.reported_on,
            term=entry.term,
            code_system=entry.code_system,
            code=entry.code,
            outcome=entry.outcome,
            narrative=entry.narrative,
            entered_by=by,
            entered_at=at,
            origin="form",
        )
        nudge(patient_id=patient.pk)
    return report


def _columns(entry: EventEntry) -> dict[str, Any]:
    return {
        **{field.name: getattr(entry, field.name) for field in fields(entry)},
        "started_on": str(entry.started_on or ""),
        "ended_on": str(entry.ended_on or ""),
        "seriousness": list(entry.seriousness),
    }


def _says_the_same(report: AdverseEventFollowUp, entry: FollowUpEntry) -> bool:
    return all(getattr(report, field.name) == getattr(entry, field.name) for field in fields(entry))
