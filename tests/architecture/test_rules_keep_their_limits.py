"""Changed limits are a new version of the rule (rules.md section 5): here is what each version stands for.

A new version adds a line; no line is ever edited, because stored runs name the version they used.
"""

import hashlib
import json

import pytest

from registry.monitoring.catalogue import CANDIDATES, RULES, by_key

FINGERPRINTS = {
    ("overdue_visit", 1): "2b00346d29d4dcaf",
    ("prolonged_cytopenia", 1): "73375910a08f89c0",
    ("secondary_malignancy", 1): "75447db9ec4ee1c2",
    ("unresolved_at_day_28", 1): "0446ea96dce03f85",
}

# Not in force. A number is given once: a candidate that is dropped keeps its line, one that comes into force
# moves above.
OF_CANDIDATES = {
    ("overdue_visit", 2): "07766789078151af",
    ("prolonged_cytopenia", 2): "91d740a65aafab25",
    ("prolonged_cytopenia", 3): "f9f500ee24b2e311",
    ("secondary_malignancy", 2): "84eb92b26606ab6c",
    ("unresolved_at_day_28", 2): "8a517e7890aa531d",
}


def fingerprint(rule) -> str:
    return hashlib.sha256(json.dumps(rule.limits_as_json, sort_keys=True).encode()).hexdigest()[:16]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_limits_change_only_with_the_version(rule):
    assert fingerprint(rule) == FINGERPRINTS[rule.key, rule.version]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_every_version_ever_in_force_is_listed(rule):
    assert {version for key, version in FINGERPRINTS if key == rule.key} == set(range(1, rule.version + 1))


@pytest.mark.parametrize("rule", CANDIDATES, ids=lambda rule: rule.name)
def test_a_candidate_keeps_its_limits_as_well(rule):
    assert fingerprint(rule) == OF_CANDIDATES[rule.key, rule.version]


def test_no_number_stands_for_two_versions():
    assert FINGERPRINTS.keys() & OF_CANDIDATES.keys() == set()
    assert len({rule.name for rule in (*RULES, *CANDIDATES)}) == len(RULES) + len(CANDIDATES)


@pytest.mark.parametrize("rule", CANDIDATES, ids=lambda rule: rule.name)
def test_a_candidate_differs_from_the_rule_in_force_and_says_why(rule):
    assert rule.limits_unlike(by_key(rule.key))
    assert rule.changes[-1].version == rule.version
