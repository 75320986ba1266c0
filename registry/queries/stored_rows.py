"""Whole rows of one table by a condition in SQL, for pages that read a dozen tables.

Django composes and compiles the statement of a queryset anew each time it is asked, which takes three times
as long as asking it. For what one patient has in one table the statement never changes.
"""

from functools import cache
from typing import Any, TypeVar

from django.db.models import Model

_Row = TypeVar("_Row", bound=Model)


def rows_where(model: type[_Row], condition: str, **values: Any) -> list[_Row]:
    """Return the rows of a table.

    `condition` stands after WHERE and may bring its ORDER BY; it is written in the code and names its
    `values`, as in `patient_id = %(patient)s`.
    """
    found = model._default_manager.raw(f"{_selected(model)} WHERE {condition}", values)
    return list(found)


@cache
def _selected(model: type[Model]) -> str:
    columns = ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields)
    return f'SELECT {columns} FROM "{model._meta.db_table}"'  # noqa: S608 - names of our own models
