"""A visit is locked; the site is refused with words; one manager asks to unlock it, another approves."""

import pytest
from playwright.sync_api import expect

from registry.models import Visit
from tests import factories
from tests.journeys.conftest import visit_of
from tests.web.test_browser_investigator import reads_well

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def second_manager(study):
    return factories.make_user(username="second_manager", role="data_manager", study=study)


def test_locked_refused_and_opened_by_two(open_page, scene, coordinator, manager, second_manager, tmp_path):
    visit = Visit.objects.get(patient=scene.patient, code="D28")
    place = visit_of(scene.patient, "D28")
    page = open_page(user=coordinator, path=place)
    page.locator("#id_comments").fill("Seen by the deputy.")
    page.get_by_label("Why is the record changed?").fill("forgotten")

    # While the coordinator types, the data manager locks the visit.
    desk = open_page(user=manager, path=f"/locks/?target=patient:{scene.patient.public_id}")
    desk.get_by_label("What is locked").select_option(f"visit:{scene.patient.public_id}:{visit.pk}")
    desk.get_by_label("Reason").fill("Cleaned for the yearly report")
    desk.get_by_role("button", name="Lock", exact=True).click()
    expect(desk.get_by_text("Visit D28 of VIE-0001 is locked.")).to_be_visible()

    # The change is refused with who can unlock, and nothing of it is stored.
    page.locator("main form button[name=step][value=save]").first.click()
    expect(page.get_by_text("Visit D28 of patient VIE-0001 is locked since")).to_be_visible()
    expect(page.get_by_text("a data manager or safety lead asks")).to_be_visible()
    reads_well(page, name="locked", tmp_path=tmp_path)
    visit.refresh_from_db()
    assert visit.comments == ""

    # The manager asks; their own approval is not offered.
    desk.get_by_text("Ask to unlock").click()
    desk.locator("details[open] input[name$=reason]").fill("The deputy's note is missing")
    desk.get_by_role("button", name="Ask", exact=True).click()
    expect(desk.get_by_text("You asked for this yourself.")).to_be_visible()
    expect(desk.get_by_role("button", name="Approve")).to_have_count(0)
    reads_well(desk, name="locks", tmp_path=tmp_path)

    # Another manager approves, and the site may change the visit.
    desk = open_page(user=second_manager, path="/locks/")
    desk.get_by_role("button", name="Approve").click()
    expect(desk.get_by_text("Unlocked.", exact=False).first).to_be_visible()
    expect(desk.get_by_role("heading", name="Unlocked for now")).to_be_visible()
    page = open_page(user=coordinator, path=f"{place}record/")
    expect(page.get_by_role("link", name="Change in the form")).to_be_visible()
    Visit.objects.filter(pk=visit.pk).update(comments="Seen by the deputy.")
