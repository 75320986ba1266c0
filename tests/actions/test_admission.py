"""Enrolment with consent and first infusion as one act, and the question whether it is the same person."""

from datetime import date

import pytest

from registry.access.roles import NotAllowed
from registry.access.scope import EVERYTHING, acting, rows_of
from registry.actions.admission import LikelyTwin, admit_patient, twins_of
from registry.actions.consent import ConsentEntry
from registry.actions.enrolment import EnrolmentEntry, InfusionEntry
from registry.actions.refused import RecordRefused
from registry.models import AuditEvent, Consent, Infusion, Patient
from tests import factories
from tests.factories import DAY_0, NIGHT

pytestmark = pytest.mark.django_db
TODAY = date(2024, 9, 1)
FACTS = {"patient_id": "P1", "sex": "F", "birth_year": 1985, "diagnosis": "SLE", "cohort": "CAR_T"}


def entry(**changed):
    return EnrolmentEntry(**{**FACTS, "enrolled_on": date(2024, 2, 20), **changed})


def infusion(site, on):
    return InfusionEntry(infused_on=on, product=factories.make_product(study=site.study), lot="L1")


def admit(site, by, *, on=None, because="", consent=None, **changed):
    return admit_patient(
        site=site,
        entry=entry(**changed),
        infusion=infusion(site, on) if on else None,
        consent=consent,
        go_on_because=because,
        by=by,
        at=NIGHT,
        today=TODAY,
    )


def test_enrolment_consent_and_first_infusion_are_one_act(site, coordinator):
    version = factories.make_consent_version(study=site.study)
    given = ConsentEntry(version=version, given_on=date(2024, 2, 20), scopes=("follow_up",))

    patient = admit(site, coordinator, on=DAY_0, consent=given)

    assert (patient.code, Infusion.objects.get().infused_on) == ("P1", DAY_0)
    assert Consent.objects.get().patient == patient


def test_nobody_is_enrolled_when_the_consent_or_the_infusion_is_impossible(site, coordinator):
    with pytest.raises(RecordRefused):
        admit(site, coordinator, on=date(2024, 9, 2))

    assert not Patient.objects.exists()


def test_the_same_form_sent_twice_is_one_patient(site, coordinator):
    first = admit(site, coordinator, on=DAY_0)
    second = admit(site, coordinator, on=DAY_0)

    assert (first, Patient.objects.count(), Infusion.objects.count()) == (second, 1, 1)


def test_an_id_that_is_taken_by_another_patient_is_refused(site, patient, coordinator):
    with pytest.raises(RecordRefused) as refusal:
        admit(site, coordinator, patient_id=patient.code, birth_year=1970)

    assert [problem.field for problem in refusal.value.problems] == ["patient_id"]


@pytest.mark.parametrize("actor", ["other_site", "officer", "manager", "sponsor"])
def test_only_the_site_enrols(request, site, actor):
    with pytest.raises(NotAllowed):
        admit(site, request.getfixturevalue(actor))


@pytest.mark.parametrize(
    ("changed", "on", "is_likely"),
    [
        ({}, date(2024, 1, 29), False),  # 32 days before the infusion of 1 March
        ({}, date(2024, 1, 30), True),
        ({}, date(2024, 4, 1), True),
        ({}, date(2024, 4, 2), False),
        ({"sex": "M"}, DAY_0, False),
        ({"birth_year": 1986}, DAY_0, False),
        ({"diagnosis": "SSC"}, DAY_0, False),
        ({}, None, False),
        ({"disease_onset_year": 2011}, None, True),
        ({"disease_onset_year": 2012}, None, False),
    ],
)
def test_the_same_person_is_likely_by_these_facts_together(site, coordinator, changed, on, is_likely):
    factories.make_patient(site=site, code="VIE-0001", disease_onset_year=2010)

    found = twins_of(site=site, entry=entry(**changed), infusion=infusion(site, on) if on else None)

    assert bool(found) is is_likely


def test_a_likely_twin_of_the_own_site_is_named_and_asked_about(site, patient, coordinator):
    with pytest.raises(LikelyTwin) as question:
        admit(site, coordinator, on=DAY_0)

    assert question.value.for_people == "A patient with these facts is enrolled at your site: VIE-0001."
    assert Patient.objects.count() == 1


def test_of_another_site_nothing_but_that_there_is_one_is_said(site, other_site_place, coordinator):
    factories.make_patient(site=other_site_place, code="GRZ-0007")

    with acting(rows=rows_of(coordinator), by=coordinator, origin="form"):
        with pytest.raises(LikelyTwin) as question:
            admit(site, coordinator, on=DAY_0)
        assert not Patient.objects.exists()  # what the question saw, the person does not

    assert "at another site: ask the data manager" in question.value.for_people
    assert "GRZ" not in question.value.for_people


def test_a_patient_of_another_study_is_no_twin(site, coordinator):
    elsewhere = factories.make_site(study=factories.make_study(key="OTHER"), code="VIE")
    factories.make_patient(site=elsewhere)

    assert admit(site, coordinator, on=DAY_0).code == "P1"


def test_with_a_reason_it_goes_on_and_the_reason_is_on_record(site, patient, coordinator):
    with acting(rows=EVERYTHING, by=coordinator, origin="form"):
        admitted = admit(site, coordinator, on=DAY_0, because="twin sister, both records seen")

    event = AuditEvent.objects.get(tbl="registry_patient", op="I", patient_id=admitted.pk)
    assert (event.reason, event.actor_id) == ("twin sister, both records seen", coordinator.pk)


def test_a_screened_patient_needs_neither_infusion_nor_consent(site, coordinator):
    patient = admit(site, coordinator, enrolled_on=None)

    assert (patient.enrolled_on, patient.courses.count()) == (None, 0)
