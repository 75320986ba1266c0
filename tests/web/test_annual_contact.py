"""The yearly contact: what it stores, what a yes makes, who could not be reached, who has died."""

import re
from datetime import date

import pytest

from registry.models import AdverseEvent, AnnualContact, ContactAttempt, Patient, Visit
from tests import factories
from tests.web.late import INFUSED_ON, attempt_data, contact_data, make_late_patient


@pytest.fixture
def late(study, site, on_1_september_2024):
    return make_late_patient(study=study, site=site)


@pytest.fixture
def person(as_user, coordinator, late):
    return as_user(coordinator)


def address(patient, tail="", code="Y6"):
    return f"/patients/{patient.public_id}/visits/{code}/contact/{tail}"


def stored(patient):
    return Visit.objects.get(patient=patient, code="Y6")


def wrong(answer):
    return answer.content.decode().count('class="wrong"><span')


def test_the_address_of_a_late_visit_leads_to_the_contact_and_the_full_form_is_one_link_away(person, late):
    led = person.get(f"/patients/{late.public_id}/visits/Y6/")
    page = person.get(led["Location"]).content.decode()

    assert led["Location"] == f"{address(late)}?day_zero={INFUSED_ON}"
    assert "Annual contact Y6" in page
    assert f"/patients/{late.public_id}/visits/Y6/?day_zero={INFUSED_ON}&amp;form=full" in page
    assert person.get(f"/patients/{late.public_id}/visits/Y6/?form=full").status_code == 200


@pytest.mark.parametrize(
    ("code", "expected"),
    [("M12", 200), ("Y6", 302), ("Y7", 302), ("UNS", 200)],
)
def test_only_visits_beyond_year_five_that_may_be_remote_are_asked_as_contacts(person, late, code, expected):
    assert person.get(f"/patients/{late.public_id}/visits/{code}/").status_code == expected


def test_a_contact_is_the_planned_visit_with_its_way_and_answers(person, coordinator, late):
    answer = person.post(address(late), contact_data(blood_disorder="unknown", contact_details="updated"))

    assert answer["Location"] == f"{address(late, 'saved/')}?day_zero={INFUSED_ON}"
    visit = stored(late)
    assert (visit.status, visit.visited_on, visit.contact_mode) == ("completed", date(2024, 8, 30), "phone")
    assert (visit.new_malignancy, visit.entered_by) == (False, coordinator)
    kept = visit.annual_contact
    assert (kept.blood_disorder, kept.serious_infection, kept.autoimmune_or_neurological) == (
        None,
        False,
        False,
    )
    assert kept.contact_details == "updated"
    assert not AdverseEvent.objects.exists()


def test_the_confirmation_shows_what_was_stored_and_what_comes_next(person, late):
    saved = person.post(address(late), contact_data())

    page = person.get(saved["Location"]).content.decode()

    assert "By telephone, day 2238, 30 Aug 2024, inside its window" in page
    assert "Y7" in page


def test_a_yes_to_infection_is_one_adverse_event_with_what_was_typed(person, late):
    saved = person.post(
        address(late),
        contact_data(
            serious_infection="yes",
            serious_infection_text="Pneumonia, in hospital for a week",
            serious_infection_started_on_year="2024",
            serious_infection_started_on_month="feb",
        ),
    )

    event = AdverseEvent.objects.get()
    assert (event.term, event.category, event.started_on) == (
        "Pneumonia, in hospital for a week",
        "infection",
        "2024-02",
    )
    assert event.aware_on == date(2024, 8, 30)
    assert stored(late).annual_contact.serious_infection_event == event
    page = person.get(saved["Location"]).content.decode()
    assert f"/patients/{late.public_id}/events/{event.pk}/follow-up/" in page


def test_a_new_cancer_is_typed_once_and_kept_with_the_visit_and_as_an_event(person, late):
    person.post(
        address(late),
        contact_data(new_malignancy="yes", new_malignancy_text="Basal cell carcinoma of the nose, excised"),
    )

    visit = stored(late)
    assert (visit.new_malignancy, visit.new_malignancy_text) == (
        True,
        "Basal cell carcinoma of the nose, excised",
    )
    event = visit.annual_contact.malignancy_event
    assert (event.term, event.category) == ("Basal cell carcinoma of the nose, excised", "malignancy")


