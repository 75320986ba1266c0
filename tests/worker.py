"""A real Celery worker in its own processes, on the test's database and broker."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection


def application_url() -> str:
    """The test's database as the application's own role sees it."""
    there = connection.settings_dict
    if there["PORT"]:
        return f"postgresql://registry_app@{there['HOST']}:{there['PORT']}/{there['NAME']}"
    return f"postgresql://registry_app@/{there['NAME']}?host={there['HOST']}"


@contextmanager
def running_worker(*, children: int = 1) -> Iterator[subprocess.Popen]:
    """A prefork worker for as long as the block lasts; killed as a whole at the end."""
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-l", "warning", "-c", str(children)]
    worker = subprocess.Popen(
        [*command, "--without-gossip", "--without-mingle"],
        env={**os.environ, "DATABASE_URL": application_url()},
        start_new_session=True,
    )
    try:
        yield worker
    finally:
        kill(worker)


def kill(worker: subprocess.Popen) -> None:
    """As the kernel does when memory runs out: the worker and its children at once, no goodbye."""
    try:
        os.killpg(worker.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    worker.wait()


def wait_until(holds: Callable[[], object], *, seconds: float = 30) -> None:
    """Look again every tenth of a second until it holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"still not so after {seconds} seconds"
        time.sleep(0.1)
