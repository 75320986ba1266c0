"""The audit trail: written whatever path wrote, closed to the application, telling of tampering."""

from contextlib import contextmanager

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from registry.access.scope import EVERYTHING, acting, because
from registry.actions import audit
from registry.models import AuditEvent, LabResult, Patient, Sponsor, Visit
from registry.queries import audit_trail
from tests.factories import DAY_0, make_patient, make_result, make_visit

# Why a table of ours has no triggers.
NOT_AUDITED = {
    "registry_waitingevaluation": "who is to be judged: gone when done",
    "registry_alertnews": "what is to be told by mail: gone when the mail is made",
    "registry_draft": "typing that nobody sent: it becomes a record, and is audited, when it is saved",
    "registry_duerun": "the machinery's own timetable",
    "registry_heartbeat": "overwritten every minute",
    "registry_packedlabs": "a copy of results that is made again when they change",
    "registry_labstorepack": "whose results are to be packed again: gone when done",
    "registry_laboratoryanalyte": "unit and range of a laboratory's latest result, which is audited itself",
    "registry_answerstorenew": "whose answers by the rules are to be renewed: gone when done",
    "registry_reportscreening": "what the lists found in a report: made again when it or they change",
    "registry_dictionaryterm": "lines of a licensed file, known by the digest of its audited version",
    "registry_scanrun": "the ledger of runs is itself a log",
    "registry_scanfailure": "the ledger of failures is itself a log",
    "registry_scanpart": "the parts of a run, summed up in the ledger",
    "registry_judgement": "when a rule judged last and is called again: derived, rewritten every night",
    "registry_outsideping": "the latest ping alone, overwritten every five minutes",
}


def sql(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def events(table, op):
    return AuditEvent.objects.filter(tbl=f"registry_{table}", op=op)


def our_tables():
    return {
        model._meta.db_table
        for model in apps.get_app_config("registry").get_models(include_auto_created=True)
        if model._meta.managed
    }


@pytest.mark.django_db
def test_every_table_of_ours_has_its_triggers_or_a_reason_why_not():
    triggers = {}
    for table, trigger in sql(
        "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal"
    ):
        triggers.setdefault(table, set()).add(trigger)
    wanted = {"audit_insert", "audit_update", "audit_delete", "audit_truncate"}

    audited = {table for table in our_tables() if wanted <= triggers.get(table, set())}

    assert our_tables() - audited == set(NOT_AUDITED)


def test_who_when_old_new_reason_and_origin_are_recorded(patient, investigator):
    with acting(rows=EVERYTHING, by=investigator, origin="form"), because("read again"):
        Patient.objects.filter(pk=patient.pk).update(birth_year=1986)

    event = events("patient", "U").latest("id")
    assert (event.old, event.new) == ({"birth_year": 1985}, {"birth_year": 1986})
    assert (event.actor_id, event.reason, event.origin) == (investigator.pk, "read again", "form")
    assert (event.patient_id, event.pk_text) == (patient.pk, str(patient.pk))


def test_bulk_writing_is_recorded_row_by_row(patient):
    Visit.objects.bulk_create(
        Visit(
            patient=patient,
            course=patient.courses.get(),
            code=f"M{number}",
            status="missed",
            missed_reason="abroad",
            entered_at="2024-09-01T00:00Z",
            origin="import",
        )
        for number in range(25)
    )
    Visit.objects.filter(patient=patient).update(missed_reason="moved away")

    assert events("visit", "I").count() == 25
    assert events("visit", "U").count() == 25


def test_plain_sql_is_recorded(patient):
    make_visit(patient=patient, status="missed")

    sql("UPDATE registry_visit SET missed_reason = 'by hand'")
    sql("DELETE FROM registry_visit")

    assert events("visit", "U").latest("id").new == {"missed_reason": "by hand"}
    assert events("visit", "D").latest("id").old["missed_reason"] == "by hand"


def test_a_write_that_changes_nothing_leaves_no_event(patient):
    before = AuditEvent.objects.count()

    Patient.objects.filter(pk=patient.pk).update(birth_year=patient.birth_year)

    assert AuditEvent.objects.count() == before


def test_a_password_is_never_recorded(investigator):
    investigator.set_password("another long password")
    investigator.save()

    told = str(list(events("user", "I").values("new")) + list(events("user", "U").values("old", "new")))
    assert "password" not in told


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit.event SET reason = 'other'",
        "DELETE FROM audit.event",
        "TRUNCATE audit.event",
        "INSERT INTO audit.event (db_user, op, tbl, pk) VALUES ('x', 'I', 'registry_patient', '1')",
        "INSERT INTO audit.seal (no, up_to_id, events, prev, digest) VALUES (99, 1, 1, '', '')",
        "ALTER TABLE registry_patient DISABLE TRIGGER audit_update",
        "DROP TRIGGER audit_update ON registry_patient",
        "SET session_replication_role = replica",
        "DELETE FROM registry_alert",
        "DELETE FROM registry_labresult",
        "TRUNCATE registry_patient CASCADE",
    ],
)
def test_the_application_cannot_touch_the_trail(patient, statement):
    with pytest.raises(DatabaseError), acting(rows=EVERYTHING):
        sql(statement)


