"""Noting when a patient was judged and when the calendar calls again."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import connection

from registry.actions.alerts import Judged
from registry.monitoring.rule import Rule


def note_judgements(
    *,
    rule: Rule,
    judged: Sequence[Judged],
    at: datetime,
    is_whole: bool,
    again_on: date | None = None,
) -> None:
    """Keep for each patient when the rule judged them, and the day from which it must judge them again.

    A whole run is its own proof of when, so it writes only what it changes. `again_on` replaces the day:
    who was judged as of another date than today is to be judged again.
    """
    if is_whole:
        noted = _noted(rule, [each.patient_id for each in judged])
        judged = [each for each in judged if not _still_holds(noted.get(each.patient_id), each.as_of)]
    wakes = [again_on or rule.wake_on(each.history, each.as_of) for each in judged]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO registry_judgement (patient_id, rule, rule_version, at, as_of, wake_on)
            SELECT new.patient_id, %(rule)s, %(version)s, %(at)s, new.as_of, new.wake_on
            FROM unnest(%(ids)s::bigint[], %(as_of)s::date[], %(wakes)s::date[])
                 AS new (patient_id, as_of, wake_on)
            LEFT JOIN registry_judgement old ON old.patient_id = new.patient_id AND old.rule = %(rule)s
            WHERE NOT %(is_whole)s
               OR (old.rule IS NULL AND new.wake_on IS NOT NULL)
               OR (old.rule IS NOT NULL AND (old.wake_on IS DISTINCT FROM new.wake_on
                                             OR old.rule_version <> %(version)s))
            ON CONFLICT (patient_id, rule) DO UPDATE
            SET rule_version = excluded.rule_version, at = excluded.at, as_of = excluded.as_of,
                wake_on = excluded.wake_on
            """,
            {
                "rule": rule.key,
                "version": rule.version,
                "at": at,
                "ids": [each.patient_id for each in judged],
                "as_of": [each.as_of for each in judged],
                "wakes": wakes,
                "is_whole": is_whole,
            },
        )


def _noted(rule: Rule, patient_ids: Sequence[int]) -> dict[int, tuple[date, date | None]]:
    """Return by patient when this version noted which day to wake on; not of those who changed since."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT patient_id, as_of, wake_on FROM registry_judgement j
            WHERE patient_id = ANY (%(ids)s) AND rule = %(rule)s AND rule_version = %(version)s
              AND NOT EXISTS (SELECT FROM registry_waitingevaluation w WHERE w.patient_id = j.patient_id)
            """,
            {"ids": list(patient_ids), "rule": rule.key, "version": rule.version},
        )
        return {patient_id: (as_of, wake_on) for patient_id, as_of, wake_on in cursor.fetchall()}


def _still_holds(noted: tuple[date, date | None] | None, as_of: date) -> bool:
    """Say whether a day noted on an earlier date need not be worked out again."""
    if noted is None:
        return False
    noted_on, wake_on = noted
    return noted_on <= as_of and (wake_on is None or wake_on > as_of)
