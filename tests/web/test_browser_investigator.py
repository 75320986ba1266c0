"""The site's pages in a real browser: readable wide and narrow, without a mouse, without script."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from playwright.sync_api import expect

from registry.clock import now
from registry.models import Heartbeat, LabResult, User, Visit
from tests.factories import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDTHS = (1280, 320)
AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# Pages answer an entry that they refuse with 422 or 409; browsers log each such answer.
# 403: what a page without its session sends as a draft.
REFUSED = re.compile(r"the server responded with a status of (403|409|422)|ERR_INTERNET_DISCONNECTED")


@pytest.fixture
def console(page):
    """Whatever a page said to the console; afterwards it said nothing."""
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield said
    assert [text for text in said if not REFUSED.search(text)] == []


@pytest.fixture
def browse(live_server, page, console):
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


def reads_well(page, *, name, tmp_path):
    page.wait_for_load_state()
    page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
    found = Axe().run(page, options=AXE_RULES).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found] == []
    # 320 px is 400 % zoom: only regions scroll sideways, never the page.
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def sign_in(page, live_server, user):
    cache.clear()
    page.goto(f"{live_server.url}/account/login/")
    page.get_by_label("User name").fill(user.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{live_server.url}/")
    page.close()


def fill_visit_date(page, day, month, year):
    for part, text in (("Day", day), ("Month", month), ("Year", year)):
        page.get_by_role("group", name="Date of the visit").get_by_label(part).fill(text)


def test_a_coordinator_signs_in_and_records_the_most_urgent_visit(
    live_server, page, console, coordinator, scene
):
    cache.clear()
    Heartbeat.objects.create(name="worker", at=now())
    page.goto(f"{live_server.url}/account/login/")
    page.get_by_label("User name").fill("coordinator")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Start visit D28 of VIE-0002").click()
    fill_visit_date(page, "29", "mar", "2024")
    page.get_by_label("Neutrophils: Value").fill("400")
    page.get_by_label("Neutrophils: Unit").select_option("/uL")
    page.get_by_role("group", name="New malignancy since the last visit?").get_by_label(
        "No", exact=True
    ).check()
    page.get_by_role("button", name="Save visit").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Visit D28 of VIE-0002 is saved")
    expect(page.get_by_text("= 0.4 ×10⁹/L", exact=True)).to_be_visible()
    expect(page.get_by_text("Checks are running")).to_be_visible()
    assert Visit.objects.filter(patient=scene.low, code="D28").count() == 1


def _no_malignancy(page):
    return page.get_by_role("group", name="New malignancy since the last visit?").get_by_label(
        "No", exact=True
    )


def test_a_routine_visit_is_entered_without_a_mouse(browse, coordinator, scene):
    page = browse(user=coordinator, path=f"/patients/{scene.patient.public_id}/visits/M6/")

    for text in ("30", "8", "2024"):  # the date of the visit has the focus
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.get_by_label("Neutrophils: Value").focus()
    page.keyboard.type("2,4")
    page.keyboard.press("Enter")
    page.keyboard.type("5.1")
    _no_malignancy(page).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Control+Enter")

    page.wait_for_url("**/saved/**")
    stored = LabResult.objects.filter(patient=scene.patient, visit__code="M6").order_by("analyte")
    assert [(row.analyte, row.entered_value) for row in stored] == [("ANC", "2.4"), ("WBC", "5.1")]


def test_errors_stand_at_the_top_with_the_focus_and_nothing_typed_is_lost(
    browse, coordinator, scene, tmp_path
):
    for width in WIDTHS:
        page = browse(user=coordinator, path=f"/patients/{scene.patient.public_id}/visits/M6/", width=width)
        fill_visit_date(page, "31", "feb", "2024")
        page.get_by_label("Platelets: Value").fill("4500")

        page.get_by_role("button", name="Save visit").click()

        expect(page).to_have_title(re.compile("^Error:"))
        expect(page.locator(".error-summary")).to_be_focused()
        expect(page.get_by_label("Platelets: Value")).to_have_value("4500")
        month = page.get_by_role("group", name="Date of the visit").get_by_label("Month")
        expect(month).to_have_value("feb")
        reads_well(page, name=f"errors-{width}", tmp_path=tmp_path)
        page.get_by_role("link", name="Platelets: ").click()
        expect(page.locator("[name=lab-PLT-value]")).to_be_focused()


def test_enter_checks_and_stores_nothing_without_script(browser, live_server, coordinator, scene):
    context = browser.new_context(java_script_enabled=False)
    client = Client()
    client.force_login(coordinator)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/patients/{scene.patient.public_id}/visits/M6/")
    fill_visit_date(page, "30", "8", "2024")
    _no_malignancy(page).check()
    page.get_by_label("Neutrophils: Value").fill("0.4")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Nothing is stored yet")).to_be_visible()
    expect(page.get_by_text("Grade 4 (CTCAE v5), grade 3 (v6)").first).to_be_visible()
    assert not Visit.objects.filter(patient=scene.patient, code="M6").exists()
    context.close()


def test_two_editors_see_both_values_and_nothing_is_lost(browse, coordinator, investigator, scene, tmp_path):
    address = f"/patients/{scene.patient.public_id}/visits/M3/"
    page = browse(user=coordinator, path=address)
    page.get_by_label("Neutrophils: Value").fill("1.7")
    visit = Visit.objects.get(patient=scene.patient, code="M3")
    Visit.objects.filter(pk=visit.pk).update(version=2, new_malignancy=None)
    page.get_by_role("textbox", name="Why is the record changed?").fill("forgotten")

    page.get_by_role("button", name="Save the change").click()

    expect(page.get_by_text("while you were typing")).to_be_visible()
    expect(page.get_by_role("row", name="New malignancy").get_by_text("not known")).to_be_visible()
    expect(page.get_by_label("Neutrophils: Value")).to_have_value("1.7")
    reads_well(page, name="conflict-1280", tmp_path=tmp_path)
    page.get_by_role("button", name="Save the change").click()
    page.wait_for_url("**/saved/**")
    assert LabResult.objects.get(visit=visit, analyte="ANC").entered_value == "1.7"


def test_a_visit_sent_after_the_session_ended_waits_and_is_saved_after_signing_in(
    browse, live_server, coordinator, investigator, scene
):
    page = browse(user=coordinator, path=f"/patients/{scene.patient.public_id}/visits/M6/")
    fill_visit_date(page, "30", "8", "2024")
    _no_malignancy(page).check()
    page.get_by_label("Neutrophils: Value").fill("2.4")
    save = page.get_by_role("button", name="Save visit")

    page.context.clear_cookies()
    save.click()
    expect(page.get_by_text("you were signed out")).to_be_visible()
    sign_in(page.context.new_page(), live_server, investigator)
    save.click()
    expect(page.get_by_text("somebody else has signed in")).to_be_visible()
    page.context.clear_cookies()
    sign_in(page.context.new_page(), live_server, coordinator)
    page.context.set_offline(True)
    save.click()
    expect(page.get_by_text("cannot be reached")).to_be_visible()
    assert not Visit.objects.filter(patient=scene.patient, code="M6").exists()
    page.context.set_offline(False)
    save.dblclick()

    page.wait_for_url("**/saved/**")
    assert Visit.objects.get(patient=scene.patient, code="M6").entered_by == coordinator
    assert LabResult.objects.get(patient=scene.patient, visit__code="M6").entered_value == "2.4"


def test_a_new_visit_begins_at_its_date_and_says_which_keys_it_takes(browse, coordinator, scene):
    page = browse(user=coordinator, path=f"/patients/{scene.patient.public_id}/visits/M6/")

    expect(page.locator("[name=visited_on_day]")).to_be_focused()
    expect(page.get_by_text("Ctrl + Enter saves the visit")).to_be_visible()


def test_a_narrow_grid_shows_the_unit_under_each_value(browse, coordinator, scene):
    page = browse(user=coordinator, path=f"/patients/{scene.patient.public_id}/visits/M6/", width=320)

    for label in ("Neutrophils: Value", "Neutrophils: Unit", "Neutrophils: Not done"):
        box = page.get_by_label(label).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 320


def test_leaving_typed_work_is_asked_about(browse, coordinator, scene):
    page = browse(user=coordinator, path=f"/patients/{scene.patient.public_id}/visits/M6/")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_label("Neutrophils: Value").fill("2.4")

    page.get_by_role("link", name="Cancel").click()
    page.wait_for_url("**/patients/*/")

    assert asked == ["beforeunload"]


def test_the_demo_door_leads_in_by_one_click(live_server, page, console, settings, coordinator, scene):
    settings.DEMO = True
    User.objects.filter(pk=coordinator.pk).update(username="coordinator@demo", is_demo=True)
    page.goto(f"{live_server.url}/account/login/")

    page.get_by_role("button", name="Site coordinator").click()

    expect(page.get_by_role("heading", name="Today, 1 Sep 2024")).to_be_visible()
    expect(page.get_by_text("DEMO – invented patients")).to_be_visible()
