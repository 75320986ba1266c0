"""CTCAE grades of laboratory results: the tables of clinical-reference.md 2.1."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from registry.clinical.analytes import ANALYTES
from registry.clinical.ctcae import VERSIONS, Grade, Version, grade_of
from registry.clinical.units import Comparator, to_canonical

Within = Callable[[Decimal, Decimal], bool]


def d(text: str) -> Decimal:
    return Decimal(text)


def grade_in_words(
    value: str, *, analyte: str, version: Version, lower_limit: str | None, comparator: Comparator = ""
) -> str:
    limit = None if lower_limit is None else d(lower_limit)
    grade = grade_of(d(value), analyte=analyte, version=version, lower_limit=limit, comparator=comparator)
    assert grade is not None
    return grade.words


GOLDEN = """
    analyte | value  | LLN | v5                | v6
    --------+--------+-----+-------------------+--------
    ANC     | 1.6    | 1.8 | grade 1           | grade 0
    ANC     | 1.5    | 1.8 | grade 1           | grade 0
    ANC     | 1.499  | 1.8 | grade 2           | grade 1
    ANC     | 1.0    | 1.8 | grade 2           | grade 1
    ANC     | 0.999  | 1.8 | grade 3           | grade 2
    ANC     | 0.5    | 1.8 | grade 3           | grade 2
    ANC     | 0.499  | 1.8 | grade 4           | grade 3
    ANC     | 0.1    | 1.8 | grade 4           | grade 3
    ANC     | 0.099  | 1.8 | grade 4           | grade 4
    ANC     | 1.6    |     | grade 0 or 1      | grade 0
    PLT     | 75     | 150 | grade 1           | grade 1
    PLT     | 50     | 150 | grade 2           | grade 2
    PLT     | 49.9   | 150 | grade 3           | grade 3
    PLT     | 25     | 150 | grade 3           | grade 3
    PLT     | 24.9   | 150 | grade 4           | grade 3
    PLT     | 10     | 150 | grade 4           | grade 3
    PLT     | 9.9    | 150 | grade 4           | grade 4
    HGB     | 79     | 120 | grade 3           | grade 3
    HGB     | 80     | 120 | grade 2           | grade 2
    ALC     | 0.3    | 1.0 | grade 3           | grade 1
    ALC     | 4.0    |     | grade 0           | grade 0
    ALC     | 4.1    |     | grade 2           | grade 2
