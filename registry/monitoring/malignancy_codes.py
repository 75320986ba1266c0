"""Diagnosis codes that name a malignancy (rules.md MAL-2, MAL-8).

Source: `registry/clinical/codelists/icd10_malignancy.toml`; for MedDRA `meddra_malignancy.toml` beside it,
which names SMQs. MedDRA codes count only through the SMQ lists that the installation has loaded. A MedDRA
code that they do not hold, or a CTCAE code, says nothing; its term is read as text.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from registry.clinical.meddra import DictionaryGroup, Scope
from registry.clinical.terms import MalignancyClass, first_class
from registry.monitoring.evidence import Certainty

_ICD10 = re.compile(r"[A-Z]\d[0-9A-Z]{1,5}")
_ICD_O_MORPHOLOGY = re.compile(r"M?-?(\d{4})\s*/?\s*([0-9])\d?(?!\d)")
_ICD_O_TOPOGRAPHY = re.compile(r"C\d\d(?:\.?\d)?")


@dataclass(frozen=True, slots=True)
class CodeHit:
    """A code that names a malignancy, as it was entered.

    `words_may_say`: classes that words beside the code may name more exactly than its list does.
    """

    code: str
    malignancy_class: MalignancyClass
    certainty: Certainty
    words_may_say: frozenset[MalignancyClass] = frozenset()

    def class_beside(self, words: Iterable[MalignancyClass]) -> MalignancyClass:
        """Return the class of the code, given the classes that words name (MAL-8)."""
        exact = [word for word in words if word in self.words_may_say]
        return first_class(exact) if exact else self.malignancy_class


@dataclass(frozen=True, slots=True)
class _CodeList:
    version: str
    icd10: Mapping[str, tuple[MalignancyClass, Certainty]]
    behaviours: Mapping[str, tuple[MalignancyClass | None, Certainty]]
    morphologies: tuple[tuple[int, int, MalignancyClass], ...]
    skin: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _SmqList:
    """What membership in some SMQs says; a scope that is not in `certainties` says nothing."""

    version: str
    names: frozenset[str]
    codes: frozenset[str]
    certainties: Mapping[Scope, Certainty]
    malignancy_class: MalignancyClass
    words_may_say: frozenset[MalignancyClass]


def list_version() -> str:
    """Return name and version of the code list, as a finding shows it (MAL-11)."""
    return _code_list().version


def smq_list_version() -> str:
    """Return name and version of the list of SMQs, as a finding shows it where a dictionary spoke."""
    return _smq_lists()[0].version


def find_code(*, code_system: str, code: str, groups: Sequence[DictionaryGroup] = ()) -> CodeHit | None:
    """Return what a code says, or None when it names no malignancy or its system is not read.

    `groups`: the SMQs of a MedDRA code in the dictionary that is loaded.
    """
    if code_system == "MedDRA":
        return _find_meddra(code, groups)
    if code_system in ("ICD-10", "ICD-10-CM"):
        return _find_icd10(code)
    if code_system == "ICD-O-3":
        return _find_icd_o(code)
    return None


def _find_icd10(code: str) -> CodeHit | None:
    """Read a code with or without its dot; daggers, asterisks and other marks of coders are put aside."""
    bare = re.sub(r"[^0-9A-Z]", "", code.upper())
    if not _ICD10.fullmatch(bare):
        return None
    table = _code_list().icd10
    for length in range(len(bare), 2, -1):
        found = table.get(bare[:length])
        if found is not None:
            return CodeHit(code=code.strip(), malignancy_class=found[0], certainty=found[1])
    return None


def _find_icd_o(code: str) -> CodeHit | None:
    """Read `8500/3`, `M-8500/3`, `85003`, also with a topography and a grade (`C50.9 8500/32`).

    A topography alone has no behaviour; who codes an event by a classification of tumours means one,
    so it is a possible candidate.
    """
    written = code.strip().upper()
    found = _ICD_O_MORPHOLOGY.search(written)
    topography = _ICD_O_TOPOGRAPHY.search(written)
    if found is None:
        return CodeHit(written, "unspecified", "possible") if topography else None
    codes = _code_list()
    behaviour = codes.behaviours.get(found[2])
    if behaviour is None:
        return None
    malignancy_class, certainty = behaviour
    if malignancy_class is None:
        malignancy_class = _class_of_morphology(
            int(found[1]), is_skin=topography is not None and topography[0].startswith("C44")
        )
    return CodeHit(code=code.strip(), malignancy_class=malignancy_class, certainty=certainty)


def _class_of_morphology(morphology: int, *, is_skin: bool) -> MalignancyClass:
    codes = _code_list()
    if is_skin and any(low <= morphology <= high for low, high in codes.skin):
        return "skin_non_melanoma"
    fitting = [kind for low, high, kind in codes.morphologies if low <= morphology <= high]
    return fitting[-1] if fitting else "solid"


def _find_meddra(code: str, groups: Sequence[DictionaryGroup]) -> CodeHit | None:
    for smqs in _smq_lists():
        said = [
            smqs.certainties[group.scope]
            for group in groups
            if group.scope in smqs.certainties
            and (group.code in smqs.codes or _bare_name(group.name) in smqs.names)
        ]
        if said:
            certainty: Certainty = "certain" if "certain" in said else "possible"
            return CodeHit(code.strip(), smqs.malignancy_class, certainty, smqs.words_may_say)
    return None


def _bare_name(name: str) -> str:
    """Return the name of an SMQ as it is compared: without `(SMQ)`, in lower case, single spaces."""
    return " ".join(name.casefold().removesuffix("(smq)").split())


@cache
def _smq_lists() -> tuple[_SmqList, ...]:
    content: dict[str, Any] = tomllib.loads(
        files("registry.clinical.codelists").joinpath("meddra_malignancy.toml").read_text(encoding="utf-8")
    )
    scopes: tuple[Scope, ...] = ("narrow", "broad")
    return tuple(
        _SmqList(
            version=f"{content['name']} {content['version']}",
            names=frozenset(_bare_name(name) for name in entry["names"]),
            codes=frozenset(entry.get("codes", ())),
            certainties={scope: entry[scope] for scope in scopes if scope in entry},
            malignancy_class=entry["class"],
            words_may_say=frozenset(entry.get("words_may_say", ())),
        )
        for entry in content["smq"]
    )


@cache
def _code_list() -> _CodeList:
    content: dict[str, Any] = tomllib.loads(
        files("registry.clinical.codelists").joinpath("icd10_malignancy.toml").read_text(encoding="utf-8")
    )
    return _CodeList(
        version=f"{content['name']} {content['version']}",
        icd10={
            prefix: (entry["class"], entry["certainty"])
            for entry in content["icd10"]
            for written in entry["prefixes"]
            for prefix in _categories(written)
        },
        behaviours={
            digit: (entry.get("class"), entry["certainty"])
            for entry in content["behaviour"]
            for digit in entry["digits"]
        },
        morphologies=tuple(
            (*_bounds(written), entry["class"])
            for entry in content["morphology"]
            for written in entry["ranges"]
        ),
        skin=tuple(_bounds(written) for entry in content["skin_topography"] for written in entry["ranges"]),
    )


def _categories(written: str) -> list[str]:
    """Return the prefixes of an entry: `D00-D02` is D00, D01, D02."""
    first, _, last = written.partition("-")
    if not last:
        return [first]
    return [f"{first[0]}{number:02d}" for number in range(int(first[1:]), int(last[1:]) + 1)]


def _bounds(written: str) -> tuple[int, int]:
    low, _, high = written.partition("-")
    return int(low), int(high)
