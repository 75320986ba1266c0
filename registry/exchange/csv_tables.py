"""A file of comma-separated values, read strictly: RFC 4180, UTF-8, a header, every line whole.

Nothing is repaired in silence: a line of too many cells, a broken quote or a foreign byte is an error
with its line. A byte order mark and any line ending are fine, also inside a quoted cell.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from registry.clinical.refusals import shortened

LONGEST_CELL = 100_000  # characters

# The csv module gives up at a long cell before it can say of which column; cell_flaw says it.
csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that keeps a file, or a line of it, from being read."""

    line: int | None
    column: str
    value: str
    problem: str
    accepted: str


@dataclass(slots=True)
class RawTable:
    """The lines of a file as (line number, cells); `is_whole` is False when not all of it could be read."""

    header: list[str] = field(default_factory=list)
    lines: list[tuple[int, list[str]]] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)
    is_whole: bool = True


def read_csv(path: Path) -> RawTable:
    """Read a file into its header and lines; what cannot be read is in `flaws`."""
    table = RawTable()
    try:
        content = path.read_bytes()
    except OSError as refusal:
        return _unreadable(table, "", f"The file cannot be read: {refusal.strerror}.", "Check its rights.")
    text = _decoded(content, table)
    if text is None:
        return table
    for line, cells in _lines(text, table):
        if not table.header:
            table.header = [cell.strip() for cell in cells]
        else:
            table.lines.append((line, [_plain(cell) for cell in cells]))
    if not table.header and table.is_whole:
        return _unreadable(table, "", "The file is empty.", "A header row with the names of the columns.")
    return table


def _decoded(content: bytes, table: RawTable) -> str | None:
    try:
        # The mark is taken away by hand: "utf-8-sig" would count the position of a foreign byte without it.
        return content.decode("utf-8").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    except UnicodeDecodeError as refusal:
        byte = content[refusal.start]
        table.flaws.append(
            Flaw(
                line=content.count(b"\n", 0, refusal.start) + 1,
                column="",
                value=f"0x{byte:02X}",
                problem=f"The file is not UTF-8: the byte at position {refusal.start} is 0x{byte:02X}.",
                accepted="Save the file as UTF-8.",
            )
        )
        table.is_whole = False
        return None


def _lines(text: str, table: RawTable) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            table.is_whole = False
            table.flaws.append(
                Flaw(
                    line,
                    "",
                    "",
                    "A quoted cell is not closed before the next comma or the end of the file.",
                    'Double each quote inside a quoted cell: "the ""second"" dose".',
                )
            )
            if reader.line_num != line:
                return  # in the middle of a quoted cell: what follows cannot be told from its text
            continue
        if cells and not (len(cells) == 1 and not cells[0].strip()):
            yield line, cells


def _plain(cell: str) -> str:
    """A file saved with other line endings tells the same, so it must not correct what is stored."""
    return cell.strip().replace("\r\n", "\n").replace("\r", "\n")


def cell_flaw(line: int, column: str, value: str) -> Flaw | None:
    """Return what forbids a cell, if anything does: its length, or a NUL character."""
    if len(value) > LONGEST_CELL:
        return _too_long(line, column, value)
    if "\0" in value:
        return Flaw(
            line,
            column,
            shortened(value.replace("\0", "\N{REPLACEMENT CHARACTER}")),
            "The cell holds a NUL character.",
            "Remove it; if the whole file is affected, save it as UTF-8.",
        )
    return None


def _too_long(line: int, column: str, value: str) -> Flaw:
    return Flaw(
        line,
        column,
        shortened(value),
        f"The cell has {len(value)} characters.",
        f"At most {LONGEST_CELL} characters.",
    )


def _unreadable(table: RawTable, value: str, problem: str, accepted: str) -> RawTable:
    table.flaws.append(Flaw(1, "", value, problem, accepted))
    table.is_whole = False
    return table
