"""A pasted report is read row by row, whatever its language and signs; what is not known is not guessed."""

from datetime import date

import pytest

from registry.clinical.analytes import ANALYTES
from registry.clinical.report_names import analyte_named, folded, unit_named
from registry.clinical.report_rows import read_report

GERMAN = """Untersuchung\tErgebnis\tEinheit\tReferenzbereich\tKennung\tDatum
Leukozyten\t3,9\tG/l\t4,0-10,0\tL\t30.08.2024
Neutrophile abs.\t1,2\t/nl\t1,8 – 7,7\t-\t30.08.2024
CRP\t<0,5\tmg/l\t<5\t\t30.08.2024
"""


def cells(text):
    return [(row.name, row.value, row.unit, row.lower, row.upper) for row in read_report(text)]


def test_a_header_says_what_the_columns_are():
    assert cells(GERMAN) == [
        ("Leukozyten", "3,9", "G/l", "4,0", "10,0"),
        ("Neutrophile abs.", "1,2", "/nl", "1,8", "7,7"),
        ("CRP", "<0,5", "mg/l", "", "5"),
    ]
    assert {row.on for row in read_report(GERMAN)} == {date(2024, 8, 30)}


def test_columns_may_stand_in_any_order_under_a_header():
    assert cells("Unit;Result;Low;High;Test\nG/L;0.4;1.8;7.7;ANC") == [("ANC", "0.4", "G/L", "1.8", "7.7")]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("WBC\t3.9\t10*9/L\t4-10", ("WBC", "3.9", "10*9/L", "4", "10")),
        ("WBC;3,9;10*9/L;4,0–10,0", ("WBC", "3,9", "10*9/L", "4,0", "10,0")),
        ("WBC,3.9,10*9/L,4-10,L", ("WBC", "3.9", "10*9/L", "4", "10")),
        ("WBC;3.9 L;10*9/L;L;(4 - 10)", ("WBC", "3.9", "10*9/L", "4", "10")),
        ("WBC;3.9 +;10*9/L", ("WBC", "3.9", "10*9/L", "", "")),
        ("WBC;3,9 (L);10*9/L", ("WBC", "3,9", "10*9/L", "", "")),
        ("WBC;↓ 3,9;10*9/L", ("WBC", "3,9", "10*9/L", "", "")),
        ("WBC;L 3,9;10*9/L", ("WBC", "3,9", "10*9/L", "", "")),
        ("WBC;3,9;(L);10*9/L", ("WBC", "3,9", "10*9/L", "", "")),
        ("PLT;1.250,5;10*9/L", ("PLT", "1250,5", "10*9/L", "", "")),
        ("PLT;1,250.5 H;10*9/L", ("PLT", "1250.5", "10*9/L", "", "")),
        ("PLT;>1 250;10*9/L", ("PLT", ">1250", "10*9/L", "", "")),
        ("PLT;1.250;10*9/L", ("PLT", "1.250", "10*9/L", "", "")),  # two numbers in two countries
        ("PLT;1,250;10*9/L", ("PLT", "1,250", "10*9/L", "", "")),
        ("PLT;12.50,5;10*9/L", ("PLT", "12.50,5", "10*9/L", "", "")),
        ("WBC;210 K/uL;4-10", ("WBC", "210", "K/uL", "4", "10")),
        ("WBC;3.9;;4-10", ("WBC", "3.9", "", "4", "10")),
        ("6690-2;WBC;3.9;10*9/L", ("WBC", "3.9", "10*9/L", "", "")),
        ("6690-2;3.9;10*9/L", ("6690-2", "3.9", "10*9/L", "", "")),
        ("WBC;<0.1;10*9/L;> 4", ("WBC", "<0.1", "10*9/L", "4", "")),
        ("WBC;≤0.1;10*9/L;2024-08-30", ("WBC", "≤0.1", "10*9/L", "", "")),
        ('"WBC; blood";3.9;10*9/L', ("WBC; blood", "3.9", "10*9/L", "", "")),
        ("WBC;pending;10*9/L", ("WBC", "", "", "", "")),
        ("nothing of the kind", ("nothing of the kind", "", "", "", "")),
    ],
)
def test_without_a_header_a_cell_is_what_it_looks_like(line, found):
    assert cells(line) == [found]


def test_a_header_is_found_below_the_head_of_the_letter_and_on_the_next_page():
    text = "Central laboratory\nTest;Value;Unit\nWBC;3,9;G/L\nTest;Result;Range;Unit\nPLT;98;150-370;G/L"

    assert cells(text) == [
        ("Central laboratory", "", "", "", ""),
        ("WBC", "3,9", "G/L", "", ""),
        ("PLT", "98", "G/L", "150", "370"),
    ]


