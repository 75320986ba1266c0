"""Words that name a malignancy, found in a text (rules.md MAL-3, MAL-8).

Source: `codelists/malignancy_terms.toml`, which says where its lines come from and who signs them. All
languages are looked for in every text: sites do not say in which language they write.
"""

import re
import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from operator import attrgetter
from typing import Any, Literal

from registry.clinical.misspellings import corrector
from registry.clinical.tokens import Match, PhraseBook, Token, fold, longest, tokenise, written

MalignancyClass = Literal[
    "t_cell", "myeloid", "lymphoid", "solid", "skin_non_melanoma", "in_situ", "uncertain", "unspecified"
]
# In the order in which a reviewer wants to see them (MAL-8).
CLASSES: tuple[MalignancyClass, ...] = (
    "t_cell",
    "myeloid",
    "lymphoid",
    "solid",
    "skin_non_melanoma",
    "in_situ",
    "uncertain",
    "unspecified",
)
_LOOK_ALIKE = "look-alike"
_Near = tuple[str, int]
_TIMES = re.compile(r"x\d+")


@dataclass(frozen=True, slots=True)
class TermHit:
    """A term of the list at tokens `first` to `last` of a text; `words` as written there.

    `is_generic`: the term says growth, not malignancy (neoplasm, tumour), so *benign* beside it settles it.
    """

    first: int
    last: int
    words: str
    term: str
    malignancy_class: MalignancyClass
    is_generic: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as tokens, and what in it names a malignancy, in text order."""

    tokens: tuple[Token, ...]
    hits: tuple[TermHit, ...]


@dataclass(frozen=True, slots=True)
class _Refinement:
    of: str
    within: int
    to: MalignancyClass


@dataclass(frozen=True, slots=True)
class _TermList:
    version: str
    terms: PhraseBook
    abbreviations: PhraseBook
    near: Mapping[str, PhraseBook]
    alone: frozenset[str]
    classes: Mapping[str, MalignancyClass]
    generic: frozenset[str]
    refinements: tuple[_Refinement, ...]
    refining: PhraseBook
    inverted: frozenset[str]
    corrected: Callable[[str], str | None]


def list_version() -> str:
    """Return name and version of the term list, as a finding shows it (MAL-11)."""
    return _term_list().version


@lru_cache(maxsize=4096)
def find_terms(*, text: str) -> Reading:
    """Return the malignancy terms of a text, look-alikes taken out (MAL-3).

    A look-alike takes out the words it covers, never the rest of the text. Says nothing of negation:
    that is `negation.judge_hits`.
    """
    terms = _term_list()
    tokens = tuple(
        token
        if terms.terms.opens(token.folded) or (meant := terms.corrected(token.folded)) is None
        else replace(token, folded=meant)
        for token in tokenise(text=text)
    )
    beside: dict[_Near, list[Match]] = {}
    found = [
        match
        for book in (terms.terms, terms.abbreviations)
        for match in book.find(tokens=tokens)
        if match.phrase not in terms.near
        or _beside(terms.near[match.phrase], match, tokens, beside)
        or (match.phrase in terms.alone and _is_alone(match, tokens))
        if match.label != _LOOK_ALIKE or _is_in_one_piece(match, tokens, terms.inverted)
        if not (match.phrase.startswith("k ") and _has_a_comma(match, tokens))
    ]
    kept = longest(matches=found, preferred=_LOOK_ALIKE)
    if not any(match.label != _LOOK_ALIKE for match in kept):
        return Reading(tokens=tokens, hits=())
    alike = {at for match in kept if match.label == _LOOK_ALIKE for at in range(match.first, match.last + 1)}
    near = [match for match in terms.refining.find(tokens=tokens) if match.first not in alike]
    return Reading(
        tokens=tokens,
        hits=tuple(_hit(match, terms, tokens, near) for match in kept if match.label != _LOOK_ALIKE),
    )


def first_class(classes: Sequence[MalignancyClass]) -> MalignancyClass:
    """Return the class that a reviewer sees first; `unspecified` when there is none (MAL-8)."""
    return min(classes, key=CLASSES.index, default="unspecified")


def _hit(match: Match, terms: _TermList, tokens: Sequence[Token], near: Sequence[Match]) -> TermHit:
    return TermHit(
        first=match.first,
        last=match.last,
        words=written(tokens=tokens, first=match.first, last=match.last),
        term=match.phrase,
        malignancy_class=_refined(terms.classes[match.label], match, terms, tokens, near),
        is_generic=match.phrase in terms.generic,
    )


def _is_alone(match: Match, tokens: Sequence[Token]) -> bool:
    """Whether a text says nothing but the abbreviation, as a verbatim term does: *BCC*, *SCC x2*, *MM?*."""
    others = (token for at, token in enumerate(tokens) if not match.first <= at <= match.last)
    return all(token.folded in "?;" or _TIMES.fullmatch(token.folded) for token in others)


def _is_in_one_piece(match: Match, tokens: Sequence[Token], inverted: frozenset[str]) -> bool:
    """Whether no mark parts the words of a look-alike: *liver metastasis, abscess drained* is none."""
    parted = [token for token in tokens[match.first + 1 : match.last + 1] if token.opens_clause]
    return all(token.folded in inverted for token in parted)


def _has_a_comma(match: Match, tokens: Sequence[Token]) -> bool:
    """Whether a comma parts the words: *K pancreas* is a cancer, *low K, renal failure* potassium."""
    return any("," in token.gap for token in tokens[match.first + 1 : match.last + 1])


def _beside(near: PhraseBook, match: Match, tokens: Sequence[Token], known: dict[_Near, list[Match]]) -> bool:
    """Whether the sentence of an ambiguous abbreviation holds a word that settles what it stands for.

    `known`: what was found in the sentences so far; one may hold the abbreviation again and again.
    """
    sentence = tokens[match.first].sentence
    if (match.phrase, sentence) not in known:
        first = bisect_left(tokens, sentence, key=attrgetter("sentence"))
        last = bisect_right(tokens, sentence, key=attrgetter("sentence"))
        known[match.phrase, sentence] = [
            replace(found, first=found.first + first, last=found.last + first)
            for found in near.find(tokens=tokens[first:last])
        ]
    return any(
        found.first > match.last or found.last < match.first for found in known[match.phrase, sentence]
    )


def _refined(
    of: MalignancyClass, match: Match, terms: _TermList, tokens: Sequence[Token], near: Sequence[Match]
) -> MalignancyClass:
    """Return the class made finer by a word nearby that is itself no look-alike (CAR T-cell infusion)."""
    if of == "lymphoid" and any(token.folded == "b" for token in tokens[match.first : match.last + 1]):
        return of
    fitting = {
        int(found.label)
        for found in near
        if terms.refinements[int(found.label)].of == of
        and _distance(found, match, tokens) <= terms.refinements[int(found.label)].within
    }
    # Of several the first of the list decides.
    return terms.refinements[min(fitting)].to if fitting else of


def _distance(one: Match, other: Match, tokens: Sequence[Token]) -> int:
    """Return the distance in words between two matches of one sentence; beyond any limit across sentences."""
    if tokens[one.first].sentence != tokens[other.first].sentence:
        return len(tokens) + 1
    if one.first > other.last:
        return tokens[one.first].word - tokens[other.last].word
    if other.first > one.last:
        return tokens[other.first].word - tokens[one.last].word
    return 0


@cache
def _term_list() -> _TermList:
    content = tomllib.loads(
        files("registry.clinical.codelists").joinpath("malignancy_terms.toml").read_text(encoding="utf-8")
    )
    sets: dict[str, list[str]] = content["sets"]
    languages: list[dict[str, Any]] = [value for value in content.values() if _is_language(value)]
    phrases = [
        (phrase, kind)
        for language in languages
        for kind, group in language["terms"].items()
        for phrase in group
    ]
    phrases += [(phrase, _LOOK_ALIKE) for language in languages for phrase in language["look_alikes"]]
    refinements = [entry for language in languages for entry in language["refinements"]]
    abbreviations = [entry for language in languages for entry in language["abbreviations"]]
    phrases += [(entry["text"].lower(), entry["class"]) for entry in abbreviations if "any_case" in entry]
    return _TermList(
        version=f"{content['name']} {content['version']}",
        terms=PhraseBook(phrases=phrases, sets=sets),
        abbreviations=PhraseBook(
            phrases=[(entry["text"], entry["class"]) for entry in abbreviations], upper_case=True
        ),
        near={
            text: near
            for entry in abbreviations
            if "near" in entry
            for near in (PhraseBook(phrases=[(phrase, "") for phrase in entry["near"]], sets=sets),)
            for text in (entry["text"], *([entry["text"].lower()] if "any_case" in entry else ()))
        },
        alone=frozenset(
            text
            for entry in abbreviations
            if "alone" in entry
            for text in (entry["text"], *([entry["text"].lower()] if "any_case" in entry else ()))
        ),
        classes={kind: kind for kind in CLASSES},
        generic=frozenset(phrase for language in languages for phrase in language["generic"]),
        refinements=tuple(
            _Refinement(of=entry["from"], within=entry["within"], to=entry["to"]) for entry in refinements
        ),
        refining=PhraseBook(
            phrases=[
                (phrase, str(number)) for number, entry in enumerate(refinements) for phrase in entry["near"]
            ],
            sets=sets,
        ),
        inverted=frozenset(content["inverted"]),
        corrected=corrector(words=(fold(word) for word in content["misspelt"])),
    )


def _is_language(value: object) -> bool:
    return isinstance(value, dict) and "terms" in value
