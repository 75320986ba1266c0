"""A locked record refuses every change, whichever path brings it, and opens only by two people."""

import threading
from contextlib import contextmanager
from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from registry.access.roles import NotAllowed
from registry.access.scope import EVERYTHING, acting
from registry.actions import locks as acts
from registry.actions.evaluations import judge_waiting
from registry.actions.locks import (
    LockRefused,
    RecordLocked,
    ask_to_unlock,
    decide_unlocking,
    lock_behind,
    refuse_if_locked,
)
from registry.actions.refused import RecordRefused
from registry.actions.visits import VisitEntry, change_visit
from registry.models import AuditEvent, Patient, Question, Visit
from registry.queries.locks import Target
from tests import factories
from tests.exchange import bundles
from tests.factories import NIGHT
from tests.web.scene import visit_data

# Tables of patients that are not the site's record: they go on under a lock.
NOT_OF_THE_RECORD = {
    "registry_alert": "safety is watched whatever is locked",
    "registry_alertmove": "an officer decides whatever is locked",
    "registry_scanfailure": "the ledger of failures",
    "registry_pseudonym": "what a sponsor calls the patient",
    "registry_waitingevaluation": "who is to be judged",
    "registry_answerstorenew": "whose answers of the rules are to be renewed",
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
}


def sql(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


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


@pytest.mark.django_db(transaction=True)
def test_a_guard_that_was_planned_for_the_only_patient_reads_no_patient_who_came_since(patient):
    connection.close()  # a session of its own: no statement of any trigger is planned yet
    sql("ANALYZE registry_patient")
    factories.make_result(patient=patient, collected_on=date(2024, 3, 28))
    facts = {"sex": "F", "birth_year": 1985, "diagnosis": "SLE", "cohort": "CAR_T"}
    Patient.objects.bulk_create(
        Patient(
            study=patient.study,
            site=patient.site,
            code=f"VIE-1{n:03}",
            enrolled_on=patient.enrolled_on,
            **facts,
        )
        for n in range(900)
    )
    read = "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'registry_patient'"
    with transaction.atomic():
        before = sql(read)

        factories.make_result(patient=patient, collected_on=date(2024, 3, 29))

        assert sql(read) == before


ON = date(2024, 3, 29)
TODAY = date(2024, 9, 1)


@pytest.fixture
def visit(patient):
    visit = factories.make_visit(patient=patient, code="D28", visited_on=ON, new_malignancy=False)
    factories.make_result(patient=patient, visit=visit, collected_on=ON, value="0.4")
    return visit


LEVELS = {
    "visit": lambda visit: {"visit": visit},
    "patient": lambda visit: {"patient": visit.patient},
    "site": lambda visit: {"site": visit.patient.site},
    "study": lambda visit: {"study": visit.patient.study},
}


def by_the_page(visit, person, directory):
    """The visit form, sent as a browser sends it; answers what the page says."""
    client = Client()
    client.force_login(person)
    answer = client.post(
        f"/patients/{visit.patient.public_id}/visits/D28/?day_zero=2024-03-01",
        visit_data(visited_on_day="30", visited_on_month="mar", version="1", base="{}", reason="misread"),
    )
    return (answer.status_code == 423) and answer.content.decode()


def by_the_action(visit, person, directory):
    with pytest.raises(RecordLocked) as refusal:
        change_visit(
            visit=visit,
            version=1,
            entry=VisitEntry("completed", date(2024, 3, 30), new_malignancy=False),
            reason="misread",
            by=person,
            at=NIGHT,
            today=TODAY,
        )
    return refusal.value.for_people


def by_a_bundle(visit, person, directory):
    lines = "patient_id,visit_code,visited_on,status,missed_reason\nVIE-0001,D28,2024-03-30,completed,\n"
    report = bundles.load(directory, {"visits.csv": lines})
    assert set(report.created.values()) | set(report.updated.values()) <= {0}
    return " ".join(error.problem for error in report.errors)


def by_a_bundle_of_results(visit, person, directory):
    lines = "patient_id,collected_on,analyte,value,unit\nVIE-0001,2024-03-29,WBC,4.1,10*9/L\n"
    report = bundles.load(directory, {"labs.csv": lines})
    return " ".join(error.problem for error in report.errors)


def by_sql(statement):
    def write(visit, person, directory):
        with pytest.raises(DatabaseError) as refusal, acting(rows=EVERYTHING, by=person):
            sql(statement.format(visit=visit.pk, patient=visit.patient_id))
        found = lock_behind(refusal.value)
        assert found is not None, refusal.value
        return found.for_people

    return write


PATHS = {
    "a page": by_the_page,
    "an action": by_the_action,
    "a bundle of visits": by_a_bundle,
    "a bundle of results": by_a_bundle_of_results,
    "SQL: update": by_sql("UPDATE registry_visit SET comments = 'x' WHERE id = {visit}"),
    "SQL: a result superseded": by_sql(
        "UPDATE registry_labresult SET superseded_at = now(), superseded_reason = 'x'"
        " WHERE visit_id = {visit}"
    ),
    "SQL: delete": by_sql("DELETE FROM registry_supportivetreatment WHERE patient_id = {patient}"),
    "SQL: insert": by_sql(
        "INSERT INTO registry_labnotdone (patient_id, visit_id, analyte, reason, entered_at, origin)"
        " VALUES ({patient}, {visit}, 'PLT', 'clotted', now(), 'system')"
    ),
    "SQL: a row moved": by_sql(
        "UPDATE registry_supportivetreatment SET given_on = given_on + 1 WHERE patient_id = {patient}"
    ),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("level", LEVELS)
def test_a_lock_of_any_level_refuses_a_write_by_any_path(visit, coordinator, settings, tmp_path, level, path):
    settings.REGISTRY_TODAY = TODAY
    factories.make_support(patient=visit.patient, given_on=date(2024, 3, 20))
    lock = factories.make_lock(**LEVELS[level](visit))
    before = everything_of(visit.patient)

    words = PATHS[path](visit, coordinator, tmp_path)

    assert f"locked since 1 Sep 2024 by {lock.locked_by}: Cleaned for the yearly report." in str(words)
    assert everything_of(visit.patient) == before


@pytest.mark.parametrize("hidden", ["registry_recordlock", "registry_patient"])
def test_a_table_of_a_session_hides_no_lock(visit, hidden):
    factories.make_lock(patient=visit.patient)
    sql(f"GRANT TEMPORARY ON DATABASE {connection.settings_dict['NAME']} TO registry_app")  # as it once was

    with acting(rows=EVERYTHING):
        sql(f"CREATE TEMPORARY TABLE {hidden} (LIKE public.{hidden})")
        with pytest.raises(DatabaseError, match="is locked"), transaction.atomic():
            sql("UPDATE public.registry_visit SET comments = 'changed'")


@pytest.mark.django_db
def test_the_application_makes_no_temporary_table():
    with pytest.raises(DatabaseError, match="to create temporary tables"), acting(rows=EVERYTHING):
        sql("CREATE TEMPORARY TABLE registry_recordlock ()")


@pytest.mark.django_db
def test_no_function_looks_into_the_tables_of_a_session_first():
    named = sql(
        "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,"
        " unnest(p.proconfig) AS c WHERE n.nspname IN ('public', 'audit', 'guard')"
        " AND c LIKE 'search_path=%' AND c NOT LIKE '%, pg_temp'"
    )

    assert named == []


def everything_of(patient):
    with connection.cursor() as cursor:
        cursor.execute("SELECT guard.content(%s, NULL)::text", [patient.pk])
        return cursor.fetchone()[0]


def test_what_a_lock_of_a_visit_leaves_open(visit, patient):
    other = factories.make_visit(patient=patient, code="M3", visited_on=date(2024, 6, 2))
    factories.make_lock(visit=visit)

    factories.make_result(patient=patient, visit=other, collected_on=date(2024, 6, 2))
    factories.make_result(patient=patient, collected_on=date(2024, 3, 30))
    factories.make_support(patient=patient, given_on=date(2024, 3, 30))
    factories.make_support(patient=patient, given_on=date(2024, 2, 12))
    factories.make_event(patient=patient)

    assert other.lab_results.count() == 1


@pytest.mark.parametrize(
    "write",
    [
        lambda patient: factories.make_result(patient=patient, collected_on=ON, analyte="PLT"),
        lambda patient: factories.make_support(patient=patient, given_on=date(2024, 2, 13)),
        lambda patient: factories.make_score(patient=patient, assessed_on=ON),
    ],
    ids=["a result of its day", "a treatment 45 days before", "a score of its day"],
)
def test_what_belongs_to_a_locked_visit_by_its_day_is_refused(visit, write):
    factories.make_lock(visit=visit)
    with pytest.raises(DatabaseError, match="Visit D28 of patient VIE-0001 is locked"), transaction.atomic():
        write(visit.patient)


def test_under_a_lock_alerts_are_raised_and_decided(visit, officer):
    factories.make_lock(patient=visit.patient)

    alert = factories.make_alert(patient=visit.patient)
    factories.make_decision(alert=alert, by=officer)


@pytest.mark.parametrize("level", LEVELS)
def test_under_a_lock_the_rules_go_on_judging(visit, level):
    sql("DELETE FROM registry_waitingevaluation")
    factories.make_lock(**LEVELS[level](visit))
    sql(
        "INSERT INTO registry_waitingevaluation (patient_id, since, attempts) VALUES (%s, now(), 0)",
        visit.patient_id,
    )

    swept = judge_waiting(at=NIGHT)

    assert (swept.judged_count, swept.failed_count) == (1, 0)


def test_an_adverse_event_of_a_locked_patient_is_refused_with_who_can_unlock(visit):
    factories.make_lock(patient=visit.patient)
    with pytest.raises(DatabaseError, match="data manager or safety lead"), transaction.atomic():
        factories.make_event(patient=visit.patient)


def test_nobody_joins_or_leaves_a_locked_site(visit, other_site_place):
    factories.make_lock(site=visit.patient.site)
    with pytest.raises(DatabaseError, match="site VIE is locked"), transaction.atomic():
        factories.make_patient(site=visit.patient.site)
    with pytest.raises(DatabaseError, match="site VIE is locked"), transaction.atomic():
        Patient.objects.filter(pk=visit.patient_id).update(site=other_site_place)
    factories.make_patient(site=other_site_place)


def test_a_bundle_without_news_of_a_locked_record_is_taken(visit, tmp_path):
    factories.make_lock(study=visit.patient.study)
    lines = "patient_id,visit_code,visited_on,status,missed_reason\nVIE-0001,D28,2024-03-29,completed,\n"

    report = bundles.load(tmp_path, {"visits.csv": lines})

    assert (report.errors, report.unchanged["visits.csv"]) == ((), 1)


class TestLocking:
    def test_only_a_data_manager_of_the_study_locks(self, visit, investigator, lead, stranger):
        for person in (investigator, lead, stranger):
            with pytest.raises(NotAllowed):
                locked(visit, by=person)

    def test_a_lock_needs_a_reason(self, visit, manager):
        with pytest.raises(RecordRefused):
            locked(visit, by=manager, reason=" ")

    @pytest.mark.parametrize("state", ["open", "answered"])
    @pytest.mark.parametrize("level", LEVELS)
    def test_no_lock_while_a_question_is_open(self, visit, manager, level, state):
        ask(visit, state=state)
        with pytest.raises(LockRefused, match="1 question is still open"):
            locked(visit, by=manager, level=level)

    @pytest.mark.parametrize("level", LEVELS)
    def test_a_settled_question_holds_no_lock_back(self, visit, manager, level):
        ask(visit, state="closed", closed_at=NIGHT, closed_because="confirmed")

        assert locked(visit, by=manager, level=level).level == level

    def test_a_question_about_another_visit_holds_back_the_patient_only(self, visit, manager):
        ask(visit, fact="visit:M3@2024-03-01")

        assert locked(visit, by=manager)
        with pytest.raises(LockRefused):
            locked(visit, by=manager, level="patient")

    @pytest.mark.parametrize("field", ["", ":grade"])
    def test_a_question_about_an_event_holds_back_the_visit_that_told_of_it(self, visit, manager, field):
        told = factories.make_event(patient=visit.patient, visit=visit)
        ask(visit, fact=f"event:{told.event_id}{field}")

        with pytest.raises(LockRefused, match="1 question is still open"):
            locked(visit, by=manager)

    def test_a_question_about_an_event_by_itself_holds_no_visit_back(self, visit, manager):
        factories.make_event(patient=visit.patient, visit=visit, event_id="AE-1")
        ask(visit, fact=f"event:{factories.make_event(patient=visit.patient, event_id='AE-12').event_id}")

        assert locked(visit, by=manager).level == "visit"

    def test_what_is_locked_is_not_locked_twice(self, visit, manager):
        locked(visit, by=manager)
        with pytest.raises(LockRefused, match="locked already"):
            locked(visit, by=manager)

    def test_a_lock_is_never_changed_or_taken_away_by_the_application(self, visit, manager):
        locked(visit, by=manager)
        for statement in (
            "DELETE FROM registry_recordlock",
            "UPDATE registry_recordlock SET reason = 'x'",
            "TRUNCATE registry_recordlock CASCADE",
            "DELETE FROM guard.part",
            "ALTER TABLE registry_visit DISABLE TRIGGER guard_update",
        ):
            with pytest.raises(DatabaseError), acting(rows=EVERYTHING):
                sql(statement)


class TestUnlocking:
    @pytest.fixture
    def lock(self, visit):
        return factories.make_lock(visit=visit)

    def asked(self, lock, by, hours=None):
        return ask_to_unlock(lock=lock, reason="A date was misread.", hours=hours, by=by, at=NIGHT)

    def test_one_asks_another_approves_and_the_record_takes_changes(self, visit, lock, manager, lead):
        asked = self.asked(lock, manager)
        with pytest.raises(RecordLocked):
            refuse_if_locked(patient=visit.patient, visit=visit)

        decide_unlocking(unlocking=asked, approved=True, reason="", by=lead, at=NIGHT)

        refuse_if_locked(patient=visit.patient, visit=visit)
        Visit.objects.filter(pk=visit.pk).update(comments="x")

    def test_nobody_approves_what_they_asked_for(self, lock, manager):
        asked = self.asked(lock, manager)
        with pytest.raises(LockRefused, match="another one decides"):
            decide_unlocking(unlocking=asked, approved=True, reason="", by=manager, at=NIGHT)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE registry_unlocking SET decision = 'approved', decided_by_id = asked_by_id,"
            " decided_at = now()",
            "UPDATE registry_unlocking SET decision = 'approved'",
            "UPDATE registry_unlocking SET asked_by_id = {other}",
            "INSERT INTO registry_unlocking (lock_id, asked_by_id, asked_at, reason, decision, decided_by_id,"
            " decided_at, decision_reason) SELECT lock_id, asked_by_id, now(), 'x', 'approved', {other},"
            " now(), '' FROM registry_unlocking",
            "DELETE FROM registry_unlocking",
        ],
    )
    def test_the_database_takes_no_unlocking_by_one_person_alone(self, lock, manager, lead, statement):
        self.asked(lock, manager)
        with pytest.raises(DatabaseError), acting(rows=EVERYTHING, by=manager):
            sql(statement.format(other=lead.pk))

    def test_a_refused_unlocking_leaves_the_lock_and_needs_a_reason(self, visit, lock, manager, lead):
        asked = self.asked(lock, manager)
        with pytest.raises(RecordRefused):
            decide_unlocking(unlocking=asked, approved=False, reason="", by=lead, at=NIGHT)

        decide_unlocking(unlocking=asked, approved=False, reason="Nothing to change.", by=lead, at=NIGHT)

        with pytest.raises(RecordLocked):
            refuse_if_locked(patient=visit.patient, visit=visit)

    def test_an_unlocking_for_some_hours_ends_by_itself(self, visit, lock, manager, lead):
        asked = self.asked(lock, manager, hours=4)
        decided = decide_unlocking(unlocking=asked, approved=True, reason="", by=lead, at=NIGHT)
        refuse_if_locked(patient=visit.patient, visit=visit)
        assert decided.until is not None

        # Four hours later, as the owner of the database can pretend.
        sql("SET CONSTRAINTS ALL IMMEDIATE")
        sql("ALTER TABLE registry_unlocking DISABLE TRIGGER unlocking_in_steps")
        sql("UPDATE registry_unlocking SET until = until - interval '4 hours 1 second'")

        with pytest.raises(RecordLocked):
            refuse_if_locked(patient=visit.patient, visit=visit)

    def test_what_was_opened_is_locked_again_by_one_person(self, visit, lock, manager, lead):
        asked = self.asked(lock, manager)
        decide_unlocking(unlocking=asked, approved=True, reason="", by=lead, at=NIGHT)

        assert locked(visit, by=manager) == lock

        with pytest.raises(RecordLocked):
            refuse_if_locked(patient=visit.patient, visit=visit)
        asked.refresh_from_db()
        assert asked.ended_by == manager

    def test_it_is_asked_for_once_at_a_time(self, lock, manager, lead):
        self.asked(lock, manager)
        with pytest.raises(LockRefused, match="asked for this already"):
            self.asked(lock, lead)

    def test_only_who_may_unlock_in_this_study_asks_and_decides(self, lock, manager, investigator, stranger):
        asked = self.asked(lock, manager)
        for person in (investigator, stranger):
            with pytest.raises(NotAllowed):
                self.asked(lock, person)
            with pytest.raises(NotAllowed):
                decide_unlocking(unlocking=asked, approved=True, reason="", by=person, at=NIGHT)

    def test_who_asked_and_decided_is_in_the_trail(self, lock, manager, lead):
        with acting(rows=EVERYTHING, by=manager):
            asked = self.asked(lock, manager)
        with acting(rows=EVERYTHING, by=lead):
            decide_unlocking(unlocking=asked, approved=True, reason="", by=lead, at=NIGHT)

        told = AuditEvent.objects.filter(tbl="registry_unlocking").order_by("id")
        assert [(event.op, event.actor_id) for event in told] == [("I", manager.pk), ("U", lead.pk)]


