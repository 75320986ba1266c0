"""Which change of a patient's record came last: named when an alert loses its ground (rules.md G-8)."""

from collections.abc import Sequence

from django.db import connection

# What a rule may have seen; alerts and their moves are the answer, not the question.
_RECORD = (
    "registry_patient",
    "registry_course",
    "registry_infusion",
    "registry_visit",
    "registry_labresult",
    "registry_supportivetreatment",
    "registry_adverseevent",
    "registry_adverseeventfollowup",
)
_WORDS = {"I": "entered", "U": "changed", "D": "removed"}


def latest_changes(*, patient_ids: Sequence[int]) -> dict[int, str]:
    """Return for each patient the latest recorded change of their record, in words without values."""
    if not patient_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT latest.patient_id, latest.tbl, latest.op, latest.pk, latest.reason, latest.at
            FROM unnest(%s::bigint[]) AS p (id)
            CROSS JOIN LATERAL (
                SELECT e.* FROM audit.event e
                WHERE e.patient_id = p.id AND e.tbl = ANY (%s) ORDER BY e.id DESC LIMIT 1
            ) AS latest
            """,
            [list(patient_ids), list(_RECORD)],
        )
        rows = cursor.fetchall()
    return {
        patient_id: (
            f"{tbl.removeprefix('registry_')} {pk} was {_WORDS[op]} at {at:%Y-%m-%d %H:%M} UTC"
            + (f": {reason}" if reason else "")
        )
        for patient_id, tbl, op, pk, reason, at in rows
    }
