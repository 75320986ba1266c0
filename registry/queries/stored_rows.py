"""Rows of one table by a condition in SQL, for pages that read a dozen tables.

Django composes and compiles the statement of a queryset anew each time it is asked, and that takes longer
than asking it. For what one patient has in one table the statement never changes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model

_Row = TypeVar("_Row", bound=Model)
_OWN = "t"


@dataclass(frozen=True, slots=True)
class _Part:
    """The columns of one table of the statement. `relation`: how its row is kept at the first one's."""

    model: type[Model]
    names: tuple[str, ...]
    converters: tuple[tuple[int, Callable[..., Any]], ...]
    key: int
    relation: Any = None


def rows_where(
    model: type[_Row], condition: str, *, related: Sequence[str] = (), without: str = "", **values: Any
) -> list[_Row]:
    """Return the rows of a table as a queryset would.

    `condition` stands after WHERE and may bring its ORDER BY; it is written in the code and names its
    `values`, as in `t.patient_id = %(patient)s`. The table is `t`; `related`: names of relations to one row,
    each a table of that name in the condition. `without`: a column that is left where it is, being long.
    """
    statement, parts = _statement(model, tuple(related), without)
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} WHERE {condition}", values)
        found = cursor.fetchall()
    return [_read(parts, row) for row in found]


def _read(parts: tuple[_Part, ...], row: tuple[Any, ...]) -> Any:
    own: Any = None
    at = 0
    for part in parts:
        columns = list(row[at : at + len(part.names)])
        at += len(part.names)
        made = None
        if columns[part.key] is not None:
            for place, convert in part.converters:
                columns[place] = convert(columns[place], None, connection)
            made = part.model.from_db(connection.alias, part.names, columns)
        if part.relation is None:
            own = made
            continue
        part.relation.set_cached_value(own, made)
        if made is not None and part.relation.one_to_one:
            part.relation.remote_field.set_cached_value(made, own)
    return own


@cache
def _statement(model: type[Model], related: tuple[str, ...], without: str) -> tuple[str, tuple[_Part, ...]]:
    parts = [_part(model, without=without)]
    columns = _columns(model, _OWN, without=without)
    joins = ""
    for name in related:
        relation: Any = model._meta.get_field(name)
        other = relation.related_model
        here, there = (
            (relation.column, other._meta.pk.column)
            if relation.concrete
            else (model._meta.pk.column, relation.field.column)
        )
        joins += f' LEFT JOIN "{other._meta.db_table}" "{name}" ON "{name}"."{there}" = {_OWN}."{here}"'
        columns += _columns(other, f'"{name}"')
        parts.append(_part(other, relation=relation))
    chosen = ", ".join(columns)
    statement = f'SELECT {chosen} FROM "{model._meta.db_table}" {_OWN}{joins}'  # noqa: S608 - names of our own
    return statement, tuple(parts)


def _part(model: type[Model], *, relation: Any = None, without: str = "") -> _Part:
    fields = [field for field in model._meta.concrete_fields if field.column != without]
    return _Part(
        model=model,
        names=tuple(field.attname for field in fields),
        converters=tuple(
            (place, convert)
            for place, field in enumerate(fields)
            for convert in field.get_db_converters(connection)
        ),
        key=next(place for place, field in enumerate(fields) if field.primary_key),
        relation=relation,
    )


def _columns(model: type[Model], table: str, *, without: str = "") -> list[str]:
    return [f'{table}."{field.column}"' for field in model._meta.concrete_fields if field.column != without]
