"""SDTM datasets from disk, whatever the format: SAS transport, CSV, Parquet or Dataset-JSON.

Every value comes back as the text a CSV would hold; a missing value is empty.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pyreadstat

from registry.exchange.csv_tables import read_csv

# The datasets an import looks at, with the variables without which it can do nothing.
REQUIRED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "dm": ("USUBJID", "SITEID", "SEX", "COUNTRY"),
        "ex": ("USUBJID", "EXSTDTC"),
        "ds": ("USUBJID", "DSDECOD", "DSSTDTC"),
        "sv": ("USUBJID", "VISIT", "SVSTDTC"),
        "lb": ("USUBJID", "LBTESTCD", "LBORRES", "LBORRESU", "LBDTC"),
        "ae": ("USUBJID", "AESEQ", "AETERM"),
        "cm": ("USUBJID",),
    }
)


@dataclass(frozen=True, slots=True)
class Observation:
    """One row of a dataset; `line` as in a CSV with its header on line 1."""

    line: int
    values: Mapping[str, str]

    def __getitem__(self, variable: str) -> str:
        return self.values.get(variable, "")


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset and the file it came from."""

    file: str
    variables: tuple[str, ...]
    observations: tuple[Observation, ...]


class UnreadableDataset(ValueError):
    """The file is not a dataset of its format; `line` where that can be told."""

    def __init__(self, problem: str, *, line: int | None = None, accepted: str = ""):
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.accepted = accepted


def find_datasets(directory: Path) -> dict[str, list[Path]]:
    """Return the files of each dataset; more than one is for the caller to refuse."""
    found: dict[str, list[Path]] = {}
    for path in sorted(directory.iterdir()):
        name, suffix = path.stem.casefold(), path.suffix.casefold()
        if name in REQUIRED and suffix in _READERS:
            found.setdefault(name, []).append(path)
    return found


def read_dataset(path: Path) -> Dataset:
    """Read one dataset; raises UnreadableDataset."""
    variables, rows = _READERS[path.suffix.casefold()](path)
    names = tuple(str(name).strip().upper() for name in variables)
    observations = tuple(
        Observation(line, dict(zip(names, map(_as_text, row), strict=True))) for line, row in rows
    )
    return Dataset(file=path.name, variables=names, observations=observations)


_Read = tuple[Sequence[str], list[tuple[int, Sequence[Any]]]]


def _from_csv(path: Path) -> _Read:
    table = read_csv(path)
    if table.flaws:
        flaw = table.flaws[0]
        raise UnreadableDataset(flaw.problem, line=flaw.line, accepted=flaw.accepted)
    for line, cells in table.lines:
        if len(cells) != len(table.header):
            problem = f"The line has {len(cells)} cells and the header {len(table.header)}."
            raise UnreadableDataset(problem, line=line, accepted="One cell for each column.")
    return table.header, list(table.lines)


def _from_parquet(path: Path) -> _Read:
    try:
        table = pyarrow.parquet.read_table(path)
    except (pa.ArrowException, OSError) as refusal:
        raise UnreadableDataset("The file is not Parquet.", accepted="A Parquet file.") from refusal
    columns = [column.to_pylist() for column in table.columns]
    return table.column_names, _numbered(zip(*columns, strict=True))


def _from_xpt(path: Path) -> _Read:
    try:
        columns, _ = pyreadstat.read_xport(path, output_format="dict", disable_datetime_conversion=True)
    except UnicodeDecodeError as refusal:
        # Transport files say nothing of their encoding; a guess would spoil verbatim terms.
        raise UnreadableDataset(
            f"The file holds text that is not UTF-8: 0x{refusal.object[refusal.start]:02X}.",
            accepted="XPT version 5 or 8 in ASCII or UTF-8.",
        ) from refusal
    except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, OSError, ValueError) as refusal:
        raise UnreadableDataset(
            "The file is not a SAS transport file.", accepted="XPT version 5 or 8."
        ) from refusal
    return list(columns), _numbered(zip(*columns.values(), strict=True))


def _from_json(path: Path) -> _Read:
    accepted = "Dataset-JSON 1.1 (columns and rows) or 1.0 (clinicalData)."
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
        columns, rows = _parts_of(content)
        names = [column["name"] for column in columns]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration) as refusal:
        raise UnreadableDataset("The file is not Dataset-JSON.", accepted=accepted) from refusal
    numbered = _numbered(rows)
    for line, row in numbered:
        if not isinstance(row, list) or len(row) != len(names):
            problem = f"Row {line - 1} does not have one value for each of the {len(names)} columns."
            raise UnreadableDataset(problem, line=line, accepted=accepted)
    return names, numbered


def _parts_of(content: Any) -> tuple[list[dict[str, Any]], list[Any]]:
    if "columns" in content:
        return content["columns"], content["rows"]
    groups = (content.get("clinicalData") or content["referenceData"])["itemGroupData"]
    group = next(iter(groups.values()))
    return group["items"], group["itemData"]


def _numbered(rows: Any) -> list[tuple[int, Sequence[Any]]]:
    return [(place, row) for place, row in enumerate(rows, start=2)]


def _as_text(value: Any) -> str:
    if value is None or value != value:  # NaN: a missing number of SAS
        return ""
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    return str(value).strip()


_READERS: Mapping[str, Callable[[Path], _Read]] = MappingProxyType(
    {".csv": _from_csv, ".parquet": _from_parquet, ".xpt": _from_xpt, ".json": _from_json}
)
