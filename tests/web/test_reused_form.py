"""A form sent again for another patient or visit is refused in words, and nothing of it is stored."""

from datetime import date

import pytest
from django.apps import apps
from django.db import connection

from registry.models import AdverseEvent, AnnualContact, Consent, ConsentWithdrawal, SiteStay, Visit
from tests import factories
from tests.web.late import contact_data, make_late_patient
from tests.web.scene import both, visit_data
from tests.web.test_events import event_data
from tests.web.test_people_pages import consent_data, transfer_data, withdrawal_data

REFUSED = "This form was saved before, for another patient or another visit."


@pytest.fixture
def two(scene):
    return scene.patient, scene.low


@pytest.fixture
def version(study):
    return factories.make_consent_version(study=study)


def refused(answer):
    page = answer.content.decode()
    return answer.status_code == 409 and REFUSED in page


def forms(version, elsewhere):
    """Every form that carries a submission: where it is sent, what, and what it stores."""
    return {
        "a visit": ("visits/M6/", lambda _: visit_data(), Visit),
        "an event": ("events/", lambda _: event_data(), AdverseEvent),
        "a consent": ("consent/", lambda _: consent_data(version), Consent),
        "a withdrawal": ("consent/withdraw/", lambda _: withdrawal_data("genetics"), ConsentWithdrawal),
        "a transfer": ("transfer/", lambda patient: transfer_data(patient, elsewhere), SiteStay),
    }


@pytest.mark.parametrize("form", ["a visit", "an event", "a consent", "a withdrawal", "a transfer"])
def test_a_form_of_one_patient_sent_for_another_is_refused(
    as_user, coordinator, manager, two, version, other_site_place, form
):
    person = as_user(manager if form == "a transfer" else coordinator)
    place, typed, model = forms(version, other_site_place)[form]
    one, other = two
    first = typed(one)
    assert person.post(f"/patients/{one.public_id}/{place}", first).status_code == 302
    stored = model.objects.count()
    name = next(name for name in first if name.endswith("submission"))

    answer = person.post(f"/patients/{other.public_id}/{place}", {**typed(other), name: first[name]})

    assert refused(answer)
    assert model.objects.count() == stored


def test_a_form_of_a_patient_whom_nobody_here_sees_is_refused_in_the_same_words(
    as_user, coordinator, scene, other_site_place
):
    elsewhere = factories.make_patient(site=other_site_place)
    data = visit_data()
    on = date(2024, 8, 30)
    factories.make_visit(patient=elsewhere, code="M6", visited_on=on, submission=data["submission"])

    answer = as_user(coordinator).post(f"/patients/{scene.patient.public_id}/visits/M6/", data)

    assert refused(answer)
    assert elsewhere.code not in answer.content.decode()


def test_a_yearly_contact_of_another_patient_is_refused(as_user, coordinator, study, site):
    one = make_late_patient(study=study, site=site)
    other = factories.make_patient(site=site, infused_on=date(2018, 7, 15))
    data = contact_data()
    person = as_user(coordinator)
    assert person.post(f"/patients/{one.public_id}/visits/Y6/contact/", data).status_code == 302

    assert refused(person.post(f"/patients/{other.public_id}/visits/Y6/contact/", data))
    assert AnnualContact.objects.count() == 1


def test_a_form_of_one_visit_sent_for_another_of_the_same_patient_is_refused(as_user, coordinator, two):
    person, data = as_user(coordinator), visit_data()
    one, _ = two
    assert person.post(f"/patients/{one.public_id}/visits/M6/", data).status_code == 302

    answer = person.post(f"/patients/{one.public_id}/visits/UNS/", data)

    assert refused(answer)
    assert not Visit.objects.filter(patient=one, code="UNS").exists()


@pytest.mark.parametrize("code", ["M6", "UNS"])
def test_the_same_form_once_more_is_still_the_same_visit(as_user, coordinator, two, code):
    person, data = as_user(coordinator), visit_data(**{"lab-ANC-value": "1.8"})
    one, _ = two

    answers = [person.post(f"/patients/{one.public_id}/visits/{code}/", data) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert Visit.objects.filter(patient=one, code=code).count() == 1


def test_the_form_of_an_unscheduled_visit_sent_again_for_another_day_is_refused(as_user, coordinator, two):
    person, data = as_user(coordinator), visit_data()
    one, _ = two
    assert person.post(f"/patients/{one.public_id}/visits/UNS/", data).status_code == 302

    answer = person.post(f"/patients/{one.public_id}/visits/UNS/", {**data, "visited_on_day": "29"})

    assert refused(answer)
    assert Visit.objects.filter(patient=one, code="UNS").count() == 1


def test_what_was_changed_in_the_form_of_an_unscheduled_visit_is_not_dropped(as_user, coordinator, two):
    person, data = as_user(coordinator), visit_data(**{"lab-ANC-value": "1.8"})
    one, _ = two
    assert person.post(f"/patients/{one.public_id}/visits/UNS/", data).status_code == 302

    answer = person.post(f"/patients/{one.public_id}/visits/UNS/", {**data, "lab-ANC-value": "0.4"})

    assert answer.status_code == 409
    assert both(answer, "lab-ANC") == ("0.4 ×10⁹/L", "1.8 ×10⁹/L")


@pytest.mark.django_db
def test_every_submission_is_unique_under_a_name_that_is_known_for_one():
    """By this name the refusal is told from every other error of the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint"
            " WHERE contype = 'u' AND conname LIKE '%\\_submission\\_%'"
        )
        found = dict(cursor.fetchall())
    carrying = {
        model._meta.db_table
        for model in apps.get_app_config("registry").get_models()
        if any(each.name == "submission" for each in model._meta.concrete_fields)
    }
    assert set(found) == carrying
