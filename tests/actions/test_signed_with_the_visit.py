"""What is signed with a visit is everything that was told at it, and what was told at another is not."""

from datetime import date
from uuid import uuid4

import pytest
from django.db import connection

from registry.actions.adverse_events import record_event
from registry.actions.annual_contact import Answer, ContactEntry, ContactPart
from registry.actions.event_entries import EventEntry
from registry.actions.signatures import sign
from registry.actions.treatments import AnswerEntry, CorrectionEntry, TreatmentEntry, TreatmentsPart
from registry.actions.visits import VisitEntry, change_visit, record_visit
from registry.clinical.annual_contact import DETAILS, QUESTIONS
from registry.clinical.event_facts import InfectionFacts
from registry.clinical.partial_dates import PartialDate
from registry.models import (
    AdverseEvent,
    Course,
    Score,
    ScoreDetail,
    Serology,
    Signature,
    Treatment,
    TreatmentAnswer,
)
from registry.queries.signatures import canonical, rows_of_visit, signature_lines
from tests import factories
from tests.factories import NIGHT

SPRING, AUTUMN = date(2024, 3, 29), date(2024, 9, 1)
TODAY = date(2024, 9, 2)


def sql(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


def at_the_commit():
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("SET CONSTRAINTS ALL DEFERRED")


def visit_with(patient, by, *parts, code="D28", on=SPRING, contact_mode="phone"):
    """A visit by telephone, so that it needs no counts to be signed."""
    return record_visit(
        patient=patient,
        course=Course.objects.get(patient=patient),
        code=code,
        entry=VisitEntry(status="completed", visited_on=on, contact_mode=contact_mode),
        parts=parts,
        submission=uuid4(),
        by=by,
        at=NIGHT,
        today=TODAY,
    )


def signed(visit, investigator):
    sha256 = canonical(patient=visit.patient, visit=visit).sha256
    return sign(patient=visit.patient, visit=visit, sha256=sha256, by=investigator, at=NIGHT)


def is_valid(visit):
    """Both ways agree: what a trigger noted, and what is compared on reading."""
    at_the_commit()
    now = canonical(patient=visit.patient, visit=visit)
    line = signature_lines(patient=visit.patient, visit=visit, now=now)[0]
    assert line.is_valid == (line.signature.voided_at is None)
    return line.is_valid


def begun(agent="mycophenolate", stopped="", dose="1 g"):
    stop = PartialDate.parse(stopped) if stopped else None
    return TreatmentEntry(agent=agent, started=PartialDate.parse("2024-03"), stopped=stop, dose=dose)


def treatments(**part):
    return TreatmentsPart(section="treatments", **part)


def answered(treatment, answer, **told):
    return treatments(
        answers=(AnswerEntry(treatment.pk, answer, **told),), asked_ids=(treatment.pk,), is_complete=True
    )


def change(visit, by, *parts):
    visit.refresh_from_db()
    return change_visit(
        visit=visit,
        version=visit.version,
        entry=VisitEntry(status="completed", visited_on=visit.visited_on, contact_mode="phone"),
        parts=parts,
        reason="read again",
        by=by,
        at=NIGHT,
        today=TODAY,
    )


@pytest.fixture
def visit(patient, coordinator):
    return visit_with(patient, coordinator, treatments(new=(begun(),)))


# --- treatments -----------------------------------------------------------------------------------


def test_a_treatment_entered_at_a_visit_is_signed_and_read_with_it(visit, investigator):
    treatment = Treatment.objects.get()

    assert '"mycophenolate"' in signed(visit, investigator).content
    assert ("registry_treatment", treatment.pk) in rows_of_visit(visit=visit)


@pytest.mark.parametrize(
    "correction",
    [
        {"started": PartialDate.parse("2024-02"), "stopped": None, "dose": "1 g"},
        {"started": PartialDate.parse("2024-03"), "stopped": None, "dose": "2 g"},
        {"started": PartialDate.parse("2024-03"), "stopped": PartialDate.parse("2024-04"), "dose": "1 g"},
    ],
    ids=["its start", "its dose", "a stop that no visit answered"],
)
def test_a_corrected_treatment_voids_the_visit_at_which_it_was_entered(
    visit, investigator, coordinator, correction
):
    signed(visit, investigator)
    later = visit_with(visit.patient, coordinator, code="M6", on=AUTUMN)

    change(
        later,
        coordinator,
        treatments(corrections=(CorrectionEntry(Treatment.objects.get().pk, **correction),)),
    )

    assert not is_valid(visit)


def test_a_treatment_removed_voids_the_visit_at_which_it_was_entered(visit, investigator, coordinator):
    signed(visit, investigator)

    change(visit, coordinator, treatments(removed_ids=(Treatment.objects.get().pk,)))

    assert not is_valid(visit)


@pytest.mark.parametrize("answer", ["same", "dose", "stopped"])
def test_what_a_later_visit_answers_leaves_the_earlier_one_signed(visit, investigator, coordinator, answer):
    signed(visit, investigator)
    told = {} if answer == "same" else {"on": PartialDate.parse("2024-08"), "dose": "2 g"}

    visit_with(
        visit.patient,
        coordinator,
        answered(Treatment.objects.get(), answer, **told),
        code="M6",
        on=AUTUMN,
    )

    assert is_valid(visit)


def test_the_stop_is_signed_with_the_visit_that_answered_it(visit, investigator, coordinator):
    treatment = Treatment.objects.get()
    stop = answered(treatment, "stopped", on=PartialDate.parse("2024-08"))
    autumn = visit_with(visit.patient, coordinator, stop, code="M6", on=AUTUMN)
    signed(visit, investigator)
    assert '"2024-08"' in signed(autumn, investigator).content

    Treatment.objects.update(stopped_on="2024-07")

    assert (is_valid(visit), is_valid(autumn)) == (True, False)


def test_a_stop_that_no_visit_answers_any_more_is_told_by_the_visit_of_its_beginning(
    visit, investigator, coordinator
):
    treatment = Treatment.objects.get()
    stop = answered(treatment, "stopped", on=PartialDate.parse("2024-08"))
    visit_with(visit.patient, coordinator, stop, code="M6", on=AUTUMN)
    signed(visit, investigator)

    TreatmentAnswer.objects.filter(treatment=treatment).update(answer="same")

    assert not is_valid(visit)


def test_a_treatment_that_was_asked_about_is_signed_as_it_was_asked(visit, investigator, coordinator):
    autumn = visit_with(
        visit.patient, coordinator, answered(Treatment.objects.get(), "same"), code="M6", on=AUTUMN
    )
    signed(autumn, investigator)

    Treatment.objects.update(dose="2 g")

    assert not is_valid(autumn)


def test_a_vaccine_is_signed_with_the_visit_at_which_it_was_entered(patient, coordinator, investigator):
    given = PartialDate.parse("2024-03-10")
    vaccine = TreatmentEntry(agent="influenza", started=given, stopped=given)
    visit = visit_with(patient, coordinator, TreatmentsPart(section="prevention", new=(vaccine,)))
    signed(visit, investigator)

    Treatment.objects.update(started_on="2024-03-11", stopped_on="2024-03-11")

    assert not is_valid(visit)


def test_a_treatment_that_no_visit_told_of_is_in_no_visit(visit, investigator):
    signed(visit, investigator)

    Treatment.objects.create(
        patient=visit.patient, agent="belimumab", started_on="2024-01", entered_at=NIGHT, origin="form"
    )

    assert is_valid(visit)


# --- scores, serology -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "write",
    [
        lambda visit: factories.make_score(patient=visit.patient, assessed_on=SPRING),
        lambda visit: Score.objects.update(value="9"),
        lambda visit: ScoreDetail.objects.update(variant="10"),
        lambda visit: Serology.objects.update(titre=640),
    ],
    ids=["a score more", "a score", "its items", "serology"],
)
def test_scores_items_and_serology_of_the_day_are_signed_with_the_visit(visit, investigator, write):
    other = factories.make_score(patient=visit.patient, assessed_on=SPRING, score="PHGA", value="1")
    facts = {"patient": visit.patient, "entered_at": NIGHT, "origin": "form"}
    ScoreDetail.objects.create(score=other, variant="3", **facts)
    Serology.objects.create(collected_on=SPRING, test="ana", titre=320, **facts)
    signed(visit, investigator)

    write(visit)

    assert not is_valid(visit)


