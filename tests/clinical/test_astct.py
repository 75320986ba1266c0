"""ASTCT grades of CRS and ICANS: the tables and golden vectors of clinical-reference.md 2.2 and 2.3."""

import pytest

from registry.clinical.astct import crs_grade, icans_grade
from registry.clinical.event_lists import CONSCIOUSNESS, HYPOTENSION, HYPOXIA, MOTOR, OEDEMA, SEIZURE
from tests.tables import rows_of

ANSWERS = {"yes": True, "no": False, "": None}

# fever: 38 °C or more. other: another cause alone explains it. treated: antipyretics, tocilizumab, steroids.
CRS = """
    case                                   | fever | other | treated | hypotension          | hypoxia           | grade
    ---------------------------------------+-------+-------+---------+----------------------+-------------------+------
    fever alone                            | yes   | no    | no      | none                 | none              | 1
    fluids only                            | yes   | no    | no      | no_vasopressor       | none              | 2
    4 L/min                                | yes   | no    | no      | none                 | low_flow          | 2
    norepinephrine + vasopressin           | yes   | no    | no      | one_vasopressor      | none              | 3
    face mask                              | yes   | no    | no      | none                 | high_flow         | 3
    one pressor and 4 L/min                | yes   | no    | no      | one_vasopressor      | low_flow          | 3
    fluids and face mask                   | yes   | no    | no      | no_vasopressor       | high_flow         | 3
    norepinephrine + epinephrine           | yes   | no    | no      | several_vasopressors | none              | 4
    intubated                              | yes   | no    | no      | none                 | positive_pressure | 4
    one pressor and CPAP                   | yes   | no    | no      | one_vasopressor      | positive_pressure | 4
    37.2 °C after tocilizumab, 3 L/min     | no    | no    | yes     | none                 | low_flow          | 2
    afebrile after tocilizumab, nothing    | no    | no    | yes     | none                 | none              | 1
    fever of an infection only             | yes   | yes   | no      | one_vasopressor      | low_flow          | 0
    fever of an infection, treated         | yes   | yes   | yes     | none                 | none              | 0
    no fever and nothing given             | no    | no    | no      | one_vasopressor      | none              | 0
    other causes not asked                 | yes   |       | no      | no_vasopressor       | none              | 2
    fever not answered                     |       | no    | no      | none                 | none              | -
    fever not answered, treated            |       | no    | yes     | none                 | low_flow          | 2
    hypotension not answered               | yes   | no    | no      |                      | high_flow         | -
    hypoxia not answered                   | yes   | no    | no      | one_vasopressor      |                   | -
    worst already, hypoxia not answered    | yes   | no    | no      | several_vasopressors |                   | 4
    nothing answered                       |       |       | no      |                      |                   | -
"""  # noqa: E501


@pytest.mark.parametrize("row", rows_of(CRS), ids=lambda row: row["case"])
def test_crs_is_graded_by_the_worse_of_hypotension_and_hypoxia(row):
    found = crs_grade(
        has_fever=ANSWERS[row["fever"]],
        is_fever_explained=ANSWERS[row["other"]],
        is_treated=row["treated"] == "yes",
        hypotension=row["hypotension"],
        hypoxia=row["hypoxia"],
    )

    assert found.grade == (None if row["grade"] == "-" else int(row["grade"]))


