"""Columns of whole numbers fetched as the server packs them: one message for all rows, not one for each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def packed_columns(*, sql: str, names: Sequence[str], parameters: Mapping[str, Any]) -> list[Ints]:
    """Return the columns `names` of a query, none of which may be NULL, in the order of its rows."""
    columns = ", ".join(f"string_agg(int8send({name}), ''::bytea)" for name in names)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM ({sql}) AS asked", parameters)  # noqa: S608 - our own text
        [packed] = cursor.fetchall()
    return [unpacked(words, kind=">i8") for words in packed]


def unpacked(words: bytes | memoryview | None, *, kind: str) -> Ints:
    """Return numbers as the server sent them, most significant byte first."""
    return np.frombuffer(words or b"", dtype=kind).astype(np.int64)
