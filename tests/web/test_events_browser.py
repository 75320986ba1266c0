"""The form of an event in a real browser: only the questions of its category, readable wide and narrow."""

import re
from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from registry.models import AdverseEvent, CrsDetails
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDTHS = (1280, 320)
AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
TITLES = {
    "crs": "Cytokine release syndrome",
    "icans": "Neurotoxicity (ICANS)",
    "infection": "Infection",
    "licats": "Local toxicity in an affected organ, or a flare",
    "malignancy": "Malignancy",
}


@pytest.fixture
def browse(live_server, page):
    """Open a page as a person at a width."""

    def open_page(*, user, path, width=1280):
        client = Client()
        client.force_login(user)
        page.context.add_cookies(
            [
                {
                    "name": settings.SESSION_COOKIE_NAME,
                    "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
                    "url": live_server.url,
                }
            ]
        )
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(live_server.url + path)
        return page

    return open_page


def reads_well(page):
    page.wait_for_load_state()
    found = Axe().run(page, options=AXE_RULES).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def events_of(patient):
    return f"/patients/{patient.public_id}/events/"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("category", ["", "other", *TITLES])
def test_the_form_shows_the_questions_of_its_category_only(browse, coordinator, scene, category, width):
    page = browse(user=coordinator, path=events_of(scene.patient), width=width)

    page.get_by_label("Category", exact=True).select_option(category)

    for code, title in TITLES.items():
        heading = page.get_by_role("heading", name=title, level=3, exact=True)
        expect(heading).to_be_visible() if code == category else expect(heading).to_be_hidden()
    reads_well(page)


def fill_date(page, group, *parts):
    for label, text in zip(("Day", "Month", "Year"), parts, strict=True):
        page.get_by_role("group", name=group).get_by_label(label).fill(text)


def test_a_crs_is_checked_then_saved_and_its_page_says_why_the_grade(browse, coordinator, scene):
    page = browse(user=coordinator, path=events_of(scene.low))
    page.get_by_label("What happened?").fill("Cytokine release syndrome")
    page.get_by_label("Category", exact=True).select_option("crs")
    fill_date(page, "Began on", "4", "mar", "2024")
    fill_date(page, "The site became aware on", "4", "mar", "2024")
    page.get_by_role("group", name="Fever of 38 °C or more?").get_by_label("Yes").check()
    page.get_by_role("group", name="Hypotension").get_by_label("Yes, no vasopressor needed").check()
    page.get_by_role("group", name="Hypoxia").get_by_label("None").check()

    page.get_by_role("button", name="Check without saving").click()
    expect(page.get_by_text("Computed by ASTCT:")).to_be_visible()
    expect(page.get_by_text("Grade 2: fever of 38 °C or more; hypotension").first).to_be_visible()
    assert not AdverseEvent.objects.filter(patient=scene.low).exists()
    reads_well(page)

    page.get_by_role("button", name="Save event").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cytokine release syndrome")
    assert AdverseEvent.objects.get(patient=scene.low).grade == 2
    assert CrsDetails.objects.get(patient=scene.low).computed_grade == 2


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("category", ["crs", "licats"])
def test_the_page_of_an_event_and_its_follow_up_read_well(browse, coordinator, scene, category, width):
    event = factories.make_event(
        patient=scene.patient, category=category, term="Something", started_on="2024-03-05", grade=2
    )
    page = browse(user=coordinator, path=f"{events_of(scene.patient)}{event.pk}/", width=width)
    reads_well(page)

    page.get_by_role("link", name=re.compile("^Follow up")).first.click()
    page.get_by_text("Change the answers").click()

    reads_well(page)


@pytest.mark.parametrize("width", WIDTHS)
def test_answers_and_a_grade_are_corrected_with_the_reason_and_read_well(browse, coordinator, scene, width):
    event = factories.make_event(
        patient=scene.patient,
        category="crs",
        term="Fever",
        started_on="2024-03-05",
        aware_on=date(2024, 3, 6),
        grade=2,
        grade_scale="ASTCT",
    )
    facts = {"has_fever": True, "hypotension": "no_vasopressor", "hypoxia": "none", "computed_grade": 2}
    CrsDetails.objects.create(
        event=event, patient=scene.patient, number=0, entered_at=factories.NIGHT, origin="form", **facts
    )
    page = browse(user=coordinator, path=f"{events_of(scene.patient)}{event.pk}/correct/", width=width)
    expect(page.get_by_role("heading", name=TITLES["crs"], level=2)).to_be_visible()
    expect(page.get_by_role("heading", name=TITLES["infection"], level=2)).to_be_hidden()
    reads_well(page)

    page.get_by_label("Grade", exact=True).select_option("3")
    page.get_by_label("Why was the report wrong?").fill("The chart of the night came later.")
    page.get_by_role("button", name="Save the correction").click()
    asked = page.get_by_role("link", name="The answers compute grade 2, and grade 3 is given.")
    expect(asked).to_be_visible()
    reads_well(page)

    asked.click()
    page.keyboard.type("Seen by the intensivist at night.")
    page.get_by_role("button", name="Check without saving").click()
    expect(page.get_by_text("The correction can be kept as it stands.")).to_be_visible()
    reads_well(page)

    page.get_by_role("button", name="Save the correction").click()
    expect(page.get_by_text("computed: grade 2. Another is given: Seen by the intensivist")).to_be_visible()
    reads_well(page)


@pytest.mark.parametrize("width", WIDTHS)
def test_an_officer_labels_a_licats_event(browse, officer, scene, width):
    event = factories.make_event(patient=scene.patient, category="licats", term="Rash")
    page = browse(user=officer, path=f"{events_of(scene.patient)}{event.pk}/", width=width)
    reads_well(page)

    page.get_by_label("Flare of the disease").check()
    page.get_by_label("Why?").fill("Histology.")
    page.get_by_role("button", name="Give this label").click()

    expect(page.get_by_text("(version 1): Histology.")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_visit_asks_about_an_event_and_shows_only_what_the_answer_needs(browse, coordinator, scene, width):
    factories.make_event(patient=scene.patient, term="Herpes zoster", started_on="2024-07-10", grade=2)
    page = browse(user=coordinator, path=f"/patients/{scene.patient.public_id}/visits/M6/", width=width)
    asked = page.get_by_role("group", name="Herpes zoster: still ongoing?")
    grade, end = asked.get_by_label("If it goes on: grade now"), asked.get_by_text("If it is over: ended on")

    expect(grade).to_be_hidden()
    expect(end).to_be_hidden()
    asked.get_by_label("Yes, it goes on").check()
    expect(grade).to_be_visible()
    expect(end).to_be_hidden()
    asked.get_by_label("No, it is over").check()
    expect(grade).to_be_hidden()
    expect(end).to_be_visible()
    reads_well(page)
