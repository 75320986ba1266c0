"""Until the day a rule wakes on, the calendar changes nothing but what `carried` says (night.py)."""

from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.monitoring.catalogue import RULES, by_key
from registry.monitoring.evidence import Finding, History
from registry.monitoring.rule import Rule
from tests.monitoring.random_histories import history_of_counts, history_of_triggers, history_of_visits
from tests.tables import history_of, on_day, series

DAY = timedelta(days=1)
CYTOPENIA = by_key("prolonged_cytopenia")
LANDMARK = by_key("unresolved_at_day_28")
OVERDUE = by_key("overdue_visit")


def said(rule: Rule, history: History, *, on: date, as_on: date) -> list[dict[str, object]]:
    """The findings of one day, carried to another."""
    return [as_told(rule, finding, since=on, on=as_on) for finding in rule.findings(history, on)]


def as_told(rule: Rule, finding: Finding, *, since: date, on: date) -> dict[str, object]:
    return {
        "subject": finding.subject,
        "certainty": finding.certainty,
        "severity": finding.severity,
        "span": (finding.first_on, finding.last_on),
        "evidence": dict(rule.carried(finding.evidence, since=since, on=on)),
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
@settings(max_examples=150)
@given(random=st.randoms(use_true_random=False))
def test_nothing_but_what_is_carried_changes_before_the_rule_wakes(rule: Rule, random: Random) -> None:
    history, as_of = random.choice([history_of_counts, history_of_visits, history_of_triggers])(random)
    as_of -= random.choice([0, 0, 1, 7, 30, 90, 400]) * DAY
    wakes = rule.wake_on(history, as_of)
    last = min(wakes - DAY, as_of + 700 * DAY) if wakes else as_of + 700 * DAY
    for later in {last, as_of + random.randint(0, (last - as_of).days) * DAY}:
        assert said(rule, history, on=as_of, as_on=later) == said(rule, history, on=later, as_on=later)


def test_an_open_low_wakes_on_the_day_it_becomes_possible() -> None:  # CYT-8, P17
    history = history_of(series("ANC", "4:1.2 5:0.5 20:0.6"))

    assert CYTOPENIA.wake_on(history, on_day(30)) == on_day(34)
    assert CYTOPENIA.wake_on(history, on_day(33)) == on_day(34)
    assert CYTOPENIA.wake_on(history, on_day(34)) is None


def test_a_low_that_is_bounded_on_both_sides_sleeps() -> None:  # CYT-7
    assert CYTOPENIA.wake_on(history_of(series("ANC", "4:1.2 5:0.5 20:0.6 22:1.4")), on_day(25)) is None


def test_a_count_dated_ahead_wakes_on_its_day() -> None:  # G-2
    history = history_of(series("ANC", "4:1.2 5:0.5 6:1.3 50:0.4"))

    assert CYTOPENIA.wake_on(history, on_day(30)) == on_day(50)


def test_the_landmark_wakes_the_day_after_day_28() -> None:  # LMK-1
    history = history_of(series("ANC", "20:0.5"))

    assert LANDMARK.wake_on(history, on_day(28)) == on_day(29)
    assert LANDMARK.wake_on(history, on_day(29)) is None
