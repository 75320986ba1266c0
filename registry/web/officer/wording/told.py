"""What an alert tells, ready to be put into words: its stored evidence and limits, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from registry.clinical.analytes import ANALYTES
from registry.clinical.spoken_dates import spoken, spoken_span
from registry.clinical.study_days import study_day
from registry.clinical.units import unit_label


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a sentence; with an `anchor` it leads to the row of the page that holds the number."""

    text: str
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """The stored evidence and limits of one alert. A missing key raises KeyError; nothing is guessed."""

    rule: str
    subject: str
    certainty: str
    day_zero: date
    last_on: date
    evidence: Mapping[str, Any]
    limits: Mapping[str, Any]

    def text(self, key: str) -> str:
        return str(self.evidence[key])

    def days(self, key: str) -> int:
        return int(self.evidence[key])

    def on(self, key: str) -> date:
        return date.fromisoformat(self.evidence[key])

    def limit(self, *path: str) -> str:
        """The limit as stored with the alert: `limit("counts", "g_csf_hides_days")`."""
        found: Any = self.limits
        for name in path:
            found = found[name]
        return str(found)

    def limit_days(self, *path: str) -> int:
        return int(self.limit(*path))

    @property
    def labels(self) -> list[str]:
        return [str(label) for label in self.evidence.get("labels", ())]

    def when(self, on: date) -> str:
        """A date with its study day: `4 Apr 2024 (day 34)`."""
        return f"{spoken(on)} (day {number(study_day(on, day_zero=self.day_zero))})"

    def span(self, first: date, last: date) -> str:
        """Two dates with their study days: `6 Mar–4 Apr 2024 (days 5–34)`."""
        if first == last:
            return self.when(first)
        days = (number(study_day(on, day_zero=self.day_zero)) for on in (first, last))
        return f"{spoken_span(first, last)} (days {_between(*days)})"

    def where(self, on: date) -> Part:
        """The same, leading to the values of that day."""
        return Part(self.when(on), anchor=anchor_of(on))


def anchor_of(on: date) -> str:
    return f"values-{on.isoformat()}"


def number(value: int) -> str:
    """A day number with a real minus sign: −5."""
    return f"−{-value}" if value < 0 else str(value)


def _between(first: str, last: str) -> str:
    """A dash beside a minus sign would be read as two of them."""
    return f"{first} to {last}" if "−" in (first[0], last[0]) else f"{first}–{last}"


def days_in_words(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def plain(value: str) -> str:
    """A number without trailing zeros, whatever the limits' text says: `50`, `0.5`."""
    return f"{Decimal(value).normalize():f}"


def with_unit(value: str, analyte: str) -> str:
    """`1.0 ×10⁹/L`, `80 g/L`."""
    return f"{value} {unit_label(ANALYTES[analyte].canonical_unit)}"


def sentence(*pieces: str | Part) -> tuple[Part, ...]:
    """Pieces as parts, plain text left as it is."""
    return tuple(piece if isinstance(piece, Part) else Part(piece) for piece in pieces)
