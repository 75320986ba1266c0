"""The merely unlikely: asked about beside the field, with the likely fix, and never refused.

Source: clinical-reference.md 8.1 (soft limits) and 8.3: 4 (neutrophils and lymphocytes are part of the white
blood cells), 5 (a factor of a hundred to the previous value), 6 (haemoglobin by more than 30 g/L in 48 hours
and platelets three times as many in 24 hours, both without transfusion; creatinine half as much again).
Samples have a day and no hour, so 48 hours are two days and 24 hours are one.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Decimal

from registry.clinical.analytes import Analyte
from registry.clinical.refusals import EntryRefused
from registry.clinical.spoken_dates import spoken
from registry.clinical.units import (
    AmbiguousNumber,
    Comparator,
    EnteredValue,
    ImpossibleValue,
    LabValue,
    analyte_of,
    format_value,
    likely_units,
    read_result,
    to_canonical,
    unit_label,
)

_FOLD = Decimal(100)
_HAEMOGLOBIN_STEP_G_PER_L = Decimal(30)
_HAEMOGLOBIN_WITHIN_DAYS = 2
_PLATELETS_TIMES = Decimal(3)
_PLATELETS_WITHIN_DAYS = 1
_CREATININE_TIMES = Decimal("1.5")
_PARTS_OF_WHOLE = Decimal("1.05")
_SPOKEN_FROM = Decimal(2)  # a value less than twice or half the last one is not called so many times of it

IS_RIGHT = "Is it as the laboratory reported it?"


@dataclass(frozen=True, slots=True)
class Earlier:
    """The patient's latest result before the one in question, in the canonical unit."""

    value: Decimal
    comparator: Comparator
    on: date


@dataclass(frozen=True, slots=True)
class Reported:
    """A result as typed, read and possible; collected `on`."""

    analyte: str
    unit: str
    on: date
    read: LabValue


@dataclass(frozen=True, slots=True)
class Fix:
    """What the report may have said instead: another unit for the same number, another reading of it."""

    text: str
    unit: str

    @property
    def words(self) -> str:
        """`40 /µL`."""
        return f"{self.text} {unit_label(self.unit)}"


@dataclass(frozen=True, slots=True)
class Unlikely:
    """A question about a value, and what the report may have said instead."""

    question: str
    fixes: tuple[Fix, ...] = ()

    @property
    def for_people(self) -> str:
        return self.question


def unlikely(
    reported: Reported, *, previous: Earlier | None, transfusions: Collection[tuple[date, str]] = ()
) -> Unlikely | None:
    """Return the question to ask about a result, or None when it is usual.

    `transfusions`: day and kind of the supportive treatments that may explain a step (code_lists).
    """
    measured = analyte_of(reported.analyte)
    reason = _why(reported, measured=measured, previous=previous)
    fixes: tuple[Fix, ...] = ()
    if reason:
        units = likely_units(entered=reported.read.entered, analyte=measured.key, unit=reported.unit)
        fixes = tuple(Fix(reported.read.entered.text, unit) for unit in units)
    elif previous is not None:
        reason = _delta(reported, previous=previous, transfusions=transfusions)
    if not reason:
        return None
    asked = _ask_for(fixes, entered=reported.read.entered, measured=measured) or IS_RIGHT
    return Unlikely(question=f"{_shown(reported, measured)} {reason}. {asked}", fixes=fixes)


def parts_exceed_whole(*, neutrophils: Reported, lymphocytes: Reported, whites: Reported) -> Unlikely | None:
    """Return the question about a differential count whose parts are more than the whole, by over 5 %.

    Of `<x` the least is none; above `>x` there is no whole to exceed. The three are of one sample.
    """
    if whites.read.entered.comparator == ">":
        return None
    parts = [
        Decimal(0) if part.read.entered.comparator == "<" else part.read.canonical
        for part in (neutrophils, lymphocytes)
    ]
    if sum(parts) <= whites.read.canonical * _PARTS_OF_WHOLE:
        return None
    anc, alc = (
        ("<" if part.read.entered.comparator == "<" else "")
        + format_value(part.read.canonical, analyte="WBC")
        for part in (neutrophils, lymphocytes)
    )
    both, wbc = (
        format_value(value, analyte="WBC") for value in (sum(parts, Decimal(0)), whites.read.canonical)
    )
    return Unlikely(
        question=f"Neutrophils {anc} ×10⁹/L and lymphocytes {alc} ×10⁹/L make {both} ×10⁹/L, more than the"
        f" white blood cells, {wbc} ×10⁹/L. Are all three counts of one sample, none of them a percentage?"
    )


