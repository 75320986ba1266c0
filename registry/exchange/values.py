"""How a value is written: in JSON for files and API alike, and as text in CSV.

Dates are ISO, partial dates as precise as known, instants UTC with Z, decimals text without trailing zeros,
because a reader's floating point must not change 0.1. Empty text is unknown: null in JSON, nothing in CSV.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from registry.queries.dataset_frame import Kind

Write = Callable[[Any], Any]


def as_json(value: Any, *, kind: Kind) -> Any:
    """Return the value as JSON takes it."""
    return _IN_JSON[kind](value)


def json_writer(kind: Kind) -> Write:
    """Return the function that writes values of this kind in JSON; looked up once for a million rows."""
    return _IN_JSON[kind]


def cell_writer(kind: Kind) -> Callable[[Any], str]:
    """Return the function that writes a CSV cell: booleans Y and N, lists with `;`, compact JSON."""
    return _IN_CELLS[kind]


def compact(value: Any) -> str:
    """JSON without spaces, its keys in the order stored."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _unchanged(value: Any) -> Any:
    return value


def _text(value: str | None) -> str | None:
    return value or None


def _date(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _decimal(value: Decimal | str | None) -> str | None:
    """A decimal without trailing zeros; a text already is as it shall be read."""
    if value is None or isinstance(value, str):
        return value
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


_IN_JSON: Mapping[Kind, Write] = {
    "text": _text,
    "date": _date,
    "partial_date": _text,
    "instant": _instant,
    "integer": _unchanged,
    "decimal": _decimal,
    "boolean": _unchanged,
    "list": _unchanged,
    "object": _unchanged,
}


def _or_nothing(write: Write) -> Callable[[Any], str]:
    def cell(value: Any) -> str:
        written = write(value)
        return "" if written is None else str(written)

    return cell


def _flag(value: bool | None) -> str:
    return "" if value is None else "Y" if value else "N"


def _codes(value: list[str]) -> str:
    return ";".join(value)


_IN_CELLS: Mapping[Kind, Callable[[Any], str]] = {
    **{kind: _or_nothing(write) for kind, write in _IN_JSON.items()},
    "boolean": _flag,
    "list": _codes,
    "object": lambda value: "" if value is None else compact(value),
}
