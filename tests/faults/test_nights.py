"""Nights: divided among workers, killed in the middle, missed for days. What is found is the same."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from registry.actions import due_runs, scan
from registry.models import Alert, AlertMove, AuditEvent, DueRun, ScanPart, ScanRun, WaitingEvaluation
from registry.monitoring.catalogue import RULES
from tests.factories import make_schedule, make_study
from tests.faults.cohort import add_lows, make_patients, nobody_waits
from tests.faults.holds import BEFORE_JUDGING, held, wait_until_held_up, wait_until_nobody_works
from tests.processes import children_of, kill_9
from tests.worker import running_beat, running_worker, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

NIGHTS = DueRun.objects.filter(job=due_runs.NIGHTLY_SCAN)
COUNT = 240


def two_oclock(*, nights_ago):
    """The nightly scan's hour, so many nights before the latest one that is over."""
    now = datetime.now(UTC)
    latest = now.replace(hour=2, minute=0, second=0, microsecond=0)
    if latest > now:
        latest -= timedelta(days=1)
    return latest - timedelta(days=nights_ago)


@pytest.fixture
def planned_night(monkeypatch):
    """A night in ranges of 40 patients, planned and not begun; every third patient is to be alerted.

    Nobody waits: what is found, the night finds.
    """
    monkeypatch.setattr(scan, "SPAN", 40)
    patients = make_patients(count=COUNT, low_on=(3, 20))
    add_lows(patients=patients[::3], low_on=(34,))
    nobody_waits()
    at = datetime.now(UTC)
    due_runs.plan(at=at)
    return patients, due_runs.waiting_parts(at=at)


def night_is_over():
    latest = NIGHTS.order_by("-due_at").first()
    return latest is not None and latest.due_at == two_oclock(nights_ago=0) and latest.state == "done"


def assert_the_night_is_whole_and_right(patients):
    for run in ScanRun.objects.filter(trigger="night"):
        assert (run.patients_in_scope, run.failure_count) == (len(patients), 0)
        assert run.patients_judged + run.patients_skipped_as_clear == len(patients)
    assert sorted(ScanRun.objects.values_list("rule", flat=True)) == sorted(rule.key for rule in RULES)
    assert not ScanPart.objects.filter(finished_at__isnull=True).exists()
    certain = Alert.objects.filter(rule="prolonged_cytopenia", certainty="certain")
    assert set(certain.values_list("patient__code", flat=True)) == {each.code for each in patients[::3]}
    assert scan.recount(as_of=None, at=datetime.now(UTC)) == ([], len(patients))
    assert (
        AlertMove.objects.count()
        == Alert.objects.count()
        == sum(ScanRun.objects.values_list("raised", flat=True))
    )
    pks = [str(pk) for pk in Alert.objects.values_list("pk", flat=True)]
    assert AuditEvent.objects.filter(tbl="registry_alert", op="I", pk_text__in=pks).count() == len(pks)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_one_two_and_four_workers_find_the_same_in_a_night(planned_night, broker, workers):
    patients, parts = planned_night
    assert len(parts) == len(RULES) * COUNT / 40

    for part_id in parts:
        broker.send("judge_part", part_id=part_id)
    with ExitStack() as running:
        for _ in range(workers):
            running.enter_context(running_worker(REDIS_URL=broker.url))
        wait_until(night_is_over)

    assert_the_night_is_whole_and_right(patients)


def test_parts_that_are_sent_many_times_to_many_workers_are_done_once(planned_night, broker):
    patients, parts = planned_night

    with running_worker(children=4, REDIS_URL=broker.url):
        for part_id in [*parts, *reversed(parts), *parts]:
            broker.send("judge_part", part_id=part_id)
        wait_until(night_is_over)
        wait_until(lambda: broker.queue_length() + broker.at_work_count() == 0)

    assert_the_night_is_whole_and_right(patients)


def test_a_night_whose_worker_is_killed_in_the_middle_is_finished_by_the_next_minutes_plan(
    planned_night, broker
):
    patients, parts = planned_night
    with running_worker(REDIS_URL=broker.url) as worker:
        with held(BEFORE_JUDGING, patient_id=patients[100].pk):
            for part_id in parts:
                broker.send("judge_part", part_id=part_id)
            wait_until_held_up()
            kill_9([worker.pid, *children_of(worker.pid)])
        wait_until_nobody_works()
    done = ScanPart.objects.filter(finished_at__isnull=False).count()
    assert 0 < done < len(parts)
    broker.flush()  # and the messages are gone with it

    with running_worker(REDIS_URL=broker.url):
        broker.send("plan_and_run")
        wait_until(night_is_over)

    assert_the_night_is_whole_and_right(patients)


@pytest.fixture
def three_missed_nights():
    """The latest night that was done is three nights before the latest one that should have been."""
    for job in due_runs.HOURS:
        DueRun.objects.create(job=job, due_at=two_oclock(nights_ago=3), state="done")
    return two_oclock(nights_ago=2)


def patients_with_a_visit_that_closed(*, first, days_ago):
    """Ten patients whose only planned visit's window closed so many days ago, and nothing was recorded."""
    day_zero = (datetime.now(UTC) - timedelta(days=days_ago)).date() - timedelta(days=31)
    return make_patients(count=10, first=first, low_on=(), day_zero=day_zero)


def test_after_three_days_without_beat_everything_is_found_and_marked_as_late(broker, three_missed_nights):
    make_schedule(study=make_study())  # D28, open until day 31
    quiet = patients_with_a_visit_that_closed(first=1, days_ago=2)
    nobody_waits()
    forgotten = patients_with_a_visit_that_closed(first=11, days_ago=2)
    WaitingEvaluation.objects.update(since=datetime.now(UTC) - timedelta(days=2))
    just_now = patients_with_a_visit_that_closed(first=21, days_ago=2)

    with running_worker(children=2, REDIS_URL=broker.url), running_beat(REDIS_URL=broker.url):
        wait_until(night_is_over)
        wait_until(lambda: not WaitingEvaluation.objects.exists())

    assert NIGHTS.count() == 4
    runs = ScanRun.objects.filter(trigger="night")
    assert sorted(runs.values_list("rule", flat=True)) == sorted(rule.key for rule in RULES), "one for all"
    assert set(runs.values_list("missed_since", flat=True)) == {three_missed_nights}
    overdue = Alert.objects.filter(rule="overdue_visit")
    found = {alert.patient.code: alert.late_since for alert in overdue.select_related("patient")}
    assert set(found) == {patient.code for patient in [*quiet, *forgotten, *just_now]}
    assert overdue.count() == 30
    assert {found[patient.code] for patient in quiet} == {three_missed_nights}
    assert None not in found.values(), "found late, whatever found it"


def test_two_beats_and_four_workers_make_one_night_of_a_missed_one(broker, three_missed_nights):
    patients = make_patients(count=60, low_on=(3, 20, 34))
    there = {"REDIS_URL": broker.url}

    with ExitStack() as running:
        for _ in range(4):
            running.enter_context(running_worker(**there))
        for _ in range(2):
            running.enter_context(running_beat(every=5, **there))
        wait_until(night_is_over)
        wait_until(lambda: not WaitingEvaluation.objects.exists())

    assert NIGHTS.count() == 4
    assert ScanRun.objects.filter(trigger="night").count() == len(RULES)
    alerts = Alert.objects.filter(rule="prolonged_cytopenia")
    assert sorted(alerts.values_list("patient__code", flat=True)) == sorted(each.code for each in patients)
    assert AlertMove.objects.filter(kind="raised").count() == Alert.objects.count()
