"""An answer stands until the record or the calendar can change it, and no longer (decision 22)."""

from datetime import UTC, date, datetime, time, timedelta
from random import Random

import pytest
from django.db import connection

from registry.access.scope import EVERYTHING, acting
from registry.actions import evaluations, scan
from registry.actions.preselection import keep_ready
from registry.actions.wake_ups import note_clear, replace_notes
from registry.models import (
    AdverseEvent,
    Alert,
    AnswersToRenew,
    AuditEvent,
    Judgement,
    Patient,
    ScanFailure,
    ScanRun,
    ScheduledVisit,
    Visit,
    WaitingEvaluation,
)
from registry.monitoring.catalogue import RULES, by_key
from registry.queries import wake_ups
from registry.queries.answers import notes_of, standings
from registry.queries.closed_windows import LOOKS_AHEAD_DAYS, next_closings, patients_with_closed_windows
from registry.queries.evidence import Span, packed_histories
from registry.queries.fingerprints import in_force
from registry.queries.malignancy_words import lists_in_force
from tests.factories import (
    DAY_0,
    NIGHT,
    make_event,
    make_infusion,
    make_patient,
    make_result,
    make_support,
    make_visit,
)
from tests.monitoring import random_histories as draw
from tests.queries.stored_histories import add_answers, add_events, store

pytestmark = pytest.mark.django_db

ALL = {rule.key for rule in RULES}
CYTOPENIA = "prolonged_cytopenia"
EVERYBODY = Span(1, 2**62)
DAY = timedelta(days=1)


def on_day(number):
    return DAY_0 + number * DAY


def whole(day, **asked):
    """A whole run as of a day; returns its reports by rule."""
    reports = scan.run_rules(as_of=day, at=NIGHT, trigger="command", **asked)
    return {report.rule: report for report in reports}


def to_ask(day, rules=RULES):
    """Of whom each rule would be asked on a day."""
    with acting(rows=EVERYTHING):
        found = standings(by=in_force(rules=rules), as_of=day, at=NIGHT, span=EVERYBODY)
    return {rule: set(its.to_ask) for rule, its in found.items()}


def patients():
    """Everybody but the canaries."""
    return set(Patient.objects.filter(pk__gt=0).values_list("pk", flat=True))


def nobody(day):
    return not any(to_ask(day).values())


def differences(day):
    return scan.recount(as_of=day, at=NIGHT)[0]


@pytest.fixture
def low(site):
    """A patient with a finding and one without."""
    patient = make_patient(site=site)
    for day, value in ((3, "0.4"), (35, "0.4"), (40, "2.0"), (41, "2.0"), (42, "2.0")):
        make_result(patient=patient, collected_on=on_day(day), value=value)
    make_patient(site=site)
    return patient


def test_who_was_asked_on_the_same_record_and_day_is_not_asked_again(low):
    first = whole(on_day(120))
    written = AuditEvent.objects.count()

    again = whole(on_day(120))

    assert nobody(on_day(120))
    assert AuditEvent.objects.count() == written
    for rule in ALL:
        assert again[rule].patients_judged == 0
        assert again[rule].patients_unchanged == first[rule].patients_judged
        assert again[rule].patients_skipped_as_clear == first[rule].patients_skipped_as_clear
        assert again[rule].counts.findings == first[rule].counts.findings
    assert [run.is_from_raw for run in ScanRun.objects.order_by("pk")] == [True] * 4 + [False] * 4


def by_sql(statement):
    def change(patient):
        with connection.cursor() as cursor:
            cursor.execute(statement, {"patient": patient.pk})

    return change


