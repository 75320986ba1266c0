"""The casebook on the page and as a PDF: complete, changes marked, page x of y, and who took it."""

import re
from datetime import date
from io import BytesIO

import pytest
from pypdf import PdfReader

from registry.access.scope import EVERYTHING, acting
from registry.actions.laboratory import ResultEntry, correct_lab_result
from registry.exchange.casebook import Entry, in_words
from registry.models import AdverseEventFollowUp, CasebookTaken, Serology, Treatment
from registry.models.event_details import CrsDetails
from registry.queries.casebook import casebook
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def corrected(scene, investigator):
    """The patient with a neutrophil count that was first misread."""
    result = scene.patient.lab_results.filter(analyte="ANC").earliest("collected_on")
    entry = ResultEntry("ANC", "1.4", "10*9/L", result.collected_on)
    correct_lab_result(
        result=result,
        entry=entry,
        reason="misread on the report",
        by=investigator,
        at=factories.NIGHT,
        today=date(2024, 9, 1),
    )
    return scene.patient


def squeezed(text):
    """Without spaces: a PDF breaks its lines where the page ends."""
    return re.sub(r"\s+", "", text)


def entries(among):
    for entry in among:
        yield entry
        yield from entries(entry.below)


def words_of(patient) -> list[Entry]:
    with acting(rows=EVERYTHING):
        book = in_words(book=casebook(patient=patient))
    return list(entries(entry for chapter in book.chapters for entry in chapter.entries))


def pdf_of(client, patient):
    answer = client.post(f"/patients/{patient.public_id}/casebook.pdf")
    assert answer["Content-Type"] == "application/pdf"
    return PdfReader(BytesIO(answer.content))


def test_the_pdf_says_every_word_of_the_casebook(client, corrected, coordinator):
    client.force_login(coordinator)

    told = squeezed(
        "".join(
            re.sub(r"Page \d+ of \d+", "", page.extract_text()) for page in pdf_of(client, corrected).pages
        )
    )

    said = [word for entry in words_of(corrected) for word in (entry.title, *(f.value for f in entry.facts))]
    heading = squeezed(f"Casebook of {corrected.code}")
    missing = [word for word in said if squeezed(word) not in told.replace(heading, "")]
    assert missing == []
    assert len(said) > 60


def test_every_page_says_which_of_how_many_and_whose(client, corrected, coordinator):
    for day in range(1, 29):
        factories.make_result(patient=corrected, collected_on=date(2024, 7, day), analyte="WBC", value="4.1")
    client.force_login(coordinator)

    pages = pdf_of(client, corrected).pages

    assert len(pages) > 2
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page.extract_text()
        assert f"Casebook of {corrected.code}" in page.extract_text()


def test_a_corrected_value_is_marked_with_what_it_was_and_why(client, corrected, coordinator):
    client.force_login(coordinator)

    page = client.get(f"/patients/{corrected.public_id}/casebook/").content.decode()

    [old] = [entry for entry in words_of(corrected) if entry.mark == "superseded"]
    assert old.title.startswith("Neutrophils 0.4 ×10⁹/L")
    assert {change.reason for change in old.changes} == {"misread on the report"}
    assert "misread on the report" in page
    assert "Neutrophils 1.4 ×10⁹/L" in page


def test_taking_the_pdf_is_noted_with_the_digest_of_its_words(client, corrected, coordinator):
    client.force_login(coordinator)

    told = "".join(page.extract_text() for page in pdf_of(client, corrected).pages)

    taken = CasebookTaken.objects.get()
    assert (taken.patient, taken.by) == (corrected, coordinator)
    assert taken.sha256 in squeezed(told)


def facts_of(patient, title):
    return next(
        {fact.label: fact.value for fact in entry.facts}
        for entry in words_of(patient)
        if entry.title.startswith(title)
    )


def test_a_consent_says_the_version_of_the_form_and_what_was_agreed_to(study, scene):
    version = factories.make_consent_version(study=study, version="2.0")
    factories.make_consent(patient=scene.patient, version=version, scopes=("follow_up", "genetics"))

    facts = facts_of(scene.patient, "Consent")

    assert facts["Version"] == "2.0"
    assert facts["Scopes"] == "Follow-up data from visits and records, Genetic analysis"


def test_every_value_has_its_unit(scene):
    scene.patient.infusions.update(dose_cells=100)
    factories.make_result(
        patient=scene.patient, analyte="ANC", collected_on=date(2024, 7, 1), value="400", unit="/uL",
        lower_limit="1800",
    )  # fmt: skip
    Treatment.objects.create(
        patient=scene.patient, agent="prednisolone", started_on="2024-02", mg_per_day="7.5",
        entered_at=factories.NIGHT,
    )  # fmt: skip

    result = facts_of(scene.patient, "Neutrophils 400")

    assert (result["Entered value"], result["Entered unit"]) == ("400 /µL", "/µL")
    assert result["In the registry's unit"] == "0.4 ×10⁹/L"
    assert result["Lower limit"] == "1800 /µL"
    assert facts_of(scene.patient, "Infusion")["Dose"] == "100 ×10⁶ cells"
    assert facts_of(scene.patient, "Treatment")["Dose a day"] == "7.5 mg"


def test_the_facts_of_a_category_are_named_in_words_and_say_which_report_told_them(scene):
    event = scene.patient.adverse_events.get()
    CrsDetails.objects.create(
        event=event, patient=scene.patient, number=0, has_fever=True, entered_at=factories.NIGHT
    )
    AdverseEventFollowUp.objects.create(
        event=event, patient=scene.patient, number=1, reported_on=date(2024, 3, 9), entered_at=factories.NIGHT
    )

    titles = [entry.title for entry in words_of(scene.patient)]

    assert facts_of(scene.patient, "CRS in detail").get("Told with") == "first report"
    assert "Follow-up report 1, 9 Mar 2024 (day 8)" in titles


def test_two_copies_of_one_state_have_the_same_digest(client, corrected, coordinator):
    client.force_login(coordinator)

    pdf_of(client, corrected)
    pdf_of(client, corrected)

    assert len(set(CasebookTaken.objects.values_list("sha256", flat=True))) == 1


def test_the_page_asks_at_most_thirty_queries(client, corrected, coordinator, django_assert_max_num_queries):
    client.force_login(coordinator)

    with django_assert_max_num_queries(30):
        client.get(f"/patients/{corrected.public_id}/casebook/")


def test_a_value_that_was_changed_with_its_unit_stands_in_the_unit_of_then(scene):
    row = Serology.objects.create(
        patient=scene.patient, collected_on=date(2024, 8, 1), test="anti_dsdna", assay="elisa",
        value="40", unit="IU/mL", entered_at=factories.NIGHT, origin="form",
    )  # fmt: skip
    for value, unit in (("90", "U/mL"), ("80", "U/mL"), ("7", "IU/mL")):
        row.value, row.unit = value, unit
        row.save()

    told = words_of(scene.patient)
    changes = [(each.old, each.new) for entry in told for each in entry.changes if each.label == "Value"]

    assert changes == [("40 IU/mL", "90 U/mL"), ("90 U/mL", "80 U/mL"), ("80 U/mL", "7 IU/mL")]
