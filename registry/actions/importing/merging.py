"""Rows against what is stored: new, corrected or the same, and two lines of one file that disagree."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from registry.actions.importing.record import Ledger, Row
from registry.clinical.refusals import Problem

_BATCH = 1_000


@dataclass(slots=True)
class Writes:
    """What an import is going to write, kept until everything has been checked."""

    created: list[list[Model]] = field(default_factory=list)
    updated: dict[Model, set[str]] = field(default_factory=dict)
    _group_of: dict[type[Model], list[Model]] = field(default_factory=dict)

    def create(self, row: Model) -> None:
        """Write a new row; rows of a model are written after those of models named before it."""
        group = self._group_of.get(type(row))
        if group is None:
            group = self._group_of[type(row)] = []
            self.created.append(group)
        group.append(row)

    def update(self, row: Model, *fields: str) -> None:
        """Write the named fields of a stored row; of a row that is itself new there is nothing to add."""
        if row.pk is not None:
            self.updated.setdefault(row, set()).update(fields)

    def carry_out(self, order: tuple[type[Model], ...]) -> None:
        """Write everything, model by model, in batches; nothing is written for what is the same."""
        for model in order:
            changed: dict[frozenset[str], list[Model]] = {}
            for row, fields in self.updated.items():
                if type(row) is model:
                    changed.setdefault(frozenset(fields), []).append(row)
            for names, rows in changed.items():
                model._default_manager.bulk_update(rows, sorted(names), batch_size=_BATCH)
            if new := self._group_of.get(model):
                model._default_manager.bulk_create(new, batch_size=_BATCH)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a file by its key, with the values it states as attributes of the model.

    `columns` names the column of an attribute where the two differ.
    """

    row: Row
    key: Hashable
    values: Mapping[str, Any]


@dataclass(slots=True)
class Merge:
    """One file being compared with what is stored under the same keys."""

    file: str
    ledger: Ledger
    writes: Writes
    stored: Mapping[Any, Any]
    make: Callable[[Any, Mapping[str, Any]], Any]
    columns: Mapping[str, str] = field(default_factory=dict)
    with_update: Callable[[Any], tuple[str, ...]] = lambda row: ()
    # Of a row that is new, or gets another date: why its date must not be kept. What is stored stays.
    forbids: Callable[[Any], list[Problem]] = lambda row: []
    dated: str = ""
    seen: dict[Hashable, Entry] = field(default_factory=dict)
    made: dict[Hashable, Any] = field(default_factory=dict)

    def add(self, entry: Entry) -> Any:
        """Weigh one row; returns the model row it stands for, or None when the file contradicts itself."""
        twin = self.seen.get(entry.key)
        if twin is not None:
            if twin.values != entry.values:
                self._refuse_contradiction(entry, twin)
                return None
            self.ledger.unchanged[self.file] += 1
            return self.made[entry.key]
        self.seen[entry.key] = entry
        row = self.stored.get(entry.key)
        if row is None:
            row = self.make(entry.key, entry.values)
            if self._refuse(entry, self.forbids(row)):
                return None
            self.writes.create(row)
            self.ledger.created[self.file] += 1
        else:
            changed = [name for name, value in entry.values.items() if getattr(row, name) != value]
            for name in changed:
                setattr(row, name, entry.values[name])
            if self.dated in changed and self._refuse(entry, self.forbids(row)):
                return None
            if changed:
                self.writes.update(row, *changed, *self.with_update(row))
            (self.ledger.updated if changed else self.ledger.unchanged)[self.file] += 1
        self.made[entry.key] = row
        return row

    def untouched(self) -> list[Any]:
        """Return the stored rows that the file says nothing of."""
        return [row for key, row in self.stored.items() if key not in self.seen]

    def _refuse(self, entry: Entry, problems: list[Problem]) -> bool:
        for problem in problems:
            self.ledger.refuse(self.file, entry.row, problem)
        return bool(problems)

    def _refuse_contradiction(self, entry: Entry, twin: Entry) -> None:
        name = next(name for name, value in entry.values.items() if twin.values.get(name) != value)
        self.ledger.refuse(
            self.file,
            entry.row,
            Problem(
                self.columns.get(name, name),
                str(entry.values[name]),
                f"Line {twin.row.line} says otherwise of the same record.",
                "Keep one of the two lines.",
            ),
        )
