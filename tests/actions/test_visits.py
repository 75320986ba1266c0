"""Recording visits: all or nothing, once, by who may, and never over somebody else's change."""

import threading
from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest
from django.db import connection

from registry.access.roles import NotAllowed
from registry.access.scope import acting, rows_of
from registry.actions.laboratory import ResultEntry
from registry.actions.refused import RecordRefused
from registry.actions.visits import (
    AlreadyRecorded,
    ChangedMeanwhile,
    SupportEntry,
    VisitEntry,
    change_visit,
    record_visit,
)
from registry.models import AuditEvent, LabResult, SupportiveTreatment, Visit
from tests import factories
from tests.factories import NIGHT

TODAY = date(2024, 9, 1)
ON_DAY_28 = VisitEntry(status="completed", visited_on=date(2024, 3, 29))
ANC = ResultEntry("ANC", "400", "/uL", date(2024, 3, 29))


def record(patient, *, by, code="D28", entry=ON_DAY_28, submission=None, **more):
    return record_visit(
        patient=patient,
        course=patient.courses.get(),
        code=code,
        entry=entry,
        submission=submission or uuid4(),
        by=by,
        at=NIGHT,
        today=TODAY,
        **more,
    )


def change(visit, *, by, version=1, entry=ON_DAY_28, reason="misread", **more):
    return change_visit(
        visit=visit, version=version, entry=entry, reason=reason, by=by, at=NIGHT, today=TODAY, **more
    )


def test_one_impossible_result_keeps_the_whole_visit_out(patient, coordinator):
    impossible = replace(ANC, value="4000000")

    with pytest.raises(RecordRefused, match="value"):
        record(patient, by=coordinator, results=[ANC, impossible])

    assert not Visit.objects.exists()
    assert not LabResult.objects.exists()


@pytest.mark.parametrize("actor", ["other_site", "officer", "lead", "manager", "sponsor", "administrator"])
def test_only_the_patients_own_site_records(request, patient, actor):
    with pytest.raises(NotAllowed):
        record(patient, by=request.getfixturevalue(actor))

    assert not Visit.objects.exists()


def test_the_same_submission_is_one_visit(patient, coordinator):
    submission = uuid4()

    first = record(patient, by=coordinator, submission=submission)
    second = record(patient, by=coordinator, submission=submission)

    assert first == second
    assert Visit.objects.count() == 1


def test_another_submission_of_a_recorded_visit_is_told_so(patient, coordinator, investigator):
    first = record(patient, by=coordinator)

    with pytest.raises(AlreadyRecorded) as refusal:
        record(patient, by=investigator)

    assert refusal.value.visit == first


def test_two_unscheduled_visits_of_a_course_are_two_and_of_a_day_one(patient, coordinator):
    record(patient, by=coordinator, code="UNS")
    record(patient, by=coordinator, code="UNS", entry=replace(ON_DAY_28, visited_on=date(2024, 4, 3)))

    with pytest.raises(AlreadyRecorded):
        record(patient, by=coordinator, code="UNS")

    assert Visit.objects.filter(code="UNS").count() == 2


def test_an_unscheduled_visit_that_did_not_take_place_is_nothing(patient, coordinator):
    missed = VisitEntry("missed", date(2024, 4, 3), missed_reason="Did not come")

    with pytest.raises(RecordRefused) as refusal:
        record(patient, by=coordinator, code="UNS", entry=missed)

    assert [problem.field for problem in refusal.value.problems] == ["status"]
    assert not Visit.objects.exists()


def test_an_unscheduled_visit_recorded_by_mistake_is_taken_back(patient, coordinator):
    visit = record(patient, by=coordinator, code="UNS")
    none = VisitEntry("missed", visit.visited_on, missed_reason="Another patient's")

    assert change(visit, by=coordinator, entry=none).status == "missed"


def test_a_result_that_is_there_already_is_one(patient, coordinator):
    factories.make_result(patient=patient, collected_on=date(2024, 3, 29), value="0.4")

    record(patient, by=coordinator, results=[ANC, replace(ANC, value="500")])

    assert sorted(LabResult.objects.values_list("entered_value", flat=True)) == ["0.4", "500"]


def test_a_treatment_that_is_there_already_is_one(patient, coordinator):
    factories.make_support(patient=patient, given_on=date(2024, 3, 20))

    record(patient, by=coordinator, supports=[SupportEntry(date(2024, 3, 20), "g_csf")] * 2)

    assert SupportiveTreatment.objects.count() == 1


def test_a_yes_to_the_malignancy_question_needs_its_words(patient, coordinator):
    with pytest.raises(RecordRefused, match="new_malignancy_text"):
        record(patient, by=coordinator, entry=replace(ON_DAY_28, new_malignancy=True))


def test_a_change_is_audited_with_its_reason_and_its_person(patient, coordinator):
    visit = record(patient, by=coordinator)

    with acting(rows=rows_of(coordinator), by=coordinator, origin="form"):
        change(visit, by=coordinator, entry=replace(ON_DAY_28, visited_on=date(2024, 3, 28)))

    event = AuditEvent.objects.filter(tbl="registry_visit", op="U").latest("id")
    assert (event.actor_id, event.reason, event.origin) == (coordinator.pk, "misread", "form")
    assert (event.old["visited_on"], event.new["visited_on"]) == ("2024-03-29", "2024-03-28")


def test_an_older_version_is_refused_and_changes_nothing(patient, coordinator, investigator):
    visit = record(patient, by=coordinator)
    change(visit, by=coordinator, entry=replace(ON_DAY_28, visited_on=date(2024, 3, 28)))

    with pytest.raises(ChangedMeanwhile) as refusal:
        change(visit, by=investigator, results=[ANC])

    assert refusal.value.visit.visited_on == date(2024, 3, 28)
    assert not LabResult.objects.exists()


def test_a_change_without_a_reason_is_refused(patient, coordinator):
    visit = record(patient, by=coordinator)

    with pytest.raises(RecordRefused, match="reason"):
        change(visit, by=coordinator, reason="  ")


def test_a_visit_stays_within_its_course(patient, coordinator):
    factories.make_infusion(patient=patient, infused_on=date(2024, 3, 20))

    with pytest.raises(RecordRefused, match="visited_on"):
        record_visit(
            patient=patient,
            course=patient.courses.earliest("day_zero"),
            code="D28",
            entry=ON_DAY_28,
            submission=uuid4(),
            by=coordinator,
            at=NIGHT,
            today=TODAY,
        )


@pytest.mark.django_db(transaction=True)
def test_eight_simultaneous_savings_of_one_form_are_one_visit(patient, coordinator):
    submission = uuid4()
    outcomes = []

    def save():
        try:
            with acting(rows=rows_of(coordinator), by=coordinator, origin="form"):
                outcomes.append(record(patient, by=coordinator, submission=submission, results=[ANC]).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=save) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(outcomes) == 8
    assert len(set(outcomes)) == 1
    assert Visit.objects.count() == LabResult.objects.count() == 1
