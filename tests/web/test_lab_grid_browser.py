"""The laboratory grid in a real browser: keys, live grades, the question with its fix, a report pasted."""

from datetime import date

import pytest
from playwright.sync_api import expect

from registry.models import LabResult, Visit
from tests import factories
from tests.web.test_browser_investigator import (  # noqa: F401 - fixtures
    WIDTHS,
    browse,
    console,
    fill_visit_date,
    reads_well,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

REPORT = "Test\tResult\tUnit\tRange\nNeutro seg\t1,2\tG/L\t1,8-7,7\nHb\t11,2\tg%\t12-16\nCRP\t<0.5\tmg/L\t<5"


@pytest.fixture
def visit_page(browse, coordinator, scene):  # noqa: F811
    def open_page(width=1280):
        return browse(user=coordinator, path=f"/patients/{scene.patient.public_id}/visits/M6/", width=width)

    return open_page


def focused(page):
    return page.evaluate("document.activeElement.name")


def test_enter_goes_down_the_column_and_back_and_tab_along_the_row(visit_page):
    page = visit_page()
    page.get_by_label("Neutrophils: Value").focus()

    page.keyboard.press("Enter")
    assert focused(page) == "lab-WBC-value"
    page.keyboard.press("Shift+Enter")
    assert focused(page) == "lab-ANC-value"
    page.keyboard.press("Tab")
    assert focused(page) == "lab-ANC-unit"
    page.keyboard.press("Enter")
    assert focused(page) == "lab-WBC-unit"
    page.get_by_label("Creatinine: Value").focus()
    page.keyboard.press("Enter")
    assert focused(page) == "lab-CREATININE-value"


def test_the_grade_comes_when_the_field_is_left_and_not_while_typing(visit_page):
    page = visit_page()
    asked = []
    page.on(
        "request", lambda request: asked.append(request.url) if "/results/check/" in request.url else None
    )
    row = page.locator("#row-lab-ANC")

    page.get_by_label("Neutrophils: Value").press_sequentially("0,9")
    assert asked == []
    page.keyboard.press("Tab")

    expect(row.get_by_text("Grade 3 (CTCAE v5), grade 2 (v6)")).to_be_visible()
    assert all("?" not in url for url in asked)
    page.get_by_label("Neutrophils: Unit").select_option("/uL")
    expect(row.get_by_text("= 0.0009 ×10⁹/L", exact=True)).to_be_visible()


@pytest.mark.parametrize("box", ["lab-CREATININE-value", "lab-CREATININE-unit"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_late_answer_leaves_the_field_being_typed_where_it_is(visit_page, width, box):
    page = visit_page(width)
    held = []
    page.route("**/results/check/", lambda route: held.append(route))
    page.get_by_label("Neutrophils: Value").fill("40")
    page.locator(f"[name={box}]").focus()
    # The field that has the focus stands just above the foot that sticks.
    above_foot = """() => document.querySelector('.sheet-foot').getBoundingClientRect().top
        - document.activeElement.getBoundingClientRect().bottom"""
    page.evaluate(f"scrollBy(0, 4 - ({above_foot})())")
    assert page.evaluate(above_foot) == pytest.approx(4, abs=1)

    while not held:
        page.wait_for_timeout(20)
    with page.expect_response("**/results/check/"):
        held[-1].continue_()

    expect(page.locator("#row-lab-ANC").get_by_text("Did the report say 40 per µL")).to_have_count(1)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate(above_foot) == pytest.approx(4, abs=1)


def test_the_line_about_the_day_leaves_the_field_being_typed_where_it_is(visit_page):
    page = visit_page(320)
    held = []
    page.route("**/visits/M6/day/**", lambda route: held.append(route))
    fill_visit_date(page, "30", "8", "2023")
    box = page.locator("[name=contact_mode]")
    box.focus()
    before = box.bounding_box()

    with page.expect_response("**/visits/M6/day/**"):
        held[-1].continue_()

    expect(page.locator("[data-day-line]")).to_contain_text("before the window")
    assert page.locator("[data-day-line]").bounding_box()["height"] > 40, "two lines where one was kept free"
    assert box.bounding_box() == before


@pytest.mark.parametrize("width", WIDTHS)
def test_words_that_make_the_foot_taller_leave_the_field_being_typed_in_sight(visit_page, width):
    page = visit_page(width)
    page.route(
        "**/drafts/",
        lambda route: route.fulfill(
            status=409,
            content_type="application/json",
            body='{"words": "Not saved as draft: this form was typed '
            'in another window at 15:59 today. Go on in one of them."}',
        ),
    )
    box = page.locator("[name=lab-CREATININE-value]")
    box.focus()
    above_foot = """() => document.querySelector('.sheet-foot').getBoundingClientRect().top
        - document.activeElement.getBoundingClientRect().bottom"""
    page.evaluate(f"scrollBy(0, 4 - ({above_foot})())")

    page.keyboard.type("80")

    expect(page.locator("[data-draft-status]")).to_contain_text("in another window")
    assert page.evaluate(above_foot) >= 0
    assert page.locator("[data-draft-status]").evaluate(
        "line => line.scrollHeight <= line.parentElement.clientHeight"
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_an_unlikely_value_is_asked_about_and_mended_by_its_button(visit_page, width, tmp_path):
    page = visit_page(width)
    page.get_by_label("Neutrophils: Value").fill("40")
    page.get_by_label("White blood cells: Value").focus()

    row = page.locator("#row-lab-ANC")
    expect(row.get_by_text("Did the report say 40 per µL (= 0.04 ×10⁹/L)?")).to_be_visible()
    reads_well(page, name=f"question-{width}", tmp_path=tmp_path)
    page.get_by_role("button", name="Use 40 /µL").click()

    expect(page.get_by_text("= 0.04 ×10⁹/L", exact=True)).to_be_visible()
    expect(row.get_by_text("40 ×10⁹/L is 16 times")).to_have_count(0)
    expect(page.get_by_label("Neutrophils: Unit")).to_have_value("/uL")


def test_an_unlikely_value_is_kept_with_a_reason_and_shown_with_it(visit_page, scene):
    page = visit_page()
    fill_visit_date(page, "30", "8", "2024")
    page.get_by_label("No", exact=True).first.check()
    page.get_by_label("Neutrophils: Value").fill("40")
    page.keyboard.press("Tab")

    page.get_by_text("40 ×10⁹/L is right – say why").click()
    page.get_by_label("Why is it right?").fill("on G-CSF, smear seen")
    page.keyboard.press("Control+Enter")

    page.wait_for_url("**/saved/**")
    result = LabResult.objects.get(patient=scene.patient, visit__code="M6")
    assert (result.entered_value, result.right_because) == ("40", "on G-CSF, smear seen")


def test_a_value_cannot_be_typed_where_not_done_is_ticked(visit_page):
    page = visit_page()

    page.get_by_label("Neutrophils: Not done").check()

    expect(page.get_by_label("Neutrophils: Value")).to_be_disabled()
    expect(page.get_by_label("Neutrophils: If not done: why")).to_be_visible()
    page.get_by_label("Neutrophils: Not done").uncheck()
    expect(page.get_by_label("Neutrophils: Value")).to_be_enabled()


def test_choosing_a_laboratory_fills_in_its_ranges_at_once(visit_page, scene, site):
    for number, name in enumerate(("Ward", "Central")):
        lab = site.laboratories.create(name=name, entered_at=factories.NIGHT, origin="form")
        lab.analytes.create(
            analyte="ANC",
            sex="F",
            unit="10*9/L",
            lower_limit=number + 1,
            upper_limit=7,
            reported_at=factories.NIGHT,
        )
    page = visit_page()
    chosen = page.get_by_label("Laboratory", exact=True)

    chosen.select_option("Central")
    expect(page.get_by_label("Neutrophils: Lower limit of normal")).to_have_value("2")
    chosen.select_option("Ward")

    expect(page.get_by_label("Neutrophils: Lower limit of normal")).to_have_value("1")
    expect(page.get_by_role("button", name="Fill in units and ranges")).to_be_hidden()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_pasted_report_is_previewed_and_taken_over(visit_page, scene, width, tmp_path):
    page = visit_page(width)
    page.get_by_text("Paste from a report").click()
    page.get_by_label("Rows of the report").fill(REPORT)
    page.get_by_role("button", name="Read the report").click()

    expect(page.get_by_role("heading", name="What the report says: 3 rows, 2 to settle")).to_be_visible()
    reads_well(page, name=f"preview-{width}", tmp_path=tmp_path)
    page.get_by_label("Neutro seg: becomes").select_option("ANC")
    page.get_by_label("Hb: unit").select_option("g/dL")
    page.get_by_role("button", name="Take over into the form").click()

    expect(page.get_by_text("3 of 3 rows are taken over.")).to_be_visible()
    expect(page.get_by_label("Neutrophils: Value")).to_have_value("1,2")
    expect(page.get_by_label("Haemoglobin: Unit")).to_have_value("g/dL")
    expect(page.get_by_label("C-reactive protein: Value")).to_have_value("<0.5")
    reads_well(page, name=f"taken-{width}", tmp_path=tmp_path)
    assert not Visit.objects.filter(patient=scene.patient, code="M6").exists()


def test_a_correction_asks_the_same_question(browse, coordinator, scene):  # noqa: F811
    result = LabResult.objects.get(patient=scene.patient, analyte="ANC", collected_on=date(2024, 3, 15))
    page = browse(user=coordinator, path=f"/patients/{scene.patient.public_id}/results/{result.pk}/")
    page.get_by_role("textbox", name="Value").fill("40")
    page.get_by_role("textbox", name="Why is the record changed?").fill("misread")
    page.get_by_role("button", name="Save the change").click()

    expect(page.get_by_text("Did the report say 40 per µL").last).to_be_visible()
    page.get_by_role("button", name="Use 40 /µL").click()
    expect(page.get_by_role("combobox", name="Unit")).to_have_value("/uL")
    page.get_by_role("button", name="Save the change").click()

    expect(page.get_by_text("0.4 ×10⁹/L is now 40 /µL").first).to_be_visible()
