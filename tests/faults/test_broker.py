"""The broker killed, robbed, emptied or absent: the queue is a hint, the table is the duty."""

import pytest

from registry.models import Alert, AlertMove, AuditEvent, Visit, WaitingEvaluation
from tests.factories import make_user
from tests.faults.clerks import Clerks
from tests.faults.cohort import make_patients, nobody_waits
from tests.worker import application_url, running_beat, running_worker, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def saves_of(patients, *, broker_url):
    """Have coordinators save a low count on day 34 for each patient; return who was acknowledged."""
    make_user(username="clerk", role="coordinator", site=patients[0].site)
    clerks = Clerks(
        username="clerk",
        saves=[(patient.code, 34) for patient in patients],
        DATABASE_URL=application_url(),
        REDIS_URL=broker_url,
    )
    complaints = clerks.wait()
    return {code for code, _ in clerks.acknowledged()}, complaints


def alerts():
    return Alert.objects.filter(rule="prolonged_cytopenia", certainty="certain")


def nobody_is_waiting():
    return not WaitingEvaluation.objects.exists()


def audited(model):
    """Making of the rows that stand; the trail keeps those of other tests."""
    pks = [str(pk) for pk in model.objects.values_list("pk", flat=True)]
    return AuditEvent.objects.filter(tbl=model._meta.db_table, op="I", pk_text__in=pks)


def test_500_saves_whose_broker_was_killed_and_robbed_are_500_alerts_after_one_sweep(broker):
    patients = make_patients(count=500, low_on=(3, 20))
    nobody_waits()

    acknowledged, _ = saves_of(patients, broker_url=broker.url)
    assert broker.queue_length() >= 500
    broker.kill()
    broker.forget()
    broker.start()
    assert broker.queue_length() == 0
    with running_worker(REDIS_URL=broker.url):
        broker.send("sweep")
        wait_until(nobody_is_waiting)

    assert acknowledged == {patient.code for patient in patients}
    assert set(alerts().values_list("patient__code", flat=True)) == acknowledged
    assert alerts().count() == 500
    assert AlertMove.objects.filter(alert__rule="prolonged_cytopenia", kind="raised").count() == 500
    assert audited(Visit).count() == 500
    assert audited(Alert).count() == Alert.objects.count()


def test_a_broker_that_is_killed_keeps_its_queue_on_disk(broker):
    patients = make_patients(count=20, low_on=(3, 20))
    saves_of(patients, broker_url=broker.url)
    before = broker.queue_length()

    broker.kill()
    broker.start()

    assert broker.queue_length() == before >= 20


def test_worker_and_beat_that_are_running_survive_a_broker_that_is_killed_and_robbed(broker):
    with running_worker(REDIS_URL=broker.url), running_beat(every=1, REDIS_URL=broker.url):
        make_patients(count=1, low_on=(3, 20, 34))
        wait_until(nobody_is_waiting)
        broker.kill()
        broker.forget()
        make_patients(count=5, first=2, low_on=(3, 20, 34))
        broker.start()
        wait_until(nobody_is_waiting)

    assert alerts().count() == 6


def test_worker_and_beat_that_are_running_survive_a_broker_that_is_emptied(broker):
    with running_worker(REDIS_URL=broker.url), running_beat(every=1, REDIS_URL=broker.url):
        make_patients(count=1, low_on=(3, 20, 34))
        wait_until(nobody_is_waiting)
        broker.flush()
        make_patients(count=5, first=2, low_on=(3, 20, 34))
        wait_until(nobody_is_waiting)

    assert alerts().count() == 6


def test_saves_without_a_broker_are_acknowledged_and_checked_when_it_returns(broker):
    patients = make_patients(count=10, low_on=(3, 20))
    nobody_waits()

    broker.kill()
    acknowledged, complaints = saves_of(patients, broker_url=broker.url)
    waiting = set(WaitingEvaluation.objects.values_list("patient__code", flat=True))
    broker.start()
    with running_worker(REDIS_URL=broker.url), running_beat(REDIS_URL=broker.url):
        wait_until(nobody_is_waiting)

    assert acknowledged == waiting == {patient.code for patient in patients}
    assert "OperationalError" in complaints  # said in the log, and no more than that
    assert alerts().count() == 10
