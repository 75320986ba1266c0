"""A locked record is said to be locked before anybody types, on every page of entry, with who opens it."""

from datetime import date
from uuid import UUID

import pytest

from registry.actions.drafts import Typing, keep_draft
from registry.actions.locks import ask_to_unlock, decide_unlocking
from registry.models import Draft, Membership, Patient, Visit
from tests import factories
from tests.factories import NIGHT
from tests.web.late import contact_data, make_late_patient
from tests.web.test_events import event_data
from tests.web.test_people_pages import consent_data, withdrawal_data

SAID = "Nothing can be saved here while it is locked."


@pytest.fixture
def record(study, site, scene):
    """The patient of the scene with everything that a form can be about; of year six another one."""
    visit = Visit.objects.get(patient=scene.patient, code="D28")
    factories.make_result(patient=scene.patient, visit=visit, collected_on=visit.visited_on)
    factories.make_site(study=study, code="GRZ")
    return scene.patient


@pytest.fixture
def late(study, site, on_1_september_2024):
    return make_late_patient(study=study, site=site)


FORMS = {
    # page: its address, a word of its form that is there while the record is open
    "visit": ("visits/M6/", 'value="save"'),
    "recorded visit": ("visits/D28/", 'value="save"'),
    "unscheduled visit": ("visits/UNS/", 'value="save"'),
    "infusion": ("infusions/", 'name="infused_on_day"'),
    "end": ("end/", 'name="ended_on_day"'),
    "new event": ("events/", 'name="term"'),
    "follow-up": ("events/{event}/follow-up/", 'name="reported_on_day"'),
    "result": ("results/{result}/", 'name="upper_limit"'),
}
LOCKS = ("patient", "site", "study")


def address(patient, name):
    event, result = patient.adverse_events.first(), patient.lab_results.exclude(visit=None).first()
    return f"/patients/{patient.public_id}/{FORMS[name][0].format(event=event.pk, result=result.pk)}"


def lock(patient, level):
    return factories.make_lock(**{level: patient if level == "patient" else getattr(patient, level)})


@pytest.mark.parametrize("name", FORMS)
def test_an_open_record_shows_its_form(as_user, coordinator, record, name):
    page = as_user(coordinator).get(address(record, name)).content.decode()

    assert SAID not in page
    assert FORMS[name][1] in page


@pytest.mark.parametrize("level", LOCKS)
@pytest.mark.parametrize("name", FORMS)
def test_a_locked_record_says_so_before_anybody_types(as_user, coordinator, manager, record, name, level):
    lock(record, level)

    answer = as_user(coordinator).get(address(record, name))

    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.count(SAID) == 1
    assert page.count("is locked since") == 1
    assert f"Tell {manager}" in page or f" or {manager}" in page
    assert f"/patients/{record.public_id}/signatures/#locks-title" in page
    assert FORMS[name][1] not in page


@pytest.mark.parametrize("level", LOCKS)
def test_the_yearly_contact_says_so_too_and_offers_no_attempt(as_user, coordinator, late, level):
    lock(late, level)

    page = as_user(coordinator).get(f"/patients/{late.public_id}/visits/Y6/contact/").content.decode()

    assert page.count(SAID) == 1
    assert 'name="visited_on_day"' not in page
    assert "Keep an attempt" not in page


def test_a_visit_locked_alone_closes_its_own_forms_only(as_user, coordinator, record):
    factories.make_lock(visit=Visit.objects.get(patient=record, code="D28"))
    person = as_user(coordinator)

    closed = {name for name in FORMS if SAID in person.get(address(record, name)).content.decode()}

    assert closed == {"recorded visit", "result"}


def test_a_contact_locked_alone_is_closed(as_user, coordinator, late):
    person = as_user(coordinator)
    place = f"/patients/{late.public_id}/visits/Y6/contact/"
    person.post(place, contact_data())
    factories.make_lock(visit=Visit.objects.get(patient=late, code="Y6"))

    page = person.get(place).content.decode()

    assert "This visit is locked since" in page
    assert page.count(SAID) == 1
    assert "Save the change" not in page


