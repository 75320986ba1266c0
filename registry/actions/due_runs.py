"""Periodic jobs as rows: every due slot is planned from the last row, so that a stopped beat is caught up."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from registry.access.scope import EVERYTHING, acting
from registry.actions import data_questions, digest, drafts, night, recount
from registry.models import DueRun

NIGHTLY_SCAN = "nightly_scan"
# Hours in UTC. 02:00: after midnight everywhere from Lisbon to Warsaw. Each patient is judged at the
# site's own date. The others rest on what the night left.
HOURS = {NIGHTLY_SCAN: 2, "recount": 3, "data_questions": 4, "old_drafts": 5, "digest": 6}
_JOBS: dict[str, Callable[..., Any]] = {
    "recount": recount.recount_a_share,
    "data_questions": data_questions.look_at_everybody,
    "old_drafts": drafts.let_old_drafts_go,
    "digest": digest.queue_digests,
}
_LOCK = 75


def plan(*, at: datetime, catch_up: bool = True) -> int:
    """Write a row for every slot that fell due since the latest row of its job; return how many.

    Without `catch_up` only for the latest: a demonstration that looks a year ahead has missed no nights.
    """
    rows = []
    for job, hour in HOURS.items():
        latest_slot = at.replace(hour=hour, minute=0, second=0, microsecond=0)
        if latest_slot > at:
            latest_slot -= timedelta(days=1)
        latest = DueRun.objects.filter(job=job, due_at__lte=at).order_by("-due_at").first()
        slot = latest.due_at + timedelta(days=1) if latest else latest_slot
        if not catch_up:
            slot = max(slot, latest_slot)
        while slot <= latest_slot:
            rows.append(DueRun(job=job, due_at=slot))
            slot += timedelta(days=1)
    # Two beats that plan at once write each slot once.
    DueRun.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def waiting_parts(*, at: datetime, as_of: date | None = None) -> list[int]:
    """Return the parts of the nightly scan that are to be judged now; plan them when a night fell due.

    One run at today's date finds everything that missed nights would have found. What a lost task or a
    dead worker left undone is returned again, and a new night waits until it is done.
    """
    with acting(rows=EVERYTHING), connection.cursor() as cursor:
        # Two beats at once plan one night.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [_LOCK])
        left = night.unfinished_parts(at=at)
        if left:
            return left
        slots = list(
            DueRun.objects.filter(job=NIGHTLY_SCAN, state="waiting", due_at__lte=at).order_by("due_at")
        )
        if not slots:
            return []
        DueRun.objects.filter(pk__in=[slot.pk for slot in slots]).update(attempts=slots[0].attempts + 1)
        return night.plan_parts(slots=slots, at=at, as_of=as_of)


def waiting_jobs(*, at: datetime) -> list[str]:
    """Return the jobs other than the nightly scan that fell due and may run.

    The recount waits for the night: before it, the alerts stand as of yesterday.
    """
    waiting = set(DueRun.objects.filter(state="waiting", due_at__lte=at).values_list("job", flat=True))
    if NIGHTLY_SCAN in waiting:
        waiting.discard("recount")
    return sorted(waiting & _JOBS.keys())


def run_job(*, job: str, at: datetime, as_of: date | None = None) -> int:
    """Run a job once for all its slots that wait, and return how many that were.

    A worker that dies leaves them waiting; its lock ends with its connection.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [_LOCK, job])
        if not cursor.fetchone()[0]:
            return 0
    try:
        slots = list(DueRun.objects.filter(job=job, state="waiting", due_at__lte=at))
        if slots:
            _JOBS[job](at=at, as_of=as_of)
            with acting(rows=EVERYTHING):
                DueRun.objects.filter(pk__in=[slot.pk for slot in slots]).update(state="done", finished_at=at)
        return len(slots)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [_LOCK, job])
