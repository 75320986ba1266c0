"""Workers killed, hung and crowded in the middle of a sweep: nothing is lost and nothing is doubled."""

import os
import signal
from contextlib import ExitStack

import pytest
from django.db.models import Exists, OuterRef

from registry.actions import evaluations
from registry.models import Alert, AlertMove, AuditEvent, Patient, WaitingEvaluation
from tests.factories import NIGHT, make_event
from tests.faults.cohort import add_lows, make_patients, nobody_waits
from tests.faults.holds import (
    AT_COMMIT,
    BEFORE_JUDGING,
    BEFORE_STORING,
    held,
    wait_until_held_up,
    wait_until_nobody_works,
)
from tests.processes import children_of, kill_9, wait_until_gone
from tests.worker import running_beat, running_worker, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

CYTOPENIA = "prolonged_cytopenia"


def whole(worker):
    return {worker.pid, *children_of(worker.pid)}


def its_child(worker):
    return children_of(worker.pid)


def its_main_process(worker):
    return {worker.pid}


def is_settled():
    return not WaitingEvaluation.objects.exists()


def codes(rows):
    return set(rows.values_list("patient__code", flat=True))


def assert_each_has_one_alert(patients):
    wanted = {patient.code for patient in patients}
    alerts = Alert.objects.filter(rule=CYTOPENIA)
    moves = AlertMove.objects.filter(alert__rule=CYTOPENIA)
    assert codes(alerts) == wanted
    assert alerts.count() == moves.count() == len(wanted)
    for table, rows in (("registry_alert", Alert), ("registry_alertmove", AlertMove)):
        pks = [str(pk) for pk in rows.objects.values_list("pk", flat=True)]
        assert AuditEvent.objects.filter(tbl=table, op="I", pk_text__in=pks).count() == len(pks)


@pytest.fixture
def crowd():
    """450 patients to alert, two batches and a bit; one of the second batch has an alert from before."""
    patients = make_patients(count=450, low_on=())
    nobody_waits()
    make_event(patient=patients[299], term="Lymphoma", started_on="2024-05-01")
    evaluations.judge_waiting(at=NIGHT)
    assert Alert.objects.get().patient == patients[299]
    for batch in (patients[:200], patients[200:400], patients[400:]):
        add_lows(patients=batch, low_on=(3, 20, 34))
    return patients


@pytest.mark.parametrize(
    ("place", "victims"),
    [
        (BEFORE_JUDGING, whole),
        (BEFORE_STORING, whole),
        (BEFORE_STORING, its_child),
        (AT_COMMIT, its_main_process),
    ],
    ids=["before it judges", "between two rules", "only its child", "only its main process at commit"],
)
def test_a_worker_killed_in_the_middle_of_a_batch_loses_nothing_and_doubles_nothing(
    crowd, broker, place, victims
):
    with running_worker(REDIS_URL=broker.url) as worker:
        with held(place, patient_id=crowd[299].pk):
            broker.send("sweep")
            wait_until_held_up()
            assert Alert.objects.filter(rule=CYTOPENIA).count() == 200, "the first batch is stored"
            dead = victims(worker)
            kill_9(dead)
            assert not wait_until_gone(dead - {worker.pid}, seconds=30)
        wait_until_nobody_works()
        # In one statement: a child that outlives its main process may go on with the next batch.
        settled = Patient.objects.filter(pk__in=[patient.pk for patient in crowd]).annotate(
            is_done=Exists(Alert.objects.filter(patient=OuterRef("pk"), rule=CYTOPENIA)),
            waits=Exists(WaitingEvaluation.objects.filter(patient=OuterRef("pk"))),
        )
        assert {(one.is_done, one.waits) for one in settled} <= {(True, False), (False, True)}

        if victims is its_child:
            broker.send("sweep")
            wait_until(is_settled)
    if victims is not its_child:
        with running_worker(REDIS_URL=broker.url):
            broker.send("sweep")
            wait_until(is_settled)

    assert_each_has_one_alert(crowd)


def test_a_worker_whose_child_was_killed_hands_its_task_out_again_and_a_sweep_does_the_rest(broker):
    patients = make_patients(count=3, low_on=(3, 20, 34))

    with running_worker(REDIS_URL=broker.url) as worker:
        with held(BEFORE_JUDGING, patient_id=patients[0].pk):
            broker.send("judge_patient", patient_id=patients[0].pk)
            wait_until_held_up()
            before = children_of(worker.pid)
            kill_9(before)
            wait_until(lambda: children_of(worker.pid) - before)
        wait_until(lambda: broker.queue_length() + broker.at_work_count() == 0)
        wait_until_nobody_works()
        broker.send("sweep")
        wait_until(is_settled)

    assert_each_has_one_alert(patients)


def test_a_worker_that_hangs_holds_up_only_its_own_batch(crowd, broker):
    with running_worker(REDIS_URL=broker.url) as hanging:
        with held(BEFORE_STORING, patient_id=crowd[299].pk):
            broker.send("sweep")
            wait_until_held_up()
            for pid in whole(hanging):
                os.kill(pid, signal.SIGSTOP)
        with running_worker(REDIS_URL=broker.url):
            broker.send("sweep")
            wait_until(lambda: Alert.objects.filter(rule=CYTOPENIA).count() == 250)
            kill_9(whole(hanging))
            wait_until_nobody_works()
            broker.send("sweep")
            wait_until(is_settled)

    assert_each_has_one_alert(crowd)


def test_the_same_task_twenty_times_at_once_makes_one_alert_and_one_audit_row(broker):
    patients = make_patients(count=1, low_on=(3, 20, 34))

    with running_worker(children=8, REDIS_URL=broker.url):
        with held(BEFORE_JUDGING, patient_id=patients[0].pk):
            for _ in range(20):
                broker.send("judge_patient", patient_id=patients[0].pk)
            wait_until_held_up()
            wait_until(lambda: broker.queue_length() == 0)
        wait_until(lambda: is_settled() and broker.at_work_count() == 0)

    assert_each_has_one_alert(patients)


def test_two_beats_and_four_workers_make_no_twin(broker):
    patients = make_patients(count=600, low_on=(3, 20, 34))
    there = {"REDIS_URL": broker.url}

    with ExitStack() as running:
        for _ in range(4):
            running.enter_context(running_worker(**there))
        for _ in range(2):
            running.enter_context(running_beat(every=5, **there))
        # One of each batch is held, so that three sweeps are in the middle of their batches at once.
        with ExitStack() as holding:
            for patient in (patients[5], patients[255], patients[505]):
                holding.enter_context(held(BEFORE_JUDGING, patient_id=patient.pk))
            for patient in patients[::10]:
                broker.send("judge_patient", patient_id=patient.pk)
            wait_until_held_up(count=3)
        wait_until(is_settled)

    assert_each_has_one_alert(patients)
