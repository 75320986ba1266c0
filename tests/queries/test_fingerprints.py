"""The same number only for the same record: what a whole run may pass over (queries/fingerprints.py)."""

from datetime import timedelta

import pytest

from registry.access.scope import EVERYTHING, acting
from registry.actions import night, scan
from registry.models import (
    AdverseEvent,
    AdverseEventFollowUp,
    Alert,
    Course,
    DueRun,
    Judgement,
    LabResult,
    Patient,
    ScanRun,
    SupportiveTreatment,
    Visit,
    WaitingEvaluation,
)
from registry.monitoring.catalogue import RULES, by_key
from registry.queries.fingerprints import fingerprints
from tests.factories import (
    DAY_0,
    NIGHT,
    make_event,
    make_infusion,
    make_patient,
    make_result,
    make_schedule,
    make_support,
    make_visit,
)

ALL = {rule.key for rule in RULES}
COUNTS = {"prolonged_cytopenia", "unresolved_at_day_28", "secondary_malignancy"}
MALIGNANCY = {"secondary_malignancy"}
VISITS = {"overdue_visit", "secondary_malignancy"}


def on_day(number):
    return DAY_0 + timedelta(days=number)


@pytest.fixture
def patient(site):
    """One patient with a row of every kind that rules read."""
    patient = make_patient(site=site)
    make_result(patient=patient, collected_on=on_day(3), value="0.4")
    make_result(patient=patient, analyte="MCV", unit="fL", collected_on=on_day(3), value="90")
    make_visit(patient=patient, visited_on=on_day(28), new_malignancy=False)
    make_support(patient=patient, given_on=on_day(2))
    make_event(patient=patient, started_on="2024-04")
    follow_up(patient, number=1)
    return patient


def follow_up(patient, **facts):
    event = AdverseEvent.objects.get(patient=patient)
    AdverseEventFollowUp.objects.create(
        event=event, patient=patient, reported_on=on_day(50), entered_at=NIGHT, origin="form", **facts
    )


def numbers(patient):
    with acting(rows=EVERYTHING):
        return {rule.key: fingerprints(rule=rule, patient_ids=[patient.pk])[patient.pk] for rule in RULES}


def only(model):
    return lambda patient, **facts: model.objects.filter(patient=patient).update(**facts)


def of_patient(patient, **facts):
    Patient.objects.filter(pk=patient.pk).update(**facts)


