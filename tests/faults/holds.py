"""Stopping a worker at a known place: another connection holds the lock that it needs next.

No room of ours is told. A judgement takes an advisory lock of each patient before it reads, locks the
stored alerts before it changes them, and at its commit the foreign keys lock the patients' rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection

from tests.worker import application_url, wait_until

BEFORE_JUDGING = "SELECT pg_advisory_xact_lock(74, id::int) FROM registry_patient WHERE id = %s"
BEFORE_STORING = "SELECT 1 FROM registry_alert WHERE patient_id = %s FOR UPDATE"
AT_COMMIT = "SELECT 1 FROM registry_patient WHERE id = %s FOR UPDATE"


@contextmanager
def held(place: str, *, patient_id: int) -> Iterator[None]:
    """Hold up whoever gets there, until the block ends."""
    with psycopg.connect(application_url(role="registry")) as holder:
        holder.execute(place, [patient_id])
        yield
        holder.rollback()


def wait_until_held_up(*, count: int = 1, seconds: float = 120) -> None:
    """Wait until so many connections stand before a lock."""
    wait_until(lambda: held_up_count() >= count, seconds=seconds)


def wait_until_nobody_works() -> None:
    """Wait until the database has let go of whoever died: a dead client's transaction is rolled back."""
    wait_until(lambda: _open_transaction_count() == 0)


def held_up_count() -> int:
    """How many connections stand before a lock."""
    return _ask("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")


def end_who_is_held_up() -> None:
    """End the connections of workers that died while they stood there: nobody else would notice."""
    with psycopg.connect(application_url()) as line:
        line.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")


def _open_transaction_count() -> int:
    return _ask(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
    )


def _ask(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]
