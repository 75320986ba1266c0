"""The watchman himself: recounts that differ, clocks that drift, jobs that wait are told, and only those."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registry.models import DueRun, RecountRun, ScanRun
from registry.queries.checks import age_in_words
from registry.queries.watchman_status import clock_check, due_run_check, recount_check
from tests.factories import NIGHT
from tests.factories import make_user as make_person

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def recounted(*, share, nights_ago=0, differences=0, overdue=0, **facts):
    at = NIGHT - nights_ago * DAY
    return RecountRun.objects.create(
        at=at,
        finished_at=at,
        share=share,
        difference_count=differences,
        overdue_difference_count=overdue,
        **facts,
    )


def scanned(*, at):
    return ScanRun.objects.create(
        rule="overdue_visit",
        rule_version=1,
        limits={},
        trigger="night",
        is_whole=True,
        started_at=at,
        finished_at=at,
    )


@pytest.mark.parametrize(("hours", "ok"), [(25, True), (26, True), (27, False)])
def test_a_recount_is_due_every_night(hours, ok):
    recounted(share=1)

    assert recount_check(at=NIGHT + timedelta(hours=hours)).ok is ok


@pytest.mark.parametrize(("hours", "ok"), [(1, True), (26, True), (27, False)])
def test_a_new_installation_has_its_first_recount_still_to_come(hours, ok):
    scanned(at=NIGHT)

    check = recount_check(at=NIGHT + timedelta(hours=hours))
    assert (check.ok, check.value) == (ok, "none yet")


@pytest.mark.parametrize(
    ("patients", "visits", "waiting", "words"),
    [
        (0, 2, 3, "0 patients and 2 overdue visits counted (3 patients waiting to be judged left out)"),
        (1, 1, 1, "1 patient and 1 overdue visit counted (1 patient waiting to be judged left out)"),
    ],
)
def test_a_recount_says_how_many_it_looked_at(patients, visits, waiting, words):
    recounted(share=1, patients_counted=patients, overdue_visits_counted=visits, patients_waiting=waiting)

    assert recount_check(at=NIGHT).detail == words


def test_a_recount_that_was_not_finished_is_none():
    recounted(share=1, nights_ago=2)
    RecountRun.objects.create(at=NIGHT, share=2)

    assert not recount_check(at=NIGHT).ok


def test_a_difference_stays_until_the_same_share_is_clean():
    recounted(share=1, nights_ago=2, differences=3)
    recounted(share=2, nights_ago=1)
    found = recounted(share=3)

    check = recount_check(at=NIGHT)
    assert not check.ok
    assert check.value == "less than a minute ago, 3 differences"
    assert check.detail.startswith("3 differences in the recount of 30 Aug 2024, number ")

    recounted(share=1)
    assert recount_check(at=NIGHT).ok
    assert found.difference_count == 0


def test_overdue_visits_are_clean_when_the_next_night_is():
    """They are counted for everybody every night, whichever share is up."""
    recounted(share=1, nights_ago=1, overdue=2)
    assert not recount_check(at=NIGHT).ok

    recounted(share=2)
    assert recount_check(at=NIGHT).ok


def test_a_later_difference_of_the_share_is_another_one():
    person = make_person(username="lead", role="administrator")
    recounted(
        share=1,
        nights_ago=30,
        differences=1,
        explanation="By hand.",
        explained_by=person,
        explained_at=NIGHT,
    )
    recounted(share=2, nights_ago=1)
    assert recount_check(at=NIGHT).ok

    recounted(share=1, differences=1)
    assert not recount_check(at=NIGHT).ok


def test_an_explained_difference_is_settled():
    person = make_person(username="lead", role="administrator")
    run = recounted(share=1, differences=1)
    assert not recount_check(at=NIGHT).ok

    RecountRun.objects.filter(pk=run.pk).update(
        explanation="Withdrawn by hand.", explained_by=person, explained_at=NIGHT
    )
    assert recount_check(at=NIGHT).ok


def test_on_a_pinned_date_a_recount_grows_no_older(settings):
    recounted(share=1)
    settings.REGISTRY_TODAY = NIGHT.date() + 40 * DAY

    assert recount_check(at=NIGHT + 40 * DAY).ok


@pytest.mark.parametrize(("seconds", "ok"), [(0, True), (55, True), (65, False), (-55, True), (-65, False)])
def test_clocks_a_minute_apart_are_told(seconds, ok):
    assert clock_check(at=timezone.now() + timedelta(seconds=seconds)).ok is ok


def test_on_a_pinned_date_no_clocks_are_compared(settings):
    settings.REGISTRY_TODAY = NIGHT.date()

    assert clock_check(at=NIGHT).ok


@pytest.mark.parametrize(("minutes", "ok"), [(119, True), (120, True), (121, False)])
def test_a_job_that_waits_for_more_than_two_hours_is_told_by_its_name(minutes, ok):
    DueRun.objects.create(job="digest", due_at=NIGHT)

    check = due_run_check(at=NIGHT + timedelta(minutes=minutes))
    assert check.ok is ok
    assert check.detail == "digest, tried 0 times"
    assert check.value == f"oldest waits for {age_in_words(timedelta(minutes=minutes))}"


@pytest.mark.parametrize(("minutes", "ok"), [(120, True), (121, False)])
def test_after_days_of_rest_the_jobs_wait_for_the_scan_first(minutes, ok):
    DueRun.objects.create(job="recount", due_at=NIGHT - 3 * DAY)
    scanned(at=NIGHT)

    assert due_run_check(at=NIGHT + timedelta(minutes=minutes)).ok is ok


def test_a_scan_that_lies_ahead_excuses_no_job():
    DueRun.objects.create(job="recount", due_at=NIGHT - 3 * DAY)
    scanned(at=NIGHT + DAY)

    assert not due_run_check(at=NIGHT).ok


def test_a_job_that_is_done_or_still_to_come_does_not_wait():
    DueRun.objects.create(job="digest", due_at=NIGHT - DAY, state="done")
    DueRun.objects.create(job="recount", due_at=NIGHT + DAY)

    assert due_run_check(at=NIGHT).ok
