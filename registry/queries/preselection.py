"""Which patients could have a finding of a rule: the necessary conditions it declares, and alerts that stand.

Generous and never narrow: the rule itself decides over whoever is left, and `recompute --diff` judges
everybody without any of this. Whoever is not returned has no finding on any day asked for, later ones
included, as long as the record stays as it is; only overdue visits are asked for up to a day.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection

from registry.monitoring import prolonged_cytopenia, secondary_malignancy, unresolved_at_day_28
from registry.monitoring.malignancy_triggers import TriggerLimits
from registry.monitoring.rule import Condition, Rule
from registry.queries import malignancy_words
from registry.queries.closed_windows import patients_with_closed_windows
from registry.queries.lab_conditions import LabConditions
from registry.queries.packed_labs import Kind, Packing

# Patients looked at at once: what is held in memory.
_AT_ONCE = 5_000

_STANDING = """
    SELECT patient_id, count(*) FROM registry_alert
    WHERE rule = %(rule)s AND merged_into_id IS NULL AND NOT ground_gone
      AND state NOT IN ('resolved', 'withdrawn') AND patient_id BETWEEN %(first)s AND %(last)s
    GROUP BY patient_id
"""
_RANGES = """
    SELECT id, lead(id) OVER (ORDER BY id) - 1 FROM (
        SELECT id, row_number() OVER (ORDER BY id) AS position FROM registry_patient
        WHERE id BETWEEN %(first)s AND %(last)s
    ) AS numbered
    WHERE position %% %(at_once)s = 1
"""
# Results as read for conditions: by packing, kind and range.
Readings = dict[tuple[str, Kind, int, int], LabConditions]

_LOWEST_ID, _HIGHEST_ID = -(2**63), 2**63 - 1


def patients_who_could(
    *,
    rule: Rule,
    latest_day: date,
    first_id: int | None = None,
    last_id: int | None = None,
    earliest_day: date | None = None,
    readings: Readings | None = None,
) -> set[int] | None:
    """Return the patients of a range of ids who could have a finding of the rule; None: everybody.

    `latest_day`: the latest date on which anybody is judged, for what depends on it (OVD-4). `earliest_day`:
    nobody is judged on an earlier one, so that a recovery proven by then counts; empty: any day. A patient
    with an alert of the rule that still stands is always among them: it may have lost its ground.
    `readings`: what rules asked one after the other over the same range share; whoever changes in between
    waits to be judged.
    """
    if not rule.needs.any_of:
        return None
    first_id = _LOWEST_ID if first_id is None else first_id
    last_id = _HIGHEST_ID if last_id is None else last_id
    found = set(standing_alerts(rule=rule, first_id=first_id, last_id=last_id))
    for first, last in ranges(first_id=first_id, last_id=last_id, size=_AT_ONCE):
        asked = _Asked(
            rule.limits, latest_day, earliest_day, first, last, {} if readings is None else readings
        )
        for condition in rule.needs.any_of:
            found |= _meeting(condition, asked)
    return found


def standing_alerts(*, rule: Rule, first_id: int, last_id: int) -> dict[int, int]:
    """Return by patient of a range how many alerts of the rule have a finding that stands."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, {"rule": rule.key, "first": first_id, "last": last_id})
        return dict(cursor.fetchall())


def ranges(*, first_id: int, last_id: int, size: int) -> Iterator[tuple[int, int]]:
    """Give ranges of ids with so many patients each, the last with fewer."""
    with connection.cursor() as cursor:
        cursor.execute(_RANGES, {"first": first_id, "last": last_id, "at_once": size})
        for first, last in cursor.fetchall():
            yield first, last_id if last is None else last


def packing_for(*, limits: Any) -> Packing:
    """Return how results are packed for a rule with these limits.

    Rules in force share one packing as long as they share their limits; a rule judged with other limits, as
    in a shadow run, reads the results themselves.
    """
    counts = prolonged_cytopenia.RULE.limits.counts
    triggers: TriggerLimits = secondary_malignancy.RULE.limits.triggers
    if isinstance(limits, secondary_malignancy.Limits):
        counts, triggers = limits.triggers.cytopenia.counts, limits.triggers
    elif isinstance(limits, prolonged_cytopenia.Limits | unresolved_at_day_28.Limits):
        counts = limits.counts
    return Packing.by(counts=counts, triggers=triggers)


@dataclass
class _Asked:
    """A rule's limits, the days and the range of ids that its conditions are tested for."""

    limits: Any
    latest_day: date
    earliest_day: date | None
    first_id: int
    last_id: int
    readings: Readings

    def labs(self, kind: Kind) -> LabConditions:
        packing = packing_for(limits=self.limits)
        key = (packing.name, kind, self.first_id, self.last_id)
        if key not in self.readings:
            self.readings[key] = LabConditions.read(
                packing=packing, kind=kind, first_id=self.first_id, last_id=self.last_id
            )
        return self.readings[key]


# Conditions that lie in results: in which of them, and which patients meet it.
_OF_LABS: Mapping[Condition, tuple[Kind, Callable[[LabConditions, _Asked], set[int]]]] = {
    "prolonged_counts": ("counts", lambda labs, asked: labs.prolonged_counts(asked.limits)),
    "landmark_counts": (
        "counts",
        lambda labs, asked: labs.landmark_counts(asked.limits, earliest_day=asked.earliest_day),
    ),
    "late_prolonged_counts": (
        "counts",
        lambda labs, asked: labs.late_prolonged_counts(asked.limits.triggers),
    ),
    "transgene_rise": ("others", lambda labs, asked: labs.transgene_rise(asked.limits.triggers)),
    "high_lymphocytes": ("others", lambda labs, asked: labs.high_lymphocytes(asked.limits.triggers)),
    "blasts": ("others", lambda labs, asked: labs.blasts(asked.limits.triggers)),
}
LAB_CONDITIONS = frozenset(_OF_LABS)

_OTHERS: Mapping[Condition, Callable[[_Asked], set[int]]] = {
    "closed_window": lambda asked: patients_with_closed_windows(
        latest_day=asked.latest_day, first_id=asked.first_id, last_id=asked.last_id
    ),
    "malignancy_report": lambda asked: malignancy_words.patients_with_reports(
        first_id=asked.first_id, last_id=asked.last_id
    ),
    "malignancy_answer": lambda asked: malignancy_words.patients_with_answers(
        first_id=asked.first_id, last_id=asked.last_id
    ),
    "malignancy_death": lambda asked: malignancy_words.patients_with_cause_of_death(
        first_id=asked.first_id, last_id=asked.last_id
    ),
}


def _meeting(condition: Condition, asked: _Asked) -> set[int]:
    if condition in _OF_LABS:
        kind, meeting = _OF_LABS[condition]
        labs = asked.labs(kind)
        # No patient whose results cannot be read is cleared.
        return meeting(labs, asked) | labs.unknown
    return _OTHERS[condition](asked)
