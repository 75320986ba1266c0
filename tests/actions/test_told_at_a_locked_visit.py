"""A visit's lock closes what was told at it: treatments, vaccines, first reports. What came later goes on."""

from datetime import date
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from registry.access.scope import EVERYTHING, acting, because
from registry.actions.adverse_events import record_event, record_follow_up
from registry.actions.event_corrections import as_read, correct_first_report
from registry.actions.event_entries import EventEntry, FollowUpEntry
from registry.actions.locks import RecordLocked, ask_to_unlock, decide_unlocking, lock_behind
from registry.actions.refused import RecordRefused
from registry.actions.treatments import CorrectionEntry, TreatmentEntry, TreatmentsPart
from registry.clinical.event_facts import InfectionFacts
from registry.clinical.partial_dates import PartialDate
from registry.models import (
    AdverseEvent,
    AdverseEventFollowUp,
    InfectionDetails,
    RecordLock,
    Treatment,
    TreatmentAnswer,
)
from registry.queries.event_chain import event_of
from tests import factories
from tests.actions.test_signed_with_the_visit import (
    AUTUMN,
    TODAY,
    answered,
    begun,
    change,
    is_valid,
    signed,
    treatments,
    visit_with,
)
from tests.exchange import bundles
from tests.factories import NIGHT

WORDS = "Visit D28 of patient VIE-0001 is locked since 1 Sep 2024"


@pytest.fixture
def spring(patient, coordinator):
    """A visit at which a drug was begun, and an infection reported; signed in the tests that say so."""
    visit = visit_with(patient, coordinator, treatments(new=(begun(),)))
    record_event(
        patient=patient,
        entry=EventEntry(
            term="Pneumonia",
            category="infection",
            started_on=PartialDate.parse("2024-03-20"),
            aware_on=date(2024, 3, 29),
            facts=InfectionFacts(site="lung"),
        ),
        submission=uuid4(),
        visit=visit,
        by=coordinator,
        at=NIGHT,
        today=TODAY,
    )
    return visit


@pytest.fixture
def autumn(spring, coordinator):
    return visit_with(spring.patient, coordinator, code="M6", on=AUTUMN)


@pytest.fixture
def locked(spring, autumn):
    factories.make_lock(visit=spring)
    return spring


def refused_by_the_database(statement):
    with (
        pytest.raises(DatabaseError) as refusal,
        transaction.atomic(),
        acting(rows=EVERYTHING),
        because("misread"),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    found = lock_behind(refusal.value)
    assert found is not None, refusal.value
    return found.for_people


def refused(make):
    """The words of the problems with which the form would come back."""
    with pytest.raises(RecordRefused) as refusal:
        make()
    return " ".join(problem.for_people for problem in refusal.value.problems)


NEW_EVENT = """
    INSERT INTO registry_adverseevent
    SELECT (jsonb_populate_record(e, '{"id": 4711, "event_id": "AE-2", "submission": null}')).*
    FROM registry_adverseevent e"""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE registry_treatment SET dose = '2 g'",
        "UPDATE registry_treatment SET started_on = '2024-02'",
        "UPDATE registry_treatment SET visit_id = NULL",
        "UPDATE registry_treatment SET id = id + 1000",
        "UPDATE registry_treatment SET stopped_on = '2024-07'",
        "DELETE FROM registry_treatment",
        "INSERT INTO registry_treatment (patient_id, visit_id, agent, name, started_on, stopped_on, dose,"
        " entered_at, origin) SELECT patient_id, visit_id, 'azathioprine', '', '2024-04', '', '', now(),"
        " 'system' FROM registry_treatment",
        "UPDATE registry_adverseevent SET term = 'Bronchitis'",
        "UPDATE registry_adverseevent SET visit_id = NULL",
        "UPDATE registry_infectiondetails SET site = 'urinary'",
        NEW_EVENT,
    ],
)
def test_the_database_refuses_a_change_of_what_a_locked_visit_told(locked, statement):
    assert WORDS in refused_by_the_database(statement)


def test_a_table_of_a_session_hides_no_treatment_from_its_lock(locked):
    with connection.cursor() as cursor:  # as it once was
        cursor.execute(f"GRANT TEMPORARY ON DATABASE {connection.settings_dict['NAME']} TO registry_app")
    with acting(rows=EVERYTHING), connection.cursor() as cursor:
        for hidden in ("registry_recordlock", "registry_visit", "registry_treatmentanswer"):
            cursor.execute(f"CREATE TEMPORARY TABLE {hidden} (LIKE public.{hidden})")
        with pytest.raises(DatabaseError, match="is locked"), transaction.atomic():
            cursor.execute("UPDATE public.registry_treatment SET dose = '2 g'")


