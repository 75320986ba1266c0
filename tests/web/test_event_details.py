"""The questions of each category, computed grades, doubts, follow-ups that change, labels of LICATS."""

import re
from datetime import date
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from registry.models import (
    AdverseEvent,
    CrsDetails,
    IcansDetails,
    InfectionDetails,
    LicatsAdjudication,
    LicatsDetails,
    MalignancyDetails,
)
from registry.queries.event_chain import chain_of
from tests import factories


def address(patient):
    return f"/patients/{patient.public_id}/events/"


def sent(category, **typed):
    return {
        "submission": str(uuid4()),
        "step": "save",
        "term": "As it was called",
        "category": category,
        "started_on_day": "4",
        "started_on_month": "may",
        "started_on_year": "2024",
        "aware_on_day": "3",
        "aware_on_month": "6",
        "aware_on_year": "2024",
        **typed,
    }


@pytest.fixture
def person(as_user, coordinator, scene):
    return as_user(coordinator)


@pytest.fixture
def patient(scene):
    return scene.patient


def new_event(patient):
    return AdverseEvent.objects.get(patient=patient, term="As it was called")


CRS = {
    "crs-has_fever": "yes",
    "crs-is_fever_explained": "no",
    "crs-hypotension": "one_vasopressor",
    "crs-hypoxia": "low_flow",
}


def test_the_grade_of_a_crs_is_computed_from_its_components(person, patient):
    answer = person.post(address(patient), sent("crs", **CRS))

    event = new_event(patient)
    assert answer.status_code == 302
    assert answer.url == f"{address(patient)}{event.pk}/"
    assert (event.grade, event.grade_scale) == (3, "ASTCT")
    details = CrsDetails.objects.get(event=event)
    assert (details.number, details.computed_grade, details.grade_reason) == (0, 3, "")
    assert (details.has_fever, details.is_fever_explained, details.steroids_given) == (True, False, None)
    page = person.get(answer.url).content.decode()
    assert "Computed by ASTCT:" in page
    assert "hypotension (one vasopressor, with or without vasopressin) decides." in page


def test_another_grade_than_the_computed_one_needs_a_reason(person, patient):
    answer = person.post(address(patient), sent("crs", **CRS, grade="2"))

    assert answer.status_code == 422
    assert "The answers compute grade 3, and grade 2 is given." in answer.content.decode()
    assert 'href="#id_crs-grade_reason"' in answer.content.decode()

    reasoned = {"crs-grade_reason": "The pressor ran for two minutes."}
    assert person.post(address(patient), sent("crs", **CRS, grade="2", **reasoned)).status_code == 302
    assert new_event(patient).grade == 2
    assert CrsDetails.objects.get(event=new_event(patient)).grade_reason == reasoned["crs-grade_reason"]


def test_a_grade_on_another_scale_is_not_compared(person, patient):
    data = sent("crs", **CRS, grade="2", grade_scale="CTCAE-5")

    assert person.post(address(patient), data).status_code == 302


@pytest.mark.parametrize("category", ["crs", "icans"])
def test_grade_5_is_only_by_death(person, patient, category):
    refused = person.post(address(patient), sent(category, grade="5"))

    assert refused.status_code == 422
    assert "Grade 5 is death of the event, and no death is reported." in refused.content.decode()
    death = {"grade": "5", "serious": "yes", "seriousness": ["death"], "outcome": "fatal"}
    assert person.post(address(patient), sent(category, **death)).status_code == 302


def test_what_is_no_crs_by_astct_is_asked_about(person, patient):
    data = sent("crs", **{**CRS, "crs-is_fever_explained": "yes"})

    answer = person.post(address(patient), data)

    assert answer.status_code == 422
    assert "Not CRS: the fever has another cause. Is it another category?" in answer.content.decode()
    assert person.post(address(patient), {**data, "kept_because": "Both at once."}).status_code == 302
    assert (new_event(patient).grade, new_event(patient).kept_because) == (None, "Both at once.")


def test_checking_shows_the_computed_grade_and_stores_nothing(person, patient):
    answer = person.post(address(patient), {**sent("crs", **CRS), "step": "check"})

    assert answer.status_code == 200
    assert "Nothing is stored yet. Grade 3:" in answer.content.decode()
    assert not AdverseEvent.objects.filter(term="As it was called").exists()


ICANS = {
    "icans-consciousness": "awake",
    "icans-seizure": "none",
    "icans-motor": "none",
    "icans-oedema": "none",
}


