"""Words of a clinical text, and phrases to look for in them (rules.md MAL-3, MAL-4).

A text is read as tokens: runs of letters and digits, and the signs `?` and `;`. Each token keeps what was
written and its folded form (Unicode NFKC, case folding, accent folding), so that Sézary, SEZARY and
sezary are one word while an upper-case abbreviation can still be told from a word. A possessive 's is
no part of the folded form.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

_TOKEN = re.compile(r"(?:[^\W_][\u0300-\u036f]*)+(?:['’]s(?![^\W_]))?|[?;]", re.IGNORECASE)
_POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")
_JOINS = re.compile(r"[-‐‑–/'’.&+]+")
_SENTENCE_END = re.compile(r"[.!。]+(?=[\s\"'”’)\]])")
# Letters that Unicode does not decompose.
_LETTERS = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_ABBREVIATED = frozenset(
    word
    for words in (
        "dr mr mrs ms prof st vs eg ie approx incl hx pt pts ca dx bx rx susp lt rt cf resp fig",
        "prob poss fragl verd verst diagn pat vd bzw ggf evtl inkl mon li sig sra dra dott pac aprox",
    )
    for word in words.split()
)
# "Neg. for carcinoma" is one sentence; "CT neg. Lymphoma later" is two.
_FOLLOWS_NEG = frozenset(["for", "fur", "fuer", "auf", "per", "para", "pour"])
# Letters that stand for a word in front of another: V. a., Z. n., M. Hodgkin, o. B., S. aureus, E. coli.
_INITIALS = frozenset("vzmoseh")
_CLAUSE_MARKS = frozenset(",:()[]–—=")


def fold(text: str) -> str:
    """Return the text without case, accents and compatibility forms: `Leukämie` becomes `leukamie`."""
    if text.isascii():
        return text.casefold()
    plain = unicodedata.normalize("NFKD", text)
    return (
        "".join(letter for letter in plain if not unicodedata.combining(letter))
        .casefold()
        .translate(_LETTERS)
    )


@dataclass(frozen=True, slots=True)
class Token:
    """One word or sign. `word` numbers compounds (T-cell is one), `sentence` numbers sentences, from 0.

    `lead` is what joins it to the token before, a space when nothing does; `gap` are the marks between the
    two when it does not.
    """

    written: str
    folded: str
    word: int
    sentence: int
    lead: str
    gap: str = ""

    @property
    def opens_clause(self) -> bool:
        """Whether a comma, a colon or a bracket parts it from the token before."""
        return bool(self.gap) and not _CLAUSE_MARKS.isdisjoint(self.gap)


def tokenise(*, text: str) -> tuple[Token, ...]:
    """Return the tokens of a text.

    A sentence ends at `.` or `!` before a space, at a question mark that closes a word, before the number of
    an item (*1) no infection 2) lymphoma*), and at a line that the next line does not continue in lower case.
    Where in doubt it ends: a cue that reaches too far drops a hit, one that reaches too short only asks a
    person.
    """
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    tokens: list[Token] = []
    word, sentence, end = -1, 0, 0
    asked, brackets = False, 0
    for found in _TOKEN.finditer(plain):
        gap, written = plain[end : found.start()], found[0]
        is_sign = written in "?;"
        if tokens and ((asked and gap) or _ends_sentence(gap, tokens, written)):
            sentence += 1
        if "(" in gap or ")" in gap:
            if brackets == 0 and gap[0] == ")" and _is_number_of_an_item(tokens):
                sentence += 1
                tokens[-1] = replace(tokens[-1], sentence=sentence)
            brackets = max(brackets + gap.count("(") - gap.count(")"), 0)
        joined = bool(tokens) and _JOINS.fullmatch(gap) is not None
        if not (is_sign or joined):
            word += 1
        asked = written == "?" and not gap and bool(tokens)
        tokens.append(
            Token(
                written=written,
                folded=fold(_POSSESSIVE.sub("", written)),
                word=max(word, 0),
                sentence=sentence,
                lead=gap if joined else " ",
                gap="" if joined else gap.strip(),
            )
        )
        end = found.end()
    return tuple(tokens)


def _ends_sentence(gap: str, tokens: Sequence[Token], after: str) -> bool:
    before = tokens[-1]
    if "\n" in gap and (gap.count("\n") > 1 or not after[0].islower() or re.search(r"[-*•:]", gap)):
        return True
    if _SENTENCE_END.search(gap):
        # "V.a. Lymphom" and "Z. n. Melanom" are one sentence each.
        is_initial = len(before.folded) == 1 and (
            "." in before.lead
            or before.folded in _INITIALS
            or (len(tokens) > 1 and "." in before.gap and _is_short_for_a_word(tokens[-2].folded))
        )
        is_denial = before.folded == "neg" and fold(after) in _FOLLOWS_NEG and not after.istitle()
        return before.folded not in _ABBREVIATED and not is_initial and not is_denial
    # "done.Lymphoma": the space was forgotten.
    return gap == "." and len(before.written) > 2 and before.written[-1].islower() and after[0].isupper()


def _is_number_of_an_item(tokens: Sequence[Token]) -> bool:
    """Whether the last word is a bare number or letter with words before it: `2)`, `b)`."""
    if len(tokens) < 2 or tokens[-1].lead != " " or tokens[-1].sentence != tokens[-2].sentence:
        return False
    return len(tokens[-1].written) <= 2 and (tokens[-1].written.isdecimal() or len(tokens[-1].written) == 1)


def _is_short_for_a_word(folded: str) -> bool:
    return len(folded) == 1 or folded in _ABBREVIATED


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    open_start: bool
    open_end: bool
    upper_case: bool
    joined: bool

    def matches(self, token: Token, previous: Token | None) -> bool:
        if self.joined and (previous is None or previous.word != token.word):
            return False
        if self.text == "#":
            return token.folded.isdigit()
        if self.upper_case:
            return token.written in (self.text, f"{self.text}s")
        if self.open_start and self.open_end:
            return self.text in token.folded
        if self.open_start:
            return token.folded.endswith(self.text)
        if self.open_end:
            return token.folded.startswith(self.text)
        return token.folded == self.text


_Entry = tuple[tuple[_Part, ...], str, str]


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase found at tokens `first` to `last`; `label` is what the book keeps for the phrase."""

    first: int
    last: int
    phrase: str
    label: str


