"""The nightly scan: in parts, over whoever changed or is called by the calendar (reliability.md 3)."""

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from django.db import connection

from registry.access.scope import EVERYTHING, acting
from registry.actions import due_runs, evaluations, night, scan
from registry.models import Alert, AuditEvent, DueRun, Judgement, ScanPart, ScanRun, WaitingEvaluation
from registry.monitoring.catalogue import RULES, by_key
from registry.queries.alert_evidence import up_to_date
from registry.queries.evidence import Span
from tests.factories import DAY_0, NIGHT, make_event, make_patient, make_result
from tests.worker import application_url

DAY = timedelta(days=1)
CYTOPENIA = "prolonged_cytopenia"


def on_day(number):
    return DAY_0 + number * DAY


def at_day(number):
    """02:00 UTC of the day with this number."""
    return NIGHT.replace(year=on_day(number).year, month=on_day(number).month, day=on_day(number).day)


def counts(patient, table):
    for pair in table.split():
        day, value = pair.split(":")
        make_result(patient=patient, collected_on=on_day(int(day)), value=value)


def nightly(day):
    """The night of a day, begun by the plan and judged part by part; returns its runs by rule."""
    at = at_day(day)
    due_runs.plan(at=at)
    parts = due_runs.waiting_parts(at=at)
    for part_id in parts:
        night.judge_part(part_id=part_id, at=at)
    with acting(rows=EVERYTHING):
        return {run.rule: run for run in ScanRun.objects.filter(trigger="night", started_at=at)}


def differences(day):
    found, _ = scan.recount(as_of=None, at=at_day(day))
    return found


@pytest.fixture
def everybody(site):
    """Three patients with lows, one of them open-ended, and two without."""
    patients = [make_patient(site=site) for _ in range(5)]
    counts(patients[0], "3:0.4 35:0.8 40:2.0 41:2.1 42:2.2")
    counts(patients[1], "4:1.2 5:0.5 20:0.6")
    counts(patients[2], "4:1.2 5:0.5 6:1.4 7:1.5 8:1.6")
    counts(patients[3], "4:2.2 50:2.3")
    return patients


def test_a_night_after_a_whole_run_judges_only_whom_the_calendar_calls(everybody):
    WaitingEvaluation.objects.all().delete()
    first = nightly(30)[CYTOPENIA]
    assert (first.is_from_raw, first.patients_unchanged) == (True, 0)
    assert first.patients_judged + first.patients_skipped_as_clear == 5

    quiet = nightly(31)[CYTOPENIA]
    assert (quiet.is_from_raw, quiet.patients_judged, quiet.patients_covered) == (False, 0, 5)
    assert quiet.patients_unchanged == first.patients_judged

    # P17: nobody touched the record; on day 34 the low may have lasted 29 days.
    nights = [nightly(day)[CYTOPENIA] for day in (32, 33, 34)]
    assert [(run.patients_judged, run.raised) for run in nights] == [(0, 0), (0, 0), (1, 1)]
    assert differences(34) == []


def test_a_night_judges_whoever_changed_since(everybody):
    nightly(30)
    WaitingEvaluation.objects.all().delete()
    counts(everybody[3], "60:0.3 61:0.4 90:0.3")  # no task, no sweep: the row is the duty

    run = nightly(31)[CYTOPENIA]

    assert run.patients_judged == 1
    assert differences(31) == []


@pytest.mark.parametrize("days", [(30, 31, 33, 34, 35, 58, 59), (30, 34, 60, 61, 200), (30, 36, 43)])
def test_nights_leave_what_judging_everybody_would(everybody, days):
    WaitingEvaluation.objects.all().delete()
    for day in days:
        nightly(day)
        assert differences(day) == []


def test_two_nights_at_once_are_one(everybody):
    due_runs.plan(at=at_day(30))

    assert due_runs.waiting_parts(at=at_day(30)) == due_runs.waiting_parts(at=at_day(30))
    assert ScanRun.objects.filter(trigger="night").count() == len(RULES)


