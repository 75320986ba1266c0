"""PostgreSQL killed -9 with every backend while people save and a worker judges.

Its own cluster with the durability of an installation; the tests' common one forgets on purpose.
"""

import psycopg
import pytest

from tests.faults.broker import send
from tests.faults.clerks import Clerks
from tests.faults.installation import PATIENTS, Installation
from tests.worker import running_worker, wait_until


@pytest.fixture(scope="module")
def installation(nothing_left_running):
    made = Installation()
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_nothing_acknowledged_is_lost_when_postgresql_is_killed_during_saves(installation):
    acknowledged = []
    for days in ((3, 20, 34, *range(36, 80, 2)), range(35, 80, 2)):
        clerks = Clerks(
            username="clerk",
            saves=[(code, study_day) for study_day in days for code in PATIENTS],
            **installation.there,
        )
        wait_until(lambda clerks=clerks: len(clerks.acknowledged()) >= 200, seconds=90)
        installation.kill_postgres()
        complaints = clerks.wait()
        installation.restart_postgres()
        assert complaints.count("the database went away") == 6, "everybody was in the middle of saving"
        acknowledged += clerks.acknowledged()

    assert len(acknowledged) >= 400
    saved = installation.ask(
        "SELECT p.code, v.visited_on - c.day_zero FROM registry_visit v"
        " JOIN registry_patient p ON p.id = v.patient_id JOIN registry_course c ON c.id = v.course_id"
    )
    assert set(acknowledged) <= set(saved)
    assert len(set(acknowledged)) == len(acknowledged)
    # All or nothing: a visit has its result, each has its audit row with the person, and waits.
    assert installation.count("registry_visit") == installation.count("registry_labresult")
    without_result = (
        "registry_visit v WHERE NOT EXISTS (SELECT FROM registry_labresult r WHERE r.visit_id = v.id)"
    )
    assert installation.count(without_result) == 0
    for table in ("registry_visit", "registry_labresult"):
        without_audit = (
            f"{table} t WHERE 1 <> (SELECT count(*) FROM audit.event e"
            " JOIN registry_user u ON u.id = e.actor_id AND u.username = 'clerk'"
            f" WHERE e.tbl = '{table}' AND e.op = 'I' AND e.pk = t.id::text)"
        )
        assert installation.count(without_audit) == 0
        of_nothing = (
            f"audit.event e WHERE e.tbl = '{table}'"
            f" AND NOT EXISTS (SELECT FROM {table} t WHERE t.id::text = e.pk)"
        )
        assert installation.count(of_nothing) == 0
    forgotten = (
        "registry_patient p WHERE"
        " (SELECT count(*) FROM registry_waitingevaluation w WHERE w.patient_id = p.id)"
        " < 2 * (SELECT count(*) FROM registry_visit v WHERE v.patient_id = p.id)"
    )
    assert installation.count(forgotten) == 0
    installation.run("manage.py", "verify_audit")


def test_a_worker_whose_postgresql_is_killed_in_the_middle_of_a_batch_goes_on_by_itself(installation):
    installation.empty_queue()
    with running_worker(**installation.there):
        holder = psycopg.connect(installation.engines.owner_url)
        holder.execute(
            "SELECT pg_advisory_xact_lock(74, id::int) FROM registry_patient ORDER BY id DESC LIMIT 1"
        )
        send("sweep", broker_url=installation.engines.redis_url)
        wait_until(lambda: installation.count("pg_locks WHERE NOT granted"))
        installation.kill_postgres()
        holder.close()
        installation.restart_postgres()
        wait_until(lambda: installation.count("registry_waitingevaluation") == 0, seconds=90)

    raised = installation.ask(
        "SELECT p.code FROM registry_alert a JOIN registry_patient p ON p.id = a.patient_id"
        " WHERE a.rule = 'prolonged_cytopenia' ORDER BY 1"
    )
    assert [code for (code,) in raised] == PATIENTS
    assert installation.count("registry_alertmove WHERE kind = 'raised'") == installation.count(
        "registry_alert"
    )
    installation.run("manage.py", "recompute", "--diff")
    installation.run("manage.py", "verify_audit")
