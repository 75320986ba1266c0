"""Numbers and units of a laboratory report: read, converted, refused when impossible, shown.

Source: contract.md section 3; clinical-reference.md 8.2 and 8.3 (unit mandatory, exact spelling, comma
asked about). Nothing is guessed: a factor wrong by a thousand turns a severe neutropenia into a normal count.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal, Inexact, InvalidOperation
from typing import Literal

from registry.clinical.analytes import ANALYTES, Analyte
from registry.clinical.refusals import EntryRefused, shortened
from registry.clinical.short_names import name_in_short

Comparator = Literal["", "<", ">"]

_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])
_MOST_DIGITS = 12
_MOST_DECIMALS = 7  # a unit's factor adds three, and ten are kept
_LONGEST = 30  # characters
_NUMBER = re.compile(r"([<>]?)\s*((?:\d+(?:\.\d+)?)|(?:\.\d+))", re.ASCII)
_OR_EQUAL = re.compile(r"(≤|⩽|<=|≥|⩾|>=)\s*(.+)", re.ASCII)
_WITH_COMMA = re.compile(r"([<>]?)\s*(\d*),(\d+)", re.ASCII)
_MINUS = ("-", "−", "–")


class UnknownAnalyte(EntryRefused):
    """The registry keeps no analyte of this key."""


class UnknownUnit(EntryRefused):
    """The analyte is not reported in this unit, as spelled."""


class NotANumber(EntryRefused):
    """The text is no plain number, `<number` or `>number`."""


class AmbiguousNumber(NotANumber):
    """A number that can be read in two ways, `readings`.

    A comma before three digits: 1,200 is 1.2 in one country and 1200 in the next. Or ≤0.1, which is <0.1
    where a laboratory cannot measure less, and 0.1 where it was measured.
    """

    def __init__(self, value: str, problem: str, accepted: str, *, readings: tuple[str, ...]) -> None:
        super().__init__(value, problem, accepted)
        self.readings = readings


class ImpossibleValue(EntryRefused):
    """Outside the hard limits of the analyte. `likely_units` would make the same number plausible."""

    def __init__(self, value: str, problem: str, accepted: str, *, likely_units: tuple[str, ...]) -> None:
        super().__init__(value, problem, accepted)
        self.likely_units = likely_units


@dataclass(frozen=True, slots=True)
class EnteredValue:
    """A result as reported: `<0.1` has comparator `<` and number 0.1. `text` is what was typed."""

    comparator: Comparator
    number: Decimal
    text: str

    @property
    def as_kept(self) -> str:
        """The result as it is kept and said back: with a decimal point, whatever was typed."""
        return f"{self.comparator}{format(self.number, 'f')}"


@dataclass(frozen=True, slots=True)
class LabValue:
    """A result that may be kept: as entered, and exactly in the canonical unit."""

    entered: EnteredValue
    canonical: Decimal


def analyte_of(key: str) -> Analyte:
    """Return the analyte with this key; raises UnknownAnalyte."""
    if key in ANALYTES:
        return ANALYTES[key]
    close = [known for known in ANALYTES if _folded(known) == _folded(key)]
    raise UnknownAnalyte(
        key,
        f"{shortened(key)} is not an analyte of this registry." if key.strip() else "The analyte is missing.",
        f"Write {close[0]}." if close else f"Analytes: {', '.join(ANALYTES)}.",
    )


def to_canonical(value: Decimal, *, analyte: str, unit: str) -> Decimal:
    """Return `value` in the analyte's canonical unit, without rounding.

    400 /uL of ANC becomes 0.400 x 10^9/L. Raises UnknownAnalyte, and UnknownUnit rather than guessing.
    """
    return _EXACT.multiply(value, _factor(analyte_of(analyte), unit))


def read_value(text: str, *, decimal_comma: bool) -> EnteredValue:
    """Read a number, `<number` or `>number`; files have a decimal point, pages may take a comma as well.

    Raises NotANumber, and AmbiguousNumber for a comma followed by exactly three digits and for ≤ or ≥.
    """
    stripped = text.strip()
    if found := _OR_EQUAL.fullmatch(stripped):
        _refuse_or_equal(stripped, found, decimal_comma=decimal_comma)
    _, _, decimals = stripped.replace(",", ".").partition(".")
    if (
        len(stripped) > _LONGEST
        or sum(map(str.isdigit, stripped)) > _MOST_DIGITS
        or len(decimals) > _MOST_DECIMALS
    ):
        raise NotANumber(
            stripped,
            f"{shortened(stripped)} is too long for a number.",
            f"Write at most {_MOST_DIGITS} digits, {_MOST_DECIMALS} of them after the decimal point.",
        )
    with_point = _comma_to_point(stripped, decimal_comma=decimal_comma)
    found = _NUMBER.fullmatch(with_point)
    if not found:
        raise NotANumber(stripped, *_not_a_number(stripped))
    return EnteredValue(comparator=_comparator(found[1]), number=Decimal(found[2]), text=stripped)


def refuse_impossible(value_canonical: Decimal, *, analyte: str, entered: EnteredValue, unit: str) -> None:
    """Raise ImpossibleValue for a value outside the hard limits, which are themselves possible.

    The refusal names the units in which the same number would be plausible.
    """
    measured = analyte_of(analyte)
    if measured.hard_low <= value_canonical <= measured.hard_high:
        return
    fixes = likely_units(entered=entered, analyte=analyte, unit=unit)
    limits = f"{_plain(measured.hard_low)} to {_plain(measured.hard_high)}"
    raise ImpossibleValue(
        entered.text,
        f"{name_in_short(analyte)} {entered.text} {unit_label(unit)} is not possible.",
        ask_for_unit(fixes, analyte=analyte)
        or f"{measured.name}: {limits} {unit_label(measured.canonical_unit)}. Check the number and the unit.",
        likely_units=fixes,
    )


def read_result(text: str, *, analyte: str, unit: str, decimal_comma: bool) -> LabValue:
    """Read a result of a report into what may be kept.

    Raises UnknownAnalyte, UnknownUnit, NotANumber, AmbiguousNumber or ImpossibleValue.
    """
    measured = analyte_of(analyte)
    _factor(measured, unit)
    entered = read_value(text, decimal_comma=decimal_comma)
    canonical = to_canonical(entered.number, analyte=analyte, unit=unit)
    refuse_impossible(canonical, analyte=analyte, entered=entered, unit=unit)
    return LabValue(entered=entered, canonical=canonical)


def likely_units(*, entered: EnteredValue, analyte: str, unit: str) -> tuple[str, ...]:
    """Return the units, one per size, in which the number entered lies within the soft limits."""
    measured = analyte_of(analyte)
    low = measured.hard_low if measured.soft_low is None else measured.soft_low
    high = measured.hard_high if measured.soft_high is None else measured.soft_high
    tried = {measured.units[unit]}
    found = []
    for spelling, factor in measured.units.items():
        if factor in tried:
            continue
        tried.add(factor)
        if low <= _EXACT.multiply(entered.number, factor) <= high:
            found.append(spelling)
    return tuple(found)


def ask_for_unit(units: tuple[str, ...], *, analyte: str) -> str:
    """Return the question whether the report had one of `units`; empty when there is none to ask about."""
    if not units:
        return ""
    spoken = " or ".join("cells/µL" if unit_label(unit) == "/µL" else unit_label(unit) for unit in units)
    choice = _choice(units[0], analyte=analyte) if len(units) == 1 else "the unit of the report"
    return f"Did the laboratory report {spoken}? Choose {choice}."


def format_value(value: Decimal, *, analyte: str) -> str:
    """Return a canonical value for display, cut to the analyte's decimals, without trailing zeros.

    Cut, not rounded: 79.996 g/L shown as 80 would contradict the grade beside it.
    """
    shown = value.quantize(Decimal(1).scaleb(-ANALYTES[analyte].decimals), rounding=ROUND_DOWN)
    return _plain(shown or value)


_LABELS = {
    "10*9/L": "×10⁹/L",
    "10^9/L": "×10⁹/L",
    "10E9/L": "×10⁹/L",
    "10*3/uL": "×10³/µL",
    "10^3/uL": "×10³/µL",
    "10*4/uL": "×10⁴/µL",
    "/mm3": "/mm³",
    "um3": "µm³",
    "umol/L": "µmol/L",
    "ukat/L": "µkat/L",
    "ug/L": "µg/L",
    "[IU]/mL": "IU/mL",
    "{copies}/ug": "copies/µg",
    "copies/ug": "copies/µg",
}


def unit_label(unit: str) -> str:
    """Return a unit as people write it: 10*9/L is ×10⁹/L, /uL is /µL. For eyes, never for files."""
    return _LABELS.get(unit, unit.replace("/uL", "/µL"))


def _factor(analyte: Analyte, unit: str) -> Decimal:
    if unit in analyte.units:
        return analyte.units[unit]
    close = [known for known in analyte.units if _folded(known) == _folded(unit)]
    problem = (
        f"{name_in_short(analyte.key)} is not reported in {shortened(unit)}."
        if unit.strip()
        else f"The unit of {name_in_short(analyte.key)} is missing."
    )
    if close:
        raise UnknownUnit(
            unit, problem, f"Did the laboratory report {' or '.join(close)}? Every letter and capital counts."
        )
    raise UnknownUnit(unit, problem, f"Units of {name_in_short(analyte.key)}: {', '.join(analyte.units)}.")


def _comma_to_point(text: str, *, decimal_comma: bool) -> str:
    found = _WITH_COMMA.fullmatch(text)
    if not found:
        return text
    comparator, whole, fraction = found.groups()
    if not decimal_comma:
        raise NotANumber(
            text, f"{text} has a comma.", f"Numbers in files have a decimal point: {whole or 0}.{fraction}."
        )
    if len(fraction) == 3:
        readings = [f"{comparator}{whole or 0}.{fraction}"]
        if whole.strip("0"):
            readings.append(f"{comparator}{whole}{fraction}")
        raise AmbiguousNumber(
            text,
            f"{text} has three digits after the comma.",
            f"Write {' or '.join(readings)}.",
            readings=tuple(readings),
        )
    return f"{comparator}{whole}.{fraction}"


def _refuse_or_equal(text: str, found: re.Match[str], *, decimal_comma: bool) -> None:
    entered = read_value(found[2], decimal_comma=decimal_comma)
    if entered.comparator:
        raise NotANumber(text, *_not_a_number(text))
    number, is_low = format(entered.number, "f"), found[1] in "≤⩽<="
    sign, side, limit = ("<", "less", "lower") if is_low else (">", "more", "upper")
    raise AmbiguousNumber(
        text,
        f"{shortened(text)} is {number} or {side}.",
        f"Write {sign}{number} if that is the {limit} limit of measurement, or {number} if it was measured.",
        readings=(f"{sign}{number}", number),
    )


def _not_a_number(text: str) -> tuple[str, str]:
    if not text:
        return "The value is missing.", "Write a number, <number or >number."
    if text.startswith(_MINUS):
        return f"{shortened(text)} is negative.", "Write a number of 0 or more."
    return (
        f"{shortened(text)} is not a number.",
        "Write digits and one decimal point, such as 0.4, <0.1 or >100.",
    )


def _comparator(sign: str) -> Comparator:
    return "<" if sign == "<" else ">" if sign == ">" else ""


def _choice(unit: str, *, analyte: str) -> str:
    label = unit_label(unit)
    return label if label in ANALYTES[analyte].units else f"{label} (written {unit})"


def _folded(text: str) -> str:
    """For suggestions only. NFKC makes the micro sign and the Greek mu one letter."""
    return (
        unicodedata.normalize("NFKC", text)
        .casefold()
        .replace(" ", "")
        .replace("\N{GREEK SMALL LETTER MU}", "u")
    )


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")
