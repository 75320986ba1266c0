"""The visit form: what it takes, what it refuses, and that nothing typed is ever lost."""

import re
from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils.html import escape

from registry.clock import now
from registry.models import Heartbeat, LabResult, SupportiveTreatment, Visit, WaitingEvaluation
from tests import factories
from tests.web.scene import both, visit_data


def address(patient, code="M6"):
    return f"/patients/{patient.public_id}/visits/{code}/"


def stored(patient, code="M6"):
    return Visit.objects.filter(patient=patient, code=code)


def results_of(patient):
    rows = LabResult.objects.filter(patient=patient, visit__code="M6", superseded_at__isnull=True)
    return {row.analyte: (row.entered_value, row.entered_unit, row.value, row.comparator) for row in rows}


@pytest.fixture
def person(as_user, coordinator, scene):
    return as_user(coordinator)


def test_a_visit_is_recorded_with_its_results_and_treatments(person, coordinator, scene):
    data = visit_data(
        **{"lab-ANC-value": "400", "lab-ANC-unit": "/uL", "lab-PLT-value": "<10", "lab-HGB-value": "8,2"},
        **{"support-0-kind": "rbc_transfusion", "support-0-given_on": "20 Aug 2024"},
    )

    answer = person.post(address(scene.patient), data)

    assert answer.status_code == 302
    assert answer["Location"].endswith("/visits/M6/saved/?day_zero=2024-03-01")
    visit = stored(scene.patient).get()
    assert (visit.visited_on, visit.entered_by, visit.origin) == (date(2024, 8, 30), coordinator, "form")
    assert results_of(scene.patient) == {
        "ANC": ("400", "/uL", Decimal("0.4"), ""),
        "PLT": ("<10", "10*9/L", 10, "<"),
        "HGB": ("8.2", "g/dL", 82, ""),
    }
    support = SupportiveTreatment.objects.get(patient=scene.patient, kind="rbc_transfusion")
    assert support.given_on == date(2024, 8, 20)
    assert WaitingEvaluation.objects.filter(patient=scene.patient).exists()


def test_the_confirmation_says_what_was_stored_what_comes_next_and_that_checks_run(person, scene):
    Heartbeat.objects.create(name="worker", at=now())
    saved = person.post(address(scene.patient), visit_data(**{"lab-ANC-value": "0.4"}))

    page = person.get(saved["Location"]).content.decode()

    assert "day 182, 30 Aug 2024" in page
    assert "inside its window" in page
    assert "0.4 ×10⁹/L" in page
    assert "Grade 4 (CTCAE v5), grade 3 (v6)" in page
    assert "<strong>M12</strong>" in page
    assert "Checks are running" in page


def test_the_confirmation_shows_what_was_raised_once_judged(person, scene):
    saved = person.post(address(scene.low), visit_data())
    WaitingEvaluation.objects.all().delete()

    page = person.get(saved["Location"]).content.decode()

    assert "Checks are running" not in page
    assert "Cytopenia lasting more than 28 days" in page


def test_a_form_sent_twice_is_one_visit(person, scene):
    data = visit_data(**{"lab-ANC-value": "2.1"})

    first, second = person.post(address(scene.patient), data), person.post(address(scene.patient), data)

    assert first["Location"] == second["Location"]
    assert stored(scene.patient).count() == 1
    assert LabResult.objects.filter(visit__code="M6").count() == 1


def test_a_saved_form_changed_and_sent_again_is_not_taken_for_a_repetition(person, scene):
    data = visit_data(**{"lab-ANC-value": "2.1"})
    person.post(address(scene.patient), data)

    again = person.post(address(scene.patient), {**data, "lab-ANC-value": "3.1"})

    assert again.status_code == 409
    assert both(again, "lab-ANC") == ("3.1 ×10⁹/L", "2.1 ×10⁹/L")


def test_a_visit_not_done_needs_a_reason_and_nothing_else(person, scene):
    data = visit_data(status="missed", visited_on_day="", visited_on_month="", visited_on_year="")
    data.pop("new_malignancy")

    without = person.post(address(scene.patient), data)
    with_reason = person.post(address(scene.patient), {**data, "missed_reason": "on holiday"})

    assert (without.status_code, with_reason.status_code) == (422, 302)
    visit = stored(scene.patient).get()
    assert (visit.status, visit.visited_on, visit.missed_reason) == ("missed", None, "on holiday")


