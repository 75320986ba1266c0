"""Nightly scans as rows: every due slot is planned from the last row, so that a stopped beat is caught up."""

from datetime import date, datetime, timedelta

from django.db import connection

from registry.access.scope import EVERYTHING, acting
from registry.actions import scan
from registry.models import DueRun

NIGHTLY_SCAN = "nightly_scan"
# 02:00 UTC: after midnight everywhere from Lisbon to Warsaw. Each patient is judged at the site's own date.
_HOUR = 2
_LOCK = 75


def plan(*, at: datetime, catch_up: bool = True) -> int:
    """Write a row for every slot that fell due since the latest row; return how many.

    Without `catch_up` only for the latest: a demonstration that looks a year ahead has missed no nights.
    """
    latest_slot = at.replace(hour=_HOUR, minute=0, second=0, microsecond=0)
    if latest_slot > at:
        latest_slot -= timedelta(days=1)
    planned = DueRun.objects.filter(job=NIGHTLY_SCAN, due_at__lte=at)
    latest = planned.order_by("-due_at").first()
    slot = latest.due_at + timedelta(days=1) if latest else latest_slot
    if not catch_up:
        slot = max(slot, latest_slot)
    rows = []
    while slot <= latest_slot:
        rows.append(DueRun(job=NIGHTLY_SCAN, due_at=slot))
        slot += timedelta(days=1)
    # Two beats that plan at once write each slot once.
    DueRun.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def run_waiting(*, at: datetime, as_of: date | None = None) -> int:
    """Scan once for all slots that wait, and return how many that were.

    One scan at today's date finds everything that the missed nights would have found. A worker that
    dies leaves the rows waiting; its lock ends with its connection.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, 0)", [_LOCK])
        if not cursor.fetchone()[0]:
            return 0
    try:
        waiting = list(DueRun.objects.filter(job=NIGHTLY_SCAN, state="waiting", due_at__lte=at))
        if waiting:
            DueRun.objects.filter(pk__in=[row.pk for row in waiting]).update(attempts=waiting[0].attempts + 1)
            scan.run_rules(as_of=as_of, at=at, trigger="night")
            with acting(rows=EVERYTHING):
                DueRun.objects.filter(pk__in=[row.pk for row in waiting]).update(state="done", finished_at=at)
        return len(waiting)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, 0)", [_LOCK])
