"""The canaries: every rule finds them in every whole run, nobody else sees them, and what fails is named."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import DatabaseError, transaction

from registry.access.scope import EVERYTHING, Rows, acting
from registry.actions import canaries, evaluations, scan
from registry.actions.canary_record import CANARIES, FIRST_ID, LAST_ID, STUDY_ID, patient_id_of
from registry.models import (
    Alert,
    AlertMove,
    Infusion,
    LabResult,
    Patient,
    ScanRun,
    SupportiveTreatment,
    Visit,
    WaitingEvaluation,
)
from registry.monitoring import prolonged_cytopenia
from registry.monitoring.catalogue import RULES, by_key
from registry.monitoring.rule import Needs
from registry.queries import monitoring_status
from registry.queries.preselection import patients_who_could
from tests.factories import NIGHT, make_patient, make_result

pytestmark = pytest.mark.django_db
COUNTED = {rule.key: sum(key == rule.key for c in CANARIES for key, _, _ in c.finds) for rule in RULES}


def named(code):
    return patient_id_of(next(canary for canary in CANARIES if canary.code == code))


def problems(rule_key, *, at=NIGHT):
    return canaries.find(rule=by_key(rule_key), as_of=None, at=at).problems


def seen_by_the_watchman():
    return acting(rows=Rows(studies=frozenset({STUDY_ID})))


# --- they are found ---------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_each_rule_finds_its_canaries_and_no_others(rule):
    result = canaries.find(rule=rule, as_of=None, at=NIGHT)

    assert result.problems == ()
    assert result.found == result.expected == COUNTED[rule.key] > 0


def test_looking_twice_is_looking_once():
    for _ in range(2):
        assert canaries.find(rule=RULES[0], as_of=None, at=NIGHT).ok

    assert Patient.objects.filter(study_id=STUDY_ID).count() == len(CANARIES)


def test_no_alert_of_a_canary_ever_stands(patient):
    scan.run_rules(as_of=None, at=NIGHT, trigger="night")

    assert not Alert.objects.filter(patient_id__lt=0).exists()
    assert not AlertMove.objects.filter(patient_id__lt=0).exists()


def test_a_whole_run_keeps_what_became_of_them(patient):
    scan.run_rules(as_of=None, at=NIGHT, trigger="command")

    kept = {run.rule: (run.canaries_expected, run.canaries_found) for run in ScanRun.objects.all()}
    assert kept == {key: (count, count) for key, count in COUNTED.items()}


def test_a_run_over_one_patient_does_not_look_for_them(patient):
    scan.run_rules(as_of=None, at=NIGHT, trigger="command", patient_ids=[patient.pk])

    assert set(ScanRun.objects.values_list("canaries_expected", flat=True)) == {None}


@pytest.mark.parametrize(("as_of", "expected"), [(date(2010, 12, 31), 0), (date(2011, 1, 1), 6)])
def test_on_a_date_before_their_records_end_none_is_expected(as_of, expected):
    result = canaries.find(rule=prolonged_cytopenia.RULE, as_of=as_of, at=NIGHT)

    assert (result.ok, result.expected, result.found) == (True, expected, expected)


def test_the_pre_selection_has_no_reason_to_call_for_the_clear_one():
    canaries.ensure(at=NIGHT)

    with seen_by_the_watchman():
        called = {
            rule.key
            for rule in RULES
            if named("clear")
            in (
                patients_who_could(rule=rule, latest_day=NIGHT.date(), first_id=FIRST_ID, last_id=LAST_ID)
                or ()
            )
        }

    assert called == set()


# --- what is missed is named --------------------------------------------------------------------


def test_a_rule_that_lost_its_edge_is_caught():  # CYT-6
    limits = replace(prolonged_cytopenia.RULE.limits, prolonged_over_days=29)

    result = canaries.find(rule=replace(prolonged_cytopenia.RULE, limits=limits), as_of=None, at=NIGHT)

    assert result.found < result.expected
    assert "platelets-low-29-days was not found (PLT, certain)" in result.problems


def test_a_rule_that_finds_too_much_is_caught():  # CYT-6
    limits = replace(prolonged_cytopenia.RULE.limits, prolonged_over_days=27)

    result = canaries.find(rule=replace(prolonged_cytopenia.RULE, limits=limits), as_of=None, at=NIGHT)

    assert not result.ok
    assert "neutrophils-low-28-days was found and must not be (ANC, certain)" in result.problems


def test_a_rule_that_is_given_too_little_to_read_is_caught():
    """The pre-selection still calls, and the histories come without platelets."""
    rule = replace(prolonged_cytopenia.RULE, reads_labs=("ANC", "HGB"))

    assert canaries.find(rule=rule, as_of=None, at=NIGHT).problems == (
        "malignancy-by-late-low-counts was not found (PLT, certain)",
        "platelets-low-29-days was not found (PLT, certain)",
    )


@pytest.mark.parametrize(
    ("rule", "condition"),
    [(rule, condition) for rule in RULES for condition in rule.needs.any_of],
    ids=lambda each: getattr(each, "key", each),
)
def test_a_pre_selection_that_forgets_a_condition_is_caught(rule, condition):
    """The rule would find them all; nobody asks it about the patient whom this condition alone calls for."""
    left = tuple(other for other in rule.needs.any_of if other != condition) or _ANOTHER
    narrow = replace(rule, needs=Needs(any_of=left))

    result = canaries.find(rule=narrow, as_of=None, at=NIGHT)

    assert result.found < result.expected
    assert any("was not found" in problem for problem in result.problems)


# A rule with one condition is given one that says nothing of it; without any it would judge everybody.
_ANOTHER = ("malignancy_death",)


def test_a_rule_that_fails_has_not_found_them_and_the_run_is_finished(patient, monkeypatch):
    """A broken rule: the judge itself raises, as a bug would make it."""

    def broken(history, as_of, limits):
        raise ZeroDivisionError

    rule = replace(by_key("overdue_visit"), judge=broken)
    monkeypatch.setattr("registry.actions.scan.RULES", (rule, *RULES[1:]))
    monkeypatch.setattr("registry.actions.scan.by_key", lambda key: rule if key == rule.key else by_key(key))

    scan.run_rules(as_of=None, at=NIGHT, trigger="night", rules=(rule, *RULES[1:]))

    run = ScanRun.objects.get(rule="overdue_visit")
    assert run.finished_at is not None
    assert (run.canaries_expected, run.canaries_found) == (1, 0)
    assert run.canary_problems == ["the rule fails for them: ZeroDivisionError"]


def test_a_missed_canary_makes_the_status_red_by_its_name(patient, client):
    scan.run_rules(as_of=None, at=NIGHT, trigger="night")
    ScanRun.objects.filter(rule="overdue_visit").update(
        canaries_found=0, canary_problems=["overdue-visit was not found (D28@2010-01-04, certain)"]
    )

    [check] = [c for c in monitoring_status.readiness(at=NIGHT) if not c.ok]

    assert (check.name, check.value) == ("canaries:overdue_visit", "found 0 of 1")
    assert check.detail == "overdue-visit was not found (D28@2010-01-04, certain)"
    chip = monitoring_status.chip(at=NIGHT)
    assert (chip.ok, chip.text) == (
        False,
        "Alert checks may miss alerts: Follow-up visit overdue did not pass its own test.",
    )


def test_a_run_that_did_not_look_is_not_green(patient):
    scan.run_rules(as_of=None, at=NIGHT, trigger="night")
    ScanRun.objects.update(canaries_expected=None, canaries_found=None)

    red = {check.name for check in monitoring_status.readiness(at=NIGHT) if not check.ok}
    assert red == {f"canaries:{rule.key}" for rule in RULES}


# --- what somebody changed is named, and not put right ------------------------------------------

CHANGES = {
    "a recorded visit": (
        lambda: Visit.objects.create(
            patient_id=named("overdue-visit"),
            course_id=named("overdue-visit"),
            code="D28",
            status="missed",
            missed_reason="put right",
            entered_at=NIGHT,
            origin="form",
        ),
        "was added to the canaries",
    ),
    "a lot that nobody gave": (
        lambda: Infusion.objects.filter(pk=named("clear")).update(lot="X1"),
        "of the canaries was changed: lot",
    ),
    "a patient who left earlier": (
        lambda: Patient.objects.filter(pk=named("clear")).update(follow_up_ended_on=date(2010, 6, 1)),
        "of the canaries was changed: follow_up_ended_on",
    ),
    "a result that is superseded": (
        lambda: LabResult.objects.filter(patient_id=named("clear"), analyte="ANC").update(
            superseded_at=NIGHT, superseded_reason="other patient"
        ),
        "of the canaries was changed: superseded_at, superseded_reason",
    ),
    "a support that hides a count": (
        lambda: SupportiveTreatment.objects.create(
            patient_id=named("clear"),
            given_on=date(2010, 2, 1),
            kind="g_csf",
            entered_at=NIGHT,
            origin="form",
        ),
        "was added to the canaries",
    ),
    "a visit that is gone": (
        lambda: Visit.objects.filter(pk=named("clear")).delete(),
        "of the canaries is gone",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_was_changed_is_told_and_stays_as_it_is(what):
    change, words = CHANGES[what]
    canaries.ensure(at=NIGHT)
    change()

    for _ in range(2):
        assert any(words in problem for problem in problems("overdue_visit"))


def test_the_canary_that_was_put_right_is_missed_too():
    canaries.ensure(at=NIGHT)
    CHANGES["a recorded visit"][0]()

    result = canaries.find(rule=by_key("overdue_visit"), as_of=None, at=NIGHT)

    assert (result.expected, result.found) == (1, 0)


# --- nobody waits for them, and their keys cannot be mixed with patients ------------------------


def test_nobody_waits_to_be_judged_for_a_canarys_sake():
    canaries.ensure(at=NIGHT)
    CHANGES["a recorded visit"][0]()

    assert not WaitingEvaluation.objects.exists()
    assert evaluations.judge_waiting(at=NIGHT).judged_count == 0


def test_whoever_works_over_everybody_does_not_see_them(patient):
    make_result(patient=patient, collected_on=date(2024, 3, 9))
    canaries.ensure(at=NIGHT)

    with acting(rows=EVERYTHING):
        assert list(Patient.objects.all()) == [patient]
        assert [result.patient_id for result in LabResult.objects.all()] == [patient.pk]
    with seen_by_the_watchman():
        assert set(Patient.objects.values_list("pk", flat=True)) == {patient_id_of(c) for c in CANARIES}


def test_a_canary_is_a_canary_by_its_key_and_by_its_study(site):
    canaries.ensure(at=NIGHT)

    with pytest.raises(DatabaseError, match="patient_is_a_canary_with_its_study"), transaction.atomic():
        make_patient(site=site, pk=-1, infused_on=None)
    with pytest.raises(DatabaseError, match="patient_is_a_canary_with_its_study"), transaction.atomic():
        Patient.objects.filter(pk=named("clear")).update(study=site.study, site=site)


def test_their_counts_are_in_no_number_of_a_run(patient):
    [report] = scan.run_rules(as_of=None, at=NIGHT, trigger="night", rules=RULES[:1])
    again = scan.run_rules(as_of=None, at=NIGHT + timedelta(minutes=1), trigger="night", rules=RULES[:1])

    assert (report.patients_in_scope, report.counts.raised) == (1, 1)
    assert (again[0].patients_in_scope, again[0].counts.unchanged) == (1, 1)
