"""Antibodies by assay, B-cell subsets, and what is normal by the limits of the assay itself.

The same blood gives other numbers in another assay: a value is compared with values of the same assay only.

Source: clinical-reference.md 6 (anti-dsDNA, complement, B cells: depletion is CD19 below 10/µL).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from registry.clinical.code_lists import CodeList
from registry.clinical.refusals import EntryRefused, Problem, shortened
from registry.clinical.units import read_value

DEPLETED_BELOW = Decimal(10)  # CD19+ B cells per µL

ASSAYS: CodeList = MappingProxyType(
    {
        "elisa": "ELISA",
        "clia": "Chemiluminescence (CLIA)",
        "clift": "Crithidia (CLIFT), titre",
        "farr": "Farr (radio-immunoassay)",
        "iif": "Immunofluorescence (HEp-2), titre",
        "blot": "Line blot",
        "other": "Other assay",
    }
)
# Reported as a dilution, never as a quantity.
TITRE_ASSAYS = frozenset({"clift", "iif"})
UNITS: CodeList = MappingProxyType({"IU/mL": "IU/mL", "U/mL": "U/mL", "AU/mL": "AU/mL", "index": "index"})
FINDINGS: CodeList = MappingProxyType(
    {"negative": "Negative", "borderline": "Borderline", "positive": "Positive"}
)
ANTIBODIES: CodeList = MappingProxyType(
    {
        "ana": "ANA",
        "anti_sm": "Anti-Sm",
        "anti_rnp": "Anti-U1-RNP",
        "anti_ro": "Anti-Ro (SSA)",
        "anti_la": "Anti-La (SSB)",
        "antiphospholipid": "Antiphospholipid antibodies",
        "anti_scl70": "Anti-Scl-70",
        "anti_centromere": "Anti-centromere",
        "anti_rna_pol3": "Anti-RNA polymerase III",
        "anti_pm_scl": "Anti-PM-Scl",
        "anti_jo1": "Anti-Jo-1",
        "other_synthetase": "Other antisynthetase",
        "anti_mda5": "Anti-MDA5",
        "anti_mi2": "Anti-Mi-2",
        "anti_tif1g": "Anti-TIF1-γ",
        "anti_nxp2": "Anti-NXP2",
        "anti_srp": "Anti-SRP",
        "anti_hmgcr": "Anti-HMGCR",
    }
)
B_CELLS: CodeList = MappingProxyType(
    {
        "naive_b": "Naïve B cells (CD20+ CD27−), % of B cells",
        "memory_b": "Memory B cells (CD20+ CD27+), % of B cells",
    }
)
TESTS: CodeList = MappingProxyType({"anti_dsdna": "Anti-dsDNA", **ANTIBODIES, **B_CELLS})
USUAL_ANTIBODIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "SLE": ("ana", "anti_sm", "anti_rnp", "anti_ro", "anti_la", "antiphospholipid"),
        "SSC": ("ana", "anti_scl70", "anti_centromere", "anti_rna_pol3", "anti_pm_scl"),
        "IIM": (
            "ana",
            "anti_jo1",
            "other_synthetase",
            "anti_mda5",
            "anti_mi2",
            "anti_tif1g",
            "anti_srp",
            "anti_ro",
        ),
        "OTHER": ("ana",),
    }
)
_TITRE = re.compile(r"(?:<\s*)?(?:1\s*[:/]\s*)?(\d{1,6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity of one assay on one day, with the limits the laboratory gave."""

    on: date
    assay: str
    value: Decimal
    comparator: str = ""
    lower_limit: Decimal | None = None
    upper_limit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BCells:
    """When B cells were gone after day 0 and when they were back; None where no count says so."""

    depleted_on: date | None
    returned_on: date | None
    latest_on: date | None


def read_titre(text: str) -> int | None:
    """Read `1:320`, `320` or `<1:10` as the dilution; None when it is none."""
    found = _TITRE.fullmatch(text.strip())
    return int(found[1]) if found and int(found[1]) > 0 else None


def read_quantity(text: str, *, field: str) -> tuple[Decimal | None, str, list[Problem]]:
    """Read a number, `<number` or `>number`: the number, its sign, and what is wrong with it."""
    try:
        entered = read_value(text, decimal_comma=True)
    except EntryRefused as refusal:
        return None, "", [refusal.at(field)]
    return entered.number, entered.comparator, []


def check_share(*, field: str, value: Decimal) -> list[Problem]:
    """Refuse a percentage above 100."""
    if value <= 100:
        return []
    shown = shortened(str(value))
    return [Problem(field, shown, f"{shown} % is not possible.", "A percentage from 0 to 100.")]


def is_at_most(quantity: Quantity) -> bool | None:
    """Whether the value is within the upper limit of its own assay; None when it cannot be told."""
    if quantity.upper_limit is None:
        return None
    if quantity.comparator == ">":
        return False if quantity.value >= quantity.upper_limit else None
    if quantity.comparator == "<" and quantity.value > quantity.upper_limit:
        return None
    return quantity.value <= quantity.upper_limit


def is_at_least(quantity: Quantity) -> bool | None:
    """Whether the value reaches the lower limit of its own laboratory; None when it cannot be told."""
    if quantity.lower_limit is None:
        return None
    if quantity.comparator == "<":
        return False if quantity.value <= quantity.lower_limit else None
    if quantity.comparator == ">" and quantity.value < quantity.lower_limit:
        return None
    return quantity.value >= quantity.lower_limit


def has_normalised(quantities: Iterable[Quantity], *, assay: str) -> tuple[Quantity, Quantity] | None:
    """Return the last raised value of the assay and the first within its limit after it; None when not so."""
    same = sorted((each for each in quantities if each.assay == assay), key=lambda each: each.on)
    raised: Quantity | None = None
    normal: Quantity | None = None
    for each in same:
        within = is_at_most(each)
        if within is False:
            raised, normal = each, None
        elif within and raised is not None and normal is None:
            normal = each
    return (raised, normal) if raised is not None and normal is not None else None


def b_cell_course(counts: Iterable[Quantity], *, day_zero: date) -> BCells:
    """Say when CD19 first fell below 10/µL after day 0, and the first day after that at 10/µL or more.

    `<10` is below; `<20` says neither.
    """
    depleted_on = returned_on = latest_on = None
    for each in sorted(counts, key=lambda each: each.on):
        if each.on < day_zero:
            continue
        latest_on = each.on
        if each.comparator == "<" and each.value > DEPLETED_BELOW:
            continue
        is_depleted = each.value < DEPLETED_BELOW or (each.comparator == "<" and each.value == DEPLETED_BELOW)
        if is_depleted and each.comparator != ">":
            depleted_on = depleted_on or each.on
            returned_on = None
        elif not is_depleted and depleted_on and returned_on is None:
            returned_on = each.on
    return BCells(depleted_on, returned_on, latest_on)
