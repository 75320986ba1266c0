"""A call to a patient in year six: a yes opens only what it needs, and becomes an event to complete."""

import re

import pytest
from django.core.cache import cache
from playwright.sync_api import expect

from registry.models import AdverseEvent, Visit
from tests.web.late import make_late_patient
from tests.web.scene import TODAY

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def late(study, site, settings):
    settings.REGISTRY_TODAY = TODAY
    cache.clear()
    return make_late_patient(study=study, site=site)


def test_a_call_that_brings_news_of_an_infection(open_page, coordinator, late):
    page = open_page(user=coordinator, path=f"/patients/{late.public_id}/visits/Y6/contact/")

    page.get_by_label("By telephone").first.check()
    page.get_by_role("group", name="Is the patient alive?").get_by_label("Yes").check()
    for question in ("A new cancer?", "A new blood disorder?", "A new or worse autoimmune"):
        page.get_by_role("group", name=re.compile(re.escape(question))).get_by_label("No", exact=True).check()
    page.get_by_role("group", name="A serious infection?").get_by_label("Yes").check()
    page.get_by_label("Yes, still right").check()

    asked = [box for box in page.locator(".contact__more").all() if box.is_visible()]
    assert len(asked) == 1
    asked[0].get_by_label("Which infection?").fill("Pneumonia, a week in hospital")
    asked[0].get_by_label("Year").fill("2024")
    page.get_by_role("button", name="Save contact").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("is saved")
    expect(page.get_by_text("Pneumonia, a week in hospital")).to_be_visible()
    [event] = AdverseEvent.objects.filter(patient=late)
    assert (event.term, event.category, event.started_on) == (
        "Pneumonia, a week in hospital",
        "infection",
        "2024",
    )
    assert Visit.objects.get(patient=late, code="Y6").contact_mode == "phone"

    page.get_by_role("link", name=re.compile("Complete this adverse event")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Follow-up report on")
