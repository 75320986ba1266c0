"""The history of a record as CSV: a line for each field that changed, in the order it happened."""

import csv
import io
from collections.abc import Iterable, Iterator

from registry.exchange.values import as_json
from registry.queries.record_history import HistoryLine

_COLUMNS = ("at", "who", "what", "kind", "about", "field", "old", "new", "reason", "origin")


def history_csv(*, lines: Iterable[HistoryLine]) -> bytes:
    """Return the file, UTF-8; what was recorded whole has one line, with its fields in `about`."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for line in lines:
        writer.writerows(_rows(line))
    return buffer.getvalue().encode()


def _rows(line: HistoryLine) -> Iterator[tuple[str, ...]]:
    at = as_json(line.at, kind="instant")
    told = [*line.row.items(), *line.facts]
    about = "; ".join(f"{name}={value}" for name, value in told if value not in (None, "", []))
    fields = [(change.field, change.old, change.new) for change in line.changes] or [("", "", "")]
    for field, old, new in fields:
        yield at, line.who, line.what, line.kind, about, field, old, new, line.reason, line.origin
