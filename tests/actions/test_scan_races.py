"""Saves, sweeps, scans and decisions at once, each by its own connection: nothing is lost or doubled."""

from datetime import timedelta

import pytest

from registry.access.scope import EVERYTHING, NOTHING, acting
from registry.actions import alerts, evaluations, judging, scan
from registry.models import Alert, AlertMove, WaitingEvaluation
from registry.monitoring.catalogue import by_key
from registry.queries import evidence
from registry.queries.alert_evidence import up_to_date
from tests.actions.conftest import is_held_up
from tests.factories import DAY_0, NIGHT, make_patient, make_result, make_site
from tests.worker import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

OVERDUE = (by_key("overdue_visit"),)
NEXT_NIGHT = NIGHT + timedelta(days=1)


def on_day(number):
    return DAY_0 + timedelta(days=number)


def scan_overdue(*, as_of, at):
    return scan.run_rules(as_of=as_of, at=at, trigger="night", rules=OVERDUE)


@pytest.mark.parametrize(
    ("decision", "state"),
    [("confirmed", "confirmed"), ("not_confirmed", "dismissed"), ("need_information", "in_review")],
)
def test_a_decision_made_while_a_scan_stores_is_kept(patient, officer, elsewhere, decision, state):  # G-8
    scan_overdue(as_of=on_day(40), at=NIGHT)
    alert = Alert.objects.get()

    with acting(rows=EVERYTHING, by=officer, origin="form"):
        alerts.decide(alert=alert, decision=decision, reason="asked the site", by=officer, at=NEXT_NIGHT)
        scanning = elsewhere(lambda: scan_overdue(as_of=on_day(41), at=NEXT_NIGHT))
        wait_until(lambda: is_held_up(scanning))
    scanning.result(timeout=60)

    alert.refresh_from_db()
    assert (alert.state, alert.decision, alert.decided_by) == (state, decision, officer)
    (alert,) = up_to_date(alerts=[alert])
    assert alert.evidence["days_overdue"] == 10


def test_an_officer_who_waits_for_a_scan_decides_on_what_it_stored(patient, officer, elsewhere):
    scan_overdue(as_of=on_day(40), at=NIGHT)
    alert = Alert.objects.get()

    def decide():
        with acting(rows=EVERYTHING, by=officer, origin="form"):
            alerts.decide(alert=alert, decision="confirmed", reason="moved", by=officer, at=NEXT_NIGHT)

    with acting(rows=EVERYTHING):
        judging.judge_patients(patient_ids=[patient.pk], as_of=on_day(41), at=NEXT_NIGHT)
        deciding = elsewhere(decide)
        wait_until(lambda: is_held_up(deciding))
    deciding.result(timeout=60)

    alert.refresh_from_db()
    assert (alert.state, alert.evidence["days_overdue"]) == ("confirmed", 10)
    assert AlertMove.objects.get(kind="decided").evidence["days_overdue"] == 10


def test_scans_and_sweeps_of_the_same_patients_at_once_raise_each_alert_once(site, elsewhere):  # G-7
    patients = [make_patient(site=site) for _ in range(20)]
    for patient in patients:
        for day in (3, 20, 34):
            make_result(patient=patient, collected_on=on_day(day), value="0.4")

    def judge_one(patient):
        return lambda: evaluations.judge_waiting(at=NIGHT, patient_ids=[patient.pk])

    works = [
        elsewhere(lambda: scan.run_rules(as_of=None, at=NIGHT, trigger="night")),
        elsewhere(lambda: scan.run_rules(as_of=None, at=NIGHT, trigger="command")),
        elsewhere(lambda: evaluations.judge_waiting(at=NIGHT)),
        *(elsewhere(judge_one(patient)) for patient in patients),
    ]
    for work in works:
        work.result(timeout=120)

    raised = AlertMove.objects.filter(kind="raised")
    assert raised.filter(alert__rule="prolonged_cytopenia").count() == len(patients)
    assert raised.count() == Alert.objects.count() == AlertMove.objects.count()
    assert not WaitingEvaluation.objects.exists()


def test_a_result_saved_while_a_whole_scan_runs_still_waits_or_was_seen(patient, elsewhere):
    for day in (3, 20):
        make_result(patient=patient, collected_on=on_day(day), value="0.4")

    with acting(rows=EVERYTHING):
        make_result(patient=patient, collected_on=on_day(34), value="0.4")  # not committed: nobody sees it
        elsewhere(lambda: scan.run_rules(as_of=None, at=NIGHT, trigger="night")).result(timeout=60)
        assert not Alert.objects.filter(certainty="certain", rule="prolonged_cytopenia").exists()

    assert WaitingEvaluation.objects.filter(patient=patient).exists()
    evaluations.judge_waiting(at=NIGHT)
    assert Alert.objects.filter(certainty="certain", rule="prolonged_cytopenia").exists()


def test_a_judgement_that_waited_past_midnight_takes_nothing_back(study):  # G-2
    """It began on the closing day and got the patient's lock after one that began the next day."""
    patient = make_patient(site=make_site(study=study))
    closes = on_day(31)
    before_midnight = NIGHT.replace(month=closes.month, day=closes.day, hour=21, minute=59)  # 23:59 in Vienna
    evaluations.judge_waiting(at=before_midnight + timedelta(hours=2))
    alert = Alert.objects.get(rule="overdue_visit")

    make_result(patient=patient, collected_on=on_day(3), value="4.0")
    evaluations.judge_waiting(at=before_midnight)
    scan_overdue(as_of=None, at=before_midnight)

    alert.refresh_from_db()
    assert alert.state == "open"


def test_who_is_to_be_judged_is_asked_only_where_everybody_is_seen(patient):
    with acting(rows=NOTHING), pytest.raises(evidence.NotEverybodyIsSeen):
        judging.judge_patients(patient_ids=[patient.pk], as_of=None, at=NIGHT)
