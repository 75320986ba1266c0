"""The files of a bundle, their columns, and how a cell of each kind is read.

Source: contract.md section 3, stable to the letter. Datasets that go out begin with the same columns.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from registry.clinical import code_lists
from registry.clinical.partial_dates import PartialDate, parse_date
from registry.clinical.refusals import EntryRefused, shortened

_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,12}(\.\d{1,10})?", re.ASCII)
_FLAGS = {"": None, "Y": True, "N": False}


class UnreadableCell(EntryRefused):
    """The cell is not of the kind its column holds."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `required` ones must be in the header. Whether a cell may be empty is the checks' matter."""

    name: str
    read: Callable[[str], Any]
    required: bool


def _text(cell: str) -> str:
    return cell


def _date(cell: str) -> Any:
    return parse_date(cell) if cell else None


def _partial(cell: str) -> PartialDate | None:
    return PartialDate.parse(cell) if cell else None


def _whole(cell: str) -> int | None:
    if not cell:
        return None
    if not _WHOLE.fullmatch(cell):
        raise UnreadableCell(cell, f"{shortened(cell)} is not a whole number.", "Digits only, such as 1985.")
    return int(cell)


def _decimal(cell: str) -> Decimal | None:
    if not cell:
        return None
    if not _DECIMAL.fullmatch(cell):
        raise UnreadableCell(
            cell, f"{shortened(cell)} is not a number.", "Digits and one decimal point, such as 100 or 0.5."
        )
    return Decimal(cell)


def _flag(cell: str) -> bool | None:
    if cell not in _FLAGS:
        raise UnreadableCell(cell, f"{shortened(cell)} is neither yes nor no.", "Y, N or empty.")
    return _FLAGS[cell]


def _codes(known: Mapping[str, str]) -> Callable[[str], list[str]]:
    """Several codes with `;` between, in the order of their list: the order written says nothing."""
    place = {code: position for position, code in enumerate(known)}

    def read(cell: str) -> list[str]:
        codes = {code.strip() for code in cell.split(";")} - {""}
        return sorted(codes, key=lambda code: (place.get(code, len(place)), code))

    return read


_KINDS: Mapping[str, Callable[[str], Any]] = {
    "text": _text,
    "date": _date,
    "partial": _partial,
    "whole": _whole,
    "decimal": _decimal,
    "flag": _flag,
    "organs": _codes(code_lists.ORGANS),
    "seriousness": _codes(code_lists.SERIOUSNESS),
}


def _columns(described: str) -> tuple[Column, ...]:
    """`name*:kind`, text when no kind is named; the star is the contract's."""
    columns = []
    for word in described.split():
        name, _, kind = word.partition(":")
        columns.append(Column(name.rstrip("*"), _KINDS[kind or "text"], required=name.endswith("*")))
    return tuple(columns)


COLUMNS: Mapping[str, tuple[Column, ...]] = MappingProxyType(
    {
        "sites.csv": _columns("site_id* name* country* time_zone*"),
        "products.csv": _columns("product_id* name* target* source* vector* manufacturer"),
        "patients.csv": _columns(
            "patient_id* site_id* sex* birth_year*:whole diagnosis* cohort* enrolled_on:date index_date:date "
            "follow_up_ended_on:date follow_up_end_reason cause_of_death disease_onset_year:whole "
            "failed_therapies:whole organs_at_baseline:organs prior_malignancy:flag"
        ),
        "infusions.csv": _columns(
            "patient_id* infused_on*:date product_id* lot dose_cells:decimal lymphodepletion"
        ),
        "visits.csv": _columns(
            "patient_id* visit_code* visited_on:date status* missed_reason new_malignancy:flag "
            "new_malignancy_text"
        ),
        "labs.csv": _columns(
            "patient_id* collected_on*:date analyte* value* unit* lower_limit upper_limit corrects_value"
        ),
        "support.csv": _columns("patient_id* given_on*:date kind*"),
        "adverse_events.csv": _columns(
            "patient_id* event_id* term* category code_system code grade:whole grade_scale "
            "started_on:partial ended_on:partial serious:flag seriousness:seriousness relatedness outcome "
            "narrative"
        ),
        "schedules.csv": _columns(
            "version*:whole effective_from*:date visit_code* offset*:whole offset_unit* days_before*:whole "
            "days_after*:whole mode repeats_yearly:flag"
        ),
        "scores.csv": _columns("patient_id* assessed_on*:date score* value*"),
    }
)
