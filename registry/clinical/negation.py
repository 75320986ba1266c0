"""What a sentence says of a malignancy term in it (rules.md MAL-4, MAL-5).

A term is dropped when its sentence denies it, speaks of somebody else, of a normal screening, of the
patient's past before day 0, or calls a growth benign; it is uncertain when the sentence leaves it open.
A cue reaches at most six words in its sentence and never past *but*, *however*, *except* or `;`.
Nor does a denial reach a clause that says something of its own (*infection excluded, biopsy showed lymphoma*)
or a tumour that is known (*no metastases from the carcinoma*).

Source: `codelists/assertion_cues.toml`. Scope after NegEx (Chapman et al., J Biomed Inform 2001;34:301).
Where two readings are possible the term is kept: recall beats precision, a person decides.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import Literal

from registry.clinical.cues import MASK, REACH_WORDS, cue_list, side_and_reach
from registry.clinical.terms import Reading, TermHit
from registry.clinical.tokens import Match, Token, tokenise, written
from registry.clinical.written_dates import find_dates

# *No clinical or radiological evidence*: so many words behind a denial stands the noun that it denies.
_CARRIER_WITHIN = 5
_LONGEST_LIST = 12
# *The biopsy has so far not really been able to exclude*: so many words before it a denial undoes a settling.
_UNDONE_WITHIN = 5
# The work grows with the square of a text, so a long one is read in blocks, each with so many words around
# it: more than a cue reaches, a list has and nearly every sentence is long.
_LONG_FROM, _BLOCK, _AROUND = 2_000, 400, 150

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
    if len(reading.tokens) < _LONG_FROM:
        return _judged(reading, day_zero)
    return tuple(
        hit for start in range(0, len(reading.tokens), _BLOCK) for hit in _block(reading, start, day_zero)
    )


def _judged(reading: Reading, day_zero: date) -> tuple[JudgedHit, ...]:
    sentences = _Sentences(reading)
    if sentences.are_plain():
        return tuple(JudgedHit(hit=hit) for hit in reading.hits)
    return tuple(sentences.judge(hit, day_zero) for hit in reading.hits)


def _block(reading: Reading, start: int, day_zero: date) -> Iterable[JudgedHit]:
    """Judge the terms that begin in one block of a long text, with what stands around it."""
    begin = bisect_left(reading.hits, start, key=attrgetter("first"))
    end = bisect_left(reading.hits, start + _BLOCK, key=attrgetter("first"))
    if begin == end:
        return ()
    first, last = max(start - _AROUND, 0), start + _BLOCK + _AROUND
    lower = bisect_left(reading.hits, first, key=attrgetter("first"))
    upper = bisect_left(reading.hits, last, key=attrgetter("first"))
    seen = reading.hits[lower:upper]
    last = max(last, seen[-1].last + 1)
    moved = tuple(replace(hit, first=hit.first - first, last=hit.last - first) for hit in seen)
    judged = _judged(Reading(tokens=reading.tokens[first:last], hits=moved), day_zero)
    return [
        replace(said, hit=hit)
        for hit, said in zip(seen, judged, strict=True)
        if start <= hit.first < start + _BLOCK
    ]


@lru_cache(maxsize=4096)
def says_recurrence(*, text: str) -> bool:
    """Whether a text says recurrence, progression or transformation, and does not deny it (MAL-6)."""
    tokens = tokenise(text=text)
    if len(tokens) < _LONG_FROM:
        return bool(_Sentences(Reading(tokens=tokens, hits=())).recurrences())
    return any(_block_says_recurrence(tokens, start) for start in range(0, len(tokens), _BLOCK))


def _block_says_recurrence(tokens: Sequence[Token], start: int) -> bool:
    first = max(start - _AROUND, 0)
    seen = _Sentences(Reading(tokens=tuple(tokens[first : start + _BLOCK + _AROUND]), hits=()))
    return any(start <= first + cue.first < start + _BLOCK for cue in seen.recurrences())


class _Sentences:
    """The cues of one text, found once for all its terms."""

    def __init__(self, reading: Reading) -> None:
        self.tokens = reading.tokens
        self.list = cue_list()
        self._terms = reading.hits
        self._places = {hit.first: at for at, hit in enumerate(reading.hits)}
        # What denies each term judged so far: a list goes on from one to the next.
        self._denied: dict[int, str | None] = {}
        self._carried: list[_Cue] | None = None
        self._own = {at for hit in reading.hits for at in range(hit.first, hit.last + 1)}
        self._found: dict[str, list[_Cue]] = {}
        self._matched = self.list.find(tokens=self.tokens)
        self._mask = self._matched.get("mask", [])
        self._inside = self._matched.get("uncertain.inside", [])
        self._ends = self._matched.get("ends", [])
        self._where_it_ends = {at for end in self._ends for at in range(end.first, end.last + 1)}
        self._open = self._left_open()

    def are_plain(self) -> bool:
        """Whether no cue and no date says anything of the terms."""
        return not self._matched and next(iter(find_dates(tokens=self.tokens)), None) is None

    def judge(self, hit: TermHit, day_zero: date) -> JudgedHit:
        sentence = self.tokens[hit.first].sentence
        recurs = any(self.tokens[at.first].sentence == sentence for at in self.recurrences())
        past, is_later = self._past(hit, day_zero)
        self._denied[hit.first] = negation = self._negation(hit)
        reasons: tuple[tuple[DropReason, str | None], ...] = (
            ("screening_normal", self._screening(hit)),
            ("negated", negation),
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
        if (denial := self._denied_doubt(hit)) is not None:
            return denial
        if self._stays_open(hit):
            return None
        for cue in self._denials():
            if (
                self._governs(cue, hit.first, hit.last)
                and not self._statement_between(cue, hit)
                and not self._doubt_between(cue, hit)
                and not self._closed_by_a_verb(cue, hit)
                and not self._is_taken_back(cue, hit)
                and not self._belongs_to_earlier_term(cue, hit)
                and not self._is_part_of_a_compound(cue)
                and not self._in_another_clause(cue, hit)
                and not self._is_taken_for_granted(cue, hit)
            ):
                return self._written(cue)
        return self._answer(hit) or self._denied_in_a_list(hit)

    def _denials(self) -> Iterable[_Cue]:
        """Return the denials, each with the noun it denies first: *no clinical or biochemical sign of*."""
        if self._carried is None:
            self._carried = [replace(cue, last=self._carried_to(cue)) for cue in self._cues("negated")]
        return self._carried

    def _carried_to(self, cue: _Cue) -> int:
        tokens, words = self.tokens, self.list.words
        if cue.side == "after":
            return cue.last
        for at in range(cue.last + 1, min(cue.last + _CARRIER_WITHIN, len(tokens) - 1) + 1):
            if tokens[at].sentence != tokens[cue.last].sentence or tokens[at].opens_clause or at in self._own:
                break
            # *No fever but signs of*, *no fever and suspicion of* deny the fever alone.
            if at in self._where_it_ends or tokens[at].folded in words["and"]:
                break
            if tokens[at].folded in words["carriers"]:
                return at
        return cue.last

    def _left_open(self) -> list[Match]:
        """Return what leaves a term open: also what would settle it, denied (*never able to exclude*)."""
        tokens, denials = self.tokens, self.list.words["undoing"]
        found = self._matched.get("uncertain.open", [])
        undone = [
            match
            for match in found
            if match.label == MASK
            and any(
                tokens[at].sentence == tokens[match.first].sentence and tokens[at].folded in denials
                for at in range(max(match.first - _UNDONE_WITHIN, 0), match.first)
            )
        ]
        settled = [match for match in found if match.label == MASK and match not in undone]
        return undone + [
            match
            for match in found
            if match.label != MASK
            and self._own.isdisjoint(range(match.first, match.last + 1))
            and not any(_covers(mask, match) for mask in settled)
        ]

    def _stays_open(self, hit: TermHit) -> bool:
        cues = (_Cue(at.first, at.last, "beside", REACH_WORDS) for at in self._open)
        return any(self._governs(cue, hit.first, hit.last) or self._comes_back_to(cue, hit) for cue in cues)

    def _comes_back_to(self, cue: _Cue, hit: TermHit) -> bool:
        """Whether a clause behind *but* is of the term still: *no lymphoma, but it cannot be excluded*."""
        tokens, words = self.tokens, self.list.words
        if cue.first <= hit.last or tokens[cue.first].sentence != tokens[hit.first].sentence:
            return False
        ends = [end for end in self._ends if hit.last < end.first and end.last < cue.first]
        small = words["pronouns"] | words["auxiliaries"] | words["finite"]
        return (
            len(ends) == 1
            and ends[0].first == hit.last + 1
            and all(tokens[at].folded in small for at in range(ends[0].last + 1, cue.first))
        )

    def _denied_doubt(self, hit: TermHit) -> str | None:
        """Return what denies a suspicion: *the suspicion of lymphoma was not confirmed*."""
        for cue in self._cues("denied_doubt"):
            if (
                self._governs(cue, hit.first, hit.last)
                and self._ends_the_matter(cue, hit)
                and any(
                    doubt.last < hit.first and self._governs(doubt, hit.first, hit.last)
                    for doubt in self._cues("uncertain")
                )
            ):
                return self._written(cue)
        return None

    def _ends_the_matter(self, cue: _Cue, hit: TermHit) -> bool:
        """Whether nothing else was not confirmed, and nothing is awaited: neither *stage not confirmed* nor
        *not confirmed yet*."""
        tokens, words = self.tokens, self.list.words
        small = words["auxiliaries"] | words["passive"] | words["finite"]
        if any(tokens[at].opens_clause for at in range(hit.last + 1, cue.last + 1)) or not all(
            tokens[at].folded in small for at in range(hit.last + 1, cue.first)
        ):
            return False
        after = cue.last + 1
        return (
            after == len(tokens)
            or tokens[after].sentence != tokens[cue.last].sentence
            or tokens[after].folded in words["settled_by"]
        )

    def _denied_in_a_list(self, hit: TermHit) -> str | None:
        """Return what denies the list that the term goes on with: *no lymphoma, sarcoma or other cancer*."""
        at = self._places[hit.first]
        if at == 0 or not self._is_in_a_list(at):
            return None
        return self._denied.get(self._terms[at - 1].first)

    def _is_in_a_list(self, at: int) -> bool:
        """Whether an *or* ties a term to the one before it, at once or behind more commas."""
        tokens, words = self.tokens, self.list.words
        small = words["list_words"] | words["between_terms"]
        for one, other in pairwise(self._terms[at - 1 : at + _LONGEST_LIST]):
            between = [token.folded for token in tokens[one.last + 1 : other.first]]
            if tokens[one.last].sentence != tokens[other.first].sentence or not small.issuperset(between):
                return False
            if not words["list_words"].isdisjoint(between):
                return True
            if not any("," in token.gap for token in tokens[one.last + 1 : other.first + 1]):
                return False
        return False

    def _answer(self, hit: TermHit) -> str | None:
        """Return the *no* that answers the term: *lymphoma no*, *new malignancy since then: no*."""
        tokens = self.tokens
        for cue in self._cues("closing"):
            closes = cue.last + 1 == len(tokens) or (
                tokens[cue.last + 1].sentence != tokens[cue.last].sentence
                or tokens[cue.last + 1].folded == ";"
            )
            if not closes or cue.first <= hit.last:
                continue
            answers = (
                cue.first == hit.last + 1
                or tokens[cue.first - 1].folded == "?"
                or any(mark in tokens[cue.first].gap for mark in ":=-–—")
            )
            if answers and self._governs(replace(cue, reach=REACH_WORDS), hit.first, hit.last):
                return self._written(cue)
            is_next = tokens[cue.first].sentence == tokens[hit.first].sentence + 1
            if is_next and tokens[cue.first - 1].folded == "?":
                return self._written(cue)
        return None

    def _is_part_of_a_compound(self, cue: _Cue) -> bool:
        """Whether a hyphen ties the cue to what follows: *non-healing*, *no-show*."""
        return cue.last + 1 < len(self.tokens) and (
            self.tokens[cue.last + 1].word == self.tokens[cue.last].word
            and self.tokens[cue.last + 1].folded not in "?;"
        )

    def _in_another_clause(self, cue: _Cue, hit: TermHit) -> bool:
        """Whether the term has a clause of its own: *infection excluded, biopsy showed lymphoma*."""
        if cue.first > hit.last:
            return self._has_a_subject_of_its_own(cue, hit)
        tokens, words = self.tokens, self.list.words
        closes = cue.side == "before" and self._closes_what_stands_before(cue)
        marks = [at for at in range(cue.last + 1, hit.first + 1) if tokens[at].opens_clause]
        if not marks or (marks[0] == cue.last + 1 and ":" in tokens[marks[0]].gap):
            return closes and not marks and self._is_passive(cue)
        start, end = marks[-1], hit.last + 1
        while end < len(tokens) and tokens[end].sentence == tokens[hit.last].sentence:
            if tokens[end].opens_clause or tokens[end].folded == ";":
                break
            end += 1
        clause = [tokens[at].folded for at in range(start, end) if not hit.first <= at <= hit.last]
        ahead = [tokens[at].folded for at in range(start, hit.first)]
        if not words["list_words"].isdisjoint(clause):
            return False
        if closes or ":" in tokens[start].gap:
            return True
        says = words["finite"] | words["news"]
        if not words["statements"].isdisjoint(clause) or not says.isdisjoint(ahead):
            return True
        goes_on = any(cue.last < term.first < marks[0] for term in self._terms)
        return tokens[cue.first].folded in words["plain_negations"] and not goes_on

    def _has_a_subject_of_its_own(self, cue: _Cue, hit: TermHit) -> bool:
        """Whether a cue behind a comma denies something else: *lymphoma of the gut, primary not found*."""
        tokens, words = self.tokens, self.list.words
        marks = [at for at in range(hit.last + 1, cue.first + 1) if tokens[at].opens_clause]
        small = words["passive"] | words["finite"] | words["auxiliaries"] | words["list_words"] | words["and"]
        return bool(marks) and any(
            tokens[at].folded not in small and at not in self._own for at in range(marks[-1], cue.first)
        )

    def _is_passive(self, cue: _Cue) -> bool:
        """*Infection was excluded*, not *it was excluded a lymphoma*, as Romance languages put it."""
        auxiliaries = self.list.words["passive"] | self.list.words["finite"]
        at = cue.first - 1
        while at >= 0 and self.tokens[at].folded in auxiliaries:
            at -= 1
        has_subject = at >= 0 and self.tokens[at].sentence == self.tokens[cue.first].sentence
        return has_subject and at < cue.first - 1

    def _closes_what_stands_before(self, cue: _Cue) -> bool:
        """Whether a cue of either side has something before it to deny: *infection excluded*."""
        tokens = self.tokens
        has_subject = cue.first > 0 and tokens[cue.first - 1].sentence == tokens[cue.first].sentence
        return has_subject and any(
            (other.first, other.last, other.side) == (cue.first, cue.last, "after")
            for other in self._cues("negated")
        )

    def _is_taken_for_granted(self, cue: _Cue, hit: TermHit) -> bool:
        """Whether the term is known and something else denied: *no metastases from the carcinoma*."""
        if cue.first > hit.last:
            return False
        tokens, words = self.tokens, self.list.words
        if any(tokens[at].folded in words["known"] for at in range(cue.last + 2, hit.first)):
            return True
        return any(
            cue.last < term.first
            and term.last < hit.first
            and tokens[term.last + 1].folded in words["ties"]
            and tokens[term.first].folded.startswith(tuple(words["spread"]))
            for term in self._terms
        )

    def _someone_else(self, hit: TermHit) -> str | None:
        headings = (cue for cue in self._cues("headings") if self._heads(cue, hit))
        for cue in (*self._cues("someone_else"), *headings):
            if self._governs(cue, hit.first, hit.last) and not self._patient_between(cue, hit):
                return self._written(cue)
        return None

    def _heads(self, cue: _Cue, hit: TermHit) -> bool:
        """Whether a colon follows and the term after it, with no comma: *AF: rate controlled, new lymphoma*
        is of atrial fibrillation."""
        tokens, first = self.tokens, cue.last + 1
        return (
            first <= hit.first
            and tokens[first].gap.startswith(":")
            and not any(tokens[at].opens_clause for at in range(first + 1, hit.first + 1))
        )

    def _patient_between(self, cue: _Cue, hit: TermHit) -> bool:
        """*Mother well, the patient has lymphoma*, but not *the mother of the patient has lymphoma*."""
        tokens, words = self.tokens, self.list.words
        return any(
            tokens[at].folded in words["persons"]
            and (
                tokens[at - 1].folded not in words["of_whom"]
                or any(tokens[mark].opens_clause for mark in range(cue.last + 1, at + 1))
            )
            for at in range(cue.last + 1, hit.first)
        )

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
        for cue in (*self._cues("before_day_0"), *self._cues("years_ago")):
            if self._governs(cue, hit.first, hit.last) and self._is_before_day_0(cue, hit):
                return self._written(cue), is_later
        return next((self._written(cue) for cue, latest in dates if latest < day_zero), None), is_later

    def _is_before_day_0(self, cue: _Cue, hit: TermHit) -> bool:
        """Whether *before the infusion*, *20 years ago* is of the term's clause and long enough ago."""
        span = range(hit.last + 1, cue.first + 1) if cue.first > hit.last else range(cue.last + 1, hit.first)
        if any(self.tokens[at].opens_clause for at in span):
            return False
        counts = [
            int(self.tokens[at].folded)
            for at in range(max(cue.first - 1, 0), cue.last + 1)
            if self.tokens[at].folded.isdecimal()
        ]
        is_count = cue in self._cues("years_ago")
        return not is_count or max(counts, default=0) >= self.list.years_ago_at_least

    def _benign(self, hit: TermHit) -> str | None:
        if not hit.is_generic:
            return None
        cues = (cue for cue in self._cues("benign") if self._governs(cue, hit.first, hit.last))
        return next((self._written(cue) for cue in cues), None)

    def _is_uncertain(self, hit: TermHit) -> bool:
        if any(hit.first <= at.first <= hit.last for at in self._inside):
            return True
        return self._stays_open(hit) or any(
            self._governs(cue, hit.first, hit.last) for cue in self._cues("uncertain")
        )

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

    def _closed_by_a_verb(self, cue: _Cue, hit: TermHit) -> bool:
        """Whether a verb ends what is denied: *nach Ausschluss einer Sepsis wurde ein Lymphom gefunden*."""
        tokens, words = self.tokens, self.list.words
        if cue.first > hit.last or words["closed_by_a_verb"].isdisjoint(
            token.folded for token in tokens[cue.first : cue.last + 1]
        ):
            return False
        between = [token.folded for token in tokens[cue.last + 1 : hit.first]]
        denied = next(
            (at for at, word in enumerate(between) if word not in words["auxiliaries"]), len(between)
        )
        return not words["verbs"].isdisjoint(between[denied + 1 :])

    def _is_taken_back(self, cue: _Cue, hit: TermHit) -> bool:
        """Whether *but* tells what became of a denied term: *lymphoma was not seen at first but found*."""
        tokens, words = self.tokens, self.list.words
        if cue.first <= hit.last:
            return False
        small = words["auxiliaries"] | words["pronouns"]
        for end in self._ends:
            if (
                end.first <= cue.last
                or tokens[end.first].sentence != tokens[hit.first].sentence
                or tokens[end.first].folded == ";"
            ):
                continue
            then = (tokens[at].folded for at in range(end.last + 1, len(tokens)))
            if next((word for word in then if word not in small), "") in words["statements"]:
                return True
        return False

    def _doubt_between(self, cue: _Cue, hit: TermHit) -> bool:
        """Whether the term belongs to an uncertain word after the cue: *no fever, possible lymphoma*.

        Not in *no lesion suspicious for lymphoma*, which goes on without a comma or an *and*.
        """
        fillers = self.list.words["fillers"]
        return cue.last < hit.first and any(
            cue.last < doubt.first < hit.first
            and any(self.tokens[at].folded not in fillers for at in range(cue.last + 1, doubt.first))
            and any(
                self.tokens[at].opens_clause or self.tokens[at].folded in self.list.words["and"]
                for at in range(cue.last + 1, doubt.first + 1)
            )
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
        return (
            not is_bare_year
            or opens
            or beside
            or tokens[cue.first - 1].folded in words["date_ties"]
            or self._is_tied_by_a_verb(cue, hit)
            or self._stands_alone(cue)
        )

    def _stands_alone(self, cue: _Cue) -> bool:
        """*Carcinoma of the prostate (2011, cured)*: a year between a bracket or comma and the next."""
        tokens = self.tokens
        ends = cue.last + 1 == len(tokens) or (
            tokens[cue.last + 1].sentence != tokens[cue.last].sentence or tokens[cue.last + 1].opens_clause
        )
        return ends and tokens[cue.first].opens_clause

    def _is_tied_by_a_verb(self, cue: _Cue, hit: TermHit) -> bool:
        """*BCC removed from the nose 2019*: what was done stands between term and year, no comma after it."""
        verbs = self.list.words["date_verbs"]
        done = [at for at in range(hit.last + 1, cue.first) if self.tokens[at].folded in verbs]
        return bool(done) and not any(
            self.tokens[at].opens_clause for at in range(done[-1] + 1, cue.first + 1)
        )

    def _cues(self, kind: str) -> list[_Cue]:
        if kind not in self._found:
            masks = self._mask if kind == "uncertain" else [*self._mask, *self._open]
            cues = [
                _Cue(match.first, match.last, *side_and_reach(label=match.label))
                for match in self._matches(kind, masks=masks)
            ]
            # What opens a longer cue of what follows says nothing of what went before: *lymphoma, negative
            # for EBV*, *basal cell carcinoma, history of sunburn*.
            opening = [cue for cue in cues if cue.side == "before"]
            cues = [
                cue
                for cue in cues
                if cue.side != "after" or not any(_covers(longer, cue) for longer in opening)
            ]
            # The longest first, so that who asks reads `no evidence of` rather than `no`.
            self._found[kind] = sorted(cues, key=lambda cue: (cue.first - cue.last, cue.first))
        return self._found[kind]

    def _matches(self, kind: str, *, masks: Sequence[Match]) -> list[Match]:
        """Return the cues of a kind that no longer phrase covers and that are no part of a term."""
        found = self._matched.get(kind, [])
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


def _covers(other: Match | _Cue, match: Match | _Cue) -> bool:
    """Whether another phrase lies over a cue and is longer: *no longer* over *no*."""
    overlaps = other.first <= match.last and match.first <= other.last
    return overlaps and other.last - other.first > match.last - match.first
