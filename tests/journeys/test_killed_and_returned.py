"""A browser dies in the middle of a visit. Everything typed is there when its person comes back."""

import re

import pytest
from playwright.sync_api import expect

from registry.access.scope import EVERYTHING, acting
from registry.models import Draft, LabResult, Visit
from tests.factories import PASSWORD
from tests.journeys.conftest import (
    expect_all_kept,
    expect_shown,
    fill_thirty,
    kill,
    shown,
    type_date,
    visit_of,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def sign_in(page, address, username):
    page.goto(f"{address}/account/login/")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{address}/")


def test_a_killed_browser_loses_nothing(
    browser_type, browser_type_launch_args, live_server, coordinator, investigator, scene
):
    first = browser_type.launch(**browser_type_launch_args)
    page = first.new_page()
    sign_in(page, live_server.url, "coordinator")
    page.goto(live_server.url + visit_of(scene.patient))
    typed = fill_thirty(page)
    expect_all_kept(page)

    kill(first)

    assert not Visit.objects.filter(patient=scene.patient, code="M6").exists()
    second = browser_type.launch(**browser_type_launch_args)
    page = second.new_page()
    sign_in(page, live_server.url, "investigator")
    page.goto(live_server.url + visit_of(scene.patient))
    assert shown(page) == {}
    page.context.clear_cookies()
    sign_in(page, live_server.url, "coordinator")
    page.goto(f"{live_server.url}/patients/drafts/")
    page.get_by_role("link", name="Continue draft of Visit M6, VIE-0001").click()
    expect(page.get_by_text("Not part of the record yet")).to_be_visible()
    expect_shown(page, typed)
    assert page.locator(".wrong").count() == 0
    page.get_by_role("button", name="Save visit").click()
    page.wait_for_url("**/saved/**")
    assert LabResult.objects.filter(visit__code="M6", patient=scene.patient).count() == 26
    with acting(rows=EVERYTHING, by=coordinator):
        assert Draft.objects.filter(payload__isnull=False).count() == 0
    second.close()


def test_without_the_network_the_page_says_so_and_keeps_it_when_the_network_is_back(
    open_page, coordinator, scene
):
    page = open_page(user=coordinator, path=visit_of(scene.patient))
    status = page.locator("[data-draft-status]")

    page.context.set_offline(True)
    type_date(page)
    expect(status).to_have_text("Not saved – offline, keep this page open")
    page.context.set_offline(False)

    expect_all_kept(page)
    again = open_page(user=coordinator, path=visit_of(scene.patient))
    expect(again.get_by_role("textbox", name="Month")).to_have_value("aug")


def test_a_draft_is_discarded_after_a_question(open_page, coordinator, scene):
    page = open_page(user=coordinator, path=visit_of(scene.patient))
    type_date(page)
    expect_all_kept(page)
    page.reload()

    page.get_by_role("link", name="Discard the draft").click()
    page.get_by_role("button", name="Discard the draft").click()

    expect(page.get_by_role("textbox", name="Month")).to_have_value("")
    expect(page.get_by_text("Not part of the record yet")).to_have_count(0)


def test_what_a_report_filled_in_is_kept_though_no_key_was_pressed_since(open_page, coordinator, scene):
    page = open_page(user=coordinator, path=visit_of(scene.patient))
    page.get_by_text("Paste from a report").click()
    page.get_by_label("Rows of the report").fill("Neutrophils;1,2;G/L\nPlatelets;98;G/L")
    page.get_by_role("button", name="Read the report").click()
    page.get_by_role("button", name="Take over into the form").click()
    expect(page.get_by_text("2 of 2 rows are taken over")).to_be_visible()

    expect(page.locator("[data-draft-status]")).to_have_text(re.compile("Saved as draft"))
    page.close(run_before_unload=False)

    again = open_page(user=coordinator, path=visit_of(scene.patient))
    expect(again.get_by_label("Neutrophils: Value")).to_have_value("1,2")
    expect(again.get_by_label("Platelets: Value")).to_have_value("98")


def test_what_was_refused_is_kept_as_it_was_sent(open_page, coordinator, scene):
    page = open_page(user=coordinator, path=visit_of(scene.patient))
    page.locator("[name='lab-ANC-value']").fill("1,2")

    page.get_by_role("button", name="Save visit").click()

    expect(page).to_have_title(re.compile("^Error:"))
    expect(page.locator("[data-draft-status]")).to_have_text(re.compile("Saved as draft"))
    again = open_page(user=coordinator, path=visit_of(scene.patient))
    expect(again.get_by_label("Neutrophils: Value")).to_have_value("1,2")