def fixes_of_refused(text: str, *, analyte: str, unit: str, decimal_comma: bool) -> tuple[Fix, ...]:
    """Return what a value that cannot be taken may have been; empty when nothing suggests itself."""
    try:
        read_result(text, analyte=analyte, unit=unit, decimal_comma=decimal_comma)
    except ImpossibleValue as refusal:
        return tuple(Fix(text.strip(), fit) for fit in refusal.likely_units)
    except AmbiguousNumber as refusal:
        return tuple(
            Fix(reading, unit) for reading in refusal.readings if _is_possible(reading, analyte, unit)
        )
    except EntryRefused:
        return ()
    return ()


def _is_possible(text: str, analyte: str, unit: str) -> bool:
    try:
        read_result(text, analyte=analyte, unit=unit, decimal_comma=False)
    except EntryRefused:
        return False
    return True


def _why(reported: Reported, *, measured: Analyte, previous: Earlier | None) -> str:
    value = reported.read.canonical
    times = _times(value, measured=measured, previous=previous)
    # Zero is no unit mistake: neutrophils and B cells do go to none and come back.
    if previous and previous.value and value and _is_far(value, previous.value):
        return times
    if measured.soft_low is not None and value < measured.soft_low:
        return times or f"is unusually low{_last(measured, previous)}"
    if measured.soft_high is not None and value > measured.soft_high:
        return times or f"is unusually high{_last(measured, previous)}"
    return ""


def _is_far(value: Decimal, last: Decimal) -> bool:
    return not last / _FOLD < value < last * _FOLD


def _delta(reported: Reported, *, previous: Earlier, transfusions: Collection[tuple[date, str]]) -> str:
    if reported.read.entered.comparator or previous.comparator:
        return ""
    value, days = reported.read.canonical, (reported.on - previous.on).days
    last = f"the last value ({_spoken(previous, reported.analyte)})"

    def is_transfused(kind: str) -> bool:
        return any(given == kind and previous.on <= on <= reported.on for on, given in transfusions)

    if reported.analyte == "HGB" and days <= _HAEMOGLOBIN_WITHIN_DAYS:
        step = value - previous.value
        if abs(step) > _HAEMOGLOBIN_STEP_G_PER_L and not is_transfused("rbc_transfusion"):
            shown = format_value(abs(step), analyte="HGB")
            side = "more" if step > 0 else "less"
            return f"is {shown} g/L {side} than {last}, and no red-cell transfusion is recorded in between"
    if (
        reported.analyte == "PLT"
        and days <= _PLATELETS_WITHIN_DAYS
        and previous.value
        and value >= previous.value * _PLATELETS_TIMES
        and not is_transfused("platelet_transfusion")
    ):
        times = _one_decimal(value / previous.value)
        return f"is {times} times {last}, and no platelet transfusion is recorded in between"
    if reported.analyte == "CREATININE" and previous.value and value >= previous.value * _CREATININE_TIMES:
        return f"is {_one_decimal(value / previous.value)} times {last}"
    return ""


def _shown(reported: Reported, measured: Analyte) -> str:
    """The value as typed, and in the canonical unit where that is another size."""
    entered = reported.read.entered
    shown = f"{entered.text} {unit_label(reported.unit)}"
    if measured.units[reported.unit] == 1:
        return shown
    return f"{shown} (= {_canonical(reported.read.canonical, entered, measured)})"


def _canonical(value: Decimal, entered: EnteredValue, measured: Analyte) -> str:
    number = format_value(value, analyte=measured.key)
    return f"{entered.comparator}{number} {unit_label(measured.canonical_unit)}"


def _times(value: Decimal, *, measured: Analyte, previous: Earlier | None) -> str:
    if previous is None or not previous.value or not value:
        return ""
    last = f"the last value ({_spoken(previous, measured.key)})"
    if value >= previous.value * _SPOKEN_FROM:
        return f"is {int(value / previous.value)} times {last}"
    if value * _SPOKEN_FROM <= previous.value:
        return f"is 1/{int(previous.value / value)} of {last}"
    return ""


def _last(measured: Analyte, previous: Earlier | None) -> str:
    return "" if previous is None else f" (last value {_spoken(previous, measured.key)})"


def _spoken(previous: Earlier, analyte: str) -> str:
    value = format_value(previous.value, analyte=analyte)
    unit = unit_label(analyte_of(analyte).canonical_unit)
    return f"{previous.comparator}{value} {unit} on {spoken(previous.on)}"


def _one_decimal(times: Decimal) -> str:
    return format(times.quantize(Decimal("0.1"), rounding=ROUND_DOWN).normalize(), "f")


def _ask_for(fixes: tuple[Fix, ...], *, entered: EnteredValue, measured: Analyte) -> str:
    """`Did the report say 40 per µL (= 0.04 ×10⁹/L)?`"""
    if not fixes:
        return ""
    readings = []
    for fix in fixes:
        label = unit_label(fix.unit)
        written = f"{fix.text} per {label[1:]}" if label.startswith("/") else fix.words
        value = to_canonical(entered.number, analyte=measured.key, unit=fix.unit)
        readings.append(f"{written} (= {_canonical(value, entered, measured)})")
    return f"Did the report say {' or '.join(readings)}?"
