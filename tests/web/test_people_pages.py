"""The pages of consent, enrolment, infusions, the end of follow-up and transfer."""

import re
from datetime import date
from uuid import uuid4

import pytest

from registry.models import (
    Consent,
    ConsentVersion,
    ConsentWithdrawal,
    Infusion,
    Patient,
    SiteStay,
    Visit,
)
from tests import factories


def day(name, on):
    return {f"{name}_day": str(on.day), f"{name}_month": str(on.month), f"{name}_year": str(on.year)}


@pytest.fixture(autouse=True)
def _today(on_1_september_2024):
    """All of it on 1 September 2024."""


@pytest.fixture
def person(as_user, coordinator):
    return as_user(coordinator)


@pytest.fixture
def version(study):
    return factories.make_consent_version(study=study)


# --- consent ----------------------------------------------------------------------------------


def consent_data(signed, **typed):
    return {
        "submission": str(uuid4()),
        "version": str(signed.pk),
        "scopes": ["follow_up", "laboratory", "share_sponsor"],
        **day("given_on", date(2024, 2, 20)),
        **typed,
    }


def withdrawal_data(*scopes, on=date(2024, 8, 15), **typed):
    return {
        "withdraw-submission": str(uuid4()),
        "withdraw-scopes": list(scopes),
        **day("withdraw-withdrawn_on", on),
        **typed,
    }


def page_of(client, patient, tail="consent/"):
    return client.get(f"/patients/{patient.public_id}/{tail}").content.decode()


def test_a_signed_form_is_recorded_and_the_patients_page_says_so(person, patient, version):
    answer = person.post(f"/patients/{patient.public_id}/consent/", consent_data(version))

    assert answer.status_code == 302
    assert Consent.objects.get().scopes == ["follow_up", "laboratory", "share_sponsor"]
    assert "Consent limited: 3 scopes not given" in page_of(person, patient, "")


def test_a_patient_without_a_consent_is_a_question_to_the_site(person, patient, version):
    assert "No consent is recorded" in page_of(person, patient)
    assert "Consent not recorded" in page_of(person, patient, "")


def test_a_withdrawal_before_the_enrolment_is_refused_beside_its_day(person, patient):
    data = withdrawal_data("follow_up", on=date(2024, 2, 1))

    answer = person.post(f"/patients/{patient.public_id}/consent/withdraw/", data)

    assert (answer.status_code, ConsentWithdrawal.objects.count()) == (422, 0)
    assert "before enrolment on 23 Feb 2024" in answer.content.decode()


def test_before_the_study_has_a_version_nothing_is_asked(person, patient):
    assert "no consent version yet" in page_of(person, patient)
    assert "Consent not recorded" not in page_of(person, patient, "")


def test_a_second_form_of_the_version_is_asked_why(person, patient, version):
    address = f"/patients/{patient.public_id}/consent/"
    person.post(address, consent_data(version))

    refused = person.post(address, consent_data(version, scopes=["follow_up"]))
    replaced = person.post(
        address, consent_data(version, scopes=["follow_up"], replaces_because="misread the form")
    )

    assert (refused.status_code, replaced.status_code) == (422, 302)
    assert "given on 20 Feb 2024. Why is it replaced?" in refused.content.decode()
    assert Consent.objects.get(replaced_at__isnull=True).scopes == ["follow_up"]


@pytest.mark.parametrize(
    "typed",
    [
        {"version": ""},
        {"scopes": []},
        {"given_on_day": "31", "given_on_month": "2"},
        {"given_on_year": "2025"},
    ],
)
def test_an_impossible_consent_is_refused_with_everything_typed(person, patient, version, typed):
    answer = person.post(f"/patients/{patient.public_id}/consent/", consent_data(version, **typed))

    assert answer.status_code == 422
    assert answer.content.decode().startswith("<!doctype html>")
    assert "<title>Error: Consent" in answer.content.decode()
    assert not Consent.objects.exists()


def test_a_withdrawal_ends_follow_up_and_the_visit_form_refuses_in_words(person, patient, version):
    factories.make_consent(patient=patient, version=version)

    person.post(
        f"/patients/{patient.public_id}/consent/withdraw/", withdrawal_data("follow_up", "laboratory")
    )
    patient.refresh_from_db()
    late = person.post(
        f"/patients/{patient.public_id}/visits/UNS/",
        {
            "submission": str(uuid4()),
            "status": "completed",
            "new_malignancy": "no",
            "step": "save",
            **day("visited_on", date(2024, 8, 20)),
        },
    )

    assert (patient.follow_up_ended_on, patient.follow_up_end_reason) == (date(2024, 8, 15), "withdrawal")
    assert late.status_code == 422
    assert (
        "Consent to follow-up data from visits and records was withdrawn on 15 Aug 2024"
        in late.content.decode()
    )
    assert "Consent withdrawn day 167, 15 Aug 2024" in page_of(person, patient, "")
    assert not Visit.objects.exists()


