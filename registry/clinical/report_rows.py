"""A laboratory report pasted as text, read row by row. Nothing is dropped.

Cells are parted by tab, semicolon or comma: name, value, unit, range, flag, date. What a cell is follows
from the header above it where there is one, and otherwise from what it looks like; what a row does not say is
empty. Many reports print the day as the header of the values.
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
    r"((?:[<>≤≥]|<=|>=)?\s*\d[\d.,]*)\s*[\[(]?(?:\+{1,3}|-{1,3}|[HLhl]{1,2}|\*{1,2}|↑|↓|!{1,2})[\])]?",
    re.ASCII,
)
_FLAG_AND_VALUE = re.compile(
    r"(?:[HLhl]{1,2}\s+|(?:\*{1,2}|↑|↓|!{1,2})\s*)((?:[<>≤≥]|<=|>=)?\s*\d[\d.,]*)", re.ASCII
)
# 1.250,5 and 1 250: a sign that parts thousands. 1,250 alone is two numbers in two countries: asked about.
_GROUPED = re.compile(
    r"((?:[<>≤≥]|<=|>=)?\s*)(?:(\d{1,3}(?:\.\d{3})+)(,\d+)|(\d{1,3}(?:,\d{3})+)(\.\d+)"
    r"|(\d{1,3}(?:[ '’\u00a0\u202f]\d{3})+)([.,]\d+)?)",
    re.ASCII,
)
_VALUE_AND_UNIT = re.compile(r"((?:[<>≤≥]|<=|>=)?\s*\d[\d.,]*)\s+(\S.*)", re.ASCII)
_RANGE = re.compile(
    r"[\[(]?\s*(\d[\d.,]*)\s*(?:-|–|—|−|to|bis|à|a)\s*(\d[\d.,]*)\s*[\])]?(?:\s+\S+)?", re.ASCII
)
_BELOW = re.compile(
    r"[\[(]?\s*(?:<|≤|<=|bis|up to|jusqu'à|hasta|fino a)\s*(\d[\d.,]*)\s*[\])]?", re.ASCII | re.I
)
_ABOVE = re.compile(r"[\[(]?\s*(?:>|≥|>=|ab|from)\s*(\d[\d.,]*)\s*[\])]?", re.ASCII | re.I)
_FLAG = re.compile(
    r"[\[(]?(?:\+{1,3}|-{1,3}|[HLN]{1,2}|\*{1,3}|↑|↓|!{1,2}|high|low|hoch|niedrig|normal|crit(?:ical)?)[\])]?",
    re.I,
)
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


@dataclass(frozen=True, slots=True)
class _Header:
    """What the columns below hold; `date_text`: the day that stands above the values instead of a word."""

    columns: tuple[str, ...]
    date_text: str = ""


def read_report(text: str) -> list[ReportRow]:
    """Return the rows of a pasted report; a header is none, and empty lines are none.

    A header stands above its rows, also below the lines of a letter head, and again on the next page.
    """
    lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()]
    separator = _separator(lines)
    header: _Header | None = None
    rows = []
    for line in lines:
        cells = _cells(line, separator)
        if (found := _header(cells)) is not None:
            header = found
        else:
            rows.append(_row(line, cells, header))
    return rows


def _separator(lines: Sequence[str]) -> str:
    """The sign that parts the cells of most lines. A comma only where neither of the others is there:
    in most of Europe it is a decimal sign."""
    counts = Counter({sign: sum(sign in line for line in lines) for sign in ("\t", ";")})
    sign, found = counts.most_common(1)[0] if counts else ("\t", 0)
    return sign if found else ","


def _cells(line: str, separator: str) -> list[str]:
    found = next(csv.reader(io.StringIO(line), delimiter=separator), [])
    return [cell.strip() for cell in found]


def _header(cells: Sequence[str]) -> _Header | None:
    """The columns by name; None when the row is a result, or words, like the others.

    One date among the names heads the values of that day. With several the rows are read by their looks, and
    asked about: nobody has said which day is meant.
    """
    columns = [column_named(cell) or "ignored" for cell in cells]
    is_named = "name" in columns or "loinc" in columns
    if "value" in columns:
        return _Header(tuple(columns)) if is_named else None
    dated = [place for place, cell in enumerate(cells) if _ISO.fullmatch(cell) or _DOTTED.fullmatch(cell)]
    if len(dated) != 1 or not (is_named or "unit" in columns or "range" in columns):
        return None
    columns[dated[0]] = "value"
    if not is_named:
        if cells[0]:
            return None
        columns[0] = "name"
    return _Header(tuple(columns), date_text=cells[dated[0]])


def _row(line: str, cells: Sequence[str], header: _Header | None) -> ReportRow:
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


def _by_header(cells: Sequence[str], header: _Header) -> dict[str, str]:
    found: dict[str, str] = {}
    for column, cell in zip(header.columns, cells, strict=False):
        if column != "ignored" and not found.get(column):
            found[column] = cell
    if header.date_text and not found.get("date"):
        found["date"] = header.date_text
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
    forms = (_VALUE, _VALUE_AND_FLAG, _FLAG_AND_VALUE, _GROUPED)
    return any(form.fullmatch(cell) for form in forms)


def _value_and_unit(value: str, unit: str) -> tuple[str, str]:
    """Part a flag or a unit from the value it was printed beside: `0.4 L`, `0,4 G/l`."""
    if flagged := _VALUE_AND_FLAG.fullmatch(value) or _FLAG_AND_VALUE.fullmatch(value):
        value = flagged[1].strip()
    if grouped := _GROUPED.fullmatch(value):
        whole = re.sub(r"\D", "", grouped[2] or grouped[4] or grouped[6])
        return f"{grouped[1]}{whole}{grouped[3] or grouped[5] or grouped[7] or ''}", unit
    if flagged:
        return value, unit
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
