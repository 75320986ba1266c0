"""Keeping ready what the pre-selection reads: results packed, reports screened.

Whoever does not keep it ready chooses the same patients, only slower. Called outside of any transaction;
each batch is its own, so that a stop half-way keeps what was done.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from registry.access.scope import EVERYTHING, acting
from registry.models import ReportScreening
from registry.monitoring.catalogue import RULES
from registry.monitoring.rule import Rule
from registry.queries.malignancy_words import lists_in_force, reports, unread_reports
from registry.queries.packed_labs import PACKED, Packing
from registry.queries.preselection import LAB_CONDITIONS, packing_for

# Patients packed, or reports screened, in one transaction.
_AT_ONCE = 1_000
_LOWEST_ID, _HIGHEST_ID = 1, 2**63 - 1

# One at a time: of two who pack one patient the slower could store what the faster has already replaced.
_PACKING_LOCK = 75

_TO_PACK = """
    SELECT p.id FROM registry_patient p
    LEFT JOIN registry_packedlabs l ON l.patient_id = p.id AND l.packed_as = %(packed_as)s
    WHERE p.id BETWEEN %(first)s AND %(last)s
      AND (l.patient_id IS NULL OR EXISTS (SELECT FROM registry_labstorepack n WHERE n.patient_id = p.id))
    ORDER BY p.id
"""
_PACK = f"""
    INSERT INTO registry_packedlabs (patient_id, packed_as, counts, others)
    SELECT packed.patient_id, %(packed_as)s, packed.counts, packed.others FROM ({PACKED}) AS packed
    ON CONFLICT (patient_id) DO UPDATE
        SET packed_as = excluded.packed_as, counts = excluded.counts, others = excluded.others
"""  # noqa: S608 - text of queries/packed_labs.py


def keep_ready(
    *, rules: Sequence[Rule] = RULES, first_id: int | None = None, last_id: int | None = None
) -> None:
    """Pack results that changed and screen reports not yet read, as far as the conditions of rules read them.

    Of the patients in a range of ids.
    """
    conditions = {condition for rule in rules for condition in rule.needs.any_of}
    # Canaries have negative ids and are never kept ready, so that every night reads some patients from raw.
    first_id = _LOWEST_ID if first_id is None else max(first_id, _LOWEST_ID)
    last_id = _HIGHEST_ID if last_id is None else last_id
    if conditions & LAB_CONDITIONS:
        _pack_labs(first_id, last_id)
    if "malignancy_report" in conditions:
        _screen_reports(first_id, last_id)


def _pack_labs(first_id: int, last_id: int) -> None:
    packings = {packing.name: packing for packing in (packing_for(limits=rule.limits) for rule in RULES)}
    if len(packings) > 1:
        return  # rules in force that differ in their limits cannot share what is kept ready
    (packing,) = packings.values()
    with acting(rows=EVERYTHING):
        asked = {"packed_as": packing.name, "first": first_id, "last": last_id}
        ids = [row[0] for row in _rows(_TO_PACK, asked)]
    for start in range(0, len(ids), _AT_ONCE):
        with acting(rows=EVERYTHING):
            _pack(packing, ids[start : start + _AT_ONCE])


def _pack(packing: Packing, ids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PACKING_LOCK])
        # Before the results are read: a change that is committed from here on keeps its note.
        cursor.execute("SELECT id FROM registry_labstorepack WHERE patient_id = ANY (%s)", [ids])
        notes = [row[0] for row in cursor.fetchall()]
        cursor.execute(_PACK, {**packing.parameters, "packed_as": packing.name, "ids": ids})
        cursor.execute("DELETE FROM registry_labstorepack WHERE id = ANY (%s)", [notes])


def _screen_reports(first_id: int, last_id: int) -> None:
    with acting(rows=EVERYTHING):
        events, follow_ups = unread_reports(first_id=first_id, last_id=last_id)
        lists = lists_in_force()
    for start in range(0, max(len(events), len(follow_ups)), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        with acting(rows=EVERYTHING):
            # Locked, so that nobody changes a report between its reading and the note of what it said.
            # Only who corrects a first report would wait; follow-ups are added without waiting.
            ReportScreening.objects.bulk_create(
                [
                    ReportScreening(
                        event_id=report.event,
                        number=report.number,
                        patient_id=report.patient,
                        lists=lists,
                        names_malignancy=report.names_malignancy,
                    )
                    for report in reports(events=events[part], follow_ups=follow_ups[part], locked=True)
                ],
                update_conflicts=True,
                unique_fields=["event", "number"],
                update_fields=["lists", "names_malignancy"],
            )


def _rows(sql: str, parameters: dict[str, Any]) -> list[tuple[int, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()