def test_a_result_of_no_visit_is_closed_with_the_visit_of_its_day(as_user, coordinator, record):
    visit = Visit.objects.get(patient=record, code="D28")
    imported = factories.make_result(patient=record, collected_on=visit.visited_on, analyte="PLT")
    other = factories.make_result(patient=record, collected_on=date(2024, 3, 30), analyte="PLT")
    factories.make_lock(visit=visit)
    person = as_user(coordinator)

    pages = [
        person.get(f"/patients/{record.public_id}/results/{result.pk}/").content.decode()
        for result in (imported, other)
    ]

    assert [SAID in page for page in pages] == [True, False]


def test_an_event_to_read_offers_no_follow_up_while_it_is_locked(as_user, coordinator, record):
    event = record.adverse_events.get()
    place = f"/patients/{record.public_id}/events/{event.pk}/"
    person = as_user(coordinator)
    before = person.get(place).content.decode()
    factories.make_lock(patient=record)

    page = person.get(place).content.decode()

    assert f"{place}follow-up/" in before
    assert f"{place}follow-up/" not in page
    assert "The record of this patient is locked since" in page


def test_the_patients_page_starts_no_visit_while_it_is_locked(as_user, coordinator, record):
    person = as_user(coordinator)
    start = '">Start<span class="visually-hidden"> visit M6'
    before = person.get(f"/patients/{record.public_id}/").content.decode()
    factories.make_lock(patient=record)

    page = person.get(f"/patients/{record.public_id}/").content.decode()

    assert start in before
    assert start not in page


# --- who opens it -----------------------------------------------------------------------------


def test_a_manager_who_meets_the_lock_is_led_to_where_it_is_asked_for(as_user, manager, record):
    standing = factories.make_lock(patient=record)

    page = as_user(manager).get(f"/patients/{record.public_id}/transfer/").content.decode()

    assert page.count(SAID) == 1
    assert f'href="/locks/#lock-{standing.pk}">Ask to unlock it</a>' in page
    assert "Transfer patient</button>" not in page


def test_who_asked_already_is_named(as_user, coordinator, manager, record):
    ask_to_unlock(
        lock=factories.make_lock(patient=record), reason="A date is wrong", hours=None, by=manager, at=NIGHT
    )

    page = as_user(coordinator).get(address(record, "end")).content.decode()

    assert f"{manager} asked to unlock it; another data manager or safety lead decides." in page


def test_of_two_locks_the_one_that_nobody_asked_about_is_still_to_be_asked_about(as_user, manager, record):
    asked, other = factories.make_lock(site=record.site), factories.make_lock(patient=record)
    ask_to_unlock(lock=asked, reason="A date is wrong", hours=None, by=manager, at=NIGHT)

    page = as_user(manager).get(f"/patients/{record.public_id}/transfer/").content.decode()

    assert f'href="/locks/#lock-{other.pk}">Ask to unlock it</a>' in page


def test_two_requests_are_two_sentences(as_user, coordinator, manager, record):
    for lock in (factories.make_lock(site=record.site), factories.make_lock(patient=record)):
        ask_to_unlock(lock=lock, reason="A date is wrong", hours=None, by=manager, at=NIGHT)

    page = as_user(coordinator).get(address(record, "end")).content.decode()

    assert f"safety lead decides. {manager} asked to unlock it;" in page


def test_who_manages_another_study_is_not_led_to_its_locks(as_user, coordinator, record):
    elsewhere = factories.make_site(study=factories.make_study(key="OTHER"), code="LIS")
    Membership.objects.create(user=coordinator, role="data_manager", study=elsewhere.study, granted_at=NIGHT)
    factories.make_lock(patient=record)

    page = as_user(coordinator).get(address(record, "end")).content.decode()

    assert "Ask to unlock it</a>" not in page
    assert "A data manager or safety lead asks to unlock it" in page


def test_a_record_opened_for_now_is_open(as_user, coordinator, manager, lead, record):
    asked = ask_to_unlock(
        lock=factories.make_lock(patient=record), reason="A date is wrong", hours=None, by=manager, at=NIGHT
    )
    decide_unlocking(unlocking=asked, approved=True, reason="", by=lead, at=NIGHT)

    assert SAID not in as_user(coordinator).get(address(record, "end")).content.decode()


# --- what was typed before --------------------------------------------------------------------


