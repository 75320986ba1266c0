"""Celery's door: each body reads the clock or unpacks ids, then makes one call."""

from celery import shared_task
from django.db import OperationalError

from registry import clock
from registry.actions import audit, due_runs, evaluations

_AGAIN = {
    "acks_late": True,
    "autoretry_for": (OperationalError,),
    "retry_backoff": True,
    "max_retries": 5,
}


@shared_task(**_AGAIN)
def judge_patient(*, patient_id: int) -> None:
    """Judge one patient whose record changed. Repeating it finds no waiting row and does nothing."""
    at = clock.now()
    evaluations.note_sign_of_life(name="worker", at=at)
    evaluations.judge_waiting(at=at, as_of=clock.pinned_day(), patient_ids=[patient_id])


@shared_task(**_AGAIN)
def sweep() -> None:
    """Judge everybody whose record changed and whose task was lost. Repeating it finds nobody waiting."""
    at = clock.now()
    evaluations.note_sign_of_life(name="beat", at=at)
    evaluations.note_sign_of_life(name="worker", at=at)
    evaluations.judge_waiting(at=at, as_of=clock.pinned_day())


# A whole night may take longer than one patient; the status turns red two hours after its hour. A
# broker that hands the message out again meanwhile finds the scan's lock taken.
@shared_task(**_AGAIN, soft_time_limit=2 * 3600 - 60, time_limit=2 * 3600)
def plan_and_run() -> None:
    """Plan the nightly scans that fell due and run what waits. Each slot is a row, done once."""
    at = clock.now()
    due_runs.plan(at=at, catch_up=clock.pinned_day() is None)
    due_runs.run_waiting(at=at, as_of=clock.pinned_day())


@shared_task(**_AGAIN)
def seal_audit() -> None:
    """Seal the audit trail up to now. Repeating it seals nothing twice."""
    audit.seal()
