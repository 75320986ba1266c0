"""Two people change one visit at once. The second sees both, chooses, and nothing of either is lost."""

import pytest
from playwright.sync_api import expect

from registry.models import LabResult, Visit
from tests.factories import make_result
from tests.journeys.conftest import expect_all_kept, visit_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def visit(scene):
    found = Visit.objects.get(patient=scene.patient, code="M3")
    make_result(patient=scene.patient, visit=found, collected_on=found.visited_on, analyte="ANC", value="1.4")
    make_result(patient=scene.patient, visit=found, collected_on=found.visited_on, analyte="PLT", value="150")
    return found


def values_of(visit):
    current = LabResult.objects.filter(visit=visit, superseded_at__isnull=True)
    return {row.analyte: row.entered_value for row in current}


def box(page, analyte):
    return page.locator(f"[name='lab-{analyte}-value']")


def save(page, reason):
    page.get_by_role("textbox", name="Why is the record changed?").fill(reason)
    page.get_by_role("button", name="Save the change").click()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_the_second_chooses_where_both_changed_and_takes_what_only_the_first_did(
    open_page, coordinator, investigator, scene, visit, script, tmp_path
):
    first = open_page(user=coordinator, path=visit_of(scene.patient, "M3"), script=script)
    second = open_page(user=investigator, path=visit_of(scene.patient, "M3"), script=script)
    box(first, "ANC").fill("1.7")
    first.get_by_role("textbox", name="Comments").fill("Sample was late.")
    save(first, "misread")
    first.wait_for_url("**/saved/**")
    box(second, "ANC").fill("1.9")
    box(second, "PLT").fill("155")
    save(second, "read again")

    expect(second.get_by_text("coordinator saved this visit")).to_be_visible()
    expect(second.get_by_role("group", name="Neutrophils")).to_have_count(1)
    expect(second.get_by_role("row", name="Comments").get_by_text("Sample was late.")).to_be_visible()
    second.screenshot(path=tmp_path / "choose.png")
    second.get_by_role("button", name="Save the change").click()
    expect(second.get_by_text("Choose for every field")).to_be_visible()
    assert values_of(visit) == {"ANC": "1.7", "PLT": "150"}
    second.get_by_role("group", name="Neutrophils").get_by_label("coordinator").check()
    second.get_by_role("button", name="Save the change").click()

    second.wait_for_url("**/saved/**")
    assert values_of(visit) == {"ANC": "1.7", "PLT": "155"}
    visit.refresh_from_db()
    assert (visit.comments, visit.version) == ("Sample was late.", 3)


def test_a_draft_of_a_record_that_changed_since_opens_beside_it(
    open_page, coordinator, investigator, scene, visit
):
    page = open_page(user=coordinator, path=visit_of(scene.patient, "M3"))
    box(page, "ANC").fill("1.9")
    expect_all_kept(page)
    page.close()
    other = open_page(user=investigator, path=visit_of(scene.patient, "M3"))
    box(other, "ANC").fill("1.7")
    save(other, "misread")
    other.wait_for_url("**/saved/**")

    page = open_page(user=coordinator, path=visit_of(scene.patient, "M3"))

    expect(page.get_by_text("investigator saved this visit")).to_be_visible()
    page.get_by_role("group", name="Neutrophils").get_by_label("Yours").check()
    save(page, "the first reading was right")
    page.wait_for_url("**/saved/**")
    assert values_of(visit)["ANC"] == "1.9"
