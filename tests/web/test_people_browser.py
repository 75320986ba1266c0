"""Annual contact, enrolment, consent, end of follow-up and transfer in a real browser, wide and narrow."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from registry.models import AdverseEvent, Patient, Visit
from tests import factories
from tests.web.late import attempt_data, make_late_patient

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDTHS = (1280, 320)
AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
REFUSED = re.compile(r"the server responded with a status of (422|409)")


@pytest.fixture
def late(study, site, on_1_september_2024):
    return make_late_patient(study=study, site=site)


@pytest.fixture
def browse(live_server, page):
    """Open a page as a person at a width; afterwards it has said nothing to the console."""
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))

    def open_page(*, user, path, width=1280):
        page.context.add_cookies([cookie_of(user, live_server)])
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(live_server.url + path)
        return page

    yield open_page
    assert [text for text in said if not REFUSED.search(text)] == []


def cookie_of(user, live_server):
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": live_server.url}


def reads_well(page, *, name, tmp_path):
    page.wait_for_load_state()
    page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
    found = Axe().run(page, options=AXE_RULES).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def choose(page, group, answer):
    page.get_by_role("group", name=group).get_by_label(answer, exact=True).click()


def fill_day(page, group, day, month, year):
    for part, text in (("Day", day), ("Month", month), ("Year", year)):
        page.get_by_role("group", name=group).get_by_label(part).fill(text)


QUESTIONS = (
    "A new cancer?",
    "A new blood disorder?",
    "A serious infection?",
    "A new or worse autoimmune or neurological condition?",
)


def test_a_contact_without_news_takes_ten_actions_at_most(browse, coordinator, late):
    page = browse(user=coordinator, path=f"/patients/{late.public_id}/visits/Y6/")
    actions = 0

    answers = [("How was the contact made?", "By telephone"), ("Is the patient alive?", "Yes")]
    answers += [(question, "No") for question in QUESTIONS]
    answers += [("Are the contact details at the site still right?", "Yes, still right")]
    for group, answer in answers:
        choose(page, group, answer)
        actions += 1
    page.get_by_role("button", name="Save contact").click()
    actions += 1

    expect(page.get_by_role("heading", level=1)).to_contain_text("Contact Y6 of VIE-0006 is saved")
    assert Visit.objects.get(code="Y6").contact_mode == "phone"
    assert actions <= 10


def test_a_contact_without_news_is_done_by_keyboard_alone(browse, coordinator, late):
    page = browse(user=coordinator, path=f"/patients/{late.public_id}/visits/Y6/")
    page.get_by_role("group", name="How was the contact made?").get_by_label("By telephone").focus()

    page.keyboard.press("Space")
    for _ in range(4):  # past the date, which stands at today
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    for _ in range(5):
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text("Contact Y6 of VIE-0006 is saved")


def test_a_yes_opens_only_what_it_needs_and_becomes_an_event(browse, coordinator, late, tmp_path):
    for width in WIDTHS:
        page = browse(user=coordinator, path=f"/patients/{late.public_id}/visits/Y6/", width=width)
        described = page.get_by_label("Which infection?")
        expect(described).to_be_hidden()
        choose(page, "A serious infection?", "Yes")
        expect(described).to_be_visible()
        expect(page.get_by_label("Which blood disorder?")).to_be_hidden()
        described.fill("Pneumonia, in hospital for a week")
        reads_well(page, name=f"contact-yes-{width}", tmp_path=tmp_path)
    choose(page, "How was the contact made?", "By video")
    choose(page, "Is the patient alive?", "Yes")
    for question in QUESTIONS:
        if question != "A serious infection?":
            choose(page, question, "No")
    choose(page, "Are the contact details at the site still right?", "Not asked")
    page.get_by_role("button", name="Save contact").click()

    expect(page.get_by_text("Pneumonia, in hospital for a week")).to_be_visible()
    expect(page.get_by_role("link", name="Complete this adverse event")).to_be_visible()
    reads_well(page, name="contact-saved-320", tmp_path=tmp_path)
    assert AdverseEvent.objects.get().category == "infection"


def test_a_death_asks_for_nothing_else(browse, coordinator, late, tmp_path):
    page = browse(user=coordinator, path=f"/patients/{late.public_id}/visits/Y6/")
    expect(page.get_by_role("group", name="Date of death")).to_be_hidden()
    choose(page, "How was the contact made?", "From another source, such as a family doctor")

    choose(page, "Is the patient alive?", "No, has died")

    expect(page.get_by_role("group", name="A new cancer?")).to_be_hidden()
    reads_well(page, name="contact-death-1280", tmp_path=tmp_path)
    fill_day(page, "Date of death", "3", "may", "2024")
    page.get_by_role("button", name="Save contact").click()
    expect(page.get_by_text("Follow-up ended by death on 3 May 2024")).to_be_visible()


def test_the_contact_works_without_script(browser, live_server, coordinator, late):
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([cookie_of(coordinator, live_server)])
    page = context.new_page()
    page.goto(f"{live_server.url}/patients/{late.public_id}/visits/Y6/")

    choose(page, "How was the contact made?", "By telephone")
    choose(page, "Is the patient alive?", "Yes")
    choose(page, "A serious infection?", "Yes")
    page.get_by_role("button", name="Save contact").click()
    expect(page).to_have_title(re.compile("^Error:"))
    page.get_by_label("Which infection?").fill("Sepsis")
    for question in QUESTIONS:
        if question != "A serious infection?":
            choose(page, question, "No")
    choose(page, "Are the contact details at the site still right?", "Yes, still right")
    page.get_by_role("button", name="Save contact").click()

    expect(page.get_by_text("Sepsis")).to_be_visible()
    context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_contact_page_reads_well_with_errors_and_attempts(
    browse, coordinator, late, width, tmp_path, client
):
    client.force_login(coordinator)
    for day in (20, 21, 22):
        client.post(f"/patients/{late.public_id}/visits/Y6/contact/attempt/", attempt_data(day))
    page = browse(user=coordinator, path=f"/patients/{late.public_id}/visits/Y6/", width=width)
    reads_well(page, name=f"contact-{width}", tmp_path=tmp_path)

    choose(page, "A new cancer?", "Yes")
    page.get_by_role("button", name="Save contact").click()

    expect(page).to_have_title(re.compile("^Error:"))
    expect(page.locator(".error-summary")).to_be_focused()
    reads_well(page, name=f"contact-errors-{width}", tmp_path=tmp_path)


def test_a_patient_is_enrolled_confirmed_by_typing_again(browse, coordinator, late, study, tmp_path):
    factories.make_consent_version(study=study)
    factories.make_patient(site=late.site, code="VIE-0001")
    page = browse(user=coordinator, path="/patients/enrol/")
    page.get_by_label("Subject ID").fill("VIE-0100")
    page.get_by_label("Sex").select_option("F")
    page.get_by_label("Year of birth").fill("1985")
    page.get_by_label("Disease", exact=True).select_option("SLE")
    fill_day(page, "Consent given on", "20", "2", "2024")
    page.get_by_label("Follow-up data from visits and records").check()
    choose(page, "Cohort", "CAR T-cell therapy")
    fill_day(page, "Enrolled on", "20", "2", "2024")
    fill_day(page, re.compile("^Date of the infusion$"), "4", "mar", "2024")
    page.get_by_label("Product", exact=True).select_option("CAR19")
    page.get_by_role("button", name="Check").last.click()

    expect(page.get_by_text("A patient with these facts is enrolled at your site: VIE-0001.")).to_be_visible()
    reads_well(page, name="enrol-confirm-1280", tmp_path=tmp_path)
    page.get_by_label("Why is this another person?").fill("Seen both records")
    fill_day(page, "Date of the infusion, once more", "3", "mar", "2024")
    page.get_by_label("Product, once more").select_option("CAR19")
    page.get_by_role("button", name="Enrol").click()
    expect(page.get_by_text("3 Mar 2024 here, 4 Mar 2024 above. Which is right?").first).to_be_visible()
    fill_day(page, "Date of the infusion, once more", "4", "mar", "2024")
    page.get_by_role("button", name="Enrol").click()

    expect(page.get_by_text("VIE-0100 is enrolled.")).to_be_visible()
    patient = Patient.objects.get(code="VIE-0100")
    assert (patient.infusions.count(), patient.consents.count()) == (1, 1)
