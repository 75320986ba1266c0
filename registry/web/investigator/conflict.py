"""Two people, one visit: what the one typed and what the other has recorded, field by field."""

from dataclasses import dataclass
from datetime import datetime

from registry.clinical.units import unit_label
from registry.models import User
from registry.queries.visit_sheet import VisitSheet, latest_change
from registry.templatetags.words import on
from registry.web.investigator.visit_forms import VisitSheetForm

_STATUS = {"completed": "took place", "missed": "not done"}
_ANSWER = {True: "yes", False: "no", None: "not known"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which the two differ."""

    field: str
    yours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Who was first, when, and in what the two differ."""

    who: User | None
    at: datetime | None
    differences: tuple[Difference, ...]


def conflict_between(*, form: VisitSheetForm, sheet: VisitSheet) -> Conflict:
    """Compare what was typed with what is recorded now."""
    assert sheet.visit is not None  # noqa: S101 - a conflict is about a recorded visit
    entry, there = form.visit.entry(), sheet.visit
    pairs = [
        ("Visit", _STATUS[entry.status], _STATUS[there.status]),
        ("Date of the visit", on(entry.visited_on), on(there.visited_on)),
        ("Why it was not done", entry.missed_reason, there.missed_reason),
        ("New malignancy", _ANSWER[entry.new_malignancy], _ANSWER[there.new_malignancy]),
        ("What was found", entry.new_malignancy_text, there.new_malignancy_text),
    ]
    recorded = {result.analyte: result for result in reversed(sheet.results)}
    missing = {each.analyte: each.reason for each in sheet.not_done}
    for row in form.rows:
        result = recorded.get(row.analyte.key)
        typed = f"{row.entry.value} {unit_label(row.entry.unit)}" if row.entry else ""
        theirs = f"{result.entered_value} {unit_label(result.entered_unit)}" if result else ""
        if row.missing:
            typed = f"not done: {row.missing.reason}"
        if not result and row.analyte.key in missing:
            theirs = f"not done: {missing[row.analyte.key]}"
        pairs.append((row.analyte.name, typed, theirs))
    for section in form.sections:
        pairs += section.compared()
    who, at = latest_change(visit=there)
    return Conflict(who, at, tuple(Difference(*pair) for pair in pairs if pair[1] != pair[2]))
