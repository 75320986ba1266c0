"""The rules in force (rules.md section 5)."""

import pytest

from registry.monitoring import catalogue
from registry.monitoring.catalogue import RULES, UnknownRule, by_key


def test_every_rule_is_found_by_its_key():
    assert [by_key(rule.key) for rule in RULES] == list(RULES)


def test_an_unknown_rule_is_refused_by_name():
    with pytest.raises(UnknownRule, match="prolonged_anaemia"):
        by_key("prolonged_anaemia")


def test_keys_are_the_contract_s():
    assert [rule.key for rule in RULES] == [
        "overdue_visit",
        "prolonged_cytopenia",
        "unresolved_at_day_28",
        "secondary_malignancy",
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_the_latest_change_is_the_version_in_force(rule):
    assert [change.version for change in rule.changes] == list(range(1, rule.version + 1))
    assert [change.on for change in rule.changes] == sorted(change.on for change in rule.changes)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_the_definition_names_its_source(rule):
    assert "\nSource: " in catalogue.definition_of(rule)
