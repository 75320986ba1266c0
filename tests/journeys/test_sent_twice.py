"""A visit sent twice is one visit, by a double click or from two windows; Back shows nothing stale."""

import pytest
from playwright.sync_api import expect

from registry.models import LabResult, Visit
from tests.journeys.conftest import expect_all_kept, type_date, visit_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def fill(page, value="2.4"):
    type_date(page)
    page.locator("[name='lab-ANC-value']").fill(value)
    page.get_by_role("group", name="New malignancy since the last visit?").get_by_label(
        "No", exact=True
    ).check()


def results(patient):
    return list(
        LabResult.objects.filter(patient=patient, visit__code="M6").values_list("entered_value", flat=True)
    )


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_double_click_makes_one_visit(open_page, coordinator, scene, script):
    page = open_page(user=coordinator, path=visit_of(scene.patient), script=script)
    fill(page)

    page.get_by_role("button", name="Save visit").dblclick()

    page.wait_for_url("**/saved/**")
    expect(page.get_by_role("heading", level=1)).to_contain_text("is saved")
    assert results(scene.patient) == ["2.4"]


def test_two_windows_of_one_draft_make_one_visit(open_page, coordinator, scene):
    page = open_page(user=coordinator, path=visit_of(scene.patient))
    fill(page)
    expect_all_kept(page)
    other = open_page(user=coordinator, path=visit_of(scene.patient), within=page.context)
    expect(other.get_by_text("Not part of the record yet")).to_be_visible()

    page.get_by_role("button", name="Save visit").click()
    page.wait_for_url("**/saved/**")
    other.get_by_role("button", name="Save visit").click()

    other.wait_for_url("**/saved/**")
    assert Visit.objects.filter(patient=scene.patient, code="M6").count() == 1
    assert results(scene.patient) == ["2.4"]


def test_back_after_saving_shows_the_record_and_not_the_empty_form(open_page, coordinator, scene):
    page = open_page(user=coordinator, path=visit_of(scene.patient))
    fill(page)
    page.get_by_role("button", name="Save visit").click()
    page.wait_for_url("**/saved/**")

    page.go_back()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Change visit M6")
    expect(page.locator("[name='lab-ANC-value']")).to_have_value("2.4")


@pytest.mark.parametrize("way", ["Review before saving", "Check without saving"])
def test_back_after_saving_from_a_page_that_answered_shows_the_record_too(open_page, coordinator, scene, way):
    page = open_page(user=coordinator, path=visit_of(scene.patient))
    fill(page)
    page.get_by_role("button", name=way).click()
    expect(page.get_by_text("Nothing is stored yet")).to_be_visible()
    expect(page.locator("[data-draft-status]")).to_contain_text("Saved as draft")
    page.get_by_role("button", name="Save visit").click()
    page.wait_for_url("**/saved/**")

    page.go_back()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Change visit M6")
    expect(page.locator("[name='lab-ANC-value']")).to_have_value("2.4")


def test_back_after_signing_out_shows_nothing(open_page, coordinator, scene):
    page = open_page(user=coordinator, path=visit_of(scene.patient, "M3"))
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/account/login/**")

    page.go_back()

    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(page.get_by_text("VIE-0001")).to_have_count(0)
