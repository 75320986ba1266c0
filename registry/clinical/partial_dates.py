"""Dates of which only the year or the month is known: kept as given, read as the days they could be.

Source: CDASH, "no imputation and no zero-filling"; ISO 8601 truncated forms.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from registry.clinical.refusals import EntryRefused, shortened


class NotADate(EntryRefused):
    """The text is no date of the form YYYY-MM-DD, YYYY-MM or YYYY, or no day of the calendar."""

    def __init__(self, text: str, *, accepted: str = "Write YYYY-MM-DD, YYYY-MM or YYYY.") -> None:
        super().__init__(text, f"{shortened(text) or 'An empty field'} is not a date.", accepted)


_FORM = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date as precisely as it is known, and the interval of days it could be."""

    text: str
    earliest: date
    latest: date

    @classmethod
    def parse(cls, text: str) -> "PartialDate":
        """Read `YYYY-MM-DD`, `YYYY-MM` or `YYYY`; raises NotADate."""
        found = _FORM.fullmatch(text.strip())
        if not found:
            raise NotADate(text)
        year = int(found[1])
        month = int(found[2]) if found[2] else None
        day = int(found[3]) if found[3] else None
        try:
            if month is None:
                return cls(text.strip(), date(year, 1, 1), date(year, 12, 31))
            if day is None:
                return cls(text.strip(), date(year, month, 1), date(year, month, monthrange(year, month)[1]))
            return cls(text.strip(), date(year, month, day), date(year, month, day))
        except ValueError as refusal:
            raise NotADate(text) from refusal

    @property
    def is_complete(self) -> bool:
        return self.earliest == self.latest

    def __str__(self) -> str:
        return self.text


def parse_date(text: str) -> date:
    """Read a complete date `YYYY-MM-DD`; raises NotADate."""
    try:
        found = PartialDate.parse(text)
    except NotADate as refusal:
        raise NotADate(text, accepted="Write YYYY-MM-DD.") from refusal
    if not found.is_complete:
        raise NotADate(text, accepted="Write the whole date, YYYY-MM-DD.")
    return found.earliest