@pytest.mark.django_db(transaction=True)
def test_a_lock_waits_for_whoever_is_writing():
    """So that no transaction that began before the lock is committed after it."""
    patient = factories.make_patient()
    manager = factories.make_user(username="waits", role="data_manager", study=patient.study)
    order = []
    with another_connection() as writer, writer.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE registry_patient SET birth_year = 1990")
        locking = threading.Thread(target=lambda: (_lock_in_thread(patient, manager), order.append("locked")))
        locking.start()
        locking.join(timeout=1)
        order.append("committed")
        cursor.execute("COMMIT")
        locking.join(timeout=30)

    assert order == ["committed", "locked"]
    with pytest.raises(DatabaseError, match="is locked"), transaction.atomic():
        Patient.objects.filter(pk=patient.pk).update(birth_year=1991)


@pytest.mark.django_db(transaction=True)
def test_a_lock_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(acts, "_PATIENCE", "200ms")
    patient = factories.make_patient()
    manager = factories.make_user(username="waits", role="data_manager", study=patient.study)
    with another_connection() as writer, writer.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE registry_patient SET birth_year = 1990")
        with pytest.raises(LockRefused, match="being written at this moment"):
            acts.lock(
                target=Target(study=patient.study, patient=patient), reason="Cleaned.", by=manager, at=NIGHT
            )
        cursor.execute("ROLLBACK")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_lock_at_once_the_second_is_told():
    patient = factories.make_patient()
    manager = factories.make_user(username="waits", role="data_manager", study=patient.study)
    target = Target(study=patient.study, patient=patient)
    told = []

    def lock():
        try:
            acts.lock(target=target, reason="Cleaned.", by=manager, at=NIGHT)
        except LockRefused as refusal:
            told.append(refusal.for_people)
        finally:
            connection.close()

    # Both have looked whether there is a lock before either can write one.
    with another_connection() as writer, writer.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE registry_patient SET birth_year = 1990")
        both = [threading.Thread(target=lock) for _ in range(2)]
        for thread in both:
            thread.start()
        for _ in range(100):
            if waiting_for_writers(cursor) == 2:
                break
            both[0].join(timeout=0.1)
        cursor.execute("COMMIT")
        for thread in both:
            thread.join(timeout=30)

    assert told == ["It is locked already."]


def waiting_for_writers(cursor):
    cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    return cursor.fetchone()[0]


def _lock_in_thread(patient, manager):
    try:
        factories.make_lock(patient=patient, by=manager)
    finally:
        connection.close()


@contextmanager
def another_connection():
    opened = connection.copy()
    try:
        yield opened
    finally:
        opened.close()


def locked(visit, *, by, reason="Cleaned.", level="visit"):
    patient = visit.patient
    target = {
        "visit": Target(study=patient.study, patient=patient, visit=visit),
        "patient": Target(study=patient.study, patient=patient),
        "site": Target(study=patient.study, site=patient.site),
        "study": Target(study=patient.study),
    }[level]
    return acts.lock(target=target, reason=reason, by=by, at=NIGHT)


def ask(visit, *, fact="visit:D28@2024-03-01:visited_on", state="open", **facts):
    if state == "answered":
        facts["answered_at"] = NIGHT
    return Question.objects.create(
        patient=visit.patient, fact=fact, state=state, asked_at=NIGHT, check_key="x", check_version=1, **facts
    )
