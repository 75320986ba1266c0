"""Celery's door: each body reads the clock or unpacks ids, then makes one call."""

from celery import shared_task
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone

from registry import clock
from registry.actions import audit, data_questions, due_runs, evaluations, night, notifications
from registry.exchange import outside_heartbeat

_AGAIN = {
    "acks_late": True,
    "autoretry_for": (OperationalError,),
    "retry_backoff": True,
    "max_retries": 5,
}


@shared_task(**_AGAIN)
def judge_patient(*, patient_id: int) -> None:
    """Judge one patient whose record changed. Repeating it finds no waiting row and does nothing.

    Then ask the site what the record leaves open: in a transaction of its own, after the alerts are stored.
    """
    at = clock.now()
    evaluations.note_sign_of_life(name="worker", at=at)
    evaluations.judge_waiting(at=at, as_of=clock.pinned_day(), patient_ids=[patient_id])
    data_questions.look_at(patient_ids=[patient_id], at=at, as_of=clock.pinned_day())


@shared_task(**_AGAIN)
def sweep() -> None:
    """Judge everybody whose record changed and whose task was lost. Repeating it finds nobody waiting."""
    at = clock.now()
    evaluations.note_sign_of_life(name="beat", at=at)
    evaluations.note_sign_of_life(name="worker", at=at)
    evaluations.judge_waiting(at=at, as_of=clock.pinned_day())


@shared_task(**_AGAIN)
def plan_and_run() -> None:
    """Plan what fell due and send the parts of the night that wait. Repeating it sends them again."""
    at = clock.now()
    due_runs.plan(at=at, catch_up=clock.pinned_day() is None)
    for part_id in due_runs.waiting_parts(at=at, as_of=clock.pinned_day()):
        # Sent again every minute until it is done: an unread message is worth nothing by then.
        judge_part.apply_async(kwargs={"part_id": part_id}, expires=55)
    for job in due_runs.waiting_jobs(at=at):
        run_job.apply_async(kwargs={"job": job}, expires=55)


@shared_task(**_AGAIN, soft_time_limit=3600 - 60, time_limit=3600)
def run_job(*, job: str) -> None:
    """Run a job that fell due. Repeating it finds its slots done and does nothing."""
    due_runs.run_job(job=job, at=clock.now(), as_of=clock.pinned_day())


@shared_task(**_AGAIN, soft_time_limit=3600 - 60, time_limit=3600)
def judge_part(*, part_id: int) -> None:
    """Judge one range of patients by one rule. Repeating it finds the part done and does nothing."""
    night.judge_part(part_id=part_id, at=clock.now())


@shared_task(**_AGAIN)
def seal_audit() -> None:
    """Seal the audit trail up to now. Repeating it seals nothing twice."""
    audit.seal()


@shared_task(**_AGAIN)
def send_notifications() -> None:
    """Send the mails that are due. Repeating it finds them sent; two at once share them out."""
    # By the real clock: a mail tried again in a minute must not wait for a pinned date to pass.
    notifications.send_waiting(at=timezone.now())


@shared_task(**_AGAIN)
def ping_heartbeat() -> None:
    """Tell the outside that all is well, if it is. Repeating it tells it again."""
    outside_heartbeat.ping_when_all_is_well(url=settings.HEARTBEAT_URL, at=clock.now())
