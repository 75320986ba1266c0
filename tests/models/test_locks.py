"""A locked record refuses every change, whichever path brings it, and opens only by two people."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from registry.access.scope import EVERYTHING, acting
from registry.actions.locks import RecordLocked, lock_behind, refuse_if_locked
from registry.models import RecordLock, Unlocking
from tests import factories
from tests.factories import DAY_0, NIGHT

# Tables of patients that are not the site's record: they go on under a lock.
NOT_OF_THE_RECORD = {
    "registry_alert": "safety is watched whatever is locked",
    "registry_alertmove": "an officer decides whatever is locked",
    "registry_scanfailure": "the ledger of failures",
    "registry_pseudonym": "what a sponsor calls the patient",
    "registry_waitingevaluation": "who is to be judged",
    "registry_judgement": "when a rule judged last",
    "registry_packedlabs": "a copy of results",
    "registry_labstorepack": "whose results are to be packed again",
    "registry_reportscreening": "what the lists found in a report",
    "registry_recordlock": "the lock itself",
    "registry_signature": "says that the record is right as it stands, and changes nothing",
    "registry_draft": "typed and not sent",
    "registry_licatsadjudication": "an officer's judgement of an event",
    "registry_casebooktaken": "who took a copy when",
    "registry_question": "asked and answered whatever is locked",
    "registry_questionmessage": "asked and answered whatever is locked",
    "registry_consent": "a person may give or take back consent on any day",
    "registry_consentwithdrawal": "a person may take back consent on any day",
    "registry_consent": "the patient's to give whatever is locked",
    "registry_consentwithdrawal": "the patient's to take back whatever is locked",
}


def sql(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


def make_lock(*, patient, level="patient", visit=None, by) -> RecordLock:
    return RecordLock.objects.create(
        level=level,
        study=patient.study,
        site=patient.site if level == "site" else None,
        patient=patient if level in ("patient", "visit") else None,
        visit=visit,
        locked_by=by,
        locked_at=NIGHT,
        reason="Cleaned for the yearly report.",
    )


@pytest.mark.django_db
def test_every_table_of_the_record_is_guarded():
    of_patients = {
        table
        for (table,) in sql(
            "SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t"
            " USING (table_schema, table_name) WHERE c.table_schema = 'public'"
            " AND c.column_name = 'patient_id' AND t.table_type = 'BASE TABLE'"
        )
    } | {"registry_patient"}
    guarded = {
        table
        for (table,) in sql(
            "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE t.tgname LIKE 'guard%' GROUP BY 1 HAVING count(*) = 3"
        )
    }

    assert of_patients - guarded == set(NOT_OF_THE_RECORD), "SELECT registry_guard_locks('the table')"
