"""Real Celery workers and beats in processes of their own, on the test's database and broker."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection


def application_url(*, role: str = "registry_app") -> str:
    """The test's database as the application's own role sees it, or another role."""
    there = connection.settings_dict
    if there["PORT"]:
        return f"postgresql://{role}@{there['HOST']}:{there['PORT']}/{there['NAME']}"
    return f"postgresql://{role}@/{there['NAME']}?host={there['HOST']}"


@contextmanager
def running_worker(*, children: int = 1, **elsewhere: str) -> Iterator[subprocess.Popen]:
    """A prefork worker for as long as the block lasts; killed as a whole at the end.

    `elsewhere` names a DATABASE_URL or REDIS_URL that is not the test's.
    """
    words = ["-m", "celery", "-A", "config", "worker", "-l", "warning", "-c", str(children)]
    with _running([*words, "--without-gossip", "--without-mingle"], elsewhere) as worker:
        yield worker


# Beat as it is, but with a minute that is over after `sys.argv[1]` seconds.
_QUICK_BEAT = """
import sys
from config.celery import app
for entry in app.conf.beat_schedule.values():
    entry["schedule"] = float(sys.argv[1])
app.start(["beat", "-l", "warning", "--pidfile="])
"""


@contextmanager
def running_beat(*, every: float | None = None, **elsewhere: str) -> Iterator[subprocess.Popen]:
    """Beat with the real timetable: everything is due when it starts, and again every minute.

    `every`: so many seconds between all its messages, where a test cannot wait a minute.
    """
    words = ["-m", "celery", "-A", "config", "beat", "-l", "warning", "--pidfile="]
    with _running(words if every is None else ["-c", _QUICK_BEAT, str(every)], elsewhere) as beat:
        yield beat


@contextmanager
def _running(words: list[str], elsewhere: dict[str, str]) -> Iterator[subprocess.Popen]:
    if "DATABASE_URL" not in elsewhere:
        elsewhere = {**elsewhere, "DATABASE_URL": application_url()}
    process = subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, **elsewhere},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen) -> None:
    """As the kernel does when memory runs out: the process and its children at once, no goodbye."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def wait_until(holds: Callable[[], object], *, seconds: float = 120) -> None:
    """Look again every tenth of a second until it holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"still not so after {seconds} seconds"
        time.sleep(0.1)