CHANGES = {
    "a count": lambda p: make_result(patient=p, collected_on=on_day(50), value="0.3"),
    "a count superseded by SQL": by_sql(
        "UPDATE registry_labresult SET superseded_at = now(), superseded_reason = 'import'"
        " WHERE patient_id = %(patient)s AND collected_on = '2024-04-05'"
    ),
    "a support": lambda p: make_support(patient=p, given_on=on_day(2)),
    "a visit": lambda p: make_visit(patient=p, visited_on=on_day(28)),
    "an event": lambda p: make_event(patient=p, category="malignancy"),
    "another infusion": lambda p: make_infusion(patient=p, infused_on=on_day(60)),
    "the end of follow-up by SQL": by_sql(
        "UPDATE registry_patient SET follow_up_ended_on = '2024-03-20', follow_up_end_reason = 'lost'"
        " WHERE id = %(patient)s"
    ),
    "the schedule": lambda p: ScheduledVisit.objects.filter(schedule__study=p.study).update(days_after=30),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("is_forgotten", [False, True], ids=["", "and nobody waits any more"])
def test_a_changed_record_is_asked_about_again(low, change, is_forgotten):
    whole(on_day(120))

    CHANGES[change](low)
    if is_forgotten:
        WaitingEvaluation.objects.all().delete()

    assert all(low.pk in ids for ids in to_ask(on_day(120)).values())
    whole(on_day(120))
    assert nobody(on_day(120))
    assert differences(on_day(120)) == []


def test_a_row_given_to_another_patient_concerns_both(low):
    other = Patient.objects.exclude(pk=low.pk).get(pk__gt=0)
    event = make_event(patient=low)
    whole(on_day(120))

    AdverseEvent.objects.filter(pk=event.pk).update(patient=other)

    assert to_ask(on_day(120))["secondary_malignancy"] == {low.pk, other.pk}


def test_a_table_that_was_emptied_concerns_everybody(low):
    whole(on_day(120))

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE registry_supportivetreatment")

    assert set(to_ask(on_day(120))[CYTOPENIA]) == patients()


def test_the_calendar_calls_on_its_day_and_not_before(site):  # P17
    patient = make_patient(site=site)
    for day, value in ((4, "1.2"), (5, "0.5"), (20, "0.6")):
        make_result(patient=patient, collected_on=on_day(day), value=value)
    whole(on_day(30))

    assert [patient.pk in to_ask(on_day(day))[CYTOPENIA] for day in (30, 33, 34, 35)] == [
        False,
        False,
        True,
        True,
    ]


def test_who_is_clear_is_asked_again_when_a_window_closes(site):  # OVD-4: M1 closes on day 35
    patient = make_patient(site=site)
    closes = next_closing(patient, on_day(1))
    whole(on_day(1))
    assert Judgement.objects.get(patient=patient, rule="overdue_visit").is_clear

    asked = [patient.pk in to_ask(day)["overdue_visit"] for day in (closes - DAY, closes, closes + DAY)]

    assert asked == [False, True, True]
    assert whole(closes)["overdue_visit"].counts.raised == 1


def next_closing(patient, latest_day):
    with acting(rows=EVERYTHING):
        return next_closings(latest_day=latest_day, first_id=1, last_id=2**62)[patient.pk]


def test_an_earlier_date_is_asked_about_anew(low):
    whole(on_day(120))

    assert to_ask(on_day(119))[CYTOPENIA] >= {low.pk}


def test_what_other_lists_or_limits_answered_does_not_stand(low):
    whole(on_day(120))
    Judgement.objects.filter(rule=CYTOPENIA).update(answered_as=1)

    asked = to_ask(on_day(120))

    assert asked[CYTOPENIA] == patients()
    assert not asked["overdue_visit"]


def test_what_a_rule_answered_before_it_failed_does_not_stand(low):
    whole(on_day(120))
    # No such month: past every form and import.
    make_event(patient=low, category="malignancy", started_on="2024-13")

    evaluations.judge_waiting(at=NIGHT, as_of=on_day(120))

    assert ScanFailure.objects.get().rule == "secondary_malignancy"
    assert {rule for rule, ids in to_ask(on_day(120)).items() if low.pk in ids} == {"secondary_malignancy"}


def test_a_sweep_does_not_judge_again_whom_a_run_has_just_judged(low):
    whole(on_day(120))
    make_result(patient=low, collected_on=on_day(50), value="0.3")
    whole(on_day(120), rules=RULES[:2])
    whole(on_day(120), rules=RULES[2:])
    at = set(Judgement.objects.values_list("patient", "rule", "at"))
    assert WaitingEvaluation.objects.exists()

    evaluations.judge_waiting(at=NIGHT + timedelta(minutes=1), as_of=on_day(120))

    assert not WaitingEvaluation.objects.exists()
    assert set(Judgement.objects.values_list("patient", "rule", "at")) == at
    assert nobody(on_day(120))


def test_a_run_does_not_judge_again_whom_a_sweep_has_judged(low):
    whole(on_day(120))
    make_result(patient=low, collected_on=on_day(50), value="0.3")
    evaluations.judge_waiting(at=NIGHT, as_of=on_day(120))

    assert nobody(on_day(120))


def test_replacing_notes_leaves_what_stood_and_nothing_else(low):
    whole(on_day(120))
    other = Patient.objects.exclude(pk=low.pk).get(pk__gt=0)
    make_result(patient=low, collected_on=on_day(50), value="0.3")
    before = to_ask(on_day(120))

    with acting(rows=EVERYTHING):
        replace_notes(notes=notes_of(patient_ids=[low.pk, other.pk]))

    assert to_ask(on_day(120)) == before
    assert AnswersToRenew.objects.filter(patient=low).count() == 1


def test_an_answer_kept_late_about_a_record_as_it_was_does_not_stand(low):
    """A run has read a record, somebody else judges it after a change, and then the run keeps its answer."""
    whole(on_day(120))
    rule = by_key(CYTOPENIA)
    with acting(rows=EVERYTHING):
        as_read = notes_of(patient_ids=[low.pk])
        by = in_force(rules=[rule])
    make_result(patient=low, collected_on=on_day(50), value="0.3")
    evaluations.judge_waiting(at=NIGHT, as_of=on_day(120))
    assert nobody(on_day(120))

    with acting(rows=EVERYTHING):
        note_clear(rule=rule, by=by, wakes={low.pk: None}, on=on_day(120), at=NIGHT, notes=as_read)

    assert to_ask(on_day(120))[CYTOPENIA] == {low.pk}


def test_a_run_from_raw_asks_about_everybody(low):
    whole(on_day(120))
    Judgement.objects.filter(rule=CYTOPENIA).update(is_clear=True, seen=None)

    again = whole(on_day(120), is_from_raw=True)[CYTOPENIA]

    assert (again.patients_judged, again.patients_skipped_as_clear) == (1, 1)


# --- laws over random records -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "seed"),
    [
        (draw.history_of_visits, 20_281),
        (draw.history_of_visits, 20_282),
        (draw.history_of_counts, 20_283),
        (draw.history_of_triggers, 20_284),
    ],
)
def test_runs_that_build_on_one_another_leave_what_judging_everybody_would(make, seed, monkeypatch):
    monkeypatch.setattr(wake_ups, "_FROM_RAW_AT_LEAST_EVERY", timedelta(days=99_999))
    random = Random(seed)
    stored = store(make(random)[0] for _ in range(25))
    day = min(history.day_zeros[0] for history in stored.values()) + random.randrange(40) * DAY

    for _ in range(7):
        at = datetime.combine(day, time(12), tzinfo=UTC)
        scan.run_rules(as_of=None, at=at, trigger="command")
        assert scan.recount(as_of=None, at=at)[0] == []
        day += random.choice([1, 1, 2, 3, 7, 20, 45, 120, 700]) * DAY
        for patient in Patient.objects.filter(pk__in=random.sample(sorted(stored), 4)):
            if patient.enrolled_on is not None:
                random.choice(list(CHANGED_AT_RANDOM))(patient, day, random)
        if random.random() < 0.5:
            WaitingEvaluation.objects.all().delete()

    assert ScanRun.objects.filter(is_from_raw=False).count() == 6 * len(RULES)
    assert Alert.objects.exists()