def test_a_draft_from_before_the_lock_is_still_shown_and_cannot_be_saved(as_user, coordinator, record):
    place = f"/patients/{record.public_id}/events/"
    keep_draft(
        patient=record,
        typing=Typing(
            key="event:new",
            page=place,
            form=UUID("0f0e7c2e-0000-4000-8000-000000000001"),
            seen=None,
            version=None,
            payload={"term": ["Fever at night"]},
        ),
        is_all_there_is=True,
        by=coordinator,
        at=NIGHT,
    )
    factories.make_lock(patient=record)

    page = as_user(coordinator).get(place).content.decode()

    assert Draft.objects.count() == 1
    assert "Fever at night" in page
    assert "Your draft is kept until then." in page
    assert 'value="save"' not in page


def test_what_was_refused_while_it_was_being_locked_is_shown_again(as_user, coordinator, record):
    factories.make_lock(patient=record)

    answer = as_user(coordinator).post(
        f"/patients/{record.public_id}/events/", event_data(term="Fever at night", started_on_year="20x4")
    )

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Fever at night" in page
    assert page.count(SAID) == 1
    assert 'value="save"' not in page


# --- consent: a right that no lock holds up ---------------------------------------------------


def test_consent_is_given_and_taken_back_under_a_lock(as_user, coordinator, record, study):
    version = factories.make_consent_version(study=study)
    factories.make_lock(patient=record)
    person = as_user(coordinator)
    place = f"/patients/{record.public_id}/consent/"

    page = person.get(place).content.decode()
    given = person.post(place, consent_data(version))
    taken = person.post(f"{place}withdraw/", withdrawal_data("follow_up"))

    assert "Consent can be given and taken back while the record is locked." in page
    assert SAID not in page
    assert "Record consent</button>" in page
    assert (given.status_code, taken.status_code) == (302, 302)
    assert Patient.objects.get(pk=record.pk).follow_up_ended_on is None


def test_a_consent_that_would_open_follow_up_again_waits_for_the_lock(as_user, coordinator, record, study):
    version = factories.make_consent_version(study=study)
    person = as_user(coordinator)
    place = f"/patients/{record.public_id}/consent/"
    person.post(f"{place}withdraw/", withdrawal_data("follow_up", on=date(2024, 8, 15)))
    withdrawal = record.consent_withdrawals.get()
    factories.make_lock(patient=record)

    page = person.get(place).content.decode()
    mistake = person.get(f"{place}withdrawals/{withdrawal.pk}/").content.decode()

    assert page.count(SAID) == 1
    assert "Record consent</button>" not in page
    assert mistake.count(SAID) == 1
    assert "It was a mistake</button>" not in mistake
    again = consent_data(version, given_on_day="20", given_on_month="8")
    assert person.post(place, again).status_code == 423


def test_a_withdrawal_that_ended_nothing_is_annulled_under_a_lock(as_user, coordinator, record):
    withdrawal = factories.make_withdrawal(patient=record, scopes=("genetics",))
    factories.make_lock(patient=record)
    person = as_user(coordinator)
    place = f"/patients/{record.public_id}/consent/withdrawals/{withdrawal.pk}/"

    page = person.get(place).content.decode()

    assert SAID not in page
    assert person.post(place, {"reason": "Another patient's form"}).status_code == 302


# --- enrolment --------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["site", "study"])
def test_nobody_is_enrolled_at_a_locked_site(as_user, coordinator, scene, level):
    place = scene.patient.site if level == "site" else scene.patient.study
    factories.make_lock(**{level: place})

    page = as_user(coordinator).get("/patients/enrol/").content.decode()

    assert page.count(SAID) == 1
    assert 'name="patient_id"' not in page


def test_a_locked_patient_is_no_obstacle_to_enrolling_another(as_user, coordinator, scene):
    factories.make_lock(patient=scene.patient)

    assert SAID not in as_user(coordinator).get("/patients/enrol/").content.decode()


# --- what it costs ----------------------------------------------------------------------------


def test_an_open_record_costs_one_question_and_a_locked_one_three_more(
    as_user, coordinator, record, django_assert_max_num_queries
):
    person = as_user(coordinator)
    place = address(record, "end")
    with django_assert_max_num_queries(30) as open_record:
        person.get(place)
    factories.make_lock(patient=record)

    with django_assert_max_num_queries(len(open_record) + 3):
        person.get(place)
