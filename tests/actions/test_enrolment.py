"""People come under follow-up, infusions open courses, follow-up ends."""

from datetime import date
from decimal import Decimal

import pytest

from registry.access.roles import NotAllowed
from registry.access.scope import EVERYTHING, acting
from registry.actions.enrolment import (
    EnrolmentEntry,
    InfusionEntry,
    end_follow_up,
    enrol_patient,
    record_infusion,
)
from registry.actions.refused import RecordRefused
from registry.models import AuditEvent, Course, Infusion, Patient
from tests import factories

pytestmark = pytest.mark.django_db
TODAY = date(2025, 6, 1)
ENTRY = {"patient_id": "P1", "sex": "F", "birth_year": 1985, "diagnosis": "SLE", "cohort": "CAR_T"}


def enrol(site, by, **changed):
    entry = EnrolmentEntry(**{**ENTRY, "enrolled_on": date(2024, 2, 20), **changed})
    return enrol_patient(site=site, entry=entry, by=by, today=TODAY)


def infuse(patient, by, on, **facts):
    entry = InfusionEntry(infused_on=on, product=factories.make_product(study=patient.study), **facts)
    return record_infusion(patient=patient, entry=entry, by=by, today=TODAY)


def refused_fields(refusal):
    return [problem.field for problem in refusal.value.problems]


def test_a_patient_is_enrolled_at_the_site(site, coordinator):
    patient = enrol(site, coordinator, organs_at_baseline=("skin", "kidney"), failed_therapies=3)

    stored = Patient.objects.get(code="P1")
    assert stored == patient
    assert (stored.study, stored.site, stored.enrolled_on) == (site.study, site, date(2024, 2, 20))
    assert (stored.organs_at_baseline, stored.failed_therapies) == (["skin", "kidney"], 3)


def test_enrolment_is_recorded_with_the_person(site, coordinator):
    with acting(rows=EVERYTHING, by=coordinator, origin="form", reason="enrolment"):
        enrol(site, coordinator)

    event = AuditEvent.objects.get(tbl="registry_patient")
    assert (event.actor_id, event.reason) == (coordinator.pk, "enrolment")


def test_a_comparator_begins_the_course_on_the_index_date(site, coordinator):
    enrol(site, coordinator, cohort="COMPARATOR", index_date=date(2024, 2, 21))

    assert Course.objects.get().day_zero == date(2024, 2, 21)


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"patient_id": "VIE-0001"}, ["patient_id"]),
        ({"sex": "X"}, ["sex"]),
        ({"cohort": "COMPARATOR"}, ["index_date"]),
        ({"enrolled_on": date(2025, 6, 2)}, ["enrolled_on"]),
    ],
)
def test_an_impossible_enrolment_is_refused(site, patient, coordinator, changed, fields):
    with pytest.raises(RecordRefused) as refusal:
        enrol(site, coordinator, **changed)

    assert refused_fields(refusal) == fields
    assert Patient.objects.count() == 1


@pytest.mark.parametrize("actor", ["other_site", "officer", "sponsor", "manager"])
def test_only_the_site_enrols_infuses_and_ends(request, site, patient, actor):
    by = request.getfixturevalue(actor)

    with pytest.raises(NotAllowed):
        enrol(site, by)
    with pytest.raises(NotAllowed):
        infuse(patient, by, date(2024, 9, 1))
    with pytest.raises(NotAllowed):
        end_follow_up(patient=patient, ended_on=date(2024, 9, 1), reason="lost", by=by, today=TODAY)
    assert (Patient.objects.count(), Infusion.objects.count()) == (1, 1)


def test_an_infusion_opens_its_course(patient, coordinator):
    infusion = infuse(patient, coordinator, date(2024, 9, 1), dose_cells=Decimal(100), lot="L1")

    assert infusion.course.day_zero == date(2024, 9, 1)
    assert patient.courses.count() == 2


