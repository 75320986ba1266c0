"""Locked records: who may lock, who may open again, and the refusal that every write meets.

Triggers refuse on any path (migrations/sql/locks.sql); `refuse_if_locked` says so before anything is tried.
"""

from django.db import DatabaseError, connection

from registry.models import Patient, Visit

_SQLSTATE = "RLOCK"


class RecordLocked(RuntimeError):
    """The record is locked and takes no change. `for_people` says since when, why and who can open it."""

    def __init__(self, for_people: str):
        super().__init__(for_people)
        self.for_people = for_people


def refuse_if_locked(*, patient: Patient, visit: Visit | None = None) -> None:
    """Raise RecordLocked when the visit, its patient, site or study is locked. One query.

    A patient who is not stored yet is asked for by site and study.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT guard.words(found) FROM guard.lock_on(%s, %s, %s, %s) AS found WHERE found IS NOT NULL",
            [patient.study_id, patient.site_id, patient.pk, visit.pk if visit else None],
        )
        row = cursor.fetchone()
    if row is not None:
        raise RecordLocked(row[0])


def lock_behind(error: DatabaseError) -> RecordLocked | None:
    """Return the refusal that a database error is, or None: an error of another kind."""
    cause = error.__cause__
    if getattr(cause, "sqlstate", None) != _SQLSTATE:
        return None
    return RecordLocked(cause.diag.message_primary or "The record is locked.")  # type: ignore[union-attr]
