"""Questions to sites on their pages: who sees what, in which words, in how many queries."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.actions import questions as acts
from registry.clock import now
from registry.models import Alert, Question, QuestionMessage
from tests import factories
from tests.factories import NIGHT

VISITED_ON = "visit:D28@2024-03-01:visited_on"


@pytest.fixture(autouse=True)
def on_the_day(on_1_september_2024):
    """Ages count to 1 September 2024."""


@pytest.fixture
def visit(patient):
    return factories.make_visit(patient=patient, code="D28", visited_on=date(2024, 3, 29))


def page_of(answer):
    assert answer.status_code == 200
    return answer.content.decode()


def queries_of(person, address):
    person.get(address)
    with CaptureQueriesContext(connection) as seen:
        assert person.get(address).status_code == 200
    return len(seen)


def ask_form(fact=VISITED_ON, **typed):
    return {
        "fact": fact,
        "text": "Which day is right?",
        "due_on_day": "15",
        "due_on_month": "sep",
        "due_on_year": "2024",
        **typed,
    }


def ask_page(patient, fact=VISITED_ON):
    return f"/patients/{patient.public_id}/ask/?fact={fact}"


# --- asking -----------------------------------------------------------------------------------


def test_a_manager_asks_about_a_field_with_a_date_by_which_an_answer_is_wanted(
    as_user, manager, patient, visit
):
    answer = as_user(manager).post(ask_page(patient), ask_form(), follow=True)

    page = page_of(answer)
    assert "The question stands on the site&#x27;s list." in page
    assert "Visit D28, date of the visit" in page
    assert "day 28, 29 Mar 2024" in page
    assert Question.objects.get().due_on == date(2024, 9, 15)


def test_the_page_offers_every_field_of_the_form_with_what_stands_there(as_user, manager, patient, visit):
    result = factories.make_result(patient=patient, collected_on=date(2024, 3, 29), value="0.4", visit=visit)
    page = page_of(as_user(manager).get(ask_page(patient, "visit:D28@2024-03-01")))

    assert '<option value="visit:D28@2024-03-01" selected>Visit D28: Completed, day 28, 29 Mar 2024' in page
    assert "Visit D28, new malignancy: Not answered" in page
    assert f'<option value="result:{result.pk}">Neutrophils of 29 Mar 2024, day 28: 0.4 ×10⁹/L' in page
    assert "Visit D28, platelets: Not recorded" in page


def test_a_form_not_started_is_asked_about_and_the_site_is_led_to_it(as_user, manager, coordinator, patient):
    as_user(manager).post(
        ask_page(patient, "visit:D28@2024-03-01"), ask_form(fact="visit:D28@2024-03-01"), follow=True
    )
    question = Question.objects.get()
    page = page_of(as_user(coordinator).get(f"/questions/{question.public_id}/"))

    assert "Not started" in page
    assert f'href="/patients/{patient.public_id}/visits/D28/?day_zero=2024-03-01">Start the visit</a>' in page


def test_what_is_asked_again_is_said_to_join_the_thread(as_user, manager, patient, visit):
    person = as_user(manager)
    person.post(ask_page(patient), ask_form())

    assert "is added to it" in page_of(person.get(ask_page(patient)))
    acts.close(question=Question.objects.get(), closing="confirmed", by=manager, at=NIGHT + timedelta(days=1))
    assert "opens that question again" in page_of(person.get(ask_page(patient)))


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"text": ""}, "Write what the site is to look at."),
        ({"due_on_day": "31", "due_on_month": "8"}, "The answer is wanted on a day that has passed."),
        ({"due_on_day": "31", "due_on_month": "9"}, "is not a day of the calendar"),
        ({"fact": "patient:sex"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_asked_is_said_at_its_field_and_what_was_typed_stays(
    as_user, manager, patient, visit, typed, told
):
    answer = as_user(manager).post(ask_page(patient), ask_form(**typed))

    assert answer.status_code == 422
    page = answer.content.decode()
    assert told in page
    assert "<title>Error: " in page
    assert not Question.objects.exists()


@pytest.mark.parametrize("fact", ["nothing", "result:x", "visit:D28", "patient:password"])
def test_an_address_that_names_no_fact_is_not_found(as_user, manager, patient, fact):
    assert as_user(manager).get(ask_page(patient, fact)).status_code == 404


# --- the lists --------------------------------------------------------------------------------


def test_a_site_reads_its_own_open_questions_the_oldest_first(
    as_user, coordinator, patient, visit, other_site_place
):
    factories.make_question(patient=patient, fact="patient:sex", asked_at=NIGHT)
    factories.make_question(patient=patient, fact=VISITED_ON, asked_at=NIGHT - timedelta(days=20))
    factories.make_question(patient=factories.make_patient(site=other_site_place, code="GRZ-0001"))
    page = page_of(as_user(coordinator).get("/questions/"))

    assert page.index("Visit D28, date of the visit") < page.index("Patient, sex")
    assert "20 days" in page
    assert "GRZ-0001" not in page
    assert 'Questions <span class="nav__count">2' in page


def test_another_study_reads_none(as_user, stranger, patient):
    factories.make_question(patient=patient)

    assert "VIE-0001" not in page_of(as_user(stranger).get("/questions/?state=pending"))


def test_who_asks_sees_all_that_wait_with_ages_and_what_came_of_them(as_user, manager, patient, visit):
    factories.make_question(patient=patient, fact=VISITED_ON, asked_at=NIGHT - timedelta(days=61))
    closed = factories.make_question(patient=patient, by=manager)
    acts.close(question=closed, closing="data_changed", by=manager, at=NIGHT)
    page = page_of(as_user(manager).get("/questions/"))

    assert "61 days" in page
    assert "Over 60 days" in page
    assert "100 % of the closed" in page


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("?state=pending", {"VIE-0001", "VIE-0002", "GRZ-0001"}),
        ("?state=pending&site=GRZ", {"GRZ-0001"}),
        ("?state=pending&age=15-30", {"VIE-0002"}),
        ("?state=pending&age=61", set()),
        ("?state=pending&source=new_malignancy_unanswered", {"GRZ-0001"}),
        ("?state=pending&source=people", {"VIE-0001", "VIE-0002"}),
        ("?state=pending&patient=0002", {"VIE-0002"}),
        ("?state=answered", set()),
        ("?state=closed", set()),
    ],
)
def test_the_filters_stand_in_the_address(as_user, manager, patient, site, other_site_place, asked, found):
    factories.make_question(patient=patient)
    second = factories.make_patient(site=site, code="VIE-0002")
    factories.make_question(patient=second, asked_at=NIGHT - timedelta(days=15))
    third = factories.make_patient(site=other_site_place, code="GRZ-0001")
    factories.make_question(patient=third, check_key="new_malignancy_unanswered", check_version=1)
    page = page_of(as_user(manager).get(f"/questions/{asked}"))

    assert {code for code in ("VIE-0001", "VIE-0002", "GRZ-0001") if code in page} == found


def test_a_filter_that_is_not_known_is_named(as_user, manager):
    assert "Not known and left out: age=tomorrow" in page_of(as_user(manager).get("/questions/?age=tomorrow"))


# The site's midnight in Vienna is 22:00 UTC; the pages' clock stands at 1 September, whatever hour it is.
@pytest.mark.parametrize(
    ("asked_at", "bucket"),
    [
        ("2024-08-24T22:30Z", "0-7"),
        ("2024-08-24T21:30Z", "8-14"),
        ("2024-08-17T22:30Z", "8-14"),
        ("2024-08-17T21:30Z", "15-30"),
        ("2024-08-01T22:30Z", "15-30"),
        ("2024-08-01T21:30Z", "31-60"),
        ("2024-07-02T22:30Z", "31-60"),
        ("2024-07-02T21:30Z", "61"),
    ],
)
def test_the_database_counts_ages_as_the_pages_do(as_user, manager, patient, asked_at, bucket, monkeypatch):
    monkeypatch.setattr("registry.web.questions.views.now", lambda: NIGHT + timedelta(hours=8))
    factories.make_question(patient=patient, asked_at=asked_at)
    person = as_user(manager)

    for key in ("0-7", "8-14", "15-30", "31-60", "61"):
        page = page_of(person.get(f"/questions/?state=pending&age={key}"))
        assert ("VIE-0001" in page) is (key == bucket)


def test_queries_of_the_lists_do_not_grow(as_user, manager, coordinator, patient, visit, site):
    def one_more(number):
        person = factories.make_patient(site=site, code=f"VIE-1{number:03}")
        own = factories.make_visit(patient=person, code="D28", visited_on=date(2024, 3, 29))
        result = factories.make_result(patient=person, collected_on=date(2024, 3, 29), visit=own)
        event = factories.make_event(patient=person)
        for fact in (VISITED_ON, f"result:{result.pk}", f"event:{event.event_id}:grade", "patient:sex"):
            factories.make_question(patient=person, fact=fact, by=manager)

    one_more(0)
    few = {}
    for actor in (manager, coordinator):
        few[actor] = queries_of(as_user(actor), "/questions/")
    for number in range(1, 15):
        one_more(number)

    assert {actor: queries_of(as_user(actor), "/questions/") for actor in (manager, coordinator)} == few
    assert max(few.values()) <= 30


def test_the_marks_of_a_page_cost_no_query_each(as_user, coordinator, patient, visit, manager):
    person = as_user(coordinator)
    address = f"/patients/{patient.public_id}/visits/D28/?day_zero=2024-03-01"
    factories.make_question(patient=patient, fact=VISITED_ON, by=manager)
    few = queries_of(person, address)
    for field in ("status", "new_malignancy", "new_malignancy_text", "missed_reason"):
        factories.make_question(patient=patient, fact=f"visit:D28@2024-03-01:{field}", by=manager)

    assert queries_of(person, address) == few


# --- the thread -------------------------------------------------------------------------------


def test_the_site_reads_the_question_at_the_field_and_answers(as_user, coordinator, manager, patient, visit):
    question = factories.make_question(patient=patient, fact=VISITED_ON, by=manager)
    person = as_user(coordinator)
    address = f"/questions/{question.public_id}/"

    assert address in page_of(person.get(f"/patients/{patient.public_id}/visits/D28/?day_zero=2024-03-01"))
    assert address in page_of(person.get(f"/patients/{patient.public_id}/"))
    page = page_of(person.post(f"{address}answer/", {"text": "The 29th."}, follow=True))
    assert "Your answer is with whoever asked." in page
    assert "The 29th." in page
    assert "Waiting for the manager" in page
    assert "Close the question" not in page


def test_an_empty_answer_is_refused_beside_its_box(as_user, coordinator, patient):
    question = factories.make_question(patient=patient)
    answer = as_user(coordinator).post(f"/questions/{question.public_id}/answer/", {"text": " "})

    assert answer.status_code == 422
    assert 'href="#answer_text"' in answer.content.decode()


def test_an_answer_that_comes_too_late_is_shown_and_not_lost(as_user, coordinator, manager, patient):
    question = factories.make_question(patient=patient, by=manager)
    acts.close(question=question, closing="not_relevant", by=manager, at=NIGHT)
    answer = as_user(coordinator).post(
        f"/questions/{question.public_id}/answer/", {"text": "1985, from the passport."}
    )

    assert answer.status_code == 409
    page = answer.content.decode()
    assert "This question is closed already." in page
    assert "1985, from the passport." in page
    assert not QuestionMessage.objects.filter(kind="answered").exists()


def test_a_changed_value_is_told_and_suggests_what_came_of_it(as_user, coordinator, manager, patient, visit):
    person = as_user(manager)
    person.post(ask_page(patient), ask_form())
    visit.visited_on = date(2024, 3, 30)
    visit.save()
    question = Question.objects.get()
    page = page_of(person.get(f"/questions/{question.public_id}/"))

    assert "day 29, 30 Mar 2024" in page
    assert "when it was asked: day 28, 29 Mar 2024" in page
    assert 'value="data_changed" id="close_closing_0" checked' in page


def test_closing_without_what_came_of_it_is_refused(as_user, manager, patient):
    question = factories.make_question(patient=patient, by=manager)
    answer = as_user(manager).post(f"/questions/{question.public_id}/close/", {"note": "fine"})

    assert answer.status_code == 422
    assert "Choose one: what came of it is counted." in answer.content.decode()


def test_somebody_elses_question_is_not_taken_back(as_user, officer, manager, patient):
    question = factories.make_question(patient=patient, by=manager)
    page = page_of(as_user(officer).post(f"/questions/{question.public_id}/take-back/", follow=True))

    assert "Only the person who asked can take a question back." in page
    assert Question.objects.get().state == "open"


def test_what_people_write_is_shown_as_text(as_user, coordinator, patient):
    question = factories.make_question(patient=patient, text="<script>alert(1)</script>")
    page = page_of(as_user(coordinator).get(f"/questions/{question.public_id}/"))

    assert "<script>alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


# --- alerts -----------------------------------------------------------------------------------


def test_an_officer_asks_from_an_alert_and_reads_the_answer_there(as_user, officer, coordinator, patient):
    alert = factories.make_alert(patient=patient)
    address = f"/alerts/{alert.public_id}/"
    page = page_of(
        as_user(officer).post(f"{address}ask/", ask_form(fact=f"alert:{alert.public_id}"), follow=True)
    )
    assert "Which day is right?" in page
    assert "Waiting for the site" in page
    assert Alert.objects.get().state == "in_review"
    assert "Question with the site" in page_of(as_user(officer).get("/alerts/"))

    question = Question.objects.get()
    as_user(coordinator).post(f"/questions/{question.public_id}/answer/", {"text": "Marrow is booked."})
    assert "Marrow is booked." in page_of(as_user(officer).get(address))
    assert "The site has answered" in page_of(as_user(officer).get("/alerts/"))


def test_an_alert_offers_what_it_rests_on(as_user, officer, patient):
    event = factories.make_event(patient=patient, event_id="AE-7", term="Lymphoma", serious=True)
    for rule, subject, offered in (
        ("overdue_visit", "D28@2024-03-01", "Visit D28: Not started"),
        ("secondary_malignancy", "adverse_event:AE-7", "AE-7 “Lymphoma”, date of onset: Not known"),
    ):
        alert = factories.make_alert(patient=patient, rule=rule, subject=subject, evidence={})
        assert offered in page_of(as_user(officer).get(f"/alerts/{alert.public_id}/ask/"))
    assert event.pk


def test_a_decision_that_is_refused_leaves_the_question_form_alone(as_user, officer, patient):
    alert = factories.make_alert(patient=patient)
    answer = as_user(officer).post(f"/alerts/{alert.public_id}/decide/", {"reason": ""})

    assert answer.status_code == 422
    assert "Write what the site is to look at." not in answer.content.decode()


# --- beside the record ------------------------------------------------------------------------


def test_who_asks_finds_the_way_beside_what_is_recorded(as_user, manager, patient, visit):
    event = factories.make_event(patient=patient, event_id="AE-7")
    result = factories.make_result(patient=patient, collected_on=date(2024, 3, 29), visit=visit)
    person = as_user(manager)
    ask = f"/patients/{patient.public_id}/ask/?fact="

    page = page_of(person.get(f"/patients/{patient.public_id}/"))
    assert f"{ask}visit%3AD28%402024-03-01" in page
    assert f"{ask}result%3A{result.pk}" in page
    assert f"{ask}event%3AAE-7" in page
    assert f"{ask}event%3AAE-7" in page_of(person.get(f"/patients/{patient.public_id}/events/{event.pk}/"))


def test_a_site_finds_no_way_to_ask_itself(as_user, coordinator, patient, visit):
    factories.make_event(patient=patient)

    assert "/ask/" not in page_of(as_user(coordinator).get(f"/patients/{patient.public_id}/"))


def test_a_corrected_result_still_shows_its_question(as_user, coordinator, manager, patient):
    result = factories.make_result(patient=patient, collected_on=date(2024, 3, 29), value="40")
    question = factories.make_question(patient=patient, fact=f"result:{result.pk}", by=manager)
    new = factories.make_result(patient=patient, collected_on=date(2024, 3, 29), value="0.04")
    result.superseded_by, result.superseded_at, result.superseded_reason = new, NIGHT, "per µL"
    result.save()

    page = page_of(as_user(coordinator).get(f"/patients/{patient.public_id}/results/{new.pk}/"))
    assert f"/questions/{question.public_id}/" in page


def test_todays_page_counts_what_waits_for_an_answer(as_user, coordinator, patient):
    factories.make_question(patient=patient)

    assert "/questions/" in page_of(as_user(coordinator).get("/"))


def test_todays_page_says_today_of_a_question_that_is_no_day_old(as_user, coordinator, patient):
    factories.make_question(patient=patient, asked_at=now())

    page = page_of(as_user(coordinator).get("/"))

    assert "asked today" in page
    assert "open 0 days" not in page