CHANGED_AT_RANDOM = (
    lambda patient, day, random: make_result(
        patient=patient, collected_on=day, value=random.choice(["0.4", "2.0"])
    ),
    lambda patient, day, random: make_support(patient=patient, given_on=day),
    lambda patient, day, random: make_event(
        patient=patient, term=random.choice(["Headache", "T-cell lymphoma"]), aware_on=day
    ),
    lambda patient, day, random: Visit.objects.filter(patient=patient).update(entered_at=NIGHT),
    lambda patient, day, random: Patient.objects.filter(pk=patient.pk, enrolled_on__lte=day).update(
        follow_up_ended_on=day, follow_up_end_reason="lost"
    ),
)


@pytest.mark.parametrize("day", [date(2023, 6, 1), date(2024, 3, 1), date(2030, 2, 28)])
def test_nobody_without_a_closed_window_has_one_before_the_next_closes(day):  # OVD-1 to OVD-5
    random = Random(20_285)
    store(draw.history_of_visits(random)[0] for _ in range(60))
    with acting(rows=EVERYTHING):
        could = patients_with_closed_windows(latest_day=day, first_id=1, last_id=2**62)
        wakes = next_closings(latest_day=day, first_id=1, last_id=2**62)
        histories = packed_histories(patient_ids=sorted(patients()), analytes=())
        clear = {pk: packed.unpack() for pk, packed in histories if pk not in could}

    rule, ever = by_key("overdue_visit"), 0
    for patient_id, history in clear.items():
        calls = wakes.get(patient_id, day + LOOKS_AHEAD_DAYS * DAY)
        on = {day + number * DAY for number in range((calls - day).days)}
        assert [one for one in on if rule.findings(history, one)] == []
        ever += bool(rule.findings(history, calls))

    assert ever >= 3 or day.year == 2030  # by then few are followed


