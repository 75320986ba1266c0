"""What the rules say becomes alerts: raised once, extended, merged, split, resolved, withdrawn (G-7, G-8)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.access.scope import EVERYTHING, acting
from registry.actions import alerts, scan
from registry.models import Alert, AlertMove, LabResult, ScanFailure, ScanRun, WaitingEvaluation
from registry.monitoring.catalogue import by_key
from registry.queries.alert_evidence import up_to_date
from tests.factories import (
    DAY_0,
    NIGHT,
    make_event,
    make_patient,
    make_result,
    make_site,
    make_support,
    make_visit,
)

CYTOPENIA = (by_key("prolonged_cytopenia"),)
OVERDUE = (by_key("overdue_visit"),)


def on_day(number):
    return DAY_0 + timedelta(days=number)


def counts(patient, table):
    """Drawn as `day:value` pairs: the neutrophil counts of a patient."""
    for pair in table.split():
        day, value = pair.split(":")
        make_result(patient=patient, collected_on=on_day(int(day)), value=value)


def run(rules=CYTOPENIA, *, as_of=None, at=NIGHT):
    """One run of one rule on day 120 unless said otherwise; returns its report."""
    return scan.run_rules(as_of=as_of or on_day(120), at=at, trigger="command", rules=rules)[0]


def supersede(result, value):
    """As a site corrects a result: a new row, and the old one points to it."""
    new = make_result(patient=result.patient, collected_on=result.collected_on, value=value)
    LabResult.objects.filter(pk=result.pk).update(
        superseded_by=new, superseded_at=NIGHT, superseded_reason="typing error"
    )


@pytest.fixture
def low_for_32_days(patient):  # P01 of rules.md
    counts(patient, "3:0.4 7:0.2 14:0.6 21:0.6 28:0.7 35:0.8 42:1.5 49:1.6 56:1.7")
    return patient


def test_a_prolonged_cytopenia_is_raised_with_its_numbers(low_for_32_days):
    report = run()

    alert = Alert.objects.get()
    assert (report.counts.raised, report.patients_judged, report.patients_in_scope) == (1, 1, 1)
    assert (alert.subject, alert.certainty, alert.state) == ("ANC", "certain", "open")
    assert (alert.first_on, alert.last_on) == (on_day(3), on_day(35))
    assert alert.evidence["certain_days"] == 32
    assert alert.evidence["recovered_on"] == on_day(42).isoformat()
    assert alert.limits == dict(CYTOPENIA[0].limits_as_json)


def test_a_night_run_twice_adds_a_run_row_and_nothing_else(low_for_32_days):
    run()
    before = (list(Alert.objects.values()), list(AlertMove.objects.values()), audit_event_count())

    report = run(at=NIGHT + timedelta(hours=1))

    assert (list(Alert.objects.values()), list(AlertMove.objects.values()), audit_event_count()) == before
    assert (report.counts.unchanged, report.counts.raised, report.counts.extended) == (1, 0, 0)
    assert ScanRun.objects.count() == 2


def test_every_rule_run_twice_writes_no_alert_twice(low_for_32_days):
    scan.run_rules(as_of=on_day(120), at=NIGHT, trigger="command")
    before = list(Alert.objects.order_by("pk").values())

    reports = scan.run_rules(as_of=on_day(120), at=NIGHT + timedelta(hours=1), trigger="command")

    assert list(Alert.objects.order_by("pk").values()) == before
    assert sum(report.counts.findings for report in reports) == len(before) > 1


def audit_event_count():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit.event")
        return cursor.fetchone()[0]


def test_a_late_low_result_extends_the_same_alert(low_for_32_days):
    run()

    make_result(patient=low_for_32_days, collected_on=on_day(38), value="0.7")
    report = run(at=NIGHT + timedelta(days=1))

    alert = Alert.objects.get()
    assert report.counts.extended == 1
    assert (alert.last_on, alert.evidence["certain_days"]) == (on_day(38), 35)
    assert list(AlertMove.objects.order_by("pk").values_list("kind", flat=True)) == ["raised", "changed"]


def test_a_correction_that_takes_the_ground_withdraws_and_says_which_change(low_for_32_days):
    run()

    for result in LabResult.objects.filter(
        patient=low_for_32_days, collected_on__gte=on_day(14), value__lt=1
    ):
        supersede(result, "2.2")
    report = run(at=NIGHT + timedelta(days=1))

    alert = Alert.objects.get()
    assert (alert.state, report.counts.withdrawn) == ("withdrawn", 1)
    assert AlertMove.objects.get(kind="withdrawn").reason.startswith("ANC result of ")


def test_a_withdrawn_alert_whose_finding_returns_is_the_same_alert_opened_again(low_for_32_days):
    run()
    # Without days 28 and 35 the episode can have lasted from day 0 to day 27 at most.
    for result in LabResult.objects.filter(collected_on__range=(on_day(28), on_day(35))):
        supersede(result, "2.2")
    run(at=NIGHT + timedelta(days=1))
    assert Alert.objects.get().state == "withdrawn"

    make_result(patient=low_for_32_days, collected_on=on_day(34), value="0.9")
    report = run(at=NIGHT + timedelta(days=2))

    alert = Alert.objects.get()
    assert (alert.state, report.counts.raised) == ("open", 1)


def test_counts_that_answer_a_request_for_counts_resolve_it(patient):  # P17: the clock alone
    counts(patient, "4:1.2 5:0.5 20:0.6")
    run(as_of=on_day(34))
    assert Alert.objects.get().certainty == "possible"

    make_result(patient=patient, collected_on=on_day(21), value="1.8")
    report = run(as_of=on_day(35), at=NIGHT + timedelta(days=1))

    assert (Alert.objects.get().state, report.counts.resolved) == ("resolved", 1)


def test_a_result_that_joins_two_episodes_lets_the_older_alert_absorb_the_younger(patient):
    counts(patient, "0:0.9 30:0.9 70:0.9 99:0.9")
    run()
    older, younger = Alert.objects.order_by("first_on")
    assert [older.evidence["certain_days"], younger.evidence["certain_days"]] == [30, 29]

    make_result(patient=patient, collected_on=on_day(50), value="0.8")
    run(at=NIGHT + timedelta(days=1))

    older.refresh_from_db()
    younger.refresh_from_db()
    assert (older.state, older.first_on, older.last_on) == ("open", on_day(0), on_day(99))
    assert (younger.state, younger.merged_into) == ("withdrawn", older)


def test_an_alert_that_falls_apart_stays_with_the_larger_part(patient):
    counts(patient, "0:0.9 30:0.9 50:0.8 70:0.9 104:0.9")
    run()
    alert = Alert.objects.get()

    supersede(LabResult.objects.get(collected_on=on_day(50)), "1.9")  # 30 to 70 is more than 35 days
    run(at=NIGHT + timedelta(days=1))

    alert.refresh_from_db()
    other = Alert.objects.exclude(pk=alert.pk).get()
    assert (alert.first_on, alert.last_on) == (on_day(70), on_day(104))
    assert (other.first_on, other.last_on) == (on_day(0), on_day(30))


@pytest.mark.parametrize(("decision", "state"), [("confirmed", "confirmed"), ("not_confirmed", "dismissed")])
def test_new_evidence_opens_a_decided_alert_again_with_a_mark(low_for_32_days, officer, decision, state):
    run()
    decided(Alert.objects.get(), decision, officer)
    assert Alert.objects.get().state == state

    make_result(patient=low_for_32_days, collected_on=on_day(38), value="0.3")
    run(at=NIGHT + timedelta(days=1))

    alert = Alert.objects.get()
    assert (alert.state, alert.is_new_since_decision, alert.decision) == ("open", True, decision)


def decided(alert, decision, officer):
    with acting(rows=EVERYTHING, by=officer, origin="form"):
        alerts.decide(alert=alert, decision=decision, reason="seen in the notes", by=officer, at=NIGHT)


def test_the_calendar_alone_opens_no_decided_alert(patient, officer):
    counts(patient, "4:1.2 5:0.5 20:0.6 34:0.4")  # certain, and going on
    run(as_of=on_day(40))
    decided(Alert.objects.get(), "not_confirmed", officer)

    run(as_of=on_day(41), at=NIGHT + timedelta(days=1))

    (alert,) = up_to_date(alerts=Alert.objects.all())
    assert (alert.state, alert.evidence["latest_end_on"]) == ("dismissed", on_day(41).isoformat())


def test_a_decided_alert_whose_ground_is_gone_keeps_its_state_and_says_so(low_for_32_days, officer):
    run()
    decided(Alert.objects.get(), "confirmed", officer)

    for result in LabResult.objects.filter(patient=low_for_32_days, value__lt=1):
        supersede(result, "2.2")
    run(at=NIGHT + timedelta(days=1))

    alert = Alert.objects.get()
    assert (alert.state, alert.ground_gone) == ("confirmed", True)


def test_recording_the_visit_resolves_its_alert(patient):  # OVD-9
    run(OVERDUE)
    alert = Alert.objects.get()
    assert (alert.subject, alert.state) == (f"D28@{DAY_0}", "open")

    make_visit(patient=patient, code="D28", visited_on=on_day(30))
    report = run(OVERDUE, at=NIGHT + timedelta(days=1))

    alert.refresh_from_db()
    assert (alert.state, report.counts.resolved) == ("resolved", 1)


def test_an_earlier_end_of_follow_up_withdraws_what_was_overdue(patient):
    run(OVERDUE)

    patient.follow_up_ended_on, patient.follow_up_end_reason = on_day(20), "withdrawal"
    patient.save()
    run(OVERDUE, at=NIGHT + timedelta(days=1))

    assert Alert.objects.get().state == "withdrawn"


def test_a_patient_taken_back_to_screened_loses_the_ground_of_every_alert(patient):
    run(OVERDUE)

    patient.enrolled_on = None
    patient.save()
    report = run(OVERDUE, at=NIGHT + timedelta(days=1))

    assert (Alert.objects.get().state, report.patients_in_scope) == ("withdrawn", 0)


def test_one_broken_record_blinds_nobody_and_hides_nothing(site):  # G-9
    whole = [make_patient(site=site) for _ in range(3)]
    broken = make_patient(site=site)
    for patient in (*whole, broken):
        make_visit(patient=patient, visited_on=on_day(28), new_malignancy=False)
    make_event(patient=broken, started_on="2024-13", term="Lymphoma")

    *others, report = scan.run_rules(as_of=on_day(120), at=NIGHT, trigger="command")

    assert [failure.patient_id for failure in report.failures] == [broken.pk]
    assert report.patients_in_scope == 4
    assert report.patients_judged + report.patients_skipped_as_clear == 3
    assert not any(other.failures for other in others)  # they do not read events
    run_row = ScanRun.objects.get(rule="secondary_malignancy")
    assert run_row.failure_count == 1
    assert ScanFailure.objects.filter(patient=broken, settled_at__isnull=True).exists()


def test_judging_500_patients_asks_no_query_for_each(site):
    def queries_for(number):
        for _ in range(number):
            counts(make_patient(site=site), "3:0.4 35:0.8")
        with CaptureQueriesContext(
            connection,
        ) as captured:
            run()
        return len(captured)

    queries_for(1)  # the first run also makes the canaries
    few = queries_for(3)

    assert queries_for(30) == few


def test_the_preselection_skips_who_cannot_have_a_finding(site, low_for_32_days):
    make_result(patient=make_patient(site=site), collected_on=on_day(3), value="4.0")

    report = run()

    assert (report.patients_in_scope, report.patients_judged, report.patients_skipped_as_clear) == (2, 1, 1)


def test_a_whole_run_settles_who_was_waiting(low_for_32_days):
    assert WaitingEvaluation.objects.filter(patient=low_for_32_days).exists()

    scan.run_rules(as_of=None, at=NIGHT, trigger="night")

    assert not WaitingEvaluation.objects.exists()


def test_today_is_the_date_at_the_patients_site(study):  # G-2
    far_east = make_patient(site=make_site(study=study, code="AKL", time_zone="Pacific/Auckland"))
    vienna = make_patient(site=make_site(study=study, code="VIE"))
    closes = on_day(31)
    # 13:30 UTC on the closing day: already the next day in Auckland, not in Vienna.
    at = NIGHT.replace(year=closes.year, month=closes.month, day=closes.day, hour=13, minute=30)

    scan.run_rules(as_of=None, at=at, trigger="night", rules=OVERDUE)

    assert list(Alert.objects.values_list("patient_id", flat=True)) == [far_east.pk]
    assert vienna.pk


def test_a_recount_agrees_with_a_scan_and_names_what_a_stored_alert_lacks(low_for_32_days):
    scan.run_rules(as_of=on_day(120), at=NIGHT, trigger="command")
    agreed, patients = scan.recount(as_of=on_day(120), at=NIGHT)

    make_result(patient=low_for_32_days, collected_on=on_day(38), value="0.3")
    differing, _ = scan.recount(as_of=on_day(120), at=NIGHT)

    assert (agreed, patients) == ([], 1)
    assert [difference.rule for difference in differing] == ["prolonged_cytopenia"]


def test_growth_factor_given_is_seen(patient):  # P07
    counts(patient, "10:0.4 15:5.0 16:4.2 17:3.1 20:0.7 27:0.6 41:0.9")
    for day in range(11, 15):
        make_support(patient=patient, given_on=on_day(day))

    run()

    assert Alert.objects.get().evidence["certain_days"] == 31


def test_as_of_an_earlier_date_nothing_later_is_seen(low_for_32_days):
    run(as_of=on_day(20))

    assert not Alert.objects.filter(certainty="certain").exists()


def test_a_task_that_is_told_to_stop_stops_and_blames_no_patient(low_for_32_days):
    def out_of_time(history, as_of, limits):
        raise SoftTimeLimitExceeded

    slow = replace(CYTOPENIA[0], judge=out_of_time)

    with pytest.raises(SoftTimeLimitExceeded):
        run((slow,))
    assert not ScanFailure.objects.exists()
    assert not ScanRun.objects.filter(finished_at__isnull=False).exists()
