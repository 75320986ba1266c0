"""Dates and years as people write them in a text, read as the latest day they could be (rules.md MAL-4)."""

import re
from collections.abc import Iterable, Sequence
from datetime import date

from registry.clinical.partial_dates import NotADate, PartialDate
from registry.clinical.tokens import Token

_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "jan january januar janvier enero gennaio",
            "feb february februar fevrier febrero febbraio",
            "mar march marz maerz mars marzo",
            "apr april avril abril aprile",
            "may mai mayo maggio",
            "jun june juni juin junio giugno",
            "jul july juli juillet julio luglio",
            "aug august aout agosto",
            "sep sept september septembre septiembre settembre",
            "oct october oktober octobre octubre ottobre",
            "nov november novembre noviembre",
            "dec december dezember decembre diciembre dicembre",
        ),
        start=1,
    )
    for name in names.split()
}
_YEAR = re.compile(r"(?:19|20)\d\d")


def find_dates(*, tokens: Sequence[Token]) -> Iterable[tuple[int, int, date]]:
    """Yield first token, last token and latest possible day of each date or year of a text."""
    for at, token in enumerate(tokens):
        if not _YEAR.fullmatch(token.folded):
            continue
        first = last = at
        parts = [token.folded]
        while (
            last + 1 < len(tokens)
            and tokens[last + 1].word == token.word
            and tokens[last + 1].folded.isdigit()
        ):
            last += 1
            parts.append(tokens[last].folded)
        before: list[str] = []
        while first > 0 and tokens[first - 1].word == token.word and tokens[first - 1].folded.isdigit():
            first -= 1
            before.insert(0, tokens[first].folded)
        month = None
        if first == at and at > 0 and tokens[at - 1].sentence == token.sentence:
            month = _MONTHS.get(tokens[at - 1].folded)
            first = at - 1 if month else at
        latest = _latest_day(parts, before, month)
        if latest is not None:
            yield first, last, latest


def _latest_day(parts: Sequence[str], before: Sequence[str], month: int | None) -> date | None:
    year = parts[0]
    if month is not None:
        spellings = [f"{year}-{month:02d}"]
    elif before:
        # 03/04/2009 is 3 April or 4 March: the later of the two decides.
        spellings = [f"{year}-{number.zfill(2)}" for number in before]
    else:
        spellings = ["-".join([year, *(number.zfill(2) for number in parts[1:3])])]
    days = []
    for spelling in spellings:
        try:
            days.append(PartialDate.parse(spelling).latest)
        except NotADate:
            continue
    return max(days, default=PartialDate.parse(year).latest)
