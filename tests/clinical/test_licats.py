"""LICATS: onset classes, the grade by care, the hint; and the hint for infections (2.6, 2.8)."""

from datetime import date
from decimal import Decimal

import pytest

from registry.clinical.infection_grade import infection_hint
from registry.clinical.licats import grade_by_care, leaning, onset_class
from tests.tables import rows_of

ONSETS = """
    day 0      | began      | class
    -----------+------------+-------------
    2024-03-01 | 2024-02-29 | -
    2024-03-01 | 2024-03-01 | early
    2024-03-01 | 2024-03-15 | early
    2024-03-01 | 2024-03-16 | intermediate
    2024-03-01 | 2024-04-01 | intermediate
    2024-03-01 | 2024-04-02 | late
    2024-01-31 | 2024-02-29 | intermediate
    2024-01-31 | 2024-03-01 | late
"""


@pytest.mark.parametrize("row", rows_of(ONSETS), ids=lambda row: f"{row['day 0']} {row['began']}")
def test_onset_is_early_to_day_14_intermediate_to_a_month_then_late(row):
    found = onset_class(
        started_on=date.fromisoformat(row["began"]), day_zero=date.fromisoformat(row["day 0"])
    )

    assert found == (None if row["class"] == "-" else row["class"])


@pytest.mark.parametrize(
    ("care", "grade"), [("none", 1), ("outpatient", 2), ("hospital", 3), ("intensive_care", 4), ("", None)]
)
def test_the_grade_follows_the_care_that_was_needed(care, grade):
    assert grade_by_care(care=care) == grade


LEANINGS = """
    case                              | organ | CD19 | serology     | new IS | resolved | leans
    ----------------------------------+-------+------+--------------+--------+----------+-------
    all three hold                    | yes   | 0    | quiet        | no     | yes      | LICATS
    CD19 just below ten               | yes   | 9.9  | quiet        | no     | yes      | LICATS
    CD19 ten                          | yes   | 10   | quiet        | no     | yes      | flare
    reported as below ten             | yes   | <10  | quiet        | no     | yes      | LICATS
    reported as below twenty          | yes   | <20  | quiet        | no     | yes      | neither
    CD19 not measured                 | yes   |      | quiet        | no     | yes      | neither
    not yet resolved                  | yes   | 0    | quiet        | no     |          | neither
    serology not measured             | yes   | 0    | not_measured | no     | yes      | LICATS
    active serology                   | yes   | 0    | active       | no     | yes      | flare
    new organ                         | no    | 0    | quiet        | no     | yes      | flare
    organ not said                    |       | 0    | quiet        | no     | yes      | neither
    needed immunosuppression          | yes   | 0    | quiet        | yes    | no       | flare
    B cells returned                  | yes   | 40   | quiet        | no     | yes      | flare
    nothing known                     |       |      |              |        |          | neither
"""
ANSWERS = {"yes": True, "no": False, "": None}


@pytest.mark.parametrize("row", rows_of(LEANINGS), ids=lambda row: row["case"])
def test_the_hint_looks_like_licats_only_when_organ_b_cells_and_course_all_do(row):
    found = leaning(
        is_organ_at_baseline=ANSWERS[row["organ"]],
        b_cells_per_ul=Decimal(row["CD19"].lstrip("<")) if row["CD19"] else None,
        is_below_range=row["CD19"].startswith("<"),
        serology=row["serology"],
        immunosuppression_started=ANSWERS[row["new IS"]],
        resolved_without_it=ANSWERS[row["resolved"]],
    )

    assert (
        found.words
        == {
            "LICATS": "The answers look like LICATS.",
            "flare": "The answers look like a flare.",
            "neither": "The answers lean to neither.",
        }[row["leans"]]
    )


@pytest.mark.parametrize(
    ("treatment", "seriousness", "is_fatal", "grade"),
    [
        ("", (), False, ""),
        ("none", (), False, ""),
        ("local", (), False, "grade 2"),
        ("oral", ("hospitalisation",), False, "grade 2"),
        ("intravenous", (), False, "grade 3"),
        ("invasive", (), False, "grade 3"),
        ("intravenous", ("life_threatening",), False, "grade 4"),
        ("oral", ("death", "life_threatening"), False, "grade 5"),
        ("intravenous", (), True, "grade 5"),
    ],
)
def test_the_treatment_of_an_infection_points_to_a_grade(treatment, seriousness, is_fatal, grade):
    hint = infection_hint(treatment=treatment, seriousness=seriousness, is_fatal=is_fatal)

    assert grade in hint if grade else hint == ""
