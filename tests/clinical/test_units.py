"""Numbers and units of a laboratory report (contract.md section 3, clinical-reference.md 8.1 to 8.3)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.clinical.analytes import ANALYTES
from registry.clinical.units import (
    AmbiguousNumber,
    EntryRefused,
    ImpossibleValue,
    NotANumber,
    UnknownAnalyte,
    UnknownUnit,
    format_value,
    read_result,
    read_value,
    to_canonical,
    unit_label,
)

# contract.md section 3, written a second time with the factor of each unit.
CELLS = (
    "10*9/L 1, 10^9/L 1, 10E9/L 1, G/L 1, GI/L 1, 10*3/uL 1, 10^3/uL 1, THOU/uL 1, K/uL 1, "
    "/uL 0.001, /\u00b5L 0.001, cells/uL 0.001, /mm3 0.001"
)
SUBSETS = "/uL 1, /\u00b5L 1, cells/uL 1, 10*9/L 1000"
MASS = "g/L 1, mg/dL 0.01"
ENZYME = "U/L 1, ukat/L 60"
CONTRACT = {
    "ANC": CELLS,
    "WBC": CELLS,
    "ALC": CELLS,
    "EOS": CELLS,
    "MONO": CELLS,
    "PLT": f"{CELLS}, 10*4/uL 10",
    "HGB": "g/L 1, g/dL 10, mmol/L 16.114",
    "MCV": "fL 1, um3 1",
    "BLASTS": "% 1",
    "CD19": SUBSETS,
    "CD4": SUBSETS,
    "IGG": MASS,
    "IGA": MASS,
    "IGM": MASS,
    "C3": MASS,
    "C4": MASS,
    "FIBRINOGEN": MASS,
    "ANTI_DSDNA": "[IU]/mL 1, IU/mL 1",
    "CK": ENZYME,
    "AST": ENZYME,
    "ALT": ENZYME,
    "LDH": ENZYME,
    "CREATININE": "umol/L 1, mg/dL 88.4",
    "UPCR": "mg/g 1, g/g 1000, mg/mmol 8.84",
    "FERRITIN": "ug/L 1, ng/mL 1",
    "CRP": "mg/L 1, mg/dL 10",
    "CAR_DNA": "{copies}/ug 1, copies/ug 1",
}
units = st.sampled_from([(key, unit) for key, analyte in ANALYTES.items() for unit in analyte.units])


def d(text: str) -> Decimal:
    return Decimal(text)


def read(text: str, *, decimal_comma: bool = False) -> tuple[str, str]:
    entered = read_value(text, decimal_comma=decimal_comma)
    return entered.comparator, str(entered.number)


def test_the_analytes_are_those_of_the_contract():
    assert list(ANALYTES) == [*CONTRACT]


@pytest.mark.parametrize("key", CONTRACT)
def test_units_and_factors_are_those_of_the_contract_the_first_being_canonical(key: str):
    expected = dict(pair.rsplit(" ", 1) for pair in CONTRACT[key].split(", "))

    analyte = ANALYTES[key]

    assert {unit: str(factor) for unit, factor in analyte.units.items()} == expected
    assert analyte.canonical_unit == next(iter(expected))
    assert analyte.key == key


# clinical-reference.md 8.1
@pytest.mark.parametrize(
    ("key", "loinc", "hard", "soft"),
    [
        ("ANC", "751-8", "0-100", "0-15"),
        ("PLT", "777-3", "0-3000", "5-1000"),
        ("HGB", "718-7", "20-250", "50-190"),
        ("WBC", "6690-2", "0-500", "0.1-30"),
        ("ALC", "731-0", "0-300", "0-8"),
        ("MCV", "787-2", "50-150", "70-115"),
        ("BLASTS", "26446-5", "0-100", "0-0"),
        ("CD19", "8116-2", "0-50000", "0-1000"),
        ("CD4", "24467-3", "0-10000", "0-2500"),
        ("IGG", "2465-3", "0-100", "1-30"),
        ("C3", "4485-9", "0-4", "0.2-2.2"),
        ("C4", "4498-2", "0-2", "0.01-0.6"),
        ("ANTI_DSDNA", "5130-0", "0-100000", "0-5000"),
        ("CK", "2157-6", "0-300000", "10-20000"),
        ("CREATININE", "2160-0", "10-2000", "25-800"),
        ("UPCR", "2890-2", "0-30000", "0-10000"),
        ("FERRITIN", "2276-4", "0-200000", "1-20000"),
        ("CRP", "1988-5", "0-700", "0-300"),
        ("FIBRINOGEN", "3255-7", "0-20", "0.5-10"),
        ("AST", "1920-8", "0-50000", "3-2000"),
        ("ALT", "1742-6", "0-50000", "3-2000"),
        ("LDH", "2532-0", "0-50000", "3-2000"),
        ("CAR_DNA", "LOCAL:CAR-DNA", "0-10000000", "None-None"),
    ],
)
def test_codes_and_limits_are_those_of_the_reference(key: str, loinc: str, hard: str, soft: str):
    analyte = ANALYTES[key]

    assert analyte.loinc == loinc
    assert f"{analyte.hard_low}-{analyte.hard_high}" == hard
    assert f"{analyte.soft_low}-{analyte.soft_high}" == soft


def test_soft_limits_lie_within_hard_limits():
    for analyte in ANALYTES.values():
        if analyte.soft_low is not None and analyte.soft_high is not None:
            assert analyte.hard_low <= analyte.soft_low <= analyte.soft_high <= analyte.hard_high


# clinical-reference.md 8.2
@pytest.mark.parametrize(
    ("analyte", "value", "unit", "canonical"),
    [
        ("ANC", "480", "/uL", "0.480"),
        ("ANC", "400", "/uL", "0.400"),
        ("ANC", "0.48", "10*3/uL", "0.48"),
        ("PLT", "4.9", "10*4/uL", "49"),
        ("HGB", "7.9", "g/dL", "79"),
        ("HGB", "8.0", "mmol/L", "128.912"),
        ("IGG", "400", "mg/dL", "4.00"),
        ("CREATININE", "1.0", "mg/dL", "88.4"),
        ("UPCR", "0.5", "g/g", "500"),
        ("UPCR", "56.56", "mg/mmol", "499.9904"),
        ("CRP", "3.0", "mg/dL", "30"),
        ("FERRITIN", "310", "ng/mL", "310"),
        ("CK", "3.4", "ukat/L", "204"),
        ("CD19", "0.01", "10*9/L", "10"),
        ("CD4", "200", "cells/uL", "200"),
        ("C3", "90", "mg/dL", "0.90"),
    ],
)
def test_conversions_of_the_reference(analyte: str, value: str, unit: str, canonical: str):
    assert to_canonical(d(value), analyte=analyte, unit=unit) == d(canonical)


def test_1100_per_microlitre_is_1_1_exactly():
    assert to_canonical(d("1100"), analyte="ANC", unit="/uL") == d("1.1")


@given(units, st.decimals(0, 99_999, places=7))
def test_conversion_loses_nothing(row: tuple[str, str], value: Decimal):
    analyte, unit = row
    factor = ANALYTES[analyte].units[unit]

    canonical = to_canonical(value, analyte=analyte, unit=unit)

    assert canonical.as_integer_ratio()[0] * value.as_integer_ratio()[1] * factor.as_integer_ratio()[1] == (
        value.as_integer_ratio()[0] * factor.as_integer_ratio()[0] * canonical.as_integer_ratio()[1]
    )


@pytest.mark.parametrize(
    ("text", "comparator", "number"),
    [
        ("0.4", "", "0.4"),
        ("400", "", "400"),
        ("0", "", "0"),
        ("0.400", "", "0.400"),
        ("007", "", "7"),
        (".5", "", "0.5"),
        (" 0.4 ", "", "0.4"),
        ("<0.1", "<", "0.1"),
        ("< 0.1", "<", "0.1"),
        (" <  0.1\u00a0", "<", "0.1"),
        (">100", ">", "100"),
        ("123456789012", "", "123456789012"),
        ("0.1234567", "", "0.1234567"),
    ],
)
def test_a_number_is_read_with_its_comparator(text: str, comparator: str, number: str):
    for decimal_comma in (False, True):
        assert read(text, decimal_comma=decimal_comma) == (comparator, number)


def test_what_was_typed_is_kept():
    assert read_value(" < 0.10 ", decimal_comma=False).text == "< 0.10"


NO_NUMBERS = [
    "",
    " ",
    "-1",
    "−1",
    "+1",
    "1e3",
    "1E3",
    "NaN",
    "nan",
    "inf",
    "Infinity",
    "<inf",
    "1 200",
    "1\u00a0200",
    "1'200",
    "5.",
    ".",
    "<",
    "<<1",
    "=1",
    "≤1",
    "<=1",
    "1-2",
    "1.2.3",
    "0x10",
    "1_000",
    "٤",
    "0.٤",
    "½",
    "neg",
    "1.5 G/L",
    "1234567890123",
    "0.12345678",
    "0." + "0" * 10_000_000 + "1",
    "1,2,3",
    "1,200.5",
    "1.200,5",
    "1\x00",
]


@pytest.mark.parametrize("text", NO_NUMBERS, ids=lambda text: repr(text[:20]))
@pytest.mark.parametrize("decimal_comma", [False, True])
def test_what_is_no_plain_number_is_refused(text: str, decimal_comma: bool):
    with pytest.raises(NotANumber) as refusal:
        read_value(text, decimal_comma=decimal_comma)

    assert refusal.value.problem
    assert refusal.value.accepted
    assert len(refusal.value.for_people) < 400


@pytest.mark.parametrize("text", ["0,4", "<0,4", "1,5", "12,34", "1,2345"])
def test_files_have_a_decimal_point(text: str):
    with pytest.raises(NotANumber) as refusal:
        read_value(text, decimal_comma=False)

    assert text.lstrip("<").replace(",", ".") in refusal.value.accepted


@pytest.mark.parametrize(
    ("text", "number"), [("0,4", "0.4"), ("< 0,45", "0.45"), ("1,2345", "1.2345"), (",5", "0.5")]
)
def test_pages_also_take_a_comma(text: str, number: str):
    assert read(text, decimal_comma=True)[1] == number


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("1,200", "Write 1.200 or 1200."),
        ("<1,200", "Write <1.200 or <1200."),
        ("12,345", "Write 12.345 or 12345."),
        ("0,480", "Write 0.480."),
    ],
)
def test_a_comma_before_three_digits_is_asked_about(text: str, accepted: str):
    with pytest.raises(AmbiguousNumber) as refusal:
        read_value(text, decimal_comma=True)

    assert refusal.value.value == text
    assert refusal.value.accepted == accepted


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("≤0.1", ("<0.1", "0.1")),
        ("≤ 0,1", ("<0.1", "0.1")),
        ("<=0.1", ("<0.1", "0.1")),
        ("≥100", (">100", "100")),
        (">= 100", (">100", "100")),
    ],
)
def test_at_most_and_at_least_are_asked_about(text: str, readings: tuple[str, ...]):
    with pytest.raises(AmbiguousNumber) as refusal:
        read_value(text, decimal_comma=True)

    assert refusal.value.readings == readings


@pytest.mark.parametrize("text", ["≤", "≤<1", "≤low", "=>1"])
def test_a_sign_without_a_number_is_no_number(text: str):
    with pytest.raises(NotANumber):
        read_value(text, decimal_comma=True)


@given(st.text(max_size=20), st.booleans())
def test_any_text_is_a_plain_number_or_refused(text: str, decimal_comma: bool):
    try:
        entered = read_value(text, decimal_comma=decimal_comma)
    except NotANumber:
        return
    assert entered.number.is_finite()
    assert entered.number >= 0


@given(st.decimals(0, 9999, places=3), st.sampled_from(["", "<", ">"]))
def test_a_number_written_is_the_number_read(number: Decimal, sign: str):
    assert read(f"{sign}{number:f}") == (sign, f"{number:f}")


@pytest.mark.parametrize("key", ["", "anc", "Anc", "NEUT", "ANC ", "HB"])
def test_an_unknown_analyte_is_refused(key: str):
    with pytest.raises(UnknownAnalyte) as refusal:
        to_canonical(d("1"), analyte=key, unit="G/L")

    assert refusal.value.value == key
    assert "ANC" in refusal.value.accepted


@pytest.mark.parametrize(
    ("analyte", "unit", "hint"),
    [
        ("ANC", "g/L", "Did the laboratory report G/L?"),
        ("HGB", "G/L", "Did the laboratory report g/L?"),
        ("ANC", "/\u03bcL", "Did the laboratory report /uL or /\u00b5L?"),
        ("ANC", "K/ul", "Did the laboratory report K/uL?"),
        ("ANC", " /uL", "Did the laboratory report /uL or /\u00b5L?"),
        ("ANC", "10*4/uL", "Units of ANC: 10*9/L,"),
        ("ANC", "%", "Units of ANC: 10*9/L,"),
        ("HGB", "g/l", "Did the laboratory report g/L?"),
        ("HGB", "", "Units of HGB: g/L, g/dL, mmol/L."),
        ("CD19", "10^9/L", "Units of CD19: /uL,"),
    ],
)
def test_a_unit_that_is_not_spelled_as_in_the_contract_is_refused_never_guessed(
    analyte: str, unit: str, hint: str
):
    with pytest.raises(UnknownUnit) as refusal:
        to_canonical(d("1"), analyte=analyte, unit=unit)

    assert refusal.value.value == unit
    assert refusal.value.accepted.startswith(hint)


def refusal_of(text: str, *, analyte: str, unit: str) -> ImpossibleValue:
    with pytest.raises(ImpossibleValue) as refusal:
        read_result(text, analyte=analyte, unit=unit, decimal_comma=False)
    return refusal.value


@pytest.mark.parametrize(
    ("analyte", "below", "at_low", "at_high", "above"),
    [
        ("ANC", None, "0", "100", "100.001"),
        ("HGB", "19.9", "20", "250", "250.1"),
        ("PLT", None, "0", "3000", "3000.1"),
        ("MCV", "49.9", "50", "150", "150.1"),
        ("CREATININE", "9.9", "10", "2000", "2000.1"),
    ],
)
def test_the_hard_limits_themselves_are_possible(
    analyte: str, below: str | None, at_low: str, at_high: str, above: str
):
    unit = ANALYTES[analyte].canonical_unit
    for text in (at_low, at_high):
        assert read_result(text, analyte=analyte, unit=unit, decimal_comma=False).canonical == d(text)
    for text in filter(None, (below, above)):
        refusal_of(text, analyte=analyte, unit=unit)


@pytest.mark.parametrize(
    ("analyte", "text", "unit", "words", "likely"),
    [
        (
            "ANC",
            "1500",
            "10*9/L",
            "ANC 1500 ×10⁹/L is not possible. Did the laboratory report cells/µL? Choose /µL.",
            ("/uL",),
        ),
        (
            "PLT",
            "5000",
            "10*9/L",
            "PLT 5000 ×10⁹/L is not possible. Did the laboratory report cells/µL? Choose /µL.",
            ("/uL",),
        ),
        (
            "HGB",
            "8",
            "g/L",
            "HGB 8 g/L is not possible. Did the laboratory report g/dL or mmol/L? "
            "Choose the unit of the report.",
            ("g/dL", "mmol/L"),
        ),
        (
            "CREATININE",
            "60",
            "mg/dL",
            "Creatinine 60 mg/dL is not possible. Did the laboratory report µmol/L? "
            "Choose µmol/L (written umol/L).",
            ("umol/L",),
        ),
        (
            "CD19",
            "900",
            "10*9/L",
            "CD19 900 ×10⁹/L is not possible. Did the laboratory report cells/µL? Choose /µL.",
            ("/uL",),
        ),
        (
            "MCV",
            "9",
            "fL",
            "MCV 9 fL is not possible. Mean cell volume: 50 to 150 fL. Check the number and the unit.",
            (),
        ),
        (
            "ANC",
            "<1500",
            "K/uL",
            "ANC <1500 K/µL is not possible. Did the laboratory report cells/µL? Choose /µL.",
            ("/uL",),
        ),
    ],
)
def test_the_impossible_is_refused_with_the_unit_that_would_explain_it(
    analyte: str, text: str, unit: str, words: str, likely: tuple[str, ...]
):
    refusal = refusal_of(text, analyte=analyte, unit=unit)

    assert refusal.for_people == words
    assert str(refusal) == words
    assert (refusal.value, refusal.likely_units) == (text, likely)


@given(units, st.decimals(0, 10_000_000, places=1))
def test_a_suggested_unit_is_one_in_which_the_number_is_taken(row: tuple[str, str], number: Decimal):
    analyte, unit = row
    try:
        read_result(f"{number:f}", analyte=analyte, unit=unit, decimal_comma=False)
    except ImpossibleValue as refusal:
        for likely in refusal.likely_units:
            assert likely != unit
            read_result(f"{number:f}", analyte=analyte, unit=likely, decimal_comma=False)


def test_every_refusal_says_what_was_read_and_what_is_accepted():
    for text, analyte, unit in [
        ("x", "ANC", "G/L"),
        ("1", "XYZ", "G/L"),
        ("1", "ANC", "?"),
        ("1e9", "ANC", "G/L"),
    ]:
        with pytest.raises(EntryRefused) as refusal:
            read_result(text, analyte=analyte, unit=unit, decimal_comma=False)
        problem = refusal.value.at("value")
        assert problem.for_people == refusal.value.for_people
        assert (problem.field, problem.value) == ("value", refusal.value.value)


@pytest.mark.parametrize(
    ("analyte", "value", "shown"),
    [
        ("ANC", "0.400", "0.4"),
        ("ANC", "0", "0"),
        ("ANC", "0.0004", "0.0004"),
        ("ANC", "0.9999", "0.999"),
        ("PLT", "150.000", "150"),
        ("PLT", "49.99", "49.9"),
        ("HGB", "128.912", "128.9"),
        ("HGB", "79.9996", "79.9"),
        ("HGB", "80", "80"),
        ("CK", "204.0", "204"),
        ("CAR_DNA", "10000000", "10000000"),
    ],
)
def test_a_value_is_shown_without_trailing_noise_and_never_lifted_over_a_limit(
    analyte: str, value: str, shown: str
):
    assert format_value(d(value), analyte=analyte) == shown


@given(st.decimals(0, 200, places=6), st.sampled_from(["80", "65", "100", "50"]))
def test_what_is_shown_is_on_the_same_side_of_a_limit_as_the_value(value: Decimal, limit: str):
    shown = d(format_value(value, analyte="HGB"))

    assert (shown < d(limit)) == (value < d(limit))


@pytest.mark.parametrize(
    ("unit", "label"),
    [
        ("10*9/L", "×10⁹/L"),
        ("10^9/L", "×10⁹/L"),
        ("10E9/L", "×10⁹/L"),
        ("G/L", "G/L"),
        ("10*3/uL", "×10³/µL"),
        ("10*4/uL", "×10⁴/µL"),
        ("K/uL", "K/µL"),
        ("/uL", "/µL"),
        ("/\u00b5L", "/µL"),
        ("cells/uL", "cells/µL"),
        ("/mm3", "/mm³"),
        ("umol/L", "µmol/L"),
        ("ug/L", "µg/L"),
        ("[IU]/mL", "IU/mL"),
        ("{copies}/ug", "copies/µg"),
        ("g/L", "g/L"),
        ("%", "%"),
    ],
)
def test_a_unit_is_shown_as_people_write_it(unit: str, label: str):
    assert unit_label(unit) == label
