"""A laboratory report pasted as text, read row by row. Nothing is dropped.

Cells are parted by tab, semicolon or comma: name, value, unit, range, flag, date. What a cell is follows
from the header where there is one, and otherwise from what it looks like; what a row does not say is empty.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from registry.clinical.report_names import column_named

MOST_ROWS = 200
MOST_CHARACTERS = 20_000

_VALUE = re.compile(r"(?:[<>≤≥]|<=|>=)?\s*\d[\d.,]*|(?:[<>≤≥]|<=|>=)?\s*[.,]\d+", re.ASCII)
_VALUE_AND_FLAG = re.compile(
    r"((?:[<>≤≥]|<=|>=)?\s*\d[\d.,]*)\s*(\+{1,3}|-{1,3}|[HLhl]{1,2}|\*{1,2}|↑|↓)", re.ASCII
)
_VALUE_AND_UNIT = re.compile(r"((?:[<>≤≥]|<=|>=)?\s*\d[\d.,]*)\s+(\S.*)", re.ASCII)
_RANGE = re.compile(
    r"[\[(]?\s*(\d[\d.,]*)\s*(?:-|–|—|−|to|bis|à|a)\s*(\d[\d.,]*)\s*[\])]?(?:\s+\S+)?", re.ASCII
)
_BELOW = re.compile(
    r"[\[(]?\s*(?:<|≤|<=|bis|up to|jusqu'à|hasta|fino a)\s*(\d[\d.,]*)\s*[\])]?", re.ASCII | re.I
)
_ABOVE = re.compile(r"[\[(]?\s*(?:>|≥|>=|ab|from)\s*(\d[\d.,]*)\s*[\])]?", re.ASCII | re.I)
_FLAG = re.compile(r"\+{1,3}|-{1,3}|[HLN]{1,2}|\*{1,3}|↑|↓|high|low|hoch|niedrig|normal|crit(?:ical)?", re.I)
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?", re.ASCII)
_DOTTED = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.(\d{4})(?:[ ,].*)?", re.ASCII)
_LOINC = re.compile(r"\d{2,5}-\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One row as the report has it. `text` is the whole row; `loinc` stands in for a name or beside it.

    `date_text` is a date as written, `on` the same where no country reads it otherwise.
    """

    text: str
    name: str
    value: str
    unit: str
    lower: str = ""
    upper: str = ""
    loinc: str = ""
    date_text: str = ""
    on: date | None = None


def read_report(text: str) -> list[ReportRow]:
    """Return the rows of a pasted report; the header is none, and empty lines are none."""
    lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()]
    separator = _separator(lines)
    cells = [_cells(line, separator) for line in lines]
    header = _header(cells[0]) if cells else None
    rows = list(zip(lines, cells, strict=True))[1 if header else 0 :]
    return [_row(line, found, header) for line, found in rows]


def _separator(lines: Sequence[str]) -> str:
    """The sign that parts the cells of most lines. A comma only where neither of the others is there:
    in most of Europe it is a decimal sign."""
    counts = Counter({sign: sum(sign in line for line in lines) for sign in ("\t", ";")})
    sign, found = counts.most_common(1)[0] if counts else ("\t", 0)
    return sign if found else ","


def _cells(line: str, separator: str) -> list[str]:
    found = next(csv.reader(io.StringIO(line), delimiter=separator), [])
    return [cell.strip() for cell in found]


def _header(cells: Sequence[str]) -> list[str] | None:
    """The columns by name; None when the first row is a result like the others."""
    columns = [column_named(cell) or "ignored" for cell in cells]
    return columns if "value" in columns and ("name" in columns or "loinc" in columns) else None


def _row(line: str, cells: Sequence[str], header: Sequence[str] | None) -> ReportRow:
    found = _by_header(cells, header) if header else _by_looks(cells)
    value, unit = _value_and_unit(found.get("value", ""), found.get("unit", ""))
    lower, upper = _limits(found.get("range", ""))
    written = found.get("date", "")
    return ReportRow(
        text=line.strip(),
        name=found.get("name", "") or found.get("loinc", ""),
        value=value,
        unit=unit,
        lower=found.get("lower", "") or lower,
        upper=found.get("upper", "") or upper,
        loinc=found.get("loinc", ""),
        date_text=written,
        on=_date(written),
    )


def _by_header(cells: Sequence[str], header: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for column, cell in zip(header, cells, strict=False):
        if column != "ignored" and not found.get(column):
            found[column] = cell
    return found


def _by_looks(cells: Sequence[str]) -> dict[str, str]:
    """Name first, then the value, and what follows it: unit, range, flag, date, in any order."""
    found: dict[str, str] = {}
    for cell in cells:
        if not cell:
            continue
        if "value" not in found:
            is_named = not found.keys().isdisjoint(("name", "loinc"))
            if is_named and (_is_value(cell) or _VALUE_AND_UNIT.fullmatch(cell)):
                found["value"] = cell
            elif _LOINC.fullmatch(cell):
                found["loinc"] = cell
            elif "name" not in found:
                found["name"] = cell
            continue
        column = _looks_like(cell)
        if column not in found:
            found[column] = cell
    return found


def _looks_like(cell: str) -> str:
    if _ISO.fullmatch(cell) or _DOTTED.fullmatch(cell):
        return "date"
    if _RANGE.fullmatch(cell) or _BELOW.fullmatch(cell) or _ABOVE.fullmatch(cell):
        return "range"
    if _FLAG.fullmatch(cell):
        return "flag"
    return "unit"


def _is_value(cell: str) -> bool:
    return bool(_VALUE.fullmatch(cell) or _VALUE_AND_FLAG.fullmatch(cell))


def _value_and_unit(value: str, unit: str) -> tuple[str, str]:
    """Part a flag or a unit from the value it was printed beside: `0.4 L`, `0,4 G/l`."""
    if flagged := _VALUE_AND_FLAG.fullmatch(value):
        return flagged[1].strip(), unit
    if not unit and not _VALUE.fullmatch(value) and (both := _VALUE_AND_UNIT.fullmatch(value)):
        return both[1].strip(), both[2].strip()
    return value, unit


def _limits(text: str) -> tuple[str, str]:
    text = text.strip()
    if both := _RANGE.fullmatch(text):
        return both[1], both[2]
    if below := _BELOW.fullmatch(text):
        return "", below[1]
    if above := _ABOVE.fullmatch(text):
        return above[1], ""
    return "", ""


def _date(text: str) -> date | None:
    """ISO, or day.month.year; 3/4/2024 is two days in two countries and is not used."""
    if found := _ISO.fullmatch(text):
        parts = (int(found[1]), int(found[2]), int(found[3]))
    elif found := _DOTTED.fullmatch(text):
        parts = (int(found[3]), int(found[2]), int(found[1]))
    else:
        return None
    try:
        return date(*parts)
    except ValueError:
        return None