def test_events_screened_as_naming_no_malignancy_are_left_out_and_nothing_is_lost():
    random = Random(20_286)
    stored = store(draw.history_of_triggers(random)[0] for _ in range(40))
    for patient in Patient.objects.filter(pk__in=stored):
        add_events(random, patient)
        add_answers(random, patient)
    keep_ready()
    unscreened = make_event(patient=patient, narrative="Headache.")
    rule = by_key("secondary_malignancy")

    def read(screened_as):
        with acting(rows=EVERYTHING):
            packed = packed_histories(
                patient_ids=sorted(stored), analytes=rule.reads_labs, screened_as=screened_as
            )
            return {pk: one.unpack() for pk, one in packed}

    everything, few = read(""), read(lists_in_force())

    def count(histories):
        return sum(len(history.events) for history in histories.values())

    assert 0 < count(few) < count(everything)
    assert unscreened.event_id in {event.event_id for event in few[patient.pk].events}
    for on in (date(2024, 6, 1), date(2025, 6, 1), date(2050, 1, 1)):
        for pk in stored:
            assert rule.findings(few[pk], on) == rule.findings(everything[pk], on)


@pytest.mark.parametrize("broken", [{"started_on": "2024-13"}, {"ended_on": "2024-02-30"}])
def test_what_is_no_date_is_read_whatever_its_words_say(low, broken):  # G-9
    make_event(patient=low, term="Headache", **broken)
    keep_ready()

    scan.run_rules(as_of=on_day(120), at=NIGHT, trigger="command", patient_ids=[low.pk])
    assert not ScanFailure.objects.exists()  # it could have no finding, and is not judged
    evaluations.judge_waiting(at=NIGHT, as_of=on_day(120))

    assert ScanFailure.objects.get(settled_at=None).rule == "secondary_malignancy"


def test_a_failure_shows_until_the_rule_no_longer_fails(low):  # G-9
    make_event(patient=low, term="Headache", started_on="2024-13")
    evaluations.judge_waiting(at=NIGHT, as_of=on_day(120))

    for is_from_raw in (False, True):
        failed = whole(on_day(120), is_from_raw=is_from_raw)["secondary_malignancy"].failures
        assert [failure.patient_id for failure in failed] == [low.pk]

    AdverseEvent.objects.update(started_on="2024-12")
    assert whole(on_day(120))["secondary_malignancy"].failures == []
