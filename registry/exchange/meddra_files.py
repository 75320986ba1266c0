"""A MedDRA distribution on its way in: eight files of lines whose fields end with `$`.

Source: *MedDRA Distribution File Format Document* (MSSO), sections on the ASCII files. Nothing is repaired
in silence: what is not as the format says is an error with its file and line.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from registry.actions.importing.record import RowError
from registry.clinical.meddra import CHILD_SMQ, LLT, PT
from registry.clinical.refusals import CONTROL_CHARACTER, shortened

_FOREIGN_CODES = "whoart_code harts_code costart_sym icd9_code icd9cm_code icd10_code"

# Columns in their order; a name with * must be filled.
_WRITTEN: Mapping[str, str] = {
    "soc.asc": f"soc_code* soc_name* soc_abbrev {_FOREIGN_CODES} jart_code",
    "hlgt.asc": f"hlgt_code* hlgt_name* {_FOREIGN_CODES} jart_code",
    "hlt.asc": f"hlt_code* hlt_name* {_FOREIGN_CODES} jart_code",
    "pt.asc": f"pt_code* pt_name* null_field pt_soc_code* {_FOREIGN_CODES} jart_code",
    "llt.asc": f"llt_code* llt_name* pt_code* {_FOREIGN_CODES} llt_currency* jart_code",
    "mdhier.asc": (
        "pt_code* hlt_code* hlgt_code* soc_code* pt_name hlt_name hlgt_name soc_name soc_abbrev null_field"
        " pt_soc_code primary_soc_fg*"
    ),
    "smq_list.asc": (
        "smq_code* smq_name* smq_level smq_description smq_source smq_note meddra_version* status*"
        " smq_algorithm"
    ),
    "smq_content.asc": (
        "smq_code* term_code* term_level* term_scope* term_category term_weight term_status*"
        " term_addition_version term_last_modified_version"
    ),
}
COLUMNS: Mapping[str, tuple[str, ...]] = {file: tuple(names.split()) for file, names in _WRITTEN.items()}
_LONGEST_NAME = 300

# What a column takes, by its name or the end of its name: a pattern, and the words for it.
_TAKEN: Mapping[str, tuple[re.Pattern[str], str]] = {
    "_code": (re.compile(r"\d{1,10}"), "A code of up to 10 digits."),
    "_name": (re.compile(rf".{{1,{_LONGEST_NAME}}}"), f"A name of up to {_LONGEST_NAME} characters."),
    "llt_currency": (re.compile("[YN]"), "Y or N."),
    "primary_soc_fg": (re.compile("[YN]"), "Y or N."),
    "status": (re.compile("[AI]"), "A (active) or I (inactive)."),
    "term_status": (re.compile("[AI]"), "A (active) or I (inactive)."),
    "term_level": (
        re.compile(f"[{CHILD_SMQ}{PT}{LLT}]"),
        "4 (preferred term), 5 (lowest level term) or 0 (a sub-SMQ).",
    ),
    "term_scope": (re.compile(r"\d"), "2 (narrow), 1 (broad) or 0 (a sub-SMQ)."),
    "meddra_version": (re.compile(r"\d{1,3}(\.\d{1,3}){0,2}"), "A version such as 27.1."),
}

Line = dict[str, str]


@dataclass(slots=True)
class Distribution:
    """The files as read. `errors` are all that keep it from being loaded."""

    lines: dict[str, list[tuple[int, Line]]] = field(default_factory=dict)
    errors: list[RowError] = field(default_factory=list)
    digest: str = ""


def read_distribution(directory: Path) -> Distribution:
    """Read the eight files; whatever cannot be read is an error."""
    read = Distribution()
    contents = _contents_of(directory, read.errors)
    if read.errors:
        return read
    digest = hashlib.sha256()
    for file, content in contents.items():
        digest.update(f"{file} {len(content)}\n".encode())
        digest.update(content)
        read.lines[file] = list(_lines_of(file, _decoded(content), read.errors))
        if not read.lines[file] and not any(error.file == file for error in read.errors):
            read.errors.append(RowError(file, None, "", "", "The file is empty.", "At least one line."))
    read.digest = digest.hexdigest()
    return read


def _contents_of(directory: Path, errors: list[RowError]) -> dict[str, bytes]:
    found = _files_in(directory)
    contents = {}
    for file in COLUMNS:
        if file not in found:
            accepted = f"All of {', '.join(COLUMNS)} in {directory}."
            errors.append(RowError(file, None, "", "", "The file is missing.", accepted))
            continue
        try:
            contents[file] = found[file].read_bytes()
        except OSError as refusal:
            problem = f"The file cannot be read: {refusal.strerror}."
            errors.append(RowError(file, None, "", "", problem, "Check its rights."))
    return contents


def _files_in(directory: Path) -> dict[str, Path]:
    """Return the files by their names in lower case; distributions differ in capitals."""
    for place in (directory, *sorted(directory.glob("*"))) if directory.is_dir() else ():
        if place.is_dir():
            here = {path.name.casefold(): path for path in place.iterdir() if path.is_file()}
            if place == directory and any(file in here for file in COLUMNS):
                return here
            if place.name.casefold() == "medascii":
                return here
    return {}


def _decoded(content: bytes) -> str:
    """UTF-8 with or without its mark, as distributions are since version 23; before, Latin-1."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _lines_of(file: str, text: str, errors: list[RowError]) -> Iterator[tuple[int, Line]]:
    names = [name.rstrip("*") for name in COLUMNS[file]]
    checks = [(place, name, *_taken(name)) for place, name in enumerate(names) if f"{name}*" in COLUMNS[file]]
    needed = checks[-1][0] + 1
    # Not splitlines: only a line feed ends a line here, whatever a description holds.
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip("\r")
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("$")]
        if len(cells) < needed or any(cells[len(names) :]):
            problem = f"The line has {len(cells) - (not cells[-1])} fields."
            accepted = f"{len(names)} fields, each ended by $: {', '.join(names)}."
            errors.append(RowError(file, number, "", shortened(line), problem, accepted))
            continue
        is_plain = CONTROL_CHARACTER.search(line) is None
        flaws = [
            _flaw(file, number, name, cells[place], accepted)
            for place, name, pattern, accepted in checks
            if not pattern.fullmatch(cells[place]) or not (is_plain or _is_plain(cells[place]))
        ]
        errors += flaws
        if not flaws:
            yield number, dict(zip(names, cells, strict=False))


def _taken(column: str) -> tuple[re.Pattern[str], str]:
    return _TAKEN.get(column) or _TAKEN[column[column.rindex("_") :]]


def _is_plain(cell: str) -> bool:
    return CONTROL_CHARACTER.search(cell) is None


def _flaw(file: str, number: int, column: str, value: str, accepted: str) -> RowError:
    shown = shortened(value)
    problem = f"{shown} cannot be read." if value else f"{column} is empty."
    return RowError(file, number, column, shown, problem, accepted)
