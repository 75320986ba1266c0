"""Judging patients by the rules in force and storing what they say, with a ledger of every run.

Repeatable: the same record on the same date adds a run row and nothing else.

Whoever is judged by a whole run is chosen by pre-selection; a night (night.py) passes over those whose
record and calendar have not changed since a whole run found them as they are.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from time import perf_counter
from typing import Any, Literal

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction

from registry.access.scope import EVERYTHING, acting
from registry.actions import alerts, canaries
from registry.actions.alerts import Counts
from registry.actions.canaries import CanaryResult
from registry.actions.judging import Failure, judge_batch, judge_unstored, lock_patients, note_failures
from registry.actions.preselection import keep_ready
from registry.models import ScanRun, WaitingEvaluation
from registry.monitoring.catalogue import RULES, by_key
from registry.monitoring.rule import Rule
from registry.queries import evidence, wake_ups
from registry.queries.dictionaries import lists_of
from registry.queries.evidence import BATCH, Candidate, Span
from registry.queries.fingerprints import Parts, answered_before, fingerprints
from registry.queries.missed_nights import missed_since
from registry.queries.preselection import Readings, patients_who_could, standing_alerts

logger = logging.getLogger(__name__)

Trigger = Literal["night", "command", "start"]

# Key of PostgreSQL's advisory locks: one whole run of a rule at a time.
_RULE_LOCK = 73

# Patients of one range: what a night's task takes at once, and what bounds the memory of a run.
SPAN = 10_000
# The furthest that any site's date is ahead of UTC, and behind it.
_FURTHEST_AHEAD = timedelta(hours=14)
_FURTHEST_BEHIND = timedelta(hours=12)


@dataclass(slots=True)
class RunReport:
    """One run of one rule, as the command prints it and the ledger keeps it."""

    rule: str
    version: int
    patients_in_scope: int = 0
    patients_judged: int = 0
    patients_skipped_as_clear: int = 0
    patients_unchanged: int = 0
    failures: list[Failure] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    seconds: float = 0.0

    def add(self, part: "RunReport") -> None:
        """Take in what a range of the patients adds."""
        self.patients_in_scope += part.patients_in_scope
        self.patients_judged += part.patients_judged
        self.patients_skipped_as_clear += part.patients_skipped_as_clear
        self.patients_unchanged += part.patients_unchanged
        self.failures.extend(part.failures)
        self.counts.add(part.counts)
        self.seconds += part.seconds

    def as_json(self, *, codes: dict[int, str]) -> dict[str, Any]:
        """The object of contract.md section 2; patients by their own ids."""
        return {
            "rule": self.rule,
            "version": self.version,
            "patients_in_scope": self.patients_in_scope,
            # Who was answered before on the very record that stands is judged, only not again.
            "patients_judged": self.patients_judged + self.patients_unchanged,
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
    reports = _run(rules, as_of=as_of, at=at, trigger=trigger, patient_ids=patient_ids)
    if waiting:
        failed = {failure.patient_id for report in reports for failure in report.failures}
        with acting(rows=EVERYTHING):
            WaitingEvaluation.objects.filter(pk__in=waiting).exclude(patient_id__in=failed).delete()
    return reports


@dataclass(frozen=True, slots=True)
class Difference:
    """What a recount found that the stored alerts do not say."""

    rule: str
    patient_id: int
    problem: str


def recount(
    *,
    as_of: date | None,
    at: datetime,
    rules: Sequence[Rule] = RULES,
    patient_ids: Sequence[int] | None = None,
) -> tuple[list[Difference], int]:
    """Judge everybody, or these patients, without any pre-selection and compare with the stored alerts.

    Writes nothing. Returns the differences and how many patients were looked at. A rule that raises is
    a difference.
    """
    differences: list[Difference] = []
    with acting(rows=EVERYTHING):
        everybody = evidence.candidates(as_of=as_of, at=at, patient_ids=patient_ids)
        for rule in rules:
            for batch in _batches(everybody):
                judged, failed = judge_unstored(rule=rule, batch=batch)
                differences.extend(Difference(rule.key, f.patient_id, f.error) for f in failed)
                differences.extend(
                    Difference(rule.key, patient_id, problem)
                    for patient_id, problem in alerts.differences(rule=rule, judged=judged, at=at)
                )
    return differences, len(everybody)


@dataclass(slots=True)
class _Shared:
    """What rules judged one after the other over one range read once."""

    readings: Readings = field(default_factory=dict)
    parts: Parts = field(default_factory=dict)
    in_scope: int | None = None


def _run(
    rules: Sequence[Rule],
    *,
    as_of: date | None,
    at: datetime,
    trigger: Trigger,
    patient_ids: Sequence[int] | None,
) -> list[RunReport]:
    """Run the rules side by side, range after range, so that they share what they read."""
    reports = [RunReport(rule=rule.key, version=rule.version) for rule in rules]
    # What the calendar called for in a night that is outstanding is found late, whoever finds it.
    missed = missed_since(at=at) if as_of is None else None
    with ExitStack() as locks:
        # Always in the same order, so that two runs never wait for each other.
        for rule in sorted(rules, key=lambda rule: rule.key):
            locks.enter_context(one_run_at_a_time(rule=rule))
        with acting(rows=EVERYTHING, reason="scan"):
            runs = [
                open_run(
                    rule=rule,
                    as_of=as_of,
                    at=at,
                    trigger=trigger,
                    is_whole=patient_ids is None,
                    missed_since=missed,
                )
                for rule in rules
            ]
            spans = evidence.spans(size=SPAN)
        for span in spans if patient_ids is None else ():
            shared = _Shared()
            for rule, run, report in zip(rules, runs, reports, strict=True):
                report.add(judge_span(rule=rule, run=run, span=span, shared=shared))
        for rule, run, report in zip(rules, runs, reports, strict=True):
            if patient_ids is not None:
                report.add(_judge_only(rule, run, patient_ids))
            with acting(rows=EVERYTHING):
                close_run(run=run, report=report)
    return reports


def open_run(
    *,
    rule: Rule,
    as_of: date | None,
    at: datetime,
    trigger: Trigger,
    is_whole: bool = True,
    is_from_raw: bool = True,
    **more: Any,
) -> ScanRun:
    """Enter a run of a rule in the ledger, with the limits and lists it goes by."""
    return ScanRun.objects.create(
        rule=rule.key,
        rule_version=rule.version,
        limits=dict(rule.limits_as_json),
        lists=lists_of(rule=rule),
        as_of=as_of,
        trigger=trigger,
        is_whole=is_whole,
        is_from_raw=is_from_raw,
        started_at=at,
        **more,
    )


def close_run(*, run: ScanRun, report: RunReport) -> None:
    """Write what the run came to."""
    for name, value in asdict(report.counts).items():
        setattr(run, name, value)
    run.patients_in_scope = report.patients_in_scope
    run.patients_judged = report.patients_judged
    run.patients_skipped_as_clear = report.patients_skipped_as_clear
    run.patients_unchanged = report.patients_unchanged
    run.failure_count = len(report.failures)
    run.seconds = report.seconds
    run.finished_at = run.started_at + timedelta(seconds=report.seconds)
    if run.is_whole:
        _look_for_canaries(run)
    run.save()


def _look_for_canaries(run: ScanRun) -> None:
    """Write whether the rule finds what it must; in no way may the looking undo the run."""
    rule = by_key(run.rule)
    try:
        with transaction.atomic():
            result = canaries.find(rule=rule, as_of=run.as_of, at=run.started_at)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:  # a rule that fails for a canary has not found it (G-9)
        logger.exception("rule %s failed for the canaries", rule.key)
        wanted = canaries.expected(rule=rule, as_of=run.as_of, at=run.started_at)
        result = CanaryResult(rule.key, len(wanted), 0, (f"the rule fails for them: {type(error).__name__}",))
    run.canaries_expected, run.canaries_found = result.expected, result.found
    run.canary_problems = list(result.problems)


def judge_span(*, rule: Rule, run: ScanRun, span: Span, shared: _Shared | None = None) -> RunReport:
    """Judge whom a run has to look at in a range of the patients. Repeating it changes nothing."""
    began = perf_counter()
    shared = shared or _Shared()
    latest_day = run.as_of or (run.started_at + _FURTHEST_AHEAD).date()
    if run.is_from_raw:
        keep_ready(rules=[rule], first_id=span.first_id, last_id=span.last_id)
    with acting(rows=EVERYTHING):
        if shared.in_scope is None:
            shared.in_scope = evidence.count_in_scope(span=span, as_of=run.as_of, at=run.started_at)
        whom = _whom(rule, run, span, latest_day, shared.readings)
    report = RunReport(rule=rule.key, version=rule.version, patients_in_scope=shared.in_scope)
    if run.is_from_raw:
        whom = _pass_over_answered(rule, run, span, whom, report, shared)
    _judge(rule, run, whom, report)
    report.seconds = perf_counter() - began
    return report


def _pass_over_answered(
    rule: Rule, run: ScanRun, span: Span, whom: Sequence[int], report: RunReport, shared: _Shared
) -> list[int]:
    """Return whom the rule has not answered yet on the very record that stands; count the others."""
    with acting(rows=EVERYTHING):
        there = evidence.days_of_sites(as_of=run.as_of, at=run.started_at, patient_ids=whom)
        numbers = fingerprints(rule=rule, patient_ids=whom, parts=shared.parts)
        answered = answered_before(rule=rule, candidates=there, numbers=numbers)
        standing = standing_alerts(rule=rule, first_id=span.first_id, last_id=span.last_id)
    stands = sum(standing.get(patient_id, 0) for patient_id in answered)
    report.patients_unchanged = sum(each.is_in_scope for each in there if each.patient_id in answered)
    report.counts.findings += stands
    report.counts.unchanged += stands
    return [patient_id for patient_id in whom if patient_id not in answered]


def _judge_only(rule: Rule, run: ScanRun, patient_ids: Sequence[int]) -> RunReport:
    """Judge those of a few patients who could have a finding."""
    began = perf_counter()
    latest_day = run.as_of or (run.started_at + _FURTHEST_AHEAD).date()
    with acting(rows=EVERYTHING):
        few = evidence.candidates(as_of=run.as_of, at=run.started_at, patient_ids=patient_ids)
        could = patients_who_could(
            rule=rule, latest_day=latest_day, first_id=min(patient_ids), last_id=max(patient_ids)
        )
    whom = [candidate.patient_id for candidate in few if could is None or candidate.patient_id in could]
    in_scope = sum(candidate.is_in_scope for candidate in few)
    report = RunReport(rule=rule.key, version=rule.version, patients_in_scope=in_scope)
    _judge(rule, run, whom, report)
    report.seconds = perf_counter() - began
    return report


def _whom(rule: Rule, run: ScanRun, span: Span, latest_day: date, readings: Readings) -> list[int]:
    """Say who is to be judged: who could have a finding, in a night of these only who may have changed."""
    could: set[int] | None = set()
    if run.is_from_raw or rule.is_selected_by_date:
        could = patients_who_could(
            rule=rule,
            latest_day=latest_day,
            earliest_day=run.as_of or (run.started_at - _FURTHEST_BEHIND).date(),
            first_id=span.first_id,
            last_id=span.last_id,
            readings=readings,
        )
    whom = set(evidence.everybody_in(span=span)) if could is None else could
    whom |= wake_ups.failed(rule=rule, span=span)
    if not run.is_from_raw:
        whom -= wake_ups.asleep(rule=rule, on=latest_day, span=span)
        whom |= wake_ups.called(rule=rule, on=latest_day, span=span)
    return sorted(whom)


def _judge(rule: Rule, run: ScanRun, whom: Sequence[int], report: RunReport) -> None:
    """Judge and store in batches, and count into the report."""
    late = dict.fromkeys(whom, run.missed_since) if run.missed_since else None
    # A few patients as of some date: the next night brings them back to today's.
    again_on = None if run.is_whole else run.started_at.date()
    for start in range(0, len(whom), BATCH):
        with acting(rows=EVERYTHING, reason=f"scan {rule.key}"):
            ids = whom[start : start + BATCH]
            lock_patients(patient_ids=ids)
            batch = evidence.candidates(as_of=run.as_of, at=run.started_at, patient_ids=ids)
            # Before the histories are read: see queries/fingerprints.py.
            numbers = fingerprints(rule=rule, patient_ids=ids) if run.is_whole and run.is_from_raw else None
            counts, failed = judge_batch(
                rule=rule,
                batch=batch,
                at=run.started_at,
                is_whole=run.is_whole,
                late_since=late,
                again_on=again_on,
                numbers=numbers,
            )
            note_failures(failed=failed, rule=rule, batch=batch, run=run, at=run.started_at)
        report.counts.add(counts)
        report.failures.extend(failed)
        report.patients_judged += sum(candidate.is_in_scope for candidate in batch)
    passed_over = max(0, report.patients_in_scope - report.patients_judged - report.patients_unchanged)
    if run.is_from_raw:
        report.patients_skipped_as_clear = passed_over
    else:
        report.patients_unchanged = passed_over
    report.patients_judged -= len({failure.patient_id for failure in report.failures})


def _waiting_now() -> list[int]:
    with acting(rows=EVERYTHING):
        return list(WaitingEvaluation.objects.values_list("pk", flat=True))


def _batches(everybody: Sequence[Candidate]) -> Iterator[Sequence[Candidate]]:
    for start in range(0, len(everybody), BATCH):
        yield everybody[start : start + BATCH]


@contextmanager
def one_run_at_a_time(*, rule: Rule) -> Iterator[None]:
    """Wait until no other run of this rule is under way; the lock ends with the connection at the latest."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", [_RULE_LOCK, rule.key])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [_RULE_LOCK, rule.key])


@contextmanager
def beside_other_parts(*, rule: Rule) -> Iterator[bool]:
    """Keep whole runs of this rule out, which the parts of a night do together; False: one is under way.

    Without waiting for it: a worker that stood here would judge nobody whose record changes.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock_shared(%s, hashtext(%s))", [_RULE_LOCK, rule.key])
        is_ours: bool = cursor.fetchone()[0]
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_shared(%s, hashtext(%s))", [_RULE_LOCK, rule.key])
