"""Noting when a patient was judged and when the calendar calls again."""

from collections.abc import Mapping, Sequence
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
    numbers: Mapping[int, int] | None = None,
    again_on: date | None = None,
) -> None:
    """Keep for each patient when the rule judged them, and the day from which it must judge them again.

    `numbers`: the fingerprints of the records, where they were taken. A whole run is its own proof of
    when, so without them it writes only what it changes. `again_on` replaces the day: who was judged as of
    another date than today is to be judged again.
    """
    numbers = numbers or {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO registry_judgement (patient_id, rule, rule_version, at, as_of, wake_on, seen)
            SELECT new.patient_id, %(rule)s, %(version)s, %(at)s, new.as_of, new.wake_on, new.seen
            FROM unnest(%(ids)s::bigint[], %(as_of)s::date[], %(wakes)s::date[], %(seen)s::bigint[])
                 AS new (patient_id, as_of, wake_on, seen)
            LEFT JOIN registry_judgement old ON old.patient_id = new.patient_id AND old.rule = %(rule)s
            WHERE NOT %(is_whole)s OR new.seen IS NOT NULL
               OR (old.rule IS NULL AND new.wake_on IS NOT NULL)
               OR (old.rule IS NOT NULL AND (old.wake_on IS DISTINCT FROM new.wake_on
                                             OR old.seen IS NOT NULL -- of a record that may have changed
                                             OR old.rule_version <> %(version)s))
            ON CONFLICT (patient_id, rule) DO UPDATE
            SET rule_version = excluded.rule_version, at = excluded.at, as_of = excluded.as_of,
                wake_on = excluded.wake_on, seen = excluded.seen
            """,
            {
                "rule": rule.key,
                "version": rule.version,
                "at": at,
                "ids": [each.patient_id for each in judged],
                "as_of": [each.as_of for each in judged],
                "wakes": [again_on or rule.wake_on(each.history, each.as_of) for each in judged],
                "seen": [numbers.get(each.patient_id) for each in judged],
                "is_whole": is_whole,
            },
        )
