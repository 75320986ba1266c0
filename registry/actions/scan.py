"""Judging patients by the rules in force and storing what they say, with a ledger of every run.

Repeatable: the same record on the same date adds a run row and nothing else.

A whole run asks whose answers stand (queries/answers.py) and judges the others; one *from raw* asks nobody's
earlier answer: pre-selection chooses from everybody, and fingerprints say whose record is the same.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from time import perf_counter
from typing import Any, Literal, TypeVar

from django.db import connection, transaction

from registry.access.scope import EVERYTHING, acting
from registry.actions import alerts, canaries
from registry.actions.alerts import Counts
from registry.actions.broken_records import Survived
from registry.actions.canaries import CanaryResult
from registry.actions.judging import Failure, judge_batch, judge_unstored, lock_patients
from registry.actions.preselection import keep_ready
from registry.actions.wake_ups import (
    not_kept_as_clear,
    note_clear,
    note_same_record,
    replace_notes,
)
from registry.models import ScanRun, WaitingEvaluation
from registry.monitoring.catalogue import RULES, by_key
from registry.monitoring.rule import Rule
from registry.queries import evidence, wake_ups
from registry.queries.answers import NO_NOTES, Notes, notes_in, notes_of, standings
from registry.queries.closed_windows import LOOKS_AHEAD_DAYS, next_closings
from registry.queries.dictionaries import lists_of
from registry.queries.evidence import BATCH, Span
from registry.queries.fingerprints import InForce, Parts, answered_before, fingerprints, in_force
from registry.queries.missed_nights import missed_since
from registry.queries.preselection import Readings, patients_who_could, standing_alerts

logger = logging.getLogger(__name__)

Trigger = Literal["night", "command", "start"]
_T = TypeVar("_T")

# Key of PostgreSQL's advisory locks: one whole run of a rule at a time.
_RULE_LOCK = 73

# Patients of one range: what a night's task takes at once, and what bounds the memory of a run.
SPAN = 10_000
# Where earlier answers stand for nearly everybody, ranges are so many times wider: each has its own costs.
_WIDER = 5
# More patients to ask in one range are chosen from first, as in a run from raw.
_MANY = 2_500
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
    is_from_raw: bool = False,
) -> list[RunReport]:
    """Judge by each rule everybody who could have a finding, store the alerts, return the reports.

    Whose answer of an earlier run stands is not asked again, unless `is_from_raw`, or there is no run of the
    last week to build on.
    A run of every rule over everybody at today's date also settles the evaluations that were waiting
    when it began, but those of patients for whom a rule failed.
    """
    is_whole = patient_ids is None and len(rules) == len(RULES)
    waiting, notes = _waiting_now() if is_whole and as_of is None else ([], NO_NOTES)
    reports = _run(
        rules, as_of=as_of, at=at, trigger=trigger, patient_ids=patient_ids, is_from_raw=is_from_raw
    )
    if waiting:
        failed = {failure.patient_id for report in reports for failure in report.failures}
        with acting(rows=EVERYTHING):
            WaitingEvaluation.objects.filter(pk__in=waiting).exclude(patient_id__in=failed).delete()
    _settle(notes)
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


def _run(
    rules: Sequence[Rule],
    *,
    as_of: date | None,
    at: datetime,
    trigger: Trigger,
    patient_ids: Sequence[int] | None,
    is_from_raw: bool,
) -> list[RunReport]:
    """Run the rules side by side, range after range, so that they share what they read."""
    # What the calendar called for in a night that is outstanding is found late, whoever finds it.
    missed = missed_since(at=at) if as_of is None else None
    with ExitStack() as locks:
        # Always in the same order, so that two runs never wait for each other.
        for rule in sorted(rules, key=lambda rule: rule.key):
            locks.enter_context(one_run_at_a_time(rule=rule))
        with acting(rows=EVERYTHING, reason="scan"):
            is_from_raw = (
                is_from_raw
                or patient_ids is not None
                or not all(wake_ups.can_build_on_earlier(rule=rule, as_of=as_of, at=at) for rule in rules)
            )
            runs = [
                (
                    rule,
                    open_run(
                        rule=rule,
                        as_of=as_of,
                        at=at,
                        trigger=trigger,
                        is_whole=patient_ids is None,
                        is_from_raw=is_from_raw,
                        missed_since=missed,
                    ),
                )
                for rule in rules
            ]
            spans = evidence.spans(size=span_size(is_from_raw=is_from_raw))
        reports = [RunReport(rule=rule.key, version=rule.version) for rule in rules]
        parts = (
            [_judge_only(runs, patient_ids)]
            if patient_ids is not None
            else (judge_span(runs=runs, span=span) for span in spans)
        )
        for part in parts:
            for report, its in zip(reports, part, strict=True):
                report.add(its)
        as_written = canaries_as_written(at=at)
        for (_, run), report in zip(runs, reports, strict=True):
            with acting(rows=EVERYTHING):
                close_run(run=run, report=report, as_written=as_written)
    return reports


def span_size(*, is_from_raw: bool) -> int:
    """Return how many patients a range of a run holds."""
    return SPAN if is_from_raw else SPAN * _WIDER


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


def canaries_as_written(*, at: datetime) -> Callable[[], tuple[str, ...]]:
    """Return what says how the canaries differ from how they were written, and asks once for several runs."""
    return cache(lambda: canaries.ensure(at=at))


def close_run(*, run: ScanRun, report: RunReport, as_written: Callable[[], tuple[str, ...]]) -> None:
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
        _look_for_canaries(run, as_written)
    run.save()


def _look_for_canaries(run: ScanRun, as_written: Callable[[], tuple[str, ...]]) -> None:
    """Write whether the rule finds what it must; in no way may the looking undo the run."""
    rule = by_key(run.rule)
    with Survived() as looking:
        # What it wrote stays, even where the rule fails.
        changed = as_written()
        with transaction.atomic():
            result = canaries.find(rule=rule, as_of=run.as_of, at=run.started_at, changed=changed)
    if looking.error is not None:  # a rule that fails for a canary has not found it
        logger.error("rule %s failed for the canaries", rule.key, exc_info=looking.error)
        wanted = canaries.expected(rule=rule, as_of=run.as_of, at=run.started_at)
        problem = f"the rule fails for them: {type(looking.error).__name__}"
        result = CanaryResult(rule.key, len(wanted), 0, (problem,))
    run.canaries_expected, run.canaries_found = result.expected, result.found
    run.canary_problems = list(result.problems)


@dataclass(slots=True)
class _Shared:
    """What rules judged over one range read once; `by` and `notes` before anything else."""

    by: InForce
    notes: Notes
    readings: Readings = field(default_factory=dict)
    parts: Parts = field(default_factory=dict)


def judge_span(*, runs: Sequence[tuple[Rule, ScanRun]], span: Span) -> list[RunReport]:
    """Judge whom runs have to look at in a range of the patients. Repeating it changes nothing.

    The runs are of one instant and date, and all from raw or none.
    """
    began = perf_counter()
    reports = [RunReport(rule=rule.key, version=rule.version) for rule, _ in runs]
    [(_, run), *_] = runs
    with acting(rows=EVERYTHING):
        by = in_force(rules=[rule for rule, _ in runs])
        standing = standings(
            by=by,
            as_of=run.as_of,
            at=run.started_at,
            span=span,
            anew=run.is_from_raw,
        )
        shared = _Shared(by, notes_in(span=span) if run.is_from_raw else NO_NOTES)
    common = perf_counter() - began
    whom: dict[str, frozenset[int]] = {}
    for (rule, run), report in zip(runs, reports, strict=True):
        began = perf_counter()
        its = standing[rule.key]
        report.patients_in_scope, report.patients_unchanged = its.in_scope, its.unchanged
        to_ask: Sequence[int] = its.to_ask
        if run.is_from_raw or len(to_ask) > _MANY:
            if shared.notes is NO_NOTES:
                with acting(rows=EVERYTHING):
                    shared.notes = notes_in(span=span)
            to_ask = _pass_over_answered(rule, run, _could(rule, run, span, to_ask, shared), report, shared)
        whom[rule.key] = frozenset(to_ask)
        _count_standing(rule, span, whom[rule.key], report)
        report.seconds = perf_counter() - began
    began = perf_counter()
    own = _judge(runs, by, whom, reports)
    common += perf_counter() - began - own
    for report in reports:
        report.seconds += common / len(reports)
    return reports


def _could(rule: Rule, run: ScanRun, span: Span, to_ask: Sequence[int], shared: _Shared) -> list[int]:
    """Say who of a range could have a finding, and keep that the others could not."""
    latest_day = run.as_of or (run.started_at + _FURTHEST_AHEAD).date()
    earliest_day = run.as_of or (run.started_at - _FURTHEST_BEHIND).date()
    keep_ready(rules=[rule], first_id=span.first_id, last_id=span.last_id)
    with acting(rows=EVERYTHING, reason=f"scan {rule.key}"):
        could = patients_who_could(
            rule=rule,
            latest_day=latest_day,
            earliest_day=earliest_day,
            first_id=span.first_id,
            last_id=span.last_id,
            readings=shared.readings,
        )
        if could is None:
            return list(to_ask)
        could |= wake_ups.failed(rule=rule, span=span)
        clear = [patient_id for patient_id in to_ask if patient_id not in could]
        wakes = _days_they_wake(rule=rule, patient_ids=clear, latest_day=latest_day, span=span)
        other = not_kept_as_clear(rule=rule, by=shared.by, wakes=wakes, on=earliest_day, notes=shared.notes)
    for few in _batches(other):
        with acting(rows=EVERYTHING, reason=f"scan {rule.key}"):
            lock_patients(patient_ids=few)
            note_clear(
                rule=rule,
                by=shared.by,
                wakes={patient_id: wakes[patient_id] for patient_id in few},
                on=earliest_day,
                at=run.started_at,
                notes=shared.notes,
            )
    return [patient_id for patient_id in to_ask if patient_id in could]


def _pass_over_answered(
    rule: Rule, run: ScanRun, whom: Sequence[int], report: RunReport, shared: _Shared
) -> list[int]:
    """Return whom the rule has not answered yet on the very record that stands; count the others."""
    with acting(rows=EVERYTHING, reason=f"scan {rule.key}"):
        there = evidence.days_of_sites(as_of=run.as_of, at=run.started_at, patient_ids=whom)
        numbers = fingerprints(rule=rule, patient_ids=whom, parts=shared.parts)
        answered = answered_before(rule=rule, candidates=there, numbers=numbers)
    for few in _batches(sorted(answered)):
        with acting(rows=EVERYTHING, reason=f"scan {rule.key}"):
            lock_patients(patient_ids=few)
            note_same_record(rule=rule, by=shared.by, patient_ids=few, notes=shared.notes)
    report.patients_unchanged += sum(each.is_in_scope for each in there if each.patient_id in answered)
    return [patient_id for patient_id in whom if patient_id not in answered]


def _count_standing(rule: Rule, span: Span, whom: Collection[int], report: RunReport) -> None:
    """Count the findings of whoever is not judged again."""
    with acting(rows=EVERYTHING):
        standing = standing_alerts(rule=rule, first_id=span.first_id, last_id=span.last_id)
    stands = sum(count for patient_id, count in standing.items() if patient_id not in whom)
    report.counts.findings += stands
    report.counts.unchanged += stands


def _judge_only(runs: Sequence[tuple[Rule, ScanRun]], patient_ids: Sequence[int]) -> list[RunReport]:
    """Judge those of a few patients who could have a finding."""
    began = perf_counter()
    reports = [RunReport(rule=rule.key, version=rule.version) for rule, _ in runs]
    [(_, run), *_] = runs
    latest_day = run.as_of or (run.started_at + _FURTHEST_AHEAD).date()
    whom: dict[str, frozenset[int]] = {}
    with acting(rows=EVERYTHING):
        by = in_force(rules=[rule for rule, _ in runs])
        few = evidence.candidates(as_of=run.as_of, at=run.started_at, patient_ids=patient_ids)
        for (rule, _), report in zip(runs, reports, strict=True):
            could = patients_who_could(
                rule=rule, latest_day=latest_day, first_id=min(patient_ids), last_id=max(patient_ids)
            )
            whom[rule.key] = frozenset(
                one.patient_id for one in few if could is None or one.patient_id in could
            )
            report.patients_in_scope = sum(candidate.is_in_scope for candidate in few)
    _judge(runs, by, whom, reports)
    for report in reports:
        report.seconds = (perf_counter() - began) / len(reports)
    return reports


def _judge(
    runs: Sequence[tuple[Rule, ScanRun]],
    by: InForce,
    whom: Mapping[str, Collection[int]],
    reports: Sequence[RunReport],
) -> float:
    """Judge and store in batches, count into the reports, and return the seconds that were the rules' own."""
    rules = [rule for rule, _ in runs]
    [(_, run), *_] = runs
    everybody = sorted({patient_id for ids in whom.values() for patient_id in ids})
    late = dict.fromkeys(everybody, run.missed_since) if run.missed_since else None
    # A few patients as of some date: the next night brings them back to today's.
    again_on = None if run.is_whole else run.started_at.date()
    reason = f"scan {rules[0].key}" if len(rules) == 1 else "scan"
    is_by_fingerprint = run.is_whole and (run.is_from_raw or len(everybody) > _MANY)
    own = 0.0
    for start in range(0, len(everybody), BATCH):
        with acting(rows=EVERYTHING, reason=reason):
            ids = everybody[start : start + BATCH]
            lock_patients(patient_ids=ids)
            # Before the histories are read: see queries/answers.py and queries/fingerprints.py.
            notes = notes_of(patient_ids=ids)
            numbers = _numbers(rules, whom, ids) if is_by_fingerprint else None
            batch = evidence.candidates(as_of=run.as_of, at=run.started_at, patient_ids=ids)
            outcomes = judge_batch(
                rules=rules,
                by=by,
                batch=batch,
                whom=whom,
                at=run.started_at,
                is_whole=run.is_whole,
                notes=notes,
                late_since=late,
                again_on=again_on,
                numbers=numbers,
                runs={rule.key: its for rule, its in runs},
            )
        for report in reports:
            outcome = outcomes[report.rule]
            report.counts.add(outcome.counts)
            report.failures.extend(outcome.failures)
            report.seconds += outcome.seconds
            own += outcome.seconds
            report.patients_judged += sum(
                each.is_in_scope for each in batch if each.patient_id in whom[report.rule]
            )
    for report in reports:
        report.patients_skipped_as_clear = max(
            0, report.patients_in_scope - report.patients_judged - report.patients_unchanged
        )
        report.patients_judged -= len({failure.patient_id for failure in report.failures})
    return own