def test_a_withdrawal_that_names_nothing_is_refused_where_it_was_typed(person, patient):
    answer = person.post(f"/patients/{patient.public_id}/consent/withdraw/", withdrawal_data())

    assert answer.status_code == 422
    assert 'href="#id_withdraw-scopes_0"' in answer.content.decode()
    assert not ConsentWithdrawal.objects.exists()


def test_a_withdrawal_by_mistake_is_taken_back_with_a_reason(person, patient):
    withdrawal = factories.make_withdrawal(patient=patient)
    address = f"/patients/{patient.public_id}/consent/withdrawals/{withdrawal.pk}/"

    answers = [person.post(address, {"reason": reason}).status_code for reason in ("", "wrong patient")]

    assert answers == [422, 302]
    assert "Recorded by mistake: wrong patient" in page_of(person, patient)
    assert person.get(address).status_code == 404


def test_who_may_only_look_sees_no_form(as_user, officer, patient, version):
    page = page_of(as_user(officer), patient)

    assert "What stands today" in page
    assert "Record a signed form" not in page


def test_the_list_names_who_has_to_be_asked(person, site, study, version):
    asked = factories.make_patient(site=site, code="VIE-0001")
    signed = factories.make_patient(site=site, code="VIE-0002")
    gone = factories.make_patient(site=site, code="VIE-0003")
    factories.make_patient(site=site, code="VIE-0004", infused_on=None)
    factories.make_consent(patient=signed, version=version)
    factories.make_withdrawal(patient=gone, scopes=("follow_up",))

    before = person.get("/patients/consents/").content.decode()
    factories.make_consent_version(study=study, version="2.0", effective_from=date(2024, 8, 1))
    after = person.get("/patients/consents/").content.decode()

    assert [code for code in ("VIE-0001", "VIE-0002", "VIE-0003", "VIE-0004") if code in before] == [
        asked.code
    ]
    assert [code for code in ("VIE-0001", "VIE-0002", "VIE-0003", "VIE-0004") if code in after] == [
        asked.code,
        signed.code,
    ]


def test_the_list_asks_as_much_for_one_as_for_fifty(person, site, version, django_assert_max_num_queries):
    factories.make_patient(site=site)
    with django_assert_max_num_queries(30) as few:
        person.get("/patients/consents/")
    for _ in range(60):
        factories.make_patient(site=site)

    with django_assert_max_num_queries(len(few)):
        person.get("/patients/consents/")


def test_a_data_manager_adds_a_version(as_user, manager, study):
    client = as_user(manager)
    typed = {
        "version": "2.0",
        "title": "Sheet",
        "scopes": ["follow_up", "laboratory"],
        "text_digest": "AB" * 32,
        **day("effective_from", date(2024, 8, 1)),
    }

    answers = [client.post("/patients/consents/CART-AID/versions/", typed).status_code for _ in range(2)]

    assert answers == [302, 422]
    assert ConsentVersion.objects.get().text_digest == "ab" * 32


# --- enrolment --------------------------------------------------------------------------------


def enrol_data(site, **typed):
    return {
        "site": str(site.pk),
        "patient_id": "VIE-0100",
        "sex": "F",
        "birth_year": "1985",
        "diagnosis": "SLE",
        "cohort": "CAR_T",
        "prior_malignancy": "no",
        "organs_at_baseline": ["skin", "kidney"],
        "dose_cells": "100,5",
        **day("enrolled_on", date(2024, 2, 20)),
        **day("infused_on", date(2024, 3, 4)),
        "step": "check",
        **typed,
    }


@pytest.fixture
def product(study):
    return factories.make_product(study=study)


def again(product, on=date(2024, 3, 4)):
    return {"step": "save", "again_product": str(product.pk), **day("again_on", on)}


def test_a_patient_is_enrolled_after_the_day_and_product_were_typed_again(person, site, product):
    data = enrol_data(site, product=str(product.pk))

    checked = person.post("/patients/enrol/", data)
    unconfirmed = person.post("/patients/enrol/", {**data, "step": "save"})
    saved = person.post("/patients/enrol/", {**data, **again(product)})

    assert (checked.status_code, unconfirmed.status_code, saved.status_code) == (200, 422, 302)
    patient = Patient.objects.get()
    assert (patient.code, patient.prior_malignancy, patient.organs_at_baseline) == (
        "VIE-0100",
        False,
        ["skin", "kidney"],
    )
    assert str(Infusion.objects.get().dose_cells) == "100.5000"


