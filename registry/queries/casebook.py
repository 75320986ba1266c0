"""Everything the registry holds of one patient: every row that stands or stood, and every change of it.

The tables are found, not listed: whatever has a patient and is no machinery belongs to the casebook
(21 CFR 11.10(b): accurate and complete copies), so a table that comes later cannot be forgotten. A row that
names another row of the book is shown below it: a result below its visit.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Model

from registry.models import Patient, Site, Study, User

# Tables with a patient that are no part of the record, each with the reason.
LEFT_OUT: Mapping[str, str] = MappingProxyType(
    {
        "answerstorenew": "machinery",
        "alertnews": "who is to be told of an alert; the mails are the registry's own",
        "casebooktaken": "who took a copy; each copy would differ from the one before",
        "draft": "what a person has typed and not sent is no data, and belongs to that person",
        "judgement": "when the rules looked at the record; what they found are the alerts",
        "labstorepack": "machinery",
        "packedlabs": "the results once more, packed for the rules",
        "pseudonym": "would undo the pseudonym wherever the paper lies",
        "reportscreening": "the reports once more, screened for the rules",
        "scanfailure": "machinery",
        "waitingevaluation": "machinery",
    }
)
# Of the patient, whatever visit told of them: they stand by themselves.
_BY_THEMSELVES = frozenset({"registry_adverseevent", "registry_treatment"})
# What nearly every row points to: the whole book would hang on the first course.
_FRAME = frozenset({"registry_patient", "registry_course"})


@dataclass(frozen=True, slots=True)
class RowChange:
    """One change of one row as the audit trail holds it: columns with what they were and became."""

    at: datetime
    who: str
    reason: str
    origin: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]


@dataclass(slots=True)
class BookRow:
    """One row of the record by column, with how it was made, changed and removed, and what is below it.

    `hangs_on`: the column that names the row above it, empty at the top.
    """

    model: type[Model]
    columns: Mapping[str, Any]
    made: RowChange | None = None
    changes: list[RowChange] = field(default_factory=list)
    removed: RowChange | None = None
    below: list["BookRow"] = field(default_factory=list)
    hangs_on: str = ""

    @property
    def key(self) -> tuple[str, int]:
        return self.model._meta.db_table, self.columns["id"]


@dataclass(frozen=True, slots=True)
class Casebook:
    """Every row of one patient; `top` are those that hang on no other, by table.

    `names` is what people call the things outside the book that rows point to: staff, a product, a site.
    """

    patient: Patient
    top: Mapping[type[Model], Sequence[BookRow]]
    every: Mapping[tuple[str, int], BookRow]
    names: Mapping[tuple[type[Model], int], str]
    changes_count: int


def chapters() -> list[type[Model]]:
    """Return the models whose rows belong to a casebook."""
    return [
        model
        for model in apps.get_app_config("registry").get_models()
        if model._meta.managed
        and model._meta.model_name not in LEFT_OUT
        and (model is Patient or any(f.name == "patient" for f in model._meta.concrete_fields))
    ]


def casebook(*, patient: Patient) -> Casebook:
    """Read the whole record of one patient: two queries, and one for each kind of thing it points to."""
    by_table = {model._meta.db_table: model for model in chapters()}
    rows = _standing_rows(patient, by_table)
    known: dict[tuple[type[Model], int], Model] = {
        (Site, patient.site_id): patient.site,
        (Study, patient.study_id): patient.study,
    }
    changes_count = _tell_what_happened(patient, by_table, rows, known)
    top: dict[type[Model], list[BookRow]] = defaultdict(list)
    for row in rows.values():
        above = _above(row, rows)
        (above.below if above else top[row.model]).append(row)
    return Casebook(
        patient=patient,
        top=top,
        every=rows,
        names=_names(rows.values(), inside=set(by_table.values()), known=known),
        changes_count=changes_count,
    )


def _standing_rows(patient: Patient, by_table: Mapping[str, type[Model]]) -> dict[tuple[str, int], BookRow]:
    # As text: numbers keep the digits they were entered with, as a float would not.
    parts = [
        f"SELECT '{table}', to_jsonb(r)::text FROM {table} r"  # noqa: S608 - names of our own tables
        f" WHERE r.{'id' if model is Patient else 'patient_id'} = %(patient)s"
        for table, model in by_table.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), {"patient": patient.pk})
        found = [BookRow(by_table[table], _read(text)) for table, text in cursor.fetchall()]
    return {row.key: row for row in sorted(found, key=lambda row: row.columns["id"])}


def _tell_what_happened(
    patient: Patient,
    by_table: Mapping[str, type[Model]],
    rows: dict[tuple[str, int], BookRow],
    known: dict[tuple[type[Model], int], Model],
) -> int:
    """Give each row its making and its changes, and add the rows that were removed; returns the changes."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT tbl, pk, op, at, actor_id, coalesce(reason, ''), coalesce(origin, ''), old::text,
                   CASE WHEN op <> 'I' THEN new::text END
            FROM audit.event WHERE patient_id = %s AND tbl = ANY(%s) ORDER BY id
            """,
            [patient.pk, list(by_table)],
        )
        events = cursor.fetchall()
    people = User.objects.in_bulk({event[4] for event in events if event[4] is not None})
    known |= {(User, pk): user for pk, user in people.items()}
    changes_count = 0
    for table, pk, op, at, actor_id, reason, origin, old, new in events:
        change = RowChange(
            at=at,
            who=str(people.get(actor_id, "The registry")),
            reason=reason,
            origin=origin,
            old=_read(old),
            new=_read(new),
        )
        row = rows.get((table, int(pk)))
        if op == "D":
            row = rows[table, int(pk)] = row or BookRow(by_table[table], change.old)
            row.removed = change
        if row is None:
            continue  # made and later removed: told where it is removed
        if op == "I":
            row.made = change
        elif op == "U":
            row.changes.append(change)
        changes_count += op != "I"
    return changes_count


def _read(text: str | None) -> dict[str, Any]:
    return json.loads(text, parse_float=Decimal) if text else {}


def _above(row: BookRow, rows: Mapping[tuple[str, int], BookRow]) -> BookRow | None:
    """Hang the row on its visit, event, alert or question, and return that; None: it stands by itself."""
    if row.key[0] in _BY_THEMSELVES:
        return None
    for each in row.model._meta.concrete_fields:
        target = each.related_model
        if not isinstance(target, type) or target is row.model or target._meta.db_table in _FRAME:
            continue
        found = rows.get((target._meta.db_table, row.columns.get(each.attname) or 0))
        if found is not None:
            row.hangs_on = each.attname
            return found
    return None


def _names(
    rows: Iterable[BookRow], *, inside: set[type[Model]], known: Mapping[tuple[type[Model], int], Model]
) -> dict[tuple[type[Model], int], str]:
    """What the rows point to, in words; what was not read yet is asked for, once for each kind of thing."""
    wanted: dict[type[Model], set[int]] = defaultdict(set)
    for row in rows:
        for each in row.model._meta.concrete_fields:
            target = each.related_model
            if isinstance(target, type) and target not in inside and row.columns.get(each.attname):
                wanted[target].add(row.columns[each.attname])
    read = {
        (model, pk): found
        for model, pks in wanted.items()
        if (missing := {pk for pk in pks if (model, pk) not in known})
        for pk, found in model._default_manager.in_bulk(missing).items()
    }
    return {key: str(found) for key, found in {**known, **read}.items()}
