"""A visit of thirty fields, typed by somebody who never touches the mouse."""

import pytest
from playwright.sync_api import expect

from registry.models import LabResult, SupportiveTreatment, Visit
from tests.journeys.conftest import VALUES, visit_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def focused(page):
    return page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()")


def tab_to(page, name, *, most=40):
    """Tab until the focus is there; every stop on the way must be in sight, above the foot that sticks."""
    for _ in range(most):
        if focused(page).startswith(name):
            return
        page.keyboard.press("Tab")
        in_sight = page.evaluate(
            """() => {
                const foot = document.querySelector('.sheet-foot').getBoundingClientRect();
                const box = document.activeElement.getBoundingClientRect();
                if (document.activeElement.closest('.sheet-foot')) return true;
                // The grid itself, a stop to scroll it sideways, is taller than the window.
                if (box.height > foot.top) return box.top < foot.top && box.bottom > 0;
                return box.top >= -1 && box.bottom <= foot.top + 1;
            }"""
        )
        assert in_sight, focused(page)
    raise AssertionError(f"{name} was not reached; the focus is at {focused(page)}")


@pytest.mark.parametrize("width", [1280, 320])
def test_a_visit_of_thirty_fields_is_typed_without_a_mouse(open_page, coordinator, scene, width):
    page = open_page(user=coordinator, path=visit_of(scene.patient), width=width, height=700)
    press, write = page.keyboard.press, page.keyboard.type

    assert focused(page) == "visited_on_day"
    for text in ("30", "aug", "2024"):
        write(text)
        press("Tab")
    expect(page.locator("[data-day-line]")).to_contain_text("is day 182, inside the window")
    tab_to(page, "contact_mode")
    write("By v")
    tab_to(page, "lab-ANC-value")
    routine = list(VALUES)[:11]
    for place, analyte in enumerate(routine):
        assert focused(page) == f"lab-{analyte}-value"
        write(VALUES[analyte])
        if place < len(routine) - 1:
            press("Enter")
    tab_to(page, "Further analytes")
    press("Enter")
    for analyte in list(VALUES)[11:]:
        tab_to(page, f"lab-{analyte}-value", most=60)
        write(VALUES[analyte])
    tab_to(page, "support-0-kind", most=60)
    write("Red")
    press("Tab")
    write("20 aug 2024")
    tab_to(page, "new_malignancy")
    press("ArrowRight")
    tab_to(page, "comments", most=200)
    write("Came by train.")
    press("Control+Enter")

    page.wait_for_url("**/saved/**")
    visit = Visit.objects.get(patient=scene.patient, code="M6")
    stored = LabResult.objects.filter(visit=visit)
    assert {row.analyte: row.entered_value for row in stored} == VALUES
    assert (visit.contact_mode, visit.comments) == ("video", "Came by train.")
    assert SupportiveTreatment.objects.filter(given_on="2024-08-20").exists()


def test_few_stops_lie_between_the_events_and_the_comments_and_a_way_past_the_scores(
    open_page, coordinator, scene
):
    page = open_page(user=coordinator, path=visit_of(scene.patient))
    page.locator("[name=ongoing-new]").first.check()

    tab_to(page, "comments", most=17)  # 51 with all empty boxes open

    page.locator("[name=ongoing-new]").first.focus()
    tab_to(page, "Skip to treatment of the disease", most=2)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused(page).startswith("treatments-")
    page.locator("[name=labs-collected_on]").focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    assert focused(page) == "Skip to transfusions and growth factors"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused(page) == "support-0-kind"


def test_a_visit_that_was_not_done_is_three_actions(open_page, coordinator, scene):
    page = open_page(user=coordinator, path=visit_of(scene.patient))  # one

    page.get_by_label("Why was it not done?").select_option("Could not be reached")  # two
    page.get_by_role("button", name="Record as not done").click()  # three

    page.wait_for_url("**/saved/**")
    visit = Visit.objects.get(patient=scene.patient, code="M6")
    assert (visit.status, visit.missed_reason) == ("missed", "Could not be reached")