@pytest.mark.parametrize("wrong", ["day", "product"])
def test_what_is_typed_differently_the_second_time_is_asked_about(person, site, study, product, wrong):
    other = factories.make_product(study=study, code="CAR20")
    typed = again(product, date(2024, 3, 3)) if wrong == "day" else again(other)

    answer = person.post("/patients/enrol/", {**enrol_data(site, product=str(product.pk)), **typed})

    assert answer.status_code == 422
    assert "Which is right?" in answer.content.decode()
    assert not Patient.objects.exists()


@pytest.mark.parametrize(
    "typed",
    [
        {"patient_id": ""},
        {"birth_year": "19x5"},
        {"sex": ""},
        {"cohort": ""},
        {"enrolled_on_year": "2025"},
        {"product": ""},
        {"dose_cells": "many"},
        {"cohort": "COMPARATOR"},
        {"disease_onset_year": "1980"},
    ],
)
def test_an_impossible_enrolment_stores_nothing(person, site, product, typed):
    answer = person.post("/patients/enrol/", enrol_data(site, **{"product": str(product.pk), **typed}))

    assert answer.status_code == 422
    assert not Patient.objects.exists()


def test_a_comparator_confirms_the_index_date(person, site):
    data = enrol_data(site, cohort="COMPARATOR", dose_cells="", infused_on_day="", infused_on_month="")
    data |= {"infused_on_year": "", **day("index_date", date(2024, 2, 21)), "step": "save"}

    wrong = person.post("/patients/enrol/", {**data, **day("again_index", date(2024, 2, 22))})
    right = person.post("/patients/enrol/", {**data, **day("again_index", date(2024, 2, 21))})

    assert (wrong.status_code, right.status_code) == (422, 302)
    assert Patient.objects.get().courses.get().day_zero == date(2024, 2, 21)


def test_a_likely_twin_is_a_question_that_a_reason_answers(person, site, patient, product):
    data = {**enrol_data(site, product=str(product.pk)), **again(product)}

    asked = person.post("/patients/enrol/", data)
    saved = person.post("/patients/enrol/", {**data, "go_on_because": "twin sister"})

    assert (asked.status_code, saved.status_code) == (422, 302)
    assert "enrolled at your site: VIE-0001" in asked.content.decode()


def test_an_id_that_is_taken_is_refused_beside_it(person, site, patient, product):
    data = {**enrol_data(site, product=str(product.pk), patient_id="VIE-0001", birth_year="1960")}

    answer = person.post("/patients/enrol/", {**data, **again(product)})

    assert answer.status_code == 422
    assert "The study has a patient VIE-0001 already" in answer.content.decode()


@pytest.mark.parametrize(
    ("written", "is_asked"),
    [("vie 0001", True), ("VIE0001", True), ("VIE-0010", False), ("VIE-00011", False)],
)
def test_an_id_written_nearly_as_another_is_a_question(person, site, patient, product, written, is_asked):
    data = enrol_data(site, product=str(product.pk), patient_id=written, birth_year="1960")

    page = person.post("/patients/enrol/", data).content.decode()
    saved = person.post("/patients/enrol/", {**data, **again(product)})

    assert ("written nearly as that of a patient of your site: VIE-0001" in page) is is_asked
    assert saved.status_code == (422 if is_asked else 302)


def test_an_id_that_is_taken_is_said_before_anything_is_typed_again(person, site, patient, product):
    data = enrol_data(site, product=str(product.pk), patient_id="VIE-0001", birth_year="1960")

    answer = person.post("/patients/enrol/", data)

    assert answer.status_code == 422
    assert "The study has a patient VIE-0001 already" in answer.content.decode()


def test_what_is_missing_of_a_patient_is_said_in_words_from_the_top_of_the_page_down(person, site, version):
    missing = {"patient_id": "", "sex": "", "diagnosis": "", "cohort": "", "infused_on_day": "40"}

    answer = person.post("/patients/enrol/", enrol_data(site, consent_version=str(version.pk), **missing))

    summary, page = answer.content.decode().split("<h1", 1)
    led_to = re.findall(r'href="#(id_[a-z_]+)', summary)
    assert "Give the subject ID." in summary
    assert "Choose the sex." in summary
    assert "Choose the disease." in summary
    assert "Give the day on which the consent was given." in summary
    assert "It must be given" not in summary
    assert len(led_to) >= 6
    assert led_to == sorted(led_to, key=lambda name: page.index(f'id="{name}'))


def test_a_coordinator_cannot_enrol_at_another_site(person, other_site_place, product):
    answer = person.post("/patients/enrol/", enrol_data(other_site_place, product=str(product.pk)))

    assert (answer.status_code, Patient.objects.count()) == (422, 0)


