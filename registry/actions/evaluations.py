"""Judging patients soon after their record changed.

The queue is a hint, the table is the duty: database triggers note every changed patient in the
transaction of the change; a task sent on commit only makes the judging sooner; the sweep of the next
minute finds whatever the queue lost.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from celery import current_app
from django.db import connection, transaction

from registry.access.scope import EVERYTHING, acting
from registry.actions import judging
from registry.models import Heartbeat, WaitingEvaluation
from registry.queries.missed_nights import missed_since

JUDGE_PATIENT = "registry.tasks.judge_patient"
_BATCH = 200
_LONGEST_WAIT = timedelta(hours=6)
_MOST_DOUBLINGS = 9  # 2^9 minutes are above the longest wait
# Who waited longer was found late: neither a task nor a sweep had come by.
_LATE_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Swept:
    """How many patients a sweep judged and for how many a rule failed."""

    judged_count: int
    failed_count: int


def nudge(*, patient_id: int) -> None:
    """Ask a worker to judge the patient as soon as this transaction is committed.

    A broker that is away costs half a second and a log line, never the save.
    """

    def send() -> None:
        current_app.send_task(JUDGE_PATIENT, kwargs={"patient_id": patient_id})

    transaction.on_commit(send, robust=True)


def judge_waiting(
    *, at: datetime, as_of: date | None = None, patient_ids: Sequence[int] | None = None
) -> Swept:
    """Judge every patient who waits, or those of `patient_ids` who do, batch by batch.

    The waiting rows go in the transaction that stored the alerts. A patient for whom a rule failed
    waits on, longer each time, and does not hold up the others. Two workers share the work.

    A sweep notes what it begins. What was begun and never finished, since the worker died of it or ran out
    of time, is judged alone and after the others: one such record holds nobody up.

    Late is what waited too long, and whatever is raised while nights are outstanding: the calendar may
    have called for it in one of them, and who changes today must not hide that.
    """
    judged = failed = 0
    missed = missed_since(at=at) if as_of is None else None
    while True:
        begun = _begin(at=at) if patient_ids is None else None
        with acting(rows=EVERYTHING, reason="record changed"):
            claimed = _claim(at=at, patient_ids=patient_ids, waiting_ids=begun)
            if not claimed:
                if begun:
                    continue  # another worker was faster
                return Swept(judged, failed)
            late = {
                patient_id: since
                for patient_id, waited in claimed.items()
                if (since := _late_since(min(waited.values()), missed=missed, at=at)) is not None
            }
            failures = judging.judge_patients(
                patient_ids=sorted(claimed), as_of=as_of, at=at, late_since=late
            )
            broken = {failure.patient_id for failure in failures}
            done = [pk for patient_id, waited in claimed.items() if patient_id not in broken for pk in waited]
            _settle(done)
            for patient_id in broken:
                _wait_longer(list(claimed[patient_id]), at=at)
        judged += len(claimed)
        failed += len(broken)
        if patient_ids is not None and sum(map(len, claimed.values())) < _BATCH:
            return Swept(judged, failed)  # those were all


def note_sign_of_life(*, name: str, at: datetime) -> None:
    """Keep the latest sign of life of a process that has no address."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": at})


def _begin(*, at: datetime) -> list[int]:
    """Choose the waiting rows to judge next, and note for good that they are begun; empty: none is left.

    Those never begun first, and those that failed and are due again, a batch at a time; then one of those
    begun before and unfinished. Which one is left to chance: the first might be the one that nobody survives.
    """
    asked: dict[str, Any] = {
        "at": at,
        "limit": _BATCH,
        "longest": _LONGEST_WAIT,
        "most": _MOST_DOUBLINGS,
    }
    with acting(rows=EVERYTHING), connection.cursor() as cursor:
        cursor.execute(
            """
            -- ARRAY: asked once. A plain IN may be asked again for each row, and passes over what it has
            -- locked to the next ones: everybody would be begun at once, and then judged one by one.
            UPDATE registry_waitingevaluation
            SET not_before = CASE WHEN attempts = 0 THEN 'epoch'
                -- As after another failure: whoever dies of it must not meet it first again.
                ELSE %(at)s + least(%(longest)s, interval '1 minute' * 2 ^ least(attempts, %(most)s)) END
            WHERE id = ANY (ARRAY(
                SELECT id FROM registry_waitingevaluation
                WHERE not_before IS NULL OR (attempts > 0 AND not_before <= %(at)s)
                ORDER BY since, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
            RETURNING id
            """,
            asked,
        )
        if fresh := [pk for (pk,) in cursor.fetchall()]:
            return fresh
        cursor.execute(
            """
            SELECT id FROM registry_waitingevaluation WHERE attempts = 0 AND not_before <= %(at)s
            ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED
            """,
            {"at": at},
        )
        return [pk for (pk,) in cursor.fetchall()]


def _claim(
    *, at: datetime, patient_ids: Sequence[int] | None, waiting_ids: Sequence[int] | None
) -> dict[int, dict[int, datetime]]:
    """Take waiting rows, of these patients or these: by patient, each row's id and since when it waits.

    Those of `patient_ids` only when it is their time; `waiting_ids` were chosen by it already.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT patient_id, id, since FROM registry_waitingevaluation
            WHERE (%(waiting)s::bigint[] IS NOT NULL OR not_before IS NULL OR not_before <= %(at)s)
              AND (%(ids)s::bigint[] IS NULL OR patient_id = ANY (%(ids)s))
              AND (%(waiting)s::bigint[] IS NULL OR id = ANY (%(waiting)s))
            ORDER BY since, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
            """,
            {
                "at": at,
                "ids": list(patient_ids) if patient_ids is not None else None,
                "waiting": list(waiting_ids) if waiting_ids is not None else None,
                "limit": _BATCH,
            },
        )
        claimed: dict[int, dict[int, datetime]] = defaultdict(dict)
        for patient_id, pk, since in cursor.fetchall():
            claimed[patient_id][pk] = since
    return claimed


def _settle(waiting_ids: Sequence[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM registry_waitingevaluation WHERE id = ANY (%s::bigint[])", [list(waiting_ids)]
        )


def _late_since(waits_since: datetime, *, missed: datetime | None, at: datetime) -> datetime | None:
    reasons = [missed, waits_since if at - waits_since > _LATE_AFTER else None]
    return min((since for since in reasons if since is not None), default=None)


def _wait_longer(pks: Sequence[int], *, at: datetime) -> None:
    for waiting in WaitingEvaluation.objects.filter(pk__in=pks):
        waiting.attempts += 1
        waiting.not_before = at + min(
            timedelta(minutes=2 ** min(waiting.attempts, _MOST_DOUBLINGS)), _LONGEST_WAIT
        )
        waiting.save(update_fields=["attempts", "not_before"])
