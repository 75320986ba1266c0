"""What a page of a patient shows to people: dates in words, names for keys, no machinery."""

import re
from datetime import date

import pytest

from registry.clinical.analytes import ANALYTES
from registry.clinical.short_names import name_in_short
from registry.models import Visit
from tests import factories
from tests.web.scene import visit_data

ISO = r"\b\d{4}-\d{2}(-\d{2})?\b"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Keys of the dictionary that are no short form of anybody.
KEYS = "|".join(key for key in ANALYTES if key != name_in_short(key))
MACHINERY = re.compile(rf"{ISO}|{UUID}|\b[a-z]+_[a-z_]+\b|\bUNS\b|\b({KEYS})\b")
# A date in words that no study day stands before, and no window.
BARE = re.compile(
    r"(?<!day \d, )(?<!day \d\d, )(?<!day \d\d\d, )(?<!day −\d, )(?<!day −\d\d, )"
    r"\b\d{1,2} [A-Z][a-z]{2} 20\d\d\b(?!, \d\d:)"
)


@pytest.fixture
def record(scene):
    """A record in which every page has something that used to be shown by its key or its ISO date."""
    patient = scene.patient
    visit = Visit.objects.get(patient=patient, code="D28")
    visit.not_done.create(
        patient=patient, analyte="CREATININE", reason="Sample lost", entered_at=factories.NIGHT
    )
    factories.make_visit(patient=patient, code="UNS", visited_on=date(2024, 4, 3), new_malignancy=False)
    factories.make_result(
        patient=patient,
        visit=visit,
        collected_on=visit.visited_on,
        analyte="CREATININE",
        value="88",
        unit="umol/L",
    )
    factories.make_alert(patient=patient, rule="unresolved_at_day_28", subject="ANC@2024-03-01")
    factories.make_question(patient=patient, fact=f"visit:UNS@2024-03-01#{visit.pk}:visited_on")
    return patient


PAGES = {
    "patient": "",
    "events": "events/",
    "event": "events/{event}/",
    "follow-up": "events/{event}/follow-up/",
    "history": "history/",
    "signatures": "signatures/",
    "casebook": "casebook/",
    "consent": "consent/",
    "result": "results/{result}/",
    "recorded visit": "visits/D28/",
    "unscheduled visit": "visits/UNS/?on=2024-04-03",
    "new unscheduled visit": "visits/UNS/",
    "visit to read": "visits/D28/record/",
    "unscheduled visit to read": "visits/UNS/record/?on=2024-04-03",
    "history of a visit": "visits/D28/history/",
    "end": "end/",
}


def text_of(answer):
    page = answer.content.decode()
    title = re.search(r"<title>(.*?)</title>", page, re.S)[1]
    body = page[page.index("<main") : page.index("</main>")]
    shown = re.sub(r"<(script|template|option)\b.*?</\1>", " ", body, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", f"{title} {shown}"))


def at(patient, name):
    event, result = patient.adverse_events.first(), patient.lab_results.filter(analyte="CREATININE").first()
    return f"/patients/{patient.public_id}/{PAGES[name].format(event=event.pk, result=result.pk)}"


@pytest.mark.parametrize("name", PAGES)
def test_no_page_of_a_patient_shows_machinery(as_user, investigator, record, name):
    answer = as_user(investigator).get(at(record, name))

    assert answer.status_code == 200
    text = text_of(answer)
    assert [text[max(0, m.start() - 40) : m.end() + 20] for m in MACHINERY.finditer(text)] == []


def test_a_missing_measurement_is_called_by_its_name(as_user, coordinator, record):
    page = as_user(coordinator).get(f"/patients/{record.public_id}/").content.decode()

    assert "Creatinine not measured: Sample lost" in page


@pytest.mark.parametrize("name", ["follow-up", "event", "result"])
def test_every_date_of_an_event_and_a_result_has_its_study_day(as_user, coordinator, record, name):
    text = text_of(as_user(coordinator).get(at(record, name)))
    shown = re.sub(r"For example:?[^.]*\.", "", text)

    assert "day " in shown
    assert [shown[max(0, m.start() - 40) : m.end()] for m in BARE.finditer(shown)] == []


def test_a_kept_draft_and_a_saved_visit_are_named_in_words(as_user, coordinator, record):
    person = as_user(coordinator)
    place = f"/patients/{record.public_id}/visits/UNS/"

    saved = person.post(place, visit_data(visited_on_day="28"))

    assert "Unscheduled visit of VIE-0001 is saved" in text_of(person.get(saved["Location"]))
