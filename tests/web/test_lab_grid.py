"""The laboratory grid: a laboratory's units and ranges, questions beside the field, the live check."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registry.models import AuditEvent, Laboratory, LaboratoryAnalyte, LabResult, Visit
from tests import factories
from tests.web.scene import visit_data

ANC = {"lab-ANC-value": "2.5", "lab-ANC-unit": "10*9/L"}


def address(patient, code="M6"):
    return f"/patients/{patient.public_id}/visits/{code}/"


def live(patient):
    return f"/patients/{patient.public_id}/results/check/"


def row_of(page, analyte):
    return page.split(f'id="row-lab-{analyte}"', 1)[1].split("</tbody>")[0]


def field(page, name):
    return page.split(f'name="{name}"', 1)[1].split(">")[0]


@pytest.fixture
def person(as_user, coordinator, scene):
    return as_user(coordinator)


@pytest.fixture
def lab(site):
    """A laboratory that reported neutrophils of women and haemoglobin of men in its own way."""
    lab = Laboratory.objects.create(site=site, name="Central", entered_at=factories.NIGHT, origin="form")
    for analyte, sex, unit, lower, upper in (
        ("ANC", "F", "/uL", 1800, 7700),
        ("HGB", "M", "g/dL", 13, 17),
    ):
        LaboratoryAnalyte.objects.create(
            laboratory=lab,
            analyte=analyte,
            sex=sex,
            unit=unit,
            lower_limit=lower,
            upper_limit=upper,
            reported_at=factories.NIGHT,
        )
    return lab


# --- laboratories ---------------------------------------------------------------------------------


def test_the_second_visit_has_the_units_and_ranges_of_the_first(person, scene, site):
    typed = {
        "labs-new_laboratory": " Central  laboratory ",
        "lab-ANC-value": "2500",
        "lab-ANC-unit": "/uL",
        "lab-ANC-lower_limit": "1800",
        "lab-ANC-upper_limit": "7700",
    }
    assert person.post(address(scene.patient), visit_data(**typed)).status_code == 302

    lab = Laboratory.objects.get(site=site)
    assert lab.name == "Central laboratory"
    assert LabResult.objects.get(visit__code="M6", analyte="ANC").laboratory == lab
    page = person.get(address(scene.low)).content.decode()
    assert '<option value="/uL" selected>' in row_of(page, "ANC")
    assert 'value="1800"' in field(page, "lab-ANC-lower_limit")
    assert 'value="7700"' in field(page, "lab-ANC-upper_limit")


def test_a_range_of_the_other_sex_is_not_filled_in_and_the_unit_is(person, scene, lab):
    page = person.get(address(scene.patient)).content.decode()

    assert '<option value="g/dL" selected>' in row_of(page, "HGB")
    assert 'value=""' in field(page, "lab-HGB-lower_limit")


def test_a_remembered_range_alone_is_no_result(person, scene, lab):
    typed = {
        "labs-laboratory": str(lab.pk),
        "labs-filled_for": str(lab.pk),
        "lab-ANC-unit": "/uL",
        "lab-ANC-lower_limit": "1800",
        "lab-ANC-upper_limit": "7700",
    }

    assert person.post(address(scene.patient), visit_data(**typed)).status_code == 302

    assert not LabResult.objects.filter(visit__code="M6").exists()


def test_a_remembered_range_does_not_stay_beside_another_unit(person, scene, lab):
    typed = {**ANC, "labs-laboratory": str(lab.pk), "labs-filled_for": str(lab.pk)}
    typed |= {"lab-ANC-lower_limit": "1800", "lab-ANC-upper_limit": "7700"}

    assert person.post(address(scene.patient), visit_data(**typed)).status_code == 302

    assert LabResult.objects.get(visit__code="M6", analyte="ANC").lower_limit is None


def test_choosing_a_laboratory_without_script_fills_in_its_units_and_ranges(person, scene, lab):
    typed = {"labs-laboratory": str(lab.pk), "labs-filled_for": "", "step": "laboratory"}

    answer = person.post(address(scene.patient), visit_data(**typed))

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Error:" not in page.split("</title>")[0]
    assert '<option value="/uL" selected>' in row_of(page, "ANC")
    assert 'value="1800"' in field(page, "lab-ANC-lower_limit")
    assert f'value="{lab.pk}"' in field(page, "labs-filled_for")


def test_filling_in_leaves_what_was_typed(person, scene, lab):
    typed = {**ANC, "lab-ANC-lower_limit": "2", "labs-laboratory": str(lab.pk), "step": "laboratory"}

    page = person.post(address(scene.patient), visit_data(**typed)).content.decode()

    assert '<option value="10*9/L" selected>' in row_of(page, "ANC")
    assert 'value="2"' in field(page, "lab-ANC-lower_limit")


def test_ranges_of_one_laboratory_are_not_stored_under_another(person, scene, site, lab):
    other = Laboratory.objects.create(site=site, name="Ward", entered_at=factories.NIGHT, origin="form")
    typed = {**ANC, "labs-laboratory": str(other.pk), "labs-filled_for": str(lab.pk)}

    answer = person.post(address(scene.patient), visit_data(**typed))

    assert answer.status_code == 422
    assert "Units and ranges below are those of Central, and you chose Ward." in answer.content.decode()


def test_a_laboratory_of_another_site_is_none(person, scene, other_site_place):
    foreign = Laboratory.objects.create(
        site=other_site_place, name="Graz", entered_at=factories.NIGHT, origin="form"
    )

    person.post(address(scene.patient), visit_data(**ANC, **{"labs-laboratory": str(foreign.pk)}))

    assert LabResult.objects.get(visit__code="M6", analyte="ANC").laboratory is None
    assert "Graz" not in person.get(address(scene.low)).content.decode()


def test_the_day_of_collection_of_the_header_is_that_of_every_row_without_its_own(person, scene):
    typed = {**ANC, "labs-collected_on": "28 Aug 2024", "lab-PLT-value": "200"}
    typed |= {"lab-PLT-collected_on": "27 Aug 2024"}

    person.post(address(scene.patient), visit_data(**typed))

    days = dict(LabResult.objects.filter(visit__code="M6").values_list("analyte", "collected_on"))
    assert days == {"ANC": date(2024, 8, 28), "PLT": date(2024, 8, 27)}


# --- questions beside the field -------------------------------------------------------------------

QUESTIONS = [
    ({"lab-ANC-value": "40"}, "40 ×10⁹/L is 16 times the last value (2.5 ×10⁹/L on 15 Jun 2024)."),
    ({"lab-PLT-value": "2.1"}, "2.1 ×10⁹/L is 1/100 of the last value (210 ×10⁹/L on 15 Jun 2024)."),
    (
        {"lab-ANC-value": "4", "lab-ALC-value": "2", "lab-ALC-unit": "10*9/L", "lab-WBC-value": "5"},
        "Neutrophils 4 ×10⁹/L and lymphocytes 2 ×10⁹/L make 6 ×10⁹/L, more than the white blood cells,"
        " 5 ×10⁹/L.",
    ),
]


@pytest.mark.parametrize(("typed", "words"), QUESTIONS, ids=[words for _, words in QUESTIONS])
def test_the_unlikely_is_asked_about_and_stores_nothing_until_answered(person, scene, typed, words):
    answer = person.post(address(scene.patient), visit_data(**typed))

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Visit.objects.filter(patient=scene.patient, code="M6").exists()


def test_the_button_of_the_likely_fix_works_without_script(person, scene):
    asked = person.post(address(scene.patient), visit_data(**{"lab-ANC-value": "40"})).content.decode()
    assert 'name="step" value="use ANC /uL 40"' in asked

    answer = person.post(
        address(scene.patient), visit_data(**{"lab-ANC-value": "40", "step": "use ANC /uL 40"})
    )

    row = row_of(answer.content.decode(), "ANC")
    assert answer.status_code == 200
    assert '<option value="/uL" selected>' in row
    assert "= 0.04 ×10⁹/L" in row
    assert "Grade 4" in row
    assert not Visit.objects.filter(patient=scene.patient, code="M6").exists()


@pytest.mark.parametrize(("days_before", "is_asked"), [(2, True), (3, False)])
def test_a_transfusion_typed_in_the_same_form_explains_a_step(person, scene, days_before, is_asked):
    on = date(2024, 8, 30)
    factories.make_result(
        patient=scene.patient,
        collected_on=on - timedelta(days=days_before),
        analyte="HGB",
        value="70",
        unit="g/L",
    )
    typed = {"lab-HGB-value": "101", "lab-HGB-unit": "g/L"}

    without = person.post(address(scene.patient), visit_data(**typed, step="check"))
    transfused = {"support-0-kind": "rbc_transfusion", "support-0-given_on": "29 Aug 2024"}
    with_one = person.post(address(scene.patient), visit_data(**typed, **transfused, step="check"))

    assert ("31 g/L more than the last value" in without.content.decode()) == is_asked
    assert "more than the last value" not in with_one.content.decode()


def test_a_recorded_unlikely_value_is_not_asked_about_again(person, scene):
    why = {"lab-ANC-sure": "40 10*9/L", "lab-ANC-right_because": "smear reviewed"}
    person.post(address(scene.patient), visit_data(**{"lab-ANC-value": "40"}, **why))
    visit = Visit.objects.get(patient=scene.patient, code="M6")
    result = LabResult.objects.get(visit=visit, analyte="ANC")
    change = visit_data(
        **{"lab-ANC-value": "40", "lab-ANC-result": str(result.pk), "version": "1", "reason": "forgotten"},
        **{"lab-PLT-value": "190"},
    )

    page = person.get(f"{address(scene.patient)}?change=1").content.decode()
    of_patient = person.get(f"/patients/{scene.patient.public_id}/").content.decode()
    answer = person.post(address(scene.patient), change)

    assert "smear reviewed" in page
    assert "Asked and kept: smear reviewed" in of_patient
    assert answer.status_code == 302
    result.refresh_from_db()
    assert (result.superseded_at, result.right_because) == (None, "smear reviewed")


def test_why_a_value_is_right_is_on_the_audit_trail(person, scene, coordinator):
    why = {"lab-ANC-sure": "40 10*9/L", "lab-ANC-right_because": "smear reviewed"}

    person.post(address(scene.patient), visit_data(**{"lab-ANC-value": "40"}, **why))

    event = AuditEvent.objects.filter(tbl="registry_labresult", op="I").latest("id")
    assert (event.new["right_because"], event.actor_id) == ("smear reviewed", coordinator.pk)


# --- not done, refused numbers --------------------------------------------------------------------


def test_not_done_needs_its_reason(person, scene):
    ticked = visit_data(**{"lab-IGG-missing": "on", "lab-IGG-unit": "g/L"})

    without = person.post(address(scene.patient), ticked)
    answered = person.post(address(scene.patient), {**ticked, "lab-IGG-not_done": "sample lost"})

    assert (without.status_code, answered.status_code) == (422, 302)
    assert "A measurement not done has no reason. Say why it was not done." in without.content.decode()


def test_a_value_and_not_done_exclude_each_other(person, scene):
    typed = {**ANC, "lab-ANC-missing": "on", "lab-ANC-not_done": "lost"}

    answer = person.post(address(scene.patient), visit_data(**typed))

    assert answer.status_code == 422
    assert "There is a value as well." in answer.content.decode()


@pytest.mark.parametrize(
    ("report", "typed", "header", "rows"),
    [
        ("Test;30.8.2024;Unit\nANC;1,2;G/L\nPLT;98;G/L", {}, "30 Aug 2024", ["", ""]),
        (  # two days stay beside their rows
            "Test;Result;Unit;Date\nANC;1,2;G/L;2024-08-30\nPLT;98;G/L;2024-08-29",
            {},
            "",
            ["30 Aug 2024", "29 Aug 2024"],
        ),
        (  # what was typed is of the day of the visit, and stays so
            "Test;30.8.2024;Unit\nANC;1,2;G/L\nPLT;98;G/L",
            {"lab-WBC-value": "4"},
            "",
            ["30 Aug 2024", "30 Aug 2024"],
        ),
        (
            "Test;30.8.2024;Unit\nANC;1,2;G/L\nPLT;98;G/L",
            {"labs-collected_on": "28 Aug 2024"},
            "28 Aug 2024",
            ["30 Aug 2024", "30 Aug 2024"],
        ),
    ],
    ids=["one day", "two days", "one typed before", "the header says another"],
)
def test_the_day_above_the_values_of_a_report_is_said_once(person, scene, report, typed, header, rows):
    taken = {"report-0-analyte": "ANC", "report-1-analyte": "PLT", "step": "take-over", "labs-report": report}

    page = person.post(
        address(scene.patient), visit_data(**{"lab-ANC-value": ""}, **typed, **taken)
    ).content.decode()

    assert f'name="labs-collected_on" value="{header}"' in page
    for analyte, day in zip(("ANC", "PLT"), rows, strict=True):
        assert f'name="lab-{analyte}-collected_on" value="{day}"' in page


@pytest.mark.parametrize(
    ("value", "words", "button"),
    [
        ("1500", "ANC 1500 ×10⁹/L is not possible.", "use ANC /uL 1500"),
        ("≤0.1", "≤0.1 is 0.1 or less.", "use ANC 10*9/L &lt;0.1"),
        ("0,400", "0,400 has three digits after the comma.", "use ANC 10*9/L 0.400"),
    ],
)
def test_a_refused_number_comes_with_what_the_report_may_have_said(person, scene, value, words, button):
    page = person.post(address(scene.patient), visit_data(**{"lab-ANC-value": value})).content.decode()

    assert words in page
    assert f'name="step" value="{button}"' in page


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        ("0,4", "10*9/L", "Grade 4 (CTCAE v5), grade 3 (v6)"),
        ("<0,1", "10*9/L", "Grade 4"),
        ("900", "/uL", "= 0.9 ×10⁹/L"),
        (">2", "10*3/uL", ""),
    ],
)
def test_comma_sign_and_foreign_unit_are_echoed_as_they_count(person, scene, value, unit, shown):
    typed = {"lab-ANC-value": value, "lab-ANC-unit": unit, "step": "check"}

    page = person.post(address(scene.patient), visit_data(**typed)).content.decode()

    assert "Nothing is stored yet" in page
    assert shown in row_of(page, "ANC")


def test_what_is_typed_cannot_break_out_of_its_field(person, scene):
    evil = '"><script>alert(1)</script>'
    typed = {
        "lab-ANC-value": evil,
        "lab-ANC-not_done": evil,
        "labs-new_laboratory": evil,
        "labs-report": evil,
    }

    page = person.post(address(scene.patient), visit_data(**typed)).content.decode()

    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 4


# --- the live check -------------------------------------------------------------------------------


def test_the_live_check_answers_as_the_page_does_and_stores_nothing(person, scene):
    answer = person.post(live(scene.patient), visit_data(**{"lab-ANC-value": "400", "lab-ANC-unit": "/uL"}))

    told = answer.json()["rows"]["ANC"]
    assert answer.status_code == 200
    assert "Grade 4 (CTCAE v5), grade 3 (v6)" in told["grade"]
    assert "= 0.4 ×10⁹/L" in told["grade"]
    assert (told["words"], told["wrong"]) == ("", False)
    assert answer.json()["rows"]["PLT"] == {
        "grade": "",
        "words": "",
        "wrong": False,
        "said": "Platelets: read",
        "filled": {},
    }
    assert not Visit.objects.filter(patient=scene.patient, code="M6").exists()


def test_the_live_check_asks_with_the_fix_and_without_a_date(person, scene):
    typed = visit_data(**{"lab-ANC-value": "40"}, visited_on_day="", visited_on_month="")

    told = person.post(live(scene.patient), typed).json()["rows"]["ANC"]

    assert told["wrong"]
    assert "Did the report say 40 per µL (= 0.04 ×10⁹/L)?" in told["words"]
    assert 'data-value="40" data-unit="/uL"' in told["words"]


def test_the_live_check_does_not_compare_a_recorded_value_with_itself(person, scene):
    factories.make_visit(patient=scene.low, code="M3", visited_on=date(2024, 6, 1))
    result = factories.make_result(patient=scene.low, collected_on=date(2024, 6, 1), value="0.02")
    typed = {"lab-ANC-value": "4", "lab-ANC-unit": "10*9/L", "lab-ANC-result": str(result.pk)}

    told = person.post(live(scene.low), visit_data(**typed)).json()["rows"]["ANC"]

    assert told["words"] == ""


def test_the_live_check_fills_in_a_laboratory(person, scene, lab):
    typed = visit_data(**{"labs-laboratory": str(lab.pk), "step": "laboratory"})

    answer = person.post(live(scene.patient), typed).json()

    assert answer["rows"]["ANC"]["filled"] == {"unit": "/uL", "lower_limit": "1800", "upper_limit": "7700"}
    assert answer["filled_for"] == str(lab.pk)
    assert answer["said"] == "Units and ranges of Central are filled in."


@pytest.mark.parametrize("actor", ["other_site", "officer", "sponsor"])
def test_the_live_check_is_for_who_may_enter(request, as_user, scene, actor):
    answer = as_user(request.getfixturevalue(actor)).post(live(scene.patient), {})

    assert answer.status_code in (403, 404)


def test_the_questions_cost_the_same_for_one_value_and_for_all(person, scene):
    def queries(**typed):
        with CaptureQueriesContext(connection) as asked:
            person.post(live(scene.patient), visit_data(**typed))
        return len(asked)

    queries()  # the first request also fills caches
    one = queries(**{"lab-HGB-value": "9.8"})
    many = queries(**{f"lab-{key}-value": "5" for key in ("ANC", "WBC", "PLT")}, **{"lab-HGB-value": "9.8"})

    assert many == one


def test_a_laboratory_is_of_the_study_whatever_path_writes(scene, lab, db):
    elsewhere = factories.make_site(study=factories.make_study(key="OTHER"), code="XXX")
    foreign = Laboratory.objects.create(
        site=elsewhere, name="Elsewhere", entered_at=timezone.now(), origin="form"
    )

    with pytest.raises(IntegrityError, match="a laboratory of its own study"), transaction.atomic():
        factories.make_result(patient=scene.low, collected_on=date(2024, 8, 1), laboratory=foreign)
    kept = factories.make_result(patient=scene.low, collected_on=date(2024, 8, 1), laboratory=lab)
    assert kept.value == Decimal("2.5")


def test_no_two_units_to_choose_from_read_the_same(person, scene):
    page = person.get(address(scene.patient)).content.decode()
    select = re.search(r'<select id="id_lab-ANC-unit".*?</select>', page, re.DOTALL)

    assert select is not None
    words = re.findall(r'<option value="[^"]*"(?: selected)?>([^<]*)</option>', select[0])
    assert len(words) == len(set(words)) > 3


def test_the_spelling_of_a_unit_that_was_chosen_stays(person, scene):
    data = visit_data(step="check", **{"lab-ANC-value": "2.5", "lab-ANC-unit": "10^9/L"})

    page = person.post(address(scene.patient), data).content.decode()

    assert '<option value="10^9/L" selected>' in page