"""


def rows_of(table: str) -> list[list[str]]:
    _header, _rule, *rows = [line for line in table.strip().splitlines() if line.strip()]
    return [[cell.strip() for cell in row.split("|")] for row in rows]


@pytest.mark.parametrize(("analyte", "value", "limit", "v5", "v6"), rows_of(GOLDEN))
def test_golden_grades_of_the_reference(analyte: str, value: str, limit: str, v5: str, v6: str):
    words = [
        grade_in_words(value, analyte=analyte, version=version, lower_limit=limit or None)
        for version in VERSIONS
    ]

    assert words == [v5, v6]


@pytest.mark.parametrize(
    ("analyte", "value", "limit", "v5", "v6"),
    [
        ("PLT", "60", "150", 2, 3),
        ("PLT", "9", "150", 4, 4),
        ("HGB", "95", "120", 3, 3),
        ("ANC", "0.6", "1.8", 3, 2),
    ],
)
def test_an_indicated_transfusion_makes_anaemia_and_v6_thrombocytopenia_grade_3(
    analyte: str, value: str, limit: str, v5: int, v6: int
):
    grades = [
        grade_of(d(value), analyte=analyte, version=version, lower_limit=d(limit), transfusion_indicated=True)
        for version in VERSIONS
    ]

    assert grades == [Grade(v5, v5), Grade(v6, v6)]


# The rows of the reference, written a second time as intervals; the code knows only limits.
def between(low: str, high: str | None = None) -> Within:
    return lambda x, lln: d(low) <= x < (lln if high is None else d(high))


def under(high: str) -> Within:
    return lambda x, lln: x < d(high)


INTERVALS: dict[tuple[str, Version], dict[int, Within]] = {
    ("ANC", "5.0"): {1: between("1.5"), 2: between("1.0", "1.5"), 3: between("0.5", "1.0"), 4: under("0.5")},
    ("ANC", "6.0"): {
        1: between("1.0", "1.5"),
        2: between("0.5", "1.0"),
        3: between("0.1", "0.5"),
        4: under("0.1"),
    },
    ("PLT", "5.0"): {1: between("75"), 2: between("50", "75"), 3: between("25", "50"), 4: under("25")},
    ("PLT", "6.0"): {1: between("75"), 2: between("50", "75"), 3: between("10", "50"), 4: under("10")},
    ("HGB", "5.0"): {1: between("100"), 2: between("80", "100"), 3: under("80")},
    ("HGB", "6.0"): {1: between("100"), 2: between("80", "100"), 3: under("80")},
    ("WBC", "5.0"): {1: between("3.0"), 2: between("2.0", "3.0"), 3: between("1.0", "2.0"), 4: under("1.0")},
    ("WBC", "6.0"): {1: between("3.0"), 2: between("2.0", "3.0"), 3: between("1.0", "2.0"), 4: under("1.0")},
    ("CD4", "5.0"): {1: between("500"), 2: between("200", "500"), 3: between("50", "200"), 4: under("50")},
    ("CD4", "6.0"): {1: between("500"), 2: between("200", "500"), 3: between("50", "200"), 4: under("50")},
    ("ALC", "5.0"): {
        1: between("0.8"),
        2: lambda x, lln: d("0.5") <= x < d("0.8") or d("4.0") < x <= 20,
        3: lambda x, lln: d("0.2") <= x < d("0.5") or x > 20,
        4: under("0.2"),
    },
    ("ALC", "6.0"): {
        1: lambda x, lln: x < lln,
        2: lambda x, lln: d("4.0") < x <= 20,
        3: lambda x, lln: x > 20,
    },
}
LOWER_LIMITS = {"ANC": "1.8", "PLT": "150", "HGB": "120", "WBC": "4.0", "CD4": "600", "ALC": "1.1"}
EDGES = {
    "ANC": "0.1 0.5 1.0 1.5 1.8",
    "PLT": "10 25 50 75 150",
    "HGB": "80 100 120",
    "WBC": "1.0 2.0 3.0 4.0",
    "CD4": "50 200 500 600",
    "ALC": "0.2 0.5 0.8 1.1 4.0 20",
}
graded = st.sampled_from(sorted(INTERVALS))
step = d("0.001")


def grade_by_interval(value: Decimal, *, analyte: str, version: Version, lower_limit: Decimal) -> int:
    found = [grade for grade, holds in INTERVALS[analyte, version].items() if holds(value, lower_limit)]
    assert len(found) <= 1, f"{value} lies in two grades"
    return found[0] if found else 0


@pytest.mark.parametrize(("analyte", "version"), sorted(INTERVALS))
def test_below_at_and_above_every_edge_the_grade_is_that_of_the_printed_interval(
    analyte: str, version: Version
):
    limit = d(LOWER_LIMITS[analyte])
    for edge in map(d, EDGES[analyte].split()):
        for value in (edge - step, edge, edge + step):
            expected = grade_by_interval(value, analyte=analyte, version=version, lower_limit=limit)

            assert grade_of(value, analyte=analyte, version=version, lower_limit=limit) == Grade(
                expected, expected
            ), value


@given(graded, st.decimals(0, 1000, places=4))
def test_the_grades_tile_the_number_line(row: tuple[str, Version], value: Decimal):
    analyte, version = row
    limit = d(LOWER_LIMITS[analyte])

    expected = grade_by_interval(value, analyte=analyte, version=version, lower_limit=limit)

    assert grade_of(value, analyte=analyte, version=version, lower_limit=limit) == Grade(expected, expected)


def worst_low_grade(value: Decimal, *, analyte: str, version: Version, lower_limit: Decimal | None) -> int:
    grade = grade_of(value, analyte=analyte, version=version, lower_limit=lower_limit)
    assert grade is not None
    return grade.highest


@given(graded, st.decimals(0, 4, places=4), st.decimals(0, 4, places=4), st.decimals(1, 3, places=1))
def test_a_lower_count_is_never_a_lower_grade(
    row: tuple[str, Version], one: Decimal, other: Decimal, lower_limit: Decimal
):
    analyte, version = row
    size = {"PLT": 50, "HGB": 40, "CD4": 200}.get(analyte, 1)
    low, high = sorted((one * size, other * size))

    for limit in (None, lower_limit * size):
        graded_low = worst_low_grade(low, analyte=analyte, version=version, lower_limit=limit)
        graded_high = worst_low_grade(high, analyte=analyte, version=version, lower_limit=limit)
        assert graded_low >= graded_high


@given(st.sampled_from(sorted(EDGES)), st.data())
def test_equal_canonical_values_have_equal_grades_whatever_the_unit(analyte: str, data: st.DataObject):
    units = [unit for unit, factor in ANALYTES[analyte].units.items() if factor in (1, d("0.001"), 10)]
    canonical = data.draw(st.decimals(0, 500, places=3))

    grades = set()
    for unit in units:
        factor = ANALYTES[analyte].units[unit]
        as_reported = canonical / factor
        assert to_canonical(as_reported, analyte=analyte, unit=unit) == canonical
        grades.add(
            grade_of(
                to_canonical(as_reported, analyte=analyte, unit=unit),
                analyte=analyte,
                version="5.0",
                lower_limit=d(LOWER_LIMITS[analyte]),
            )
        )

    assert len(grades) == 1


def test_haemoglobin_in_mmol_per_litre_is_graded_on_grams():
    reported = to_canonical(d("4.93"), analyte="HGB", unit="mmol/L")

    assert grade_in_words(str(reported), analyte="HGB", version="5.0", lower_limit="120") == "grade 3"


@pytest.mark.parametrize(
    ("value", "words"),
    [("1.19", "grade 2"), ("1.2", "grade 2"), ("1.3", "grade 2"), ("1.499", "grade 2"), ("1.5", "grade 0")],
)
def test_a_lower_limit_below_the_threshold_leaves_no_grade_1(value: str, words: str):
    assert grade_in_words(value, analyte="ANC", version="5.0", lower_limit="1.2") == words


@pytest.mark.parametrize(
    ("analyte", "value", "v5", "v6"),
    [
        ("ANC", "1.5", "grade 0 or 1", "grade 0"),
        ("ANC", "1.499", "grade 2", "grade 1"),
        ("PLT", "75", "grade 0 or 1", "grade 0 or 1"),
        ("HGB", "99.9", "grade 2", "grade 2"),
        ("HGB", "100", "grade 0 or 1", "grade 0 or 1"),
        ("ALC", "0.1", "grade 4", "grade 0 or 1"),
        ("ALC", "3.999", "grade 0 or 1", "grade 0 or 1"),
        ("ALC", "20", "grade 2", "grade 2"),
        ("ALC", "20.001", "grade 3", "grade 3"),
    ],
)
def test_without_a_lower_limit_grade_0_and_grade_1_are_not_told_apart(
    analyte: str, value: str, v5: str, v6: str
):
    words = [grade_in_words(value, analyte=analyte, version=v, lower_limit=None) for v in VERSIONS]

    assert words == [v5, v6]


@pytest.mark.parametrize(
    ("analyte", "reported", "limit", "v5", "v6"),
    [
        ("ANC", "<0.1", "1.8", "grade 4", "grade 4"),
        ("ANC", "<0.11", "1.8", "grade 4", "grade 3 or 4"),
        ("ANC", "<0.5", "1.8", "grade 4", "grade 3 or 4"),
        ("ANC", "<0.6", "1.8", "grade 3 or 4", "grade 2 to 4"),
        ("ANC", "<2", "1.8", "grade 0 to 4", "grade 0 to 4"),
        ("ANC", ">1.0", "1.8", "grade 0 to 2", "grade 0 or 1"),
        ("ANC", ">1.5", "1.8", "grade 0 or 1", "grade 0"),
        ("ANC", ">1.8", "1.8", "grade 0", "grade 0"),
        ("ANC", ">1.5", None, "grade 0 or 1", "grade 0"),
        ("PLT", "<10", "150", "grade 4", "grade 4"),
        ("PLT", ">1000", "150", "grade 0", "grade 0"),
        ("ALC", ">20", "1.0", "grade 3", "grade 3"),
        ("ALC", ">4.0", "1.0", "grade 2 or 3", "grade 2 or 3"),
        ("ALC", "<0.2", "1.0", "grade 4", "grade 1"),
        ("HGB", "<30", "120", "grade 3", "grade 3"),
    ],
)
def test_a_censored_result_has_every_grade_it_could_be(
    analyte: str, reported: str, limit: str | None, v5: str, v6: str
):
    sign: Comparator = "<" if reported.startswith("<") else ">"

    words = [
        grade_in_words(reported[1:], analyte=analyte, version=v, lower_limit=limit, comparator=sign)
        for v in VERSIONS
    ]

    assert words == [v5, v6]


@given(graded, st.decimals(0, 300, places=2), st.decimals(0, 300, places=2), st.sampled_from("<>"))
def test_the_true_value_of_a_censored_result_has_one_of_its_grades(
    row: tuple[str, Version], reported: Decimal, true: Decimal, sign: Comparator
):
    analyte, version = row
    limit = d(LOWER_LIMITS[analyte])
    assume(true < reported if sign == "<" else true > reported)

    bounds = grade_of(reported, analyte=analyte, version=version, lower_limit=limit, comparator=sign)
    exact = grade_of(true, analyte=analyte, version=version, lower_limit=limit)

    assert bounds is not None
    assert exact is not None
    assert bounds.lowest <= exact.lowest <= exact.highest <= bounds.highest


@pytest.mark.parametrize("analyte", sorted(set(ANALYTES) - set(EDGES)))
def test_other_analytes_are_not_graded(analyte: str):
    assert grade_of(d("1"), analyte=analyte, version="6.0", lower_limit=d("2")) is None


def test_a_grade_is_written_with_its_bounds():
    assert [str(Grade(3, 3)), str(Grade(0, 1))] == ["3", "0-1"]
