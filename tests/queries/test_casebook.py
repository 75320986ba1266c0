"""The casebook holds every row, every filled column and every change of a patient (21 CFR 11.10(b))."""

import json
from datetime import date

import pytest
from django.apps import apps
from django.db import connection

from registry.access.scope import EVERYTHING, acting
from registry.actions.laboratory import ResultEntry, correct_lab_result
from registry.models import AuditEvent, SupportiveTreatment
from registry.queries.casebook import LEFT_OUT, casebook, chapters
from tests import factories
from tests.web.scene import make_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(study, site):
    return make_scene(study=study, site=site)


def book_of(patient):
    with acting(rows=EVERYTHING):
        return casebook(patient=patient)


def test_every_table_with_a_patient_is_in_the_book_or_left_out_for_a_reason():
    with_patient = {
        model._meta.model_name
        for model in apps.get_app_config("registry").get_models()
        if model._meta.managed and any(field.name == "patient" for field in model._meta.concrete_fields)
    }

    in_book = {model._meta.model_name for model in chapters()}

    assert with_patient - in_book == with_patient & set(LEFT_OUT)
    assert in_book & set(LEFT_OUT) == set()


def test_the_book_is_the_database_column_by_column(scene):
    book = book_of(scene.patient)

    told = {(table, pk): row.columns for (table, pk), row in book.every.items()}
    stands = {}
    with connection.cursor() as cursor:
        for model in chapters():
            table, about = model._meta.db_table, "patient_id"
            cursor.execute(
                f"SELECT to_jsonb(r)::text FROM {table} r"
                f" WHERE {'id' if table == 'registry_patient' else about} = %s",
                [scene.patient.pk],
            )
            for (text,) in cursor.fetchall():
                row = json.loads(text)
                stands[table, row["id"]] = row
    assert {key: json.loads(json.dumps(row, default=float)) for key, row in told.items()} == stands
    assert len(stands) > 12


def test_results_stand_below_their_visit_and_the_others_by_themselves(scene):
    visit = scene.patient.visits.get(code="M3")
    factories.make_result(patient=scene.patient, collected_on=date(2024, 6, 2), visit=visit, value="1.8")

    book = book_of(scene.patient)

    m3 = book.every["registry_visit", visit.pk]
    assert [row.columns["entered_value"] for row in m3.below] == ["1.8"]
    assert m3.below[0].hangs_on == "visit_id"
    results = next(rows for model, rows in book.top.items() if model._meta.model_name == "labresult")
    assert "1.8" not in [row.columns["entered_value"] for row in results]


def test_a_corrected_result_brings_both_values_and_the_reason(scene, investigator):
    result = scene.patient.lab_results.filter(analyte="ANC").earliest("collected_on")
    entry = ResultEntry("ANC", "1.4", "10*9/L", result.collected_on)
    correct_lab_result(
        result=result,
        entry=entry,
        reason="misread",
        by=investigator,
        at=factories.NIGHT,
        today=date(2024, 9, 1),
    )

    book = book_of(scene.patient)

    old = book.every["registry_labresult", result.pk]
    assert old.columns["superseded_reason"] == "misread"
    [change] = old.changes
    assert (change.reason, change.new["superseded_reason"]) == ("misread", "misread")
    assert book.every["registry_labresult", old.columns["superseded_by_id"]].columns["entered_value"] == "1.4"


def test_what_was_removed_is_still_told(scene):
    support = scene.patient.supportive_treatments.get()
    SupportiveTreatment.objects.all().delete()

    row = book_of(scene.patient).every["registry_supportivetreatment", support.pk]

    assert row.removed is not None
    assert row.columns["kind"] == "g_csf"


def test_every_change_of_the_trail_is_in_the_book(scene):
    event = scene.patient.adverse_events.get()
    for outcome in ("recovering", "recovered"):
        event.outcome = outcome
        event.save()

    book = book_of(scene.patient)

    tables = [model._meta.db_table for model in chapters()]
    changes = AuditEvent.objects.filter(patient_id=scene.patient.pk, tbl__in=tables).exclude(op="I")
    assert book.changes_count == changes.count() >= 2
    assert [change.new["outcome"] for change in book.every["registry_adverseevent", event.pk].changes] == [
        "recovering",
        "recovered",
    ]


def test_the_number_of_queries_does_not_grow_with_the_record(scene, django_assert_max_num_queries):
    for day in range(1, 28):
        factories.make_result(patient=scene.patient, collected_on=date(2024, 7, day))

    with acting(rows=EVERYTHING), django_assert_max_num_queries(12):
        casebook(patient=scene.patient)
