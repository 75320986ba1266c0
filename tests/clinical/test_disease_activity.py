"""Scores by their items: what adds up, what can be reached, what is refused."""

from decimal import Decimal

import pytest

from registry.clinical.disease_activity import (
    EUSTAR_ITEMS,
    MRSS_SITES,
    REACHED,
    SLEDAI_ITEMS,
    TIS_MEASURES,
    check_clinical_sledai,
    check_items,
    check_total,
    clinical_sledai,
    item_names,
    read_score,
    total_of,
)

ALL_OF_SLEDAI = {item.key: item.points for item in SLEDAI_ITEMS}


def points(text):
    return {key: Decimal(value) for key, _, value in (part.partition("=") for part in text.split())}


def test_the_sledai_has_24_items_of_8_4_2_and_1_and_reaches_105():
    weights = [int(item.points) for item in SLEDAI_ITEMS]

    assert [weights.count(weight) for weight in (8, 4, 2, 1)] == [8, 6, 7, 3]
    assert total_of(ALL_OF_SLEDAI) == 105
    assert clinical_sledai(ALL_OF_SLEDAI) == 101


def test_the_eustar_index_reaches_10_and_the_improvement_score_100():
    assert total_of({item.key: item.points for item in EUSTAR_ITEMS}) == 10
    assert sum(steps[-1] for _, steps in TIS_MEASURES.values()) == 100
    assert max(REACHED["EUSTAR"]) == 10
    assert max(REACHED["TIS"]) == 100
    assert len(MRSS_SITES) == 17


TOTALS = [
    ("", 0, 0),
    ("rash=2", 2, 2),
    ("rash=2 low_complement=2 dna_binding=2", 6, 2),
    ("low_complement=2 dna_binding=2", 4, 0),
    ("arthritis=4 fever=1", 5, 5),
    ("thrombocytopenia=0 leukopenia=1", 1, 1),
    ("seizure=8 proteinuria=4", 12, 12),
]


@pytest.mark.parametrize(("items", "total", "clinical"), TOTALS)
def test_a_total_is_the_sum_of_its_items(items, total, clinical):
    assert (total_of(points(items)), clinical_sledai(points(items))) == (total, clinical)


