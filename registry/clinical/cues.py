"""Words that turn a malignancy term into something else (rules.md MAL-4, MAL-5).

Source: `codelists/assertion_cues.toml`, which says where its lines come from and who signs them.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from registry.clinical.tokens import PhraseBook

# "at most 6 tokens from the cue" (MAL-4).
REACH_WORDS = 6
# The label of phrases that hold a cue's word and mean something else.
MASK = "mask"


@dataclass(frozen=True, slots=True)
class CueList:
    """The cues by kind, the phrases that take a cue out, and the plain words of the list."""

    version: str
    books: dict[str, PhraseBook]
    mask: PhraseBook
    words: dict[str, frozenset[str]]


def side_and_reach(*, label: str) -> tuple[str, int]:
    """Return which side a cue governs (before, after, beside the term) and how many words far."""
    side, _, reach = label.partition("_within_")
    return side, int(reach) if reach else REACH_WORDS


@cache
def cue_list() -> CueList:
    """Return the cue list of this version."""
    content: dict[str, Any] = tomllib.loads(
        files("registry.clinical.codelists").joinpath("assertion_cues.toml").read_text(encoding="utf-8")
    )

    def book(*groups: tuple[str, Sequence[str]]) -> PhraseBook:
        return PhraseBook(phrases=[(phrase, label) for label, phrases in groups for phrase in phrases])

    def sided(section: str) -> PhraseBook:
        groups = content[section].items()
        return book(
            *((key, group) for key, group in groups if key.partition("_")[0] in ("before", "after", "beside"))
        )

    return CueList(
        version=f"{content['name']} {content['version']}",
        books={
            "ends": book(("end", content["ends"])),
            "negated": sided("negated"),
            "closing": book(("after_within_1", content["negated"]["closing"])),
            "someone_else": sided("someone_else"),
            "screening": sided("screening"),
            "results": book(
                ("beside", content["screening"]["results"]), (MASK, content["screening"]["not_results"])
            ),
            "past": sided("past"),
            "index_diseases": book(("beside", content["past"]["index_diseases"])),
            "recurrence": sided("recurrence"),
            "recurrence_negators": book(("before", content["recurrence"]["negators"])),
            "benign": sided("benign"),
            "uncertain": sided("uncertain"),
            "uncertain.open": book(("beside", content["uncertain"]["open"])),
        },
        mask=book((MASK, content["mask"])),
        words={
            "statements": frozenset(content["statements"]),
            "auxiliaries": frozenset(content["auxiliaries"]),
            "persons": frozenset(content["persons"]),
            "fillers": frozenset(content["fillers"]),
            "date_ties": frozenset(content["past"]["date_ties"]),
            "units": frozenset(content["past"]["units"]),
        },
    )
