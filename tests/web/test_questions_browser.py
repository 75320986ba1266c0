"""The pages of questions in a real browser: readable wide and narrow, by the keyboard alone."""

import re
from datetime import date

import pytest
from playwright.sync_api import expect

from registry.access.scope import EVERYTHING, acting
from registry.actions import questions
from registry.models import QuestionMessage
from tests import factories
from tests.factories import NIGHT
from tests.web.test_officer_browser import WIDTHS, browse, shown_well

__all__ = ["browse"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def asked(patient, site, manager, officer, coordinator, on_1_september_2024):
    """One question open, one answered, one of the registry, one closed; one from an alert."""
    factories.make_visit(patient=patient, code="D28", visited_on=date(2024, 3, 29))
    result = factories.make_result(patient=patient, collected_on=date(2024, 3, 15), value="40")
    alert = factories.make_alert(patient=patient)
    made = {
        "open": factories.make_question(
            patient=patient,
            fact="visit:D28@2024-03-01:visited_on",
            by=manager,
            text="The letter of the ward says 28 March. Which day is right?",
            due_on=date(2024, 8, 20),
            asked_at=NIGHT.replace(month=8, day=5),
        ),
        "answered": factories.make_question(
            patient=patient, fact=f"result:{result.pk}", by=manager, text="Per microlitre?"
        ),
        "system": factories.make_question(
            patient=patient,
            fact="visit:D28@2024-03-01:new_malignancy",
            text="The visit of 29 Mar 2024 says neither yes nor no to a new malignancy.",
            check_key="new_malignancy_unanswered",
            check_version=1,
        ),
    }
    with acting(rows=EVERYTHING):
        questions.answer(
            question=made["answered"], text="Yes, the report says 40 /µL.", by=coordinator, at=NIGHT
        )
        closed = factories.make_question(patient=patient, by=manager)
        questions.close(question=closed, closing="confirmed", by=manager, at=NIGHT)
        made["alert"] = alert
    return made


@pytest.mark.parametrize("width", WIDTHS)
def test_an_alert_with_its_questions_reads_well(browse, officer, asked, width, tmp_path):
    page = browse(user=officer, path=f"/alerts/{asked['alert'].public_id}/", width=width)
    page.get_by_text("Ask the site").first.click()

    expect(page.get_by_label("Question to the site")).to_be_visible()
    shown_well(page, name=f"alert-{width}", tmp_path=tmp_path)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("actor", ["coordinator", "manager"])
def test_the_patient_page_shows_what_waits_at_its_place(
    browse, request, patient, asked, actor, width, tmp_path
):
    page = browse(user=request.getfixturevalue(actor), path=f"/patients/{patient.public_id}/", width=width)

    expect(page.locator(".asked").first).to_be_visible()
    shown_well(page, name=f"patient-{actor}-{width}", tmp_path=tmp_path)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_visit_form_shows_what_waits_at_its_field(browse, coordinator, patient, asked, width, tmp_path):
    path = f"/patients/{patient.public_id}/visits/D28/?day_zero=2024-03-01"
    page = browse(user=coordinator, path=path, width=width)

    expect(page.get_by_role("link", name="Question (date of the visit): to answer")).to_be_visible()
    shown_well(page, name=f"visit-{width}", tmp_path=tmp_path)


def test_a_question_is_answered_by_keyboard_alone(browse, coordinator, asked):
    page = browse(user=coordinator, path=f"/questions/{asked['open'].public_id}/", width=1280)
    page.get_by_label("Your answer").focus()
    page.keyboard.type("29 March; the ward was wrong.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Your answer is with whoever asked.")).to_be_visible()
    assert QuestionMessage.objects.filter(kind="answered", text="29 March; the ward was wrong.").exists()


def test_a_narrow_page_keeps_what_was_typed_when_nothing_was_said(
    browse, live_server, manager, patient, asked
):
    path = f"/patients/{patient.public_id}/ask/?fact=visit:D28@2024-03-01"
    # A page of its own: the browser says in the console that the form was not accepted.
    page = browse(user=manager, path=path, width=320).context.new_page()
    page.set_viewport_size({"width": 320, "height": 900})
    page.goto(f"{live_server.url}{path}")
    page.get_by_label("Year").fill("2020")
    page.get_by_role("button", name="Ask the site").click()

    expect(page).to_have_title(re.compile("^Error: "))
    expect(page.get_by_label("Year")).to_have_value("2020")
    expect(page.locator(".error-summary")).to_be_focused()