IMPOSSIBLE = [
    ({"visited_on_day": "31", "visited_on_month": "feb"}, "31 feb 2024 is not a day of the calendar."),
    ({"visited_on_month": "13"}, "13 is not a month."),
    ({"visited_on_year": "24"}, "has no year of four digits"),
    ({"visited_on_day": ""}, "is not complete."),
    ({"visited_on_day": "", "visited_on_month": "", "visited_on_year": ""}, "A completed visit has no date."),
    ({"visited_on_day": "2", "visited_on_month": "9"}, "lies in the future"),
    ({"visited_on_year": "2023"}, "is before the first day 0"),
    ({"status": ""}, "Say whether the visit took place."),
    ({"status": "cancelled"}, "is not one of the available choices"),
    ({"new_malignancy": ""}, "Say whether there is a new malignancy: yes, no or not known."),
    ({"new_malignancy": "yes"}, "is answered with yes and not described"),
    ({"lab-ANC-value": "1500"}, "ANC 1500 ×10⁹/L is not possible. Did the laboratory report cells/µL?"),
    ({"lab-ANC-value": "1,200"}, "1,200 has three digits after the comma."),
    ({"lab-ANC-value": "1", "lab-ANC-not_done": "lost"}, "There is a value as well."),
    ({"lab-ANC-not_done": "x" * 501}, "The text has 501 characters."),
    ({"lab-ANC-value": "low"}, "low is not a number."),
    ({"lab-ANC-value": "-1"}, "-1 is negative."),
    ({"lab-ANC-value": "1", "lab-ANC-unit": "mg/dL"}, "ANC is not reported in mg/dL."),
    (
        {"lab-ANC-value": "1", "lab-ANC-lower_limit": "9", "lab-ANC-upper_limit": "2"},
        "is above the upper limit",
    ),
    ({"lab-ANC-lower_limit": "2"}, "The value is missing."),
    ({"lab-ANC-value": "1", "lab-ANC-collected_on": "1 Jan 1950"}, "is before birth in 1985"),
    ({"lab-ANC-value": "1", "lab-ANC-collected_on": "soon"}, "soon is not a date."),
    ({"lab-ANC-value": "1", "lab-ANC-collected_on": "2 Sep 2024"}, "lies in the future"),
    ({"support-0-kind": "g_csf"}, "Give the day of the treatment."),
    ({"support-0-given_on": "1 Aug 2024"}, "It must be given."),
    (
        {"support-0-kind": "vitamins", "support-0-given_on": "1 Aug 2024"},
        "is not one of the available choices",
    ),
    ({"lab-ANC-value": "1\x00"}, "Null characters are not allowed."),
    ({"new_malignancy_text": "a\x00b"}, "Null characters are not allowed."),
    ({"new_malignancy_text": "a\x1bb"}, "is a control character"),
    ({"submission": "not-a-uuid"}, "Enter a valid UUID."),
]


@pytest.mark.parametrize(("typed", "words"), IMPOSSIBLE, ids=[words for _, words in IMPOSSIBLE])
def test_the_impossible_is_refused_beside_its_field_and_nothing_is_stored(person, scene, typed, words):
    answer = person.post(address(scene.patient), visit_data(**typed))

    page = answer.content.decode()
    assert answer.status_code == 422
    assert escape(words) in page
    assert "<title>Error: Visit M6" in page
    assert not stored(scene.patient).exists()
    for value in typed.values():
        if value and value not in ("cancelled", "vitamins", "mg/dL", "yes", "g_csf", "not-a-uuid"):
            assert escape(value) in page


def test_a_text_of_ten_megabytes_is_refused_and_comes_back(person, scene):
    text = "x" * 10_000_000

    answer = person.post(address(scene.patient), visit_data(new_malignancy="yes", new_malignancy_text=text))

    assert answer.status_code == 422
    assert "The text has 10000000 characters. Write at most 4000." in answer.content.decode()
    assert text in answer.content.decode()
    assert not stored(scene.patient).exists()


