"""Writing one dataset to a file and its manifest beside it, from one snapshot of the database."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

from registry.access.scope import EVERYTHING, Rows
from registry.actions import exports
from registry.exchange.csv_out import csv_blocks
from registry.exchange.manifest import Written, manifest, manifest_text
from registry.exchange.ndjson_out import ndjson_blocks
from registry.models import Study, User
from registry.queries.dataset_frame import Column, Dataset, TodayAt, snapshot

Blocks = Callable[[Sequence[Column], Iterable[Sequence[Any]]], Iterator[bytes]]
FORMATS: Mapping[str, Blocks] = {"csv": csv_blocks, "ndjson": ndjson_blocks}
PROFILES = ("internal",)


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file and its manifest, both complete on the disk."""

    path: Path
    manifest_path: Path
    manifest: Mapping[str, Any]


def manifest_path_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.manifest.json")


def write_dataset(
    *,
    dataset: Dataset,
    studies: Sequence[Study],
    is_everything: bool,
    out: Path,
    format: str,
    today_at: TodayAt,
    by: User | None,
    at: datetime,
) -> ExportedFile:
    """Write the dataset of these studies in the internal profile to `out` and the manifest beside it.

    `is_everything`: no study was named, so that rows of no study (of the audit trail) belong to it too.
    Neither file appears under its name before both are complete and the taking is recorded. Raises OSError.
    """
    ids = None if is_everything else frozenset(study.pk for study in studies)
    days: dict[str, date] = {}

    def today(time_zone: str) -> date:
        # One run has one date for each zone, also when midnight passes.
        return days.setdefault(time_zone, today_at(time_zone))

    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        with (
            snapshot(rows=EVERYTHING if ids is None else Rows(studies=ids)) as cut,
            unfinished.open("wb") as file,
        ):
            rows = dataset.rows(studies=ids, today_at=today)
            written = _write(rows, dataset=dataset, format=format, file=file)
        content = manifest(
            dataset=dataset,
            format=format,
            profile=PROFILES[0],
            studies=[study.key for study in studies],
            cut=cut,
            as_of={time_zone: on.isoformat() for time_zone, on in sorted(days.items())},
            written=written,
            file_name=out.name,
        )
        for study in studies:
            exports.record(
                study=study,
                dataset=dataset.name,
                format=format,
                profile=PROFILES[0],
                row_count=written.rows_of.get(study.key, 0),
                sha256=written.sha256,
                by=by,
                at=at,
            )
        # The old manifest must never stand beside the new file.
        manifest_path_of(out).unlink(missing_ok=True)
        unfinished.replace(out)
        manifest_path_of(out).write_text(manifest_text(content), encoding="utf-8")
    finally:
        unfinished.unlink(missing_ok=True)
    return ExportedFile(path=out, manifest_path=manifest_path_of(out), manifest=content)


def _write(rows: Iterator[list[Any]], *, dataset: Dataset, format: str, file: BinaryIO) -> Written:
    digest = hashlib.sha256()
    size = 0
    row_count = 0
    rows_of: Counter[str] = Counter()
    at_study = [column.name for column in dataset.columns].index("study")

    def counted() -> Iterator[list[Any]]:
        nonlocal row_count
        for row in rows:
            row_count += 1
            if row[at_study]:
                rows_of[row[at_study]] += 1
            yield row

    for block in FORMATS[format](dataset.columns, counted()):
        digest.update(block)
        size += len(block)
        file.write(block)
    return Written(rows=row_count, bytes=size, sha256=digest.hexdigest(), rows_of=rows_of)
