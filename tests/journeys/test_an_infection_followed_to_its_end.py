"""An infection is reported, asked about at the next visit and found over; its page tells the whole chain.

A real browser and a real web server.
"""

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import expect

from registry.models import AdverseEvent, InfectionDetails
from tests.factories import PASSWORD, make_patient, make_schedule, make_site, make_study, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def patient():
    """Somebody 33 days after the infusion, whose visit of day 28 is due."""
    cache.clear()
    study = make_study()
    make_schedule(study=study, visits=(("D28", 28, "day", 7, 7),))
    site = make_site(study=study)
    make_user(username="clara", role="coordinator", site=site)
    return make_patient(site=site, code="VIE-0007", infused_on=timezone.now().date() - timedelta(days=33))


def fill_date(page, group, on):
    for label, text in (("Day", on.day), ("Month", on.strftime("%b")), ("Year", on.year)):
        page.get_by_role("group", name=group).get_by_label(label, exact=True).fill(str(text))


def test_an_infection_is_reported_and_ended_at_the_next_visit(live_server, page, patient):
    day_zero = patient.courses.get().day_zero
    began, ended, visited = (day_zero + timedelta(days=day) for day in (10, 24, 29))
    page.goto(f"{live_server.url}/account/login/")
    page.get_by_label("User name").fill("clara")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{live_server.url}/")

    # Reported: what it was, where, by which organism, how it was treated.
    page.goto(f"{live_server.url}/patients/{patient.public_id}/events/")
    page.get_by_label("What happened?").fill("Pneumonia")
    page.get_by_label("Category", exact=True).select_option("infection")
    fill_date(page, "Began on", began)
    fill_date(page, "The site became aware on", began)
    page.get_by_label("Site of the infection").select_option("lung")
    page.get_by_role("group", name="How is it documented?").get_by_label("Microbiologically").check()
    page.get_by_label("Organism", exact=True).fill("S. pneumoniae, sputum")
    page.get_by_role("group", name="Treatment of the infection").get_by_label("Intravenous").check()
    page.get_by_label("Grade", exact=True).select_option("3")
    page.get_by_label("Scale of the grade").select_option("CTCAE-5")
    page.get_by_role("button", name="Save event").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pneumonia")
    expect(page.get_by_text("S. pneumoniae, sputum")).to_be_visible()

    # The next visit asks: it is over.
    page.goto(f"{live_server.url}/patients/{patient.public_id}/visits/D28/")
    fill_date(page, "Date of the visit", visited)
    page.get_by_role("group", name="New malignancy since the last visit?").get_by_label(
        "No", exact=True
    ).check()
    asked = page.get_by_role("group", name="Pneumonia: still ongoing?")
    asked.get_by_label("No, it is over").check()
    fill_date(page, "Pneumonia: ended on", ended)
    asked.get_by_label("Outcome").select_option("recovered")
    page.get_by_role("button", name="Save visit").click()
    page.wait_for_url("**/saved/**")

    # Its page tells both.
    event = AdverseEvent.objects.get(patient=patient)
    page.goto(f"{live_server.url}/patients/{patient.public_id}/events/{event.pk}/")
    told = page.get_by_role("region", name="Reports")
    expect(told.get_by_text(re.compile("First report.*grade 3 CTCAE v5.0"))).to_be_visible()
    expect(told.get_by_text(re.compile("Follow-up 1.*at visit D28.*outcome recovered"))).to_be_visible()
    assert (event.ended_on, InfectionDetails.objects.get(event=event).organism) == (
        "",
        "S. pneumoniae, sputum",
    )
    assert event.follow_ups.get().ended_on == ended.isoformat()
