"""A number for everything that a rule sees of a patient: the same number, the same record.

A rule is a function of the record and the date (rules.md G-2). So whoever was judged by the same version,
limits, lists and code on a record with this number, and is not called by the calendar, would be answered the
same; a whole run compares the numbers in place of judging again. They are taken from the record itself and
trust no note of what changed.

Sixty-four bits: two records of one patient agree by chance once in 10^19 changes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from django.db import connection

from registry.monitoring.rule import Kind, Rule
from registry.queries.evidence import Candidate
from registry.queries.malignancy_words import lists_in_force

# The files that choose and read patients for the rules.
_READS = (
    "answers.py",
    "closed_windows.py",
    "evidence.py",
    "fingerprints.py",
    "lab_conditions.py",
    "malignancy_words.py",
    "packed_labs.py",
    "preselection.py",
)

_PATIENTS = """
    SELECT p.id, hash_record_extended(ROW(p.enrolled_on, p.follow_up_ended_on, p.follow_up_end_reason,
                                          p.cause_of_death), 1)
    FROM registry_patient p WHERE p.id = ANY (%(ids)s)
"""
_COURSES = """
    SELECT patient_id, bit_xor(hash_record_extended(ROW(id, day_zero), 2))
    FROM registry_course WHERE patient_id = ANY (%(ids)s) GROUP BY patient_id
"""
_LABS = """
    SELECT patient_id, bit_xor(hash_record_extended(ROW(id, analyte, collected_on, value, comparator), 3))
    FROM registry_labresult
    WHERE patient_id = ANY (%(ids)s) AND analyte = ANY (%(analytes)s) AND superseded_at IS NULL
    GROUP BY patient_id
"""
_SCHEDULES = """
    SELECT p.id, schedules.number FROM registry_patient p JOIN (
        SELECT s.study_id, bit_xor(hash_record_extended(ROW(
            s.version, s.effective_from, v.code, v."offset", v.offset_unit, v.days_before, v.days_after,
            v.mode, v.repeats_yearly), 4)) AS number
        FROM registry_visitschedule s JOIN registry_scheduledvisit v ON v.schedule_id = s.id
        GROUP BY s.study_id
    ) AS schedules ON schedules.study_id = p.study_id
    WHERE p.id = ANY (%(ids)s)
"""
_VISITS = """
    SELECT patient_id, bit_xor(hash_record_extended(ROW(
        id, course_id, code, status, visited_on, new_malignancy, new_malignancy_text, entered_at), 5))
    FROM registry_visit WHERE patient_id = ANY (%(ids)s) GROUP BY patient_id
"""
_SUPPORTS = """
    SELECT patient_id, bit_xor(hash_record_extended(ROW(id, given_on, kind), 6))
    FROM registry_supportivetreatment WHERE patient_id = ANY (%(ids)s) GROUP BY patient_id
"""
_EVENTS = """
    SELECT patient_id, bit_xor(hash_record_extended(ROW(
        id, event_id, category, started_on, ended_on, aware_on, term, coded_term, code_system, code,
        narrative), 7))
    FROM registry_adverseevent WHERE patient_id = ANY (%(ids)s) GROUP BY patient_id
"""
_FOLLOW_UPS = """
    SELECT patient_id, bit_xor(hash_record_extended(ROW(
        id, event_id, number, reported_on, term, coded_term, code_system, code, narrative), 8))
    FROM registry_adverseeventfollowup WHERE patient_id = ANY (%(ids)s) GROUP BY patient_id
"""
_OF_KIND: Mapping[Kind, tuple[str, ...]] = {
    "visits": (_VISITS, _SCHEDULES),
    "supports": (_SUPPORTS,),
    "events": (_EVENTS, _FOLLOW_UPS),
}


# The numbers of parts of the record, by what was asked: what rules asked one after the other share.
Parts = dict[tuple[str, tuple[str, ...]], dict[int, int]]


def fingerprints(*, rule: Rule, patient_ids: Sequence[int], parts: Parts | None = None) -> dict[int, int]:
    """Return the number of each patient's record as the rule in force would see it.

    To be kept with a judgement it must be taken before the history is read: what changes in between then
    leaves a number that no longer fits, and is judged again.
    """
    asked = [_PATIENTS, _COURSES, *(_LABS for _ in rule.reads_labs[:1])]
    asked += [sql for kind in sorted(rule.reads) for sql in _OF_KIND[kind]]
    numbers = dict.fromkeys(patient_ids, in_force(rules=[rule]).numbers[rule.key])
    for sql in asked:
        known = ({} if parts is None else parts).setdefault(
            (sql, rule.reads_labs if sql is _LABS else ()), {}
        )
        _learn(sql, rule, known, [patient_id for patient_id in patient_ids if patient_id not in known])
        for patient_id in patient_ids:
            numbers[patient_id] ^= known[patient_id]
    return numbers


def _learn(sql: str, rule: Rule, known: dict[int, int], patient_ids: Sequence[int]) -> None:
    known.update(dict.fromkeys(patient_ids, 0))  # who has no such rows
    if patient_ids:
        with connection.cursor() as cursor:
            cursor.execute(sql, {"ids": list(patient_ids), "analytes": list(rule.reads_labs)})
            known.update(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class InForce:
    """What answers depend on besides the record and the date: the lists in force, and a number for each rule.

    The number stands for the rule's version and limits, the lists, and the code that chooses, reads and
    judges.
    """

    lists: str
    numbers: Mapping[str, int]


def in_force(*, rules: Sequence[Rule]) -> InForce:
    """Return what these rules answer by; to be asked before the records are read."""
    lists = lists_in_force()
    numbers = {}
    for rule in rules:
        told: Any = [rule.key, rule.version, dict(rule.limits_as_json), lists, _how_records_are_read()]
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).digest()
        numbers[rule.key] = int.from_bytes(digest[:8], signed=True)
    return InForce(lists, numbers)


@cache
def _how_records_are_read() -> str:
    # A mistake mended in how patients are chosen, or a History is put together, must not leave the answers it
    # gave. The rules themselves are part of lists_in_force.
    told = b"".join((files("registry.queries") / name).read_bytes() for name in _READS)
    return hashlib.sha256(told).hexdigest()


def answered_before(*, rule: Rule, candidates: Sequence[Candidate], numbers: Mapping[int, int]) -> set[int]:
    """Return whom the rule would answer as it did: the same record, and the calendar does not call yet."""
    as_of = {candidate.patient_id: candidate.as_of for candidate in candidates}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT patient_id, seen, as_of, wake_on FROM registry_judgement j
            WHERE rule = %(rule)s AND seen IS NOT NULL AND patient_id = ANY (%(ids)s)
              AND NOT EXISTS (SELECT FROM registry_scanfailure f
                              WHERE f.patient_id = j.patient_id AND f.rule = j.rule AND f.settled_at IS NULL)
            """,
            {"rule": rule.key, "ids": list(as_of)},
        )
        return {
            patient_id
            for patient_id, seen, judged_as_of, wake_on in cursor.fetchall()
            if seen == numbers.get(patient_id)
            and judged_as_of <= as_of[patient_id]
            and (wake_on is None or as_of[patient_id] < wake_on)
        }
