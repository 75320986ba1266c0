"""A signature and a change of the same record at once: what lists and pages say of it is the same."""

from datetime import date

import pytest
from django.db import DatabaseError, connection

from registry.access.scope import EVERYTHING, acting, because
from registry.actions import locks
from registry.actions.signatures import ChangedSinceRead, SigningRefused, sign
from registry.models import LabResult, Signature, SupportiveTreatment
from registry.queries.signatures import canonical, latest_signature
from tests import factories
from tests.actions.conftest import is_held_up
from tests.exchange import bundles
from tests.factories import NIGHT
from tests.worker import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ON = date(2024, 3, 29)


@pytest.fixture
def visit(patient):
    visit = factories.make_visit(patient=patient, code="D28", visited_on=ON, new_malignancy=False)
    for analyte in ("ANC", "WBC"):
        factories.make_result(patient=patient, visit=visit, collected_on=ON, analyte=analyte, value="0.4")
    factories.make_support(patient=patient, given_on=ON)
    return visit


def by_a_bundle(visit, directory):
    lines = "patient_id,collected_on,analyte,value,unit\nVIE-0001,2024-03-29,PLT,90,10*9/L\n"
    assert bundles.load(directory, {"labs.csv": lines}).created["labs.csv"] == 1


# Without a lock of the patient, as SQL of the operator may write.
def by_insert(visit, directory):
    with acting(rows=EVERYTHING):
        factories.make_result(patient=visit.patient, collected_on=ON, analyte="PLT", value="90")


def by_update(visit, directory):
    with acting(rows=EVERYTHING), because("misread"):
        LabResult.objects.filter(visit=visit, analyte="WBC").update(
            superseded_at=NIGHT, superseded_reason="misread", superseded_by=None
        )


def by_delete(visit, directory):
    with acting(rows=EVERYTHING):
        SupportiveTreatment.objects.filter(patient=visit.patient).delete()


def by_update_of_the_patient(visit, directory):
    with acting(rows=EVERYTHING):
        type(visit.patient).objects.filter(pk=visit.patient_id).update(code="VIE-0002")


WRITES = [by_a_bundle, by_insert, by_update, by_delete, by_update_of_the_patient]
signs_and_writes = pytest.mark.parametrize("write", WRITES)
of_visit_or_all = pytest.mark.parametrize("whole", [False, True], ids=["a visit", "a whole record"])


@signs_and_writes
@of_visit_or_all
def test_who_signs_while_somebody_writes_is_told_what_was_written(
    visit, investigator, elsewhere, tmp_path, write, whole
):
    signing_as_read = as_read(visit, whole=whole, by=investigator)

    with acting(rows=EVERYTHING):
        write(visit, tmp_path)
        signing = elsewhere(signing_as_read)
        wait_until(lambda: is_held_up(signing))

    with pytest.raises(ChangedSinceRead):
        signing.result(timeout=30)
    assert not Signature.objects.exists()


@signs_and_writes
@of_visit_or_all
def test_what_is_written_while_somebody_signs_voids_it(
    visit, investigator, elsewhere, tmp_path, write, whole
):
    signing_as_read = as_read(visit, whole=whole, by=investigator)

    with acting(rows=EVERYTHING, by=investigator):
        signing_as_read()
        writing = elsewhere(lambda: write(visit, tmp_path))
        wait_until(lambda: is_held_up(writing))
    writing.result(timeout=30)

    assert Signature.objects.get().voided_at is not None
    if not whole:
        assert not latest_signature(visit=visit).is_valid


def test_a_signature_past_the_action_waits_as_well(visit, investigator, elsewhere, tmp_path):
    stands = canonical(patient=visit.patient, visit=visit)

    with acting(rows=EVERYTHING):
        by_insert(visit, tmp_path)
        signing = elsewhere(
            lambda: Signature.objects.create(
                patient=visit.patient,
                visit=visit,
                signed_by=investigator,
                signed_at=NIGHT,
                printed_name="A. Silva",
                meaning="Read.",
                content=stands.text,
                sha256=stands.sha256,
            )
        )
        wait_until(lambda: is_held_up(signing))

    with pytest.raises(DatabaseError, match="of the record as it stands"):
        signing.result(timeout=30)


def test_a_signature_does_not_wait_for_ever(visit, investigator, elsewhere, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "_PATIENCE", "200ms")
    signing_as_read = as_read(visit, by=investigator)

    with acting(rows=EVERYTHING):
        by_a_bundle(visit, tmp_path)
        with pytest.raises(SigningRefused, match="Not signed: something is being written"):
            elsewhere(signing_as_read).result(timeout=30)


def test_who_writes_for_one_patient_waits_for_no_signature_of_another(
    visit, investigator, elsewhere, tmp_path
):
    other = factories.make_patient(site=visit.patient.site, code="VIE-0003")
    signing_as_read = as_read(visit, by=investigator)

    with acting(rows=EVERYTHING, by=investigator):
        signing_as_read()
        elsewhere(lambda: factories.make_result(patient=other, collected_on=ON)).result(timeout=30)


def test_of_two_changes_at_once_the_first_voids_and_the_second_is_stored(
    visit, investigator, coordinator, elsewhere, tmp_path
):
    as_read(visit, by=investigator)()

    with acting(rows=EVERYTHING, by=coordinator):
        factories.make_result(patient=visit.patient, collected_on=ON, analyte="PLT", value="90")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as at the commit, and not committed yet
        writing = elsewhere(lambda: by_delete(visit, tmp_path))
        wait_until(lambda: is_held_up(writing))
    writing.result(timeout=30)

    assert Signature.objects.get().voided_by == coordinator
    assert not SupportiveTreatment.objects.exists()


def as_read(visit, *, whole=False, by):
    """What signs the visit, or the whole record, as it stands now."""
    of = None if whole else visit
    read = canonical(patient=visit.patient, visit=of)
    return lambda: sign(patient=visit.patient, visit=of, sha256=read.sha256, by=by, at=NIGHT)
