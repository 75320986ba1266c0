"""The rules against a second implementation that was written from the sentences alone (rules.md 1 to 4).

A disagreement is a misreading on one side: the text of the sentence says on which. Then the smallest
history that shows it becomes a drawn row in the rule's own tests.
"""

from collections.abc import Callable
from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.clinical.partial_dates import PartialDate
from registry.monitoring.catalogue import by_key
from registry.monitoring.evidence import Event, EventReport, History
from tests.monitoring import oracle_malignancy, random_histories
from tests.monitoring.agreement import both
from tests.tables import DAY_0, on_day

Make = Callable[[Random], tuple[History, date]]

DRAWN: dict[str, Make] = {
    "overdue_visit": random_histories.history_of_visits,
    "prolonged_cytopenia": random_histories.history_of_counts,
    "unresolved_at_day_28": random_histories.history_of_counts,
    "secondary_malignancy": random_histories.history_of_triggers,
}
SEEDS = range(20_260, 20_260 + 1000)

every_rule = pytest.mark.parametrize("rule", DRAWN)


@every_rule
def test_both_say_the_same_of_histories_on_the_edges(rule):  # OVD, CYT, LMK, MAL-7
    findings = 0
    for seed in SEEDS:
        history, as_of = DRAWN[rule](Random(seed))

        house, oracle = both(rule, history, as_of)

        assert house == oracle, f"seed {seed}"
        findings += len(oracle)
    assert findings > len(SEEDS) / 4, "the histories no longer show what they were drawn for"


@every_rule
@settings(max_examples=80, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_both_say_the_same_of_histories_that_hypothesis_seeks(rule, random):
    history, as_of = DRAWN[rule](random)

    house, oracle = both(rule, history, as_of)

    assert house == oracle


@every_rule
def test_both_say_the_same_on_every_day_of_a_life(rule):  # G-2
    for seed in range(15):
        history, _ = DRAWN[rule](Random(seed))
        for day in range(-2, 140):
            as_of = history.day_zeros[0] + timedelta(days=day)

            house, oracle = both(rule, history, as_of)

            assert house == oracle, f"seed {seed}, as of {as_of}"


ICD10 = [
    f"{letter}{tens}{ones}{rest}"
    for letter in "BCDEZ"
    for tens in "0123456789"
    for ones in "0123456789ABC"
    for rest in ("", ".0", ".1", ".2", ".3", ".4", ".5", ".6", ".9", ".Z1", "11")
]
ICD_O_3 = [f"{histology}/{digit}" for histology in ("8000", "8140", "M-9590", "9700") for digit in "0123569"]


def said_of_code(*, system: str, code: str) -> tuple[str, object] | None:
    """Certainty and class of an event of which only the code says anything."""
    report = EventReport(term="as coded", code_system=system, code=code)
    onset = PartialDate.parse(on_day(60).isoformat())
    event = Event(event_id="E1", category="other", started_on=onset, ended_on=None, reports=(report,))
    history = History(patient_id=1, enrolled_on=DAY_0, day_zeros=(DAY_0,), events=(event,))
    found = by_key("secondary_malignancy").findings(history, on_day(100))
    return (found[0].certainty, found[0].evidence["class"]) if found else None


@pytest.mark.parametrize("system", ["ICD-10", "ICD-10-CM"])
def test_both_read_every_icd_10_code_alike(system):  # MAL-2, MAL-8
    house = {code: said_of_code(system=system, code=code) for code in ICD10}

    assert house == {code: oracle_malignancy.class_of_icd10(code) for code in ICD10}


def test_both_read_the_behaviour_of_icd_o_3_alike():  # MAL-2
    house = {code: (said_of_code(system="ICD-O-3", code=code) or (None,))[0] for code in ICD_O_3}

    assert house == {code: oracle_malignancy.behaviour(code) for code in ICD_O_3}