def test_what_was_not_measured_is_kept_with_its_reason_until_a_value_comes(person, scene):
    person.post(
        address(scene.patient), visit_data(**{"lab-IGG-not_done": "sample lost", "lab-IGG-unit": "g/L"})
    )
    visit = stored(scene.patient).get()
    assert [(row.analyte, row.reason) for row in visit.not_done.all()] == [("IGG", "sample lost")]
    page = person.get(address(scene.patient)).content.decode()
    assert 'value="sample lost"' in page

    person.post(address(scene.patient), change_data(visit, **{"lab-IGG-value": "6.1", "lab-IGG-unit": "g/L"}))

    assert not visit.not_done.exists()
    assert results_of(scene.patient)["IGG"][0] == "6.1"


def test_a_visit_after_death_is_refused(person, scene):
    answer = person.post(address(scene.dead), visit_data())

    assert answer.status_code == 422
    assert "is after death on 1 Aug 2024." in answer.content.decode()


def test_an_unlikely_value_is_asked_about_and_kept_with_a_reason_for_this_very_value(person, scene):
    data = visit_data(**{"lab-ANC-value": "40"})
    why = {"lab-ANC-right_because": "on G-CSF, smear reviewed"}

    asked = person.post(address(scene.patient), data)
    no_reason = person.post(address(scene.patient), {**data, "lab-ANC-sure": "40 10*9/L"})
    other_value = person.post(address(scene.patient), {**data, **why, "lab-ANC-sure": "39 10*9/L"})
    kept = person.post(address(scene.patient), {**data, **why, "lab-ANC-sure": "40 10*9/L"})

    answers = (asked, no_reason, other_value, kept)
    assert [answer.status_code for answer in answers] == [422, 422, 422, 302]
    assert "40 ×10⁹/L is 16 times the last value (2.5 ×10⁹/L on 15 Jun 2024)." in asked.content.decode()
    assert "40 ×10⁹/L is right – say why" in asked.content.decode()
    result = LabResult.objects.get(visit__code="M6", analyte="ANC")
    assert (result.entered_value, result.right_because) == ("40", "on G-CSF, smear reviewed")


def test_checking_shows_grades_in_words_and_stores_nothing(person, scene):
    answer = person.post(address(scene.patient), visit_data(**{"lab-ANC-value": "0.9", "step": "check"}))

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Grade 3 (CTCAE v5), grade 2 (v6)" in page
    assert "Nothing is stored yet" in page
    assert not stored(scene.patient).exists()


def test_one_report_in_an_odd_unit_does_not_change_the_unit_the_form_proposes(person, scene, site):
    other = factories.make_patient(site=site, code="VIE-0700")
    for day, value, unit in ((1, "5.0", "10*9/L"), (2, "6.0", "10*9/L"), (3, "5000", "/uL")):
        factories.make_result(
            patient=other, collected_on=date(2024, 8, day), analyte="WBC", value=value, unit=unit
        )

    page = person.get(address(scene.patient)).content.decode()

    assert '<option value="10*9/L" selected>' in page.split("lab-WBC-unit", 1)[1].split("</select>")[0]


def test_what_is_said_of_a_value_has_a_row_of_its_own_and_the_field_names_it(person, scene):
    page = person.post(address(scene.patient), visit_data(**{"lab-ANC-value": "400"})).content.decode()

    words = page.split('class="grid__words grid__wrong"', 1)[1].split("</tr>")[0]
    assert "ANC 400 ×10⁹/L is not possible. Did the laboratory report cells/µL? Choose /µL." in words
    assert 'id="id_lab-ANC-value_error"' in words
    field = page.split('name="lab-ANC-value"', 1)[1].split(">")[0]
    assert 'aria-describedby="id_lab-ANC-value_error"' in field


def test_the_form_shows_the_previous_value_and_the_unit_the_site_uses_most(person, scene, site):
    other = factories.make_patient(site=site)
    factories.make_result(
        patient=other, collected_on=date(2024, 8, 1), analyte="WBC", value="5000", unit="/uL"
    )

    page = person.get(address(scene.patient)).content.decode()

    assert "9.8 g/dL" in page
    assert "15 Jun 2024" in page
    assert '<option value="/uL" selected>' in page.split("lab-WBC-unit", 1)[1].split("</select>")[0]