ICANS = """
    case                             | ICE | consciousness | seizure   | motor         | oedema  | grade
    ---------------------------------+-----+---------------+-----------+---------------+---------+------
    ICE 10 and nothing else          | 10  | awake         | none      | none          | none    | 0
    ICE 9                            | 9   | awake         | none      | none          | none    | 1
    ICE 7                            | 7   | awake         | none      | none          | none    | 1
    ICE 6                            | 6   | awake         | none      | none          | none    | 2
    ICE 3                            | 3   | awake         | none      | none          | none    | 2
    ICE 2                            | 2   | awake         | none      | none          | none    | 3
    ICE 1                            | 1   | awake         | none      | none          | none    | 3
    ICE 0, awake with global aphasia | 0   | awake         | none      | none          | none    | 3
    ICE 0, unarousable               | 0   | unarousable   | none      | none          | none    | 4
    ICE 0, not said whether awake    | 0   |               | none      | none          | none    | -
    unarousable, ICE not possible    |     | unarousable   |           |               |         | 4
    awakens to voice                 | 10  | to_voice      | none      | none          | none    | 2
    awakens to voice, ICE 8          | 8   | to_voice      | none      | none          | none    | 2
    awakens only to touch            | 5   | to_touch      | none      | none          | none    | 3
    seizure that resolved            | 10  | awake         | resolving | none          | none    | 3
    seizure over 5 minutes           | 9   | awake         | prolonged | none          | none    | 4
    hemiparesis                      | 10  | awake         | none      | deep_weakness | none    | 4
    focal oedema                     | 8   | awake         | none      | none          | focal   | 3
    diffuse oedema                   | 8   | awake         | none      | none          | diffuse | 4
    ICE not tested                   |     | awake         | none      | none          | none    | -
    seizure not answered             | 8   | awake         |           | none          | none    | -
    worst already, rest not answered | 8   |               | prolonged |               |         | 4
    nothing answered                 |     |               |           |               |         | -
"""


@pytest.mark.parametrize("row", rows_of(ICANS), ids=lambda row: row["case"])
def test_icans_is_graded_by_its_worst_domain(row):
    found = icans_grade(
        ice=int(row["ICE"]) if row["ICE"] else None,
        consciousness=row["consciousness"],
        seizure=row["seizure"],
        motor=row["motor"],
        oedema=row["oedema"],
    )

    assert found.grade == (None if row["grade"] == "-" else int(row["grade"]))


@pytest.mark.parametrize("hypotension", ["", *HYPOTENSION])
@pytest.mark.parametrize("hypoxia", ["", *HYPOXIA])
@pytest.mark.parametrize("fever", [True, False, None])
def test_every_combination_of_crs_has_a_sentence_and_death_is_never_computed(hypotension, hypoxia, fever):
    for treated in (True, False):
        found = crs_grade(
            has_fever=fever,
            is_fever_explained=False,
            is_treated=treated,
            hypotension=hypotension,
            hypoxia=hypoxia,
        )

        assert found.why.endswith(".")
        assert found.grade in (None, 0, 1, 2, 3, 4)


@pytest.mark.parametrize("ice", [None, *range(11)])
@pytest.mark.parametrize("consciousness", ["", *CONSCIOUSNESS])
def test_no_combination_of_icans_lacks_a_sentence_or_computes_death(ice, consciousness):
    for seizure in ("", *SEIZURE):
        for motor in ("", *MOTOR):
            for oedema in ("", *OEDEMA):
                found = icans_grade(
                    ice=ice, consciousness=consciousness, seizure=seizure, motor=motor, oedema=oedema
                )

                assert found.why.endswith(".")
                assert found.grade in (None, 0, 1, 2, 3, 4)


def test_the_sentence_says_which_finding_decides():
    found = crs_grade(
        has_fever=True,
        is_fever_explained=False,
        is_treated=False,
        hypotension="one_vasopressor",
        hypoxia="low_flow",
    )

    assert found.words == (
        "Grade 3: fever of 38 °C or more; hypotension (one vasopressor, with or without vasopressin) decides."
    )


def test_the_sentence_names_both_findings_of_the_same_grade():
    found = icans_grade(ice=5, consciousness="to_voice", seizure="none", motor="none", oedema="none")

    assert found.words == "Grade 2: ICE 5 and consciousness (awakens to voice) decide."


def test_what_is_missing_is_named():
    found = icans_grade(ice=8, consciousness="awake", seizure="", motor="", oedema="none")

    assert found.words == "Not computed: seizure and motor findings are not answered."