# --- a further infusion -----------------------------------------------------------------------


def test_a_further_infusion_says_what_it_moves_and_opens_its_course(person, patient, product):
    factories.make_visit(patient=patient, code="D28", visited_on=date(2024, 3, 29))
    typed = {"product": str(product.pk), "step": "check", **day("infused_on", date(2024, 3, 20))}
    address = f"/patients/{patient.public_id}/infusions/"

    checked = person.post(address, typed)
    saved = person.post(address, {**typed, **again(product, date(2024, 3, 20))})

    assert (
        "1 recorded visit from that day on moves to the new course: Visit D28, day 28, 29 Mar 2024"
        in checked.content.decode()
    )
    assert (checked.status_code, saved.status_code) == (200, 302)
    assert patient.courses.count() == 2
    assert Visit.objects.get().course.day_zero == date(2024, 3, 20)


def test_an_infusion_of_a_day_that_has_one_is_refused(person, patient, product):
    typed = {
        "product": str(product.pk),
        **again(product, factories.DAY_0),
        **day("infused_on", factories.DAY_0),
    }

    answer = person.post(f"/patients/{patient.public_id}/infusions/", typed)

    assert (answer.status_code, Infusion.objects.count()) == (422, 1)


# --- the end of follow-up ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ({"reason": "lost"}, 302),
        ({"reason": "completed"}, 302),
        ({"reason": "death", "cause_of_death": "Pneumonia"}, 302),
        ({"reason": "lost", "cause_of_death": "Pneumonia"}, 422),
        ({"reason": ""}, 422),
        ({"reason": "lost", "ended_on_year": "2025"}, 422),
        ({"reason": "lost", "ended_on_day": ""}, 422),
    ],
)
def test_follow_up_ends_with_day_and_reason(person, patient, typed, status):
    data = {**day("ended_on", date(2024, 8, 1)), **typed}

    answer = person.post(f"/patients/{patient.public_id}/end/", data)

    patient.refresh_from_db()
    assert answer.status_code == status
    assert patient.follow_up_ended_on == (date(2024, 8, 1) if status == 302 else None)


def test_a_second_end_is_refused_in_words(person, patient):
    data = {**day("ended_on", date(2024, 8, 1)), "reason": "lost"}
    address = f"/patients/{patient.public_id}/end/"

    answers = [person.post(address, data) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 422]
    assert "Follow-up ended already on 1 Aug 2024" in answers[1].content.decode()


# --- transfer ---------------------------------------------------------------------------------


@pytest.fixture
def mover(as_user, manager):
    return as_user(manager)


def transfer_data(patient, to, **typed):
    return {
        "submission": str(uuid4()),
        "from_site": str(patient.site_id),
        "to_site": str(to.pk),
        "reason": "moved house",
        **day("moved_on", date(2024, 8, 1)),
        **typed,
    }


def test_a_transfer_is_seen_on_the_patients_page_and_the_old_site_finds_nobody(
    mover, person, patient, other_site_place, other_site, as_user, coordinator, manager
):
    data = transfer_data(patient, other_site_place)

    answers = [
        as_user(manager).post(f"/patients/{patient.public_id}/transfer/", data).status_code for _ in range(2)
    ]

    assert answers == [302, 302]
    assert SiteStay.objects.count() == 2
    assert "transferred from VIE on day 153, 1 Aug 2024" in page_of(as_user(other_site), patient, "")
    assert as_user(coordinator).get(f"/patients/{patient.public_id}/").status_code == 404


@pytest.mark.parametrize(
    "typed", [{"to_site": ""}, {"reason": ""}, {"moved_on_year": "2025"}, {"moved_on_day": ""}]
)
def test_an_impossible_transfer_is_refused(mover, patient, other_site_place, typed):
    answer = mover.post(
        f"/patients/{patient.public_id}/transfer/", transfer_data(patient, other_site_place, **typed)
    )

    assert (answer.status_code, SiteStay.objects.count()) == (422, 0)


def test_a_page_opened_before_another_transfer_is_told(mover, site, patient, other_site_place):
    third = factories.make_site(study=site.study, code="LNZ")
    opened = transfer_data(patient, third)
    factories.make_transfer(patient=patient, to_site=other_site_place)

    answer = mover.post(f"/patients/{patient.public_id}/transfer/", opened)

    assert answer.status_code == 409
    assert "transferred to GRZ meanwhile" in answer.content.decode()


def test_whoever_adds_consent_versions_is_led_to_them_before_there_is_one(as_user, manager, coordinator):
    managers = as_user(manager).get("/patients/consents/").content.decode()
    site = as_user(coordinator).get("/patients/consents/").content.decode()

    assert "/patients/consents/CART-AID/versions/" in managers
    assert "/versions/" not in site