# score, scale, value, whether it is taken: below, at and above each edge
EDGES = """
    SLEDAI-2K |     | -1    | no
    SLEDAI-2K |     | 0     | yes
    SLEDAI-2K |     | 105   | yes
    SLEDAI-2K |     | 106   | no
    SLEDAI-2K |     | 4.5   | no
    CSLEDAI   |     | 101   | yes
    CSLEDAI   |     | 102   | no
    PHGA      | 3   | 2.9   | yes
    PHGA      | 3   | 3     | yes
    PHGA      | 3   | 3.1   | no
    PHGA      | 10  | 3.1   | yes
    PHGA      | 10  | 10    | yes
    PHGA      | 10  | 10.1  | no
    PHGA      | 3   | 0.0001 | no
    MRSS      |     | 51    | yes
    MRSS      |     | 52    | no
    MRSS      |     | 17.5  | no
    EUSTAR    |     | 0     | yes
    EUSTAR    |     | 1     | yes
    EUSTAR    |     | 1.25  | no
    EUSTAR    |     | 1.5   | yes
    EUSTAR    |     | 2     | no
    EUSTAR    |     | 2.25  | yes
    EUSTAR    |     | 2.5   | yes
    EUSTAR    |     | 9.5   | no
    EUSTAR    |     | 10    | yes
    MMT8      | 80  | 80    | yes
    MMT8      | 80  | 81    | no
    MMT8      | 150 | 81    | yes
    MMT8      | 150 | 151   | no
    TIS       |     | 2.5   | yes
    TIS       |     | 3     | no
    TIS       |     | 97.5  | yes
    TIS       |     | 99    | no
    TIS       |     | 100   | yes
    HAQ-DI    |     | 0.125 | yes
    HAQ-DI    |     | 0.13  | no
    HAQ-DI    |     | 3     | yes
    HAQ-DI    |     | 3.125 | no
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in EDGES.strip().splitlines()]


@pytest.mark.parametrize(("score", "scale", "value", "is_taken"), ROWS)
def test_a_total_is_one_that_the_score_can_take(score, scale, value, is_taken):
    problems = check_total(score=score, value=Decimal(value), variant=scale)

    assert (problems == []) is (is_taken == "yes")


def test_a_value_beyond_the_small_scale_asks_for_the_large_one():
    [phga] = check_total(score="PHGA", value=Decimal(4), variant="3")
    [mmt] = check_total(score="MMT8", value=Decimal(90), variant="80")

    assert "Or is it on the scale 0–10?" in phga.for_people
    assert "Or is it on the scale 0–150?" in mmt.for_people


READ = [
    ("1,5", Decimal("1.5"), None),
    ("2.25", Decimal("2.25"), None),
    ("<1", None, "<1 is no score."),
    ("x", None, "x is not a number."),
    ("-1", None, "-1 is negative."),
    ("1,250", None, "1,250 has three digits after the comma."),
]


@pytest.mark.parametrize(("text", "value", "problem"), READ)
def test_a_total_is_read_as_typed(text, value, problem):
    read, problems = read_score(text, score="EUSTAR")

    assert read == value
    assert [each.problem for each in problems] == ([problem] if problem else [])


ITEMS = [
    ("SLEDAI-2K", "rash=2 fever=1", None, None),
    ("SLEDAI-2K", "rash=2 fever=1", "3", None),
    ("SLEDAI-2K", "rash=2 fever=1", "4", "The items add up to 3, and the total says 4."),
    ("SLEDAI-2K", "rash=8", None, "SLEDAI-2K has no such item: rash."),
    ("SLEDAI-2K", "rash=0", None, "SLEDAI-2K has no such item: rash."),
    ("SLEDAI-2K", "leukopenia=0", None, None),
    ("SLEDAI-2K", "toothache=8", None, "SLEDAI-2K has no such item: toothache."),
    ("EUSTAR", "dlco_below_70=1.0", "1", None),
    ("TIS", "mmt=10", None, "5 of 6 core measures are empty."),
    ("MRSS", "face=3", None, "16 of 17 sites are empty."),
    ("MRSS", "face=4", None, "Modified Rodnan skin score has no such item: face."),
    ("PHGA", "rash=2", None, "Physician global assessment has no such item: rash."),
]


@pytest.mark.parametrize(("score", "items", "total", "problem"), ITEMS)
def test_items_are_those_of_the_score_and_make_its_total(score, items, total, problem):
    found = check_items(score=score, points=points(items), total=Decimal(total) if total else None)

    assert [each.problem for each in found] == ([problem] if problem else [])


def test_one_empty_site_of_the_skin_score_is_said_in_the_singular():
    sixteen = dict.fromkeys(list(MRSS_SITES)[:16], Decimal(0))

    [problem] = check_items(score="MRSS", points=sixteen, total=None)

    assert problem.problem == "1 of 17 sites is empty."


@pytest.mark.parametrize(("clinical", "is_taken"), [(6, True), (5, False), (4, True), (2, True), (0, False)])
def test_the_clinical_sledai_differs_by_the_serological_items(clinical, is_taken):
    found = check_clinical_sledai(value=Decimal(clinical), sledai=Decimal(6))

    assert (found == []) is is_taken
    assert check_clinical_sledai(value=Decimal(clinical), sledai=None) == []


def test_an_item_not_due_to_lupus_is_named_so():
    named = item_names(score="SLEDAI-2K", points=points("thrombocytopenia=0 rash=2"))

    assert named == ("Rash: 2", "Thrombocytopenia, not due to lupus: 0")
