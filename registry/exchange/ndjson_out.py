"""NDJSON: one JSON object a line, UTF-8, ended by LF, keys in the order of the columns."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from registry.exchange.values import as_json, compact
from registry.queries.dataset_frame import Column


def ndjson_lines(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Yield one line for each row."""
    for row in rows:
        told = {
            column.name: as_json(value, kind=column.kind) for column, value in zip(columns, row, strict=True)
        }
        yield f"{compact(told)}\n".encode()
