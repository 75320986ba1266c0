"""A licensed MedDRA on its way in: read, checked, handed to the load, answered by a report.

Source: contract.md section 2.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from registry.actions.dictionaries import Loaded, load_meddra
from registry.actions.importing.record import LISTED_ERRORS, RowError
from registry.exchange.meddra_content import content_of
from registry.exchange.meddra_files import COLUMNS, read_distribution


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of a distribution: `loaded`, or the errors for which nothing was stored."""

    loaded: Loaded | None
    errors: tuple[RowError, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the report in the shape that import_bundle has (contract.md section 2)."""
        loaded = self.loaded
        nothing = dict.fromkeys(COLUMNS, 0)
        return {
            "dictionary": "meddra",
            "version": loaded.version if loaded else None,
            "name": loaded.name if loaded else None,
            "in_force": loaded.in_force if loaded else None,
            "created": dict(loaded.rows) if loaded and loaded.is_new else nothing,
            "unchanged": dict(loaded.rows) if loaded and not loaded.is_new else nothing,
            "smqs": loaded.smq_count if loaded else 0,
            "malignancy_codes": dict(loaded.malignancy_codes) if loaded else {},
            "patients_to_judge": loaded.patients_to_judge if loaded else 0,
            "error_count": len(self.errors),
            "errors": [error.as_json() for error in self.errors[:LISTED_ERRORS]],
        }


def load_directory(directory: Path, *, at: datetime) -> LoadReport:
    """Load the distribution in `directory`, or in its folder MedAscii: all of it, or nothing."""
    read = read_distribution(directory)
    content = None if read.errors else content_of(read)
    if content is None or read.errors:
        order = {file: place for place, file in enumerate(COLUMNS)}
        errors = sorted(read.errors, key=lambda e: (order.get(e.file, -1), e.line or 0, e.column))
        return LoadReport(None, tuple(errors))
    return LoadReport(load_meddra(content=content, at=at), ())
