"""CSV by RFC 4180: UTF-8 without BOM, header row, comma, lines ended by CR LF.

Raw: text is written as it is stored, so that a file read back is the same record. A cell that begins with
`=`, `+`, `-` or `@` is therefore not altered; open such a file by importing it, with every column as text.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from registry.exchange.values import cell_writer
from registry.queries.dataset_frame import Column

# Rows written at once: few enough for flat memory, enough to be quick.
BLOCK = 500


def csv_blocks(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Yield the header, then the rows in blocks of lines."""
    writers = [cell_writer(column.kind) for column in columns]
    yield _lines([[column.name for column in columns]])
    remaining = iter(rows)
    while block := list(islice(remaining, BLOCK)):
        yield _lines([[write(value) for write, value in zip(writers, row, strict=True)] for row in block])


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue().encode()