@pytest.mark.parametrize(
    ("typed", "total", "grade"),
    [
        ({"icans-ice_points": ["year", "month", "city", "hospital", "command"]}, 5, 2),
        ({"icans-ice_total": "8"}, 8, 1),
        ({"icans-ice_total": "0"}, 0, 3),
        ({"icans-ice_total": "0", "icans-consciousness": "unarousable"}, 0, 4),
        ({"icans-consciousness": "unarousable"}, None, 4),
        ({}, None, None),
    ],
)
def test_icans_counts_its_ticks_and_tells_awake_from_unarousable(person, patient, typed, total, grade):
    assert person.post(address(patient), sent("icans", **{**ICANS, **typed})).status_code == 302

    details = IcansDetails.objects.get(event=new_event(patient))
    assert (details.ice_total, details.computed_grade, new_event(patient).grade) == (total, grade, grade)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"icans-ice_total": "11"}, "An ICE of 11 is not possible."),
        ({"icans-ice_total": "ten"}, "Write a whole number from 0 to 10."),
        (
            {"icans-ice_points": ["year"], "icans-ice_total": "2"},
            "The ICE total is 2, and 1 is ticked.",
        ),
        ({"icans-ice_points": ["mood"]}, "is not one of the available choices"),
        ({"icans-seizure": "often"}, "is not one of the available choices"),
    ],
)
def test_an_impossible_answer_is_refused_beside_its_field(person, patient, typed, words):
    answer = person.post(address(patient), sent("icans", **{**ICANS, **typed}))

    assert answer.status_code == 422
    assert escape(words) in answer.content.decode()
    assert not AdverseEvent.objects.filter(term="As it was called").exists()


def test_an_infection_keeps_its_site_organism_and_treatment(person, patient):
    typed = {
        "infection-site": "lung",
        "infection-documented": "microbiological",
        "infection-organism": "S. pneumoniae, sputum",
        "infection-treatment": "intravenous",
        "infection-is_opportunistic": "no",
        "infection-was_in_hospital": "yes",
    }
    factories.make_result(patient=patient, collected_on=date(2024, 5, 1), value="0.8")

    answer = person.post(address(patient), sent("infection", **typed, grade="3", grade_scale="CTCAE-5"))

    details = InfectionDetails.objects.get(event=new_event(patient))
    assert (details.site, details.organism, details.is_opportunistic) == (
        "lung",
        typed["infection-organism"],
        False,
    )
    page = person.get(answer.url).content.decode()
    assert "Intravenous antimicrobials are usually grade 3." in page
    assert "0.8 ×10⁹/L, day 61, 1 May 2024" in page  # ANC near the onset


def test_an_organism_is_named_where_it_was_found(person, patient):
    answer = person.post(address(patient), sent("infection", **{"infection-documented": "microbiological"}))

    assert answer.status_code == 422
    assert "no organism is named" in answer.content.decode()


def test_what_was_typed_under_another_category_is_not_kept(person, patient):
    typed = {"infection-site": "lung", "crs-hypoxia": "low_flow"}

    assert person.post(address(patient), sent("infection", **typed)).status_code == 302

    assert InfectionDetails.objects.filter(event=new_event(patient)).exists()
    assert not CrsDetails.objects.filter(event=new_event(patient)).exists()


def test_the_morphology_of_a_malignancy_becomes_its_code(person, patient):
    typed = {
        "malignancy-diagnosed_on_month": "may",
        "malignancy-diagnosed_on_year": "2024",
        "malignancy-topography": "C77.0",
        "malignancy-morphology": "9702/3",
        "malignancy-cell_of_origin": "t",
        "malignancy-transgene_test": "pending",
        "malignancy-transgene_source": "Central laboratory, PCR",
    }

    answer = person.post(address(patient), sent("malignancy", **typed))

    event = new_event(patient)
    assert (event.code_system, event.code) == ("ICD-O-3", "9702/3")
    details = MalignancyDetails.objects.get(event=event)
    assert (details.diagnosed_on, details.transgene_test) == ("2024-05", "pending")
    assert "9702/3 (malignant, primary)" in person.get(answer.url).content.decode()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"malignancy-topography": "50.9"}, "50.9 is no ICD-O-3 topography code."),
        ({"malignancy-morphology": "9702"}, "9702 is no ICD-O-3 morphology code."),
        (
            {"malignancy-transgene_tested_on_year": "2024", "malignancy-transgene_test": "not_done"},
            "The transgene test has a date and no result.",
        ),
        (
            {"malignancy-diagnosed_on_month": "oct", "malignancy-diagnosed_on_year": "2024"},
            "lies in the future",
        ),
    ],
)
def test_an_impossible_malignancy_is_refused(person, patient, typed, words):
    answer = person.post(address(patient), sent("malignancy", **typed))

    assert answer.status_code == 422
    assert escape(words) in answer.content.decode()


