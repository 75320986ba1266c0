"""Locked records: who may lock, who may open again, and the refusal that every write meets.

Triggers refuse on any path (migrations/sql/guard.sql); `refuse_if_locked` says so before anything is tried.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from registry.access.roles import NotAllowed, Verb
from registry.access.scope import because, rows_of
from registry.actions.refused import refuse_if
from registry.clinical.refusals import Problem
from registry.models import Patient, RecordLock, Unlocking, User, Visit
from registry.queries.locks import Target, open_questions

_SQLSTATE = "RLOCK"
_LOCK_NOT_AVAILABLE = "55P03"
_PATIENCE = "10s"
LONGEST_UNLOCKING_HOURS = 720


class RecordLocked(RuntimeError):
    """The record is locked and takes no change. `for_people` says since when, why and who can open it."""

    def __init__(self, for_people: str):
        super().__init__(for_people)
        self.for_people = for_people


class LockRefused(RuntimeError):
    """The lock cannot be set, opened or closed now. `for_people` says why."""

    def __init__(self, for_people: str):
        super().__init__(for_people)
        self.for_people = for_people


class StillBeingWritten(RuntimeError):
    """Somebody else has been writing the record for too long to wait for. `for_people` says so."""

    def __init__(self) -> None:
        self.for_people = "something is being written at this moment, perhaps an import. Try again soon."
        super().__init__(self.for_people)


class QuestionsOpen(LockRefused):
    """The lock waits for questions about the target; they are queries/locks.py, questions_in_the_way."""

    def __init__(self, count: int):
        asked, them = ("1 question is", "it") if count == 1 else (f"{count} questions are", "them")
        super().__init__(f"Not locked: {asked} still open about it. Settle {them} first.")
        self.count = count


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


def lock(*, target: Target, reason: str, by: User, at: datetime) -> RecordLock:
    """Close a study, site, patient or visit to change; one that was opened is closed again.

    Waits ten seconds for the writers of the moment. Raises NotAllowed, RecordRefused without a reason, and
    QuestionsOpen while a question about it is open (21 CFR 11.10(f)), LockRefused when it is locked already
    or when a long write goes on.
    """
    _require(by, "lock_record", study_id=target.study.pk)
    _refuse_without_words(reason)
    if waiting := open_questions(target=target):
        raise QuestionsOpen(waiting)
    with transaction.atomic(), because(reason):
        found = _same_target(target)
        if found is not None:
            _end_unlockings(found, by=by, at=at)
            return found
        try:
            return _set(target, reason=reason.strip(), by=by, at=at)
        except IntegrityError as twice:
            raise LockRefused("It is locked already.") from twice
        except StillBeingWritten as busy:
            raise LockRefused(f"Not locked: {busy.for_people}") from busy


def ask_to_unlock(*, lock: RecordLock, reason: str, hours: int | None, by: User, at: datetime) -> Unlocking:
    """Ask that the lock be opened, for `hours` or until somebody locks again; another person decides.

    Raises NotAllowed, RecordRefused, and LockRefused when it is asked for already or stands open.
    """
    _require(by, "unlock_record", study_id=lock.study_id)
    _refuse_without_words(reason)
    if hours is not None and not 1 <= hours <= LONGEST_UNLOCKING_HOURS:
        accepted = f"1 to {LONGEST_UNLOCKING_HOURS} hours, or until locked again."
        refuse_if([Problem("hours", str(hours), "That is no time to unlock for.", accepted)])
    if _is_open(lock):
        raise LockRefused("The record stands open already.")
    try:
        with transaction.atomic(), because(reason):
            return Unlocking.objects.create(
                lock=lock, asked_by=by, asked_at=at, reason=reason.strip(), hours=hours
            )
    except IntegrityError as twice:
        raise LockRefused("Somebody has asked for this already. Another person decides.") from twice


def decide_unlocking(
    *, unlocking: Unlocking, approved: bool, reason: str, by: User, at: datetime
) -> Unlocking:
    """Approve or refuse what another person asked for; approved, the record is open from now.

    Raises NotAllowed, RecordRefused when refused without a reason, and LockRefused for one's own request or
    one that was decided meanwhile.
    """
    _require(by, "unlock_record", study_id=unlocking.lock.study_id)
    if not approved:
        _refuse_without_words(reason)
    with transaction.atomic(), because(reason or unlocking.reason):
        current = Unlocking.objects.select_for_update(of=("self",)).get(pk=unlocking.pk)
        if current.decision:
            raise LockRefused("This was decided meanwhile. Reload to see by whom.")
        if current.asked_by_id == by.pk:
            raise LockRefused("You asked for this yourself. Unlocking takes two people: another one decides.")
        if approved:
            _end_unlockings(current.lock, by=by, at=at)
        current.decision = "approved" if approved else "refused"
        current.decided_by, current.decided_at, current.decision_reason = by, at, reason.strip()
        current.save(update_fields=["decision", "decided_by", "decided_at", "decision_reason"])
    current.refresh_from_db(fields=["until"])
    return current


def _set(target: Target, *, reason: str, by: User, at: datetime) -> RecordLock:
    # The trigger of a new lock waits for every writer of the moment.
    with transaction.atomic(), with_patience():
        return RecordLock.objects.create(
            level=target.level,
            study=target.study,
            site=target.site,
            patient=target.patient,
            visit=target.visit,
            locked_by=by,
            locked_at=at,
            reason=reason,
        )


@contextmanager
def with_patience() -> Iterator[None]:
    """Wait for who is writing no longer than ten seconds: a page does not wait for an import of an hour.

    The database's own limit, for each statement of the block. Raises StillBeingWritten.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
    try:
        yield
    except OperationalError as busy:
        if getattr(busy.__cause__, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise StillBeingWritten from busy
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', '0', true)")


def _require(by: User, verb: Verb, *, study_id: int) -> None:
    if study_id not in rows_of(by, verb=verb).studies:
        raise NotAllowed(verb)


def _refuse_without_words(reason: str) -> None:
    if not reason.strip():
        refuse_if(
            [Problem("reason", "", "There is no reason.", "Say why, for whoever reads the record later.")]
        )


def _same_target(target: Target) -> RecordLock | None:
    """The lock of the target, if it stands open; raises LockRefused if it stands."""
    found = RecordLock.objects.filter(
        level=target.level, study=target.study, site=target.site, patient=target.patient, visit=target.visit
    ).first()
    if found is not None and not _is_open(found):
        raise LockRefused("It is locked already.")
    return found


def _is_open(lock: RecordLock) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT guard.is_open(%s)", [lock.pk])
        return cursor.fetchone()[0]


def _end_unlockings(lock: RecordLock, *, by: User, at: datetime) -> None:
    """Close what was opened; also a time that ran out, so that at most one unlocking stands."""
    Unlocking.objects.filter(lock=lock, decision="approved", ended_at__isnull=True).update(
        ended_by=by, ended_at=at
    )
