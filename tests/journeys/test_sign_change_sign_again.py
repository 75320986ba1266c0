"""An investigator signs a visit; it is changed with a reason; the difference alone is signed again."""

from datetime import date

import pytest
from playwright.sync_api import expect

from registry.models import Signature, Visit
from tests import factories
from tests.factories import PASSWORD
from tests.journeys.conftest import visit_of
from tests.web.test_browser_investigator import reads_well

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def visit(scene):
    visit = Visit.objects.get(patient=scene.patient, code="D28")
    factories.make_result(patient=scene.patient, visit=visit, collected_on=date(2024, 3, 29), value="0.4")
    return visit


def test_signed_changed_and_signed_again(open_page, visit, investigator, coordinator, tmp_path):
    place = visit_of(visit.patient, "D28")

    # The investigator reads the visit and signs: user name and password, for the first time today.
    page = open_page(user=investigator, path=f"{place}record/")
    reads_well(page, name="record", tmp_path=tmp_path)
    page.get_by_role("link", name="Sign", exact=True).click()
    expect(page.get_by_role("cell", name="0.4 ×10⁹/L")).to_be_visible()
    reads_well(page, name="sign", tmp_path=tmp_path)
    page.get_by_label("Your user name").fill("investigator")
    page.locator("#id_password").fill("not the password")
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page).to_have_title("Error: Sign visit D28 – VIE-0001 – CAR-T Safety Registry")
    expect(page.locator(".error-summary")).to_be_focused()
    sign(page)
    expect(page.get_by_text("✓ Signed", exact=True)).to_be_visible()
    expect(page.get_by_text("complete and correct")).to_be_visible()

    # The coordinator corrects a result, and must say why.
    page = open_page(user=coordinator, path=f"{place}record/")
    page.get_by_role("link", name="Change Neutrophils").click()
    page.locator("#id_lab-value, #id_value, main input[inputmode=decimal]").first.fill("4.0")
    page.get_by_label("Why is the record changed?").fill("misread on the report")
    form = page.url
    page.locator("main form button.button").first.click()
    expect(page).not_to_have_url(form)

    # The signature was voided at that moment, and everybody sees by whom and why.
    signature = Signature.objects.get()
    assert (signature.voided_by, signature.voided_reason) == (coordinator, "misread on the report")
    page = open_page(user=coordinator, path=f"{place}record/")
    expect(page.get_by_text("no longer valid: changed by coordinator")).to_be_visible()

    # The old value is two clicks away: the visit, then its mark.
    page.get_by_role("link", name="changed – see what Neutrophils was").click()
    expect(page.get_by_role("cell", name="Neutrophils 0.4 ×10⁹/L, 29 Mar 2024")).to_be_visible()
    reads_well(page, name="history", tmp_path=tmp_path)

    # The investigator is shown only what changed, and signs again.
    page = open_page(user=investigator, path=f"{place}sign/")
    expect(page.get_by_role("heading", name="What changed since it was signed")).to_be_visible()
    expect(page.get_by_role("cell", name="Neutrophils 0.4 ×10⁹/L, 29 Mar 2024")).to_be_visible()
    expect(page.get_by_role("heading", name="Laboratory results")).to_be_hidden()
    reads_well(page, name="sign-again", tmp_path=tmp_path)
    sign(page)
    expect(page.get_by_text("✓ Signed", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Earlier signatures")).to_be_visible()
    assert [s.voided_at is None for s in Signature.objects.order_by("pk")] == [False, True]


def sign(page):
    page.get_by_label("Your user name").fill("investigator")
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Sign", exact=True).click()