class PhraseBook:
    """Phrases as a code list writes them, found in a text whatever else they contain.

    `lymphom*` is a word start, `*carcinom*` also matches inside a compound, `tumo(u)r` has an optional
    part, `ca <organ>` stands for every word of the set `organ`, `#` for a number, `h/o` wants its parts
    joined. With `upper_case` the words count only as written in capitals (a plural s may follow).
    """

    def __init__(
        self,
        *,
        phrases: Iterable[tuple[str, str]],
        sets: Mapping[str, Sequence[str]] | None = None,
        upper_case: bool = False,
    ) -> None:
        self._first = _Index(
            entries=(
                (_parts(spelling, upper_case), phrase, label)
                for phrase, label in phrases
                for spelling in _spellings(phrase, sets or {})
            ),
            at=0,
        )
        # Texts repeat their words: what a word opens is looked up once.
        self._opening = lru_cache(maxsize=16384)(self._opened_by)

    def _opened_by(self, folded: str) -> "tuple[Sequence[_Entry], _Index | None] | None":
        """Return the phrases of one word that a word could be, and the longer ones by their second word."""
        entries = self._first.entries_for(folded)
        if not entries:
            return None
        longer = [entry for entry in entries if len(entry[0]) > 1]
        return (
            [entry for entry in entries if len(entry[0]) == 1],
            _Index(entries=longer, at=1) if longer else None,
        )

    def opens(self, folded: str) -> bool:
        """Whether a folded word could be the first of a phrase."""
        return self._opening(folded) is not None

    def find(self, *, tokens: Sequence[Token]) -> list[Match]:
        """Return every match, overlapping ones too, in text order. No match crosses a sentence."""
        found: list[Match] = []
        count = len(tokens)
        for first, token in enumerate(tokens):
            opened = self._opening(token.folded)
            if opened is None:
                continue
            singles, seconds = opened
            entries: Sequence[_Entry] = singles
            if seconds is not None and first + 1 < count:
                entries = [*singles, *seconds.entries_for(tokens[first + 1].folded)]
            for parts, phrase, label in entries:
                last = first + len(parts) - 1
                if last >= count or tokens[last].sentence != token.sentence:
                    continue
                if all(
                    part.matches(tokens[at], tokens[at - 1] if at > first else None)
                    for at, part in enumerate(parts, first)
                ):
                    found.append(Match(first=first, last=last, phrase=phrase, label=label))
        return found