def test_an_import_does_not_correct_a_first_report_of_a_locked_visit(locked, tmp_path):
    event = AdverseEvent.objects.get()
    lines = f"patient_id,event_id,term,started_on\nVIE-0001,{event.event_id},Bronchitis,2024-03-20\n"

    report = bundles.load(tmp_path, {"adverse_events.csv": lines})

    event.refresh_from_db()
    assert event.term == "Pneumonia"
    assert [WORDS in error.problem for error in report.errors] == [True]


def test_a_first_report_of_a_locked_visit_is_not_corrected(locked, coordinator):
    event = event_of(patient=locked.patient, event_id=AdverseEvent.objects.get().pk)

    with pytest.raises(RecordLocked, match=WORDS):
        correct_first_report(
            event=event,
            read=as_read(event=event),
            entry=EventEntry(
                term="Bronchitis",
                category="infection",
                started_on=PartialDate.parse("2024-03-20"),
                aware_on=date(2024, 3, 29),
                facts=InfectionFacts(site="lung"),
            ),
            reason="misread",
            by=coordinator,
            at=NIGHT,
            today=TODAY,
        )


def test_what_became_of_an_event_of_a_locked_visit_is_reported(locked, coordinator):
    event = event_of(patient=locked.patient, event_id=AdverseEvent.objects.get().pk)

    record_follow_up(
        event=event,
        entry=FollowUpEntry(
            reported_on=date(2024, 8, 1), ended_on=PartialDate.parse("2024-04"), narrative="Over."
        ),
        number=1,
        by=coordinator,
        at=NIGHT,
        today=TODAY,
    )

    assert AdverseEventFollowUp.objects.get().ended_on == "2024-04"


def test_no_first_report_is_added_to_a_locked_visit_and_one_by_itself_is_taken(locked, coordinator):
    def report(visit):
        return record_event(
            patient=locked.patient,
            entry=EventEntry(term="Rash", started_on=PartialDate.parse("2024-03")),
            submission=uuid4(),
            visit=visit,
            by=coordinator,
            at=NIGHT,
            today=TODAY,
        )

    with pytest.raises(RecordLocked, match=WORDS):
        report(locked)
    assert report(None).visit is None


# --- treatments -----------------------------------------------------------------------------------

STOPS = [
    ("2024-08", "", True),
    ("2024-03-29", "of the day of the visit that is locked", True),
    ("2024-03", "of its month: it may have been later", True),
    ("2024-03-28", "of the day before: then it was not taken at the visit", False),
]


@pytest.mark.parametrize(("on", "why", "is_taken"), STOPS, ids=[on for on, _, _ in STOPS])
def test_an_ongoing_treatment_of_a_locked_visit_is_stopped_at_a_later_one(
    locked, autumn, coordinator, on, why, is_taken
):
    treatment = Treatment.objects.get()
    part = answered(treatment, "stopped", on=PartialDate.parse(on))

    if is_taken:
        change(autumn, coordinator, part)
    else:
        assert WORDS in refused(lambda: change(autumn, coordinator, part))

    treatment.refresh_from_db()
    assert treatment.stopped_on == (on if is_taken else "")


def test_a_stop_that_a_locked_visit_told_is_not_told_again_at_a_later_one(patient, coordinator):
    began, stopped = PartialDate.parse("2024-03"), PartialDate.parse("2024-03-27")
    entry = TreatmentEntry("azathioprine", began, stopped, dose="50 mg")
    spring = visit_with(patient, coordinator, treatments(new=(entry,)))
    autumn = visit_with(patient, coordinator, code="M6", on=AUTUMN)
    factories.make_lock(visit=spring)
    treatment = Treatment.objects.get()
    part = answered(treatment, "stopped", on=PartialDate.parse("2024-08"))

    assert WORDS in refused(lambda: change(autumn, coordinator, part))

    treatment.refresh_from_db()
    assert treatment.stopped_on == "2024-03-27"


def test_a_dose_of_a_locked_visit_is_changed_at_a_later_one(locked, autumn, coordinator):
    told = {"on": PartialDate.parse("2024-08"), "dose": "2 g"}

    change(autumn, coordinator, answered(Treatment.objects.get(), "dose", **told))

    doses = Treatment.objects.order_by("started_on").values_list(
        "started_on", "stopped_on", "dose", "visit_id"
    )
    assert list(doses) == [("2024-03", "2024-08", "1 g", locked.pk), ("2024-08", "", "2 g", autumn.pk)]


def test_a_stop_told_later_leaves_the_locked_visit_signed(spring, autumn, coordinator, investigator):
    signed(spring, investigator)
    factories.make_lock(visit=spring)

    change(autumn, coordinator, answered(Treatment.objects.get(), "stopped", on=PartialDate.parse("2024-08")))

    assert is_valid(spring)


