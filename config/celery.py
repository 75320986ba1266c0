"""The Celery app and the whole timetable.

The database knows what is due; a message only wakes somebody to look. So each entry expires
before the next one is sent: after a pause the worker finds one message of a kind, not a thousand.
Intervals in UTC and no local times: beat was seen to stop or to run twice when clocks change.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("registry")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)

app.conf.beat_schedule = {
    "sweep": {"task": "registry.tasks.sweep", "schedule": 60, "options": {"expires": 55}},
    "plan_and_run": {"task": "registry.tasks.plan_and_run", "schedule": 60, "options": {"expires": 55}},
    "seal_audit": {"task": "registry.tasks.seal_audit", "schedule": 3600, "options": {"expires": 3500}},
}


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Leave the log as `config.logging` set it up; without a receiver Celery would set up its own."""