def test_the_owner_cannot_change_the_trail_by_mistake(patient):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql("DELETE FROM audit.event")


@pytest.fixture
def a_record(patient):
    make_result(patient=patient, collected_on=DAY_0, value="0.4")
    make_visit(patient=patient, visited_on=DAY_0)
    patient.birth_year = 1990
    patient.save()
    return patient


def verified():
    with acting(rows=EVERYTHING):
        return audit_trail.verify()


@pytest.mark.django_db
def test_an_untouched_record_verifies(a_record):
    audit.seal()

    found = verified()

    assert found.deviations == ()
    assert found.events > 0
    assert found.tables >= 20


TAMPERING = {
    "a value changed": "UPDATE registry_labresult SET value = value + 4",
    "a row removed": "DELETE FROM registry_visit",
    "a row made": "INSERT INTO registry_sponsor (key, name) VALUES ('GHOST', 'Ghost')",
    "an event changed": (
        "UPDATE audit.event SET new = new || '{\"value\": 4}' WHERE tbl = 'registry_labresult'"
    ),
    "an event removed": "DELETE FROM audit.event WHERE tbl = 'registry_labresult'",
    "the end of the trail cut off": (
        "DELETE FROM audit.event WHERE id >= (SELECT max(id) FROM audit.event WHERE tbl = 'registry_patient')"
    ),
    "a reason rewritten": (
        "UPDATE audit.event SET reason = 'nicer' WHERE id = (SELECT min(id) FROM audit.event)"
    ),
    "a seal removed": "DELETE FROM audit.seal WHERE no = 1",
}


@pytest.mark.parametrize("how", TAMPERING)
def test_tampering_behind_the_triggers_is_found(a_record, how):
    # As somebody who owns the database could do: switch the triggers off, change, switch them on again.
    seal_everything()
    make_result(patient=a_record, collected_on=DAY_0, value="0.5")
    seal_everything()
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    for table in ("registry_labresult", "registry_visit", "registry_sponsor", "audit.event", "audit.seal"):
        sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    sql(TAMPERING[how])

    found = verified()

    assert found.deviations, how


def seal_everything():
    """Seal also what this test's own transaction wrote: the real seal waits until it is committed."""
    sql(
        """
        INSERT INTO audit.seal (no, up_to_id, events, prev, digest)
        SELECT coalesce(max(s.no), 0) + 1, (SELECT max(id) FROM audit.event),
               (SELECT count(*) FROM audit.event WHERE id > coalesce(max(s.up_to_id), 0)),
               coalesce((SELECT digest FROM audit.seal ORDER BY no DESC LIMIT 1), '\\x00'),
               audit.digest_range(coalesce((SELECT digest FROM audit.seal ORDER BY no DESC LIMIT 1), '\\x00'),
                                  coalesce(max(s.up_to_id), 0), (SELECT max(id) FROM audit.event))
        FROM audit.seal s
        """
    )


@pytest.mark.django_db(transaction=True)
def test_a_committed_record_is_sealed_once():
    make_patient()

    assert audit.seal() > 0
    assert audit.seal() == 0


def test_a_result_is_superseded_and_never_changed(patient):
    result = make_result(patient=patient, collected_on=DAY_0, value="0.4")

    with pytest.raises(DatabaseError, match="superseded, never changed"), transaction.atomic():
        LabResult.objects.filter(pk=result.pk).update(value=4)
    with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic():
        result.delete()


@pytest.mark.django_db(transaction=True)
def test_a_seal_leaves_room_for_nobody_who_still_writes():
    """An event's number is taken when it is written and seen when it is committed, in whatever order."""
    make_patient(code="VIE-1")
    with another_connection() as slow, slow.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE registry_patient SET birth_year = 1990")
        Sponsor.objects.create(key="LATER", name="Later, and committed first")
        audit.seal()
        cursor.execute("COMMIT")
    audit.seal()

    found = verified()

    assert found.deviations == ()
    assert found.sealed_events == found.events


@contextmanager
def another_connection():
    opened = connection.copy()
    try:
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_a_change_by_somebody_in_another_zone_verifies(patient, officer, zone):
    sql("SELECT set_config('timezone', %s, true)", zone)
    sql("UPDATE registry_membership SET granted_at = granted_at + interval '1 hour'")
    sql("INSERT INTO registry_sponsor (key, name) VALUES ('NEW', 'By hand')")
    there = verified().deviations
    sql("SELECT set_config('timezone', 'UTC', true)")

    assert (there, verified().deviations) == ((), ())


@pytest.mark.parametrize(
    "later",
    ["ADD COLUMN later integer", "ADD COLUMN later integer NOT NULL DEFAULT 7", "DROP COLUMN birth_year"],
)
def test_a_column_that_a_later_version_adds_or_drops_is_no_deviation(a_record, later):
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql(f"ALTER TABLE registry_patient {later}")

    assert verified().deviations == ()

    sql("ALTER TABLE registry_patient DISABLE TRIGGER USER")
    sql("UPDATE registry_patient SET code = 'VIE-9'")
    assert [deviation.problem for deviation in verified().deviations] == [
        "a row that differs from its trail in: code"
    ]
