"""The yearly contact: answers kept with their visit, a yes as an adverse event; attempts; news of a death."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID, uuid5

from django.db import transaction

from registry.access.roles import require
from registry.actions.adverse_events import record_event
from registry.actions.enrolment import end_follow_up
from registry.actions.event_entries import EventEntry, event_doubts, event_problems, first_day_zero_of
from registry.actions.laboratory import lock_patient
from registry.actions.refused import refuse_if
from registry.clinical.annual_contact import (
    DETAILS,
    MALIGNANCY,
    OUTCOMES,
    WAYS,
    Question,
)
from registry.clinical.entry_checks import check_listed, check_text
from registry.clinical.partial_dates import PartialDate
from registry.clinical.record_checks import Life
from registry.clinical.refusals import Problem
from registry.clinical.spoken_dates import spoken
from registry.models import AdverseEvent, AnnualContact, ContactAttempt, Course, Patient, User, Visit
from registry.queries.consent import collection_problems, remote_problems

_DIED = "died"
_NOTE_LIMIT = 500
_AS_TOLD = "As told at the yearly contact; to be completed."


@dataclass(frozen=True, slots=True)
class Answer:
    """One question's answer; None is not known. A yes says what, and since when as far as known."""

    question: Question
    yes: bool | None
    text: str = ""
    started_on: PartialDate | None = None


@dataclass(frozen=True, slots=True)
class ContactEntry:
    """What a contact brought beside its visit: the answers, and whether the details are right."""

    answers: Sequence[Answer]
    contact_details: str


@dataclass(frozen=True, slots=True)
class AttemptEntry:
    """A try to reach the patient that reached nobody."""

    attempted_on: date | None
    way: str
    outcome: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ContactPart:
    """A VisitPart: stored in the visit's transaction, each yes with its adverse event.

    `recorded` is the contact as it stands when a recorded visit is changed: an event there is not made
    again. `submission` makes the events of a form sent twice the same events.
    """

    entry: ContactEntry
    submission: UUID
    today: date
    recorded: AnnualContact | None = None

    def problems(self, *, patient: Patient, visited_on: date | None, today: date) -> list[Problem]:
        """What makes the answers impossible for this patient."""
        found = [
            *check_listed(field="contact_details", value=self.entry.contact_details, codes=DETAILS),
        ]
        for answer in self._new_events():
            entry = _event(answer, patient=patient, aware_on=visited_on)
            for problem in event_problems(patient=patient, entry=entry, today=today):
                found.append(_at_its_question(problem, answer.question.key))
        return found

    def store(self, *, visit: Visit, by: User | None, at: datetime) -> None:
        """Keep the answers and make the events. What did not change is left alone."""
        contact = AnnualContact.objects.filter(visit=visit).first() or AnnualContact(
            visit=visit, patient=visit.patient, entered_by=by, entered_at=at, origin="form"
        )
        for answer in self._new_events():
            event = record_event(
                patient=visit.patient,
                entry=_event(answer, patient=visit.patient, aware_on=visit.visited_on),
                submission=uuid5(self.submission, answer.question.key),
                visit=visit,
                by=by,
                at=at,
                today=self.today,
            )
            setattr(contact, event_field(answer.question), event)
        for answer in self.entry.answers:
            if answer.question is not MALIGNANCY:
                setattr(contact, answer.question.key, answer.yes)
        contact.contact_details = self.entry.contact_details
        contact.save()

    def _new_events(self) -> list[Answer]:
        return [
            answer
            for answer in self.entry.answers
            if answer.yes and event_of(contact=self.recorded, question=answer.question) is None
        ]


def event_field(question: Question) -> str:
    """The column of the event that a yes to the question made."""
    return "malignancy_event" if question is MALIGNANCY else f"{question.key}_event"


def event_of(*, contact: AnnualContact | None, question: Question) -> AdverseEvent | None:
    """The event that a yes to the question made, or None."""
    return None if contact is None else getattr(contact, event_field(question))


