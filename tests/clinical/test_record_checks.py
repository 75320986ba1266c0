"""The impossible is refused in plain words (contract.md section 3, clinical-reference.md 6 and 8.3)."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.clinical import code_lists
from registry.clinical.partial_dates import PartialDate
from registry.clinical.record_checks import (
    Life,
    Problem,
    check_code,
    check_event,
    check_infusion,
    check_lab,
    check_patient,
    check_score,
    check_support,
    check_text,
    check_visit,
)

TODAY = date(2025, 6, 1)
DIED = date(2025, 5, 1)
FIRST = date(2025, 1, 15)


def fields(problems: list[Problem]) -> list[str]:
    return [problem.field for problem in problems]


def words(problems: list[Problem]) -> str:
    return " ".join(problem.for_people for problem in problems)


def patient(**changes: object) -> list[Problem]:
    usual: dict[str, object] = {
        "patient_id": "001-0007",
        "sex": "F",
        "birth_year": 1980,
        "diagnosis": "SLE",
        "cohort": "CAR_T",
        "today": TODAY,
        "enrolled_on": date(2025, 1, 10),
    }
    return check_patient(**usual | changes)  # type: ignore[arg-type]


def infusion(**changes: object) -> list[Problem]:
    usual: dict[str, object] = {
        "infused_on": FIRST,
        "dose_cells": Decimal(100),
        "birth_year": 1980,
        "died_on": None,
        "today": TODAY,
    }
    return check_infusion(**usual | changes)  # type: ignore[arg-type]


def visit(**changes: object) -> list[Problem]:
    usual: dict[str, object] = {
        "visit_code": "D28",
        "status": "completed",
        "visited_on": date(2025, 2, 12),
        "missed_reason": "",
        "first_day_zero": FIRST,
        "birth_year": 1980,
        "died_on": None,
        "today": TODAY,
    }
    return check_visit(**usual | changes)  # type: ignore[arg-type]


def lab(**changes: object) -> list[Problem]:
    usual: dict[str, object] = {
        "collected_on": date(2025, 2, 12),
        "analyte": "ANC",
        "value": "0.4",
        "unit": "10*9/L",
        "birth_year": 1980,
        "died_on": None,
        "today": TODAY,
        "decimal_comma": False,
    }
    return check_lab(**usual | changes)  # type: ignore[arg-type]


def support(**changes: object) -> list[Problem]:
    usual: dict[str, object] = {
        "given_on": date(2025, 2, 12),
        "kind": "g_csf",
        "birth_year": 1980,
        "died_on": None,
        "today": TODAY,
    }
    return check_support(**usual | changes)  # type: ignore[arg-type]


def event(**changes: object) -> list[Problem]:
    usual: dict[str, object] = {
        "event_id": "AE-1",
        "term": "Neutropenia",
        "birth_year": 1980,
        "died_on": None,
        "today": TODAY,
    }
    return check_event(**usual | changes)  # type: ignore[arg-type]


def score(**changes: object) -> list[Problem]:
    usual: dict[str, object] = {
        "assessed_on": date(2025, 2, 12),
        "score": "SLEDAI-2K",
        "value": "8",
        "birth_year": 1980,
        "died_on": None,
        "today": TODAY,
        "decimal_comma": False,
    }
    return check_score(**usual | changes)  # type: ignore[arg-type]


DATED = [
    (infusion, "infused_on"),
    (visit, "visited_on"),
    (lab, "collected_on"),
    (support, "given_on"),
    (score, "assessed_on"),
]


@pytest.mark.parametrize("check", [patient, infusion, visit, lab, support, event, score])
def test_a_usual_record_has_no_problem(check):
    assert check() == []


# Dates, the same in every record


@pytest.mark.parametrize(("check", "field"), DATED)
@pytest.mark.parametrize(
    ("on", "is_refused"), [("2025-05-31", False), ("2025-06-01", False), ("2025-06-02", True)]
)
def test_nothing_is_dated_in_the_future(check, field: str, on: str, is_refused: bool):
    found = check(**{field: date.fromisoformat(on)})

    assert fields(found) == ([field] if is_refused else [])
    assert ("in the future. Give a date up to today, 1 Jun 2025." in words(found)) == is_refused


@pytest.mark.parametrize(("check", "field"), DATED)
@pytest.mark.parametrize(
    ("on", "is_refused"), [("2025-04-30", False), ("2025-05-01", False), ("2025-05-02", True)]
)
def test_nothing_is_dated_after_death(check, field: str, on: str, is_refused: bool):
    found = check(**{field: date.fromisoformat(on), "died_on": DIED})

    assert fields(found) == ([field] if is_refused else [])
    assert ("is after death on 1 May 2025." in words(found)) == is_refused


@pytest.mark.parametrize(("check", "field"), DATED)
@pytest.mark.parametrize(("birth_year", "is_refused"), [(2024, False), (2025, False), (2026, True)])
def test_nothing_is_dated_before_birth(check, field: str, birth_year: int, is_refused: bool):
    found = check(birth_year=birth_year)

    assert fields(found) == ([field] if is_refused else [])


@pytest.mark.parametrize(("check", "field"), DATED)
def test_a_missing_date_is_asked_for(check, field: str):
    assert fields(check(**{field: None})) == [field]


def test_an_unknown_birth_year_contradicts_nothing():
    assert lab(birth_year=None) == []


def test_a_refusal_says_what_was_read_what_is_wrong_and_what_to_do():
    assert visit(visited_on=date(2025, 5, 2), died_on=DIED) == [
        Problem(
            field="visited_on",
            value="2025-05-02",
            problem="A visit on 2 May 2025 is after death on 1 May 2025.",
            accepted="Give a date up to 1 May 2025, or correct the date of death first.",
        )
    ]


# Patients


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"patient_id": ""}, ["patient_id"]),
        ({"patient_id": "x" * 40}, []),
        ({"patient_id": "x" * 41}, ["patient_id"]),
        ({"sex": "f"}, ["sex"]),
        ({"sex": ""}, ["sex"]),
        ({"sex": "U"}, []),
        ({"diagnosis": "RA"}, ["diagnosis"]),
        ({"cohort": "CONTROL"}, ["cohort"]),
        ({"birth_year": None}, ["birth_year"]),
        ({"birth_year": 1904}, ["birth_year"]),
        ({"birth_year": 1905}, []),
        ({"birth_year": 2025}, []),
        ({"birth_year": 2026}, ["birth_year", "enrolled_on"]),
        ({"enrolled_on": None}, []),
        ({"enrolled_on": date(2025, 6, 2)}, ["enrolled_on"]),
        ({"disease_onset_year": 1979}, ["disease_onset_year"]),
        ({"disease_onset_year": 1980}, []),
        ({"disease_onset_year": 2026}, ["disease_onset_year"]),
        ({"failed_therapies": -1}, ["failed_therapies"]),
        ({"failed_therapies": 0}, []),
        ({"failed_therapies": 51}, ["failed_therapies"]),
        ({"organs_at_baseline": ["skin", "kidney"]}, []),
        ({"organs_at_baseline": ["skin", "liver", "Lung"]}, ["organs_at_baseline", "organs_at_baseline"]),
    ],
)
def test_codes_years_and_counts_of_a_patient(changes: dict[str, object], refused: list[str]):
    assert fields(patient(**changes)) == refused


@pytest.mark.parametrize(
    ("cohort", "index_date", "enrolled_on", "refused"),
    [
        ("CAR_T", None, FIRST, []),
        ("CAR_T", FIRST, FIRST, ["index_date"]),
        ("COMPARATOR", FIRST, FIRST, []),
        ("COMPARATOR", None, FIRST, ["index_date"]),
        ("COMPARATOR", None, None, []),
        ("COMPARATOR", date(2025, 6, 2), FIRST, ["index_date"]),
    ],
)
def test_comparators_and_only_comparators_have_an_index_date(
    cohort: str, index_date: date | None, enrolled_on: date | None, refused: list[str]
):
    found = patient(cohort=cohort, index_date=index_date, enrolled_on=enrolled_on)

    assert fields(found) == refused


@pytest.mark.parametrize(
    ("ended_on", "reason", "cause", "refused"),
    [
        (None, "", "", []),
        (DIED, "death", "", []),
        (DIED, "death", "Sepsis", []),
        (DIED, "lost", "", []),
        (DIED, "", "", ["follow_up_end_reason"]),
        (None, "lost", "", ["follow_up_ended_on"]),
        (DIED, "bored", "", ["follow_up_end_reason"]),
        (DIED, "lost", "Sepsis", ["cause_of_death"]),
        (None, "", "Sepsis", ["cause_of_death"]),
        (date(2025, 1, 9), "lost", "", ["follow_up_ended_on"]),
        (date(2025, 1, 10), "lost", "", []),
        (date(2025, 6, 2), "death", "", ["follow_up_ended_on"]),
        (DIED, "death", "Sep\x00sis", ["cause_of_death"]),
    ],
)
def test_follow_up_ends_with_a_date_and_a_reason_not_before_enrolment(
    ended_on: date | None, reason: str, cause: str, refused: list[str]
):
    found = patient(follow_up_ended_on=ended_on, follow_up_end_reason=reason, cause_of_death=cause)

    assert fields(found) == refused


@pytest.mark.parametrize(
    ("reason", "latest_record_on", "refused"),
    [
        ("death", date(2025, 4, 30), []),
        ("death", date(2025, 5, 1), []),
        ("death", date(2025, 5, 2), ["follow_up_ended_on"]),
        ("lost", date(2025, 5, 2), []),
        ("death", None, []),
    ],
)
def test_death_is_not_before_the_latest_record(
    reason: str, latest_record_on: date | None, refused: list[str]
):
    found = patient(follow_up_ended_on=DIED, follow_up_end_reason=reason, latest_record_on=latest_record_on)

    assert fields(found) == refused


def test_a_comparator_does_not_die_before_the_index_date():
    found = patient(
        cohort="COMPARATOR",
        index_date=date(2025, 5, 2),
        follow_up_ended_on=DIED,
        follow_up_end_reason="death",
    )

    assert fields(found) == ["index_date"]


# Infusions


@pytest.mark.parametrize(
    ("dose", "is_refused"),
    [
        (None, False),
        ("0", True),
        ("-1", True),
        ("0.0001", False),
        ("0.00001", True),
        ("100000", False),
        ("100000.1", True),
        ("100000000", True),
        ("NaN", True),
    ],
)
def test_a_dose_is_a_number_of_million_cells_above_0(dose: str | None, is_refused: bool):
    found = infusion(dose_cells=None if dose is None else Decimal(dose))

    assert fields(found) == (["dose_cells"] if is_refused else [])


def test_a_comparator_has_no_infusion():
    assert fields(infusion(cohort="COMPARATOR")) == ["infused_on"]


# Visits


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"status": "done"}, ["status"]),
        ({"status": ""}, ["status"]),
        ({"visit_code": " "}, ["visit_code"]),
        ({"visited_on": None}, ["visited_on"]),
        ({"missed_reason": "moved away"}, ["missed_reason"]),
        ({"status": "missed", "visited_on": None, "missed_reason": "moved away"}, []),
        ({"status": "missed", "missed_reason": "moved away"}, []),
        ({"status": "missed", "visited_on": None}, ["missed_reason"]),
        ({"status": "missed", "visited_on": None, "missed_reason": " "}, ["missed_reason"]),
        ({"visit_code": "UNS"}, []),
        ({"visit_code": "UNS", "visited_on": None}, ["visited_on"]),
        (
            {"visit_code": "UNS", "status": "missed", "visited_on": None, "missed_reason": "ill"},
            ["visited_on"],
        ),
        ({"visited_on": date(2025, 1, 14)}, ["visited_on"]),
        ({"visited_on": date(2025, 1, 15)}, []),
        ({"first_day_zero": None}, ["visited_on"]),
        ({"new_malignancy_text": "x" * 4001}, ["new_malignancy_text"]),
        ({"new_malignancy_text": "skin\nbiopsied"}, []),
    ],
)
def test_a_visit_is_completed_on_a_day_or_missed_for_a_reason_from_day_0_on(
    changes: dict[str, object], refused: list[str]
):
    assert fields(visit(**changes)) == refused


# Laboratory results


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"analyte": "NEUT"}, ["analyte"]),
        ({"unit": "g/L"}, ["unit"]),
        ({"unit": ""}, ["unit"]),
        ({"value": ""}, ["value"]),
        ({"value": "1500"}, ["value"]),
        ({"value": "1500", "unit": "/uL"}, []),
        ({"value": "100"}, []),
        ({"value": "100.1"}, ["value"]),
        ({"value": "0,4"}, ["value"]),
        ({"value": "0,4", "decimal_comma": True}, []),
        ({"value": "1,200", "decimal_comma": True}, ["value"]),
        ({"value": "<0.1"}, []),
        ({"lower_limit": "1.8", "upper_limit": "7.5"}, []),
        ({"lower_limit": "1.8", "upper_limit": "1.8"}, []),
        ({"lower_limit": "1.9", "upper_limit": "1.8"}, ["lower_limit"]),
        ({"lower_limit": "low"}, ["lower_limit"]),
        ({"lower_limit": "<1.8"}, ["lower_limit"]),
        ({"lower_limit": "1800"}, ["lower_limit"]),
        ({"value": "400", "unit": "/uL", "lower_limit": "1800"}, []),
        ({"analyte": "HGB", "unit": "g/L", "value": "80", "lower_limit": "0"}, []),
        ({"corrects_value": "0.9"}, []),
        ({"corrects_value": "4000"}, []),
        ({"corrects_value": "four"}, ["corrects_value"]),
        (
            {"value": "x", "lower_limit": "y", "corrects_value": "z"},
            ["value", "corrects_value", "lower_limit"],
        ),
    ],
)
def test_a_result_is_a_possible_number_in_a_unit_of_its_analyte(
    changes: dict[str, object], refused: list[str]
):
    assert fields(lab(**changes)) == refused


def test_an_impossible_result_is_refused_in_the_words_of_the_page():
    assert words(lab(value="1500")) == (
        "ANC 1500 ×10⁹/L is not possible. Did the laboratory report cells/µL? Choose /µL."
    )


def test_all_problems_of_a_result_are_told_at_once():
    assert fields(lab(collected_on=date(2026, 1, 1), value="-1")) == ["collected_on", "value"]


# Support


@pytest.mark.parametrize(("kind", "is_refused"), [("tpo_ra", False), ("plasma", True), ("", True)])
def test_support_is_of_a_listed_kind(kind: str, is_refused: bool):
    assert fields(support(kind=kind)) == (["kind"] if is_refused else [])


# Adverse events


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"event_id": ""}, ["event_id"]),
        ({"term": ""}, ["term"]),
        ({"term": "  "}, ["term"]),
        ({"term": "x" * 501}, ["term"]),
        ({"category": "malignancy"}, []),
        ({"category": "cancer"}, ["category"]),
        ({"code_system": "ICD-10", "code": "D46.9"}, []),
        ({"code_system": "ICD-10"}, ["code"]),
        ({"code": "D46.9"}, ["code_system"]),
        ({"code_system": "ICD10", "code": "D46.9"}, ["code_system"]),
        ({"code_system": "ICD-10", "code": "MDS"}, ["code"]),
        ({"grade": 0, "grade_scale": "CTCAE-5"}, ["grade"]),
        ({"grade": 1, "grade_scale": "CTCAE-5"}, []),
        ({"grade": 5, "grade_scale": "CTCAE-6"}, []),
        ({"grade": 6, "grade_scale": "CTCAE-6"}, ["grade"]),
        ({"grade": 3}, []),  # the contract asks for no scale beside a grade
        ({"grade": 3, "grade_scale": "CTCAE"}, ["grade_scale"]),
        ({"grade_scale": "ASTCT"}, []),
        ({"serious": True, "seriousness": ["death", "important"]}, []),
        ({"serious": True}, []),
        ({"serious": False, "seriousness": ["important"]}, ["serious"]),
        ({"seriousness": ["important"]}, ["serious"]),
        ({"serious": True, "seriousness": ["bad"]}, ["seriousness"]),
        ({"relatedness": "probable"}, []),
        ({"relatedness": "likely"}, ["relatedness"]),
        ({"narrative": "First line.\r\n\tSecond line."}, []),
        ({"narrative": "x" * 20_001}, ["narrative"]),
        ({"narrative": "a\x00b"}, ["narrative"]),
        ({"outcome": "x" * 201}, ["outcome"]),
    ],
)
def test_an_event_has_a_term_and_codes_of_the_lists(changes: dict[str, object], refused: list[str]):
    assert fields(event(**changes)) == refused


@pytest.mark.parametrize(
    ("started", "ended", "refused"),
    [
        ("", "", []),
        ("2025-02", "2025-02", []),
        ("2025-02-10", "2025-02-10", []),
        ("2025-02-10", "2025-02-09", ["ended_on"]),
        ("2025-02-10", "2025-02", []),
        ("2025-02-10", "2025-01", ["ended_on"]),
        ("2025", "2025-01", []),
        ("2025", "2024", ["ended_on"]),
        ("2025-06-01", "", []),
        ("2025-06-02", "", ["started_on"]),
        ("2025-06", "", []),
        ("2025-07", "", ["started_on"]),
        ("2025", "2025-06-02", ["ended_on"]),
        ("1980", "", []),
        ("1979-12", "", ["started_on"]),
    ],
)
def test_an_event_ends_after_it_began_in_a_life_and_not_in_the_future(
    started: str, ended: str, refused: list[str]
):
    found = event(
        started_on=PartialDate.parse(started) if started else None,
        ended_on=PartialDate.parse(ended) if ended else None,
    )

    assert fields(found) == refused


@pytest.mark.parametrize(
    ("started", "ended", "refused"),
    [
        ("2025-05-01", "", []),
        ("2025-05-02", "", ["started_on"]),
        ("2025-05", "", []),
        ("2025", "", []),
        ("2025-04", "2025-05-20", []),
    ],
)
def test_an_event_does_not_begin_after_death(started: str, ended: str, refused: list[str]):
    found = event(
        started_on=PartialDate.parse(started),
        ended_on=PartialDate.parse(ended) if ended else None,
        died_on=DIED,
    )

    assert fields(found) == refused


@pytest.mark.parametrize(
    ("system", "code", "is_taken"),
    [
        ("ICD-10", "C84", True),
        ("ICD-10", "C84.0", True),
        ("ICD-10", "D46.9", True),
        ("ICD-10", "D47.Z1", True),
        ("ICD-10-CM", "C7A.010", True),
        ("ICD-10-CM", "C44.1121", True),
        ("ICD-10-CM", "U07.1", True),
        ("ICD-10", "c84.0", False),
        ("ICD-10", "C8", False),
        ("ICD-10", "D469", True),
        ("ICD-10", "C84.", False),
        ("ICD-10", "C84.12345", False),
        ("ICD-10", " C84.0", False),
        ("ICD-10", "10029366", False),
        ("ICD-O-3", "9702/3", True),
        ("ICD-O-3", "8000/6", True),
        ("ICD-O-3", "8720/0", True),
        ("ICD-O-3", "9702", False),
        ("ICD-O-3", "9702/4", False),
        ("ICD-O-3", "970/3", False),
        ("ICD-O-3", "1234/3", False),
        ("ICD-O-3", "C84.0", False),
        ("MedDRA", "10029366", True),
        ("MedDRA", "1002936", False),
        ("MedDRA", "100293660", False),
        ("MedDRA", "٠١٢٣٤٥٦٧", False),
        ("CTCAE", "10043554", True),
        ("CTCAE", "Thrombocytopenia", True),
        ("CTCAE", "-", False),
    ],
)
def test_a_code_has_the_form_of_its_system(system: str, code: str, is_taken: bool):
    assert fields(check_code(system=system, code=code)) == ([] if is_taken else ["code"])


# Scores, clinical-reference.md 6


@pytest.mark.parametrize(
    ("key", "taken", "refused"),
    [
        ("SLEDAI-2K", "0 105 8.0", "106 8.5 -1 <4"),
        ("CSLEDAI", "0 101", "102 0.5"),
        ("PHGA", "0 10 2.5", "10.1"),
        ("MRSS", "0 51", "52 17.5"),
        ("EUSTAR", "0 10 2.25", "10.25"),
        ("MMT8", "0 150 79.5", "150.5"),
        ("TIS", "0 100 27.5", "100.5"),
        ("HAQ-DI", "0 3 1.125", "3.125 1.1255"),
    ],
)
def test_a_score_lies_in_its_range(key: str, taken: str, refused: str):
    for value in taken.split():
        assert score(score=key, value=value) == [], value
    for value in refused.split():
        assert fields(score(score=key, value=value)) == ["value"], value


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"score": "SLEDAI"}, ["score"]),
        ({"score": "sledai-2k"}, ["score"]),
        ({"value": ""}, ["value"]),
        ({"value": "eight"}, ["value"]),
        ({"score": "PHGA", "value": "2,5"}, ["value"]),
        ({"score": "PHGA", "value": "2,5", "decimal_comma": True}, []),
    ],
)
def test_a_score_is_a_listed_one_with_a_number(changes: dict[str, object], refused: list[str]):
    assert fields(score(**changes)) == refused


def test_every_score_has_a_range():
    assert list(code_lists.SCORE_RANGES) == list(code_lists.SCORES)


# Text


@pytest.mark.parametrize(
    "character", ["\x00", "\x01", "\x07", "\x0b", "\x1b", "\x1f", "\x7f", "\x80", "\x9f", "\ud800"]
)
def test_control_characters_are_refused_by_place_and_name(character: str):
    found = check_text(field="narrative", value=f"ab{character}c", maximum=100)

    assert fields(found) == ["narrative"]
    assert f"Character 3 is a control character (U+{ord(character):04X})." in found[0].problem
    found[0].value.encode()


@pytest.mark.parametrize("value", ["", "plain", "tab\tline\nreturn\r\n", "µ × ≥ é 中文 🙂", "a\u202eb"])
def test_any_other_text_is_taken(value: str):
    assert check_text(field="narrative", value=value, maximum=100) == []


@pytest.mark.parametrize(
    ("length", "is_refused"), [(99, False), (100, False), (101, True), (10_000_000, True)]
)
def test_text_is_not_longer_than_its_field(length: int, is_refused: bool):
    found = check_text(field="narrative", value="x" * length, maximum=100)

    assert bool(found) == is_refused
    assert all(len(problem.value) <= 101 for problem in found)


@given(st.text(alphabet=st.characters(), max_size=30))
def test_text_that_is_taken_can_be_stored(value: str):
    if check_text(field="term", value=value, maximum=30) == []:
        assert "\x00" not in value
        value.encode()


# Lists

CONTRACT_LISTS: Mapping[str, tuple[Mapping[str, str], str]] = {
    "sex": (code_lists.SEXES, "F M U"),
    "diagnosis": (code_lists.DIAGNOSES, "SLE IIM SSC OTHER"),
    "cohort": (code_lists.COHORTS, "CAR_T COMPARATOR"),
    "end": (code_lists.END_REASONS, "death withdrawal lost transfer completed"),
    "organs": (code_lists.ORGANS, "skin joint kidney heart lung muscle gi cns blood"),
    "target": (code_lists.TARGETS, "CD19 CD19-BCMA BCMA OTHER"),
    "source": (code_lists.SOURCES, "autologous allogeneic"),
    "vector": (code_lists.VECTORS, "lentiviral gammaretroviral non-integrating other"),
    "status": (code_lists.VISIT_STATUSES, "completed missed"),
    "mode": (code_lists.MODES, "on_site remote either"),
    "offset_unit": (code_lists.OFFSET_UNITS, "day month"),
    "kind": (code_lists.SUPPORT_KINDS, "rbc_transfusion platelet_transfusion g_csf peg_g_csf tpo_ra"),
    "category": (
        code_lists.EVENT_CATEGORIES,
        "crs icans cytopenia infection licats iec_hs hypogammaglobulinaemia malignancy other",
    ),
    "code_system": (code_lists.CODE_SYSTEMS, "MedDRA ICD-10 ICD-10-CM ICD-O-3 CTCAE"),
    "grade_scale": (code_lists.GRADE_SCALES, "CTCAE-5 CTCAE-6 ASTCT ICAHT LICATS"),
    "grade": (code_lists.GRADES, "1 2 3 4 5"),
    "seriousness": (
        code_lists.SERIOUSNESS,
        "death life_threatening hospitalisation disability congenital important",
    ),
    "relatedness": (code_lists.RELATEDNESS, "certain probable possible unlikely conditional unassessable"),
    "score": (code_lists.SCORES, "SLEDAI-2K CSLEDAI PHGA MRSS EUSTAR MMT8 TIS HAQ-DI"),
}


@pytest.mark.parametrize("name", CONTRACT_LISTS)
def test_the_codes_are_those_of_the_contract_in_its_order(name: str):
    codes, expected = CONTRACT_LISTS[name]

    assert list(codes) == expected.split()
    assert all(label.strip() for label in codes.values())


def test_the_countries_are_those_of_the_time_zone_database():
    table = Path("/usr/share/zoneinfo/iso3166.tab")
    if not table.exists():
        pytest.skip("no iso3166.tab on this machine")

    published = set(re.findall(r"^([A-Z]{2})\t", table.read_text(), re.MULTILINE))

    assert published == code_lists.COUNTRIES


def test_a_known_code_in_other_letters_is_pointed_at():
    assert words(patient(diagnosis="sle")) == "sle is not on the list. Write SLE."


def test_a_partial_date_is_named_as_given():
    life = Life(birth_year=1980, died_on=None, today=TODAY)

    found = life.check(field="started_on", on=PartialDate.parse("2025-07"), what="An event that began")

    assert words(found) == (
        "An event that began in 2025-07 lies in the future. Give a date up to today, 1 Jun 2025."
    )