CHANGES = {
    "enrolment": (lambda p: of_patient(p, enrolled_on=on_day(-1)), ALL),
    "end of follow-up": (
        lambda p: of_patient(p, follow_up_ended_on=on_day(90), follow_up_end_reason="lost"),
        ALL,
    ),
    "cause of death": (
        lambda p: of_patient(
            p, follow_up_ended_on=on_day(90), follow_up_end_reason="death", cause_of_death="MDS"
        ),
        ALL,
    ),
    "day 0": (lambda p: only(Course)(p, day_zero=on_day(1)), ALL),
    "another infusion": (lambda p: make_infusion(patient=p, infused_on=on_day(200)), ALL),
    "a further count": (lambda p: make_result(patient=p, collected_on=on_day(9), value="0.6"), COUNTS),
    "a further MCV": (
        lambda p: make_result(patient=p, analyte="MCV", unit="fL", collected_on=on_day(9), value="99"),
        MALIGNANCY,
    ),
    "a further CRP": (
        lambda p: make_result(patient=p, analyte="CRP", unit="mg/L", collected_on=on_day(9), value="9"),
        set(),
    ),
    "a value superseded": (
        lambda p: only(LabResult)(p, superseded_at=NIGHT, superseded_reason="import"),
        COUNTS,
    ),
    "a further visit": (
        lambda p: make_visit(patient=p, code="UNS", visited_on=on_day(40)),
        VISITS,
    ),
    "a visit's date": (lambda p: only(Visit)(p, visited_on=on_day(29)), VISITS),
    "a visit's answer": (lambda p: only(Visit)(p, new_malignancy=True), VISITS),
    "a support": (lambda p: only(SupportiveTreatment)(p, given_on=on_day(4)), COUNTS),
    "an event's words": (lambda p: only(AdverseEvent)(p, narrative="CTCL"), MALIGNANCY),
    "an event's onset": (lambda p: only(AdverseEvent)(p, started_on="2023"), MALIGNANCY),
    "a further follow-up": (lambda p: follow_up(p, number=2, narrative="CTCL"), MALIGNANCY),
    "a version of the schedule": (
        lambda p: make_schedule(study=p.study, version=2, effective_from=on_day(100)),
        VISITS,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_gives_another_number_to_the_rules_that_see_it(patient, change):
    before = numbers(patient)
    assert numbers(patient) == before

    make, seen_by = CHANGES[change]
    make(patient)

    after = numbers(patient)
    assert {key for key in before if before[key] != after[key]} == seen_by


def test_the_same_record_of_two_patients_has_two_numbers(site, patient):
    assert numbers(patient) != numbers(make_patient(site=site))


CYTOPENIA = (by_key("prolonged_cytopenia"),)


def judged_again(day, rules=CYTOPENIA):
    """Whom a whole run of that day had to judge, in numbers, and the run's report."""
    (report, *_) = scan.run_rules(as_of=on_day(day), at=NIGHT, trigger="command", rules=rules)
    return report.patients_judged, report


@pytest.fixture
def low(site):
    patient = make_patient(site=site)
    for day in (3, 35):
        make_result(patient=patient, collected_on=on_day(day), value="0.4")
    for day in (40, 41, 42):
        make_result(patient=patient, collected_on=on_day(day), value="2.0")
    return patient


def test_a_whole_run_answers_the_same_record_as_before_and_counts_it(low):
    assert judged_again(120)[0] == 1
    again, report = judged_again(121)

    assert (again, report.patients_unchanged, report.patients_skipped_as_clear) == (0, 1, 0)
    assert (report.counts.findings, report.counts.unchanged, report.counts.raised) == (1, 1, 0)
    assert report.as_json(codes={})["patients_judged"] == 1


def test_a_change_whose_note_was_lost_is_found_by_a_whole_run(low):
    judged_again(120)
    LabResult.objects.filter(collected_on=on_day(35)).update(superseded_at=NIGHT, superseded_reason="import")
    WaitingEvaluation.objects.all().delete()

    assert judged_again(120)[0] == 1
    assert Alert.objects.get().certainty == "possible"


def test_an_earlier_date_is_judged_anew(low):
    judged_again(120)

    assert judged_again(30)[0] == 1
    assert Alert.objects.get().certainty == "possible"


def test_whoever_the_calendar_calls_is_judged_anew(site):  # P17
    patient = make_patient(site=site)
    for day, value in ((4, "1.2"), (5, "0.5"), (20, "0.6")):
        make_result(patient=patient, collected_on=on_day(day), value=value)

    assert [judged_again(day)[0] for day in (30, 33, 34, 35)] == [1, 0, 1, 0]
    assert Alert.objects.get().certainty == "possible"


def test_a_judgement_without_a_number_is_no_proof(low):
    judged_again(120)
    Judgement.objects.update(seen=None, answered_as=None)

    assert judged_again(120)[0] == 1


def test_a_record_that_changed_for_a_night_and_changed_back_is_judged_anew(low):
    at = NIGHT + timedelta(days=1)
    scan.run_rules(as_of=None, at=NIGHT, trigger="command")
    of_patient(low, follow_up_ended_on=on_day(20), follow_up_end_reason="lost")
    night.run_here(slots=[DueRun.objects.create(job="nightly_scan", due_at=at)], at=at, as_of=None)
    alert = Alert.objects.filter(rule="prolonged_cytopenia")
    assert alert.get().state == "withdrawn"

    of_patient(low, follow_up_ended_on=None, follow_up_end_reason="")
    scan.run_rules(as_of=None, at=at, trigger="command")

    assert alert.get().state == "open"


def test_what_was_passed_over_stands_in_the_ledger(low):
    judged_again(120)
    judged_again(120)

    run = ScanRun.objects.order_by("-pk").first()
    assert (run.patients_judged, run.patients_unchanged, run.patients_covered) == (0, 1, 1)
