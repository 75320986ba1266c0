"""A record as read from files, and the account of what became of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.clinical.refusals import Problem

LISTED_ERRORS = 1_000
_SHOWN = 200

# The order in which files depend on one another, and in which errors are listed.
FILES = (
    "sites.csv",
    "products.csv",
    "schedules.csv",
    "patients.csv",
    "infusions.csv",
    "visits.csv",
    "labs.csv",
    "support.csv",
    "adverse_events.csv",
    "scores.csv",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file. `facts` are its cells as typed values; a column that the file lacks is absent.

    A cell that could not be read is None or empty in `facts` and has its problem in `problems`.
    `is_whole` is False for a line of too many or too few cells: only its ids are of use.
    """

    line: int
    cells: Mapping[str, str]
    facts: Mapping[str, Any]
    problems: tuple[Problem, ...] = ()
    is_whole: bool = True


@dataclass(slots=True)
class Table:
    """One file. `is_readable`: False when a part could not be read, so that a missing id proves nothing."""

    rows: list[Row] = field(default_factory=list)
    is_readable: bool = True


@dataclass(frozen=True, slots=True)
class RowError:
    """One thing that cannot be taken, where it stands, and what would be taken. The header is line 1."""

    file: str
    line: int | None
    column: str
    value: str
    problem: str
    accepted: str

    def as_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "value": self.value if len(self.value) <= _SHOWN else f"{self.value[:_SHOWN]}…",
            "problem": self.problem,
            "accepted": self.accepted,
        }


@dataclass(slots=True)
class Record:
    """Everything that was read: the tables that were there, and what could not be read at all."""

    tables: dict[str, Table] = field(default_factory=dict)
    errors: list[RowError] = field(default_factory=list)

    def rows(self, file: str) -> list[Row]:
        table = self.tables.get(file)
        return table.rows if table else []

    def is_readable(self, file: str) -> bool:
        table = self.tables.get(file)
        return table is None or table.is_readable


@dataclass(slots=True)
class Ledger:
    """The account of an import: every line is created, updated, unchanged or refused.

    `leaves_out`: what is refused is left out and listed instead of stopping the import, for records
    that were made for another purpose.
    """

    leaves_out: bool = False
    created: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    errors: list[RowError] = field(default_factory=list)
    left_out: list[RowError] = field(default_factory=list)
    left_out_in_part: list[RowError] = field(default_factory=list)
    orphans: Counter[str] = field(default_factory=Counter)  # rows of a patient who was refused

    def refuse(self, file: str, row: Row, problem: Problem) -> None:
        """Note a problem of a row, with the cell as it was written."""
        (self.left_out if self.leaves_out else self.errors).append(self._error(file, row, problem))

    def stop(self, file: str, row: Row, problem: Problem) -> None:
        """Note a contradiction with stored facts: leaving the row out would not undo what others rely on."""
        self.errors.append(self._error(file, row, problem))

    def spare(self, file: str, row: Row, problem: Problem) -> None:
        """Note a fact that was taken away so that the rest of its row could be kept."""
        self.left_out_in_part.append(self._error(file, row, problem))

    @staticmethod
    def _error(file: str, row: Row, problem: Problem) -> RowError:
        return RowError(
            file=file,
            line=row.line,
            column=problem.field,
            value=row.cells.get(problem.field, problem.value),
            problem=problem.problem,
            accepted=problem.accepted,
        )

    def in_order(self) -> list[RowError]:
        """Return the errors by file and line."""
        place = {file: position for position, file in enumerate(FILES)}
        return sorted(
            self.errors, key=lambda e: (place.get(e.file, len(FILES)), e.file, e.line or 0, e.column)
        )


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or with errors what it refused. Counts are lines, by file."""

    created: Mapping[str, int]
    updated: Mapping[str, int]
    unchanged: Mapping[str, int]
    errors: tuple[RowError, ...]
    left_out: tuple[RowError, ...] = ()
    left_out_in_part: tuple[RowError, ...] = ()
    orphans: Mapping[str, int] = field(default_factory=dict)
    dry_run: bool = False

    @property
    def is_clean(self) -> bool:
        return not self.errors

    def as_json(self) -> dict[str, Any]:
        """Return the report in the shape of contract.md section 2."""
        return {
            "created": dict(self.created),
            "updated": dict(self.updated),
            "unchanged": dict(self.unchanged),
            "error_count": len(self.errors),
            "errors": [error.as_json() for error in self.errors[:LISTED_ERRORS]],
        }
