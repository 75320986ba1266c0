"""Two people, one visit: what the one typed and what the other has recorded, settled thing by thing.

Three states are compared, as people read them: how the visit stood when the form was opened (`base`, sent
along by the form), what was typed, and what is recorded now. What only one of the two changed is taken
without a question. Where both changed it, the person chooses, and nothing is chosen for them: a preselected
answer is one that nobody gave.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.http import QueryDict

from registry.clinical.analytes import ANALYTES
from registry.clinical.units import unit_label
from registry.clinical.visit_contact import CONTACT_MODES
from registry.models import LabResult, User
from registry.queries.visit_sheet import VisitSheet, latest_change
from registry.templatetags.words import on
from registry.web.investigator.dates import read_date, read_typed
from registry.web.investigator.visit_forms import (
    VisitSheetForm,
    reason_of,
    visit_initial,
)

_STATUS = {"completed": "took place", "missed": "not done"}
_ANSWER = {"yes": "yes", "no": "no", "unknown": "not known"}
_DATE = ("visited_on_day", "visited_on_month", "visited_on_year")
_ROW = (
    "value",
    "unit",
    "lower_limit",
    "upper_limit",
    "collected_on",
    "missing",
    "not_done",
    "right_because",
    "result",
)
_SECTION = "section-"
YOURS, THEIRS = "yours", "theirs"


@dataclass(frozen=True, slots=True)
class Thing:
    """What two people can differ in: a field of the visit, a row of the grid, a section."""

    key: str
    words: str
    yours: str
    theirs: str

    @property
    def field(self) -> str:
        """The name under which the choice is sent."""
        return f"keep-{self.key}"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Who was first and when; what is to be chosen, and what of theirs was taken without a question.

    `data`: what was typed, merged with what is taken, as a change of what is recorded now.
    `as_recorded`: sections taken from the record. `unanswered`: a choice was sent and is not complete.
    """

    who: User | None
    at: datetime | None
    differences: tuple[Thing, ...]
    taken: tuple[Thing, ...]
    data: QueryDict
    as_recorded: frozenset[str] = frozenset()
    unanswered: bool = False

    @property
    def says_the_same(self) -> bool:
        return not self.differences and not self.taken


def base_of(sheet: VisitSheet) -> str:
    """How the visit stands, for the form to send along; nothing of a visit that is not recorded."""
    if sheet.visit is None:
        return ""
    told = {key: text for key, _, text, _ in _recorded(sheet) if text}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def conflict_between(*, form: VisitSheetForm, typed: QueryDict, sheet: VisitSheet) -> Conflict:
    """Compare what was typed with what is recorded now. `form`: of the same, judged, for its sections."""
    assert sheet.visit is not None  # noqa: S101 - a conflict is about a recorded visit
    base = _read_base(typed.get("base", ""))
    asked = frozenset(typed.get("conflicts", "").split(","))
    data = typed.copy()
    differences: list[Thing] = []
    taken: list[Thing] = []
    for key, words, theirs, fields in _recorded(sheet):
        thing = Thing(key, words, _typed(key, typed), theirs)
        if thing.yours == thing.theirs:
            continue
        if key not in asked and thing.yours == base.get(key, ""):
            taken.append(thing)
            _take(data, key, fields)
        elif key in asked or thing.theirs != base.get(key, ""):
            differences.append(thing)
    as_recorded = set()
    for section in form.sections:
        lines = [line for line in section.compared() if line[1] != line[2]]
        if not lines:
            continue
        thing = Thing(
            _SECTION + section.key,
            section.title,
            "; ".join(f"{words}: {yours or '(empty)'}" for words, yours, _ in lines),
            "; ".join(f"{words}: {theirs or '(empty)'}" for words, _, theirs in lines),
        )
        # What a section said when the form was opened is not sent along: only an untouched one is known.
        is_new = not typed.get("version")
        if thing.key not in asked and not any(yours for _, yours, _ in lines) and is_new:
            taken.append(thing)
            as_recorded.add(section.key)
        else:
            differences.append(thing)
    data["version"] = str(sheet.visit.version)
    data["base"] = base_of(sheet)
    data["conflicts"] = ",".join(thing.key for thing in differences)
    for result in sheet.results:
        data[f"lab-{result.analyte}-result"] = str(result.pk)
    who, at = latest_change(visit=sheet.visit)
    return Conflict(who, at, tuple(differences), tuple(taken), data, frozenset(as_recorded))


@dataclass(frozen=True, slots=True)
class Chosen:
    """A sent form with its choices carried out; `is_complete` is False while one of them is missing."""

    data: QueryDict
    as_recorded: frozenset[str]
    is_complete: bool


def carry_out_choices(*, typed: QueryDict, sheet: VisitSheet) -> Chosen:
    """Put the recorded values where *theirs* was chosen; what was typed stays where *yours* was."""
    asked = [key for key in typed.get("conflicts", "").split(",") if key]
    if not asked or sheet.visit is None:
        return Chosen(typed, frozenset(), is_complete=True)
    choices = {key: typed.get(f"keep-{key}", "") for key in asked}
    if any(choice not in (YOURS, THEIRS) for choice in choices.values()):
        return Chosen(typed, frozenset(), is_complete=False)
    data = typed.copy()
    theirs = {key for key, choice in choices.items() if choice == THEIRS}
    for key, _, _, fields in _recorded(sheet):
        if key in theirs:
            _take(data, key, fields)
    for key in asked:
        data.pop(f"keep-{key}", None)
    data["conflicts"] = ""
    sections = frozenset(key.removeprefix(_SECTION) for key in theirs if key.startswith(_SECTION))
    return Chosen(data, sections, is_complete=True)


