"""Which answers of the rules stand, and of whom a rule must be asked again (decision 22).

A rule is a function of the record and the date (rules.md G-2). So what it said of a patient stands until the
record changes, or the day comes on which the calendar may change the answer. Every change leaves a note in
AnswersToRenew in its own transaction; an answer keeps in one number the notes that were there before the
record was read for it. Notes that came later make another number, whenever and in whatever order they were
committed.

The number is the exclusive or of the hashed ids of the notes: 0 without any. Once somebody has judged, a
patient's notes are replaced by one new note, in the numbers of the answers too and in the same statement:
what stood before stands after, and nothing else. Since no set of notes ever comes back, an answer that is
kept late, about a record as it was read before somebody else judged, does not stand.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection

from registry.queries.evidence import Span
from registry.queries.fingerprints import InForce


@dataclass(slots=True)
class Standing:
    """How a rule stands with a range of patients, or a few, on the date they are judged.

    `in_scope`: how many it judges; of these `unchanged` were judged before and their answers stand, others
    were clear and still are. `to_ask`: by id whose answer does not stand, or who has none.
    """

    in_scope: int = 0
    unchanged: int = 0
    to_ask: list[int] = field(default_factory=list)


# Whoever the rules look at: enrolled, or with an alert that may have lost its ground; with the notes now.
_THEM = """
    sites AS MATERIALIZED (
        SELECT id, coalesce(%(as_of)s::date, (%(at)s::timestamptz AT TIME ZONE time_zone)::date) AS today
        FROM registry_site
    ), them AS MATERIALIZED (
        SELECT p.id, sites.today, coalesce(renew.notes, 0) AS notes,
               coalesce(p.enrolled_on <= sites.today AND course.first_day_zero <= sites.today, false)
                   AS is_in_scope
        FROM registry_patient p
        JOIN sites ON sites.id = p.site_id
        LEFT JOIN (SELECT patient_id, min(day_zero) AS first_day_zero FROM registry_course
                   WHERE patient_id {of} GROUP BY patient_id) AS course
            ON course.patient_id = p.id
        LEFT JOIN (SELECT patient_id, bit_xor(hashint8extended(id, 0)) AS notes FROM registry_answerstorenew
                   WHERE patient_id {of} GROUP BY patient_id) AS renew
            ON renew.patient_id = p.id
        WHERE p.id {of}
          AND (p.enrolled_on IS NOT NULL
               OR p.id IN (SELECT a.patient_id FROM registry_alert a WHERE a.patient_id {of}))
    )
"""
# Below, each rule is a bit by its place among the numbers; the number of an answer tells its rule.
_BIT = "1 << array_position(%(numbers)s::bigint[], j.answered_as) - 1"
# Of nearly everybody all answers stand. Each patient's are made one row before anything is joined; whose
# answers stand at the date of some sites only are looked at one by one.
_WHOSE_ALL_STAND = f"""
    WITH {_THEM.format(of="BETWEEN %(first)s AND %(last)s")}, kept AS (
        SELECT j.patient_id, count(*) AS answers, min(j.notes) AS lowest, max(j.notes) AS highest,
               coalesce(bit_or({_BIT}) FILTER (WHERE NOT j.is_clear), 0) AS unchanged
        FROM registry_judgement j
        WHERE j.answered_as = ANY (%(numbers)s) AND j.patient_id BETWEEN %(first)s AND %(last)s
          AND j.as_of <= (SELECT min(today) FROM sites)
          AND (j.wake_on IS NULL OR j.wake_on > (SELECT max(today) FROM sites))
          AND NOT %(anew)s
        GROUP BY j.patient_id
    ), looked_at AS (
        SELECT them.id, them.is_in_scope, kept.unchanged,
               coalesce(kept.answers = cardinality(%(numbers)s::bigint[])
                        AND kept.lowest = them.notes AND kept.highest = them.notes, false) AS all_stand
        FROM them LEFT JOIN kept ON kept.patient_id = them.id
    )
    SELECT is_in_scope, CASE WHEN all_stand THEN unchanged END, CASE WHEN NOT all_stand THEN id END, count(*)
    FROM looked_at GROUP BY 1, 2, 3
"""  # noqa: S608 - text of this module
_OF_EACH = f"""
    WITH {_THEM.format(of="= ANY (%(ids)s)")}, looked_at AS (
        SELECT them.id, them.is_in_scope, coalesce(bit_or({_BIT}), 0) AS stands,
               coalesce(bit_or({_BIT}) FILTER (WHERE NOT j.is_clear), 0) AS unchanged
        FROM them
        LEFT JOIN registry_judgement j
            ON j.patient_id = them.id AND j.notes = them.notes AND j.answered_as = ANY (%(numbers)s)
            AND j.as_of <= them.today AND (j.wake_on IS NULL OR them.today < j.wake_on)
            AND j.patient_id = ANY (%(ids)s) AND NOT %(anew)s
        GROUP BY them.id, them.is_in_scope
    )
    SELECT is_in_scope, stands, unchanged, array_agg(id) FROM looked_at GROUP BY 1, 2, 3
