"""What a MedDRA distribution says once its files are read: terms with their paths, and what SMQs hold.

Whatever contradicts itself, a code that another file does not know, a code that is there twice, an SMQ that
holds itself, is an error with its file and line.
"""

from collections.abc import Mapping

from registry.actions.importing.record import RowError
from registry.clinical.meddra import ACTIVE, CHILD_SMQ, Dictionary, Level, SmqEntry, Term, circle_among
from registry.exchange.meddra_files import Distribution, Line


def content_of(read: Distribution) -> Dictionary | None:
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
