"""When each rule judged a patient last, with what result, and that no change leaves an old proof standing."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.access.scope import EVERYTHING, acting
from registry.actions import evaluations, scan
from registry.models import (
    AdverseEvent,
    AdverseEventFollowUp,
    Alert,
    Judgement,
    LabResult,
    ScanFailure,
    ScanRun,
    Visit,
    WaitingEvaluation,
)
from registry.monitoring.catalogue import RULES
from registry.queries.judgements import standing_of
from tests import factories
from tests.factories import DAY_0

NIGHT = datetime(2027, 3, 1, 4, 10, tzinfo=UTC)
TODAY = date(2027, 3, 1)
LATER = NIGHT + timedelta(hours=6)


def on_day(number):
    return DAY_0 + timedelta(days=number)


def judge_all(at=NIGHT, as_of=None):
    scan.run_rules(as_of=as_of, at=at, trigger="night")


def judge_changed(at=LATER):
    evaluations.judge_waiting(at=at)


def standing(patient, rule="prolonged_cytopenia", today=TODAY):
    patient.refresh_from_db()
    with acting(rows=EVERYTHING):
        return next(s for s in standing_of(patient=patient, today=today) if s.rule == rule)


@pytest.fixture
def patient(site):
    """D28 recorded, one low count, one event."""
    patient = factories.make_patient(site=site, code="VIE-0001")
    factories.make_visit(patient=patient, visited_on=on_day(28))
    for day, value in ((3, "2.0"), (5, "0.6"), (9, "2.0"), (12, "2.1"), (16, "2.2")):
        factories.make_result(patient=patient, collected_on=on_day(day), value=value)
    factories.make_event(patient=patient, event_id="AE-1", started_on="2024-03-05")
    return patient


def test_every_rule_in_force_has_a_line_in_its_order(patient):
    judge_all()

    with acting(rows=EVERYTHING):
        said = standing_of(patient=patient, today=TODAY)

    assert [s.rule for s in said] == [rule.key for rule in RULES]
    assert {s.state for s in said} == {"judged"}
    assert {s.judged_at for s in said} == {NIGHT}
    assert all(s.why_not for s in said)


def test_the_proof_says_when_it_was_judged_and_why_nothing_was_found(patient):
    judge_all()
    said = standing(patient)

    assert (said.result, said.judged_at, said.as_of) == ("Nothing found", NIGHT, TODAY)
    assert said.why_not[0].startswith("Neutrophils: longest low run a single day, 6 Mar 2024")


def test_an_alert_is_the_result(patient):
    for day in range(20, 55, 5):
        factories.make_result(patient=patient, collected_on=on_day(day), value="0.6")
    judge_all()
    said = standing(patient)

    assert said.result == "1 alert open"
    assert said.only_alert == Alert.objects.get(rule="prolonged_cytopenia")


@pytest.mark.parametrize(
    ("state", "result"),
    [("acknowledged", "1 alert open"), ("dismissed", "1 dismissed"), ("confirmed", "1 confirmed")],
)
def test_a_decided_alert_is_told_by_its_decision(patient, officer, state, result):
    for day in range(20, 55, 5):
        factories.make_result(patient=patient, collected_on=on_day(day), value="0.6")
    judge_all()
    decided = {"decided_at": NIGHT, "decided_by": officer, "decision": "confirmed"}
    Alert.objects.filter(rule="prolonged_cytopenia").update(
        state=state, **(decided if state != "acknowledged" else {})
    )

    assert standing(patient).result == result


def test_a_finding_without_an_alert_is_not_called_nothing(patient):
    for day in range(20, 55, 5):
        factories.make_result(patient=patient, collected_on=on_day(day), value="0.6")
    judge_all()
    Alert.objects.filter(rule="prolonged_cytopenia").update(state="withdrawn")

    assert standing(patient).result == "Found, but no alert is kept. Tell the operators."


def test_before_the_first_check_nothing_is_claimed(patient):
    WaitingEvaluation.objects.all().delete()
    said = standing(patient)

    assert (said.state, said.judged_at, said.why_not) == ("never", None, ())


def test_a_run_that_did_not_finish_proves_nothing(patient):
    judge_all()
    ScanRun.objects.update(finished_at=None)

    assert standing(patient, "secondary_malignancy").state == "never"


def test_a_patient_entered_after_the_last_run_was_not_judged_by_it(site):
    long_ago = NIGHT - timedelta(days=400)
    judge_all(at=long_ago)
    patient = factories.make_patient(site=site)

    said = standing(patient)
    assert (said.state, said.judged_at) == ("waiting", None)

    judge_changed()
    assert (standing(patient).state, standing(patient).judged_at) == ("judged", LATER)


def test_a_patient_enrolled_after_the_date_of_the_last_run_was_not_in_its_scope(patient):
    judge_all(as_of=on_day(-8))
    WaitingEvaluation.objects.all().delete()

    assert standing(patient).state == "never"


@pytest.mark.parametrize(
    ("facts", "result"),
    [
        ({"enrolled_on": None}, "Not in scope: screened, not enrolled."),
        ({"infused_on": None, "enrolled_on": DAY_0}, "Not in scope: there is no day 0 yet."),
        ({"enrolled_on": date(2027, 3, 2)}, "Not in scope before enrolment on 2 Mar 2027."),
    ],
)
def test_who_is_out_of_scope_is_told_why(site, facts, result):
    patient = factories.make_patient(site=site, **facts)
    judge_all()
    said = standing(patient)

    assert (said.state, said.result, said.why_not) == ("not_in_scope", result, ())


def test_a_rule_that_failed_says_when_and_nothing_of_the_record(patient):
    judge_all()
    factories.make_event(patient=patient, event_id="AE-2", started_on="2024-13", term="Lymphoma")
    judge_changed()

    said = standing(patient, "secondary_malignancy")

    assert (said.state, said.since, said.why_not) == ("failed", LATER, ())
    assert "2024-13" not in said.result
    assert "Lymphoma" not in said.result


def test_one_rule_that_fails_leaves_the_proof_of_the_others(patient):
    judge_all()
    factories.make_result(patient=patient, collected_on=on_day(60), value="3.0")
    judge_changed()
    waiting = WaitingEvaluation.objects.create(patient=patient, attempts=1)
    ScanFailure.objects.create(patient=patient, rule="overdue_visit", at=LATER, error="ValueError: 7")

    assert standing(patient, "overdue_visit").state == "failed"
    assert standing(patient).state == "judged"

    # A further change waits for all of them.
    waiting.attempts = 0
    waiting.save()
    assert standing(patient).state == "waiting"


def test_a_failure_that_was_settled_is_history(patient):
    judge_all()
    ScanFailure.objects.create(
        patient=patient, rule="overdue_visit", at=NIGHT, error="ValueError", settled_at=NIGHT
    )

    assert standing(patient, "overdue_visit").state == "judged"


def test_another_version_of_the_rule_has_not_judged(patient):
    judge_all()
    Judgement.objects.update(rule_version=0)
    ScanRun.objects.update(rule_version=0)
    said = standing(patient)

    assert (said.state, said.why_not) == ("never", ())
    assert said.result.startswith("Judged by version 0; version")


def test_a_run_as_of_another_date_says_so_and_proves_that_date(patient):
    judge_all()
    judge_all(at=LATER, as_of=on_day(8))
    said = standing(patient)

    assert (said.as_of, said.is_of_another_day) == (on_day(8), True)
    assert said.why_not[0].endswith("Without another count it becomes possible on 3 Apr 2024 (day 33).")


def test_the_day_of_the_site_is_the_day_that_was_judged(study):
    site = factories.make_site(study=study, code="AKL", time_zone="Pacific/Auckland")
    patient = factories.make_patient(site=site)
    judge_all(at=datetime(2027, 3, 1, 14, 0, tzinfo=UTC))
    said = standing(patient)

    assert (said.as_of, said.is_of_another_day) == (date(2027, 3, 2), False)


def _new_infusion(patient):
    factories.make_infusion(patient=patient, infused_on=on_day(200))


def _ends(patient):
    patient.follow_up_ended_on, patient.follow_up_end_reason = on_day(40), "withdrawal"
    patient.save()


CHANGES = {
    "a count": lambda p: factories.make_result(patient=p, collected_on=on_day(60), value="0.8"),
    "a corrected count": lambda p: LabResult.objects.filter(collected_on=on_day(5)).update(
        superseded_at=NIGHT, superseded_reason="typed wrong"
    ),
    "a count of another lineage": lambda p: factories.make_result(
        patient=p, collected_on=on_day(9), analyte="PLT", value="210"
    ),
    "a visit": lambda p: factories.make_visit(patient=p, code="UNS", visited_on=on_day(50)),
    "an answer": lambda p: Visit.objects.update(new_malignancy=False),
    "an event": lambda p: factories.make_event(patient=p, term="No evidence of lymphoma"),
    "words of an event": lambda p: AdverseEvent.objects.update(narrative="No sign of lymphoma."),
    "a follow-up report": lambda p: AdverseEventFollowUp.objects.create(
        event=p.adverse_events.get(),
        patient=p,
        number=2,
        reported_on=on_day(30),
        term="No evidence of lymphoma",
        entered_at=NIGHT,
        origin="form",
    ),
    "a withdrawn visit": lambda p: Visit.objects.all().delete(),
    "the end of follow-up": _ends,
    "an infusion": _new_infusion,
    "the schedule": lambda p: factories.make_schedule(
        study=p.study,
        version=2,
        effective_from=on_day(1),
        visits=(("D28", 28, "day", 3, 3), ("Y9", 108, "month", 30, 30)),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_after_every_kind_of_change_the_proof_waits_and_is_then_another(patient, change):
    judge_all()
    before = {rule.key: standing(patient, rule.key) for rule in RULES}

    CHANGES[change](patient)
    for rule in RULES:
        said = standing(patient, rule.key)
        assert (said.state, said.why_not) == ("waiting", ())
        assert said.since is not None
        assert said.judged_at == NIGHT

    judge_changed()
    after = {rule.key: standing(patient, rule.key) for rule in RULES}
    assert {said.state for said in after.values()} == {"judged"}
    assert {said.judged_at for said in after.values()} == {LATER}
    assert any(
        (after[key].result, after[key].why_not) != (before[key].result, before[key].why_not) for key in after
    )


def test_a_support_alone_waits_as_well(patient):
    judge_all()
    factories.make_support(patient=patient, given_on=on_day(8))

    assert standing(patient).state == "waiting"


def test_the_next_whole_run_is_the_latest_judgement_again(patient):
    judge_all()
    factories.make_result(patient=patient, collected_on=on_day(60), value="3.0")
    judge_changed()
    tomorrow = NIGHT + timedelta(days=1)
    judge_all(at=tomorrow)

    assert standing(patient).judged_at == tomorrow


def test_a_broken_record_is_said_and_breaks_no_page(patient):
    factories.make_event(patient=patient, event_id="AE-2", started_on="2024-13")
    WaitingEvaluation.objects.all().delete()

    with acting(rows=EVERYTHING):
        said = standing_of(patient=patient, today=TODAY)

    # Only one rule reads events.
    assert {s.rule for s in said if s.state == "failed"} == {"secondary_malignancy"}


def test_as_many_queries_for_a_long_record_as_for_a_short_one(patient):
    def queries():
        with acting(rows=EVERYTHING), CaptureQueriesContext(connection) as seen:
            standing_of(patient=patient, today=TODAY)
        return len(seen)

    judge_all()
    few = queries()
    for day in range(60, 90):
        factories.make_result(patient=patient, collected_on=on_day(day))
        factories.make_event(patient=patient)
    judge_changed()

    assert queries() == few
    assert few <= 15