# --- what is unlikely -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"grade": "5"}, "Grade 5 is death of the event. Did the person die of it?"),
        ({"serious": "yes", "seriousness": ["death"], "grade": "4"}, "Death is reported and the grade is 4."),
        ({"serious": "yes", "seriousness": ["death"]}, "Death is reported and no grade is given."),
        ({"outcome": "fatal", "grade": "5"}, "The outcome is fatal and death is not ticked."),
        (
            {"started_on_month": "feb", "started_on_day": "28"},
            "It began before the first infusion",
        ),
    ],
)
def test_an_unlikely_event_is_asked_about_and_kept_with_the_reason(person, patient, typed, words):
    data = sent("other", **typed)

    asked = person.post(address(patient), data)

    assert asked.status_code == 422
    assert escape(words) in asked.content.decode()
    assert 'name="kept_because"' in asked.content.decode()
    assert person.post(address(patient), {**data, "kept_because": "Seen by two of us."}).status_code == 302
    assert new_event(patient).kept_because == "Seen by two of us."


@pytest.mark.parametrize(
    "typed",
    [
        {"grade": "4"},
        {"grade": "5", "serious": "yes", "seriousness": ["death"], "outcome": "fatal"},
        {"started_on_month": "mar", "started_on_day": "1"},
        {"started_on_month": "", "started_on_day": "", "started_on_year": "2024"},
    ],
)
def test_what_is_likely_is_not_asked_about(person, patient, typed):
    answer = person.post(address(patient), sent("other", **typed))

    assert answer.status_code == 302
    assert new_event(patient).kept_because == ""


def test_the_day_of_awareness_is_asked_for(person, patient):
    data = sent("other", aware_on_day="", aware_on_month="", aware_on_year="")

    answer = person.post(address(patient), data)

    assert answer.status_code == 422
    assert "Give the day the site became aware" in answer.content.decode()


def test_causality_is_kept_for_each_component(person, patient):
    typed = {"relatedness": "possible", "disease_relatedness": "unlikely"}

    answer = person.post(address(patient), sent("other", **typed))

    event = new_event(patient)
    assert (event.relatedness, event.disease_relatedness) == ("possible", "unlikely")
    page = person.get(answer.url).content.decode()
    assert "<dt>CAR T-cell product</dt><dd>Possible</dd><dt>The disease itself</dt><dd>Unlikely</dd>" in page


def test_an_outcome_is_a_word_of_the_list_and_words(person, patient):
    typed = {"outcome": "recovered with sequelae", "outcome_words": "scar of the left arm"}

    person.post(address(patient), sent("other", **typed))

    assert new_event(patient).outcome == "recovered with sequelae: scar of the left arm"


# --- follow-ups -------------------------------------------------------------------------------


def followed(event, number=1, **typed):
    return {
        "number": str(number),
        "step": "save",
        "reported_on_day": "1",
        "reported_on_month": "8",
        "reported_on_year": "2024",
        **typed,
    }


def test_a_follow_up_changes_the_grade_and_both_reports_are_read(person, patient):
    person.post(address(patient), sent("other", grade="3", grade_scale="CTCAE-5"))
    event = new_event(patient)

    answer = person.post(f"{address(patient)}{event.pk}/follow-up/", followed(event, grade="2"))

    assert answer.status_code == 302
    event.refresh_from_db()
    assert (event.grade, chain_of(event=event).now.grade) == (3, 2)
    assert event.follow_ups.get().grade_scale == "CTCAE-5"
    page = person.get(answer.url).content.decode()
    assert "grade 3 → 2" in page
    assert "First report</strong>, known to the site on day 94, 3 Jun 2024: grade 3" in page
    assert "Grade 2" in person.get(address(patient)).content.decode()


