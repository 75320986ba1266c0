"""CSV by RFC 4180: UTF-8 without BOM, header row, comma, lines ended by CR LF.

Raw: text is written as it is stored, so that a file read back is the same record. A cell that begins with
`=`, `+`, `-` or `@` is therefore not altered; open such a file by importing it, with every column as text.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from registry.exchange.values import as_cell
from registry.queries.dataset_frame import Column


def csv_lines(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Yield the header and one line for each row."""
    kinds = [column.kind for column in columns]
    yield _line([column.name for column in columns])
    for row in rows:
        yield _line([as_cell(value, kind=kind) for value, kind in zip(row, kinds, strict=True)])


def _line(cells: Sequence[str]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().encode()
