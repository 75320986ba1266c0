"""Work at once, each by a connection of its own."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection


@pytest.fixture
def elsewhere():
    """`elsewhere(work)`: begin the work in a thread with a connection of its own."""
    with ThreadPoolExecutor(max_workers=24) as threads:

        def begin(work):
            def run():
                try:
                    return work()
                finally:
                    connection.close()

            return threads.submit(run)

        yield begin


def is_held_up(work):
    """Whether the work waits for a lock, or has passed the place where it should."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return work.done() or cursor.fetchone()[0]