# --- adverse events -------------------------------------------------------------------------------


def told_event(visit, by, **facts):
    return record_event(
        patient=visit.patient,
        entry=EventEntry(term="Pneumonia", aware_on=SPRING, **facts),
        submission=uuid4(),
        visit=visit,
        by=by,
        at=NIGHT,
        today=TODAY,
    )


def test_an_event_told_of_after_signing_is_to_be_signed_too(visit, investigator, coordinator):
    signed(visit, investigator)

    told_event(visit, coordinator)

    assert not is_valid(visit)


def test_a_changed_first_report_voids_the_visit_that_told_of_it(visit, investigator, coordinator):
    event = told_event(visit, coordinator)
    signed(visit, investigator)

    AdverseEvent.objects.filter(pk=event.pk).update(started_on="2024-03-20")

    assert not is_valid(visit)


def test_the_facts_of_a_first_report_are_signed_with_the_visit(visit, investigator, coordinator):
    facts = InfectionFacts(site="lung")
    event = told_event(visit, coordinator, category="infection", facts=facts)

    content = signed(visit, investigator).content

    assert '"registry_infectiondetails"' in content
    assert {table for table, _ in rows_of_visit(visit=visit)} >= {
        "registry_adverseevent",
        "registry_infectiondetails",
    }
    assert event.visit == visit


