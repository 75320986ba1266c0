"""Each rule's findings in the words an officer reads: pure functions of what the alert stored."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from registry.clinical.analytes import ANALYTES
from registry.models import Alert
from registry.monitoring import catalogue
from registry.web.officer.wording import (
    overdue_visit,
    prolonged_cytopenia,
    secondary_malignancy,
    unresolved_at_day_28,
)
from registry.web.officer.wording.told import Part, Told, number

logger = logging.getLogger(__name__)

_BY_RULE: dict[str, ModuleType] = {
    "overdue_visit": overdue_visit,
    "prolonged_cytopenia": prolonged_cytopenia,
    "unresolved_at_day_28": unresolved_at_day_28,
    "secondary_malignancy": secondary_malignancy,
}
_UNTOLD = (
    "What this alert stored cannot be put into a sentence; it is shown whole under “Evidence as stored”."
)


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why an alert was raised, as a page shows it."""

    why: tuple[Part, ...]
    what_would_change: tuple[str, ...]
    labels: tuple[str, ...]


def told_of(alert: Alert) -> Told:
    """What the alert stored."""
    return Told(
        rule=alert.rule,
        subject=alert.subject,
        certainty=alert.certainty,
        day_zero=alert.day_zero,
        last_on=alert.last_on,
        evidence=alert.evidence,
        limits=alert.limits,
    )


def title_of(rule_key: str) -> str:
    """The rule in words; a rule no longer in force keeps its key."""
    try:
        return catalogue.by_key(rule_key).title
    except catalogue.UnknownRule:
        return rule_key


def subject_of(alert: Alert) -> str:
    """What the alert is about, in a word: `Neutrophils`, `Visit M6`, `AE-12`."""
    kind, _, name = alert.subject.partition(":")
    if alert.rule == "overdue_visit":
        return f"Visit {alert.subject.partition('@')[0]}"
    if (lineage := alert.subject.partition("@")[0]) in ANALYTES:
        return ANALYTES[lineage].name
    return {
        "adverse_event": f"Adverse event {name}",
        "visit_question": f"Visit {name.partition('@')[0]}",
        "trigger": f"Laboratory trigger {name}",
        "cause_of_death": "Cause of death",
    }.get(kind, alert.subject)


def line_of(told: Told) -> str:
    """The evidence in one line."""
    return _or_untold(told, "line", _UNTOLD)


def reasons_of(told: Told) -> Reasons:
    """The sentences of the review page."""
    return Reasons(
        why=_or_untold(told, "why", (Part(_UNTOLD),)),
        what_would_change=_or_untold(told, "what_would_change", ()),
        labels=_or_untold(told, "labels", ()),
    )


def _or_untold(told: Told, name: str, otherwise: Any) -> Any:
    """An alert whose evidence lacks something is still shown: the officer must see that it is there."""
    module = _BY_RULE.get(told.rule)
    if module is None:
        return otherwise
    tell: Callable[[Told], Any] = getattr(module, name)
    try:
        return tell(told)
    except (KeyError, ValueError, TypeError):
        logger.warning("alert evidence of rule %s could not be put into words: %s", told.rule, name)
        return otherwise


__all__ = [
    "Part",
    "Reasons",
    "Told",
    "line_of",
    "number",
    "reasons_of",
    "subject_of",
    "title_of",
    "told_of",
]