@pytest.mark.parametrize("size", [1, 2, 5, 10_000])
def test_the_alerts_do_not_depend_on_how_the_night_is_divided(everybody, monkeypatch, size):
    monkeypatch.setattr(scan, "SPAN", size)

    run = nightly(120)[CYTOPENIA]

    assert ScanPart.objects.filter(run=run).count() == -(-5 // size)
    assert (run.patients_in_scope, run.raised, run.findings) == (5, 2, 2)
    assert differences(120) == []


def test_a_part_that_is_repeated_changes_nothing_and_is_counted_once(everybody):
    run = nightly(120)[CYTOPENIA]
    audited = AuditEvent.objects.count()

    for part in ScanPart.objects.all():
        assert not night.judge_part(part_id=part.pk, at=at_day(120))

    run.refresh_from_db()
    assert (run.raised, Alert.objects.filter(rule=CYTOPENIA).count()) == (2, 2)
    assert AuditEvent.objects.count() == audited


def ranges_of(part_ids):
    return set(ScanPart.objects.filter(pk__in=part_ids).values_list("first_patient_id", flat=True))


def test_a_night_whose_tasks_were_lost_is_handed_out_again(everybody, monkeypatch):
    monkeypatch.setattr(scan, "SPAN", 2)
    due_runs.plan(at=at_day(30))
    parts = due_runs.waiting_parts(at=at_day(30))
    night.judge_part(part_id=parts[0], at=at_day(30))

    again = due_runs.waiting_parts(at=at_day(30) + timedelta(minutes=1))
    assert ranges_of(again) == ranges_of(parts) - ranges_of(parts[:1])
    assert DueRun.objects.get(job="nightly_scan").state == "waiting"


def test_the_parts_of_a_range_are_judged_together_from_one_reading(everybody):
    due_runs.plan(at=at_day(30))
    parts = due_runs.waiting_parts(at=at_day(30))

    assert len(parts) == len(RULES)
    assert night.judge_part(part_id=parts[1], at=at_day(30))
    assert due_runs.waiting_parts(at=at_day(30)) == []


def test_a_part_that_another_worker_has_in_hand_is_not_taken_along(everybody):
    due_runs.plan(at=at_day(30))
    parts = due_runs.waiting_parts(at=at_day(30))

    with psycopg.connect(application_url()) as elsewhere:
        elsewhere.execute("SELECT pg_advisory_lock(76, %s)", [parts[2]])
        assert night.judge_part(part_id=parts[0], at=at_day(30))

    assert due_runs.waiting_parts(at=at_day(30)) == [parts[2]]


def test_a_part_left_over_is_judged_alone_in_case_another_rule_brings_the_worker_down(everybody):
    due_runs.plan(at=at_day(30))
    parts = due_runs.waiting_parts(at=at_day(30))
    later = at_day(30) + timedelta(minutes=11)

    assert night.judge_part(part_id=parts[0], at=later)

    assert due_runs.waiting_parts(at=later) == parts[1:]


def test_a_night_that_was_never_finished_is_made_up_for_by_the_next(everybody):
    due_runs.plan(at=at_day(30))
    due_runs.waiting_parts(at=at_day(30))

    run = nightly(31)[CYTOPENIA]

    assert run.finished_at is not None
    assert set(DueRun.objects.filter(job="nightly_scan").values_list("state", flat=True)) == {"done"}


def test_a_part_waits_for_no_whole_run_but_is_handed_out_again(everybody):
    """A worker that stood there would judge nobody else: two of them, and nothing is judged at all."""
    due_runs.plan(at=at_day(30))
    parts = due_runs.waiting_parts(at=at_day(30))
    first = ScanPart.objects.select_related("run").get(pk=parts[0])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")

    with psycopg.connect(application_url()) as whole_run:
        whole_run.execute("SELECT pg_advisory_lock(73, hashtext(%s))", [first.run.rule])
        assert not night.judge_part(part_id=first.pk, at=at_day(30))
    assert first.pk in due_runs.waiting_parts(at=at_day(30) + timedelta(minutes=1))

    assert night.judge_part(part_id=first.pk, at=at_day(30))


def test_a_rule_that_fails_only_at_its_next_day_blinds_nobody_else(everybody):  # G-9
    def fails_for_one(history, as_of, limits):
        if history.patient_id == everybody[0].pk:
            raise OverflowError("a date beyond the year 9999")

    rule = replace(by_key(CYTOPENIA), wakes=fails_for_one)
    (report,) = scan.run_rules(as_of=None, at=at_day(120), trigger="command", rules=[rule])

    assert [failure.patient_id for failure in report.failures] == [everybody[0].pk]
    assert Alert.objects.filter(rule=CYTOPENIA, patient=everybody[1]).exists()


def test_a_night_that_was_given_up_is_over_when_its_repetition_is(everybody):
    due_runs.plan(at=at_day(30))
    due_runs.waiting_parts(at=at_day(30))
    again = at_day(30) + timedelta(hours=21)

    for part_id in due_runs.waiting_parts(at=again):
        night.judge_part(part_id=part_id, at=again)

    assert DueRun.objects.get(job="nightly_scan").state == "done"
    assert due_runs.waiting_parts(at=again + timedelta(minutes=1)) == []


def test_a_failure_in_a_part_that_is_repeated_is_counted_once(everybody):
    # No such month: past every form and import.
    make_event(patient=everybody[4], category="malignancy", started_on="2024-13")
    due_runs.plan(at=at_day(30))
    parts = due_runs.waiting_parts(at=at_day(30))
    part = ScanPart.objects.select_related("run").get(pk__in=parts, run__rule="secondary_malignancy")
    whole = Span(part.first_patient_id, part.last_patient_id)
    # As a worker does that dies before it notes that the part is done.
    scan.judge_span(runs=[(by_key("secondary_malignancy"), part.run)], span=whole)

    night.judge_part(part_id=part.pk, at=at_day(30))

    part.run.refresh_from_db()
    assert part.run.failure_count == 1


def test_what_a_command_finds_while_nights_are_outstanding_is_marked_as_found_late(everybody):
    nightly(30)
    WaitingEvaluation.objects.all().delete()

    scan.run_rules(as_of=None, at=at_day(34), trigger="command")

    alert = Alert.objects.get(rule=CYTOPENIA, subject="ANC", patient=everybody[1])
    assert alert.late_since == at_day(31)


def test_what_three_missed_nights_would_have_found_is_marked_as_found_late(everybody):
    nightly(30)
    WaitingEvaluation.objects.all().delete()

    run = nightly(34)[CYTOPENIA]

    assert run.missed_since == at_day(31)
    alert = Alert.objects.get(rule=CYTOPENIA, subject="ANC", patient=everybody[1])
    assert alert.late_since == at_day(31)


def test_what_is_found_in_its_night_is_not_late(everybody):
    nightly(33)
    nightly(34)

    assert set(Alert.objects.values_list("late_since", flat=True)) == {None}


def test_a_change_that_waited_more_than_a_day_is_found_late(everybody):
    waiting_since = at_day(60)
    WaitingEvaluation.objects.update(since=waiting_since)

    evaluations.judge_waiting(at=at_day(62))

    assert set(Alert.objects.values_list("late_since", flat=True)) == {waiting_since}


def test_an_alert_that_comes_back_is_late_when_its_return_was_found_late(everybody):
    def ends(on, reason, *, waiting_since, judged_at):
        everybody[0].follow_up_ended_on, everybody[0].follow_up_end_reason = on, reason
        everybody[0].save()
        WaitingEvaluation.objects.update(since=waiting_since)
        evaluations.judge_waiting(at=judged_at)
        return Alert.objects.get(rule=CYTOPENIA, patient=everybody[0])

    ends(None, "", waiting_since=at_day(60), judged_at=at_day(60))
    assert ends(on_day(20), "lost", waiting_since=at_day(61), judged_at=at_day(61)).state == "withdrawn"

    late = ends(None, "", waiting_since=at_day(62), judged_at=at_day(65))
    assert (late.state, late.late_since) == ("open", at_day(62))

    ends(on_day(20), "lost", waiting_since=at_day(66), judged_at=at_day(66))
    in_time = ends(None, "", waiting_since=at_day(67), judged_at=at_day(67))
    assert (in_time.state, in_time.late_since) == ("open", None)


@pytest.mark.parametrize(
    "changed",
    [
        {"rule_version": 7},
        {"lists": "older"},
        {"limits": {"x": 1}},
        {"as_of": on_day(5)},
        {"finished_at": None},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_night_has_nothing_to_build_on_after_another_run(everybody, changed):
    nightly(30)
    ScanRun.objects.filter(rule=CYTOPENIA).update(**changed)

    assert nightly(31)[CYTOPENIA].is_from_raw


def test_everything_is_looked_at_anew_after_a_week(everybody):
    nightly(30)

    assert [nightly(day)[CYTOPENIA].is_from_raw for day in range(31, 39)] == [False] * 6 + [True, False]


def test_a_night_brings_back_to_today_whom_a_command_judged_for_another_day(everybody):
    nightly(33)
    scan.run_rules(as_of=on_day(300), at=at_day(33), trigger="command", patient_ids=[everybody[1].pk])
    assert Alert.objects.filter(patient=everybody[1], rule=CYTOPENIA).exists()

    nightly(33 + 1)

    assert differences(34) == []


def test_days_overdue_grow_without_being_written(site):
    make_patient(site=site)
    nightly(33)
    written = AuditEvent.objects.filter(tbl="registry_alert").count()

    nightly(40)

    (alert,) = up_to_date(alerts=Alert.objects.filter(rule="overdue_visit"))
    assert alert.evidence["days_overdue"] == 40 - 31
    assert AuditEvent.objects.filter(tbl="registry_alert").count() == written


def test_a_whole_run_keeps_who_is_clear(everybody):
    nightly(30)

    kept = Judgement.objects.get(patient=everybody[3], rule=CYTOPENIA)
    assert (kept.is_clear, kept.wake_on) == (True, None)


def test_the_recount_waits_for_the_night_and_the_digest_for_its_hour(everybody):
    at = at_day(30).replace(hour=7)
    due_runs.plan(at=at)
    assert due_runs.waiting_jobs(at=at) == ["data_questions", "digest", "old_drafts"]

    for part_id in due_runs.waiting_parts(at=at):
        night.judge_part(part_id=part_id, at=at)

    waiting = ["data_questions", "digest", "old_drafts", "recount"]
    assert due_runs.waiting_jobs(at=at) == waiting
    assert [due_runs.run_job(job=job, at=at) for job in waiting] == [1, 1, 1, 1]
    assert due_runs.waiting_jobs(at=at) == []
    assert due_runs.run_job(job="recount", at=at) == 0


def test_a_night_begun_with_another_version_is_left_and_planned_anew(everybody):
    due_runs.plan(at=at_day(30))
    left = due_runs.waiting_parts(at=at_day(30))
    ScanRun.objects.update(rule_version=99)

    assert not any(night.judge_part(part_id=part_id, at=at_day(30)) for part_id in left)
    assert set(due_runs.waiting_parts(at=at_day(30))).isdisjoint(left)


def test_a_scan_as_of_another_date_between_plan_and_part_is_made_good_by_the_part(everybody):
    nightly(30)
    due_runs.plan(at=at_day(31))
    parts = due_runs.waiting_parts(at=at_day(31))
    scan.run_rules(as_of=on_day(300), at=at_day(31), trigger="command")

    for part_id in parts:
        night.judge_part(part_id=part_id, at=at_day(31))

    assert differences(31) == []
