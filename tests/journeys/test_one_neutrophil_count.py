"""One neutrophil count, from a site's form to an officer's decision to a sponsor's row (architecture.md).

A real browser, a real web server, a real Celery worker on the real broker.
"""

import json
from datetime import timedelta
from urllib.request import Request, urlopen

import pytest
from celery import current_app
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import expect

from registry.actions import api_keys
from registry.models import Alert, AlertMove, AuditEvent, LabResult, Pseudonym
from tests.factories import (
    PASSWORD,
    make_patient,
    make_result,
    make_schedule,
    make_site,
    make_study,
    make_user,
)
from tests.worker import running_worker, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def people():
    """A patient 40 days after the infusion whose neutrophils were low on day 5 and on day 20."""
    cache.clear()
    current_app.control.purge()
    study = make_study()
    make_schedule(study=study, visits=(("D28", 28, "day", 3, 3), ("M2", 2, "month", 7, 7)))
    site = make_site(study=study)
    day_zero = timezone.now().date() - timedelta(days=40)
    patient = make_patient(site=site, code="VIE-0007", infused_on=day_zero)
    for day, value in ((5, "0.3"), (20, "0.7")):
        make_result(patient=patient, collected_on=day_zero + timedelta(days=day), value=value)
    make_user(username="clara", role="coordinator", site=site)
    make_user(username="okafor", role="safety_officer", study=study)
    return patient


def sign_in(page, address, username):
    page.context.clear_cookies()
    page.goto(f"{address}/account/login/")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/account/" not in url)


def type_the_visit(page, patient, day):
    on = patient.courses.get().day_zero + timedelta(days=day)
    visit_date = page.get_by_role("group", name="Date of the visit")
    for part, text in (("Day", on.day), ("Month", on.strftime("%b")), ("Year", on.year)):
        visit_date.get_by_label(part).fill(str(text))
    page.get_by_label("Neutrophils: Value").fill("400")
    page.get_by_label("Neutrophils: Unit").select_option("/uL")
    page.get_by_role("group", name="New malignancy since the last visit?").get_by_label(
        "No", exact=True
    ).check()
    page.get_by_role("button", name="Save visit").click()
    page.wait_for_url("**/saved/**")


def rows_for(address, token, resource):
    request = Request(f"{address}/api/v1/{resource}/", headers={"Authorization": f"Bearer {token}"})
    with urlopen(request) as answer:
        return json.loads(answer.read())["results"]


def test_from_a_typed_count_to_a_decision_to_a_sponsors_row(live_server, page, people):
    patient, address = people, live_server.url
    with running_worker():
        # 1 to 4: typed, stored as entered and canonical, never to be overwritten
        sign_in(page, address, "clara")
        page.get_by_role("link", name="VIE-0007").first.click()
        page.goto(f"{address}/patients/{patient.public_id}/visits/D28/")
        type_the_visit(page, patient, day=34)
        assert "is saved" in page.get_by_role("heading", level=1).inner_text()
        stored = LabResult.objects.get(entered_value="400")
        assert (stored.entered_unit, stored.value.normalize().to_eng_string()) == ("/uL", "0.4")
        assert AuditEvent.objects.get(tbl="registry_labresult", op="I", pk_text=str(stored.pk)).actor_id

        # 5 to 8: the worker judges, one alert stands
        wait_until(lambda: Alert.objects.filter(rule="prolonged_cytopenia").exists())
    alert = Alert.objects.get(rule="prolonged_cytopenia")
    assert (alert.certainty, alert.evidence["certain_days"], alert.subject) == ("certain", 29, "ANC")

    # 9: the site is told, the officer finds it in the queue with its numbers
    page.reload()
    expect(page.get_by_text("Cytopenia lasting more than 28 days").first).to_be_visible()
    sign_in(page, address, "okafor")
    page.goto(f"{address}/alerts/")
    page.get_by_role("link", name="Cytopenia lasting more than 28 days").first.click()
    why = page.get_by_role("region", name="Why flagged")
    expect(why).to_contain_text("29 days")
    expect(why).to_contain_text("28")
    page.wait_for_load_state()
    assert "prolonged_cytopenia" in page.content()

    # 10: the decision, with its reason
    page.get_by_label("Confirmed", exact=True).check()
    page.get_by_label("Reason").fill("Seen in the notes; marrow examination asked for.")
    page.get_by_role("button", name="Record the decision").click()
    wait_until(lambda: AlertMove.objects.filter(decision="confirmed").exists())
    alert.refresh_from_db()
    assert (alert.state, str(alert.decided_by)) == ("confirmed", "okafor")
    assert AlertMove.objects.get(decision="confirmed").reason.startswith("Seen in the notes")

    # 11: the sponsor's row, under a pseudonym
    key = api_keys.make_key(
        sponsor_key=patient.study.sponsor.key,
        study_key=patient.study.key,
        scopes=["read"],
        days=1,
        by=None,
        at=timezone.now(),
    )
    rows = [row for row in rows_for(address, key.token, "alerts") if row["rule"] == "prolonged_cytopenia"]
    assert [(row["state"], row["decision"]) for row in rows] == [("confirmed", "confirmed")]
    assert rows[0]["patient_id"] == str(Pseudonym.objects.get(patient=patient).code)
    assert "VIE-0007" not in json.dumps(rows_for(address, key.token, "patients"))
