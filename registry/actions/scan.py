"""Judging patients by the rules in force and storing what they say, with a ledger of every run.

Repeatable: the same record on the same date adds a run row and nothing else. One broken record blinds
nobody and hides nothing: this is the one place that catches whatever a rule raises (rules.md G-9).
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from time import perf_counter
from typing import Any, Literal

from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError, connection, transaction

from registry.access.scope import EVERYTHING, acting
from registry.actions import alerts
from registry.actions.alerts import Counts, Judged
from registry.models import ScanFailure, ScanRun, WaitingEvaluation
from registry.monitoring.catalogue import RULES
from registry.monitoring.rule import Rule
from registry.queries import evidence
from registry.queries.evidence import BATCH, Candidate
from registry.queries.preselection import patients_who_could

logger = logging.getLogger(__name__)

Trigger = Literal["night", "command", "start"]

# Keys of PostgreSQL's advisory locks: one whole run of a rule at a time, one judge of a patient at a time.
_RULE_LOCK = 73
_PATIENT_LOCK = 74


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that raised for a patient; `error` may name values and stays inside the database."""

    patient_id: int
    rule_key: str
    error: str


@dataclass(slots=True)
class RunReport:
    """One run of one rule, as the command prints it and the ledger keeps it."""

    rule: str
    version: int
    patients_in_scope: int = 0
    patients_judged: int = 0
    patients_skipped_as_clear: int = 0
    failures: list[Failure] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    seconds: float = 0.0

    def as_json(self, *, codes: dict[int, str]) -> dict[str, Any]:
        """The object of contract.md section 2; patients by their own ids."""
        return {
            "rule": self.rule,
            "version": self.version,
            "patients_in_scope": self.patients_in_scope,
            "patients_judged": self.patients_judged,
            "patients_skipped_as_clear": self.patients_skipped_as_clear,
            "failures": [{"patient_id": codes[f.patient_id], "error": f.error} for f in self.failures],
            **asdict(self.counts),
            "seconds": round(self.seconds, 3),
        }


def run_rules(
    *,
    as_of: date | None,
    at: datetime,
    trigger: Trigger,
    rules: Sequence[Rule] = RULES,
    patient_ids: Sequence[int] | None = None,
) -> list[RunReport]:
    """Judge by each rule everybody who could have a finding, store the alerts, return the reports.

    A run of every rule over everybody at today's date also settles the evaluations that were waiting
    when it began, but those of patients for whom a rule failed.
    """
    is_whole = patient_ids is None and len(rules) == len(RULES)
    waiting = _waiting_now() if is_whole and as_of is None else []
    reports = [
        _run_rule(rule=rule, as_of=as_of, at=at, trigger=trigger, patient_ids=patient_ids) for rule in rules
    ]
    if waiting:
        failed = {failure.patient_id for report in reports for failure in report.failures}
        with acting(rows=EVERYTHING):
            WaitingEvaluation.objects.filter(pk__in=waiting).exclude(patient_id__in=failed).delete()
    return reports


def judge_patients(*, patient_ids: Sequence[int], as_of: date | None, at: datetime) -> list[Failure]:
    """Judge these patients by every rule in force, inside the caller's transaction; return the failures."""
    _lock_patients(patient_ids)
    found = evidence.candidates(as_of=as_of, at=at, patient_ids=patient_ids)
    failures: list[Failure] = []
    for rule in RULES:
        _, failed = _judge_batch(rule, found, at)
        _note_failures(failed, rule, found, run=None, at=at)
        failures.extend(failed)
    return failures


@dataclass(frozen=True, slots=True)
class Difference:
    """What a recount found that the stored alerts do not say."""

    rule: str
    problem: str


def recount(*, as_of: date | None, at: datetime) -> tuple[list[Difference], int]:
    """Judge everybody without any pre-selection, compare with the stored alerts, write nothing.

    Returns the differences and how many patients were looked at. A rule that raises is a difference.
    """
    differences: list[Difference] = []
    with acting(rows=EVERYTHING):
        everybody = evidence.candidates(as_of=as_of, at=at)
        for rule in RULES:
            for batch in _batches(everybody):
                judged, failed = _judged(rule, batch)
                differences.extend(Difference(rule.key, f"patient {f.patient_id}: {f.error}") for f in failed)
                differences.extend(
                    Difference(rule.key, problem)
                    for problem in alerts.differences(rule=rule, judged=judged, at=at)
                )
    return differences, len(everybody)


