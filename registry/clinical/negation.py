"""What a sentence says of a malignancy term in it (rules.md MAL-4, MAL-5).

A term is dropped when its sentence denies it, speaks of somebody else, of a normal screening, of the
patient's past before day 0, or calls a growth benign; it is uncertain when the sentence leaves it open.
A cue reaches at most six words in its sentence and never past *but*, *however*, *except* or `;`.

Source: `codelists/assertion_cues.toml`. Scope after NegEx (Chapman et al., J Biomed Inform 2001;34:301).
Where two readings are possible the term is kept: recall beats precision, a person decides.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from registry.clinical.cues import MASK, REACH_WORDS, cue_list, side_and_reach
from registry.clinical.terms import Reading, TermHit
from registry.clinical.tokens import Match, tokenise, written
from registry.clinical.written_dates import find_dates

DropReason = Literal["negated", "someone_else", "screening_normal", "past", "benign"]


@dataclass(frozen=True, slots=True)
class JudgedHit:
    """A term and what its sentence says of it.

    `dropped`: why it is no candidate, with the `cue` as written. `is_recurrence`: the patient's past that
    came back (recurrence, progression, transformation).
    """

    hit: TermHit
    dropped: DropReason | None = None
    cue: str = ""
    is_uncertain: bool = False
    is_recurrence: bool = False


@dataclass(frozen=True, slots=True)
class _Cue:
    """Where a cue stands and which side of it is governed, how far."""

    first: int
    last: int
    side: str
    reach: int


def list_version() -> str:
    """Return name and version of the cue list (MAL-11)."""
    return cue_list().version


def judge_hits(*, reading: Reading, day_zero: date) -> tuple[JudgedHit, ...]:
    """Return what the text says of each of its terms; `day_zero` is the patient's first (MAL-4, MAL-6)."""
    if not reading.hits:
        return ()
    sentences = _Sentences(reading)
    return tuple(sentences.judge(hit, day_zero) for hit in reading.hits)


@lru_cache(maxsize=4096)
def says_recurrence(*, text: str) -> bool:
    """Whether a text says recurrence, progression or transformation, and does not deny it (MAL-6)."""
    return bool(_Sentences(Reading(tokens=tokenise(text=text), hits=())).recurrences())


