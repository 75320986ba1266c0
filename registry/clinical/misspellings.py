"""Words of the term list written with one slip: `lymphma`, `carcinmoa`, `luekemia` (rules.md MAL-3).

One letter left out, doubled, exchanged with its neighbour or, in words of eight letters and more, replaced.
The first letter stands: a slip is rare there and other words begin otherwise (keratoma, teratoma). Words
shorter than seven letters are read only with two neighbours exchanged, since one letter makes other words
of them (cancel, rumour).
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

_SHORTEST = 6
_SHORTEST_WITH_A_GAP = 7
_SHORTEST_WITH_A_WRONG_LETTER = 8


def corrector(*, words: Iterable[str]) -> Callable[[str], str | None]:
    """Return what tells for a folded word the word of the list it was meant for, or None."""
    meant = frozenset(words)
    longest = max(map(len, meant), default=0) + 1
    by_gap: dict[str, list[str]] = {}
    for word in sorted(meant):
        for shorter in {word, *_without_one_letter(word)}:
            by_gap.setdefault(shorter, []).append(word)

    @lru_cache(maxsize=16384)
    def corrected(folded: str) -> str | None:
        if not _SHORTEST <= len(folded) <= longest or folded in meant or not folded.isalpha():
            return None
        candidates = {
            word for shorter in (folded, *_without_one_letter(folded)) for word in by_gap.get(shorter, ())
        }
        fitting = sorted(word for word in candidates if _is_slip(folded, word))
        return fitting[0] if fitting else None

    return corrected


def _without_one_letter(word: str) -> Iterable[str]:
    return (word[:at] + word[at + 1 :] for at in range(len(word)))


def _is_slip(written: str, word: str) -> bool:
    if written[0] != word[0]:
        return False
    if len(written) != len(word):
        return len(word) >= _SHORTEST_WITH_A_GAP
    wrong = [at for at, (one, other) in enumerate(zip(written, word, strict=True)) if one != other]
    if len(wrong) == 1:
        return len(word) >= _SHORTEST_WITH_A_WRONG_LETTER
    first, last = wrong[0], wrong[-1]
    exchanged = written[first] == word[last] and written[last] == word[first]
    return len(wrong) == 2 and last == first + 1 and exchanged