@pytest.mark.parametrize("name", ["Untersuchung", ""])
@pytest.mark.parametrize("day", ["30.08.2024", "2024-08-30", "30.08.2024 07:15"])
def test_a_day_above_the_values_is_the_day_of_each_of_them(name, day):
    text = f'{name};Einheit;{day};Normbereich\r\n"Leukozyten";G/l;3,9 L;"4,0 - 10,0"\r\n'

    assert cells(text) == [("Leukozyten", "3,9", "G/l", "4,0", "10,0")]
    assert [row.on for row in read_report(text)] == [date(2024, 8, 30)]


def test_two_days_above_the_values_are_not_chosen_from():
    text = "Test;30.08.2024;23.08.2024;Unit\nWBC;3,9;4,2;G/L"

    rows = read_report(text)

    # The second value stands where a unit should, and is asked about.
    assert [(row.name, row.value, row.unit) for row in rows[1:]] == [("WBC", "3,9", "4,2")]
    assert rows[1].on is None


def test_no_row_is_dropped_and_empty_lines_are_none():
    text = "WBC;3.9;G/L\r\n\r\n???\r\nComment: haemolytic sample\r\n"

    assert [row.text for row in read_report(text)] == ["WBC;3.9;G/L", "???", "Comment: haemolytic sample"]


def test_an_empty_paste_has_no_rows():
    assert read_report(" \n\t\n") == []


@pytest.mark.parametrize(
    ("text", "on"),
    [
        ("2024-08-30", date(2024, 8, 30)),
        ("2024-08-30 07:15", date(2024, 8, 30)),
        ("30.8.2024", date(2024, 8, 30)),
        ("31.2.2024", None),
        ("3/4/2024", None),  # two days in two countries
    ],
)
def test_a_date_is_used_only_where_no_country_reads_it_otherwise(text, on):
    [row] = read_report(f"Test;Result;Date\nWBC;3.9;{text}")

    assert (row.on, row.date_text) == (on, text)


NAMES = [
    ("Neutrophils", "ANC"),
    ("NEUT#", "ANC"),
    ("Neutrophile Granulozyten abs.", "ANC"),
    ("Polynucléaires neutrophiles", "ANC"),
    ("Neutrófilos", "ANC"),
    ("Neutrofili (assoluti)", "ANC"),
    ("751-8", "ANC"),
    ("Leukozyten", "WBC"),
    ("Globules blancs", "WBC"),
    ("Hämoglobin", "HGB"),
    ("Haemoglobin", "HGB"),
    ("Hémoglobine", "HGB"),
    ("Emoglobina", "HGB"),
    ("Thrombozyten", "PLT"),
    ("Plaquettes", "PLT"),
    ("Piastrine", "PLT"),
    ("Lymphozyten absolut", "ALC"),
    ("ASAT (GOT)", "AST"),
    ("GPT/ALAT", "ALT"),
    ("Kreatinin", "CREATININE"),
    ("C-reaktives Protein", "CRP"),
    ("Immunglobulin G", "IGG"),
    ("Protein/Kreatinin-Quotient", "UPCR"),
    ("Anti-dsDNA-Ak", "ANTI_DSDNA"),
    ("Blasten %", "BLASTS"),
    ("26515-7", "PLT"),
    ("Neutrophils %", None),
    ("Neutrophile rel.", None),
    ("Leukozyten im Urin", None),
    ("31348-6", None),
    ("Hct", None),
    ("", None),
]


@pytest.mark.parametrize(("name", "analyte"), NAMES, ids=[name or "nothing" for name, _ in NAMES])
def test_a_name_is_found_whole_or_not_at_all(name, analyte):
    assert analyte_named(name, learned={}) == analyte


def test_a_laboratorys_own_word_comes_first():
    learned = {folded("Neutro seg. + stab"): "ANC"}

    assert analyte_named("NEUTRO SEG + STAB", learned=learned) == "ANC"
    assert analyte_named("Neutro seg", learned=learned) is None


@pytest.mark.parametrize(
    ("unit", "analyte", "found"),
    [
        ("G/L", "ANC", "G/L"),
        ("g/L", "HGB", "g/L"),
        ("G/L", "HGB", None),
        ("g/L", "ANC", None),
        ("g/l", "HGB", "g/L"),
        ("G/l", "ANC", "10*9/L"),
        ("×10⁹/L", "PLT", "10*9/L"),
        ("/\N{GREEK SMALL LETTER MU}L", "ANC", "/\N{MICRO SIGN}L"),
        ("Tsd/\N{MICRO SIGN}l", "PLT", "10*3/uL"),
        ("mg/dl", "CREATININE", "mg/dL"),
        ("MG/DL", "CREATININE", None),
        ("%", "ANC", None),
        ("", "ANC", None),
    ],
)
def test_a_unit_is_known_exactly_or_asked_about(unit, analyte, found):
    assert unit_named(unit, analyte=analyte) == found


def test_every_unit_of_the_contract_is_itself():
    for analyte in ANALYTES.values():
        assert [unit_named(unit, analyte=analyte.key) for unit in analyte.units] == list(analyte.units)