def test_a_visit_that_is_neither_planned_nor_recorded_does_not_exist(person, scene):
    for path in ("visits/M99/", "visits/M6/?day_zero=2020-01-01", "visits/M6/?day_zero=x", "visits/M6%00/"):
        assert person.get(f"/patients/{scene.patient.public_id}/{path}").status_code == 404


def test_an_unscheduled_visit_is_recorded_under_its_day(person, scene):
    answer = person.post(address(scene.patient, "UNS"), visit_data())

    assert answer["Location"].endswith("/visits/UNS/saved/?day_zero=2024-03-01&on=2024-08-30")
    assert person.get(answer["Location"]).status_code == 200
    assert stored(scene.patient, "UNS").get().visited_on == date(2024, 8, 30)


def test_a_visit_belongs_to_the_course_of_its_day(person, scene):
    factories.make_infusion(patient=scene.patient, infused_on=date(2024, 8, 1))

    answer = person.post(f"{address(scene.patient)}?day_zero=2024-03-01", visit_data())

    assert answer.status_code == 422
    assert "The date belongs to the course of a later infusion." in answer.content.decode()


def test_another_sites_visit_cannot_be_entered(as_user, other_site, scene):
    assert as_user(other_site).post(address(scene.patient), visit_data()).status_code == 404
    assert not stored(scene.patient).exists()


@pytest.mark.parametrize("actor", ["officer", "lead", "manager"])
def test_those_who_only_read_may_not_enter(request, as_user, scene, actor):
    person = as_user(request.getfixturevalue(actor))

    assert person.post(address(scene.patient), visit_data()).status_code == 403
    assert not stored(scene.patient).exists()


# --- changing a recorded visit ------------------------------------------------------------------


@pytest.fixture
def recorded(person, scene):
    person.post(address(scene.patient), visit_data(**{"lab-ANC-value": "0.4", "lab-PLT-value": "90"}))
    return stored(scene.patient).get()


def change_data(visit, **typed):
    rows = LabResult.objects.filter(visit=visit, superseded_at__isnull=True)
    recorded = {
        f"lab-{row.analyte}-{name}": value
        for row in rows
        for name, value in (
            ("value", row.entered_value),
            ("unit", row.entered_unit),
            ("result", str(row.pk)),
        )
    }
    return visit_data(**{"version": str(visit.version), "reason": "misread", **recorded, **typed})


def test_a_change_without_a_reason_is_refused(person, recorded):
    answer = person.post(address(recorded.patient), change_data(recorded, reason=" "))

    assert answer.status_code == 422
    assert "Say why the record was wrong." in answer.content.decode()


def test_a_changed_value_supersedes_the_old_one_with_the_reason(person, recorded):
    old = LabResult.objects.get(visit=recorded, analyte="ANC")

    answer = person.post(address(recorded.patient), change_data(recorded, **{"lab-ANC-value": "1.4"}))

    assert answer.status_code == 302
    old.refresh_from_db()
    assert (old.entered_value, old.superseded_reason) == ("0.4", "misread")
    assert old.superseded_by.entered_value == "1.4"
    assert LabResult.objects.filter(visit=recorded, analyte="PLT").count() == 1


def test_an_emptied_value_is_taken_back_and_stays_visible(person, recorded):
    person.post(address(recorded.patient), change_data(recorded, **{"lab-ANC-value": ""}))

    old = LabResult.objects.get(visit=recorded, analyte="ANC")
    assert (old.superseded_by, old.superseded_reason) == (None, "misread")


def test_the_same_value_in_another_unit_is_a_correction_too(person, recorded):
    data = change_data(recorded, **{"lab-ANC-value": "400", "lab-ANC-unit": "/uL"})

    assert person.post(address(recorded.patient), data).status_code == 302

    current = LabResult.objects.get(visit=recorded, analyte="ANC", superseded_at__isnull=True)
    assert (current.entered_value, current.entered_unit) == ("400", "/uL")


