"""Periodic jobs as rows: every due slot is planned from the last row, so that a stopped beat is caught up."""

from datetime import date, datetime, timedelta

from django.db import connection

from registry.access.scope import EVERYTHING, acting
from registry.actions import night
from registry.models import DueRun

NIGHTLY_SCAN = "nightly_scan"
# Hours in UTC. 02:00: after midnight everywhere from Lisbon to Warsaw. Each patient is judged at the
# site's own date.
HOURS = {NIGHTLY_SCAN: 2}
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
