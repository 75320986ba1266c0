"""What accompanies a file: enough to check it, to cite it and to make the same cut again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from registry import VERSION
from registry.exchange.values import as_json
from registry.monitoring.catalogue import RULES
from registry.queries.dataset_frame import Column, Cut, Dataset
from registry.queries.datasets import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Written:
    """A file as it lies on the disk. `rows_of`: rows by key of the study, where a row has one."""

    rows: int
    bytes: int
    sha256: str
    rows_of: Mapping[str, int]


def manifest(
    *,
    dataset: Dataset,
    format: str,
    profile: str,
    studies: Sequence[str],
    cut: Cut,
    as_of: Mapping[str, str],
    written: Written,
    file_name: str,
) -> dict[str, Any]:
    """Return the manifest of contract.md section 4.

    `study` is null when the file holds several, which `studies` names. `as_of`: the date taken for today
    in each time zone; it decides what is due and overdue.
    """
    return {
        "dataset": dataset.name,
        "meaning": dataset.meaning,
        "file": file_name,
        "format": format,
        **({"csv": {"encoding": "UTF-8", "line_end": "CRLF", "flavour": "raw"}} if format == "csv" else {}),
        "profile": profile,
        "study": studies[0] if len(studies) == 1 else None,
        "studies": list(studies),
        "data_cut": {
            "position": cut.position,
            "snapshot": cut.snapshot,
            "at": as_json(cut.at.astimezone(UTC), kind="instant"),
            "as_of": dict(as_of),
        },
        "schema_version": SCHEMA_VERSION,
        "rows": written.rows,
        "bytes": written.bytes,
        "sha256": written.sha256,
        "columns": [_column(column) for column in dataset.columns],
        "rule_versions": {rule.key: rule.version for rule in RULES},
        "application_version": VERSION,
    }


def manifest_text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.kind,
        "unit": column.unit or None,
        **({"unit_column": column.unit_in} if column.unit_in else {}),
        "meaning": column.meaning,
        **({"codes": {code: str(label) for code, label in column.codes.items()}} if column.codes else {}),
    }
