"""LICATS: the class of onset, the grade by the care that was needed, and a hint that decides nothing.

Source: clinical-reference.md 2.6; Hagen et al., Lancet Rheumatol 2025, doi 10.1016/S2665-9913(25)00091-8.
LICATS and a flare cannot be told apart for certain, and the label changes results; hence the record keeps
the investigator's label and an adjudicated one, and this only says what speaks for which.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from registry.clinical.study_days import add_months

EARLY_UP_TO_DAYS = 14
B_CELLS_ABSENT_BELOW_PER_UL = Decimal(10)
ONSETS = {
    "early": "early, within 2 weeks of the infusion",
    "intermediate": "intermediate, more than 2 weeks and up to 1 month after the infusion",
    "late": "late, more than 1 month after the infusion",
}
_GRADE_OF_CARE = {"none": 1, "outpatient": 2, "hospital": 3, "intensive_care": 4}


def onset_class(*, started_on: date, day_zero: date) -> str | None:
    """Return `early` to day 14, `intermediate` to one calendar month, else `late`; None before day 0."""
    if started_on < day_zero:
        return None
    if started_on <= day_zero + timedelta(days=EARLY_UP_TO_DAYS):
        return "early"
    return "intermediate" if started_on <= add_months(day_zero, 1) else "late"


def grade_by_care(*, care: str) -> int | None:
    """Return the LICATS severity of the care needed: 1 none to 4 intensive care; None when not answered."""
    return _GRADE_OF_CARE.get(care)


@dataclass(frozen=True, slots=True)
class Leaning:
    """What speaks for LICATS and what for a flare, each in words. A person decides."""

    for_licats: tuple[str, ...]
    for_flare: tuple[str, ...]
    is_licats_like: bool

    @property
    def words(self) -> str:
        """Where the answers lean; never a label."""
        if self.is_licats_like:
            return "The answers look like LICATS."
        if self.for_flare:
            return "The answers look like a flare."
        return "The answers lean to neither."


def leaning(
    *,
    is_organ_at_baseline: bool | None,
    b_cells_per_ul: Decimal | None,
    is_below_range: bool = False,
    serology: str,
    immunosuppression_started: bool | None,
    resolved_without_it: bool | None,
) -> Leaning:
    """Say what the answers speak for: LICATS-like only when organ, B cells and course all do.

    `is_below_range`: the B cells were reported as less than the value.
    """
    for_licats, for_flare = [], []
    if is_organ_at_baseline:
        for_licats.append("the organ was affected before the infusion")
    elif is_organ_at_baseline is False:
        for_flare.append("the organ was not affected before the infusion")
    is_absent = b_cells_per_ul is not None and (
        b_cells_per_ul < B_CELLS_ABSENT_BELOW_PER_UL
        or (is_below_range and b_cells_per_ul <= B_CELLS_ABSENT_BELOW_PER_UL)
    )
    if is_absent:
        for_licats.append("B cells below 10 per µL at onset")
    elif b_cells_per_ul is not None and not is_below_range:
        for_flare.append("B cells had returned: 10 per µL or more at onset")
    if resolved_without_it:
        for_licats.append("it resolved without new immunosuppression")
    if immunosuppression_started:
        for_flare.append("new immunosuppression was needed")
    if serology == "active":
        for_flare.append("anti-dsDNA rising, or C3 or C4 falling")
    is_licats_like = bool(is_organ_at_baseline and is_absent and resolved_without_it) and not for_flare
    return Leaning(tuple(for_licats), tuple(for_flare), is_licats_like)