@pytest.mark.parametrize(
    ("infused_on", "expected"),
    [
        (date(2024, 3, 28), date(2024, 3, 28)),
        (date(2024, 3, 29), date(2024, 3, 29)),
        (date(2024, 3, 30), factories.DAY_0),
        (date(2024, 2, 1), factories.DAY_0),
    ],
)
def test_a_visit_belongs_to_the_latest_infusion_on_or_before_it(patient, coordinator, infused_on, expected):
    visit = factories.make_visit(patient=patient, visited_on=date(2024, 3, 29))

    infuse(patient, coordinator, infused_on)

    visit.refresh_from_db()
    assert visit.course.day_zero == expected


def test_a_missed_visit_without_a_date_stays_in_its_course(patient, coordinator):
    visit = factories.make_visit(patient=patient, status="missed")

    infuse(patient, coordinator, date(2024, 3, 15))

    visit.refresh_from_db()
    assert visit.course.day_zero == factories.DAY_0


@pytest.mark.parametrize(
    ("on", "facts"),
    [(factories.DAY_0, {}), (date(2025, 6, 2), {}), (date(2024, 9, 1), {"dose_cells": Decimal(0)})],
)
def test_an_impossible_infusion_is_refused(patient, coordinator, on, facts):
    with pytest.raises(RecordRefused):
        infuse(patient, coordinator, on, **facts)

    assert Course.objects.count() == 1


def test_a_product_of_another_study_is_refused(patient, coordinator):
    product = factories.make_product(study=factories.make_study(key="OTHER"))

    with pytest.raises(RecordRefused) as refusal:
        record_infusion(
            patient=patient,
            entry=InfusionEntry(infused_on=date(2024, 9, 1), product=product),
            by=coordinator,
            today=TODAY,
        )

    assert refused_fields(refusal) == ["product_id"]


def test_follow_up_ends_with_its_last_day_and_reason(patient, coordinator):
    ended = end_follow_up(
        patient=patient,
        ended_on=date(2024, 9, 1),
        reason="death",
        cause_of_death="sepsis",
        by=coordinator,
        today=TODAY,
    )

    ended.refresh_from_db()
    assert (ended.died_on, ended.cause_of_death) == (date(2024, 9, 1), "sepsis")


@pytest.mark.parametrize(
    ("ended_on", "reason", "field"),
    [
        (None, "", "follow_up_ended_on"),
        (None, "lost", "follow_up_ended_on"),
        (date(2024, 9, 1), "", "follow_up_end_reason"),
        (date(2024, 2, 22), "lost", "follow_up_ended_on"),
        (date(2025, 6, 2), "lost", "follow_up_ended_on"),
    ],
)
def test_an_impossible_end_is_refused(patient, coordinator, ended_on, reason, field):
    with pytest.raises(RecordRefused) as refusal:
        end_follow_up(patient=patient, ended_on=ended_on, reason=reason, by=coordinator, today=TODAY)

    assert refused_fields(refusal) == [field]


@pytest.mark.parametrize(("died_on", "refused"), [(date(2024, 4, 9), True), (date(2024, 4, 10), False)])
@pytest.mark.parametrize("kept", ["visit", "result"])
def test_death_is_not_before_what_is_recorded(patient, coordinator, died_on, refused, kept):
    if kept == "visit":
        factories.make_visit(patient=patient, visited_on=date(2024, 4, 10))
    else:
        factories.make_result(patient=patient, collected_on=date(2024, 4, 10))

    def end():
        end_follow_up(patient=patient, ended_on=died_on, reason="death", by=coordinator, today=TODAY)

    if refused:
        with pytest.raises(RecordRefused):
            end()
    else:
        end()


def test_follow_up_ends_once(patient, coordinator):
    end_follow_up(patient=patient, ended_on=date(2024, 9, 1), reason="lost", by=coordinator, today=TODAY)

    with pytest.raises(RecordRefused):
        end_follow_up(patient=patient, ended_on=date(2024, 9, 2), reason="lost", by=coordinator, today=TODAY)
