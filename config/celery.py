"""The Celery app and the whole timetable.

The database knows what is due; a message only wakes somebody to look. So each entry expires
before the next one is sent: after a pause the worker finds one message of a kind, not a thousand.
Intervals in UTC and no local times: beat was seen to stop or to run twice when clocks change.
"""

import os
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("registry")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


def every(seconds: int, task: str) -> dict[str, Any]:
    """Return an entry of the timetable. It is due at once when beat starts: who was away looks first."""
    return {
        "task": f"registry.tasks.{task}",
        "schedule": seconds,
        "options": {"expires": seconds - 5},
        "last_run_at": datetime(2000, 1, 1, tzinfo=UTC),
    }


app.conf.beat_schedule = {
    "sweep": every(60, "sweep"),
    "plan_and_run": every(60, "plan_and_run"),
    "send_notifications": every(60, "send_notifications"),
    "ping_heartbeat": every(300, "ping_heartbeat"),
    "seal_audit": every(3600, "seal_audit"),
}


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Leave the log as `config.logging` set it up; without a receiver Celery would set up its own."""
