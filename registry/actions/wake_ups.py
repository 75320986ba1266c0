"""Keeping what a rule answered of a patient, and until when the answer stands (decision 22)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from django.db import connection

from registry.actions.alerts import Judged
from registry.monitoring.rule import Rule
from registry.queries.answers import Notes
from registry.queries.fingerprints import InForce

# Answers as they would be kept, one row each; equal ones are not written again.
_KEEP = """
    INSERT INTO registry_judgement AS kept (patient_id, rule, rule_version, at, as_of, wake_on, seen,
                                            answered_as, notes, is_clear)
    SELECT new.patient_id, asked.rule, asked.version, %(at)s, new.as_of, new.wake_on, new.seen,
           asked.number, new.notes, %(is_clear)s
    FROM unnest(%(of)s::int[], %(ids)s::bigint[], %(as_of)s::date[], %(wakes)s::date[], %(seen)s::bigint[],
                %(notes)s::bigint[]) AS new (rule, patient_id, as_of, wake_on, seen, notes)
    JOIN unnest(%(rules)s::text[], %(versions)s::int[], %(numbers)s::bigint[]) WITH ORDINALITY
        AS asked (rule, version, number, position) ON asked.position = new.rule
    LEFT JOIN registry_judgement old ON old.patient_id = new.patient_id AND old.rule = asked.rule
        AND old.patient_id = ANY (%(ids)s) -- or the whole table is read for a few
    WHERE NOT %(if_other)s OR old.rule IS NULL
       OR (old.wake_on, old.seen, old.answered_as, old.notes, old.is_clear, old.rule_version)
          IS DISTINCT FROM (new.wake_on, new.seen, asked.number, new.notes, %(is_clear)s, asked.version)
       OR old.as_of > new.as_of
    ORDER BY new.patient_id, asked.rule
    ON CONFLICT (patient_id, rule) DO UPDATE
    SET rule_version = excluded.rule_version, at = excluded.at, as_of = excluded.as_of,
        wake_on = excluded.wake_on, seen = excluded.seen, answered_as = excluded.answered_as,
        notes = excluded.notes, is_clear = excluded.is_clear
"""
_REPLACE_NOTES = """
    WITH gone AS (DELETE FROM registry_answerstorenew WHERE id = ANY (%(ids)s) RETURNING patient_id, id),
    instead AS (INSERT INTO registry_answerstorenew (patient_id) SELECT DISTINCT patient_id FROM gone
                RETURNING patient_id, id),
    changed AS (SELECT patient_id, bit_xor(hashint8extended(id, 0)) AS number
                FROM (SELECT * FROM gone UNION ALL SELECT * FROM instead) AS each GROUP BY patient_id),
    carried AS (UPDATE registry_judgement j SET notes = j.notes # changed.number FROM changed
                WHERE j.patient_id = changed.patient_id AND j.patient_id = ANY (%(patients)s)
                  AND (%(carried)s::bigint[] IS NULL OR j.patient_id = ANY (%(carried)s)))
    SELECT patient_id, hashint8extended(id, 0), id FROM instead
