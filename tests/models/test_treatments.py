"""Treatments and items of scores: what the database refuses, whoever writes."""

import pytest
from django.db import DatabaseError, connection, transaction

from registry.models import Score, ScoreDetail, Serology, Treatment
from tests.factories import DAY_0, NIGHT, make_patient, make_score

ENTERED = {"entered_at": NIGHT, "origin": "form"}


def make_treatment(*, patient, agent="mycophenolate", started_on="2024-03-01", stopped_on="", **facts):
    if agent == "prednisolone":
        facts.setdefault("mg_per_day", 5)
    return Treatment.objects.create(
        patient=patient, agent=agent, started_on=started_on, stopped_on=stopped_on, **facts, **ENTERED
    )


def refused():
    return pytest.raises(DatabaseError)


OVERLAPPING = [
    ("2024-03-01", "2024-06-01", "2024-05-31", ""),
    ("2024-03-01", "", "2024-05-01", "2024-05-02"),
    ("2024-03", "", "2024-03-31", "2024-04-02"),
    ("2023", "2024-03", "2023-12-31", "2024-01-02"),
    ("2024-03-01", "2024-03-01", "2024-03-01", "2024-03-01"),
    ("2024", "2024", "2024", "2024"),
]


@pytest.mark.parametrize(("start", "stop", "next_start", "next_stop"), OVERLAPPING)
def test_two_periods_of_a_drug_that_certainly_overlap_are_refused(
    patient, start, stop, next_start, next_stop
):
    make_treatment(patient=patient, started_on=start, stopped_on=stop)

    with refused(), transaction.atomic():
        make_treatment(patient=patient, started_on=next_start, stopped_on=next_stop)


FOLLOWING = [
    ("2024-03-01", "2024-06-01", "2024-06-01", ""),  # the dose changed on that day
    ("2024-03-01", "2024-06", "2024-06-01", ""),  # the stop may have been 1 June
    ("2024-03", "", "2024-03-30", "2024-03-31"),  # the start may have been 31 March
    ("2024-03-01", "2024-03-01", "2024-03-15", "2024-03-15"),  # two single doses
    ("2023", "2023", "2023-05-01", "2023-06-01"),
]


@pytest.mark.parametrize(("start", "stop", "next_start", "next_stop"), FOLLOWING)
def test_periods_that_need_not_overlap_are_taken(patient, start, stop, next_start, next_stop):
    make_treatment(patient=patient, started_on=start, stopped_on=stop)

    make_treatment(patient=patient, started_on=next_start, stopped_on=next_stop)

    assert Treatment.objects.filter(patient=patient).count() == 2


def test_another_drug_another_name_or_another_patient_may_overlap(patient, site):
    make_treatment(patient=patient)
    make_treatment(patient=patient, agent="azathioprine")
    make_treatment(patient=patient, agent="other_biologic", name="one")
    make_treatment(patient=patient, agent="other_biologic", name="two")
    make_treatment(patient=make_patient(site=site))


IMPOSSIBLE = [
    {"started_on": "2024-02-30"},
    {"started_on": "2024-13"},
    {"started_on": ""},
    {"started_on": "March 2024"},
    {"started_on": "2024-03-02", "stopped_on": "2024-03-01"},
    {"started_on": "2024-03", "stopped_on": "2024-02"},
    {"agent": "aspirin"},
    {"agent": "other_biologic"},
    {"agent": "prednisolone", "mg_per_day": None},
    {"agent": "prednisolone", "mg_per_day": 0},
    {"agent": "prednisolone", "dose": "5 mg"},
    {"mg_per_day": 5},
]


@pytest.mark.parametrize("facts", IMPOSSIBLE)
def test_a_treatment_that_cannot_be_is_refused(patient, facts):
    with refused(), transaction.atomic():
        make_treatment(patient=patient, **facts)


def test_the_total_of_an_assessment_is_the_sum_of_its_items(patient):
    score = make_score(patient=patient, value="6")
    facts = {"patient": patient, "score": score, **ENTERED}

    with refused(), transaction.atomic():
        ScoreDetail.objects.create(items={"rash": "2", "arthritis": "4"}, total=8, **facts)
    with refused(), transaction.atomic():
        ScoreDetail.objects.create(items={"rash": "2"}, total=None, **facts)
    ScoreDetail.objects.create(items={"rash": "2", "arthritis": "4"}, total=6, **facts)

    assert Score.objects.get(detail__total=6).detail.items == {"rash": "2", "arthritis": "4"}


def test_items_belong_to_the_patient_of_their_score(patient, site):
    other = make_patient(site=site)
    with refused(), transaction.atomic():
        ScoreDetail.objects.create(
            patient=other, score=make_score(patient=patient), items={}, total=0, **ENTERED
        )
        connection.check_constraints()


SEROLOGY = [
    ({"test": "ana"}, False),
    ({"test": "ana", "finding": "maybe"}, False),
    ({"test": "ana", "finding": "negative"}, True),
    ({"test": "ana", "assay": "iif", "titre": 320}, True),
    ({"test": "anti_dsdna", "assay": "elisa"}, True),
    ({"test": "anti_dsdna", "value": 40}, False),
    ({"test": "anti_dsdna", "assay": "farr", "value": 40, "unit": "IU/mL", "upper_limit": 7}, True),
    ({"test": "memory_b", "value": 12, "unit": "%"}, True),
    ({"test": "ana", "finding": "positive", "unit": "IU/mL"}, False),
]


@pytest.mark.parametrize(("facts", "is_taken"), SEROLOGY)
def test_a_serology_row_says_something_and_its_value_has_a_unit(patient, facts, is_taken):
    def store():
        return Serology.objects.create(patient=patient, collected_on=DAY_0, **facts, **ENTERED)

    if is_taken:
        assert store().pk
    else:
        with refused(), transaction.atomic():
            store()
