"""The rules in force. A rule is one file beside this one and one line here."""

from registry.monitoring import overdue_visit, prolonged_cytopenia, unresolved_at_day_28
from registry.monitoring.rule import Rule

RULES: tuple[Rule, ...] = (
    overdue_visit.RULE,
    prolonged_cytopenia.RULE,
    unresolved_at_day_28.RULE,
)


class UnknownRule(KeyError):
    """No rule in force has this key."""


def by_key(key: str) -> Rule:
    """Return the rule in force with this key; raises UnknownRule."""
    for rule in RULES:
        if rule.key == key:
            return rule
    raise UnknownRule(key)
