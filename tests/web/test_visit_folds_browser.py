"""The visit form opens what a choice asks for, and never hides what was typed."""

import pytest
from playwright.sync_api import expect

from tests.web.test_browser_investigator import (  # noqa: F401 - fixtures
    WIDTHS,
    browse,
    console,
    fill_visit_date,
    reads_well,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def visit_page(browse, coordinator, scene):  # noqa: F811
    def open_page(width=1280):
        return browse(user=coordinator, path=f"/patients/{scene.patient.public_id}/visits/M6/", width=width)

    return open_page


ROWS = [
    ("support-0-kind", "support-0-given_on", "support-1-kind"),
    ("treatments-new-0-agent", "treatments-new-0-start", "treatments-new-1-agent"),
    ("prevention-vaccine-0-agent", "prevention-vaccine-0-start", "prevention-vaccine-1-agent"),
    ("prevention-new-0-agent", "prevention-new-0-start", "prevention-new-1-agent"),
]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("choice", "box", "following"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_and_the_next_one_open_with_the_choice(visit_page, width, choice, box, following):
    page = visit_page(width)
    expect(page.locator(f"[name={box}]")).to_be_hidden()
    expect(page.locator(f"[name={following}]")).to_be_hidden()

    page.locator(f"[name={choice}]").select_option(index=1)

    expect(page.locator(f"[name={box}]")).to_be_visible()
    expect(page.locator(f"[name={following}]")).to_be_visible()


def test_what_was_typed_stays_in_sight_though_the_choice_is_taken_back(visit_page):
    page = visit_page()
    page.locator("[name=treatments-new-0-agent]").select_option(index=1)
    page.locator("[name=treatments-new-0-start]").fill("2023")
    page.locator("[name=new_malignancy][value=yes]").check()
    page.locator("[name=new_malignancy_text]").fill("Basalioma of the nose")

    page.locator("[name=treatments-new-0-agent]").select_option("")
    page.locator("[name=new_malignancy][value=no]").check()

    expect(page.locator("[name=treatments-new-0-start]")).to_be_visible()
    expect(page.locator("[name=new_malignancy_text]")).to_be_visible()


def test_a_yes_to_a_malignancy_opens_what_it_needs(visit_page, tmp_path):
    page = visit_page()
    found = page.get_by_label("What was found, where and when?")
    expect(found).to_be_hidden()

    page.locator("[name=new_malignancy][value=yes]").check()

    expect(found).to_be_visible()
    fill_visit_date(page, "30", "8", "2024")
    page.get_by_role("button", name="Save visit").click()
    page.get_by_role("link", name="what was found").click()
    expect(found).to_be_focused()
    reads_well(page, name="malignancy", tmp_path=tmp_path)


def test_paper_has_every_row_open(visit_page):
    page = visit_page()

    page.emulate_media(media="print")

    for _, box, following in ROWS:
        expect(page.locator(f"[name={box}]")).to_be_visible()
        expect(page.locator(f"[name={following}]")).to_be_visible()
