"""What the registry asks sites about by itself, at the edges of each check."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from registry.monitoring.data_questions import (
    CHECKS,
    EventSeen,
    RecordSeen,
    ResultSeen,
    VisitSeen,
    data_questions,
)

DAY_0 = date(2024, 3, 1)
TODAY = date(2024, 9, 1)


def visit(on, *, code="M3", row=1, new_malignancy=False, not_done=()):
    return VisitSeen(row, code, DAY_0, on, new_malignancy, frozenset(not_done))


def event(**facts):
    return EventSeen(
        **{
            "event_id": "AE-1",
            "term": "Pneumonia",
            "started_on": "2024-05",
            "serious": None,
            "grade": None,
            "category": "",
            **facts,
        }
    )


def result(value, unit="10*9/L", *, analyte="ANC", canonical=None, on=TODAY):
    return ResultSeen(11, analyte, on, value, unit, Decimal(canonical or value))


def asked(record, *, of=None, on=TODAY):
    return [
        (question.fact.key, question.ground)
        for question in data_questions(record=record, on=on)
        if of is None or question.check_key == of
    ]


def test_every_check_has_a_key_a_version_and_a_title():
    assert len({check.key for check in CHECKS}) == len(CHECKS)
    assert all(check.version >= 1 and check.title for check in CHECKS)


def test_a_record_without_a_gap_is_not_asked_about():
    record = RecordSeen(
        visits=(visit(date(2024, 6, 2)),),
        events=(event(started_on="2024-05-03", serious=True),),
        counted_on=frozenset({date(2024, 6, 2)}),
    )

    assert asked(record) == []


# --- a new malignancy not answered ------------------------------------------------------------

MALIGNANCY = "new_malignancy_unanswered"


def test_the_latest_visit_without_an_answer_is_asked_about():
    record = RecordSeen(visits=(visit(date(2024, 6, 2), new_malignancy=None),))

    assert asked(record, of=MALIGNANCY) == [("visit:M3@2024-03-01:new_malignancy", "visited 2024-06-02")]


@pytest.mark.parametrize("answered", [True, False])
def test_a_later_answer_covers_the_visits_before_it(answered):
    record = RecordSeen(
        visits=(
            visit(date(2024, 6, 2), new_malignancy=None),
            visit(date(2024, 8, 2), code="M6", row=2, new_malignancy=answered),
        )
    )

    assert asked(record, of=MALIGNANCY) == []


@pytest.mark.parametrize(("days_ago", "is_asked"), [(399, True), (400, True), (401, False), (-1, False)])
def test_a_visit_is_asked_about_for_400_days(days_ago, is_asked):
    record = RecordSeen(visits=(visit(TODAY - timedelta(days=days_ago), new_malignancy=None),))

    assert bool(asked(record, of=MALIGNANCY)) is is_asked


def test_an_unscheduled_visit_is_named_by_its_row():
    record = RecordSeen(visits=(visit(date(2024, 8, 1), code="UNS", row=17, new_malignancy=None),))

    assert [key for key, _ in asked(record, of=MALIGNANCY)] == ["visit:UNS@2024-03-01#17:new_malignancy"]


# --- the onset of a grave event ---------------------------------------------------------------

ONSET = "event_onset_not_exact"


@pytest.mark.parametrize(
    ("facts", "is_asked"),
    [
        ({}, False),
        ({"grade": 2}, False),
        ({"grade": 3}, True),
        ({"grade": 4}, True),
        ({"serious": True}, True),
        ({"serious": False, "grade": 2}, False),
        ({"category": "malignancy"}, True),
        ({"category": "infection"}, False),
    ],
)
def test_only_a_grave_event_is_worth_the_question(facts, is_asked):
    assert bool(asked(RecordSeen(events=(event(**facts),)), of=ONSET)) is is_asked


@pytest.mark.parametrize(
    ("started_on", "ground"),
    [("", "onset not known"), ("2024", "onset 2024"), ("2024-05", "onset 2024-05"), ("2024-05-03", None)],
)
def test_an_onset_is_asked_about_until_its_day_is_known(started_on, ground):
    found = asked(RecordSeen(events=(event(started_on=started_on, serious=True),)), of=ONSET)

    assert found == ([("event:AE-1:started_on", ground)] if ground else [])


# --- an unlikely result -----------------------------------------------------------------------

UNLIKELY = "unlikely_result_unexplained"


@pytest.mark.parametrize(
    ("entered", "is_asked"),
    [
        (result("2.5"), False),
        (result("16"), False),  # above the soft limit, as under steroids
        (result("30"), False),  # twice the soft limit
        (result("30.1"), True),  # 30.1 cells/µL would be usual after lymphodepletion
        (result("40"), True),
        (result("2.5", analyte="PLT"), False),  # half the soft limit
        (result("2.4", analyte="PLT"), True),  # 2.4 in ten thousands would be 24
        (result("48", analyte="HGB", unit="g/L"), False),  # grave, and in no other unit usual
        (result("6", analyte="BLASTS", unit="%"), False),  # a rule speaks of that
        (result("no number", canonical="40"), False),
    ],
)
def test_a_result_is_asked_about_when_another_unit_would_make_it_usual(entered, is_asked):
    assert bool(asked(RecordSeen(results=(entered,)), of=UNLIKELY)) is is_asked


def test_an_unlikely_result_is_named_by_the_first_of_its_corrections():
    [(key, ground)] = asked(RecordSeen(results=(result("40"),)), of=UNLIKELY)

    assert (key, ground) == ("result:11", "40 10*9/L on 2024-09-01")


# --- a visit without a blood count ------------------------------------------------------------

NO_COUNT = "visit_without_blood_count"


@pytest.mark.parametrize(
    ("days_ago", "is_asked"), [(13, False), (14, False), (15, True), (400, True), (401, False)]
)
def test_a_laboratory_has_14_days(days_ago, is_asked):
    record = RecordSeen(visits=(visit(TODAY - timedelta(days=days_ago)),))

    assert bool(asked(record, of=NO_COUNT)) is is_asked


@pytest.mark.parametrize(("days_apart", "is_asked"), [(-15, True), (-14, False), (0, False), (60, False)])
def test_a_count_from_14_days_before_the_visit_until_now_is_enough(days_apart, is_asked):
    on = date(2024, 6, 2)
    record = RecordSeen(visits=(visit(on),), counted_on=frozenset({on + timedelta(days=days_apart)}))

    assert bool(asked(record, of=NO_COUNT)) is is_asked


def test_only_the_latest_visit_is_asked_for_a_count():
    record = RecordSeen(visits=(visit(date(2024, 6, 2)), visit(date(2024, 7, 2), code="M4", row=2)))

    assert [key for key, _ in asked(record, of=NO_COUNT)] == ["visit:M4@2024-03-01:blood-count"]


def test_a_contact_from_afar_brings_no_blood():
    seen = replace(visit(date(2024, 6, 2)), is_remote=True)

    assert asked(RecordSeen(visits=(seen,)), of=NO_COUNT) == []


@pytest.mark.parametrize(("not_done", "is_asked"), [((), True), (("PLT",), False), (("IGG",), True)])
def test_a_count_said_not_to_be_done_is_not_asked_for(not_done, is_asked):
    record = RecordSeen(visits=(visit(date(2024, 6, 2), not_done=not_done),))

    assert bool(asked(record, of=NO_COUNT)) is is_asked


def test_a_question_about_a_visit_names_its_day():
    record = RecordSeen(visits=(visit(date(2024, 6, 2), new_malignancy=None),))

    texts = [question.text for question in data_questions(record=record, on=TODAY)]

    assert len(texts) == 2
    assert all(text.startswith("The visit of 2 Jun 2024 (day 93) ") for text in texts)
