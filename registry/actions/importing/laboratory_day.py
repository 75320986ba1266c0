"""The results of one patient, day and analyte: as stored, and as a file tells them.

A result is its comparator and canonical value. A row with `corrects_value` takes that older value of the
same day out of the record and puts its own in its place. The order of rows says nothing.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from registry.actions.importing.checking import Facts
from registry.actions.importing.people import Person
from registry.actions.importing.record import Ledger, Row
from registry.clinical.analytes import ANALYTES
from registry.clinical.refusals import Problem
from registry.clinical.spoken_dates import spoken
from registry.models import LabResult

FILE = "labs.csv"

Group = tuple[Person, date, str]  # the patient, the day, the analyte
Standing = int | LabResult  # a stored result's id, or a result that is new
Limits = tuple[Decimal | None, Decimal | None]  # canonical


class Key(NamedTuple):
    """A result within its group."""

    comparator: str
    value: Decimal


@dataclass(slots=True, eq=False)
class Told:
    """One row of the file; `has_limits` says whether the file speaks of limits at all."""

    row: Row
    key: Key
    corrects: Key | None
    facts: Facts
    limits: Limits
    has_limits: bool


@dataclass(slots=True, eq=False)
class Stored:
    """One result as stored."""

    pk: int
    key: Key
    limits: Limits
    is_current: bool
    superseded_by: int | None


class Day:
    """Weighs the rows of one group against what is stored."""

    def __init__(
        self, ledger: Ledger, group: Group, stored: list[Stored], told: list[Told], entered: Facts
    ) -> None:
        self._ledger = ledger
        self._group = group
        self._stored = stored
        self._told = told
        self._entered = entered
        self._known = {result.key for result in stored}
        self._current = {result.key: result for result in stored if result.is_current}
        self._taken: set[Hashable] = {result.superseded_by for result in stored}
        self._new: list[LabResult] = []
        self._superseded: list[tuple[Standing, Standing | None]] = []

    def settle(self) -> tuple[list[LabResult], list[tuple[Standing, Standing | None]]]:
        """Return the new results, and which result is superseded by which; count every row."""
        lines = self._lines()
        pending = self._corrections(lines)
        targets = {told.key for told in pending.values()}
        if not self._are_reachable(pending, lines, targets):
            return [], []
        standing, outcomes = self._stand(lines, targets)
        for old, told in pending.items():
            self._supersede(standing[old], standing[told.key])
        corrected = set(pending.values())
        for told in lines:
            self._count("updated" if told in corrected else outcomes[told.key])
        return self._new, self._superseded

    def _lines(self) -> list[Told]:
        """Return the rows that say something of their own; the same line again says nothing."""
        first: dict[Key, Told] = {}
        lines: dict[tuple[Key, Key | None], Told] = {}
        for told in self._told:
            twin = first.setdefault(told.key, told)
            if twin.limits != told.limits:
                self._refuse(told, "lower_limit", f"Line {twin.row.line} gives this result other limits.")
            elif (told.key, told.corrects) in lines:
                self._count("unchanged")
            else:
                lines[told.key, told.corrects] = told
        return list(lines.values())

    def _corrections(self, lines: list[Told]) -> dict[Key, Told]:
        """Return the corrections that are still to be made, by the value they correct."""
        pending: dict[Key, Told] = {}
        for told in lines:
            if told.corrects is None:
                continue
            if told.corrects == told.key:
                self._refuse(told, "corrects_value", "The result corrects itself.")
            elif self._is_done(told.corrects, told.key):
                continue
            elif told.corrects in pending:
                line = pending[told.corrects].row.line
                self._refuse(told, "corrects_value", f"Line {line} corrects the same result otherwise.")
            else:
                pending[told.corrects] = told
        return pending

    def _is_done(self, old: Key, new: Key) -> bool:
        """Whether the old value was already superseded by the new one, at once or in steps."""
        by_pk = {result.pk: result for result in self._stored}
        for result in self._stored:
            if result.key != old or result.is_current:
                continue
            if result.superseded_by is None and new in self._known and old not in self._current:
                return True
            step: Stored | None = result
            while step is not None and step.superseded_by is not None:
                step = by_pk.get(step.superseded_by)
                if step is not None and step.key == new:
                    return True
        return False

    def _are_reachable(self, pending: dict[Key, Told], lines: list[Told], targets: set[Key]) -> bool:
        """Whether every correction has a value to correct, now or by another row."""
        named = {told.key for told in lines}
        refused = False
        for old, told in pending.items():
            if old in self._current or (old in named and (old not in self._known or old in targets)):
                seen = {old}
                step = told
                while step.key in pending and step.key not in seen:
                    seen.add(step.key)
                    step = pending[step.key]
                if step.key not in seen:
                    continue
                problem = "The corrections of this day go in a circle."
            elif old in self._known:
                problem = "That result was corrected otherwise before."
            else:
                _, on, analyte = self._group
                value = told.facts["corrects_value"]
                problem = f"There is no {analyte} {value} {told.facts['unit']} on {spoken(on)}."
            self._refuse(told, "corrects_value", problem)
            refused = True
        return not refused

    def _stand(self, lines: list[Told], targets: set[Key]) -> tuple[dict[Key, Standing], dict[Key, str]]:
        """Make every result that is told stand once; returns where each stands and what became of it."""
        standing: dict[Key, Standing] = {key: result.pk for key, result in self._current.items()}
        outcomes: dict[Key, str] = {}
        for told in lines:
            if told.key in outcomes:
                continue
            current = self._current.get(told.key)
            if current is not None:
                outcomes[told.key] = "unchanged"
                if told.has_limits and told.limits != current.limits:
                    outcomes[told.key] = "updated"
                    standing[told.key] = self._create(told)
                    self._supersede(current.pk, standing[told.key])
            elif told.key in self._known and told.key not in targets:
                outcomes[told.key] = "unchanged"  # superseded since: it is not told back to life
            else:
                outcomes[told.key] = "created"
                standing[told.key] = self._create(told)
        return standing, outcomes

    def _create(self, told: Told) -> LabResult:
        person, on, analyte = self._group
        facts = told.facts
        result = LabResult(
            patient=person.patient,
            collected_on=on,
            analyte=analyte,
            entered_value=facts["value"],
            entered_unit=facts["unit"],
            comparator=told.key.comparator,
            value=told.key.value,
            lower_limit=Decimal(facts["lower_limit"]) if facts.get("lower_limit") else None,
            upper_limit=Decimal(facts["upper_limit"]) if facts.get("upper_limit") else None,
            **self._entered,
        )
        self._new.append(result)
        return result

    def _supersede(self, old: Standing, new: Standing) -> None:
        # Two wrong results may have one right value; it is noted as the successor of one of them.
        identity: Hashable = new if isinstance(new, int) else id(new)
        self._superseded.append((old, None if identity in self._taken else new))
        self._taken.add(identity)

    def _count(self, outcome: str) -> None:
        getattr(self._ledger, outcome)[FILE] += 1

    def _refuse(self, told: Told, column: str, problem: str) -> None:
        unit = ANALYTES[self._group[2]].canonical_unit
        standing = [f"{key.comparator}{key.value.normalize():f} {unit}" for key in self._current]
        accepted = f"Results stored for that day: {', '.join(standing)}." if standing else ""
        given = told.row.cells.get(column, "")
        self._ledger.refuse(
            FILE, told.row, Problem(column, given, problem, accepted or "No result is stored for that day.")
        )
