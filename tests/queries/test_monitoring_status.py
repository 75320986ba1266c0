"""The watchdog: never green about what was not done, never red about what was."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from registry.actions import due_runs, scan
from registry.models import DueRun, Heartbeat, ScanRun, WaitingEvaluation
from registry.queries import monitoring_status
from tests.factories import NIGHT, make_patient

TODAY = date(2026, 3, 5)


def stale(at):
    return {check.name for check in monitoring_status.checks(at=at) if not check.ok}


def scans(at):
    return {name for name in stale(at) if name.startswith("scan:")}


def judge(*, at, as_of=None, trigger="night"):
    return scan.run_rules(as_of=as_of, at=at, trigger=trigger)


def test_a_whole_run_at_todays_date_is_fresh(patient):
    judge(at=NIGHT)

    assert scans(NIGHT) == set()
    assert monitoring_status.chip(at=NIGHT).ok


@pytest.mark.parametrize("as_of", [date(2020, 1, 1), date(2030, 1, 1)])
def test_alerts_as_of_another_date_are_not_todays(patient, as_of):  # G-2
    judge(at=NIGHT)
    judge(at=NIGHT + timedelta(minutes=1), as_of=as_of, trigger="command")

    assert len(scans(NIGHT + timedelta(minutes=2))) == 4
    assert not monitoring_status.chip(at=NIGHT + timedelta(minutes=2)).ok
    assert not all(check.ok for check in monitoring_status.readiness(at=NIGHT + timedelta(minutes=2)))

    judge(at=NIGHT + timedelta(minutes=3), trigger="command")
    assert scans(NIGHT + timedelta(minutes=4)) == set()


def test_a_run_that_was_not_finished_is_no_run(patient):
    judge(at=NIGHT)
    ScanRun.objects.update(finished_at=None)

    assert len(scans(NIGHT)) == 4


def test_a_run_of_one_patient_is_no_whole_run(patient):
    scan.run_rules(as_of=None, at=NIGHT, trigger="command", patient_ids=[patient.pk])

    assert len(scans(NIGHT)) == 4


def test_what_was_done_in_the_future_proves_nothing(patient):
    """A clock that was put back, or a demonstration that was pinned ahead."""
    at = NIGHT + timedelta(days=400)
    judge(at=at)
    for name in ("worker", "beat"):
        Heartbeat.objects.create(name=name, at=at)

    assert len(scans(NIGHT)) == 4
    assert {"worker", "beat"} <= stale(NIGHT)
    assert not monitoring_status.chip(at=NIGHT).ok

    judge(at=NIGHT)
    assert scans(NIGHT) == set()


def test_on_a_pinned_date_the_run_of_that_date_is_fresh_at_any_hour(patient, settings):
    settings.REGISTRY_TODAY = TODAY
    evening = NIGHT.replace(year=2026, month=3, day=5, hour=23)
    judge(at=evening, as_of=TODAY)

    assert scans(evening.replace(hour=0)) == set()
    settings.REGISTRY_TODAY = TODAY + timedelta(days=1)
    assert len(scans(evening + timedelta(hours=2))) == 4


def test_a_duty_is_as_old_as_the_database_says(patient, settings):
    """The rows are dated by the database; the pinned date of a demonstration has nothing to do with it."""
    assert "waiting evaluations" not in stale(NIGHT)

    WaitingEvaluation.objects.update(since=timezone.now() - timedelta(minutes=11))

    assert "waiting evaluations" in stale(NIGHT)
    assert "waiting evaluations" in {
        check.name for check in monitoring_status.readiness(at=NIGHT) if not check.ok
    }


def test_an_empty_registry_is_no_failure(db):
    judge(at=NIGHT)

    assert scans(NIGHT) == set()


def test_nights_planned_ahead_of_today_do_not_keep_the_next_one_away(db):
    DueRun.objects.create(job="nightly_scan", due_at=NIGHT + timedelta(days=900), state="done")
    DueRun.objects.create(job="nightly_scan", due_at=NIGHT - timedelta(days=2), state="done")
    assert "next nightly scan" in stale(NIGHT + timedelta(hours=3))

    due_runs.plan(at=NIGHT)

    assert DueRun.objects.filter(job="nightly_scan", state="waiting").count() == 2


def test_a_demonstration_pinned_years_ahead_has_missed_no_nights(db):
    jobs = due_runs.plan(at=NIGHT)

    assert due_runs.plan(at=NIGHT + timedelta(days=3650), catch_up=False) == jobs
    assert due_runs.plan(at=NIGHT + timedelta(days=3650), catch_up=False) == 0
    assert due_runs.plan(at=NIGHT + timedelta(days=2)) == 2 * jobs


def test_a_patient_enrolled_after_the_night_makes_no_run_stale(site):
    judge(at=NIGHT)
    make_patient(site=site)

    assert scans(NIGHT) == set()
