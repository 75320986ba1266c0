"""Which change of a patient's record came last: named when an alert loses its ground (rules.md G-8)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

_WORDS = {"I": "entered", "U": "changed", "D": "removed"}
# What a rule may have seen, and what a person calls it: the words, and the columns that say which one and of
# when. Alerts and their moves are the answer, not the question.
_CALLED = {
    "registry_patient": ("the patient's entry", "", ""),
    "registry_course": ("course", "", "day_zero"),
    "registry_infusion": ("infusion", "", "infused_on"),
    "registry_visit": ("visit", "code", "visited_on"),
    "registry_labresult": ("result", "analyte", "collected_on"),
    "registry_supportivetreatment": ("supportive treatment", "", "given_on"),
    "registry_adverseevent": ("adverse event", "", "started_on"),
    "registry_adverseeventfollowup": ("follow-up report", "", "reported_on"),
}


def latest_changes(*, patient_ids: Sequence[int]) -> dict[int, str]:
    """Return for each patient the latest recorded change of their record, in words without values."""
    if not patient_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT latest.patient_id, latest.tbl, latest.op, latest.reason, latest.at,
                   -- A change records only the columns that changed; which row it was stands at its making.
                   coalesce(made.new, '{}') || coalesce(latest.old, '{}') || coalesce(latest.new, '{}')
            FROM unnest(%s::bigint[]) AS p (id)
            CROSS JOIN LATERAL (
                SELECT e.* FROM audit.event e
                WHERE e.patient_id = p.id AND e.tbl = ANY (%s) ORDER BY e.id DESC LIMIT 1
            ) AS latest
            LEFT JOIN LATERAL (
                SELECT i.new FROM audit.event i
                WHERE i.tbl = latest.tbl AND i.pk = latest.pk AND i.op = 'I' ORDER BY i.id DESC LIMIT 1
            ) AS made ON true
            """,
            [list(patient_ids), list(_CALLED)],
        )
        rows = cursor.fetchall()
    return {
        patient_id: (
            f"{_called(tbl, json.loads(row))} was {_WORDS[op]} at {at:%Y-%m-%d %H:%M} UTC"
            + (f": {reason}" if reason else "")
        )
        for patient_id, tbl, op, reason, at, row in rows
    }


def _called(tbl: str, row: Mapping[str, Any]) -> str:
    """Say which row it was: `D28 visit of 2024-03-29`, never by its number."""
    words, which, of = _CALLED[tbl]
    named = f"{row[which]} {words}" if which else words
    return f"{named} of {row[of]}" if of and row.get(of) else named
