"""What the texts of one source say of a malignancy (rules.md MAL-3 to MAL-5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from registry.clinical import negation, terms
from registry.clinical.negation import JudgedHit
from registry.clinical.terms import MalignancyClass
from registry.monitoring.evidence import Certainty


@dataclass(frozen=True, slots=True)
class TextHits:
    """The terms of several texts: `kept` are candidates, `dropped` carry their reason (MAL-4)."""

    kept: tuple[JudgedHit, ...] = ()
    dropped: tuple[JudgedHit, ...] = ()

    def certainty(self, *, agrees: bool) -> Certainty:
        """Return `certain` when a category or code agrees and not all that is said is uncertain (MAL-5)."""
        only_uncertain = bool(self.kept) and all(hit.is_uncertain for hit in self.kept)
        return "certain" if agrees and not only_uncertain else "possible"

    @property
    def words(self) -> list[str]:
        """The kept words as written, once each."""
        return _once(hit.hit.words for hit in self.kept)

    @property
    def classes(self) -> list[MalignancyClass]:
        return [hit.hit.malignancy_class for hit in self.kept]

    @property
    def dropped_as_json(self) -> list[dict[str, str]]:
        """The dropped words with reason and cue, once each."""
        seen = {
            (hit.hit.words.casefold(), hit.dropped, hit.cue.casefold()): hit for hit in reversed(self.dropped)
        }
        return [
            {"words": hit.hit.words, "reason": str(hit.dropped), "cue": hit.cue}
            for hit in reversed(list(seen.values()))
        ]


def read(*, texts: Iterable[str], day_zero: date) -> TextHits:
    """Return the terms of some texts; `day_zero` is the patient's first (MAL-4)."""
    hits = [
        hit
        for text in texts
        if text
        for hit in negation.judge_hits(reading=terms.find_terms(text=text), day_zero=day_zero)
    ]
    return TextHits(
        kept=tuple(hit for hit in hits if hit.dropped is None),
        dropped=tuple(hit for hit in hits if hit.dropped is not None),
    )


def may_name_malignancy(*, texts: Iterable[str]) -> bool:
    """Whether some day 0 keeps a term of some texts: the earlier it is, the less is the patient's past."""
    return bool(read(texts=texts, day_zero=date.min).kept)


def list_version() -> str:
    """Return the versions of the lists that texts are read with (MAL-11)."""
    return f"{terms.list_version()}, {negation.list_version()}"


def _once(words: Iterable[str]) -> list[str]:
    seen: dict[str, str] = {}
    for word in words:
        seen.setdefault(word.casefold(), word)
    return list(seen.values())
