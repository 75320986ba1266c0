"""How a value is written: in JSON for files and API alike, and as text in CSV.

Dates are ISO, partial dates as precise as known, instants UTC with Z, decimals text without trailing zeros,
because a reader's floating point must not change 0.1. Empty text is unknown: null in JSON, nothing in CSV.
"""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from registry.queries.dataset_frame import Kind


def as_json(value: Any, *, kind: Kind) -> Any:
    """Return the value as JSON takes it."""
    if kind in ("list", "object"):
        return value
    if value is None or value == "":
        return None
    if isinstance(value, Decimal):
        return _plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return value


def as_cell(value: Any, *, kind: Kind) -> str:
    """Return the value as a CSV cell: booleans Y and N, lists with `;`, objects as compact JSON."""
    found = as_json(value, kind=kind)
    if found is None:
        return ""
    if kind == "boolean":
        return "Y" if found else "N"
    if kind == "list":
        return ";".join(found)
    if kind == "object":
        return compact(found)
    return str(found)


def compact(value: Any) -> str:
    """JSON without spaces, its keys in the order stored."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
