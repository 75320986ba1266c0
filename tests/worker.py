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
    words = ["worker", "-l", "warning", "-c", str(children), "--without-gossip", "--without-mingle"]
    with _running(words, elsewhere) as worker:
        yield worker


@contextmanager
def running_beat(**elsewhere: str) -> Iterator[subprocess.Popen]:
    """Beat with the real timetable: everything is due when it starts, and again every minute."""
    with _running(["beat", "-l", "warning", "--pidfile="], elsewhere) as beat:
        yield beat


@contextmanager
def _running(words: list[str], elsewhere: dict[str, str]) -> Iterator[subprocess.Popen]:
    if "DATABASE_URL" not in elsewhere:
        elsewhere = {**elsewhere, "DATABASE_URL": application_url()}
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "config", *words],
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


def wait_until(holds: Callable[[], object], *, seconds: float = 30) -> None:
    """Look again every tenth of a second until it holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"still not so after {seconds} seconds"
        time.sleep(0.1)