@pytest.mark.parametrize(
    ("key", "category"),
    [
        ("blood_disorder", "other"),
        ("autoimmune_or_neurological", "other"),
        ("serious_infection", "infection"),
    ],
)
def test_every_yes_makes_its_event(person, late, key, category):
    person.post(address(late), contact_data(**{key: "yes", f"{key}_text": "As told by the patient"}))

    contact = AnnualContact.objects.get()
    assert getattr(contact, key) is True
    assert getattr(contact, f"{key}_event").category == category


@pytest.mark.parametrize(
    ("typed", "error_count"),
    [
        ({}, 0),
        ({"contact_mode": ""}, 1),
        ({"visited_on_day": "31", "visited_on_month": "feb"}, 1),
        ({"visited_on_month": "10"}, 1),
        ({"alive": ""}, 1),
        ({"serious_infection": ""}, 1),
        ({"serious_infection": "yes"}, 1),
        ({"new_malignancy": "yes"}, 1),
        ({"serious_infection_text": "Pneumonia"}, 1),
        ({"contact_details": ""}, 1),
        ({"alive": "no"}, 1),
    ],
)
def test_what_is_missing_or_impossible_is_said_beside_its_field(person, late, typed, error_count):
    answer = person.post(address(late), contact_data(**typed))

    assert answer.status_code == (422 if error_count else 302)
    assert (wrong(answer) if error_count else 0) == error_count
    assert Visit.objects.filter(patient=late, code="Y6").exists() is (error_count == 0)


def test_the_summary_of_a_refused_contact_leads_from_the_top_of_the_page_down(person, late):
    page = person.post(address(late), contact_data(contact_details="", blood_disorder="")).content.decode()

    summary, form = page.split('class="contact"')
    led_to = re.findall(r'href="#(id_\w+)"', summary)
    assert led_to == ["id_blood_disorder_0", "id_contact_details_0"]
    assert form.index(led_to[0]) < form.index(led_to[1])


def test_a_refused_contact_brings_back_everything_typed_and_stores_no_event(person, late):
    answer = person.post(
        address(late),
        contact_data(
            alive="", blood_disorder="yes", blood_disorder_text="Low platelets", contact_mode="letter"
        ),
    )

    page = answer.content.decode()
    assert "Low platelets" in page
    assert 'value="letter" id="id_contact_mode_2" checked' in page
    assert not AdverseEvent.objects.exists()


def test_the_same_contact_sent_twice_is_one_visit_and_one_event(person, late):
    data = contact_data(serious_infection="yes", serious_infection_text="Pneumonia")

    first = person.post(address(late), data)
    second = person.post(address(late), data)

    assert first["Location"] == second["Location"]
    assert (Visit.objects.filter(code="Y6").count(), AdverseEvent.objects.count()) == (1, 1)


def test_two_people_at_one_contact_see_what_the_other_recorded(as_user, person, investigator, late):
    person.post(address(late), contact_data(serious_infection="yes", serious_infection_text="Pneumonia"))

    answer = as_user(investigator).post(address(late), contact_data())

    page = answer.content.decode()
    assert answer.status_code == 409
    assert "coordinator recorded this visit" in page
    assert "Pneumonia" in page


def test_a_recorded_contact_is_changed_with_a_reason_and_its_events_stay(person, late):
    person.post(address(late), contact_data(serious_infection="yes", serious_infection_text="Pneumonia"))
    change = contact_data(
        version="1", serious_infection="no", blood_disorder="yes", blood_disorder_text="Anaemia"
    )

    without = person.post(address(late), change)
    changed = person.post(address(late), {**change, "reason": "Misheard"})

    assert (without.status_code, changed.status_code) == (422, 302)
    contact = stored(late).annual_contact
    assert (contact.serious_infection, contact.blood_disorder) == (False, True)
    assert {event.term for event in AdverseEvent.objects.all()} == {"Pneumonia", "Anaemia"}
    assert contact.serious_infection_event.term == "Pneumonia"


def test_a_recorded_contact_keeps_its_event_when_another_answer_changes(person, late):
    person.post(address(late), contact_data(serious_infection="yes", serious_infection_text="Pneumonia"))
    page = person.get(address(late)).content.decode()

    person.post(address(late), contact_data(version="1", serious_infection="yes", reason="Late call"))

    assert "Recorded as adverse event “Pneumonia”" in page
    assert AdverseEvent.objects.count() == 1


