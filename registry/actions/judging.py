"""Judging some patients by the rules and storing what they say.

One broken record blinds nobody and hides nothing: whatever a rule raises for a patient is survived here, and
told (rules.md G-9; broken_records.py).
"""

import gc
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from time import perf_counter

from django.db import connection, transaction

from registry.actions import alerts
from registry.actions.alerts import Counts, Judged
from registry.actions.broken_records import Survived
from registry.actions.wake_ups import note_judgements, replace_notes, withdraw_answers
from registry.models import ScanFailure, ScanRun
from registry.monitoring.catalogue import RULES
from registry.monitoring.rule import Rule
from registry.queries import evidence
from registry.queries.answers import Notes, answered_today, notes_of
from registry.queries.evidence import Candidate, PackedHistory
from registry.queries.fingerprints import InForce, in_force

logger = logging.getLogger(__name__)

# Key of PostgreSQL's advisory locks: one judge of a patient at a time.
_PATIENT_LOCK = 74


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that raised for a patient; `error` may name values and stays inside the database."""

    patient_id: int
    rule_key: str
    error: str


@dataclass(slots=True)
class Outcome:
    """What one rule came to in a batch."""

    counts: Counts
    failures: list[Failure]
    seconds: float = 0.0


def judge_patients(
    *,
    patient_ids: Sequence[int],
    as_of: date | None,
    at: datetime,
    late_since: Mapping[int, datetime] | None = None,
) -> list[Failure]:
    """Judge these patients by every rule in force, inside the caller's transaction; return the failures.

    Whom every rule has answered already on this record and this date is not judged again: a night was faster.
    `late_since`: see alerts.store_findings.
    """
    lock_patients(patient_ids=patient_ids)
    # Before the records are read: a change that is committed from here on keeps its note.
    by = in_force(rules=RULES)
    notes = notes_of(patient_ids=patient_ids)
    found = evidence.candidates(as_of=as_of, at=at, patient_ids=patient_ids)
    answered = answered_today(
        by=by, days={candidate.patient_id: candidate.as_of for candidate in found}, notes=notes
    )
    notes = replace_notes(notes=notes, carried=answered)
    outcomes = judge_batch(
        rules=RULES,
        by=by,
        batch=[candidate for candidate in found if candidate.patient_id not in answered],
        at=at,
        is_whole=False,
        notes=notes,
        late_since=late_since,
    )
    return [failure for outcome in outcomes.values() for failure in outcome.failures]


def judge_batch(
    *,
    rules: Sequence[Rule],
    by: InForce,
    batch: Sequence[Candidate],
    at: datetime,
    is_whole: bool,
    notes: Notes,
    whom: Mapping[str, Collection[int]] | None = None,
    late_since: Mapping[int, datetime] | None = None,
    again_on: date | None = None,
    numbers: Mapping[str, Mapping[int, int]] | None = None,
    runs: Mapping[str, ScanRun] | None = None,
) -> dict[str, Outcome]:
    """Judge a batch by all these rules from one reading of each record, and store it.

    When storing fails, it is done rule by rule, and patient by patient. `whom`: by rule, if not everybody.
    `by`, `notes`, `numbers`, `again_on`: see wake_ups.note_judgements; `late_since`, `is_whole`:
    alerts.store_findings; `runs`: what failures are entered with. Within `acting`, with the patients locked.
    """
    if not batch:
        return {rule.key: Outcome(Counts(), []) for rule in rules}
    judged: dict[str, list[Judged]] = {rule.key: [] for rule in rules}
    outcomes = {rule.key: Outcome(Counts(), []) for rule in rules}
    with _no_garbage_sought():
        asked = _judge_each(rules, by, batch, whom, judged, outcomes)

    def store(these: Sequence[tuple[Rule, Sequence[Judged]]]) -> None:
        with transaction.atomic():
            counts = alerts.store_findings(judged=these, at=at, is_whole=is_whole, late_since=late_since)
            note_judgements(
                judged=these,
                by=by,
                at=at,
                is_whole=is_whole,
                notes=notes,
                numbers=numbers,
                again_on=again_on,
            )
        for (rule, _), those_counts in zip(these, counts, strict=True):
            outcomes[rule.key].counts.add(those_counts)

    _store([(rule, judged[rule.key]) for rule in rules], store, outcomes)
    failed = [failure for outcome in outcomes.values() for failure in outcome.failures]
    note_failures(failed=failed, asked=asked, runs=runs or {}, at=at)
    return outcomes


def _judge_each(
    rules: Sequence[Rule],
    by: InForce,
    batch: Sequence[Candidate],
    whom: Mapping[str, Collection[int]] | None,
    judged: Mapping[str, list[Judged]],
    outcomes: Mapping[str, Outcome],
) -> list[tuple[int, str]]:
    """Read the records, judge each by the rules, and return which patients were judged by which."""
    histories = dict(
        evidence.packed_histories(
            patient_ids=[candidate.patient_id for candidate in batch],
            analytes=sorted({analyte for rule in rules for analyte in rule.reads_labs}),
            reads=frozenset(kind for rule in rules for kind in rule.reads),
            screened_as=by.lists,
        )
    )
    asked: list[tuple[int, str]] = []
    # Patient by patient: what one rule has worked out of a record the next one finds.
    for candidate in batch:
        packed = histories.get(candidate.patient_id)
        for rule in rules:
            if whom is not None and candidate.patient_id not in whom[rule.key]:
                continue
            asked.append((candidate.patient_id, rule.key))
            began = perf_counter()
            if packed is not None:
                with Survived() as judging:
                    judged[rule.key].append(_judged(rule, candidate, packed, is_kept=True))
                if judging.error is not None:
                    outcomes[rule.key].failures.append(_failure(rule, candidate.patient_id, judging.error))
            outcomes[rule.key].seconds += perf_counter() - began
    return asked


@contextmanager
def _no_garbage_sought() -> Iterator[None]:
    """Spare the search for cycles, a fifth of the time: histories have none, and a batch is small."""
    was_sought = gc.isenabled()
    try:
        # Inside: the end of a task's time comes between any two steps.
        gc.disable()
        yield
    finally:
        if was_sought:
            gc.enable()


def _store(
    judged: Sequence[tuple[Rule, Sequence[Judged]]],
    store: Callable[[Sequence[tuple[Rule, Sequence[Judged]]]], None],
    outcomes: Mapping[str, Outcome],
) -> None:
    """Store everything, or else what can be stored."""
    if sum(len(those) for _, those in judged) == 0:
        return
    with Survived() as storing:
        store(judged)
    if storing.error is None:
        return
    # The database refused a row.
    logger.error(
        "storing a batch failed, storing rule by rule and patient by patient", exc_info=storing.error
    )
    for rule, those in judged:
        if len(judged) > 1:
            _store([(rule, those)], store, outcomes)
            continue
        for each in those:
            with Survived() as storing:
                store([(rule, [each])])
            if storing.error is not None:
                outcomes[rule.key].failures.append(_failure(rule, each.patient_id, storing.error))


def judge_unstored(
    *, rule: Rule, batch: Sequence[Candidate], histories: Mapping[int, PackedHistory] | None = None
) -> tuple[list[Judged], list[Failure]]:
    """Judge a batch and store nothing: the findings, and for whom the rule raised."""
    judged: list[Judged] = []
    failures: list[Failure] = []
    if histories is None:
        ids = [candidate.patient_id for candidate in batch]
        histories = dict(
            evidence.packed_histories(patient_ids=ids, analytes=rule.reads_labs, reads=rule.reads)
        )
    for candidate in batch:
        packed = histories.get(candidate.patient_id)
        if packed is None:
            continue  # of a patient who is gone
        with Survived() as judging:
            judged.append(_judged(rule, candidate, packed))
        if judging.error is not None:
            failures.append(_failure(rule, candidate.patient_id, judging.error))
    return judged, failures


def _judged(rule: Rule, candidate: Candidate, packed: PackedHistory, *, is_kept: bool = False) -> Judged:
    """Judge one patient; `is_kept`: and say until when the answer stands. Raises what the rule raises."""
    # Of a record that is broken in one place, the rules that do not look there are not.
    history = packed.seen_by(rule)
    findings = rule.findings(history, candidate.as_of)
    wake_on = rule.wake_on(history, candidate.as_of) if is_kept else None
    return Judged(candidate.patient_id, candidate.as_of, history, findings, wake_on)


def _failure(rule: Rule, patient_id: int, error: Exception) -> Failure:
    logger.error("rule %s failed for patient %s: %s", rule.key, patient_id, type(error).__name__)
    return Failure(patient_id, rule.key, f"{type(error).__name__}: {error}"[:500])


def note_failures(
    *,
    failed: Sequence[Failure],
    asked: Sequence[tuple[int, str]],
    runs: Mapping[str, ScanRun],
    at: datetime,
) -> None:
    """Keep each failure against its patient and run; what is judged again without failing is settled.

    `asked`: patients with the rules that judged them now; `runs` by rule, if the rule has one.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE registry_scanfailure f SET settled_at = %(at)s
            FROM unnest(%(ids)s::bigint[], %(rules)s::text[]) AS asked (id, rule)
            WHERE f.settled_at IS NULL AND f.patient_id = asked.id AND f.rule = asked.rule
            """,
            {"at": at, "ids": [pk for pk, _ in asked], "rules": [rule for _, rule in asked]},
        )
    if failed:
        withdraw_answers(of=[(each.patient_id, each.rule_key) for each in failed])
        ScanFailure.objects.bulk_create(
            ScanFailure(
                run=runs.get(f.rule_key), patient_id=f.patient_id, rule=f.rule_key, at=at, error=f.error
            )
            for f in failed
        )


def lock_patients(*, patient_ids: Sequence[int]) -> None:
    """Let nobody else judge these patients until the transaction ends; saving forms does not wait for it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, id::int) FROM unnest(%s::bigint[]) AS id ORDER BY id",
            [_PATIENT_LOCK, sorted(patient_ids)],
        )