def test_a_stop_told_later_is_corrected_and_taken_back_at_the_visit_that_told_it(locked, autumn, coordinator):
    treatment = Treatment.objects.get()
    change(autumn, coordinator, answered(treatment, "stopped", on=PartialDate.parse("2024-08")))

    for stop in ("2024-07-12", ""):
        fix = CorrectionEntry(
            treatment.pk, PartialDate.parse("2024-03"), PartialDate.parse(stop) if stop else None, "1 g"
        )
        change(autumn, coordinator, treatments(corrections=(fix,)))
        treatment.refresh_from_db()
        assert treatment.stopped_on == stop
    assert not TreatmentAnswer.objects.filter(treatment=treatment).exists()


def test_a_stop_told_at_a_locked_visit_is_closed_with_it(spring, autumn, coordinator):
    treatment = Treatment.objects.get()
    change(autumn, coordinator, answered(treatment, "stopped", on=PartialDate.parse("2024-08")))
    factories.make_lock(visit=autumn)
    fix = CorrectionEntry(treatment.pk, PartialDate.parse("2024-03"), PartialDate.parse("2024-07"), "1 g")

    assert "Visit M6 of patient VIE-0001 is locked" in refused(
        lambda: change(spring, coordinator, treatments(corrections=(fix,)))
    )


@pytest.mark.parametrize(
    "part",
    [
        lambda pk: {"corrections": (CorrectionEntry(pk, PartialDate.parse("2024-02"), None, "1 g"),)},
        lambda pk: {"corrections": (CorrectionEntry(pk, PartialDate.parse("2024-03"), None, "2 g"),)},
        lambda pk: {
            "corrections": (
                CorrectionEntry(pk, PartialDate.parse("2024-03"), PartialDate.parse("2024-08"), "1 g"),
            )
        },
        lambda pk: {"removed_ids": (pk,)},
    ],
    ids=["its start", "its dose", "its stop, answered at no visit", "removed"],
)
def test_a_later_visit_does_not_correct_a_treatment_of_a_locked_one(locked, autumn, coordinator, part):
    treatment = Treatment.objects.values().get()

    assert WORDS in refused(lambda: change(autumn, coordinator, treatments(**part(treatment["id"]))))

    assert Treatment.objects.values().get() == treatment


def test_a_treatment_that_a_locked_visit_asked_about_is_as_it_was_asked(spring, autumn, coordinator):
    treatment = Treatment.objects.get()
    change(autumn, coordinator, answered(treatment, "same"))
    factories.make_lock(visit=autumn)
    fix = CorrectionEntry(treatment.pk, PartialDate.parse("2024-03"), None, "2 g")

    assert "Visit M6 of patient VIE-0001 is locked" in refused(
        lambda: change(spring, coordinator, treatments(corrections=(fix,)))
    )


def test_a_vaccine_of_a_locked_visit_is_closed_with_it(patient, coordinator):
    day = PartialDate.parse("2024-03-15")
    part = TreatmentsPart(section="prevention", new=(TreatmentEntry("influenza", day, day),))
    spring = visit_with(patient, coordinator, part)
    autumn = visit_with(patient, coordinator, code="M6", on=AUTUMN)
    factories.make_lock(visit=spring)
    vaccine = Treatment.objects.get()
    later = PartialDate.parse("2024-03-16")
    fix = CorrectionEntry(vaccine.pk, later, later, "")

    assert WORDS in refused(
        lambda: change(autumn, coordinator, TreatmentsPart(section="prevention", corrections=(fix,)))
    )


def test_an_unlocked_visit_takes_corrections_again(locked, autumn, coordinator, manager, lead):
    asked = ask_to_unlock(
        lock=RecordLock.objects.get(), reason="The dose was misread.", hours=None, by=manager, at=NIGHT
    )
    decide_unlocking(unlocking=asked, approved=True, reason="", by=lead, at=NIGHT)
    treatment = Treatment.objects.get()
    fix = CorrectionEntry(treatment.pk, PartialDate.parse("2024-03"), None, "2 g")

    change(autumn, coordinator, treatments(corrections=(fix,)))

    treatment.refresh_from_db()
    assert treatment.dose == "2 g"


def test_facts_of_a_first_report_by_itself_are_of_no_visit(patient, spring, autumn):
    event = factories.make_event(patient=patient, term="Rash", category="infection")
    InfectionDetails.objects.create(
        event=event, patient=patient, number=0, entered_at=NIGHT, origin="form", site="skin"
    )
    factories.make_lock(visit=spring)

    with acting(rows=EVERYTHING), because("misread"):
        assert InfectionDetails.objects.filter(event=event).update(site="gut") == 1
        assert AdverseEvent.objects.filter(pk=event.pk).update(term="Exanthema") == 1
