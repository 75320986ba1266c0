"""A question to the site, from asking to closing; one from an alert; one that the registry asks itself.

A real browser and a real web server; for the registry's own question a real worker on the real broker.
"""

import re
from datetime import timedelta

import pytest
from celery import current_app
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import expect

from registry.models import Question, QuestionMessage, Visit
from tests.factories import (
    PASSWORD,
    make_alert,
    make_patient,
    make_result,
    make_schedule,
    make_site,
    make_study,
    make_user,
    make_visit,
)
from tests.worker import running_worker, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def patient():
    """A patient 60 days after the infusion whose visit of day 28 is recorded with its blood count."""
    cache.clear()
    current_app.control.purge()
    study = make_study()
    make_schedule(study=study, visits=(("D28", 28, "day", 3, 3), ("M3", 3, "month", 14, 14)))
    site = make_site(study=study)
    day_zero = timezone.now().date() - timedelta(days=60)
    patient = make_patient(site=site, code="VIE-0007", infused_on=day_zero)
    make_visit(patient=patient, code="D28", visited_on=day_zero + timedelta(days=28), new_malignancy=False)
    make_result(patient=patient, collected_on=day_zero + timedelta(days=28))
    make_user(username="clara", role="coordinator", site=site)
    make_user(username="mira", role="data_manager", study=study)
    make_user(username="okafor", role="safety_officer", study=study)
    return patient


def sign_in(page, address, username):
    page.context.clear_cookies()
    page.goto(f"{address}/account/login/")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/account/" not in url)


def questions_in_navigation(page):
    return page.get_by_role("navigation", name="Main").get_by_role("link", name=re.compile("^Questions"))


def test_a_manager_asks_the_site_changes_the_value_and_the_manager_closes(live_server, page, patient):
    address = live_server.url
    day = Visit.objects.get().visited_on

    # The manager asks from the visit's line on the patient's page, about one field of it.
    sign_in(page, address, "mira")
    page.goto(f"{address}/patients/{patient.public_id}/")
    for folded in page.locator("details.year").all():
        folded.evaluate("each => { each.open = true }")
    page.get_by_role("link", name="Ask about visit D28").click()
    page.get_by_label("About").select_option(f"visit:D28@{patient.courses.get().day_zero}:visited_on")
    page.get_by_label("Question to the site").fill("The ward's letter says a day later. Which is right?")
    page.get_by_role("button", name="Ask the site").click()
    expect(page.get_by_text("The question stands on the site's list.")).to_be_visible()

    # The site sees it counted, on its list, and at the field.
    sign_in(page, address, "clara")
    expect(questions_in_navigation(page)).to_contain_text("1")
    questions_in_navigation(page).click()
    page.get_by_role("link", name="Visit D28, date of the visit").click()
    page.get_by_role("link", name="Change the visit").click()
    expect(page.get_by_role("link", name=re.compile("^Question: to answer")).first).to_be_visible()

    # It changes the value, with a reason, and answers.
    later = day + timedelta(days=1)
    on = page.get_by_role("group", name="Date of the visit")
    for part, text in (("Day", later.day), ("Month", later.strftime("%b")), ("Year", later.year)):
        on.get_by_label(part).fill(str(text))
    page.get_by_label(re.compile("^(Reason|Why)")).last.fill("The ward's letter gives the day.")
    page.get_by_role("button", name="Save the change").click()
    page.wait_for_url("**/saved/**")
    assert Visit.objects.get().visited_on == later
    questions_in_navigation(page).click()
    page.get_by_role("link", name="Visit D28, date of the visit").click()
    page.get_by_label("Your answer").fill("The letter is right; the visit is changed.")
    page.get_by_role("button", name="Send the answer").click()
    expect(page.get_by_text("Your answer is with whoever asked.")).to_be_visible()

    # The manager finds the answer counted, sees old and new, and closes with what came of it.
    sign_in(page, address, "mira")
    expect(questions_in_navigation(page)).to_contain_text("1")
    questions_in_navigation(page).click()
    page.get_by_role("link", name="Visit D28, date of the visit").click()
    expect(page.get_by_text("when it was asked: day 28")).to_be_visible()
    expect(page.get_by_label("Data changed")).to_be_checked()
    page.get_by_role("button", name="Close the question").click()
    expect(page.get_by_text("The question is closed.")).to_be_visible()
    question = Question.objects.get()
    assert (question.state, question.closed_because) == ("closed", "data_changed")
    kinds = QuestionMessage.objects.order_by("pk").values_list("kind", "by__username")
    assert list(kinds) == [("asked", "mira"), ("answered", "clara"), ("closed", "mira")]


def test_an_officer_asks_from_an_alert_and_reads_the_answer_there(live_server, page, patient):
    address = live_server.url
    alert = make_alert(patient=patient, day_zero=patient.courses.get().day_zero)

    sign_in(page, address, "okafor")
    page.goto(f"{address}/alerts/{alert.public_id}/")
    page.get_by_role("link", name="Ask the site").click()
    page.get_by_label("Question to the site").fill("Was a marrow examination done?")
    page.get_by_role("button", name="Ask the site").click()
    expect(page.get_by_text("Was a marrow examination done?")).to_be_visible()
    alert.refresh_from_db()
    assert alert.state == "in_review"

    sign_in(page, address, "clara")
    questions_in_navigation(page).click()
    page.get_by_role("link", name=re.compile("^Alert: Cytopenia")).click()
    page.get_by_label("Your answer").fill("Booked for Thursday.")
    page.get_by_role("button", name="Send the answer").click()
    expect(page.get_by_text("Your answer is with whoever asked.")).to_be_visible()

    sign_in(page, address, "okafor")
    page.goto(f"{address}/alerts/?state=in_review")
    expect(page.get_by_text("The site has answered")).to_be_visible()
    page.goto(f"{address}/alerts/{alert.public_id}/")
    expect(page.get_by_text("Booked for Thursday.")).to_be_visible()


def test_the_registry_asks_after_a_save_and_closes_by_itself(live_server, page, patient):
    address = live_server.url
    visit = f"{address}/patients/{patient.public_id}/visits/D28/?day_zero={patient.courses.get().day_zero}"

    def save(answer):
        page.goto(visit)
        group = page.get_by_role("group", name="New malignancy since the last visit?")
        group.get_by_label(answer, exact=True).check()
        page.get_by_label(re.compile("^(Reason|Why)")).last.fill("As the notes say.")
        page.get_by_role("button", name="Save the change").click()
        page.wait_for_url("**/saved/**")

    sign_in(page, address, "clara")
    with running_worker():
        save("Not known")
        wait_until(lambda: Question.objects.filter(state="open").exists())
        page.goto(visit)
        expect(page.get_by_role("link", name=re.compile("^Question: to answer")).first).to_be_visible()
        save("No")
        wait_until(lambda: Question.objects.filter(state="closed").exists())

    question = Question.objects.get()
    assert (question.check_key, question.closed_because) == ("new_malignancy_unanswered", "data_changed")
    assert set(QuestionMessage.objects.values_list("by", flat=True)) == {None}
    page.goto(f"{address}/questions/{question.public_id}/")
    expect(page.get_by_text("the registry", exact=False).first).to_be_visible()
