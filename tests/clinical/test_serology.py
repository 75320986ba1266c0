"""Antibodies by assay and B cells: normal by the limits of the same assay, gone and back by date."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from registry.clinical.serology import (
    Quantity,
    b_cell_course,
    has_normalised,
    is_at_least,
    is_at_most,
    read_titre,
)

DAY_0 = date(2024, 3, 1)


def day(number):
    return DAY_0 + timedelta(days=number)


def quantity(text, *, on=DAY_0, assay="elisa", upper=None, lower=None):
    sign = text[0] if text[0] in "<>" else ""
    limits = [Decimal(limit) if limit else None for limit in (lower, upper)]
    return Quantity(on, assay, Decimal(text.lstrip("<>")), sign, *limits)


@pytest.mark.parametrize(
    ("text", "titre"),
    [
        ("1:320", 320),
        ("320", 320),
        ("1/80", 80),
        ("<1:10", 10),
        ("1 : 40", 40),
        ("pos", None),
        ("0", None),
        ("", None),
    ],
)
def test_a_titre_is_read_as_its_dilution(text, titre):
    assert read_titre(text) == titre


AT_MOST = [
    ("19.9", "20", True),
    ("20", "20", True),
    ("20.1", "20", False),
    ("<10", "20", True),
    ("<20", "20", True),
    ("<30", "20", None),
    (">20", "20", False),
    (">10", "20", None),
    ("5", None, None),
]


@pytest.mark.parametrize(("text", "limit", "expected"), AT_MOST)
def test_within_the_upper_limit_of_the_assay(text, limit, expected):
    assert is_at_most(quantity(text, upper=limit)) is expected


AT_LEAST = [
    ("0.89", "0.9", False),
    ("0.9", "0.9", True),
    ("0.91", "0.9", True),
    ("<0.9", "0.9", False),
    ("<1.2", "0.9", None),
    (">0.9", "0.9", True),
    (">0.5", "0.9", None),
    ("1", None, None),
]


@pytest.mark.parametrize(("text", "limit", "expected"), AT_LEAST)
def test_the_lower_limit_of_complement_is_reached(text, limit, expected):
    assert is_at_least(quantity(text, lower=limit)) is expected


def test_normalised_is_the_first_value_within_the_limit_after_the_last_raised_one():
    raised = quantity("80", on=day(0), upper="20")
    normal = quantity("12", on=day(60), upper="20")
    later = quantity("10", on=day(90), upper="20")

    assert has_normalised([later, normal, raised], assay="elisa") == (raised, normal)


def test_another_assay_does_not_normalise():
    raised = quantity("80", on=day(0), upper="20", assay="elisa")
    normal = quantity("3", on=day(60), upper="7", assay="farr")

    assert has_normalised([raised, normal], assay="farr") is None
    assert has_normalised([raised, normal], assay="elisa") is None


def test_raised_again_is_no_longer_normalised():
    values = [quantity(text, on=day(n), upper="20") for n, text in ((0, "80"), (60, "12"), (90, "40"))]

    assert has_normalised(values, assay="elisa") is None


# day:count …  | gone on day | back on day
COURSES = """
    -7:120 3:40             |    |
    7:9                     | 7  |
    7:10                    |    |
    7:<10                   | 7  |
    7:<20                   |    |
    7:0 60:10               | 7  | 60
    7:0 60:9.9              | 7  |
    7:0 60:12 90:5          | 7  |
    7:0 60:12 90:5 120:30   | 7  | 120
    7:0 60:>100             | 7  | 60
    -3:0 7:50               |    |
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in COURSES.strip().splitlines()]


@pytest.mark.parametrize(("counts", "gone", "back"), ROWS)
def test_b_cells_gone_and_back(counts, gone, back):
    rows = [quantity(text, on=day(int(n))) for n, _, text in (each.partition(":") for each in counts.split())]

    found = b_cell_course(rows, day_zero=DAY_0)

    assert found.depleted_on == (day(int(gone)) if gone else None)
    assert found.returned_on == (day(int(back)) if back else None)