def attempt_problems(*, patient: Patient, course: Course, entry: AttemptEntry, today: date) -> list[Problem]:
    """What makes the attempt impossible."""
    life = Life(birth_year=patient.birth_year, died_on=patient.died_on, today=today)
    found = [
        *life.check_required(field="attempted_on", on=entry.attempted_on, what="An attempt"),
        *check_listed(field="way", value=entry.way, codes=WAYS),
        *check_listed(field="outcome", value=entry.outcome, codes=OUTCOMES),
        *check_text(field="note", value=entry.note, maximum=_NOTE_LIMIT),
        *collection_problems(patient=patient, field="attempted_on", what="An attempt", on=entry.attempted_on),
        *remote_problems(patient=patient, way=entry.way, on=entry.attempted_on, field="way"),
    ]
    if entry.attempted_on is not None and entry.attempted_on < course.day_zero:
        found.append(
            Problem(
                "attempted_on",
                entry.attempted_on.isoformat(),
                "The attempt is dated before day 0.",
                "Correct the date.",
            )
        )
    return found


def record_attempt(
    *,
    patient: Patient,
    course: Course,
    code: str,
    entry: AttemptEntry,
    by: User | None,
    at: datetime,
    today: date,
) -> ContactAttempt:
    """Keep an attempt for a planned visit and return it; the same words of one way and day are one attempt.

    Raises NotAllowed and RecordRefused.
    """
    require(by, "enter_record", patient=patient)
    refuse_if(attempt_problems(patient=patient, course=course, entry=entry, today=today))
    assert entry.attempted_on is not None  # noqa: S101 - refused above
    with transaction.atomic():
        lock_patient(patient)
        return ContactAttempt.objects.get_or_create(
            course=course,
            code=code,
            attempted_on=entry.attempted_on,
            way=entry.way,
            outcome=entry.outcome,
            note=entry.note.strip(),
            defaults={
                "patient": patient,
                "entered_by": by,
                "entered_at": at,
                "origin": "form",
            },
        )[0]


def record_death(
    *,
    patient: Patient,
    course: Course,
    code: str,
    way: str,
    learned_on: date | None,
    died_on: date | None,
    cause_of_death: str,
    by: User | None,
    at: datetime,
    today: date,
) -> Patient:
    """Keep that a contact brought the news of the patient's death: follow-up ends, no visit is recorded.

    Sent twice it is one. Raises NotAllowed and RecordRefused.
    """
    require(by, "enter_record", patient=patient)
    with transaction.atomic():
        lock_patient(patient)
        told = ContactAttempt.objects.filter(course=course, code=code, way=way, outcome=_DIED)
        current = Patient.objects.select_related("site").get(pk=patient.pk)
        if current.died_on is not None and told.filter(attempted_on__gte=current.died_on).exists():
            return current
        if learned_on is not None and died_on is not None and died_on > learned_on:
            refuse_if(
                [
                    Problem(
                        "follow_up_ended_on",
                        died_on.isoformat(),
                        f"The news came on {spoken(learned_on)}, before the death on {spoken(died_on)}.",
                        "Correct one of the two dates.",
                    )
                ]
            )
        # The attempt first: the news comes after the death, and a dead patient's contacts are refused.
        record_attempt(
            patient=patient,
            course=course,
            code=code,
            entry=AttemptEntry(attempted_on=learned_on, way=way, outcome=_DIED),
            by=by,
            at=at,
            today=today,
        )
        return end_follow_up(
            patient=current,
            ended_on=died_on,
            reason="death",
            cause_of_death=cause_of_death,
            by=by,
            today=today,
        )


def _event(answer: Answer, *, patient: Patient, aware_on: date | None) -> EventEntry:
    entry = EventEntry(
        term=answer.text.strip(),
        category=answer.question.category,
        started_on=answer.started_on,
        aware_on=aware_on,
    )
    # What is unlikely is asked when the event is completed, not of somebody on the telephone.
    first = first_day_zero_of(patient=patient)
    doubts = event_doubts(patient=patient, entry=entry, first_day_zero=first)
    return replace(entry, kept_because=_AS_TOLD) if doubts else entry


def _at_its_question(problem: Problem, key: str) -> Problem:
    field = {"term": f"{key}_text", "started_on": f"{key}_started_on", "aware_on": f"{key}_started_on"}.get(
        problem.field, problem.field
    )
    if problem.field == "term" and not problem.value:
        return Problem(
            field, "", "The answer is yes and nothing is described.", "Write what it is, in a few words."
        )
    return Problem(field, problem.value, problem.problem, problem.accepted)