def test_the_second_of_two_editors_sees_both_values_and_loses_nothing(
    as_user, person, investigator, recorded
):
    data_of_both = change_data(recorded)
    person.post(address(recorded.patient), {**data_of_both, "lab-ANC-value": "1.4"})

    second = as_user(investigator).post(
        address(recorded.patient), {**data_of_both, "submission": str(uuid4()), "lab-ANC-value": "2.4"}
    )

    page = second.content.decode()
    assert second.status_code == 409
    assert "coordinator saved this visit" in page
    assert both(second, "lab-ANC") == ("2.4 ×10⁹/L", "1.4 ×10⁹/L")
    assert 'name="lab-ANC-value" value="2.4"' in page
    assert results_of(recorded.patient)["ANC"][0] == "1.4"


def test_who_records_what_another_recorded_meanwhile_sees_both_values(as_user, investigator, recorded):
    Visit.objects.filter(pk=recorded.pk).update(submission=uuid4())

    second = as_user(investigator).post(address(recorded.patient), visit_data(**{"lab-ANC-value": "2.4"}))

    assert second.status_code == 409
    assert both(second, "lab-ANC") == ("2.4 ×10⁹/L", "0.4 ×10⁹/L")
    assert 'name="lab-ANC-value" value="2.4"' in second.content.decode()
    assert results_of(recorded.patient)["ANC"][0] == "0.4"


def test_a_result_of_another_patient_cannot_be_changed_through_the_form(person, scene, recorded):
    foreign = factories.make_result(patient=scene.low, collected_on=date(2024, 8, 30), value="0.2")

    person.post(
        address(recorded.patient),
        change_data(recorded, **{"lab-ANC-result": str(foreign.pk), "lab-ANC-value": "3.0"}),
    )

    foreign.refresh_from_db()
    assert foreign.superseded_at is None


def test_a_treatment_entered_by_mistake_is_removed_with_the_reason(person, scene):
    person.post(
        address(scene.patient),
        visit_data(**{"support-0-kind": "rbc_transfusion", "support-0-given_on": "20.8.2024"}),
    )
    support = SupportiveTreatment.objects.get(patient=scene.patient, kind="rbc_transfusion")

    person.post(
        address(scene.patient),
        change_data(stored(scene.patient).get(), **{"remove-support": str(support.pk)}),
    )

    assert not SupportiveTreatment.objects.filter(pk=support.pk).exists()
    page = person.get(f"/patients/{scene.patient.public_id}/history/").content.decode()
    assert "removed" in page


def test_the_list_of_sections_says_that_the_events_are_not_begun_of_a_draft(person, scene):
    page = person.post(address(scene.patient), visit_data(step="check")).content.decode()

    line = page[page.index("Events since the last visit</a>") :][:200]
    assert "Not begun" in line
    assert "completed" not in line


VALUES_AWAITED = [
    ("M6", "", True),
    ("M6", "on_site", True),
    ("M6", "phone", False),
    ("UNS", "on_site", False),
]


@pytest.mark.parametrize(("code", "way", "is_awaited"), VALUES_AWAITED)
def test_only_a_planned_visit_on_site_misses_the_routine_values(person, scene, code, way, is_awaited):
    typed = visit_data(contact_mode=way)

    review = person.post(address(scene.patient, code), {**typed, "step": "review"}).content.decode()
    saved = person.get(person.post(address(scene.patient, code), typed)["Location"]).content.decode()

    assert ("No value and no reason" in review) == is_awaited
    assert ("No value and no reason" in saved) == is_awaited


def test_a_new_unscheduled_visit_is_not_asked_whether_it_took_place(person, scene):
    page = person.get(address(scene.patient, "UNS")).content.decode()

    assert "Did the visit take place?" not in page
    assert "Record as not done" not in page
    assert '<input type="hidden" name="status" value="completed"' in page


@pytest.mark.parametrize("step", ["missed", "save"])
def test_an_unscheduled_visit_that_did_not_take_place_is_refused(person, scene, step):
    typed = visit_data(status="missed", missed_why="Did not come", new_malignancy="", step=step)

    answer = person.post(address(scene.patient, "UNS"), typed)

    page = answer.content.decode()
    assert (answer.status_code, stored(scene.patient, "UNS").count()) == (422, 0)
    assert "An unscheduled visit that did not take place is not recorded." in page
    assert '<input type="hidden" name="status" value="completed"' in page