"""  # noqa: S608 - text of this module
_NOTES = """
    SELECT patient_id, bit_xor(hashint8extended(id, 0)), array_agg(id) FROM registry_answerstorenew
    WHERE {0} GROUP BY patient_id
"""


def standings(
    *, by: InForce, as_of: date | None, at: datetime, span: Span, anew: bool = False
) -> dict[str, Standing]:
    """Return how each rule stands with the patients of a range; `anew`: as if it had never been asked."""
    asked: dict[str, Any] = {
        "numbers": list(by.numbers.values()),
        "as_of": as_of,
        "at": at,
        "first": span.first_id,
        "last": span.last_id,
        "anew": anew,
    }
    found = {rule: Standing() for rule in by.numbers}
    others: list[int] = []
    with connection.cursor() as cursor:
        cursor.execute(_WHOSE_ALL_STAND, asked)
        for is_in_scope, unchanged, other, patients in cursor.fetchall():
            if other is None:
                _count(found, is_in_scope=is_in_scope, unchanged=unchanged, patients=patients)
            else:
                others.append(other)
        cursor.execute(_OF_EACH, {**asked, "ids": others})
        for is_in_scope, stands, unchanged, ids in cursor.fetchall():
            _count(found, is_in_scope=is_in_scope, unchanged=unchanged, patients=len(ids))
            for place, standing in enumerate(found.values()):
                if not stands & 1 << place:
                    standing.to_ask += ids
    for standing in found.values():
        standing.to_ask.sort()
    return found


def _count(found: Mapping[str, Standing], *, is_in_scope: bool, unchanged: int, patients: int) -> None:
    """Count patients who are alike; `unchanged`: the rules that answered them, a bit for each."""
    if is_in_scope:
        for place, standing in enumerate(found.values()):
            standing.in_scope += patients
            standing.unchanged += patients if unchanged & 1 << place else 0


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of some patients, read before their records: by patient their number, and their ids."""

    numbers: Mapping[int, int]
    ids: Mapping[int, Sequence[int]]

    def of(self, patient_id: int) -> int:
        return self.numbers.get(patient_id, 0)

    def only(self, patient_ids: Iterable[int]) -> "Notes":
        few = [patient_id for patient_id in patient_ids if patient_id in self.ids]
        return Notes({pk: self.numbers[pk] for pk in few}, {pk: self.ids[pk] for pk in few})


NO_NOTES = Notes({}, {})


def notes_of(*, patient_ids: Sequence[int]) -> Notes:
    """Return the notes of these patients; read them first, and the records after."""
    return _notes("patient_id = ANY (%(ids)s)", {"ids": list(patient_ids)})


def notes_in(*, span: Span) -> Notes:
    """Return the notes of the patients of a range; read them first, and the records after."""
    return _notes("patient_id BETWEEN %(first)s AND %(last)s", {"first": span.first_id, "last": span.last_id})


def _notes(where: str, asked: Mapping[str, Any]) -> Notes:
    with connection.cursor() as cursor:
        cursor.execute(_NOTES.format(where), asked)
        rows = cursor.fetchall()
    return Notes(
        {patient_id: number for patient_id, number, _ in rows},
        {patient_id: notes for patient_id, _, notes in rows},
    )


def answered_today(*, by: InForce, days: Mapping[int, date], notes: Notes) -> set[int]:
    """Return of which patients, each on their day, the answers of all these rules stand."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT j.patient_id
            FROM unnest(%(ids)s::bigint[], %(days)s::date[], %(notes)s::bigint[]) AS them (id, today, notes)
            JOIN registry_judgement j
                ON j.patient_id = them.id AND j.answered_as = ANY (%(numbers)s) AND j.notes = them.notes
                AND j.patient_id = ANY (%(ids)s) -- or the whole table is read for a few
                AND j.as_of <= them.today AND (j.wake_on IS NULL OR them.today < j.wake_on)
            GROUP BY j.patient_id HAVING count(*) = cardinality(%(numbers)s::bigint[])
            """,
            {
                "ids": list(days),
                "days": list(days.values()),
                "notes": [notes.of(patient_id) for patient_id in days],
                "numbers": list(by.numbers.values()),
            },
        )
        return {row[0] for row in cursor.fetchall()}