def test_a_visit_recorded_in_full_is_changed_in_full(person, late):
    factories.make_visit(patient=late, code="Y6", visited_on=date(2024, 8, 1))

    led = person.get(address(late))

    assert led["Location"] == f"/patients/{late.public_id}/visits/Y6/?day_zero={INFUSED_ON}"
    assert person.get(led["Location"]).status_code == 200


def test_news_of_a_death_ends_follow_up_and_records_no_visit(person, late):
    answer = person.post(
        address(late),
        contact_data(
            alive="no",
            contact_mode="other_source",
            died_on_day="3",
            died_on_month="may",
            died_on_year="2024",
            cause_of_death="Pneumonia",
            new_malignancy="",
            contact_details="",
        ),
    )

    late.refresh_from_db()
    assert answer["Location"] == f"/patients/{late.public_id}/"
    assert (late.died_on, late.cause_of_death) == (date(2024, 5, 3), "Pneumonia")
    assert not Visit.objects.filter(code="Y6").exists()
    assert ContactAttempt.objects.get().outcome == "died"


def test_news_of_a_death_sent_twice_is_one(person, late):
    data = contact_data(
        alive="no", contact_mode="other_source", died_on_day="3", died_on_month="may", died_on_year="2024"
    )

    answers = [person.post(address(late), data).status_code for _ in range(2)]

    assert answers == [302, 302]
    assert ContactAttempt.objects.count() == 1


@pytest.mark.parametrize("day", ["1", "31"])
def test_a_death_after_the_contact_that_told_of_it_is_refused(person, late, day):
    answer = person.post(
        address(late),
        contact_data(alive="no", died_on_day=day, died_on_month="9", died_on_year="2024"),
    )

    assert answer.status_code == 422
    assert Patient.objects.get(pk=late.pk).follow_up_ended_on is None


def test_an_attempt_is_kept_and_the_visit_stays_due(person, late):
    answer = person.post(address(late, "attempt/"), attempt_data(20))

    page = person.get(answer["Location"]).content.decode()
    assert "20 Aug 2024: by telephone. No answer" in page
    assert not Visit.objects.filter(code="Y6").exists()
    assert "Lost to follow-up" not in page


@pytest.mark.parametrize(("attempt_count", "offered"), [(2, False), (3, True), (4, True)])
def test_lost_to_follow_up_is_offered_after_three_attempts_and_never_done(
    person, late, attempt_count, offered
):
    for day in range(20, 20 + attempt_count):
        person.post(address(late, "attempt/"), attempt_data(day))

    page = person.get(address(late)).content.decode()

    assert (f"/patients/{late.public_id}/end/?reason=lost" in page) is offered
    assert Patient.objects.get(pk=late.pk).follow_up_ended_on is None


def test_the_same_attempt_twice_is_one(person, late):
    for _ in range(2):
        person.post(address(late, "attempt/"), attempt_data(20))

    assert ContactAttempt.objects.count() == 1


def test_a_second_call_of_a_day_with_another_outcome_is_kept_and_no_third_attempt(person, late):
    for outcome in ("no_answer", "message_left", "declined"):
        person.post(address(late, "attempt/"), attempt_data(20, outcome=outcome))

    assert [each.outcome for each in ContactAttempt.objects.order_by("pk")] == [
        "no_answer",
        "message_left",
        "declined",
    ]
    assert "reason=lost" not in person.get(address(late)).content.decode()


def test_news_of_a_death_on_the_day_of_an_unanswered_call_is_kept_with_it(person, late):
    person.post(address(late, "attempt/"), attempt_data(30))
    died = contact_data(alive="no", died_on_day="1", died_on_month="8", died_on_year="2024")

    answers = [person.post(address(late), died).status_code for _ in range(2)]

    assert answers == [302, 302]
    assert [each.outcome for each in ContactAttempt.objects.order_by("pk")] == ["no_answer", "died"]


def test_an_impossible_attempt_is_refused_beside_its_field(person, late):
    answer = person.post(address(late, "attempt/"), attempt_data(20, outcome="died"))

    assert (answer.status_code, ContactAttempt.objects.count()) == (422, 0)


def test_the_contact_page_asks_at_most_thirty_queries(person, late, django_assert_max_num_queries):
    for day in range(1, 6):
        person.post(address(late, "attempt/"), attempt_data(day))

    with django_assert_max_num_queries(30):
        person.get(address(late))
