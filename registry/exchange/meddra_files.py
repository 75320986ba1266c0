"""A MedDRA distribution on its way in: eight files of lines whose fields end with `$`.

Source: *MedDRA Distribution File Format Document* (MSSO), sections on the ASCII files. Nothing is repaired
in silence: what is not as the format says is an error with its file and line.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from registry.actions.dictionaries import Loaded, load_meddra
from registry.actions.importing.record import LISTED_ERRORS, RowError
from registry.clinical.meddra import (
    ACTIVE,
    CHILD_SMQ,
    LLT,
    PT,
    Dictionary,
    Level,
    SmqEntry,
    Term,
    circle_among,
)
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
    content = None if read.errors else _content(read)
    if content is None or read.errors:
        order = {file: place for place, file in enumerate(COLUMNS)}
        errors = sorted(read.errors, key=lambda e: (order.get(e.file, -1), e.line or 0, e.column))
        return LoadReport(None, tuple(errors))
    return LoadReport(load_meddra(content=content, at=at), ())


def read_distribution(directory: Path) -> Distribution:
    """Read the eight files; whatever cannot be read is an error."""
    read = Distribution()
    found = _files_in(directory)
    for file in COLUMNS:
        if file not in found:
            read.errors.append(
                RowError(
                    file, None, "", "", "The file is missing.", f"All of {', '.join(COLUMNS)} in {directory}."
                )
            )
    if read.errors:
        return read
    digest = hashlib.sha256()
    for file in COLUMNS:
        try:
            content = found[file].read_bytes()
        except OSError as refusal:
            problem = f"The file cannot be read: {refusal.strerror}."
            read.errors.append(RowError(file, None, "", "", problem, "Check its rights."))
            continue
        digest.update(f"{file} {len(content)}\n".encode())
        digest.update(content)
        read.lines[file] = list(_lines_of(file, _decoded(content), read.errors))
        if not read.lines[file] and not any(error.file == file for error in read.errors):
            read.errors.append(RowError(file, None, "", "", "The file is empty.", "At least one line."))
    read.digest = digest.hexdigest()
    return read


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
    columns = COLUMNS[file]
    needed = max(place for place, name in enumerate(columns, 1) if name.endswith("*"))
    # Not splitlines: only a line feed ends a line here, whatever a description holds.
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip("\r")
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("$")]
        if len(cells) < needed or any(cells[len(columns) :]):
            problem = f"The line has {len(cells) - (not cells[-1])} fields."
            accepted = f"{len(columns)} fields, each ended by $: {', '.join(n.rstrip('*') for n in columns)}."
            errors.append(RowError(file, number, "", shortened(line), problem, accepted))
            continue
        named = dict(zip((name.rstrip("*") for name in columns), cells, strict=False))
        flaws = [flaw for name in columns if (flaw := _flaw(file, number, name, named))]
        errors += flaws
        if not flaws:
            yield number, named


def _flaw(file: str, number: int, name: str, line: Line) -> RowError | None:
    if not name.endswith("*"):
        return None
    column = name.rstrip("*")
    value = line[column]
    pattern, accepted = _TAKEN.get(column) or _TAKEN[column[column.rindex("_") :]]
    if not value:
        return RowError(file, number, column, "", f"{column} is empty.", accepted)
    if not pattern.fullmatch(value) or CONTROL_CHARACTER.search(value):
        shown = shortened(value)
        return RowError(file, number, column, shown, f"{shown} cannot be read.", accepted)
    return None


def _content(read: Distribution) -> Dictionary | None:
    """Return the distribution as terms and SMQs; what contradicts itself goes to the errors."""
    terms = _terms(read)
    smqs, entries, version = _smqs(read, terms)
    if read.errors:
        return None
    return Dictionary(
        version=version,
        digest=read.digest,
        terms=list(terms.values()),
        smqs=smqs,
        entries=entries,
        rows={file: len(lines) for file, lines in read.lines.items()},
    )


def _terms(read: Distribution) -> dict[str, Term]:
    terms: dict[str, Term] = {}
    upper: tuple[tuple[str, str, Level], ...] = (
        ("soc.asc", "soc", "SOC"),
        ("hlgt.asc", "hlgt", "HLGT"),
        ("hlt.asc", "hlt", "HLT"),
        ("pt.asc", "pt", "PT"),
    )
    for file, key, level in upper:
        for number, line in read.lines[file]:
            code = line[f"{key}_code"]
            if code in terms:
                _twice(read, file, number, f"{key}_code", code)
            terms[code] = Term(code, line[f"{key}_name"], level, pt_code=code if level == "PT" else "")
    for number, line in read.lines["pt.asc"]:
        _known(read, "pt.asc", number, line, "pt_soc_code", "SOC", terms)
    _add_paths(read, terms)
    _add_llts(read, terms)
    return terms


def _add_paths(read: Distribution, terms: dict[str, Term]) -> None:
    """The path to the primary system organ class; the other paths of a PT are not kept."""
    for number, line in read.lines["mdhier.asc"]:
        columns: tuple[tuple[str, Level], ...] = (
            ("pt_code", "PT"),
            ("hlt_code", "HLT"),
            ("hlgt_code", "HLGT"),
            ("soc_code", "SOC"),
        )
        are_known = [
            _known(read, "mdhier.asc", number, line, column, level, terms) for column, level in columns
        ]
        if all(are_known) and line["primary_soc_fg"] == "Y":
            code = line["pt_code"]
            terms[code] = Term(
                code, terms[code].name, "PT", code, line["hlt_code"], line["hlgt_code"], line["soc_code"]
            )


def _add_llts(read: Distribution, terms: dict[str, Term]) -> None:
    seen: set[str] = set()
    for number, line in read.lines["llt.asc"]:
        code, pt_code = line["llt_code"], line["pt_code"]
        if not _known(read, "llt.asc", number, line, "pt_code", "PT", terms):
            continue
        if code in seen or (code in terms and code != pt_code):
            _twice(read, "llt.asc", number, "llt_code", code)
        seen.add(code)
        if code != pt_code:  # a PT is its own LLT, and stands there already
            pt = terms[pt_code]
            terms[code] = Term(
                code,
                line["llt_name"],
                "LLT",
                pt_code,
                pt.hlt_code,
                pt.hlgt_code,
                pt.soc_code,
                is_current=line["llt_currency"] == "Y",
            )


def _smqs(read: Distribution, terms: Mapping[str, Term]) -> tuple[dict[str, str], list[SmqEntry], str]:
    """Return the active SMQs by code, what SMQs hold, and the version of the distribution."""
    names: dict[str, str] = {}
    active: dict[str, str] = {}
    versions: set[str] = set()
    for number, line in read.lines["smq_list.asc"]:
        code = line["smq_code"]
        if code in names:
            _twice(read, "smq_list.asc", number, "smq_code", code)
        names[code] = line["smq_name"]
        versions.add(line["meddra_version"])
        if line["status"] == ACTIVE:
            active[code] = line["smq_name"]
    entries = []
    for number, line in read.lines["smq_content.asc"]:
        entry = SmqEntry(
            smq_code=line["smq_code"],
            term_code=line["term_code"],
            level=line["term_level"],
            scope=line["term_scope"],
            is_active=line["term_status"] == ACTIVE,
        )
        entries.append(entry)
        if entry.smq_code not in names:
            _refer(read, number, "smq_code", entry.smq_code, "an SMQ of smq_list.asc")
        # What is no longer active may name what is no longer there.
        if not entry.is_active:
            continue
        is_smq = entry.level == CHILD_SMQ
        if is_smq and entry.term_code not in names:
            _refer(read, number, "term_code", entry.term_code, "an SMQ of smq_list.asc")
        level = terms[entry.term_code].level if entry.term_code in terms else ""
        if not is_smq and level not in ("PT", "LLT"):
            _refer(read, number, "term_code", entry.term_code, "a term of pt.asc or llt.asc")
    circle = circle_among(smqs=active, entries=entries)
    if circle:
        problem = f"The SMQ {circle} holds itself through its sub-SMQs."
        read.errors.append(RowError("smq_content.asc", None, "smq_code", circle, problem, "A hierarchy."))
    return active, entries, max(versions, key=_as_numbers, default="")


def _as_numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _known(
    read: Distribution,
    file: str,
    number: int,
    line: Line,
    column: str,
    level: Level,
    terms: Mapping[str, Term],
) -> bool:
    code = line[column]
    if code in terms and terms[code].level == level:
        return True
    accepted = f"A code of {level.lower()}.asc."
    read.errors.append(
        RowError(file, number, column, code, f"{code} is not in {level.lower()}.asc.", accepted)
    )
    return False


def _refer(read: Distribution, number: int, column: str, code: str, expected: str) -> None:
    problem = f"{code} is not {expected}."
    accepted = f"The code of {expected}."
    read.errors.append(RowError("smq_content.asc", number, column, code, problem, accepted))


def _twice(read: Distribution, file: str, number: int, column: str, code: str) -> None:
    read.errors.append(RowError(file, number, column, code, f"{code} is there twice.", "Each code once."))