def test_an_end_ends_the_event(person, patient):
    person.post(address(patient), sent("other"))
    event = new_event(patient)
    typed = {"state": "no", "ended_on_month": "jul", "ended_on_year": "2024", "outcome": "recovered"}

    person.post(f"{address(patient)}{event.pk}/follow-up/", followed(event, **typed))

    now = chain_of(event=event).now
    assert (now.ended_on, now.is_ongoing, now.outcome) == ("2024-07", False, "recovered")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"state": "no"}, "It is over and has no end."),
        ({"state": "yes", "ended_on_year": "2024"}, "It goes on and has an end."),
        ({"ended_on_year": "2023"}, "before it began"),
        (
            {"ended_on_month": "8", "ended_on_day": "20", "ended_on_year": "2024"},
            "after the date of this report",
        ),
        ({"grade": "5"}, "Grade 5 is death of the event."),
        ({}, "The report says nothing new."),
    ],
)
def test_an_impossible_or_unlikely_follow_up_is_refused(person, patient, typed, words):
    person.post(address(patient), sent("other"))
    event = new_event(patient)

    answer = person.post(f"{address(patient)}{event.pk}/follow-up/", followed(event, **typed))

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not event.follow_ups.exists()


def test_new_answers_about_a_crs_compute_its_grade_anew(person, patient):
    person.post(address(patient), sent("crs", **CRS))
    event = new_event(patient)
    typed = {**CRS, "crs-hypoxia": "positive_pressure"}

    person.post(f"{address(patient)}{event.pk}/follow-up/", followed(event, **typed))

    assert [row.computed_grade for row in CrsDetails.objects.filter(event=event).order_by("number")] == [3, 4]
    assert chain_of(event=event).now.grade == 4


def test_a_follow_up_that_gives_a_higher_grade_than_the_answers_compute_says_why(person, patient):
    person.post(address(patient), sent("crs", **CRS))
    event = new_event(patient)
    follow_up = f"{address(patient)}{event.pk}/follow-up/"

    refused = person.post(follow_up, followed(event, **CRS, grade="4"))
    page = refused.content.decode()
    assert refused.status_code == 422
    assert "The answers compute grade 3, and grade 4 is given. Change the answers if it got worse" in page
    assert "<details open><summary>Change the answers" in page

    why = {"crs-grade_reason": "Bilevel pressure for an hour."}
    assert person.post(follow_up, followed(event, **CRS, **why, grade="4")).status_code == 302
    assert CrsDetails.objects.get(event=event, number=1).grade_reason == why["crs-grade_reason"]
    grade = person.get(f"{address(patient)}{event.pk}/").content.decode().split("<dt>Grade</dt>")[1]
    assert "Another is given: Bilevel pressure for an hour." in grade.split("</div>")[0]


def test_answers_left_as_they_are_make_no_new_version(person, patient):
    person.post(address(patient), sent("crs", **CRS))
    event = new_event(patient)

    person.post(f"{address(patient)}{event.pk}/follow-up/", followed(event, **CRS, narrative="Afebrile."))

    assert event.follow_ups.count() == 1
    assert CrsDetails.objects.filter(event=event).count() == 1


def test_the_page_of_an_event_asks_the_same_however_long_its_chain_is(person, patient):
    person.post(address(patient), sent("infection", **{"infection-site": "lung"}))
    event = new_event(patient)
    page = f"{address(patient)}{event.pk}/"
    person.post(f"{page}follow-up/", followed(event, narrative="first"))
    person.get(page)

    def count():
        with CaptureQueriesContext(connection) as asked:
            assert person.get(page).status_code == 200
        return len(asked)

    few = count()
    for number in range(2, 8):
        person.post(f"{page}follow-up/", followed(event, number, narrative=f"report {number}"))
    person.get(page)

    assert count() == few
    assert few <= 30


# --- LICATS -----------------------------------------------------------------------------------

LICATS = {
    "licats-organ": "skin",
    "licats-finding": "Rash of both arms",
    "licats-serology_trend": "quiet",
    "licats-immunosuppression_started": "no",
    "licats-resolved_without_it": "yes",
    "licats-care": "none",
    "licats-investigator_label": "licats",
}


@pytest.fixture
def licats(person, patient):
    patient.organs_at_baseline = ["skin", "kidney"]
    patient.save()
    factories.make_result(
        patient=patient, collected_on=date(2024, 3, 10), analyte="CD19", value="2", unit="/uL"
    )
    person.post(address(patient), sent("licats", **LICATS, started_on_month="mar", started_on_day="11"))
    return new_event(patient)


