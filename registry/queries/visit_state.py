"""What holds of a recorded visit as a whole, in two queries: its latest signature, and the locks over it."""

from dataclasses import dataclass

from registry.models import Patient, RecordLock, Visit
from registry.queries.locks import LockLine, locks_over, standing_over
from registry.queries.signatures import SignatureLine, latest_signature


@dataclass(frozen=True, slots=True)
class VisitState:
    """The latest signature, if any, and the locks that stand now."""

    signature: SignatureLine | None
    lock_lines: tuple[LockLine, ...]

    @property
    def locks(self) -> tuple[RecordLock, ...]:
        return tuple(line.lock for line in self.lock_lines)


def visit_state(*, patient: Patient, visit: Visit | None) -> VisitState:
    """Return the state of a visit, also of one that is not recorded yet."""
    return VisitState(
        signature=latest_signature(visit=visit) if visit is not None else None,
        lock_lines=standing_over(lines=locks_over(patient=patient), visit=visit),
    )
