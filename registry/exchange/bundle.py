"""A bundle of CSV files on its way in: read, handed to the import, answered by a report.

Source: contract.md sections 2 and 3.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from registry.actions.importing.record import FILES, ImportReport, Record, Row, RowError, Table
from registry.actions.imports import Today, import_record
from registry.clinical.refusals import EntryRefused, Problem, shortened
from registry.exchange.bundle_columns import COLUMNS, Column
from registry.exchange.csv_tables import Flaw, cell_flaw, read_csv
from registry.models import User


def import_directory(
    directory: Path,
    *,
    study_key: str,
    at: datetime,
    today: Today,
    dry_run: bool = False,
    by: User | None = None,
) -> ImportReport:
    """Load the bundle in `directory` into the study: all of it, or nothing when anything is wrong.

    `today` gives the date at a site from its time zone: `registry.clock.today`.
    """
    return import_record(
        record=read_bundle(directory), study_key=study_key, at=at, today=today, dry_run=dry_run, by=by
    )


def read_bundle(directory: Path) -> Record:
    """Read the bundle's files; whatever cannot be read is an error of the record."""
    if not directory.is_dir():
        return _nothing(directory, "There is no such directory.")
    record = Record()
    for file in FILES:
        if (directory / file).exists():
            record.tables[file] = _read_table(directory / file, record)
    if not record.tables:
        return _nothing(directory, "The directory holds no file of a bundle.")
    return record


def other_files(directory: Path) -> list[str]:
    """Return the CSV files that are no part of a bundle, which an import does not look at."""
    if not directory.is_dir():
        return []
    return sorted(
        path.name
        for path in directory.iterdir()
        if path.suffix.casefold() == ".csv" and path.name not in COLUMNS
    )


def _nothing(directory: Path, problem: str) -> Record:
    accepted = f"A directory with files such as {', '.join(FILES[:4])}."
    return Record(errors=[RowError(str(directory), None, "", "", problem, accepted)])


def _read_table(path: Path, record: Record) -> Table:
    raw = read_csv(path)
    table = Table(is_readable=raw.is_whole)
    columns = COLUMNS[path.name]
    flaws = list(raw.flaws)
    if raw.header:
        header_flaws = check_header(raw.header, columns)
        flaws += header_flaws
        if header_flaws:
            table.is_readable = False
        else:
            table.rows = [
                read_row(line, cells, raw.header, columns, flaws=flaws) for line, cells in raw.lines
            ]
    record.errors += [RowError(path.name, f.line, f.column, f.value, f.problem, f.accepted) for f in flaws]
    return table


def check_header(header: Sequence[str], columns: Sequence[Column]) -> list[Flaw]:
    """Return what is wrong with a header: columns missing, unknown or named twice."""
    known = [column.name for column in columns]
    found = [
        Flaw(1, column.name, "", f"The column {column.name} is missing.", "It must be in the header.")
        for column in columns
        if column.required and column.name not in header
    ]
    for position, name in enumerate(header):
        if name not in known:
            accepted = f"Columns: {', '.join(known)}."
            shown = shortened(name)
            problem = f"{shown} is not a column of this file." if name else "A column has no name."
            found.append(Flaw(1, shown, shown, problem, accepted))
        elif name in header[:position]:
            found.append(Flaw(1, name, name, f"The column {name} is there twice.", "Once."))
    return found


def read_row(
    line: int, cells: Sequence[str], header: Sequence[str], columns: Sequence[Column], *, flaws: list[Flaw]
) -> Row:
    """Return a line as typed facts. What forbids the whole line goes to `flaws`."""
    named = dict(zip(header, cells, strict=False))
    before = len(flaws)
    if len(cells) != len(header):
        flaws.append(
            Flaw(
                line,
                "",
                "",
                f"The line has {len(cells)} cells and the header {len(header)}.",
                "One cell for each column; a cell that holds a comma stands in quotes.",
            )
        )
    flaws += [flaw for name, cell in named.items() if (flaw := cell_flaw(line, name, cell))]
    facts = {}
    problems = []
    for column in columns:
        if column.name not in named:
            continue
        try:
            facts[column.name] = column.read(named[column.name])
        except EntryRefused as refusal:
            facts[column.name] = None
            problems.append(Problem(column.name, refusal.value, refusal.problem, refusal.accepted))
    return Row(line=line, cells=named, facts=facts, problems=tuple(problems), is_whole=len(flaws) == before)
