"""One record that no rule can read among 5,000: everybody else is judged, and the failure is seen."""

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db.models import F

from registry.models import Alert, ScanFailure, WaitingEvaluation
from tests.factories import make_event
from tests.faults.cohort import make_patients
from tests.faults.holds import BEFORE_JUDGING, end_who_is_held_up, held, held_up_count
from tests.worker import application_url, running_worker, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


READS_EVENTS = "secondary_malignancy"


def manage(*words):
    done = subprocess.run(
        [sys.executable, "manage.py", *words, "--json"],
        env={**os.environ, "DATABASE_URL": application_url()},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, json.loads(done.stdout)


def test_one_poisoned_record_among_5000_leaves_4999_judged_and_one_visible_failure(broker):  # G-9
    patients = make_patients(count=5000, low_on=(3, 20, 34))
    poisoned = patients[2500]
    make_event(patient=poisoned, started_on="2024-13")  # no such month: past every form and import

    with running_worker(children=2, REDIS_URL=broker.url):
        broker.send("sweep")
        broker.send("sweep")
        wait_until(lambda: not WaitingEvaluation.objects.exclude(patient=poisoned).exists(), seconds=300)
        wait_until(lambda: broker.at_work_count() == 0)

    alerted = set(Alert.objects.filter(rule="prolonged_cytopenia").values_list("patient", flat=True))
    assert alerted >= {patient.pk for patient in patients} - {poisoned.pk}
    assert WaitingEvaluation.objects.filter(patient=poisoned, attempts__gt=0).exists()
    open_failures = ScanFailure.objects.filter(settled_at__isnull=True)
    assert list(open_failures.values_list("patient", "rule")) == [(poisoned.pk, READS_EVENTS)]

    failed, status = manage("status")
    checks = {check["name"]: check for check in status["checks"]}
    assert failed == 1
    assert checks["failed evaluations"] == checks["failed evaluations"] | {"ok": False, "value": "1 patient"}

    failed, scanned = manage("scan")
    assert failed == 1
    for run in scanned["runs"]:
        judged = run["patients_judged"] + run["patients_skipped_as_clear"]
        failures = [failure["patient_id"] for failure in run["failures"]]
        if run["rule"] == READS_EVENTS:
            assert (judged, failures) == (4999, [poisoned.code])
        else:
            assert (judged, failures) == (5000, [])


@pytest.mark.parametrize("failed_before", [0, 1], ids=lambda times: f"failed {times} times before")
def test_a_record_that_kills_whoever_judges_it_holds_nobody_else_up(broker, failed_before):
    """As one does that takes all memory or all time: the batch with it is never finished."""
    patients = make_patients(count=10, low_on=(3, 20, 34))
    deadly = patients[5]
    if failed_before:
        WaitingEvaluation.objects.filter(patient=deadly).update(
            attempts=failed_before, not_before=F("since") - timedelta(hours=1)
        )
    others = WaitingEvaluation.objects.exclude(patient=deadly)

    with held(BEFORE_JUDGING, patient_id=deadly.pk):
        for _ in range(30):
            with running_worker(REDIS_URL=broker.url):
                broker.send("sweep")
                wait_until(lambda: held_up_count() or not others.exists())
            end_who_is_held_up()
            if not others.exists():
                break

    alerted = Alert.objects.filter(rule="prolonged_cytopenia").values_list("patient", flat=True)
    assert sorted(alerted) == sorted(patient.pk for patient in patients if patient != deadly)
    assert WaitingEvaluation.objects.filter(patient=deadly).exists(), "and the status page says so"
