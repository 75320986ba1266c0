"""What a section of the visit form adds to a visit: checked with it, stored in its transaction."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from registry.clinical.refusals import Problem
from registry.models import Patient, User, Visit


class VisitPart(Protocol):
    """Facts that a visit brings beside results and treatments, entered or changed with it."""

    def problems(self, *, patient: Patient, visited_on: date | None, today: date) -> list[Problem]:
        """What makes the facts impossible for this patient; an empty list is fine."""

    def store(self, *, visit: Visit, by: User | None, at: datetime) -> None:
        """Keep the facts as they now are. Inside the visit's transaction, after it was written.

        Of a change the reason is known to the audit trail already; what did not change is left alone.
        """


def problems_of_parts(
    *, parts: Sequence[VisitPart], patient: Patient, visited_on: date | None, today: date
) -> list[Problem]:
    """Return what makes any of the parts impossible."""
    return [
        problem
        for part in parts
        for problem in part.problems(patient=patient, visited_on=visited_on, today=today)
    ]
