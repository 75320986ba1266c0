"""MedDRA as its files give it, and what its SMQs hold once every sub-SMQ is opened up.

Source: *MedDRA Distribution File Format Document* (MSSO). The dictionary is licensed: an installation loads
its own copy, and nothing of its content stands in this repository.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Level = Literal["LLT", "PT", "HLT", "HLGT", "SOC"]
Scope = Literal["narrow", "broad"]

CHILD_SMQ, PT, LLT = "0", "4", "5"
NARROW = "2"
ACTIVE = "A"


class DictionaryGroup(NamedTuple):
    """A group of terms (an SMQ) that holds a code, with the scope in which it holds it."""

    code: str
    name: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class DictionaryEntry:
    """What the dictionary in force says of a code: its name and version, the term, and its groups.

    `groups`: every SMQ that holds the code, itself or through a sub-SMQ.
    """

    dictionary: str
    term: str
    groups: tuple[DictionaryGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class Term:
    """One term. An LLT names its PT; a PT, and an LLT through it, the path to its primary SOC.

    A PT is its own LLT as well, under one code, and stands here once, as the PT. `is_current`: False for an
    LLT that nobody should code with any more; records that already do keep their meaning.
    """

    code: str
    name: str
    level: Level
    pt_code: str = ""
    hlt_code: str = ""
    hlgt_code: str = ""
    soc_code: str = ""
    is_current: bool = True


@dataclass(frozen=True, slots=True)
class SmqEntry:
    """One line of smq_content.asc: a term, or with level 0 another SMQ, that an SMQ holds."""

    smq_code: str
    term_code: str
    level: str
    scope: str
    is_active: bool


@dataclass(slots=True)
class Dictionary:
    """A whole distribution. `digest`: SHA-256 of its files; `rows`: lines by file."""

    version: str
    digest: str
    terms: list[Term]
    smqs: Mapping[str, str]
    entries: list[SmqEntry]
    rows: Mapping[str, int] = field(default_factory=dict)


def groups_by_code(*, dictionary: Dictionary) -> dict[str, list[DictionaryGroup]]:
    """Return the SMQs of every code that is in one, by SMQ code; sub-SMQs are opened up.

    Only active SMQs and entries count. The LLTs of a PT go with it where the SMQ does not list them, since
    distributions list them and extracts may not. In several places: narrow wins.
    """
    llts_of: dict[str, list[str]] = {}
    for term in dictionary.terms:
        if term.level == "LLT":
            llts_of.setdefault(term.pt_code, []).append(term.code)
    held = _held_directly(dictionary.smqs, dictionary.entries, llts_of)
    children = _children(dictionary.smqs, dictionary.entries)
    found: dict[str, list[DictionaryGroup]] = {}
    for smq_code in sorted(dictionary.smqs):
        scopes: dict[str, Scope] = {}
        for member, outermost in _with_descendants(smq_code, children):
            for code, scope in held.get(member, {}).items():
                _widen(scopes, code, "broad" if outermost == "broad" else scope)
        for code, scope in scopes.items():
            found.setdefault(code, []).append(DictionaryGroup(smq_code, dictionary.smqs[smq_code], scope))
    return found


def circle_among(*, smqs: Iterable[str], entries: Iterable[SmqEntry]) -> str | None:
    """Return an SMQ that holds itself through its sub-SMQs, or None."""
    smqs = list(smqs)
    children = _children(dict.fromkeys(smqs, ""), entries)
    for smq_code in smqs:
        beneath = [child for child, _ in children.get(smq_code, ())]
        if any(smq_code == member for child in beneath for member, _ in _with_descendants(child, children)):
            return smq_code
    return None


def _held_directly(
    smqs: Mapping[str, str], entries: Sequence[SmqEntry], llts_of: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Scope]]:
    held: dict[str, dict[str, Scope]] = {}
    of_terms = [entry for entry in entries if entry.level != CHILD_SMQ and entry.smq_code in smqs]
    listed = {(entry.smq_code, entry.term_code) for entry in of_terms}
    for entry in of_terms:
        if not entry.is_active:
            continue
        scopes = held.setdefault(entry.smq_code, {})
        scope: Scope = "narrow" if entry.scope == NARROW else "broad"
        _widen(scopes, entry.term_code, scope)
        if entry.level == PT:
            for llt in llts_of.get(entry.term_code, ()):
                if (entry.smq_code, llt) not in listed:
                    _widen(scopes, llt, scope)
    return held


def _children(smqs: Mapping[str, str], entries: Iterable[SmqEntry]) -> dict[str, list[tuple[str, Scope]]]:
    """Return the sub-SMQs of each SMQ. One held as *broad* is broad with all it holds."""
    children: dict[str, list[tuple[str, Scope]]] = {}
    for entry in entries:
        if (
            entry.level == CHILD_SMQ
            and entry.is_active
            and entry.smq_code in smqs
            and entry.term_code in smqs
        ):
            scope: Scope = "broad" if entry.scope == "1" else "narrow"
            children.setdefault(entry.smq_code, []).append((entry.term_code, scope))
    return children


def _with_descendants(
    smq_code: str, children: Mapping[str, Sequence[tuple[str, Scope]]]
) -> Iterable[tuple[str, Scope]]:
    """Give an SMQ and all beneath it, each with the scope in which the first one holds it."""
    seen: dict[str, Scope] = {}
    waiting: list[tuple[str, Scope]] = [(smq_code, "narrow")]
    while waiting:
        member, scope = waiting.pop()
        if seen.get(member) in (scope, "narrow"):
            continue
        seen[member] = scope
        waiting += [
            (child, "broad" if "broad" in (scope, inner) else "narrow")
            for child, inner in children.get(member, ())
        ]
    return seen.items()


def _widen(scopes: dict[str, Scope], code: str, scope: Scope) -> None:
    if scopes.get(code) != "narrow":
        scopes[code] = scope
