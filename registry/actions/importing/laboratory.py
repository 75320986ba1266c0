"""Laboratory results of an import: told once, corrected by being superseded, never told back to life.

Read here, weighed day by day in laboratory_day.py, written here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial

from django.db import connection

from registry.actions.importing.checking import Facts, accepted
from registry.actions.importing.laboratory_day import FILE, Day, Group, Key, Stored, Told
from registry.actions.importing.people import People, Person
from registry.actions.importing.record import Row
from registry.clinical.record_checks import check_lab
from registry.clinical.refusals import Problem
from registry.clinical.units import read_value, to_canonical
from registry.models import LabResult

REASON = "import"
_BATCH = 2_000


@dataclass(slots=True)
class LabWrites:
    """New results, and which result takes the place of which; ids are given out when it is written."""

    new: list[LabResult] = field(default_factory=list)
    superseded: list[tuple[int | LabResult, int | LabResult | None]] = field(default_factory=list)

    def carry_out(self, *, at: datetime) -> None:
        """Write supersessions first: the database keeps a current result once, and never one that changed."""
        if not self.new and not self.superseded:
            return
        for result, pk in zip(self.new, _next_ids(len(self.new)), strict=True):
            result.pk = pk
        olds, successors = [], []
        for old, successor in self.superseded:
            successor_pk = successor.pk if isinstance(successor, LabResult) else successor
            if isinstance(old, LabResult):
                old.superseded_by_id, old.superseded_at, old.superseded_reason = successor_pk, at, REASON
            else:
                olds.append(old)
                successors.append(successor_pk)
        if olds:
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE registry_labresult AS r"
                    " SET superseded_by_id = told.successor, superseded_at = %s, superseded_reason = %s"
                    " FROM unnest(%s::bigint[], %s::bigint[]) AS told (old, successor) WHERE r.id = told.old",
                    [at, REASON, olds, successors],
                )
        LabResult.objects.bulk_create(self.new, batch_size=_BATCH)


def _next_ids(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('registry_labresult', 'id')) FROM generate_series(1, %s)",
            [count],
        )
        return [pk for (pk,) in cursor.fetchall()]


def plan_labs(people: People, *, entered: Facts) -> LabWrites:
    """Merge results group by group; returns what is to be written."""
    writes = LabWrites()
    groups = _read_groups(people)
    stored = _load(people, {group[0] for group in groups})
    for group, told in groups.items():
        there = stored.get(group, [])
        told = _consented(people, group, there, told)
        new, superseded = Day(people.ledger, group, there, told, entered).settle()
        writes.new += new
        writes.superseded += superseded
    return writes


def _consented(people: People, group: Group, stored: list[Stored], told: list[Told]) -> list[Told]:
    """Refuse what is new of a day on which the consent does not cover results; what is stored stays."""
    person, on, _ = group
    problems = person.forbids(field="collected_on", what="A result", on=on, scope="laboratory")
    if not problems:
        return told
    known = {result.key for result in stored}
    for row in (each.row for each in told if each.key not in known):
        for problem in problems:
            people.ledger.refuse(FILE, row, problem)
    return [each for each in told if each.key in known]


def _read_groups(people: People) -> dict[Group, list[Told]]:
    groups: dict[Group, list[Told]] = {}
    for row in people.record.rows(FILE):
        person = people.find(FILE, row)
        if person is None:
            continue
        facts = accepted(
            file=FILE,
            row=row,
            ledger=people.ledger,
            check=partial(_check, person=person),
        )
        if facts is not None:
            told = _told(row, facts)
            groups.setdefault((person, facts["collected_on"], facts["analyte"]), []).append(told)
    return groups


def _check(facts: Facts, person: Person) -> list[Problem]:
    patient = person.patient
    return check_lab(
        collected_on=facts["collected_on"],
        analyte=facts["analyte"],
        value=facts["value"],
        unit=facts["unit"],
        birth_year=patient.birth_year,
        died_on=patient.died_on,
        today=person.today,
        decimal_comma=False,
        lower_limit=facts.get("lower_limit", ""),
        upper_limit=facts.get("upper_limit", ""),
        corrects_value=facts.get("corrects_value", ""),
    )


def _told(row: Row, facts: Facts) -> Told:
    analyte, unit = facts["analyte"], facts["unit"]

    def key(text: str) -> Key:
        entered = read_value(text, decimal_comma=False)
        return Key(entered.comparator, to_canonical(entered.number, analyte=analyte, unit=unit))

    def limit(name: str) -> Decimal | None:
        text = facts.get(name, "")
        return to_canonical(Decimal(text), analyte=analyte, unit=unit) if text else None

    return Told(
        row=row,
        key=key(facts["value"]),
        corrects=key(facts["corrects_value"]) if facts.get("corrects_value") else None,
        facts=facts,
        limits=(limit("lower_limit"), limit("upper_limit")),
        has_limits="lower_limit" in facts or "upper_limit" in facts,
    )


def _load(people: People, persons: Iterable[Person]) -> dict[Group, list[Stored]]:
    by_pk = {person.patient.pk: person for person in persons if person.patient.pk}
    groups: dict[Group, list[Stored]] = {}
    rows = LabResult.objects.filter(patient__in=list(by_pk)).values_list(
        "id",
        "patient_id",
        "collected_on",
        "analyte",
        "comparator",
        "value",
        "lower_limit",
        "upper_limit",
        "entered_unit",
        "superseded_at",
        "superseded_by_id",
    )
    for pk, patient_pk, on, analyte, comparator, value, lower, upper, unit, superseded_at, by in rows:
        limits = tuple(
            None if limit is None else to_canonical(limit, analyte=analyte, unit=unit)
            for limit in (lower, upper)
        )
        result = Stored(
            pk=pk,
            key=Key(comparator, value),
            limits=limits,  # type: ignore[arg-type]
            is_current=superseded_at is None,
            superseded_by=by,
        )
        groups.setdefault((by_pk[patient_pk], on, analyte), []).append(result)
    return groups
