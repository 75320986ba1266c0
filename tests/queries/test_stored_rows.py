"""Rows read by a condition in SQL are the rows of a queryset, to the value and the relation."""

from datetime import date
from decimal import Decimal

import pytest
from django.apps import apps

from registry.models import Draft, LabResult, Score, ScoreDetail, Treatment, TreatmentAnswer, User, Visit
from registry.queries.stored_rows import rows_where
from tests.factories import DAY_0, NIGHT, make_event, make_result, make_score, make_visit

ENTERED = {"entered_at": NIGHT, "origin": "form"}


@pytest.fixture
def record(patient, coordinator):
    """One patient with a number, a list, an object, a decimal, a date and nothing at all in some column."""
    make_event(patient=patient, seriousness=["hospitalisation"], serious=True)
    make_result(patient=patient, collected_on=date(2024, 4, 2), value="0.5", lower_limit=Decimal("1.5"))
    make_result(patient=patient, collected_on=date(2024, 4, 3), value="0.6")
    visit = make_visit(patient=patient, code="M3", visited_on=date(2024, 6, 1), entered_by=coordinator)
    with_items = make_score(patient=patient, assessed_on=date(2024, 6, 1))
    ScoreDetail.objects.create(
        patient=patient, score=with_items, items={"rash": "4"}, total=4, answers={"new": True}, **ENTERED
    )
    make_score(patient=patient, assessed_on=date(2024, 5, 1), score="PHGA")
    treatment = Treatment.objects.create(
        patient=patient, agent="prednisolone", started_on="2023", mg_per_day=Decimal("12.500"), **ENTERED
    )
    TreatmentAnswer.objects.create(
        patient=patient, visit=visit, section="treatments", treatment=treatment, answer="same", **ENTERED
    )
    return patient


READ_FOR_A_VISIT = ("AdverseEvent", "LabResult", "Visit", "Score", "ScoreDetail", "Treatment", "Course")


@pytest.mark.parametrize("name", READ_FOR_A_VISIT)
def test_the_rows_are_those_of_a_queryset(record, name):
    model = apps.get_model("registry", name)
    asked = list(model._default_manager.filter(patient=record).order_by("pk"))

    found = rows_where(model, "t.patient_id = %(patient)s ORDER BY t.id", patient=record.pk)

    assert found == asked
    assert asked
    for one, other in zip(found, asked, strict=True):
        for field in model._meta.concrete_fields:
            value = getattr(one, field.attname)
            assert (value, type(value)) == (getattr(other, field.attname), type(value)), field.name


def test_a_row_can_be_saved_as_any_other(record):
    [course] = rows_where(Visit, "t.patient_id = %(patient)s", patient=record.pk)
    assert not course._state.adding
    assert course._state.db == "default"


def test_a_relation_comes_with_its_row_and_a_missing_one_is_not_asked_for(record, django_assert_num_queries):
    with django_assert_num_queries(1):
        first, second = rows_where(
            Score,
            "t.patient_id = %(patient)s ORDER BY t.assessed_on DESC",
            related=["detail"],
            patient=record.pk,
        )
        assert (first.detail.items, first.detail.total) == ({"rash": "4"}, Decimal(4))
        assert first.detail.score is first
        assert getattr(second, "detail", None) is None


def test_several_relations_of_one_row(record, coordinator, django_assert_num_queries):
    with django_assert_num_queries(1):
        [visit] = rows_where(
            Visit,
            "t.patient_id = %(patient)s",
            related=["entered_by", "new_events_answer"],
            patient=record.pk,
        )
        assert visit.entered_by == coordinator
        assert getattr(visit, "new_events_answer", None) is None


def test_the_condition_may_name_a_related_table(record):
    found = rows_where(
        TreatmentAnswer,
        "visit.visited_on = %(on)s ORDER BY visit.visited_on",
        related=["visit"],
        on=date(2024, 6, 1),
    )

    assert [answer.visit.visited_on for answer in found] == [date(2024, 6, 1)]


def test_a_long_column_is_left_where_it_is_until_somebody_reads_it(record, django_assert_num_queries):
    with django_assert_num_queries(1):
        [user] = rows_where(User, "t.username = %(name)s", without="password", name="coordinator")
        assert user.username == "coordinator"

    assert user.get_deferred_fields() == {"password"}
    assert user.password == User.objects.get(pk=user.pk).password


def test_values_are_never_part_of_the_statement(record):
    assert rows_where(LabResult, "t.analyte = %(name)s", name="ANC' OR '1' = '1") == []


def test_a_draft_is_read_with_everything_that_was_typed(record, coordinator):
    typed = {"comments": ["50 % better"], "lab-ANC-value": ["1,5"]}
    Draft.objects.create(
        user=coordinator, patient=record, key="visit:M6", page="/patients/", payload=typed,
        form="00000000-0000-4000-8000-000000000001", saved_at=NIGHT,
    )  # fmt: skip

    [draft] = rows_where(Draft, "t.patient_id = %(patient)s", patient=record.pk)

    assert draft.payload == typed


def test_the_course_begins_on_its_day(record):
    [course] = rows_where(apps.get_model("registry", "Course"), "t.day_zero = %(on)s", on=DAY_0)
    assert course.patient_id == record.pk
