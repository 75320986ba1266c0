"""A patient moves to another site of the study: one act, and nothing is lost between."""

from datetime import date
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from registry.access.roles import NotAllowed
from registry.access.scope import EVERYTHING, acting, rows_of
from registry.actions.refused import RecordRefused
from registry.actions.transfers import MovedMeanwhile, TransferEntry, transfer_patient
from registry.models import Alert, AuditEvent, LabResult, Patient, SiteStay, User
from registry.queries.site_stays import stays_of
from tests import factories
from tests.factories import NIGHT

pytestmark = pytest.mark.django_db
TODAY = date(2024, 9, 1)
MOVED_ON = date(2024, 8, 1)


def move(patient, to_site, by, *, on=MOVED_ON, reason="moved house", from_site=None, submission=None):
    return transfer_patient(
        patient=patient,
        from_site_id=(from_site or patient.site).pk,
        entry=TransferEntry(to_site=to_site, moved_on=on, reason=reason),
        submission=submission or uuid4(),
        by=by,
        at=NIGHT,
        today=TODAY,
    )


def stays(patient):
    return [(stay.site.code, stay.stay.lower, stay.stay.upper) for stay in stays_of(patient=patient)]


def test_the_patient_is_at_the_new_site_and_the_history_knows_both(patient, other_site_place, manager):
    move(patient, other_site_place, manager)

    assert Patient.objects.get(pk=patient.pk).site == other_site_place
    assert stays(patient) == [("GRZ", MOVED_ON, None), ("VIE", None, MOVED_ON)]


def test_a_second_transfer_ends_the_stay_before_it(patient, site, other_site_place, manager):
    move(patient, other_site_place, manager)
    patient.refresh_from_db()

    move(patient, site, manager, on=date(2024, 8, 20))

    assert stays(patient) == [
        ("VIE", date(2024, 8, 20), None),
        ("GRZ", MOVED_ON, date(2024, 8, 20)),
        ("VIE", None, MOVED_ON),
    ]


def test_the_old_site_sees_nothing_and_the_new_one_everything(
    patient, other_site_place, manager, investigator, other_site
):
    factories.make_result(patient=patient, collected_on=date(2024, 4, 1))
    factories.make_alert(patient=patient)

    move(patient, other_site_place, manager)

    for person, expected in ((investigator, 0), (other_site, 1)):
        with acting(rows=rows_of(User.objects.get(pk=person.pk))):
            seen = (Patient.objects.count(), LabResult.objects.count(), Alert.objects.count())
        assert seen == (expected, expected, expected)


def test_rows_keep_who_entered_them(patient, other_site_place, manager, coordinator):
    result = factories.make_result(patient=patient, collected_on=date(2024, 4, 1), entered_by=coordinator)

    move(patient, other_site_place, manager)

    result.refresh_from_db()
    assert result.entered_by == coordinator


def test_the_move_is_on_record_with_reason_and_person(patient, other_site_place, manager):
    with acting(rows=EVERYTHING, by=manager, origin="form"):
        move(patient, other_site_place, manager)

    event = AuditEvent.objects.get(tbl="registry_patient", op="U")
    assert (event.reason, event.actor_id, event.new) == (
        "moved house",
        manager.pk,
        {"site_id": other_site_place.pk},
    )


def test_the_same_form_sent_twice_is_one_transfer(patient, site, other_site_place, manager):
    submission = uuid4()

    for _ in range(2):
        move(patient, other_site_place, manager, submission=submission, from_site=site)

    assert SiteStay.objects.count() == 2


def test_whoever_comes_second_is_told_that_the_patient_has_moved(patient, site, other_site_place, manager):
    third = factories.make_site(study=site.study, code="LNZ")
    move(patient, other_site_place, manager)

    with pytest.raises(MovedMeanwhile) as refusal:
        move(patient, third, manager, from_site=site)

    assert "transferred to GRZ meanwhile" in refusal.value.for_people
    assert Patient.objects.get(pk=patient.pk).site == other_site_place


@pytest.mark.parametrize("actor", ["coordinator", "investigator", "officer", "lead", "sponsor", "stranger"])
def test_only_the_data_manager_transfers(request, patient, other_site_place, actor):
    with pytest.raises(NotAllowed):
        move(patient, other_site_place, request.getfixturevalue(actor))


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"on": date(2024, 9, 2)}, "moved_on"),
        ({"on": None}, "moved_on"),
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
    ],
)
def test_an_impossible_transfer_is_refused(patient, other_site_place, manager, changed, field):
    with pytest.raises(RecordRefused) as refusal:
        move(patient, other_site_place, manager, **changed)

    assert [problem.field for problem in refusal.value.problems] == [field]
    assert not SiteStay.objects.exists()


@pytest.mark.parametrize("where", ["the same site", "another study"])
def test_the_new_site_is_another_one_of_the_study(patient, site, manager, where):
    to_site = (
        site if where == "the same site" else factories.make_site(study=factories.make_study(key="OTHER"))
    )

    with pytest.raises(RecordRefused) as refusal:
        move(patient, to_site, manager)

    assert [problem.field for problem in refusal.value.problems] == ["to_site"]


@pytest.mark.parametrize(("on", "is_refused"), [(MOVED_ON, True), (date(2024, 8, 2), False)])
def test_a_stay_lasts_a_day_at_least(patient, site, other_site_place, manager, on, is_refused):
    move(patient, other_site_place, manager)
    patient.refresh_from_db()

    if is_refused:
        with pytest.raises(RecordRefused):
            move(patient, site, manager, on=on)
    else:
        move(patient, site, manager, on=on)


def test_nothing_is_moved_when_the_move_fails_halfway(patient, site, other_site_place, manager):
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'stopped'; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER stop_here BEFORE UPDATE OF site_id ON registry_patient"
            " FOR EACH ROW EXECUTE FUNCTION stop_here()"
        )

    with pytest.raises(DatabaseError, match="stopped"), transaction.atomic():
        move(patient, other_site_place, manager)

    assert (Patient.objects.get().site, SiteStay.objects.count()) == (site, 0)


def test_the_database_refuses_overlapping_stays_and_rewritten_ones(patient, site, other_site_place, manager):
    move(patient, other_site_place, manager)

    with pytest.raises(DatabaseError, match="do_not_overlap"), transaction.atomic():
        SiteStay.objects.create(
            patient=patient, study=patient.study, site=site, stay=(MOVED_ON, None), moved_at=NIGHT
        )
    with pytest.raises(DatabaseError, match="only ended"), transaction.atomic():
        SiteStay.objects.filter(site=other_site_place).update(site=site)


def test_no_other_path_moves_a_patient_who_was_transferred(patient, site, other_site_place, manager):
    move(patient, other_site_place, manager)

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(DatabaseError, match="site of the latest stay"), transaction.atomic():
        Patient.objects.filter(pk=patient.pk).update(site=site)