def test_a_recorded_unscheduled_visit_may_still_be_said_to_be_none(person, scene):
    factories.make_visit(patient=scene.patient, code="UNS", visited_on=date(2024, 8, 30))

    page = person.get(address(scene.patient, "UNS") + "?on=2024-08-30").content.decode()

    assert "Did the visit take place?" in page


LATE = {"visited_on_day": "1", "visited_on_month": "sep"}
COUNTS = {"lab-ANC-value": "2.5", "lab-PLT-not_done": "Sample lost"}
LEFT_OPEN = [
    # visit, what is typed, how many things stay open
    ("M6", {}, 3),  # values, new events and the way of the contact
    ("M6", {"contact_mode": "phone"}, 1),
    ("M6", {"contact_mode": "phone", "ongoing-new": "no"}, 0),
    ("M6", {"contact_mode": "on_site", **COUNTS}, 2),
    ("M6", {"contact_mode": "phone", "new_malignancy": "unknown"}, 2),
    ("M6", {"new_malignancy": "unknown"}, 4),
    ("M3", {"contact_mode": "phone"}, 2),  # long after its window
    ("M3", {"new_malignancy": "unknown", **LATE}, 5),
    ("UNS", {}, 1),
    ("M6", {"status": "missed", "missed_why": "Did not come", "visited_on_day": ""}, 0),
]


@pytest.mark.parametrize(("code", "typed", "count"), LEFT_OPEN)
def test_what_the_review_calls_open_the_saved_page_calls_open(person, scene, code, typed, count):
    Visit.objects.filter(code="M3").delete()
    sent = visit_data(**typed)
    if "missed_why" in typed:
        sent = {**sent, "visited_on_month": "", "visited_on_year": "", "new_malignancy": ""}

    review = person.post(address(scene.patient, code), {**sent, "step": "review"}).content.decode()
    saved = person.get(person.post(address(scene.patient, code), sent)["Location"]).content.decode()

    before = re.findall(r"<li>(.*?)</li>", re.search(r'<h2 id="open">.*?</section>', review, re.S)[0])
    part = re.search(r'<h2 id="still-open">.*?</section>', saved, re.S)[0]
    after = re.findall(r'<li><a href="[^"]*#[a-z_-]+">(.*?)</a></li>', part)
    assert before == after
    assert len(after) == count


def test_the_confirmation_lists_results_in_the_order_of_the_form(person, scene):
    data = visit_data(**{"lab-PLT-value": "200", "lab-ANC-value": "2.5"})
    person.post(address(scene.patient), data)
    visit = stored(scene.patient).get()
    # A corrected value is a newer row.
    LabResult.objects.filter(visit=visit, analyte="ANC").update(
        superseded_at=now(), superseded_reason="Typed wrongly"
    )
    factories.make_result(patient=scene.patient, visit=visit, analyte="ANC", collected_on=visit.visited_on)

    page = person.get(address(scene.patient) + "saved/").content.decode()

    stored_table = page[page.index("Stored results") :]
    assert stored_table.index("Neutrophils") < stored_table.index("Platelets")


def test_a_locked_record_offers_nothing_to_type_in_vain(person, scene):
    factories.make_lock(patient=scene.patient)

    visit = person.get(address(scene.patient)).content.decode()
    events = person.get(f"/patients/{scene.patient.public_id}/events/").content.decode()
    patient = person.get(f"/patients/{scene.patient.public_id}/").content.decode()

    assert "Nothing can be saved here while it is locked." in visit
    assert 'value="save"' not in visit
    assert 'name="step" value="missed"' not in visit
    assert 'value="review"' not in visit
    assert "The record of this patient is locked since" in events
    assert 'value="save"' not in events
    assert "Add event" not in patient
    assert "Unscheduled visit" not in patient


def test_a_record_that_is_not_locked_offers_them(person, scene):
    visit = person.get(address(scene.patient)).content.decode()
    patient = person.get(f"/patients/{scene.patient.public_id}/").content.decode()

    assert "while it is locked" not in visit
    assert 'value="save"' in visit
    assert "Unscheduled visit" in patient
