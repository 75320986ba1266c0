"""Activity, treatments and prevention in a real browser: wide and narrow, by keyboard, without script."""

from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from registry.models import Score, Treatment, TreatmentAnswer
from tests import factories
from tests.web.test_browser_investigator import AXE_RULES, WIDTHS, browse, console, fill_visit_date

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

__all__ = ["browse", "console"]
SECTIONS = ("activity", "treatments", "prevention")


@pytest.fixture
def record(scene):
    """Two assessments and three treatments of the patient of the scene."""
    patient = scene.patient
    entered = {"entered_at": factories.NIGHT, "origin": "form"}
    for month, value in ((3, "12"), (6, "4")):
        factories.make_score(patient=patient, assessed_on=date(2024, month, 2), value=value)
    for agent, facts in (
        ("methylprednisolone", {"mg_per_day": 4, "started_on": "2024-03-01"}),
        ("hydroxychloroquine", {"dose": "400 mg a day", "started_on": "2020"}),
        ("cotrimoxazole", {"started_on": "2024-03"}),
    ):
        Treatment.objects.create(patient=patient, agent=agent, **facts, **entered)
    return patient


def address(patient):
    return f"/patients/{patient.public_id}/visits/M6/"


def cookie_of(user, live_server):
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": live_server.url}


def reads_well(page, selector):
    page.wait_for_load_state()
    found = Axe().run(page, context=selector, options=AXE_RULES).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found] == []
    beyond = """selector => [...document.querySelectorAll(`${selector} *`)].filter(each =>
        !each.closest(".table-scroll, .plot-scroll") && !each.closest(".visually-hidden")
        && each.getBoundingClientRect().right > document.documentElement.clientWidth
        ).map(each => each.outerHTML)"""
    assert page.evaluate(beyond, selector) == []


def open_everything(page):
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_sections_read_well_with_everything_open(browse, coordinator, record, width):
    page = browse(user=coordinator, path=address(record), width=width)
    open_everything(page)

    for key in SECTIONS:
        reads_well(page, f"section[aria-labelledby=s-{key}]")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_parts_of_the_patients_page_read_well(browse, coordinator, record, width):
    page = browse(user=coordinator, path=f"/patients/{record.public_id}/activity/", width=width)
    open_everything(page)

    expect(page.get_by_role("img", name="SLEDAI-2K of VIE-0001")).to_be_visible()
    for key in ("activity", "treatments"):
        reads_well(page, f"section#{key}")


@pytest.mark.parametrize("width", WIDTHS)
def test_refused_entries_read_well(browse, coordinator, record, width):
    page = browse(user=coordinator, path=address(record), width=width)
    page.locator("[name=activity-phga-total]").fill("9")
    page.locator("[name=treatments-new-0-agent]").select_option("prednisolone")
    page.locator("[name=treatments-new-0-start]").fill("soon")
    page.get_by_role("button", name="Save visit").click()

    expect(page.get_by_text("soon is not a date. Write 4 Apr 2024").first).to_be_visible()
    expect(page.locator("[name=activity-phga-total]")).to_have_value("9")
    for key in SECTIONS:
        reads_well(page, f"section[aria-labelledby=s-{key}]")


def test_items_are_added_up_while_they_are_ticked_and_again_by_the_server(browse, coordinator, record):
    page = browse(user=coordinator, path=address(record))
    fill_visit_date(page, "30", "aug", "2024")
    page.get_by_role("group", name="New malignancy since the last visit?").get_by_label(
        "No", exact=True
    ).check()
    summary = page.get_by_text("SLEDAI-2K by its 24 items")
    summary.focus()
    page.keyboard.press("Enter")
    for item in ("Arthritis", "Low complement"):
        page.get_by_role("checkbox", name=item).focus()
        page.keyboard.press("Space")
    page.get_by_label("Thrombocytopenia").select_option("other")
    hint = page.locator("[data-sum]").first
    expect(hint).to_have_text("6, clinical SLEDAI 4")
    page.locator("[name=ongoing-new][value=no]").check()

    page.get_by_role("button", name="Save visit").click()
    page.wait_for_url("**/saved/**")

    stored = Score.objects.filter(patient=record, assessed_on=date(2024, 8, 30))
    assert {row.score: row.value for row in stored} == {"SLEDAI-2K": 6, "CSLEDAI": 4}


def test_ongoing_treatments_are_answered_without_script(browser, live_server, coordinator, record):
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([cookie_of(coordinator, live_server)])
    page = context.new_page()
    page.goto(live_server.url + address(record))
    fill_visit_date(page, "30", "aug", "2024")
    page.get_by_role("group", name="New malignancy since the last visit?").get_by_label(
        "No", exact=True
    ).check()
    page.locator("[name=ongoing-new][value=no]").check()
    steroid = page.get_by_role("group", name="Methylprednisolone 4 mg/day (= 5 mg prednisolone)")
    steroid.get_by_label("No, stopped").check()
    steroid.get_by_label("If changed or stopped: on").fill("1 Jul 2024")
    page.get_by_role("group", name="Hydroxychloroquine 400 mg a day").get_by_label("Yes, unchanged").check()
    page.get_by_label("Asked about all treatments").check()
    page.get_by_role("button", name="Save visit").click()
    page.wait_for_url("**/saved/**")
    page.goto(f"{live_server.url}/patients/{record.public_id}/activity/")

    expect(page.get_by_text("Drug-free since 1 Jul 2024.")).to_be_visible()
    context.close()
    assert sorted(TreatmentAnswer.objects.values_list("answer", flat=True)) == ["complete", "same", "stopped"]