def _numbers(
    rules: Sequence[Rule], whom: Mapping[str, Collection[int]], ids: Sequence[int]
) -> dict[str, dict[int, int]]:
    parts: Parts = {}
    return {
        rule.key: fingerprints(rule=rule, patient_ids=[pk for pk in ids if pk in whom[rule.key]], parts=parts)
        for rule in rules
    }


def _days_they_wake(
    *, rule: Rule, patient_ids: Sequence[int], latest_day: date, span: Span
) -> dict[int, date | None]:
    """Return by patient the day from which, by the calendar alone, they could have a finding."""
    if not rule.is_selected_by_date:
        return dict.fromkeys(patient_ids)
    closings = next_closings(latest_day=latest_day, first_id=span.first_id, last_id=span.last_id)
    at_the_latest = latest_day + timedelta(days=LOOKS_AHEAD_DAYS)
    return {patient_id: closings.get(patient_id, at_the_latest) for patient_id in patient_ids}


def _waiting_now() -> tuple[list[int], Notes]:
    """Return the rows of *to be judged*, and the notes of those who wait."""
    with acting(rows=EVERYTHING):
        waiting = dict(WaitingEvaluation.objects.values_list("pk", "patient_id"))
        return list(waiting), notes_of(patient_ids=sorted(set(waiting.values())))


def _settle(notes: Notes) -> None:
    for few in _batches(sorted(notes.ids)):
        with acting(rows=EVERYTHING):
            lock_patients(patient_ids=few)
            replace_notes(notes=notes.only(few))


def _batches(everybody: Sequence[_T]) -> Iterator[Sequence[_T]]:
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
