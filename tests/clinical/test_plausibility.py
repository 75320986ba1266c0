"""The unlikely is asked about with the likely fix (clinical-reference.md 8.1, 8.3)."""

from datetime import date, timedelta

import pytest

from registry.clinical.plausibility import (
    Earlier,
    Fix,
    Reported,
    Unlikely,
    fixes_of_refused,
    parts_exceed_whole,
    unlikely,
)
from registry.clinical.units import read_result
from tests.tables import rows_of

DAY = date(2026, 1, 4)


def reported(text: str, *, analyte: str, unit: str, on: date = DAY) -> Reported:
    return Reported(analyte, unit, on, read_result(text, analyte=analyte, unit=unit, decimal_comma=False))


def ask(
    text: str,
    *,
    analyte: str,
    unit: str,
    previous: str | None = None,
    days: int = 2,
    transfusions: tuple[tuple[date, str], ...] = (),
) -> Unlikely | None:
    before = None
    if previous is not None:
        read = read_result(previous, analyte=analyte, unit=_canonical_unit(analyte), decimal_comma=False)
        before = Earlier(read.canonical, read.entered.comparator, DAY - timedelta(days=days))
    return unlikely(reported(text, analyte=analyte, unit=unit), previous=before, transfusions=transfusions)


def _canonical_unit(analyte: str) -> str:
    return {"HGB": "g/L", "CREATININE": "umol/L", "MCV": "fL"}.get(analyte, "10*9/L")


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


STEPS = """
    analyte    | previous | days | value | transfused on day | asked
    -----------+----------+------+-------+-------------------+------
    HGB        | 90       | 2    | 119.9 |                   | no
    HGB        | 90       | 2    | 120   |                   | no
    HGB        | 90       | 2    | 120.1 |                   | yes
    HGB        | 90       | 0    | 120.1 |                   | yes
    HGB        | 90       | 3    | 120.1 |                   | no
    HGB        | 120.1    | 2    | 90    |                   | yes
    HGB        | 120      | 2    | 90    |                   | no
    HGB        | 90       | 2    | 120.1 | 0                 | no
    HGB        | 90       | 2    | 120.1 | 2                 | no
    HGB        | 90       | 2    | 120.1 | 3                 | yes
    HGB        | 90       | 2    | <130  |                   | no
    PLT        | 20       | 1    | 59.9  |                   | no
    PLT        | 20       | 1    | 60    |                   | yes
    PLT        | 20       | 1    | 60.1  |                   | yes
    PLT        | 20       | 2    | 60    |                   | no
    PLT        | 60       | 1    | 20    |                   | no
    PLT        | 20       | 1    | 60    | 1                 | no
    PLT        | 20       | 1    | 60    | 2                 | yes
    PLT        | <20      | 1    | 60    |                   | no
    CREATININE | 80       | 2    | 119.9 |                   | no
    CREATININE | 80       | 2    | 120   |                   | yes
    CREATININE | 80       | 400  | 121   |                   | yes
    CREATININE | 120      | 2    | 80    |                   | no
"""


@pytest.mark.parametrize("row", rows_of(STEPS), ids=lambda row: " ".join(map(str, row.values())))
def test_a_step_too_fast_for_the_body_is_asked_about(row: dict[str, str]):
    kind = "rbc_transfusion" if row["analyte"] == "HGB" else "platelet_transfusion"
    day = row["transfused on day"]
    given = ((DAY - timedelta(days=int(day)), kind),) if day else ()

    found = ask(
        row["value"],
        analyte=row["analyte"],
        unit=_canonical_unit(row["analyte"]),
        previous=row["previous"],
        days=int(row["days"]),
        transfusions=given,
    )

    assert (found is not None) == (row["asked"] == "yes")


def test_a_transfusion_of_the_other_kind_explains_no_step():
    given = ((DAY, "platelet_transfusion"), (DAY, "g_csf"))

    found = ask("121", analyte="HGB", unit="g/L", previous="90", transfusions=given)

    assert found is not None
    assert found.question == (
        "121 g/L is 31 g/L more than the last value (90 g/L on 2 Jan 2026), and no red-cell transfusion is"
        " recorded in between. Is it as the laboratory reported it?"
    )


