"""Since when the nightly scan has not run, when nights were missed."""

from datetime import datetime, timedelta

from django.db import connection

_NIGHT = timedelta(days=1)


def missed_since(*, at: datetime) -> datetime | None:
    """Return the hour of the first of several nights that are outstanding; one alone is not missed yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT max(due_at) FROM registry_duerun
            WHERE job = 'nightly_scan' AND state = 'done' AND due_at <= %(at)s
            """,
            {"at": at},
        )
        [(done,)] = cursor.fetchall()
    if done is None or at < done + 2 * _NIGHT:
        return None
    missed: datetime = done + _NIGHT
    return missed
