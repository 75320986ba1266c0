"""Checks that any entry can meet: text, codes, and dates against a life. In the words of refusals.py.

Each returns the problems found; an empty list is fine. Fields are named as in contract.md section 3.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from registry.clinical.code_lists import TEXT_LIMITS
from registry.clinical.partial_dates import PartialDate
from registry.clinical.refusals import CONTROL_CHARACTER, Problem, shortened
from registry.clinical.spoken_dates import spoken

_FORMS = {
    "ICD-10": re.compile(r"[A-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?", re.ASCII),
    "ICD-O-3": re.compile(r"[89]\d{3}/[012369]", re.ASCII),
    "MedDRA": re.compile(r"\d{8}", re.ASCII),
    # CTCAE names its terms by MedDRA code or, in print, by words.
    "CTCAE": re.compile(r".*\w.*"),
}
# Lists coded in WHO's ICD-10 meet C7A, C7B and D47.Z1 in practice, so both take the wider form.
_FORMS["ICD-10-CM"] = _FORMS["ICD-10"]
_EXAMPLES = {
    "ICD-10": "a code such as D46.9",
    "ICD-10-CM": "a code such as D47.Z1",
    "ICD-O-3": "morphology and behaviour such as 9702/3",
    "MedDRA": "eight digits such as 10029366",
    "CTCAE": "the MedDRA code of the CTCAE term",
}


def check_text(*, field: str, value: str, maximum: int) -> list[Problem]:
    """Refuse control characters and text longer than `maximum` characters; empty text is fine."""
    if len(value) > maximum:
        return [
            Problem(
                field,
                shortened(value),
                f"The text has {len(value)} characters.",
                f"Write at most {maximum}.",
            )
        ]
    if found := CONTROL_CHARACTER.search(value):
        return [
            Problem(
                field,
                shortened(value),
                f"Character {found.start() + 1} is a control character (U+{ord(found[0]):04X}).",
                "Remove it; if accents are broken as well, save the file as UTF-8.",
            )
        ]
    return []


def check_required_text(*, field: str, value: str) -> list[Problem]:
    """As check_text with the field's own limit, and not blank."""
    return check_present(field=field, value=value) or check_text(
        field=field, value=value, maximum=TEXT_LIMITS[field]
    )


def check_texts(**texts: str) -> list[Problem]:
    """As check_text with the fields' own limits, for optional texts named by field."""
    return [
        problem
        for field, value in texts.items()
        for problem in check_text(field=field, value=value, maximum=TEXT_LIMITS[field])
    ]


def check_present(*, field: str, value: object) -> list[Problem]:
    """Refuse None and blank text."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return [missing(field=field)]
    return []


def missing(*, field: str) -> Problem:
    """Return the problem of a field that must be filled."""
    words = field.replace("_id", "").replace("_", " ")
    return Problem(field, "", f"The field {words} is empty.", "It must be given.")


def check_listed(*, field: str, value: str, codes: Mapping[str, str], required: bool = True) -> list[Problem]:
    """Refuse a code that is not on its list, as spelled; empty only when it must be given."""
    if not value:
        return [Problem(field, "", "It must be given.", f"One of: {', '.join(codes)}.")] if required else []
    if value in codes:
        return []
    close = [code for code in codes if code.casefold() == value.strip().casefold()]
    accepted = f"Write {close[0]}." if close else f"One of: {', '.join(codes)}."
    return [Problem(field, shortened(value), f"{shortened(value)} is not on the list.", accepted)]


def check_all_listed(*, field: str, values: Collection[str], codes: Mapping[str, str]) -> list[Problem]:
    """As check_listed, for a field that holds several codes or none."""
    return [problem for value in values for problem in check_listed(field=field, value=value, codes=codes)]


def check_whole_number(*, field: str, value: int | None, low: int, high: int) -> list[Problem]:
    """Refuse a count outside `low` to `high`; None is not known."""
    if value is None or low <= value <= high:
        return []
    return [Problem(field, str(value), f"{value} is not possible.", f"A whole number from {low} to {high}.")]


def check_decimals(*, field: str, value: Decimal, most: int) -> list[Problem]:
    """Refuse more decimals than are kept, rather than rounding in silence."""
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent >= -most:
        return []
    return [
        Problem(
            field, str(value), f"{value} cannot be kept exactly.", f"A number with at most {most} decimals."
        )
    ]


def check_code(*, system: str, code: str) -> list[Problem]:
    """Refuse a code that is not of the form of its system; whether it is in the dictionary is not asked."""
    form = _FORMS.get(system)
    if form is None or form.fullmatch(code):
        return []
    return [
        Problem(
            "code", shortened(code), f"{shortened(code)} is no {system} code.", f"Write {_EXAMPLES[system]}."
        )
    ]


@dataclass(frozen=True, slots=True)
class Life:
    """What a date of a record cannot contradict. `today` is the date at the site."""

    birth_year: int | None
    died_on: date | None
    today: date

    def check(self, *, field: str, on: date | PartialDate | None, what: str) -> list[Problem]:
        """Refuse a date in the future, after death or before birth; None is not known."""
        if on is None:
            return []
        earliest, latest = (on.earliest, on.latest) if isinstance(on, PartialDate) else (on, on)
        text = str(on)
        dated = f"{what} on {spoken(earliest)}" if earliest == latest else f"{what} in {text}"
        if earliest > self.today:
            return [
                Problem(
                    field,
                    text,
                    f"{dated} lies in the future.",
                    f"Give a date up to today, {spoken(self.today)}.",
                )
            ]
        if self.died_on is not None and earliest > self.died_on:
            death = spoken(self.died_on)
            return [
                Problem(
                    field,
                    text,
                    f"{dated} is after death on {death}.",
                    f"Give a date up to {death}, or correct the date of death first.",
                )
            ]
        if self.birth_year is not None and latest.year < self.birth_year:
            return [
                Problem(
                    field,
                    text,
                    f"{dated} is before birth in {self.birth_year}.",
                    "Give a later date, or correct the year of birth first.",
                )
            ]
        return []

    def check_required(self, *, field: str, on: date | None, what: str) -> list[Problem]:
        """As check, and the date must be given."""
        return [missing(field=field)] if on is None else self.check(field=field, on=on, what=what)
