"""Fields of the visit form's further sections, written by hand in their templates.

A section has a hundred of them, and a widget each would make the page slow. What was typed comes back
whatever it is, also from a draft, and is judged only when asked.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from django.core.exceptions import ValidationError
from django.http import QueryDict

from registry.clinical.partial_dates import PartialDate
from registry.clinical.refusals import Problem
from registry.templatetags.words import on as in_words
from registry.web.investigator.dates import read_partial

_ISO = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", re.ASCII)
_DAY = re.compile(r"(\d{1,2})[\s./-]+(\d{1,2}|[^\W\d_]{3,})\.?[\s./,-]+(\d{4})", re.ASCII)
_MONTH = re.compile(r"(\d{1,2}|[^\W\d_]{3,})\.?[\s./,-]+(\d{4})", re.ASCII)
_EXAMPLES = "Write 4 Apr 2024, Apr 2024 or 2024."


def read_typed_partial(text: str) -> PartialDate | None:
    """Read a date of one box as precisely as it is known; None when empty. Raises ValidationError."""
    typed = text.strip()
    if not typed:
        return None
    if found := _ISO.fullmatch(typed):
        return read_partial(found[3] or "", found[2] or "", found[1])
    if found := _DAY.fullmatch(typed):
        return read_partial(found[1], found[2], found[3])
    if found := _MONTH.fullmatch(typed):
        return read_partial("", found[1], found[2])
    raise ValidationError(f"{typed[:40]} is not a date. {_EXAMPLES}")


def shown_partial(value: PartialDate | date | str | None) -> str:
    """Return a date as it may be typed again: `4 Apr 2024`, `Apr 2024`, `2024`."""
    return in_words(str(value)) if value else ""


@dataclass(slots=True)
class Typed:
    """One field: its name in the form, what stands in it, what is wrong with it."""

    name: str
    label: str
    value: str = ""
    errors: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"id_{self.name}"


class TypedFields:
    """The fields of one section: bound to what was sent, or showing what is recorded."""

    def __init__(self, *, key: str, data: QueryDict | None):
        self.key = key
        # A form that never showed the section says nothing about it.
        self.data = data if data is not None and f"{key}-shown" in data else None
        self.others: list[str] = []
        self._fields: dict[str, Typed] = {}

    @property
    def is_bound(self) -> bool:
        return self.data is not None

    def add(self, name: str, *, label: str, recorded: object = "") -> Typed:
        """Add a field with what was typed, or with what is recorded."""
        full = f"{self.key}-{name}"
        value = self.data.get(full, "").strip() if self.data is not None else str(recorded or "")
        found = Typed(full, label, value)
        self._fields[name] = found
        return found

    def was_sent(self, name: str) -> bool:
        """Whether the form that was sent had this field, filled in or not."""
        return self.data is not None and f"{self.key}-{name}" in self.data

    def chosen(self, name: str, *, recorded: Iterable[str]) -> set[str]:
        """Return the values of a group of ticks."""
        return set(self.data.getlist(f"{self.key}-{name}")) if self.data is not None else set(recorded)

    def __getitem__(self, name: str) -> Typed:
        return self._fields[name]

    def value(self, name: str) -> str:
        return self._fields[name].value

    def refuse(self, name: str, words: str) -> None:
        """Put an error beside a field; above all when there is no such field."""
        if name in self._fields:
            self._fields[name].errors.append(words)
        else:
            self.others.append(words)

    def refuse_all(self, name: str, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.refuse(name, problem.for_people)

    def date(self, name: str) -> PartialDate | None:
        """Return the date typed, as precisely as it is known; an unreadable one is an error and None."""
        try:
            return read_typed_partial(self._fields[name].value)
        except ValidationError as refusal:
            self.refuse(name, refusal.messages[0])
            return None

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Every error as the id of its field and words, in the order of the page."""
        return [("", words) for words in self.others] + [
            (found.id, f"{found.label}: {words}") for found in self._fields.values() for words in found.errors
        ]

    @property
    def are_filled(self) -> bool:
        return any(found.value for found in self._fields.values())