def _recorded(sheet: VisitSheet) -> Iterator[tuple[str, str, str, Mapping[str, str]]]:
    """What is recorded: key, words, text as people read it, and the form's fields that say it."""
    known = visit_initial(sheet)
    visited_on = known.get("visited_on")
    parts = str(visited_on).split("-")[::-1] if visited_on else ["", "", ""]
    fields = dict(zip(_DATE, parts, strict=True)) | {
        name: str(known.get(name) or "")
        for name in (
            "status",
            "missed_why",
            "missed_reason",
            "new_malignancy",
            "new_malignancy_text",
            "contact_mode",
            "comments",
        )
    }
    for key, words, names in _VISIT:
        said = {name: fields[name] for name in names}
        yield key, words, _VISIT_TEXT[key](said), said
    results = {result.analyte: result for result in reversed(sheet.results)}
    missing = {row.analyte: row.reason for row in sheet.not_done}
    for key, analyte in ANALYTES.items():
        row = _recorded_row(results.get(key), missing.get(key, ""))
        yield f"lab-{key}", analyte.name, _row_text(row, on(visited_on)), _named(row, key)


def _typed(key: str, data: QueryDict) -> str:
    """What was typed, in the words of the recorded."""
    if key.startswith("lab-"):
        row = {name: data.get(f"{key}-{name}", "").strip() for name in _ROW}
        # The grid's head may name a day for all its rows.
        row["collected_on"] = row["collected_on"] or data.get("labs-collected_on", "").strip()
        return _row_text(row, _date_text({name: data.get(name, "").strip() for name in _DATE}))
    names = next(names for each, _, names in _VISIT if each == key)
    return _VISIT_TEXT[key]({name: data.get(name, "").strip() for name in names})


def _take(data: QueryDict, key: str, fields: Mapping[str, str]) -> None:
    if key.startswith("lab-"):
        for name in [name for name in data if name.startswith(f"{key}-")]:
            del data[name]
    for name, value in fields.items():
        data[name] = value


def _date_text(said: Mapping[str, str]) -> str:
    day, month, year = (said[name] for name in _DATE)
    if not (day or month or year):
        return ""
    try:
        return on(read_date(day, month, year))
    except ValidationError:
        return " ".join(part for part in (day, month, year) if part)


def _recorded_row(result: LabResult | None, not_done: str) -> dict[str, str]:
    """A row of the grid as it would be typed to say what is recorded."""
    row = dict.fromkeys(_ROW, "") | {"not_done": not_done, "missing": "on" if not_done else ""}
    if result is None:
        return row
    return row | {
        "value": result.entered_value,
        "unit": result.entered_unit,
        "lower_limit": _plain(result.lower_limit),
        "upper_limit": _plain(result.upper_limit),
        "collected_on": on(result.collected_on),
        "right_because": result.right_because,
        "result": str(result.pk),
    }


def _named(row: Mapping[str, str], key: str) -> dict[str, str]:
    return {f"lab-{key}-{name}": value for name, value in row.items()}


def _row_text(row: Mapping[str, str], visited_on: str) -> str:
    """One row of the grid: `2.4 ×10⁹/L (1.5 to 7.7), collected 4 Apr 2024`; nothing of an empty one."""
    if row["not_done"]:
        return f"not done: {row['not_done']}"
    if not row["value"]:
        return ""
    text = f"{_number(row['value'])} {unit_label(row['unit'])}".strip()
    if row["lower_limit"] or row["upper_limit"]:
        text += f" ({_number(row['lower_limit']) or '…'} to {_number(row['upper_limit']) or '…'})"
    day = _day(row["collected_on"])
    return f"{text}, collected {day}" if day not in ("", visited_on) else text


def _plain(limit: Decimal | None) -> str:
    return "" if limit is None else format(limit.normalize(), "f")


def _number(text: str) -> str:
    return text.replace(",", ".")


def _day(text: str) -> str:
    try:
        return on(read_typed(text))
    except ValidationError:
        return text


def _read_base(text: str) -> dict[str, str]:
    """What the form says it was opened with; one that cannot be read takes nothing for granted."""
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return (
        {key: value for key, value in found.items() if isinstance(value, str)}
        if isinstance(found, dict)
        else {}
    )


# Key, words, and the form's fields that say it.
_VISIT: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("status", "Visit", ("status",)),
    ("visited_on", "Date of the visit", _DATE),
    ("contact_mode", "How the contact was made", ("contact_mode",)),
    ("missed_reason", "Why it was not done", ("missed_why", "missed_reason")),
    ("new_malignancy", "New malignancy", ("new_malignancy",)),
    ("new_malignancy_text", "What was found", ("new_malignancy_text",)),
    ("comments", "Comments", ("comments",)),
)
_VISIT_TEXT = {
    "status": lambda said: _STATUS.get(said["status"], ""),
    "visited_on": _date_text,
    "contact_mode": lambda said: CONTACT_MODES.get(said["contact_mode"], ""),
    "missed_reason": reason_of,
    "new_malignancy": lambda said: _ANSWER.get(said["new_malignancy"], ""),
    "new_malignancy_text": lambda said: said["new_malignancy_text"],
    "comments": lambda said: said["comments"],
}
