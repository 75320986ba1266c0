"""Whether the rules have judged what was saved about a patient, and if not, whether they soon will."""

from datetime import datetime
from typing import Literal

from django.db import connection

from registry.models import Patient
from registry.queries import monitoring_status

Progress = Literal["judged", "running", "delayed", "failed"]

_SOON_SECONDS = 150  # a sweep every minute, and the time of a large one


def progress(*, patient: Patient, at: datetime) -> Progress:
    """Say how far the rules are with a patient's latest changes.

    `running`: a worker is about to judge them. `delayed`: they are safe, and nobody judges at present:
    the broker does not answer, no worker was seen lately, or they have waited too long. `failed`: a rule
    could not read the record, and tries again.
    """
    with connection.cursor() as cursor:
        # By the database's clock, which dated the rows.
        cursor.execute(
            """
            SELECT extract(epoch FROM clock_timestamp() - min(since)), max(attempts)
            FROM registry_waitingevaluation WHERE patient_id = %s
            """,
            [patient.pk],
        )
        waited_seconds, attempts = cursor.fetchone()
    if waited_seconds is None:
        return "judged"
    if attempts:
        return "failed"
    if waited_seconds > _SOON_SECONDS or not monitoring_status.changes_are_judged(at=at):
        return "delayed"
    return "running"
