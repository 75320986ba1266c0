"""A whole installation: PostgreSQL killed -9 with every backend, the worker, the supervisor.

Its own cluster with the durability of an installation; the tests' common one forgets on purpose.
"""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import psycopg
import pytest

from config.embedded import ROOT
from tests.faults.broker import send
from tests.faults.clerks import Clerks
from tests.faults.installation import PATIENTS, Installation
from tests.processes import children_of, family, wait_until_gone
from tests.worker import running_worker, wait_until

MORE_LOWS = """
import django
django.setup()
from registry.models import Patient
from tests.faults.cohort import add_lows, nobody_waits
nobody_waits()
add_lows(patients=list(Patient.objects.order_by("pk")), low_on=(5, 22, 32))
"""


@pytest.fixture(scope="module")
def installation(nothing_left_running):
    made = Installation()
    try:
        made.start()
        yield made
    finally:
        made.stop()


def has_begun(clerks, saves):
    """Three saves of each patient stand, so that every thread has saved, and all are at the next ones."""
    acknowledged = clerks.acknowledged()
    return len(acknowledged) >= 200 and set(saves[: 3 * len(PATIENTS)]) <= set(acknowledged)


def test_nothing_acknowledged_is_lost_when_postgresql_is_killed_during_saves(installation):
    acknowledged = []
    for days in ((3, 20, 34, *range(36, 80, 2)), range(35, 80, 2)):
        saves = [(code, study_day) for study_day in days for code in PATIENTS]
        clerks = Clerks(username="clerk", saves=saves, **installation.there)
        wait_until(lambda clerks=clerks, saves=saves: has_begun(clerks, saves), seconds=300)
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


def hold(installation):
    """Hold the lock of one patient, so that whoever judges stops in the middle of a batch."""
    holder = psycopg.connect(installation.engines.owner_url)
    holder.execute("SELECT pg_advisory_xact_lock(74, id::int) FROM registry_patient ORDER BY id DESC LIMIT 1")
    return holder


def wait_until_held_up(installation):
    wait_until(lambda: installation.count("pg_locks WHERE NOT granted"))


def test_a_worker_whose_postgresql_is_killed_in_the_middle_of_a_batch_goes_on_by_itself(installation):
    installation.empty_queue()
    with running_worker(**installation.there):
        holder = hold(installation)
        send("sweep", broker_url=installation.engines.redis_url)
        wait_until_held_up(installation)
        installation.kill_postgres()
        holder.close()
        installation.restart_postgres()
        wait_until(lambda: installation.count("registry_waitingevaluation") == 0)

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


# What bin/demo does once everything is prepared, without its web server.
SUPERVISED = """
import os, sys, time
from pathlib import Path
from config import processes
from config.embedded import Engines
from config.supervisor import ProcessFailed, Supervisor
engines = Engines(Path(sys.argv[1]))
engines.start()
supervisor = Supervisor(engines, cwd=Path(sys.argv[2]))
there = {**os.environ, "DATABASE_URL": engines.app_url, "REDIS_URL": engines.redis_url}
try:
    supervisor.start("worker", processes.WORKER, there)
    supervisor.start("beat", processes.BEAT, there)
    print(supervisor.processes["worker"].pid, flush=True)
    while True:
        supervisor.check()
        time.sleep(0.1)
except ProcessFailed as failure:
    print(failure, flush=True)
    sys.exit(1)
finally:
    supervisor.stop()
    engines.stop()
"""


@contextmanager
def supervised(installation):
    """Engines, worker and beat under a supervisor; gives it and the worker's process id."""
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISED, installation.engines.data, ROOT],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield supervisor, int(supervisor.stdout.readline())
    finally:
        supervisor.kill()
        supervisor.wait()
        supervisor.stdout.close()


def waits(installation):
    return installation.count("registry_waitingevaluation")


def test_a_killed_worker_ends_everything_and_the_next_start_finds_what_was_left(installation):
    installation.run("-c", MORE_LOWS, as_owner=True)
    assert waits(installation) == len(PATIENTS)
    installation.engines.stop()

    with supervised(installation) as (supervisor, worker):
        holder = hold(installation)
        wait_until_held_up(installation)
        everybody = family(supervisor.pid)
        os.kill(worker, signal.SIGKILL)
        holder.close()
        assert supervisor.wait(60) == 1
        assert "worker ended by itself" in supervisor.stdout.read()
        assert wait_until_gone(everybody, seconds=30) == set()

    with supervised(installation) as (supervisor, worker):
        wait_until(lambda: waits(installation) == 0)
        before = children_of(worker)
        os.kill(min(before), signal.SIGKILL)
        wait_until(lambda: len(children_of(worker) & before) < len(before) <= len(children_of(worker)))
        assert supervisor.poll() is None, "a worker's child is replaced, and nobody else notices"
        everybody = family(supervisor.pid)
        supervisor.send_signal(signal.SIGKILL)
        supervisor.wait()
        assert wait_until_gone(everybody, seconds=30) == set()

    installation.engines.start()
    assert installation.count("registry_alertmove WHERE kind = 'raised'") == installation.count(
        "registry_alert"
    )
    installation.run("manage.py", "recompute", "--diff")
    installation.run("manage.py", "verify_audit")
