"""Words that turn a malignancy term into something else (rules.md MAL-4, MAL-5).

Source: `codelists/assertion_cues.toml`, which says where its lines come from and who signs them.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from registry.clinical.tokens import Match, PhraseBook, Token

# "at most 6 tokens from the cue" (MAL-4).
REACH_WORDS = 6
_SIDED_KINDS = ("negated", "someone_else", "screening", "past", "recurrence", "benign", "uncertain")
_WORDS = (
    "statements",
    "auxiliaries",
    "persons",
    "fillers",
    "finite",
    "news",
    "list_words",
    "and",
    "known",
    "ties",
    "spread",
    "passive",
    "of_whom",
    "plain_negations",
    "carriers",
    "closed_by_a_verb",
    "verbs",
    "between_terms",
    "pronouns",
    "settled_by",
    "undoing",
)
_WORDS_OF_THE_PAST = ("date_ties", "date_verbs", "units")
_SIDED = re.compile(r"(?:before|after|beside)(?:_within_\d+)?")
# The label of phrases that hold a cue's word and mean something else.
MASK = "mask"


@dataclass(frozen=True, slots=True)
class CueList:
    """The cues of all kinds as one book, and the plain words of the list."""

    version: str
    book: PhraseBook
    words: dict[str, frozenset[str]]
    years_ago_at_least: int

    def find(self, *, tokens: Sequence[Token]) -> dict[str, list[Match]]:
        """Return the cues of a text by kind, each labelled with side and reach or as `MASK`."""
        found: dict[str, list[Match]] = {}
        for match in self.book.find(tokens=tokens):
            kind, _, label = match.label.partition("/")
            found.setdefault(kind, []).append(replace(match, label=label))
        return found


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
    past, uncertain, screening = content["past"], content["uncertain"], content["screening"]
    groups = {
        "mask": {MASK: content["mask"]},
        "ends": {"end": content["ends"]},
        "closing": {"after_within_1": content["negated"]["closing"]},
        "denied_doubt": {"after": content["negated"]["after_a_doubt"]},
        "headings": {"before": content["someone_else"]["headings"]},
        "results": {"beside": screening["results"], MASK: screening["not_results"]},
        "before_day_0": {"after": past["before_day_0"]},
        "years_ago": {"beside": past["years_ago"]},
        "index_diseases": {"beside": past["index_diseases"]},
        "recurrence_negators": {"before": content["recurrence"]["negators"]},
        "uncertain.open": {"beside": uncertain["open"], MASK: uncertain["not_open"]},
        "uncertain.inside": {"beside": uncertain["inside"]},
    } | {kind: _sided(content[kind]) for kind in _SIDED_KINDS}
    return CueList(
        version=f"{content['name']} {content['version']}",
        book=PhraseBook(
            phrases=[
                (phrase, f"{kind}/{label}")
                for kind, by_label in groups.items()
                for label, phrases in by_label.items()
                for phrase in phrases
            ],
            sets=content["sets"],
        ),
        words={name: frozenset(content[name]) for name in _WORDS}
        | {name: frozenset(past[name]) for name in _WORDS_OF_THE_PAST},
        years_ago_at_least=past["years_ago_at_least"],
    )


def _sided(section: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    return {label: phrases for label, phrases in section.items() if _SIDED.fullmatch(label)}
