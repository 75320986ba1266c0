"""An import as one act: one transaction, one at a time, a fixed number of queries, recorded as what it is."""

import threading
from datetime import date
from pathlib import Path

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from registry.models import AuditEvent, LabResult, Patient, Study, WaitingEvaluation
from tests.exchange.bundles import BASE, LABS, load, write_cohort

REFERENCE_COHORT = Path(__file__).parents[1] / "reference_cohort" / "bundle"


@pytest.mark.django_db
def test_every_change_is_recorded_as_import_by_the_registry_itself(tmp_path):
    load(tmp_path, BASE)

    told = set(AuditEvent.objects.values_list("reason", "origin", "actor_id"))
    assert told == {("import", "import", None)}


@pytest.mark.django_db
def test_every_patient_who_is_new_or_changed_waits_to_be_judged(tmp_path):
    load(tmp_path / "1", BASE)
    WaitingEvaluation.objects.all().delete()

    load(tmp_path / "1")
    unchanged = WaitingEvaluation.objects.count()
    load(tmp_path / "2", {"labs.csv": f"{LABS}\nP1,2024-03-05,ANC,0.4,10*9/L\n"})

    assert unchanged == 0
    assert set(WaitingEvaluation.objects.values_list("patient__code", flat=True)) == {"P1"}


@pytest.mark.django_db
def test_a_large_bundle_takes_no_more_queries_than_its_batches(tmp_path):
    small = write_cohort(tmp_path / "small", patients=2, results=6, visits=3)
    large = write_cohort(tmp_path / "large", patients=60, results=30, visits=12)

    with CaptureQueriesContext(connection) as few:
        load(small, study_key="SMALL")
    with CaptureQueriesContext(connection) as many:
        load(large, study_key="LARGE")
    with CaptureQueriesContext(connection) as again:
        load(large, study_key="LARGE")

    assert LabResult.objects.count() == 12 + 1_800
    assert len(many) <= len(few) + 1  # one batch of a thousand results more
    assert len(again) < len(few)


@pytest.mark.django_db
def test_a_large_correction_takes_no_query_per_row(tmp_path):
    directory = write_cohort(tmp_path, patients=60, results=3, visits=12)
    load(directory)
    for name, old, new in (("patients.csv", "1985", "1986"), ("visits.csv", "completed,", "missed,ill")):
        path = directory / name
        path.write_text(path.read_text().replace(old, new))

    with CaptureQueriesContext(connection) as queries:
        report = load(directory)

    assert (report.updated["patients.csv"], report.updated["visits.csv"]) == (60, 720)
    assert len(queries) < 40


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_bundle_at_once_make_one_record(tmp_path):
    directory = write_cohort(tmp_path, patients=30, results=30, visits=6)
    reports = []
    together = threading.Barrier(2)

    def run():
        together.wait()
        try:
            reports.append(load(directory))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [report.errors for report in reports] == [(), ()]
    assert sorted(report.created["labs.csv"] for report in reports) == [0, 900]
    assert (Study.objects.count(), Patient.objects.count(), LabResult.objects.count()) == (1, 30, 900)


@pytest.mark.django_db(transaction=True)
def test_an_import_that_breaks_in_the_middle_leaves_nothing(tmp_path):
    """The database refuses what no check foresaw: here, because a trigger is put in the way."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$"
            " BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation'; END $$;"
            "CREATE TRIGGER refuse BEFORE INSERT ON registry_labresult EXECUTE FUNCTION refuse()"
        )
    try:
        with pytest.raises(Exception, match="no"):
            load(tmp_path, {**BASE, "labs.csv": f"{LABS}\nP1,2024-03-05,ANC,0.4,10*9/L\n"})
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER refuse ON registry_labresult; DROP FUNCTION refuse()")

    assert not Study.objects.exists()
    assert not Patient.objects.exists()


@pytest.mark.django_db
def test_the_reference_cohort_comes_in_clean_and_twice_as_the_same():
    first = load(REFERENCE_COHORT, study_key="REFERENCE", today=date(2040, 1, 1))
    again = load(REFERENCE_COHORT, study_key="REFERENCE", today=date(2040, 1, 1))

    assert first.errors == ()
    assert sum(again.created.values()) == sum(again.updated.values()) == 0
    assert sum(again.unchanged.values()) == sum(
        sum(counts.values()) for counts in (first.created, first.updated, first.unchanged)
    )
