"""The canaries: every rule finds them every night, nobody else sees them, and what fails is named."""

from datetime import date

import pytest

from registry.actions import canaries
from registry.monitoring.catalogue import RULES
from tests.factories import NIGHT


@pytest.mark.django_db
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_each_rule_finds_its_canaries_and_no_others(rule):
    result = canaries.find(rule=rule, as_of=None, at=NIGHT)

    assert result.problems == ()
    assert result.found == result.expected > 0
