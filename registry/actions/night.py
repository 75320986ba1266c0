"""The nightly scan: one run of each rule, divided into ranges of patients.

Each range is a row and a task of its own, which any worker may execute and repeat; the last one to finish
sums the run up. A night looks at whoever changed or is called by the calendar, and at everybody when it
has nothing to build on: after a change of rules, limits or lists, of the date judged on, or a week.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import date, datetime, timedelta
from functools import cache, reduce
from operator import or_
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from registry.access.scope import EVERYTHING, acting
from registry.actions import scan
from registry.actions.alerts import Counts
from registry.actions.scan import RunReport
from registry.models import DueRun, ScanFailure, ScanPart, ScanRun
from registry.monitoring.catalogue import RULES, by_key
from registry.monitoring.rule import Rule
from registry.queries import evidence, wake_ups
from registry.queries.evidence import Span

# Key of PostgreSQL's advisory locks: one execution of a part at a time.
_PART_LOCK = 76
_GIVEN_UP_AFTER = timedelta(hours=20)
_TAKEN_ALONG_FOR = timedelta(minutes=10)


def plan_parts(*, slots: list[DueRun], at: datetime, as_of: date | None) -> list[int]:
    """Enter one run of each rule for the nights that fell due, and return the ids of its parts.

    Several slots are nights that were missed: one run makes up for all of them, and what it raises was
    found late.
    """
    missed_since = min(slot.due_at for slot in slots) if len(slots) > 1 else None
    with acting(rows=EVERYTHING, reason="night"):
        spans = cache(lambda is_from_raw: evidence.spans(size=scan.span_size(is_from_raw=is_from_raw)))
        parts = [
            ScanPart(run=run, first_patient_id=span.first_id, last_patient_id=span.last_id)
            for rule in RULES
            for run in [
                scan.open_run(
                    rule=rule,
                    as_of=as_of,
                    at=at,
                    trigger="night",
                    is_from_raw=not wake_ups.can_build_on_earlier(rule=rule, as_of=as_of, at=at),
                    slot=max(slots, key=lambda slot: slot.due_at),
                    missed_since=missed_since,
                )
            ]
            for span in spans(run.is_from_raw)
        ]
        ScanPart.objects.bulk_create(parts)
    return [part.pk for part in parts]


def unfinished_parts(*, at: datetime) -> list[int]:
    """Return the ids of the parts that still wait, oldest first: what a lost task or worker left behind.

    Without those of a night that could not be finished for most of a day, or was begun with another version
    of its rule: the next one makes up for it.
    """
    in_force = reduce(or_, (Q(run__rule=rule.key, run__rule_version=rule.version) for rule in RULES))
    return list(
        ScanPart.objects.filter(
            in_force,
            finished_at__isnull=True,
            run__finished_at__isnull=True,
            run__started_at__gt=at - _GIVEN_UP_AFTER,
        )
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def judge_part(*, part_id: int, at: datetime) -> bool:
    """Judge one range of patients by one rule; say whether it was done here.

    Not when another worker has it in hand, or had, and not while a command judges everybody by this rule:
    then it is handed out again. Whoever dies leaves it waiting: the lock ends with the connection.
    The other rules' parts of the same range are taken along where nobody has them in hand, so that a record
    is read once for all. Not later: should a rule bring a worker down, the others are judged without it.
    """
    with ExitStack() as in_hand:
        part = _taken(part_id, in_hand)
        if part is None:
            return False
        parts = [part]
        if at - part.run.started_at < _TAKEN_ALONG_FOR:
            parts += [
                other
                for pk in _parts_beside(part)
                if (other := _taken(pk, in_hand)) is not None
                and other.run.is_from_raw == part.run.is_from_raw
            ]
        span = Span(part.first_patient_id, part.last_patient_id)
        runs = [(by_key(each.run.rule), each.run) for each in parts]
        as_written = scan.canaries_as_written(at=part.run.started_at)
        for each, report in zip(parts, scan.judge_span(runs=runs, span=span), strict=True):
            _finish_part(each, report, as_written, at=at)
    return True


def _taken(part_id: int, in_hand: ExitStack) -> ScanPart | None:
    """Take a part in hand until the stack closes; None when it is not ours to take, or is done."""
    if not in_hand.enter_context(_held_alone(part_id)):
        return None
    part = ScanPart.objects.select_related("run").filter(pk=part_id, finished_at__isnull=True).first()
    if part is None:
        return None
    rule = by_key(part.run.rule)
    if part.run.rule_version != rule.version:
        return None  # of another version than this process has: not its to answer for
    if not in_hand.enter_context(scan.beside_other_parts(rule=rule)):
        return None
    _begin_anew_where_nothing_stands(part.run, rule)
    return part


@contextmanager
def _held_alone(part_id: int) -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_PART_LOCK, part_id])
        is_ours: bool = cursor.fetchone()[0]
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_PART_LOCK, part_id])


def _parts_beside(part: ScanPart) -> list[int]:
    """Return the unfinished parts of the same range and attempt by other rules."""
    return list(
        ScanPart.objects.filter(
            run__slot=part.run.slot_id,
            run__started_at=part.run.started_at,
            first_patient_id=part.first_patient_id,
            last_patient_id=part.last_patient_id,
            finished_at__isnull=True,
        )
        .exclude(pk=part.pk)
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def _begin_anew_where_nothing_stands(run: ScanRun, rule: Rule) -> None:
    """Judge from raw after all when somebody scanned as of another date since the night was planned."""
    if run.is_from_raw or wake_ups.can_build_on_earlier(rule=rule, as_of=run.as_of, at=run.started_at):
        return
    run.is_from_raw = True
    run.save(update_fields=["is_from_raw"])


def _finish_part(
    part: ScanPart, report: RunReport, as_written: Callable[[], tuple[str, ...]], *, at: datetime
) -> None:
    with acting(rows=EVERYTHING):
        # Of two parts that finish at once the second sees the first, and sums up.
        run = ScanRun.objects.select_for_update().get(pk=part.run_id)
        part.finished_at = at + timedelta(seconds=report.seconds)
        part.counts = _as_counts(report)
        part.save()
        parts = list(run.parts.all())
        if all(each.finished_at for each in parts):
            _finish_run(run, parts, as_written)


def _finish_run(run: ScanRun, parts: list[ScanPart], as_written: Callable[[], tuple[str, ...]]) -> None:
    total = RunReport(rule=run.rule, version=run.rule_version)
    for part in parts:
        total.add(_from_counts(run, part.counts))
    scan.close_run(run=run, report=total, as_written=as_written)
    # The run was over when its last part was, not when it would have been without waiting.
    run.finished_at = max(part.finished_at for part in parts if part.finished_at)
    # A part that a dying worker left behind noted its failures twice.
    run.failure_count = ScanFailure.objects.filter(run=run).values("patient").distinct().count()
    run.save(update_fields=["finished_at", "failure_count"])
    slot = run.slot
    # Those of the same attempt: an earlier one that was given up is never finished.
    if (
        slot is not None
        and not slot.scan_runs.filter(started_at__gte=run.started_at, finished_at__isnull=True).exists()
    ):
        DueRun.objects.filter(job=slot.job, due_at__lte=slot.due_at, state="waiting").update(
            state="done", finished_at=run.finished_at
        )


_SUMMED = ("patients_in_scope", "patients_judged", "patients_skipped_as_clear", "patients_unchanged")


def _as_counts(report: RunReport) -> dict[str, Any]:
    return {name: getattr(report, name) for name in _SUMMED} | {
        "seconds": report.seconds,
        "alerts": asdict(report.counts),
    }


def _from_counts(run: ScanRun, counts: dict[str, Any]) -> RunReport:
    return RunReport(
        rule=run.rule,
        version=run.rule_version,
        counts=Counts(**counts["alerts"]),
        seconds=counts["seconds"],
        **{name: counts[name] for name in _SUMMED},
    )


def run_here(*, slots: list[DueRun], at: datetime, as_of: date | None) -> list[ScanRun]:
    """Run a whole night in this process, part after part, and return its runs."""
    for part_id in plan_parts(slots=slots, at=at, as_of=as_of):
        judge_part(part_id=part_id, at=at)
    with transaction.atomic():
        return list(ScanRun.objects.filter(slot=max(slots, key=lambda slot: slot.due_at)).order_by("pk"))
