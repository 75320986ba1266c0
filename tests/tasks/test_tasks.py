"""The tasks on a real worker and a real broker: sooner by a message, found without one.

What happens when any of them is killed is in tests/faults/.
"""

from datetime import UTC, datetime, timedelta

import pytest
from celery import current_app
from django.db import transaction

from registry import tasks
from registry.actions import evaluations
from registry.models import Alert, Heartbeat, WaitingEvaluation
from tests.factories import DAY_0, make_event, make_patient, make_result
from tests.worker import running_worker, wait_until

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


def test_a_record_that_stays_broken_for_weeks_holds_nobody_up(patient_to_alert):
    broken = make_patient()
    make_event(patient=broken, started_on="2024-13")
    WaitingEvaluation.objects.filter(patient=broken).update(attempts=200)
    at = datetime.now(UTC)

    evaluations.judge_waiting(at=at)

    assert cytopenia_alerts().exists()
    waiting = WaitingEvaluation.objects.filter(patient=broken).latest("pk")
    assert (waiting.attempts, waiting.not_before - at) == (201, timedelta(hours=6))
