"""What happened to the locks over a patient's record, those of the site and the study too.

The trail shows those rows to nobody of a site, as they belong to no patient; the locks themselves may be
read, and the database lets nobody change or remove what is told here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from registry.clinical.visit_names import visit_words
from registry.models import Patient, RecordLock, Unlocking, User
from registry.queries.locks import locks_over


@dataclass(frozen=True, slots=True)
class LockStep:
    """One thing that somebody did about a lock, with its reason; `table` is where the database keeps it."""

    at: datetime
    who: User
    table: str
    what: str
    kind: str
    facts: tuple[tuple[str, str], ...]
    reason: str


def lock_steps(*, patient: Patient) -> tuple[LockStep, ...]:
    """Return them oldest first; that a patient or visit was locked is not among them: the trail tells it."""
    return tuple(sorted(_steps(patient), key=lambda step: step.at))


def what_is_locked(lock: RecordLock) -> str:
    """Return what the lock closes, in words."""
    if lock.visit is not None:
        return visit_words(lock.visit.code)
    if lock.patient_id is not None:
        return "the whole record of the patient"
    return "the whole study" if lock.site is None else f"the whole site {lock.site.code}"


def _steps(patient: Patient) -> Iterator[LockStep]:
    for line in locks_over(patient=patient):
        lock, of = line.lock, ("of", what_is_locked(line.lock))
        if lock.patient_id is None:
            yield LockStep(
                lock.locked_at, lock.locked_by, RecordLock._meta.db_table, "Lock", "set", (of,), lock.reason
            )
        for each in line.unlockings:
            yield from _of_unlocking(each, of)


def _of_unlocking(each: Unlocking, of: tuple[str, str]) -> Iterator[LockStep]:
    table = Unlocking._meta.db_table
    how_long = ("open", f"for {each.hours} hours" if each.hours else "until it is locked again")
    yield LockStep(each.asked_at, each.asked_by, table, "Unlocking", "asked for", (of, how_long), each.reason)
    if each.decided_at is not None and each.decided_by is not None:
        asked = ("asked for by", str(each.asked_by))
        facts = (of, asked, how_long) if each.decision == "approved" else (of, asked)
        yield LockStep(
            each.decided_at, each.decided_by, table, "Unlocking", each.decision, facts, each.decision_reason
        )
    # One that had run out is closed for good by whoever locks or opens next: nothing happened to the record.
    ran_out = each.until is not None and each.ended_at is not None and each.until <= each.ended_at
    if each.ended_at is not None and each.ended_by is not None and not ran_out:
        yield LockStep(each.ended_at, each.ended_by, table, "Unlocking", "ended", (of,), "")
