"""Changed limits are a new version of the rule (rules.md section 5): here is what each version stands for.

A new version adds a line; no line is ever edited, because stored runs name the version they used.
"""

import hashlib
import json

import pytest

from registry.monitoring.catalogue import RULES

FINGERPRINTS = {
    ("overdue_visit", 1): "2b00346d29d4dcaf",
    ("prolonged_cytopenia", 1): "73375910a08f89c0",
    ("secondary_malignancy", 1): "75447db9ec4ee1c2",
    ("unresolved_at_day_28", 1): "0446ea96dce03f85",
}


def fingerprint(rule) -> str:
    return hashlib.sha256(json.dumps(rule.limits_as_json, sort_keys=True).encode()).hexdigest()[:16]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_limits_change_only_with_the_version(rule):
    assert fingerprint(rule) == FINGERPRINTS[rule.key, rule.version]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_every_version_ever_in_force_is_listed(rule):
    assert {version for key, version in FINGERPRINTS if key == rule.key} == set(range(1, rule.version + 1))