def test_an_event_reported_by_itself_is_in_no_visit(visit, investigator):
    signed(visit, investigator)

    factories.make_event(patient=visit.patient)

    assert is_valid(visit)


def test_the_events_of_a_yearly_contact_are_signed_with_it(patient, coordinator, investigator):
    question = next(q for q in QUESTIONS if q.category == "infection")
    entry = ContactEntry(answers=[Answer(question, True, "Sepsis")], contact_details=next(iter(DETAILS)))
    visit = visit_with(
        patient, coordinator, ContactPart(entry=entry, submission=uuid4(), today=TODAY), code="M6", on=AUTUMN
    )
    signed(visit, investigator)

    AdverseEvent.objects.update(term="Septic shock")

    assert not is_valid(visit)


# --- signatures given before ----------------------------------------------------------------------


def test_a_signature_of_the_first_version_stands_until_what_it_covers_changes(
    visit, investigator, coordinator
):
    """Written as it was then: the present guard would refuse it."""
    told_event(visit, coordinator)
    text = sql("SELECT guard.content(%s, %s, 1)::text", visit.patient_id, visit.pk)[0][0]
    sql("ALTER TABLE registry_signature DISABLE TRIGGER signs_what_stands")
    Signature.objects.create(
        patient=visit.patient,
        visit=visit,
        signed_by=investigator,
        signed_at=NIGHT,
        printed_name="x",
        meaning="x",
        content=text,
        sha256=sql("SELECT guard.sha256_of(%s)", text)[0][0],
    )
    at_the_commit()
    sql("ALTER TABLE registry_signature ENABLE TRIGGER signs_what_stands")
    assert "mycophenolate" not in text
    assert "Pneumonia" not in text

    Treatment.objects.update(dose="2 g")
    assert is_valid(visit)

    change(visit, coordinator, treatments(new=(begun("belimumab"),), is_complete=True))
    assert not is_valid(visit)