def _run_rule(
    *, rule: Rule, as_of: date | None, at: datetime, trigger: Trigger, patient_ids: Sequence[int] | None
) -> RunReport:
    began = perf_counter()
    report = RunReport(rule=rule.key, version=rule.version)
    with _one_run_at_a_time(rule):
        with acting(rows=EVERYTHING, reason=f"scan {rule.key}"):
            everybody = evidence.candidates(as_of=as_of, at=at, patient_ids=patient_ids)
            could = patients_who_could(
                rule=rule,
                latest_day=max((candidate.as_of for candidate in everybody), default=at.date()),
            )
            run = ScanRun.objects.create(
                rule=rule.key,
                rule_version=rule.version,
                limits=dict(rule.limits_as_json),
                as_of=as_of,
                trigger=trigger,
                is_whole=patient_ids is None,
                started_at=at,
            )
        to_judge = [
            candidate
            for candidate in everybody
            if (could is None and candidate.is_in_scope)
            or (could is not None and candidate.patient_id in could)
            or not candidate.is_in_scope
        ]
        for batch in _batches(to_judge):
            with acting(rows=EVERYTHING, reason=f"scan {rule.key}"):
                ids = [candidate.patient_id for candidate in batch]
                _lock_patients(ids)
                batch = evidence.candidates(as_of=as_of, at=at, patient_ids=ids)  # as they stand now
                counts, failed = _judge_batch(rule, batch, at)
                _note_failures(failed, rule, batch, run=run, at=at)
            report.counts.add(counts)
            report.failures.extend(failed)
        failed_ids = {failure.patient_id for failure in report.failures}
        in_scope_to_judge = [candidate.patient_id for candidate in to_judge if candidate.is_in_scope]
        report.patients_in_scope = sum(candidate.is_in_scope for candidate in everybody)
        report.patients_judged = sum(patient_id not in failed_ids for patient_id in in_scope_to_judge)
        report.patients_skipped_as_clear = report.patients_in_scope - len(in_scope_to_judge)
        report.seconds = perf_counter() - began
        with acting(rows=EVERYTHING):
            _finish(run, report, at)
    return report


def _finish(run: ScanRun, report: RunReport, at: datetime) -> None:
    for name, value in asdict(report.counts).items():
        setattr(run, name, value)
    run.patients_in_scope = report.patients_in_scope
    run.patients_judged = report.patients_judged
    run.patients_skipped_as_clear = report.patients_skipped_as_clear
    run.failure_count = len(report.failures)
    run.seconds = report.seconds
    run.finished_at = at + timedelta(seconds=report.seconds)
    run.save()


def _judge_batch(rule: Rule, batch: Sequence[Candidate], at: datetime) -> tuple[Counts, list[Failure]]:
    """Judge a batch and store it; when the database refuses the batch, store it patient by patient."""
    judged, failures = _judged(rule, batch)
    try:
        with transaction.atomic():
            return alerts.store_findings(rule=rule, judged=judged, at=at), failures
    except DatabaseError:
        logger.exception("storing a batch of rule %s failed, storing each patient alone", rule.key)
    counts = Counts()
    for each in judged:
        try:
            with transaction.atomic():
                counts.add(alerts.store_findings(rule=rule, judged=[each], at=at))
        except DatabaseError as error:
            failures.append(_failure(rule, each.patient_id, error))
    return counts, failures


def _judged(rule: Rule, batch: Sequence[Candidate]) -> tuple[list[Judged], list[Failure]]:
    judged: list[Judged] = []
    failures: list[Failure] = []
    as_of = {candidate.patient_id: candidate.as_of for candidate in batch}
    for patient_id, packed in evidence.packed_histories(patient_ids=list(as_of), analytes=rule.reads_labs):
        try:
            history = packed.unpack()
            findings = rule.findings(history, as_of[patient_id])
        except SoftTimeLimitExceeded:  # the whole task is to stop; no patient is to blame
            raise
        except Exception as error:  # noqa: BLE001 - one broken record blinds nobody (G-9)
            failures.append(_failure(rule, patient_id, error))
        else:
            judged.append(Judged(patient_id, as_of[patient_id], history, findings))
    return judged, failures


def _failure(rule: Rule, patient_id: int, error: Exception) -> Failure:
    logger.error("rule %s failed for patient %s: %s", rule.key, patient_id, type(error).__name__)
    return Failure(patient_id, rule.key, f"{type(error).__name__}: {error}"[:500])


def _note_failures(
    failed: Sequence[Failure], rule: Rule, batch: Sequence[Candidate], *, run: ScanRun | None, at: datetime
) -> None:
    """Keep each failure against its patient and run; what is judged again without failing is settled."""
    ScanFailure.objects.filter(
        rule=rule.key,
        settled_at__isnull=True,
        patient_id__in=[candidate.patient_id for candidate in batch],
    ).update(settled_at=at)
    ScanFailure.objects.bulk_create(
        ScanFailure(run=run, patient_id=f.patient_id, rule=f.rule_key, at=at, error=f.error) for f in failed
    )


def _waiting_now() -> list[int]:
    with acting(rows=EVERYTHING):
        return list(WaitingEvaluation.objects.values_list("pk", flat=True))


def _batches(everybody: Sequence[Candidate]) -> Iterator[Sequence[Candidate]]:
    for start in range(0, len(everybody), BATCH):
        yield everybody[start : start + BATCH]


def _lock_patients(patient_ids: Sequence[int]) -> None:
    """Let nobody else judge these patients until the transaction ends; saving forms does not wait for it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, id::int) FROM unnest(%s::bigint[]) AS id ORDER BY id",
            [_PATIENT_LOCK, sorted(patient_ids)],
        )


@contextmanager
def _one_run_at_a_time(rule: Rule) -> Iterator[None]:
    """Wait until no other run of this rule is under way; the lock ends with the connection at the latest."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", [_RULE_LOCK, rule.key])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [_RULE_LOCK, rule.key])
