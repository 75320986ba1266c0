"""The unlikely is asked about with the likely fix (clinical-reference.md 8.1, 8.3)."""

from decimal import Decimal

import pytest

from registry.clinical.plausibility import Unlikely, unlikely
from registry.clinical.units import read_result


def ask(text: str, *, analyte: str, unit: str, previous: str | None = None) -> Unlikely | None:
    result = read_result(text, analyte=analyte, unit=unit, decimal_comma=False)
    return unlikely(
        result.canonical,
        analyte=analyte,
        previous=None if previous is None else Decimal(previous),
        entered=result.entered,
        unit=unit,
    )


@pytest.mark.parametrize(
    ("analyte", "text", "unit", "is_asked"),
    [
        ("ANC", "15", "G/L", False),
        ("ANC", "15.001", "G/L", True),
        ("ANC", "0", "G/L", False),
        ("HGB", "49.9", "g/L", True),
        ("HGB", "50", "g/L", False),
        ("HGB", "190", "g/L", False),
        ("HGB", "190.1", "g/L", True),
        ("BLASTS", "0", "%", False),
        ("BLASTS", "0.1", "%", True),
        ("CAR_DNA", "10000000", "copies/ug", False),
    ],
)
def test_outside_the_soft_limits_is_asked_about(analyte: str, text: str, unit: str, is_asked: bool):
    assert (ask(text, analyte=analyte, unit=unit) is not None) == is_asked


@pytest.mark.parametrize(
    ("text", "previous", "is_asked"),
    [
        ("9.9", "0.1", False),
        ("10", "0.1", True),
        ("0.04", "4", True),
        ("0.041", "4", False),
        ("0", "4", False),
        ("4", "0", False),
        ("4", None, False),
    ],
)
def test_a_hundredfold_step_from_the_previous_value_is_asked_about(
    text: str, previous: str | None, is_asked: bool
):
    assert (ask(text, analyte="ANC", unit="G/L", previous=previous) is not None) == is_asked


def test_the_question_names_the_likely_unit():
    found = ask("40", analyte="ANC", unit="10*9/L", previous="3.2")

    assert found == Unlikely(
        question="ANC 40 ×10⁹/L is unusually high. Did the laboratory report cells/µL? Choose /µL.",
        likely_units=("/uL",),
    )


def test_without_a_likely_unit_the_question_is_whether_it_is_right():
    found = ask("130", analyte="MCV", unit="fL")

    assert found is not None
    assert found.for_people == "MCV 130 fL is unusually high. Is it as the laboratory reported it?"


def test_the_question_shows_the_previous_value():
    found = ask("0.004", analyte="ANC", unit="10*9/L", previous="4.100")

    assert found is not None
    assert found.for_people.startswith("ANC 0.004 ×10⁹/L is far from the last value, 4.1.")
