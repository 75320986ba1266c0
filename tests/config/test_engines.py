"""The embedded engines: two side by side, never two on one place, and none left over."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from config import embedded
from config.embedded import ROOT, AlreadyRunning, Engines
from tests.processes import family, wait_until_gone

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

# What bin/demo does, with a sleeper in place of the web server.
SUPERVISED = """
import sys, time
from pathlib import Path
from config.embedded import Engines
from config.supervisor import Supervisor
engines = Engines(Path(sys.argv[1]))
engines.start()
supervisor = Supervisor(engines, cwd=Path("/"))
supervisor.start("web", ["python", "-c", "import time; time.sleep(600)"], {})
print("running", flush=True)
time.sleep(600)
"""


@pytest.fixture
def place():
    """A directory that root's PostgreSQL can enter, too; pytest's own is closed to it."""
    made = Path(tempfile.mkdtemp(prefix="registry-test-", dir="/tmp"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def engines(place):
    """Engines that keep what they are told, as in a demo."""
    made = Engines(place)
    yield made
    made.stop()


def test_a_commit_outlives_a_power_cut_and_the_owner_is_no_superuser(engines):
    engines.start(valkey=False)

    with psycopg.connect(engines.owner_url) as connection:
        kept = [connection.execute(f"SHOW {name}").fetchone()[0] for name in embedded.DURABLE]
        roles = connection.execute(
            "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls FROM pg_roles"
            " WHERE rolname LIKE 'registry%' ORDER BY rolname"
        ).fetchall()
        connection.execute("CREATE EXTENSION btree_gist")
        connection.execute("SET LOCAL ROLE registry_app")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine ()")

    assert kept == ["on", "on", "on"]
    assert roles == [("registry", False, True, False, False), ("registry_app", False, False, False, False)]


def test_what_was_written_is_there_after_a_restart(engines):
    engines.start(valkey=False)
    with psycopg.connect(engines.owner_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")

    engines.stop()
    engines.start(valkey=False)

    with psycopg.connect(engines.owner_url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_second_start_on_one_place_is_refused_and_leaves_the_first_alone(engines):
    engines.start(postgres=False)

    second = Engines(engines.data)
    with pytest.raises(AlreadyRunning, match=f"{engines.data}.*process {os.getpid()}"):
        second.start(postgres=False)
    second.stop()

    assert engines._valkey_answers()


@linux_only
def test_two_places_run_side_by_side_and_stopping_leaves_no_process():
    first, second = Engines.for_tests(), Engines.for_tests()
    try:
        first.start()
        second.start()
        both = family(os.getpid()) - {os.getpid()}

        assert first.answer()
        assert second.answer()
        assert first.app_url != second.app_url
        mine = {first.postgres.pid, first.valkey.pid, second.postgres.pid, second.valkey.pid}
        assert mine <= both
        below = set().union(*(family(pid) for pid in mine))
    finally:
        first.stop()
        second.stop()

    assert wait_until_gone(below, seconds=30) == set()
    assert not any(path.exists() for path in (first.data, first.sockets, second.data, second.sockets))


@linux_only
def test_killing_the_supervisor_leaves_no_process(place):
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISED, place], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout.readline() == "running\n"
    everybody = family(supervisor.pid)

    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()

    assert len(everybody) > 6, "the web's sleeper, Valkey, PostgreSQL and its helpers"
    assert wait_until_gone(everybody, seconds=30) == set()

    again = Engines(place)
    again.start()
    again.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as somebody else")
def test_roots_data_below_a_closed_directory_works_and_a_deleted_one_is_forgotten(place, monkeypatch):
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(embedded, "CLOSED_HOME", place / "open")
    engines = Engines(closed / "data")
    try:
        engines.start(valkey=False)
        with psycopg.connect(engines.owner_url) as connection:
            connection.execute("CREATE TABLE kept ()")
        engines.stop()
        shutil.rmtree(closed / "data")
        engines.start(valkey=False)
        with psycopg.connect(engines.owner_url) as connection:
            assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)
    finally:
        engines.stop()

    assert closed.stat().st_mode & 0o777 == 0o700, "nobody's permissions were changed"


def test_a_socket_directory_made_by_somebody_else_is_refused(engines):
    engines.sockets.mkdir(mode=0o777)
    engines.sockets.chmod(0o777)
    try:
        with pytest.raises(embedded.EnginesFailed, match="made by somebody else"):
            engines.start(postgres=False)
    finally:
        shutil.rmtree(engines.sockets, ignore_errors=True)
