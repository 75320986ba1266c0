"""Diagnosis codes that name a malignancy (rules.md MAL-2, MAL-8).

Source: `registry/clinical/codelists/icd10_malignancy.toml`. MedDRA codes count only through the SMQ lists
an installation has loaded, and no rule sees such lists in this version: a MedDRA or CTCAE code alone says
nothing, its term is read as text.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from registry.clinical.terms import MalignancyClass
from registry.monitoring.evidence import Certainty

_ICD10 = re.compile(r"[A-Z]\d[0-9A-Z]{1,5}")
_ICD_O_MORPHOLOGY = re.compile(r"M?-?(\d{4})\s*/?\s*([0-9])\d?(?!\d)")
_ICD_O_TOPOGRAPHY = re.compile(r"C\d\d(?:\.?\d)?")


@dataclass(frozen=True, slots=True)
class CodeHit:
    """A code that names a malignancy, as it was entered."""

    code: str
    malignancy_class: MalignancyClass
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class _CodeList:
    version: str
    icd10: Mapping[str, tuple[MalignancyClass, Certainty]]
    behaviours: Mapping[str, tuple[MalignancyClass | None, Certainty]]
    morphologies: tuple[tuple[int, int, MalignancyClass], ...]
    skin: tuple[tuple[int, int], ...]


def list_version() -> str:
    """Return name and version of the code list, as a finding shows it (MAL-11)."""
    return _code_list().version


def find_code(*, code_system: str, code: str) -> CodeHit | None:
    """Return what a code says, or None when it names no malignancy or its system is not read."""
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
