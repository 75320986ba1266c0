"""What laboratory reports call an analyte and its unit, found in a list or asked about; never guessed.

Source: `codelists/report_names.toml`, which says where its lines come from and who signs them.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from registry.clinical.analytes import ANALYTES

_LOINC = re.compile(r"\d{1,5}-\d", re.ASCII)
_SHARES = frozenset({"BLASTS"})  # reported in percent and kept so


@dataclass(frozen=True, slots=True)
class _List:
    names: Mapping[str, str]
    loinc: Mapping[str, str]
    units: Mapping[str, str]
    columns: Mapping[str, str]
    absolute: frozenset[str]
    relative: frozenset[str]


def analyte_named(name: str, *, learned: Mapping[str, str]) -> str | None:
    """Return the key of the analyte that a report calls `name`, or None when nobody knows.

    `learned`: folded names to analytes, as somebody told the registry about this laboratory. They come
    first: a laboratory's own word is better than a list.
    """
    listed = _list()
    text = name.strip()
    if _LOINC.fullmatch(text):
        return listed.loinc.get(text)
    told = learned.get(folded(text))
    if told in ANALYTES:
        return told
    words = folded(text).split()
    is_share = not listed.relative.isdisjoint(words)
    kept = [word for word in words if word not in listed.absolute and word not in listed.relative]
    found = listed.names.get(" ".join(kept))
    return None if is_share and found not in _SHARES else found


def unit_named(unit: str, *, analyte: str) -> str | None:
    """Return the registry's spelling of a unit of this analyte, or None; every letter and capital counts."""
    text = unit.strip()
    known = ANALYTES[analyte].units
    if text in known:
        return text
    # The micro sign and the Greek letter look the same and are two characters.
    spelled = text.replace("\N{GREEK SMALL LETTER MU}", "\N{MICRO SIGN}")
    if spelled in known:
        return spelled
    meant = _list().units.get(spelled)
    return meant if meant in known else None


def column_named(name: str) -> str | None:
    """Return what a column of a report holds: name, value, unit, range, lower, upper, flag, date or loinc."""
    return _list().columns.get(folded(name))


def folded(name: str) -> str:
    """Return a name for comparing: no capitals, accents or punctuation; the per cent sign stays a word."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    plain = "".join(letter for letter in apart if not unicodedata.combining(letter))
    spaced = "".join(letter if letter.isalnum() else " % " if letter == "%" else " " for letter in plain)
    return " ".join(spaced.split())


@cache
def _list() -> _List:
    content = tomllib.loads(
        files("registry.clinical.codelists").joinpath("report_names.toml").read_text(encoding="utf-8")
    )
    names = {name: key for key, listed in content["names"].items() for name in listed}
    names |= {folded(key): key for key in ANALYTES} | {folded(a.name): a.key for a in ANALYTES.values()}
    loinc = {analyte.loinc: analyte.key for analyte in ANALYTES.values()}
    loinc |= {code: key for key, codes in content["loinc"].items() for code in codes}
    return _List(
        names=names,
        loinc=loinc,
        units={spelling: unit for unit, spellings in content["units"].items() for spelling in spellings},
        columns={name: column for column, names in content["columns"].items() for name in names},
        absolute=frozenset(content["absolute"]),
        relative=frozenset(content["relative"]),
    )