"""


def note_judgements(
    *,
    judged: Sequence[tuple[Rule, Sequence[Judged]]],
    by: InForce,
    at: datetime,
    is_whole: bool,
    notes: Notes,
    numbers: Mapping[str, Mapping[int, int]] | None = None,
    again_on: date | None = None,
) -> None:
    """Keep for each patient what each rule answered when, and the day from which it must judge them again.

    `by` and `notes` were read before the records. `numbers`: the fingerprints of the records by rule, where
    they were taken. A whole run is its own proof of when, so it writes only what it changes. `again_on`
    replaces the day: who was judged as of another date than today is to be judged again.
    """
    numbers = numbers or {}
    rows = [
        (
            position,
            each.patient_id,
            each.as_of,
            again_on or each.wake_on,
            numbers.get(rule.key, {}).get(each.patient_id),
            notes.of(each.patient_id),
        )
        for position, (rule, those) in enumerate(judged, start=1)
        for each in those
    ]
    _keep([rule for rule, _ in judged], rows, by, at=at, is_clear=False, if_other=is_whole)


def note_clear(
    *, rule: Rule, by: InForce, wakes: Mapping[int, date | None], on: date, at: datetime, notes: Notes
) -> None:
    """Keep of which patients a rule could find nothing from `on`, each until the day the calendar calls.

    With the patients locked: who judges them at the same time would wait for one row and hold another.
    """
    rows = [(1, patient_id, on, wake_on, None, notes.of(patient_id)) for patient_id, wake_on in wakes.items()]
    _keep([rule], rows, by, at=at, is_clear=True, if_other=True)


def _keep(
    rules: Sequence[Rule],
    rows: Sequence[tuple[int, int, date, date | None, int | None, int]],
    by: InForce,
    *,
    at: datetime,
    is_clear: bool,
    if_other: bool,
) -> None:
    if not rows:
        return
    of, ids, as_of, wakes, seen, notes = (list(column) for column in zip(*rows, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP,
            {
                "rules": [rule.key for rule in rules],
                "versions": [rule.version for rule in rules],
                "numbers": [by.numbers[rule.key] for rule in rules],
                "at": at,
                "is_clear": is_clear,
                "if_other": if_other,
                "of": of,
                "ids": ids,
                "as_of": as_of,
                "wakes": wakes,
                "seen": seen,
                "notes": notes,
            },
        )


def not_kept_as_clear(
    *, rule: Rule, by: InForce, wakes: Mapping[int, date | None], on: date, notes: Notes
) -> list[int]:
    """Return of whom `note_clear` would change what is kept: in a run from raw nearly nobody."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT new.patient_id
            FROM unnest(%(ids)s::bigint[], %(wakes)s::date[], %(notes)s::bigint[])
                AS new (patient_id, wake_on, notes)
            LEFT JOIN registry_judgement old ON old.patient_id = new.patient_id AND old.rule = %(rule)s
            WHERE old.rule IS NULL OR old.as_of > %(on)s
               OR (old.wake_on, old.seen, old.answered_as, old.notes, old.is_clear, old.rule_version)
                  IS DISTINCT FROM (new.wake_on, NULL, %(number)s, new.notes, true, %(version)s)
            ORDER BY new.patient_id
            """,
            {
                "rule": rule.key,
                "version": rule.version,
                "number": by.numbers[rule.key],
                "on": on,
                "ids": list(wakes),
                "wakes": list(wakes.values()),
                "notes": [notes.of(patient_id) for patient_id in wakes],
            },
        )
        return [row[0] for row in cursor.fetchall()]


def note_same_record(*, rule: Rule, by: InForce, patient_ids: Sequence[int], notes: Notes) -> None:
    """Let answers stand that were given on the very record that a fingerprint has just found again.

    With the patients locked, as `note_clear`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE registry_judgement j SET answered_as = %(number)s, notes = them.notes, is_clear = false
            FROM unnest(%(ids)s::bigint[], %(notes)s::bigint[]) AS them (id, notes)
            WHERE j.patient_id = them.id AND j.rule = %(rule)s AND j.patient_id = ANY (%(ids)s)
              AND (j.answered_as, j.notes, j.is_clear) IS DISTINCT FROM (%(number)s, them.notes, false)
            """,
            {
                "rule": rule.key,
                "number": by.numbers[rule.key],
                "ids": list(patient_ids),
                "notes": [notes.of(patient_id) for patient_id in patient_ids],
            },
        )


def withdraw_answers(*, of: Sequence[tuple[int, str]]) -> None:
    """Rely no longer on what a rule answered of a patient for whom it has failed since."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE registry_judgement j SET answered_as = NULL
            FROM unnest(%(ids)s::bigint[], %(rules)s::text[]) AS failed (id, rule)
            WHERE j.patient_id = failed.id AND j.rule = failed.rule
            """,
            {"ids": [patient_id for patient_id, _ in of], "rules": [rule for _, rule in of]},
        )


def replace_notes(*, notes: Notes, carried: Collection[int] | None = None) -> Notes:
    """Replace notes by a new one for each patient, and in all answers, which stand as they did before.

    `carried`: only in the answers of these patients; those of the others stand no longer. Returns the notes
    with the new ones. With the patients locked, as `note_clear`.
    """
    if not notes.ids:
        return notes
    with connection.cursor() as cursor:
        cursor.execute(
            _REPLACE_NOTES,
            {
                "ids": [note for its in notes.ids.values() for note in its],
                "patients": list(notes.ids),
                "carried": None if carried is None else list(carried),
            },
        )
        rows = cursor.fetchall()
    return Notes(
        {patient_id: number for patient_id, number, _ in rows},
        {patient_id: [note] for patient_id, _, note in rows},
    )