class _Sentences:
    """The cues of one text, found once for all its terms."""

    def __init__(self, reading: Reading) -> None:
        self.tokens = reading.tokens
        self.list = cue_list()
        self._terms = reading.hits
        self._own = {at for hit in reading.hits for at in range(hit.first, hit.last + 1)}
        self._found: dict[str, list[_Cue]] = {}
        self._mask = self.list.mask.find(tokens=self.tokens)
        self._open = self._matches("uncertain.open", masks=())
        self._ends = self.list.books["ends"].find(tokens=self.tokens)

    def judge(self, hit: TermHit, day_zero: date) -> JudgedHit:
        sentence = self.tokens[hit.first].sentence
        recurs = any(self.tokens[at.first].sentence == sentence for at in self.recurrences())
        past, is_later = self._past(hit, day_zero)
        reasons: tuple[tuple[DropReason, str | None], ...] = (
            ("screening_normal", self._screening(hit)),
            ("negated", self._negation(hit)),
            ("someone_else", self._someone_else(hit)),
            ("past", None if recurs or is_later else past),
            ("benign", self._benign(hit)),
        )
        for reason, cue in reasons:
            if cue is not None:
                return JudgedHit(hit=hit, dropped=reason, cue=cue)
        return JudgedHit(
            hit=hit, is_uncertain=self._is_uncertain(hit), is_recurrence=recurs and past is not None
        )

    def recurrences(self) -> list[_Cue]:
        """Return the words of recurrence that the text does not deny."""
        negators = self._cues("recurrence_negators")
        return [
            cue
            for cue in self._cues("recurrence")
            if not any(self._governs(negator, cue.first, cue.last) for negator in negators)
        ]

    def _negation(self, hit: TermHit) -> str | None:
        stays_open = any(
            self._governs(_Cue(at.first, at.last, "beside", REACH_WORDS), hit.first, hit.last)
            for at in self._open
        )
        if stays_open:
            return None
        for cue in self._cues("negated"):
            if (
                self._governs(cue, hit.first, hit.last)
                and not self._statement_between(cue, hit)
                and not self._doubt_between(cue, hit)
                and not self._belongs_to_earlier_term(cue, hit)
            ):
                return self._written(cue)
        for cue in self._cues("closing"):
            closes = cue.last + 1 == len(self.tokens) or (
                self.tokens[cue.last + 1].sentence != self.tokens[cue.last].sentence
                or self.tokens[cue.last + 1].folded == ";"
            )
            if cue.first == hit.last + 1 and closes and self._governs(cue, hit.first, hit.last):
                return self._written(cue)
        return None

    def _someone_else(self, hit: TermHit) -> str | None:
        persons = self.list.words["persons"]
        for cue in self._cues("someone_else"):
            # "mother well, patient has lymphoma", but not "mother of the patient" nor "the patient's mother".
            person_between = cue.last < hit.first and any(
                self.tokens[at].folded in persons and self.tokens[at - 1].folded not in ("of", "the")
                for at in range(cue.last + 1, hit.first)
            )
            if self._governs(cue, hit.first, hit.last) and not person_between:
                return self._written(cue)
        return None

    def _screening(self, hit: TermHit) -> str | None:
        for cue in self._cues("screening"):
            if not self._governs(cue, hit.first, hit.last) or self._statement_between(cue, hit):
                continue
            for result in self._cues("results"):
                if self._governs(result, hit.first, hit.last) or self._governs(result, cue.first, cue.last):
                    return f"{self._written(cue)} … {self._written(result)}"
        return None

    def _past(self, hit: TermHit, day_zero: date) -> tuple[str | None, bool]:
        """Return the cue of a past term, and whether a date from day 0 on speaks against it."""
        dates = [
            (cue, latest)
            for cue, latest in self._dates()
            if self._governs(cue, hit.first, hit.last) and self._is_date_of(cue, hit)
        ]
        is_later = any(latest >= day_zero for _, latest in dates)
        for cue in self._cues("past"):
            if self._governs(cue, hit.first, hit.last) and not self._statement_between(cue, hit):
                return self._written(cue), is_later
        return next((self._written(cue) for cue, latest in dates if latest < day_zero), None), is_later

    def _benign(self, hit: TermHit) -> str | None:
        if not hit.is_generic:
            return None
        cues = (cue for cue in self._cues("benign") if self._governs(cue, hit.first, hit.last))
        return next((self._written(cue) for cue in cues), None)

    def _is_uncertain(self, hit: TermHit) -> bool:
        open_cues = (_Cue(at.first, at.last, "beside", REACH_WORDS) for at in self._open)
        return any(self._governs(cue, hit.first, hit.last) for cue in (*open_cues, *self._cues("uncertain")))

    def _governs(self, cue: _Cue, first: int, last: int) -> bool:
        """Whether a cue reaches the tokens `first` to `last` (scope of MAL-4)."""
        tokens = self.tokens
        if tokens[cue.first].sentence != tokens[first].sentence:
            return False
        if cue.last < first:
            if cue.side == "after" or tokens[first].word - tokens[cue.last].word > cue.reach:
                return False
            between = range(cue.last + 1, first)
        elif cue.first > last:
            if cue.side == "before" or tokens[cue.first].word - tokens[last].word > cue.reach:
                return False
            between = range(last + 1, cue.first)
        else:
            return False
        return not any(end.first in between for end in self._ends)

    def _statement_between(self, cue: _Cue, hit: TermHit) -> bool:
        """Whether a new statement begins between cue and term: *denies fever, found to have lymphoma*."""
        statements = self.list.words["statements"]
        if cue.first > hit.last:
            return any(self.tokens[at].folded in statements for at in range(hit.last + 1, cue.first))
        small_words = self.list.words["auxiliaries"]
        broken = False
        for at in range(cue.last + 1, hit.first):
            folded = self.tokens[at].folded
            if folded in statements and broken:
                return True
            broken = broken or (folded not in small_words and folded not in statements)
        return False

    def _doubt_between(self, cue: _Cue, hit: TermHit) -> bool:
        """Whether the term belongs to an uncertain word after the cue: *no fever, possible lymphoma*."""
        fillers = self.list.words["fillers"]
        return cue.last < hit.first and any(
            cue.last < doubt.first < hit.first
            and any(self.tokens[at].folded not in fillers for at in range(cue.last + 1, doubt.first))
            for doubt in self._cues("uncertain")
        )

    def _belongs_to_earlier_term(self, cue: _Cue, hit: TermHit) -> bool:
        """Whether a cue of either side closes what went before: *myeloma excluded, MGUS found*."""
        after = _Cue(cue.first, cue.last, "after", REACH_WORDS)
        return (
            cue.last < hit.first
            and any(
                (other.first, other.last, other.side) == (cue.first, cue.last, "after")
                for other in self._cues("negated")
            )
            and any(
                self._governs(after, term.first, term.last) for term in self._terms if term.last < cue.first
            )
        )

    def _dates(self) -> Iterable[tuple[_Cue, date]]:
        for first, last, latest in find_dates(tokens=self.tokens):
            yield _Cue(first, last, "beside", REACH_WORDS), latest

    def _is_date_of(self, cue: _Cue, hit: TermHit) -> bool:
        """Whether a date belongs to the term: tied to it by a word, beside it, or opening the sentence."""
        tokens, words = self.tokens, self.list.words
        opens = cue.first == 0 or tokens[cue.first - 1].sentence != tokens[cue.first].sentence
        if cue.last < hit.first:
            start = min(at for at, token in enumerate(tokens) if token.sentence == tokens[cue.first].sentence)
            around = range(start, hit.first)
        else:
            around = range(hit.last + 1, cue.first)
        if any(owner.first in around for owner in self._cues("index_diseases")):
            return False
        if cue.last + 1 < len(tokens) and tokens[cue.last + 1].folded in words["units"]:
            return False
        is_bare_year = cue.first == cue.last
        beside = cue.first == hit.last + 1 or cue.last == hit.first - 1
        return not is_bare_year or opens or beside or tokens[cue.first - 1].folded in words["date_ties"]

    def _cues(self, kind: str) -> list[_Cue]:
        if kind not in self._found:
            masks = self._mask if kind == "uncertain" else [*self._mask, *self._open]
            cues = [
                _Cue(match.first, match.last, *side_and_reach(label=match.label))
                for match in self._matches(kind, masks=masks)
            ]
            # The longest first, so that who asks reads `no evidence of` rather than `no`.
            self._found[kind] = sorted(cues, key=lambda cue: (cue.first - cue.last, cue.first))
        return self._found[kind]

    def _matches(self, kind: str, *, masks: Sequence[Match]) -> list[Match]:
        """Return the cues of a kind that no longer phrase covers and that are no part of a term."""
        found = self.list.books[kind].find(tokens=self.tokens)
        masks = [*masks, *(match for match in found if match.label == MASK)]
        return [
            match
            for match in found
            if match.label != MASK
            and self._own.isdisjoint(range(match.first, match.last + 1))
            and not any(_covers(mask, match) for mask in masks)
        ]

    def _written(self, cue: _Cue) -> str:
        return written(tokens=self.tokens, first=cue.first, last=cue.last)


def _covers(other: Match, match: Match) -> bool:
    """Whether another phrase lies over a cue and is longer: *no longer* over *no*."""
    overlaps = other.first <= match.last and match.first <= other.last
    return overlaps and other.last - other.first > match.last - match.first
