"""NDJSON: one JSON object a line, UTF-8, ended by LF, keys in the order of the columns."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from registry.exchange.values import compact, json_writer
from registry.queries.dataset_frame import Column


def ndjson_blocks(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Yield one line for each row."""
    named = [(column.name, json_writer(column.kind)) for column in columns]
    for row in rows:
        told = {name: write(value) for (name, write), value in zip(named, row, strict=True)}
        yield f"{compact(told)}\n".encode()
