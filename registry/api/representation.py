"""How a row of a dataset stands in JSON, and how the schema says so: both from the dataset's columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from registry.exchange.values import as_json
from registry.queries.dataset_frame import Column

_TYPES: Mapping[str, dict[str, Any]] = {
    "text": {"type": ["string", "null"]},
    "date": {"type": ["string", "null"], "format": "date"},
    "partial_date": {"type": ["string", "null"], "pattern": r"^\d{4}(-\d{2}(-\d{2})?)?$"},
    "instant": {"type": ["string", "null"], "format": "date-time"},
    "integer": {"type": ["integer", "null"]},
    "decimal": {"type": ["string", "null"], "format": "decimal", "pattern": r"^-?\d+(\.\d+)?$"},
    "boolean": {"type": ["boolean", "null"]},
    "list": {"type": "array", "items": {"type": "string"}},
}
# What every row has: a program need not ask whether it is there.
_ALWAYS = {"id", "patient_id", "study", "site_id"}
_REPORTS = {"type": "array", "items": {"type": "object", "additionalProperties": True}}
_OBJECT = {"type": "object", "additionalProperties": True}


def as_rows(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of values as JSON takes them."""
    return [{column.name: as_json(row[column.name], kind=column.kind) for column in columns} for row in rows]


def component_of(name: str) -> str:
    """Return the name of a resource's row in the schema: lab-results are LabResult."""
    singular = {"studies": "study"}.get(name, name.removesuffix("s"))
    return "".join(part.capitalize() for part in singular.split("-"))


def serializer_of(name: str, columns: Sequence[Column]) -> type[serializers.Serializer[Any]]:
    """Return the class that tells the schema what a row looks like."""
    fields = {column.name: _field(column)() for column in columns}
    return type(component_of(name), (serializers.Serializer,), fields)


def _field(column: Column) -> type[serializers.Field[Any, Any, Any, Any]]:
    annotate = extend_schema_field(schema_of(column))
    field: type[serializers.Field[Any, Any, Any, Any]] = annotate(
        type("ColumnField", (serializers.ReadOnlyField,), {})
    )
    return field


def schema_of(column: Column) -> dict[str, Any]:
    """Return the JSON schema of a column."""
    unit = f" Unit: {column.unit}." if column.unit else ""
    unit_in = f" Unit: in `{column.unit_in}`." if column.unit_in else ""
    schema = _TYPES.get(column.kind) or (_REPORTS if column.name == "follow_ups" else _OBJECT)
    if column.name in _ALWAYS:
        schema = {**schema, "type": "string"}
    codes = {"enum": [*column.codes, None]} if column.codes else {}
    return {**schema, **codes, "description": f"{column.meaning}.{unit}{unit_in}"}
