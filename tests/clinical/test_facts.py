"""How a fact of the record is named, and what is no name of a fact."""

from datetime import date

import pytest

from registry.clinical.facts import Fact, NotAFact, parse_fact
from tests.tables import rows_of

NAMED = """
    key                                        | kind     | name   | field          | words
    -------------------------------------------+----------+--------+----------------+------------------------------------------
    visit:M6@2024-03-01                        | visit    | M6     |                | Visit M6
    visit:M6@2024-03-01:visited_on             | visit    | M6     | visited_on     | Visit M6, date of the visit
    visit:M6@2024-03-01:lab-ANC                | visit    | M6     | lab-ANC        | Visit M6, neutrophils
    visit:M6@2024-03-01:activity-sledai_total  | visit    | M6     | activity-sledai_total | Visit M6, activity sledai total
    visit:Visit 2: day@28@2024-03-01:status    | visit    | Visit 2: day@28 | status | Visit Visit 2: day@28, whether it took place
    visit:UNS@2024-03-01#17:visited_on         | visit    | UNS    | visited_on     | Unscheduled visit, date of the visit
    result:4711                                | result   |        |                | Laboratory result
    event:AE-77                                | event    | AE-77  |                | Adverse event AE-77
    event:AE-77:grade                          | event    | AE-77  | grade          | Adverse event AE-77, grade
    event:S1/AE:7:started_on                   | event    | S1/AE:7 | started_on    | Adverse event S1/AE:7, date of onset
    patient:disease_onset_year                 | patient  |        | disease_onset_year | Patient, year of disease onset
    infusion:2024-03-01:lot                    | infusion |        | lot            | Infusion, lot
    alert:1b4e28ba-2fa1-41d2-883f-0016d3cca427 | alert    | 1b4e28ba-2fa1-41d2-883f-0016d3cca427 | | Alert
"""  # noqa: E501


@pytest.mark.parametrize("row", rows_of(NAMED), ids=lambda row: row["key"])
def test_a_key_names_a_fact_and_the_fact_has_that_key(row):
    fact = parse_fact(row["key"])

    assert (fact.kind, fact.name, fact.field) == (row["kind"], row["name"] or "", row["field"] or "")
    assert fact.words == row["words"]
    assert fact.key == row["key"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "visit",
        "visit:M6",
        "visit:M6@2024-02-30",
        "visit:M6@2024-03-01:",
        "visit:M6@2024-03-01:two words",
        "visit:UNS@2024-03-01",  # there may be many: it is named by its row
        "visit:M6@2024-03-01#17",
        "visit:M6/M7@2024-03-01",
        "visit:M\n6@2024-03-01",
        "result:",
        "result:-1",
        "result:4711:value",
        "result:٣",
        "event:",
        "patient:password",
        "infusion:2024-03-01:nothing",
        "alert:1",
        "alert:../../",
        "result:" + "1" * 300,
    ],
)
def test_what_names_nothing_is_refused(text):
    with pytest.raises(NotAFact):
        parse_fact(text)


def test_a_field_belongs_to_its_form():
    assert parse_fact("visit:M6@2024-03-01:visited_on").form == Fact("visit", "M6", date(2024, 3, 1))