def test_a_licats_event_shows_what_the_record_says_and_a_hint_that_decides_nothing(person, patient, licats):
    assert (licats.grade, licats.grade_scale) == (1, "LICATS")
    assert LicatsDetails.objects.get(event=licats).investigator_label == "licats"

    page = person.get(f"{address(patient)}{licats.pk}/").content.decode()

    assert "<dt>Organ affected before</dt><dd>Yes</dd>" in page
    assert "Early, within 2 weeks of the infusion" in page
    assert "The answers look like LICATS." in page
    assert "it decides nothing" in page
    assert "Give this label" not in page


def test_no_label_is_chosen_beforehand_and_none_is_refused(as_user, officer, patient, licats):
    person, page = as_user(officer), f"/patients/{patient.public_id}/events/{licats.pk}/"

    assert "checked>" not in person.get(page).content.decode()
    assert person.post(page, {"version": "1", "label": "", "reason": "Histology."}).status_code == 422


def test_an_officer_labels_without_seeing_the_investigators_label(as_user, officer, patient, licats):
    person = as_user(officer)
    page = f"{address(patient)}{licats.pk}/"

    before = person.get(page).content.decode()
    answer = person.post(page, {"version": "1", "label": "flare", "reason": "Histology."})
    after = person.get(page).content.decode()

    assert "Investigator’s label" not in before
    assert "will be shown once you have given yours" in before
    assert answer.status_code == 302
    assert "<dt>Investigator’s label</dt><dd>LICATS</dd>" in after
    assert "<strong>Flare of the disease</strong> (version 1): Histology." in after
    label = LicatsAdjudication.objects.get(event=licats)
    assert (label.entered_by, label.number) == (officer, 1)


def test_two_officers_keep_two_versions_and_the_second_is_told(
    as_user, officer, other_officer, patient, licats
):
    page = f"{address(patient)}{licats.pk}/"
    as_user(officer).post(page, {"version": "1", "label": "flare", "reason": "Histology."})
    person = as_user(other_officer)

    told = person.post(page, {"version": "1", "label": "licats", "reason": "Self-limited."}, follow=True)

    assert "gave a label while you were deciding: version 1" in told.content.decode()
    assert LicatsAdjudication.objects.count() == 1
    person.post(page, {"version": "2", "label": "licats", "reason": "Self-limited."})
    assert [each.label for each in LicatsAdjudication.objects.order_by("number")] == ["flare", "licats"]


@pytest.mark.parametrize(
    "typed", [{"label": "flare"}, {"reason": "Histology."}, {"label": "x", "reason": "y"}]
)
def test_a_label_without_words_or_reason_is_refused(as_user, officer, patient, licats, typed):
    answer = as_user(officer).post(f"{address(patient)}{licats.pk}/", {"version": "1", **typed})

    assert answer.status_code == 422
    assert not LicatsAdjudication.objects.exists()


def test_those_who_enter_cannot_adjudicate(person, patient, licats):
    answer = person.post(
        f"{address(patient)}{licats.pk}/", {"version": "1", "label": "flare", "reason": "Histology."}
    )

    assert answer.status_code == 403
    assert not LicatsAdjudication.objects.exists()


def test_an_event_of_another_category_has_no_label(as_user, officer, patient):
    event = AdverseEvent.objects.get(patient=patient)

    answer = as_user(officer).post(f"{address(patient)}{event.pk}/", {"label": "flare", "reason": "x"})

    assert answer.status_code == 404


def test_an_event_of_another_patient_is_not_shown_under_this_one(person, scene):
    event = AdverseEvent.objects.get(patient=scene.patient)

    assert person.get(f"{address(scene.low)}{event.pk}/").status_code == 404


# --- drafts -----------------------------------------------------------------------------------


def hidden_fields(page):
    return dict(re.findall(r'<input type="hidden" name="(draft-[a-z]+)" value="([^"]*)"', page))


def test_what_was_typed_of_an_event_comes_back_unjudged_until_it_is_saved(person, patient):
    opened = hidden_fields(person.get(address(patient)).content.decode())
    typed = sent("crs", **{"crs-hypoxia": "low_flow", "aware_on_year": ""})

    kept = person.post(f"/patients/{patient.public_id}/drafts/", {**typed, **opened})
    page = person.get(address(patient)).content.decode()

    assert kept.status_code < 300
    assert 'value="As it was called"' in page
    assert re.search(r'value="low_flow"[^>]* checked', page)
    assert "is not complete" not in page
    assert not AdverseEvent.objects.filter(term="As it was called").exists()

    assert person.post(address(patient), {**sent("crs"), **hidden_fields(page)}).status_code == 302
    assert "As it was called" not in person.get(address(patient)).content.decode().partition('id="new"')[2]
