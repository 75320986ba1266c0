"""The second fence: whatever a query forgets, the database shows a transaction only its own patients."""

import contextlib
import threading

import pytest
from django.apps import apps
from django.db import DatabaseError, connection

from registry.access.scope import EVERYTHING, NOTHING, Rows, acting, because, rows_of
from registry.models import Alert, AuditEvent, LabResult, Patient, User
from tests.factories import DAY_0, make_alert, make_patient, make_result, make_site, make_study, make_user


@pytest.fixture
def two_patients(site, other_site_place):
    ours = make_patient(site=site)
    theirs = make_patient(site=other_site_place)
    for patient in (ours, theirs):
        make_result(patient=patient, collected_on=DAY_0, value="0.4")
        make_alert(patient=patient)
    return ours, theirs


def test_every_table_with_a_patient_is_fenced(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity")
        fenced = {row[0] for row in cursor.fetchall()}
    of_patients = {
        model._meta.db_table
        for model in apps.get_app_config("registry").get_models()
        if model._meta.managed and any(field.name == "patient" for field in model._meta.fields)
    } | {"registry_patient"}

    # Who is to be judged: ids without facts, read by the status page of every role.
    assert of_patients - fenced == {"registry_waitingevaluation"}


def test_without_a_scope_nothing_is_seen(two_patients):
    with acting(rows=NOTHING):
        seen = (Patient.objects.count(), LabResult.objects.count(), Alert.objects.count())
        told = AuditEvent.objects.filter(patient_id__isnull=False).count()

    assert (seen, told) == ((0, 0, 0), 0)


def test_a_site_sees_its_own_patients_and_their_rows_only(two_patients, investigator):
    ours, _ = two_patients
    with acting(rows=rows_of(investigator), by=investigator):
        assert list(Patient.objects.all()) == [ours]
        assert [result.patient_id for result in LabResult.objects.all()] == [ours.pk]
        assert [alert.patient_id for alert in Alert.objects.all()] == [ours.pk]
        assert {e.patient_id for e in AuditEvent.objects.filter(patient_id__isnull=False)} == {ours.pk}


def test_an_officer_sees_the_patients_of_their_study_only(two_patients, officer, stranger):
    with acting(rows=rows_of(officer), by=officer):
        assert Patient.objects.count() == 2
    with acting(rows=rows_of(stranger), by=stranger):
        assert Patient.objects.count() == 0


def test_a_foreign_row_can_be_neither_made_nor_changed(two_patients, investigator):
    _, theirs = two_patients
    with acting(rows=rows_of(investigator), by=investigator):
        assert Patient.objects.filter(pk=theirs.pk).update(birth_year=1950) == 0
    with pytest.raises(DatabaseError, match="row-level security"), acting(rows=rows_of(investigator)):
        make_result(patient=theirs, collected_on=DAY_0, value="1.4")


def test_the_scope_of_an_inner_piece_of_work_ends_with_it(two_patients, site):
    with acting(rows=Rows(sites=frozenset({site.pk}))):
        with acting(rows=EVERYTHING):
            assert Patient.objects.count() == 2
        assert Patient.objects.count() == 1


def test_after_an_exception_the_outer_scope_is_back(two_patients, site):
    with acting(rows=Rows(sites=frozenset({site.pk}))):
        with pytest.raises(RuntimeError), acting(rows=EVERYTHING):
            raise RuntimeError
        assert Patient.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_scopes_of_many_threads_never_mix():
    study = make_study()
    sites = [make_site(study=study, code=f"S{number}") for number in range(4)]
    for site in sites:
        for _ in range(3):
            make_patient(site=site)
    wrong = []

    def look(site):
        try:
            for _ in range(20):
                with acting(rows=Rows(sites=frozenset({site.pk}))):
                    seen = set(Patient.objects.values_list("site_id", flat=True))
                if seen != {site.pk}:
                    wrong.append((site.pk, seen))
        finally:
            connection.close()

    threads = [threading.Thread(target=look, args=(site,)) for site in sites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_an_ended_role_shows_nothing(two_patients, site):
    user = make_user(username="left", role="investigator", site=site)
    user.memberships.update(ended_at="2024-01-01T00:00Z")

    assert rows_of(User.objects.get(pk=user.pk)) == NOTHING


def test_a_reason_ends_with_its_block_also_when_the_block_fails(patient):
    with acting(rows=EVERYTHING):
        with contextlib.suppress(ValueError), because("read again"):
            raise ValueError
        Patient.objects.filter(pk=patient.pk).update(birth_year=1990)

    assert AuditEvent.objects.filter(tbl="registry_patient", op="U").latest("id").reason is None