class _Index:
    """Phrases by the word at one place, so that a word asks only those it could belong to."""

    def __init__(self, *, entries: Iterable[_Entry], at: int) -> None:
        self._at = at
        self._exact: dict[str, list[_Entry]] = {}
        self._starts: dict[str, list[_Entry]] = {}
        self._numbers: list[_Entry] = []
        self._anywhere: list[_Entry] = []
        for entry in entries:
            part = entry[0][at]
            if part.text == "#":
                self._numbers.append(entry)
            elif part.open_start:
                self._anywhere.append(entry)
            elif part.open_end:
                self._starts.setdefault(part.text, []).append(entry)
            else:
                self._exact.setdefault(part.text.casefold(), []).append(entry)
                if part.upper_case:
                    self._exact.setdefault(f"{part.text.casefold()}s", []).append(entry)
        self._start_lengths = sorted({len(start) for start in self._starts})
        self._inside = re.compile(
            "|".join(sorted({re.escape(entry[0][at].text) for entry in self._anywhere})) or r"(?!)"
        )

    def entries_for(self, folded: str) -> list[_Entry]:
        """Return the phrases that have a word like this one at that place."""
        entries = list(self._exact.get(folded, ()))
        for length in self._start_lengths:
            if length > len(folded):
                break
            entries += self._starts.get(folded[:length], ())
        if self._anywhere and self._inside.search(folded):
            entries += [entry for entry in self._anywhere if _is_inside(entry[0][self._at], folded)]
        if self._numbers and folded.isdigit():
            entries += self._numbers
        return entries


def _is_inside(part: _Part, folded: str) -> bool:
    return part.text in folded if part.open_end else folded.endswith(part.text)


def longest(*, matches: Iterable[Match], preferred: str) -> list[Match]:
    """Return the matches that no longer match overlaps, in text order; of equals the `preferred`."""
    taken: set[int] = set()
    kept: list[Match] = []

    def rank(match: Match) -> tuple[int, bool, int, int]:
        return (match.first - match.last, match.label != preferred, -len(match.phrase), match.first)

    for match in sorted(matches, key=rank):
        span = range(match.first, match.last + 1)
        if taken.isdisjoint(span):
            taken.update(span)
            kept.append(match)
    return sorted(kept, key=lambda match: match.first)


def written(*, tokens: Sequence[Token], first: int, last: int) -> str:
    """Return tokens as written, on one line."""
    rest = (token.lead + token.written for token in tokens[first + 1 : last + 1])
    return tokens[first].written + "".join(rest)


def _spellings(phrase: str, sets: Mapping[str, Sequence[str]]) -> Iterable[str]:
    """Return every way to write a phrase; an umlaut also as sites without the key write it (Leukaemie)."""
    for spelling in _expanded(phrase, sets):
        yield spelling
        if not spelling.isascii() and (without := spelling.translate(_UMLAUTS)) != spelling:
            yield without


def _expanded(phrase: str, sets: Mapping[str, Sequence[str]]) -> Iterable[str]:
    choices: list[Sequence[str]] = []
    for piece in re.split(r"(\([^)]*\)|<\w+>)", phrase):
        if piece.startswith("("):
            choices.append(("", piece[1:-1]))
        elif piece.startswith("<"):
            choices.append([one for word in sets[piece[1:-1]] for one in _spellings(word, sets)])
        else:
            choices.append((piece,))
    return ("".join(pieces) for pieces in product(*choices))


def _parts(spelling: str, upper_case: bool) -> tuple[_Part, ...]:
    parts: list[_Part] = []
    for word in spelling.split():
        pieces = re.split(r"[/'’]", word)
        for number, piece in enumerate(pieces):
            # T-LGL is written with and without the hyphen, so a hyphen asks for nothing.
            for bit in piece.split("-"):
                bare = bit.strip("*")
                parts.append(
                    _Part(
                        text=bare if upper_case or bare in "#?" else fold(bare),
                        open_start=bit.startswith("*"),
                        open_end=bit.endswith("*"),
                        upper_case=upper_case,
                        joined=number > 0,
                    )
                )
    return tuple(parts)
