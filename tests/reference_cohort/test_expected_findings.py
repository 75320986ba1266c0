"""Every patient of the reference cohort has exactly the findings that a person derived by hand.

`expected_findings.csv` cites the sentence and gives the derivation in a line; an empty cell states
nothing. A changed rule changes that file, signed line by line, and nothing else.
"""

from datetime import date

import pytest

from registry.monitoring.catalogue import RULES
from registry.monitoring.evidence import Finding
from tests.reference_cohort.reading import expected_rows, histories

HISTORIES = histories()
EXPECTED = expected_rows()
JUDGED = sorted({(row["as_of"], row["patient_id"]) for row in EXPECTED})
EVIDENCE = (
    "certain_days",
    "possible_days",
    "earliest_start_on",
    "latest_end_on",
    "outcome",
    "recovered_on",
    "deepest_value",
    "deepest_on",
    "reading",
    "days_overdue",
    "class",
)


def said(finding: Finding, *, rule: str, stated: dict[str, str]) -> dict[str, str]:
    """What the rule says of each thing the row states."""
    answer = {
        "rule": rule,
        "subject": finding.subject,
        "certainty": finding.certainty,
        "severity": finding.severity,
        "first_date": str(finding.first_on),
        "last_date": str(finding.last_on),
        **{key: str(finding.evidence.get(key)) for key in EVIDENCE},
    }
    return {key: value for key, value in answer.items() if stated.get(key)}


def stated_by(row: dict[str, str]) -> dict[str, str]:
    unstated = ("as_of", "patient_id", "labels", "cites", "derivation")
    return {key: value for key, value in row.items() if value and key not in unstated}


@pytest.mark.parametrize(("as_of", "patient_id"), JUDGED)
def test_the_findings_are_those_derived_by_hand(as_of, patient_id):
    in_force = {rule.key for rule in RULES}
    rows = [
        row
        for row in EXPECTED
        if (row["as_of"], row["patient_id"]) == (as_of, patient_id) and row["rule"] in in_force
    ]

    found = [
        (rule.key, finding)
        for rule in RULES
        for finding in rule.findings(HISTORIES[patient_id], date.fromisoformat(as_of))
    ]

    order = ("overdue_visit", "prolonged_cytopenia", "unresolved_at_day_28", "secondary_malignancy")
    rows.sort(key=lambda row: order.index(row["rule"]))
    assert [(key, finding.subject, finding.certainty) for key, finding in found] == [
        (row["rule"], row["subject"], row["certainty"]) for row in rows
    ]
    for (key, finding), row in zip(found, rows, strict=True):
        assert said(finding, rule=key, stated=row) == stated_by(row)
        assert {label for label in row["labels"].split(";") if label} <= set(
            finding.evidence.get("labels", ())
        )


def test_every_patient_is_judged_and_on_one_day_the_whole_cohort():
    assert {patient_id for as_of, patient_id in JUDGED if as_of == "2025-05-01"} == set(HISTORIES)


def test_a_patient_without_findings_has_no_other_row():
    for row in EXPECTED:
        if row["rule"] == "none":
            assert JUDGED.count((row["as_of"], row["patient_id"])) == 1
            others = [other for other in EXPECTED if other is not row]
            assert (row["as_of"], row["patient_id"]) not in {(o["as_of"], o["patient_id"]) for o in others}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_every_rule_is_shown_by_a_patient(rule):  # rules.md section 5
    assert [row for row in EXPECTED if row["rule"] == rule.key]
