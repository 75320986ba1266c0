"""What people call the tables and columns of a record, and their units: for the casebook and the history.

Where nothing stands here a model's own name is good enough.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.db.models import Model

from registry.clinical.analytes import ANALYTES
from registry.clinical.units import unit_label

_TABLES: Mapping[str, str] = MappingProxyType(
    {
        "labresult": "laboratory result",
        "labnotdone": "measurement not done",
        "adverseeventfollowup": "follow-up report",
        "crsdetails": "CRS in detail",
        "icansdetails": "ICANS in detail",
        "infectiondetails": "infection in detail",
        "licatsdetails": "LICATS in detail",
        "malignancydetails": "malignancy in detail",
        "licatsadjudication": "adjudicated label",
        "visitnewevents": "new events asked at a visit",
        "recordlock": "lock",
        "casebooktaken": "copy of the casebook",
        "sitestay": "stay at a site",
        "contactattempt": "attempt to reach the patient",
    }
)
_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "dose_cells": "dose",
        "has_new_events": "new events to report",
        "ice_points": "ICE items that gave a point",
        "ice_total": "ICE score",
        "mg_per_day": "dose a day",
        "number": "told with",
        "sha256": "SHA-256",
        "value": "in the registry's unit",
        "variant": "days looked back, or end of the scale",
    }
)
_DETAILS = frozenset({"crsdetails", "icansdetails", "infectiondetails", "licatsdetails", "malignancydetails"})
# Elsewhere these columns are called what they are named.
_ONLY_OF: Mapping[str, frozenset[str]] = MappingProxyType(
    {"number": _DETAILS, "value": frozenset({"labresult"})}
)


def table_name(model: type[Model]) -> str:
    """Return what a row of the table is called, in lower case but for proper names."""
    return _TABLES.get(model._meta.model_name or "", str(model._meta.verbose_name))


def column_name(field: Any) -> str:
    """Return what the column is called."""
    tables = _ONLY_OF.get(field.name)
    if tables is not None and field.model._meta.model_name not in tables:
        return str(field.verbose_name)
    return _COLUMNS.get(field.name, str(field.verbose_name))


def unit_of(field: Any, row: Mapping[str, Any]) -> str:
    """Return the unit of the column in this row as people write it; empty for what has none."""
    table = field.model._meta.model_name
    if field.name == "dose_cells":
        return "×10⁶ cells"
    if field.name == "mg_per_day":
        return "mg"
    if table == "labresult":
        if field.name == "value":
            return unit_label(ANALYTES[row["analyte"]].canonical_unit)
        if field.name in ("entered_value", "lower_limit", "upper_limit"):
            return unit_label(row["entered_unit"])
    if table == "serology" and field.name in ("value", "upper_limit"):
        return str(row["unit"])
    return ""
