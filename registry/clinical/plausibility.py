"""The merely unlikely: asked about beside the field, with the likely fix, and never refused.

Source: clinical-reference.md 8.1 (soft limits) and 8.3 (5, a factor of a hundred to the previous value).
"""

from dataclasses import dataclass
from decimal import Decimal

from registry.clinical.analytes import Analyte
from registry.clinical.units import (
    EnteredValue,
    analyte_of,
    ask_for_unit,
    format_value,
    likely_units,
    unit_label,
)

_FOLD = 100


@dataclass(frozen=True, slots=True)
class Unlikely:
    """A question about a value, and the units in which the same number would be usual."""

    question: str
    likely_units: tuple[str, ...]

    @property
    def for_people(self) -> str:
        return self.question


def unlikely(
    value: Decimal, *, analyte: str, previous: Decimal | None, entered: EnteredValue, unit: str
) -> Unlikely | None:
    """Return the question to ask about a canonical value, or None when it is usual.

    Unlikely is outside the soft limits, or a hundred times the patient's previous value or a hundredth of it.
    """
    measured = analyte_of(analyte)
    reason = _why(value, measured=measured, previous=previous)
    if not reason:
        return None
    fixes = likely_units(entered=entered, analyte=analyte, unit=unit)
    shown = f"{analyte} {format_value(value, analyte=analyte)} {unit_label(measured.canonical_unit)}"
    question = ask_for_unit(fixes, analyte=analyte) or "Is it as the laboratory reported it?"
    return Unlikely(question=f"{shown} {reason}. {question}", likely_units=fixes)


def _why(value: Decimal, *, measured: Analyte, previous: Decimal | None) -> str:
    # Zero is no unit mistake: neutrophils and B cells do go to none and come back.
    if previous and value and not previous / _FOLD < value < previous * _FOLD:
        return f"is far from the last value, {format_value(previous, analyte=measured.key)}"
    if measured.soft_low is not None and value < measured.soft_low:
        return "is unusually low"
    if measured.soft_high is not None and value > measured.soft_high:
        return "is unusually high"
    return ""
