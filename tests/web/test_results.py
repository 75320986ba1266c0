"""Correcting one result by form."""

from datetime import date

import pytest

from registry.models import LabResult
from tests import factories


@pytest.fixture
def result(scene):
    return LabResult.objects.get(patient=scene.patient, analyte="ANC", collected_on=date(2024, 3, 15))


def address(result):
    return f"/patients/{result.patient.public_id}/results/{result.pk}/"


def correction(**typed):
    return {
        "act": "correct",
        "value": "1.4",
        "unit": "10*9/L",
        "collected_on_day": "15",
        "collected_on_month": "3",
        "collected_on_year": "2024",
        "reason": "misread",
        **typed,
    }


def test_the_form_comes_filled_with_what_is_recorded(as_user, coordinator, result):
    page = as_user(coordinator).get(address(result)).content.decode()

    assert 'name="value" value="0.4"' in page
    assert 'name="collected_on_day" value="15"' in page


def test_a_correction_supersedes(as_user, coordinator, result):
    assert as_user(coordinator).post(address(result), correction()).status_code == 302

    result.refresh_from_db()
    assert (result.superseded_reason, result.superseded_by.entered_value) == ("misread", "1.4")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({}, "Neutrophils of 15 Mar 2024: 0.4 ×10⁹/L is now 1.4 ×10⁹/L, 15 Mar 2024."),
        (
            {"value": "1400", "unit": "/uL"},
            "Neutrophils of 15 Mar 2024: 0.4 ×10⁹/L is now 1400 /µL, 15 Mar 2024.",
        ),
        ({"act": "retract"}, "Neutrophils of 15 Mar 2024: 0.4 ×10⁹/L is taken back."),
    ],
)
def test_the_page_says_which_value_became_which(as_user, coordinator, result, typed, told):
    answer = as_user(coordinator).post(address(result), correction(**typed), follow=True)

    assert f"{told} " in answer.content.decode()


def test_a_result_can_be_taken_back(as_user, coordinator, result):
    as_user(coordinator).post(address(result), {"act": "retract", "reason": "another patient's tube"})

    result.refresh_from_db()
    assert (result.superseded_by, result.superseded_reason) == (None, "another patient's tube")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"reason": ""}, "Say why the record was wrong."),
        ({"value": "1400"}, "ANC 1400 ×10⁹/L is not possible."),
        ({"value": ""}, "The value is missing."),
        ({"collected_on_month": "13"}, "13 is not a month."),
        (
            {"collected_on_day": "", "collected_on_month": "", "collected_on_year": ""},
            "collected on is empty",
        ),
        ({"act": ""}, "This field is required."),
    ],
)
def test_an_impossible_correction_is_refused(as_user, coordinator, result, typed, words):
    answer = as_user(coordinator).post(address(result), correction(**typed))

    assert answer.status_code == 422
    assert words in answer.content.decode()
    result.refresh_from_db()
    assert result.superseded_at is None


def test_a_superseded_result_cannot_be_corrected_again(as_user, coordinator, result):
    person = as_user(coordinator)
    person.post(address(result), correction())

    assert person.get(address(result)).status_code == 404


@pytest.mark.parametrize(("actor", "status"), [("other_site", 404), ("officer", 403), ("sponsor", 404)])
def test_others_may_not_correct(request, as_user, result, actor, status):
    assert as_user(request.getfixturevalue(actor)).post(address(result), correction()).status_code == status


def test_a_result_of_another_patient_is_not_found_under_this_one(as_user, coordinator, scene, result):
    foreign = factories.make_result(patient=scene.low, collected_on=date(2024, 4, 1))

    answer = as_user(coordinator).get(f"/patients/{scene.patient.public_id}/results/{foreign.pk}/")

    assert answer.status_code == 404


# --- the same questions as in the visit form ----------------------------------------------------


def test_an_unlikely_correction_is_asked_about_with_the_likely_fix(as_user, coordinator, result):
    answer = as_user(coordinator).post(address(result), correction(value="40"))

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "40 ×10⁹/L is unusually high. Did the report say 40 per µL (= 0.04 ×10⁹/L)?" in page
    assert 'name="use" value="/uL 40"' in page
    result.refresh_from_db()
    assert result.superseded_at is None


def test_the_button_puts_the_fix_in_place_and_stores_nothing(as_user, coordinator, result):
    answer = as_user(coordinator).post(address(result), {**correction(value="40"), "use": "/uL 40"})

    page = answer.content.decode()
    assert answer.status_code == 200
    assert '<option value="/uL" selected>' in page
    assert "Nothing was stored" not in page
    result.refresh_from_db()
    assert result.superseded_at is None


def test_an_unlikely_correction_is_kept_with_why_it_is_right(as_user, coordinator, result):
    why = {"sure": "40 10*9/L", "right_because": "leukaemoid reaction, smear seen"}

    answer = as_user(coordinator).post(address(result), correction(value="40", **why))

    assert answer.status_code == 302
    result.refresh_from_db()
    assert result.superseded_by.right_because == "leukaemoid reaction, smear seen"


def test_a_correction_of_the_day_alone_asks_nothing_about_the_value(as_user, coordinator, scene):
    odd = factories.make_result(
        patient=scene.patient,
        collected_on=date(2024, 8, 1),
        value="40",
        right_because="leukaemoid reaction",
    )

    answer = as_user(coordinator).post(
        address(odd), correction(value="40", collected_on_day="2", collected_on_month="8")
    )

    assert answer.status_code == 302
    odd.refresh_from_db()
    corrected = odd.superseded_by
    assert (corrected.collected_on, corrected.right_because) == (date(2024, 8, 2), "leukaemoid reaction")


@pytest.mark.parametrize(
    ("value", "buttons"), [("1400", ["/uL 1400"]), ("≤0.1", ["10*9/L &lt;0.1", "10*9/L 0.1"])]
)
def test_a_refused_correction_offers_what_the_report_may_have_said(
    as_user, coordinator, result, value, buttons
):
    page = as_user(coordinator).post(address(result), correction(value=value)).content.decode()

    assert all(f'name="use" value="{button}"' in page for button in buttons)
