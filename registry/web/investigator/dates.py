"""Dates as people type them: day, month by number or name, year. Never guessed, never completed."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from registry.clinical.partial_dates import NotADate, PartialDate
from registry.templatetags.words import on as in_words
from registry.web.drawn_forms import DATE_PARTS

_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_ORDER = "Write day, month and year, such as 4 Apr 2024."
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_TYPED = re.compile(r"(\d{1,2})[\s./-]+(\d{1,2}|[^\W\d_]{3,})\.?[\s./,-]+(\d{4})", re.ASCII)
_UNKNOWN = frozenset({"", "un", "unk", "?", "-"})


def _shown(*parts: str) -> str:
    return " ".join(part[:20] for part in parts if part)


def _month(text: str) -> int | None:
    """3, 03, mar and March are 3; None when it is none of the twelve."""
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 12:
        return int(text)
    named = text.casefold().rstrip(".")
    found = [
        place for place, name in enumerate(_MONTHS, start=1) if len(named) >= 3 and name.startswith(named)
    ]
    return found[0] if found else (9 if named == "sept" else None)


def read_date(day: str, month: str, year: str) -> date:
    """Read a complete date of three parts; raises ValidationError that says what was read."""
    found = read_partial(day, month, year)
    if found is None or not found.is_complete:
        raise ValidationError(f"{_shown(day, month, year) or 'The date'} is not complete. {_ORDER}")
    return found.earliest


def read_partial(day: str, month: str, year: str) -> PartialDate | None:
    """Read a date of which day, or day and month, may be unknown; None when nothing is known."""
    day, month, year = (("" if part.casefold() in _UNKNOWN else part) for part in (day, month, year))
    if not (day or month or year):
        return None
    shown = _shown(day, month, year)
    if not (year.isascii() and year.isdigit() and len(year) == 4):
        raise ValidationError(f"{shown} has no year of four digits. {_ORDER}")
    if day and not month:
        raise ValidationError(f"{shown} has a day and no month. Leave the day empty, or give the month.")
    number = _month(month) if month else None
    if month and number is None:
        raise ValidationError(f"{month[:20]} is not a month. Write 4, Apr or April.")
    if day and not (day.isascii() and day.isdigit() and len(day) <= 2):
        raise ValidationError(f"{day[:20]} is not a day of a month. {_ORDER}")
    text = year + (f"-{number:02}" if number else "") + (f"-{int(day):02}" if day else "")
    try:
        return PartialDate.parse(text)
    except NotADate as refusal:
        raise ValidationError(
            f"{shown} is not a day of the calendar. Check day, month and year."
        ) from refusal


def read_typed(text: str) -> date:
    """Read a date typed into one box: `4 Apr 2024`, `4.4.2024`, `2024-04-04`; the day stands first."""
    if found := _ISO.fullmatch(text):
        return read_date(found[3], found[2], found[1])
    if found := _TYPED.fullmatch(text):
        return read_date(found[1], found[2], found[3])
    raise ValidationError(f"{text[:40]} is not a date. {_ORDER}")


class DayField(forms.CharField):
    """A date in one box, for grids."""

    def __init__(self, **kwargs: Any):
        kwargs.setdefault("required", False)
        super().__init__(**kwargs)
        self.widget.attrs.update({"class": "input--date", "autocomplete": "off"})

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        return read_typed(text) if text else None

    def prepare_value(self, value: Any) -> Any:
        return in_words(value) if isinstance(value, date) else value


class PartsWidget(forms.MultiWidget):
    """Three boxes: day, month, year. Focus never jumps by itself."""

    template_name = DATE_PARTS

    def __init__(self) -> None:
        super().__init__(widgets={part: forms.TextInput() for part in ("day", "month", "year")})

    def decompress(self, value: Any) -> list[str]:
        if isinstance(value, PartialDate | date):
            year, month, day = [*str(value).split("-"), "", ""][:3]
            return [day.lstrip("0"), month.lstrip("0"), year]
        return ["", "", ""]


class PartsField(forms.MultiValueField):
    """A complete date of three parts; None when all are empty."""

    reads_partial = False

    def __init__(self, **kwargs: Any):
        parts = tuple(forms.CharField(required=False) for _ in range(3))
        super().__init__(
            fields=parts, widget=PartsWidget(), require_all_fields=False, **{"required": False, **kwargs}
        )

    def compress(self, data_list: Sequence[str]) -> Any:
        day, month, year = [*(part.strip() for part in data_list), "", "", ""][:3]
        if self.reads_partial:
            return read_partial(day, month, year)
        return read_date(day, month, year) if (day or month or year) else None


class PartialPartsField(PartsField):
    """A date of which the day, or day and month, may be left empty."""

    reads_partial = True
