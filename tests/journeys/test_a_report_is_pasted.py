"""A laboratory's report of fifteen rows, pasted: three names that nobody knows, one foreign unit, stored.

A real browser and a real web server. The second report of the laboratory is understood at once.
"""

import re
from datetime import date
from decimal import Decimal

import pytest
from django.core.cache import cache
from playwright.sync_api import expect

from registry.models import Laboratory, LabResult
from tests import factories
from tests.journeys.test_one_neutrophil_count import sign_in
from tests.web.scene import SCHEDULE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

REPORT = """Untersuchung\tErgebnis\tEinheit\tReferenzbereich\tKennung
Leukozyten\t3,9\tG/l\t4,0-10,0\t-
Erythrozyten\t4,1\tT/l\t4,1-5,1\t
Hämoglobin\t11,2\tg/dl\t12,0-16,0\t-
MCV\t88\tfl\t80-96\t
Thrombozyten\t145\tTsd/µl\t150-360\t-
Neutro seg+stab\t1,2\t/nl\t1,8-7,7\t-
Lymphozyten abs.\t0,9\t/nl\t1,0-4,0\t-
Monozyten abs.\t0,4\t/nl\t0,2-0,8\t
Kreatinin\t0,8\tmg/dl\t0,5-0,9\t
CRP\t<0,5\tmg/l\t<5\t
Ferritin\t310\tµg/l\t15-150\t+
IgG\t5,2\tg/L\t7,0–16,0\t-
GOT\t24\tU/l\t<35\t
GPT\t0,4\tµkat/sL\t<0,6\t
Hämolyse-Index\t2\t\t\t
"""


@pytest.fixture
def patients(settings):
    settings.REGISTRY_TODAY = date(2024, 9, 1)
    cache.clear()
    study = factories.make_study()
    factories.make_schedule(study=study, visits=SCHEDULE)
    site = factories.make_site(study=study)
    factories.make_user(username="clara", role="coordinator", site=site)
    return [factories.make_patient(site=site, code=code) for code in ("VIE-0007", "VIE-0008")]


def open_and_paste(page, address, patient):
    page.goto(f"{address}/patients/{patient.public_id}/visits/M6/")
    page.get_by_text("Paste from a report").click()
    page.get_by_label("Rows of the report").fill(REPORT)
    page.get_by_role("button", name="Read the report").click()


def becomes(page, name):
    return page.get_by_label(f"{name}: becomes", exact=True)


def test_a_report_of_fifteen_rows_goes_into_the_record_and_nothing_is_dropped(live_server, page, patients):
    first, second = patients
    sign_in(page, live_server.url, "clara")
    page.goto(f"{live_server.url}/patients/{first.public_id}/visits/M6/")
    page.get_by_label("Laboratory", exact=True).fill("Central laboratory")
    page.get_by_label("Platelets: Value").fill("154")
    page.get_by_text("Paste from a report").click()
    page.get_by_label("Rows of the report").fill(REPORT)
    page.get_by_role("button", name="Read the report").click()

    # Red cells and an index are no analytes, the sum of the neutrophils has a name of the house, one unit is
    # foreign, and of the platelets the form says another value already.
    heading = page.get_by_role("heading", name=re.compile("What the report says"))
    expect(heading).to_have_text("What the report says: 15 rows, 5 to settle")
    page.get_by_role("button", name="Take over into the form").click()
    expect(heading).to_have_text("What the report says: 15 rows, 5 to settle")
    becomes(page, "Neutro seg+stab").select_option("ANC")
    for name in ("Erythrozyten", "Hämolyse-Index"):
        becomes(page, name).select_option("leave")
    page.get_by_label("GPT: unit").select_option("ukat/L")
    page.get_by_label("Thrombozyten: which value stays").select_option("report")
    page.get_by_role("button", name="Take over into the form").click()

    expect(page.get_by_text("13 of 15 rows are taken over, 2 left out by you.")).to_be_visible()
    assert not LabResult.objects.exists()
    expect(page.get_by_label("Platelets: Value")).to_have_value("145")
    expect(page.locator("#row-lab-ANC").get_by_text("Grade 2 (CTCAE v5), grade 1 (v6)")).to_be_visible()
    visit_date = page.get_by_role("group", name="Date of the visit")
    for part, text in (("Day", "30"), ("Month", "aug"), ("Year", "2024")):
        visit_date.get_by_label(part).fill(text)
    page.get_by_role("group", name="New malignancy since the last visit?").get_by_label(
        "No", exact=True
    ).check()
    page.get_by_role("button", name="Save visit").click()
    page.wait_for_url("**/saved/**")

    stored = {row.analyte: row for row in LabResult.objects.filter(patient=first)}
    assert {key: (row.entered_value, row.entered_unit) for key, row in stored.items()} == {
        "WBC": ("3.9", "10*9/L"),
        "HGB": ("11.2", "g/dL"),
        "MCV": ("88", "fL"),
        "PLT": ("145", "10*3/uL"),
        "ANC": ("1.2", "10*9/L"),
        "ALC": ("0.9", "10*9/L"),
        "MONO": ("0.4", "10*9/L"),
        "CREATININE": ("0.8", "mg/dL"),
        "CRP": ("<0.5", "mg/L"),
        "FERRITIN": ("310", "ug/L"),
        "IGG": ("5.2", "g/L"),
        "AST": ("24", "U/L"),
        "ALT": ("0.4", "ukat/L"),
    }
    assert stored["ALT"].value == 24
    assert (stored["ANC"].lower_limit, stored["ANC"].upper_limit) == (Decimal("1.8"), Decimal("7.7"))
    assert {row.laboratory.name for row in stored.values()} == {"Central laboratory"}
    assert {row.collected_on for row in stored.values()} == {date(2024, 8, 30)}

    # The laboratory's units and ranges stand in the next patient's form; its own word is learned there.
    lab = Laboratory.objects.get()
    open_and_paste(page, live_server.url, second)
    expect(page.get_by_label("Platelets: Unit")).to_have_value("10*3/uL")
    expect(page.get_by_label("Neutrophils: Lower limit of normal")).to_have_value("1.8")
    becomes(page, "Neutro seg+stab").select_option("ANC")
    for name in ("Erythrozyten", "Hämolyse-Index"):
        becomes(page, name).select_option("leave")
    page.get_by_label("GPT: unit").select_option("ukat/L")
    page.get_by_role("button", name="Take over into the form").click()
    expect(page.get_by_text("13 of 15 rows are taken over")).to_be_visible()
    assert list(lab.names.values_list("name", "analyte")) == [("neutro seg stab", "ANC")]

    open_and_paste(page, live_server.url, second)
    expect(becomes(page, "Neutro seg+stab")).to_have_value("ANC")
