"""A registry with both engines of its own, as durable as a demo's: the tests' common one forgets."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg
from redis import Redis

from config.embedded import ROOT, Engines
from tests.processes import family, wait_until_gone

PATIENTS = [f"VIE-{number:05}" for number in range(1, 61)]

SETTING = """
import django
django.setup()
from tests.factories import make_user
from tests.faults.cohort import make_patients, nobody_waits
patients = make_patients(count=60, low_on=())
make_user(username="clerk", role="coordinator", site=patients[0].site)
nobody_waits()
"""


class Installation:
    """Both engines as `bin/demo` runs them, migrated, with 60 patients and a coordinator, `clerk`."""

    def __init__(self) -> None:
        place = Path(tempfile.mkdtemp(prefix="registry-test-", dir="/tmp"))
        place.chmod(0o711)
        self.engines = Engines(place)
        self.there = {"DATABASE_URL": self.engines.app_url, "REDIS_URL": self.engines.redis_url}

    def start(self) -> None:
        self.engines.start()
        self.run("manage.py", "migrate", "--noinput", as_owner=True)
        self.run("-c", SETTING, as_owner=True)

    def stop(self) -> None:
        self.engines.stop()
        shutil.rmtree(self.engines.data)

    def run(self, *words: str, as_owner: bool = False) -> str:
        """Run a Python command in it; it must succeed."""
        there = {**self.there, **({"DATABASE_URL": self.engines.owner_url} if as_owner else {})}
        done = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, **there, "DJANGO_SETTINGS_MODULE": "config.settings"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def empty_queue(self) -> None:
        """Forget the messages of earlier saves."""
        with Redis.from_url(self.engines.redis_url) as broker:
            broker.flushall()

    def kill_postgres(self) -> None:
        """The postmaster and everything below it at once, as a power cut would."""
        assert self.engines.postgres is not None
        everybody = family(self.engines.postgres.pid)
        assert len(everybody) > 5, "the postmaster, its helpers and somebody's backends"
        for pid in everybody:
            with contextlib.suppress(ProcessLookupError):  # a backend that saw the postmaster gone
                os.kill(pid, signal.SIGKILL)
        self.engines.postgres.wait()
        assert wait_until_gone(everybody, seconds=30) == set()

    def restart_postgres(self) -> None:
        self.engines.start(valkey=False)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.engines.owner_url) as connection:
            return connection.execute(sql).fetchall()

    def count(self, sql: str) -> int:
        return self.ask(f"SELECT count(*) FROM {sql}")[0][0]
