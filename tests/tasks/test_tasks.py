"""The tasks on a real worker and a real broker: sooner by a message, found without one, never twice."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from redis import Redis

from registry import tasks
from registry.actions import evaluations
from registry.models import Alert, AlertMove, DueRun, Heartbeat, ScanRun, Visit, WaitingEvaluation
from tests.factories import DAY_0, make_event, make_patient, make_result
from tests.worker import application_url, kill, running_worker, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_queue():
    current_app.control.purge()


@pytest.fixture
def patient_to_alert():
    patient = make_patient()
    for day, value in ((3, "0.4"), (20, "0.5"), (34, "0.6")):
        make_result(patient=patient, collected_on=DAY_0 + timedelta(days=day), value=value)
    return patient


def cytopenia_alerts():
    return Alert.objects.filter(rule="prolonged_cytopenia")


def test_a_message_on_commit_makes_the_alert_sooner(patient_to_alert):
    with running_worker():
        with transaction.atomic():
            evaluations.nudge(patient_id=patient_to_alert.pk)
        wait_until(lambda: cytopenia_alerts().exists())

    assert not WaitingEvaluation.objects.exists()
    assert Heartbeat.objects.filter(name="worker").exists()


def test_what_the_queue_lost_the_sweep_finds(patient_to_alert):
    with transaction.atomic():
        evaluations.nudge(patient_id=patient_to_alert.pk)
    assert current_app.control.purge() == 1  # as a broker does that dies without its memory

    with running_worker():
        tasks.sweep.delay()
        wait_until(lambda: cytopenia_alerts().exists())

    assert Heartbeat.objects.filter(name="beat").exists()


def test_the_same_task_twenty_times_makes_one_alert(patient_to_alert):
    with running_worker(children=2):
        for _ in range(20):
            tasks.judge_patient.delay(patient_id=patient_to_alert.pk)
        tasks.sweep.delay()
        wait_until(lambda: not WaitingEvaluation.objects.exists() and cytopenia_alerts().exists())
        wait_until(lambda: queue_length() == 0)

    assert cytopenia_alerts().count() == 1
    assert AlertMove.objects.filter(alert__rule="prolonged_cytopenia", kind="raised").count() == 1


def queue_length():
    with Redis.from_url(settings.REDIS_URL) as broker:
        return broker.llen("celery")


def test_a_worker_killed_at_work_loses_nothing_and_doubles_nothing():
    patients = [make_patient() for _ in range(60)]
    for patient in patients:
        for day in (3, 20, 34):
            make_result(patient=patient, collected_on=DAY_0 + timedelta(days=day), value="0.4")

    with running_worker() as worker:
        tasks.sweep.delay()
        wait_until(lambda: backends_at_work() or cytopenia_alerts().exists())
        kill(worker)
    with running_worker():
        tasks.sweep.delay()
        wait_until(lambda: not WaitingEvaluation.objects.exists())

    assert cytopenia_alerts().count() == len(patients)
    assert AlertMove.objects.filter(alert__rule="prolonged_cytopenia", kind="raised").count() == len(patients)


def backends_at_work():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]


SAVING = """
import django
django.setup()
from datetime import UTC, date, datetime
from uuid import uuid4
from registry.access.scope import EVERYTHING, acting
from registry.actions.visits import VisitEntry, record_visit
from registry.models import Patient
with acting(rows=EVERYTHING):
    patient = Patient.objects.get()
    record_visit(
        patient=patient, course=patient.courses.get(), code="D28", submission=uuid4(), by=None,
        entry=VisitEntry("completed", date(2024, 3, 29)), at=datetime.now(UTC), today=date(2024, 9, 1),
    )
"""


def test_a_visit_is_saved_while_the_broker_is_away(patient_to_alert):
    WaitingEvaluation.objects.all().delete()
    elsewhere = {"DATABASE_URL": application_url(), "REDIS_URL": "unix:///nowhere/valkey.sock?db=0"}
    saving = subprocess.run(
        [sys.executable, "-c", SAVING],
        env={**os.environ, **elsewhere, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert saving.returncode == 0, saving.stderr
    assert "OperationalError" in saving.stderr + saving.stdout  # said in the log, and no more than that
    assert Visit.objects.get().code == "D28"
    assert WaitingEvaluation.objects.filter(patient=patient_to_alert).exists()


def test_nights_that_beat_slept_through_are_caught_up_by_one_scan(patient_to_alert):
    three_nights_ago = datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0) - timedelta(
        days=4
    )
    DueRun.objects.create(job="nightly_scan", due_at=three_nights_ago, state="done")

    with running_worker():
        tasks.plan_and_run.delay()
        tasks.plan_and_run.delay()
        nights = DueRun.objects.filter(job="nightly_scan")
        wait_until(lambda: nights.filter(state="done").count() >= 4)
        wait_until(lambda: not nights.filter(state="waiting").exists())

    assert nights.count() in {4, 5}  # today's slot only after two o'clock
    assert ScanRun.objects.filter(trigger="night", rule="prolonged_cytopenia").count() == 1
    assert cytopenia_alerts().count() == 1


def test_a_patient_whose_record_breaks_a_rule_waits_visibly_and_holds_nobody_up(patient_to_alert):
    broken = make_patient()
    make_event(patient=broken, started_on="2024-13")

    with running_worker():
        tasks.sweep.delay()
        wait_until(lambda: cytopenia_alerts().exists())
        wait_until(lambda: WaitingEvaluation.objects.filter(attempts__gt=0).exists())

    waiting = set(WaitingEvaluation.objects.values_list("patient_id", flat=True))
    assert waiting == {broken.pk}


def test_a_record_that_stays_broken_for_weeks_holds_nobody_up(patient_to_alert):
    broken = make_patient()
    make_event(patient=broken, started_on="2024-13")
    WaitingEvaluation.objects.filter(patient=broken).update(attempts=200)
    at = datetime.now(UTC)

    evaluations.judge_waiting(at=at)

    assert cytopenia_alerts().exists()
    waiting = WaitingEvaluation.objects.filter(patient=broken).latest("pk")
    assert (waiting.attempts, waiting.not_before - at) == (201, timedelta(hours=6))