PARTS = """
    ANC  | ALC  | WBC  | asked
    -----+------+------+------
    4.0  | 1.24 | 5.0  | no
    4.0  | 1.25 | 5.0  | no
    4.0  | 1.26 | 5.0  | yes
    <4.0 | 1.26 | 5.0  | no
    >4.0 | 1.26 | 5.0  | yes
    4.0  | 1.26 | <5.0 | yes
    4.0  | 1.26 | >5.0 | no
"""


@pytest.mark.parametrize("row", rows_of(PARTS), ids=lambda row: " ".join(map(str, row.values())))
def test_neutrophils_and_lymphocytes_are_part_of_the_white_blood_cells(row: dict[str, str]):
    counts = {key: reported(row[key], analyte=key, unit="G/L") for key in ("ANC", "ALC", "WBC")}

    found = parts_exceed_whole(neutrophils=counts["ANC"], lymphocytes=counts["ALC"], whites=counts["WBC"])

    assert (found is not None) == (row["asked"] == "yes")


def test_a_part_below_the_measuring_range_is_named_as_it_was_reported():
    counts = {"ANC": "40", "ALC": "<0.1", "WBC": "3.1"}
    read = {key: reported(text, analyte=key, unit="G/L") for key, text in counts.items()}

    found = parts_exceed_whole(neutrophils=read["ANC"], lymphocytes=read["ALC"], whites=read["WBC"])

    assert found is not None
    assert found.question.startswith(
        "Neutrophils 40 ×10⁹/L and lymphocytes <0.1 ×10⁹/L make 40 ×10⁹/L, more than"
    )


def test_the_question_is_the_one_of_the_specification():
    found = ask("40", analyte="ANC", unit="10*9/L", previous="3.2")

    assert found == Unlikely(
        question="40 ×10⁹/L is 12 times the last value (3.2 ×10⁹/L on 2 Jan 2026)."
        " Did the report say 40 per µL (= 0.04 ×10⁹/L)?",
        fixes=(Fix("40", "/uL"),),
    )
    assert found.fixes[0].words == "40 /µL"


@pytest.mark.parametrize(
    ("text", "previous", "words"),
    [
        ("130", None, "130 fL is unusually high. Is it as the laboratory reported it?"),
        ("130", "110", "130 fL is unusually high (last value 110 fL on 2 Jan 2026). Is it as"),
        ("60", None, "60 fL is unusually low. Is it as"),
    ],
)
def test_without_a_likely_unit_the_question_is_whether_it_is_right(
    text: str, previous: str | None, words: str
):
    found = ask(text, analyte="MCV", unit="fL", previous=previous)

    assert found is not None
    assert found.for_people.startswith(words)
    assert found.fixes == ()


def test_a_value_far_below_the_last_one_is_a_fraction_of_it():
    found = ask("0.004", analyte="ANC", unit="10*9/L", previous="4.100")

    assert found is not None
    assert found.for_people.startswith("0.004 ×10⁹/L is 1/1025 of the last value (4.1 ×10⁹/L on 2 Jan 2026).")


def test_a_value_in_another_unit_is_shown_in_both():
    found = ask("20000", analyte="ANC", unit="/uL")

    assert found is not None
    assert found.question.startswith("20000 /µL (= 20 ×10⁹/L) is unusually high.")


@pytest.mark.parametrize(
    ("text", "analyte", "unit", "fixes"),
    [
        ("1500", "ANC", "10*9/L", (Fix("1500", "/uL"),)),
        ("8.0", "HGB", "g/L", (Fix("8.0", "g/dL"), Fix("8.0", "mmol/L"))),
        ("1,200", "ANC", "10*9/L", (Fix("1.200", "10*9/L"),)),
        ("1,200", "FERRITIN", "ug/L", (Fix("1.200", "ug/L"), Fix("1200", "ug/L"))),
        ("≤0.1", "ANC", "10*9/L", (Fix("<0.1", "10*9/L"), Fix("0.1", "10*9/L"))),
        (">= 100", "ALC", "10*9/L", (Fix(">100", "10*9/L"), Fix("100", "10*9/L"))),
        ("low", "ANC", "10*9/L", ()),
        ("1", "ANC", "mg/dL", ()),
        ("4", "ANC", "10*9/L", ()),
    ],
)
def test_what_a_refused_value_may_have_been(text: str, analyte: str, unit: str, fixes: tuple[Fix, ...]):
    assert fixes_of_refused(text, analyte=analyte, unit=unit, decimal_comma=True) == fixes
