"""A casebook in words: chapters of entries, each with its facts, who entered it, and every change of it.

The same words are printed from the page and written into the PDF. An empty field is left out; whatever is
filled stands here, so a copy is complete without a list of columns that somebody has to keep.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import Model

from registry.clinical import code_lists, event_lists
from registry.clinical.analytes import ANALYTES
from registry.clinical.consent_scopes import SCOPES
from registry.clinical.facts import NotAFact, parse_fact
from registry.clinical.spoken_dates import spoken
from registry.clinical.study_days import course_of, study_day
from registry.clinical.units import unit_label
from registry.clinical.visit_names import visit_words
from registry.clinical.visit_windows import UNSCHEDULED
from registry.models import ConsentVersion, Patient, User
from registry.models.event_details import DETAILS_OF
from registry.monitoring.catalogue import RULES
from registry.queries.casebook import BookRow, Casebook, RowChange
from registry.queries.column_names import column_name, table_name, unit_of

# What a reader looks for first; tables that are not named follow, alerts last.
_FIRST = (
    "patient",
    "course",
    "infusion",
    "visit",
    "labresult",
    "supportivetreatment",
    "score",
    "adverseevent",
)
_LAST = ("alert",)
_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "patient": "The patient",
        "course": "Courses of follow-up",
        "infusion": "Infusions",
        "visit": "Visits",
        "labresult": "Laboratory results outside a visit",
        "supportivetreatment": "Transfusions and growth factors",
        "score": "Scores",
        "adverseevent": "Adverse events",
        "alert": "Alerts",
    }
)
# Row numbers and machinery; who entered a row, and when, stands on a line of its own.
_NO_FACTS = frozenset(
    {"id", "public_id", "patient", "submission", "version", "entered_by", "entered_at", "origin", "content"}
)
# Columns that hold several codes of a list.
_LISTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"scopes": SCOPES, "seriousness": code_lists.SERIOUSNESS, "ice_points": event_lists.ICE_POINTS}
)
_OF_A_REPORT = frozenset(DETAILS_OF.values())
# What happens to an alert is told by its moves, below it.
_TOLD_BELOW = frozenset({"alert"})
_WAYS = {"form": "by form", "import": "by import", "api": "by API", "system": "by the registry"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One filled field in words."""

    label: str
    value: str
    is_changed: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """One change of one field: what it was, what it became, who, when, why."""

    label: str
    old: str
    new: str
    who: str
    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the record in words. `mark`: empty, `superseded` or `removed`."""

    title: str
    mark: str
    facts: tuple[Fact, ...]
    made: str
    changes: tuple[Changed, ...]
    below: tuple["Entry", ...]

    @property
    def is_changed(self) -> bool:
        return bool(self.changes or self.mark)


@dataclass(frozen=True, slots=True)
class Chapter:
    """The entries of one kind."""

    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class BookInWords:
    """The whole casebook. `sha256` is of its words: two copies of one state have the same."""

    chapters: tuple[Chapter, ...]
    rows_count: int
    changes_count: int
    sha256: str


def is_fact(column: Any) -> bool:
    """Return whether the column is told. Of a consent the version is what was signed, elsewhere machinery."""
    return column.name not in _NO_FACTS or column.related_model is ConsentVersion


def before_and_after(*, row: BookRow, change: RowChange) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the row's columns before and after a change: a value of then stands in the unit of then."""
    columns = dict(row.columns)
    for later in reversed(row.changes):
        if later is change:
            break
        columns.update(later.old)
    return {**columns, **change.old}, columns


def in_words(*, book: Casebook) -> BookInWords:
    """Return the casebook in words, in the dates and times of the patient's site."""
    speaker = Speaker(book)
    chapters = tuple(
        Chapter(_chapter_title(model), tuple(speaker.entry(row) for row in speaker.in_order(book.top[model])))
        for model in sorted(book.top, key=_place)
    )
    told = json.dumps([asdict(chapter) for chapter in chapters], ensure_ascii=False)
    return BookInWords(
        chapters=chapters,
        rows_count=len(book.every),
        changes_count=book.changes_count,
        sha256=hashlib.sha256(told.encode()).hexdigest(),
    )


def _place(model: type[Model]) -> tuple[int, str]:
    name = model._meta.model_name or ""
    if name in _FIRST:
        return _FIRST.index(name), name
    return (len(_FIRST) + (name in _LAST), name)


def _chapter_title(model: type[Model]) -> str:
    return _TITLES.get(model._meta.model_name or "", _capital(str(model._meta.verbose_name_plural)))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


class Speaker:
    """Turns rows of one book into words: it knows the site's zone, the days zero, the names."""

    def __init__(self, book: Casebook):
        self._book = book
        self._zone = ZoneInfo(book.patient.site.time_zone)
        self._day_zeros = tuple(
            sorted(
                date.fromisoformat(row.columns["day_zero"])
                for (table, _), row in book.every.items()
                if table == "registry_course" and not row.removed
            )
        )

    def in_order(self, rows: Sequence[BookRow]) -> list[BookRow]:
        """By the day they are about, then as they came."""
        return sorted(rows, key=lambda row: (_day_of(row) or "", row.columns["id"]))

    def entry(self, row: BookRow) -> Entry:
        below = sorted(
            row.below, key=lambda each: (_place(each.model), _day_of(each) or "", each.columns["id"])
        )
        changes = () if row.model._meta.model_name in _TOLD_BELOW else tuple(self._changes(row))
        changed = {change.label for change in changes}
        return Entry(
            title=self.title(row),
            mark="removed" if row.removed else "superseded" if row.columns.get("superseded_at") else "",
            facts=tuple(Fact(label, value, label in changed) for label, value in self.facts(row)),
            made=self._made(row),
            changes=changes,
            below=tuple(self.entry(each) for each in below),
        )

    def title(self, row: BookRow) -> str:
        """Name a row: what it is, what it says first, and its day."""
        columns, name = row.columns, row.model._meta.model_name
        if name == "labresult":
            value = f"{columns['entered_value']} {unit_label(columns['entered_unit'])}"
            words = f"{ANALYTES[columns['analyte']].name} {value}"
        elif name == "patient":
            words = columns["code"]
        elif name == "visit":
            words = visit_words(columns["code"])
        else:
            kind = _capital(table_name(row.model))
            told = next(
                (self._shown(row, name) for name in _TELLING if name != row.hangs_on and columns.get(name)),
                "",
            )
            words = f"{kind} {told}".strip()
        day = _day_of(row)
        return f"{words}, {self._day(day)}" if day else words

    def facts(self, row: BookRow) -> Iterator[tuple[str, str]]:
        """The filled fields of a row in words, but those that say where it hangs."""
        for each in row.model._meta.concrete_fields:
            if not is_fact(each) or each.attname == row.hangs_on:
                continue
            if value := self.measured(each, row.columns, row.columns.get(each.attname)):
                yield _capital(column_name(each)), value

    def _changes(self, row: BookRow) -> Iterator[Changed]:
        fields = {each.attname: each for each in row.model._meta.concrete_fields}
        told = [*row.changes, *([row.removed] if row.removed else [])]
        for change in told:
            if change is row.removed:
                yield self._changed("Row", "", "removed", change)
                continue
            before, after = before_and_after(row=row, change=change)
            for column, new in change.new.items():
                each = fields.get(column)
                if each is None or not is_fact(each):
                    continue
                yield self._changed(
                    _capital(column_name(each)),
                    self.measured(each, before, change.old.get(column)),
                    self.measured(each, after, new),
                    change,
                )

    def _changed(self, label: str, old: str, new: str, change: RowChange) -> Changed:
        reason = change.reason if change.reason != change.origin else ""
        return Changed(label, old or "(empty)", new or "(empty)", change.who, self._moment(change.at), reason)

    def _made(self, row: BookRow) -> str:
        """Who entered the row, when and by which way: as the row says, else as the trail does."""
        columns = row.columns
        at = columns.get("entered_at")
        if at is None:
            made = row.made
            return f"{self._moment(made.at)}, {made.who}{_by(made.origin)}" if made else ""
        who = self._book.names.get((User, columns.get("entered_by_id") or 0), "the registry")
        return f"{self._moment(datetime.fromisoformat(at))}, {who}{_by(columns.get('origin', ''))}"

    def _shown(self, row: BookRow, name: str) -> str:
        return self.value(row.model._meta.get_field(name), row.columns[name])

    def measured(self, each: Any, columns: Mapping[str, Any], value: Any) -> str:
        """A field's value with its unit, of the row as these columns tell it."""
        words = self.value(each, value)
        unit = unit_of(each, columns) if words else ""
        return f"{words} {unit}" if unit else words

    def value(self, each: Any, value: Any) -> str:
        """A field's value as people read it; empty for what is not filled."""
        if value is None or value == "" or value == []:
            return ""
        if isinstance(each, models.ForeignKey):
            return self._pointed_to(each.related_model, value)
        if each.name == "code" and value == UNSCHEDULED:
            return visit_words(value)
        if each.choices:
            return str(dict(each.flatchoices).get(value, value))
        if isinstance(value, bool):
            return "Yes" if value else "No"
        if isinstance(each, models.DateTimeField):
            return self._moment(datetime.fromisoformat(value))
        if isinstance(each, models.DateField):
            return self._day(value)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            names = _LISTS.get(each.name, {})
            return ", ".join(names.get(item, item.replace("_", " ")) for item in value)
        if isinstance(value, Decimal):
            return format(value.normalize(), "f")
        if isinstance(value, dict | list):
            return self._listed(value)
        if each.name == "fact":
            return _fact(value)
        if each.name == "entered_unit":
            return unit_label(value)
        if each.name == "titre":
            return f"1:{value}"
        if each.name == "number" and each.model in _OF_A_REPORT:
            return f"follow-up {value}" if value else "first report"
        if each.name == "rule":
            return _RULES.get(value, str(value))
        return self._text(str(value)) if each.name.endswith("_on") or each.name == "subject" else str(value)

    def _pointed_to(self, target: Any, pk: int) -> str:
        if target is Patient:
            return self._book.patient.code
        inside = self._book.every.get((target._meta.db_table, pk))
        return self.title(inside) if inside else self._book.names.get((target, pk), str(pk))

    def _listed(self, value: Any) -> str:
        """Limits and evidence as words: `longest gap days: 35; counts (platelets low below: 50)`."""
        if isinstance(value, list):
            return ", ".join(map(self._listed, value))
        if isinstance(value, bool):
            return "yes" if value else "no"
        if not isinstance(value, dict):
            return self._text(str(value))
        return "; ".join(
            f"{key.replace('_', ' ')} ({self._listed(item)})"
            if isinstance(item, dict)
            else f"{key.replace('_', ' ')}: {self._listed(item)}"
            for key, item in value.items()
        )

    def _text(self, text: str) -> str:
        """A code of the machinery as people read it: dates in words, analytes and readings by their names."""
        if text in ANALYTES:
            return ANALYTES[text].name
        if _A_KEY.fullmatch(text):
            return text.replace("_", " ")
        name, at, day = text.partition("@")
        if at:
            return f"{self._text(name)}, from {self._text(day)}"
        kind, colon, named = text.partition(":")
        if colon and _A_KEY.fullmatch(kind):
            return f"{self._text(kind)}: {named}"
        return _A_DATE.sub(lambda found: self._date(found[0]), text)

    def _date(self, text: str) -> str:
        """A date in words, also a partial one; what only looks like one stays as it stands."""
        try:
            return self._day(text) if len(text) == 10 else spoken(date.fromisoformat(f"{text}-01"))[2:]
        except ValueError:
            return text

    def _day(self, value: str) -> str:
        on = date.fromisoformat(value)
        day_zero = course_of(on, day_zeros=self._day_zeros)
        if day_zero is None:
            return spoken(on)
        return f"{spoken(on)} (day {study_day(on, day_zero=day_zero)})"

    def _moment(self, at: datetime) -> str:
        local = at.astimezone(self._zone)
        return f"{spoken(local.date())}, {local:%H:%M}"


def _fact(key: str) -> str:
    """What a question is about, in words; a key of another version as it stands."""
    try:
        return parse_fact(key).words
    except NotAFact:
        return key


_RULES = {rule.key: rule.title for rule in RULES}
_A_DATE = re.compile(r"(?<![\w-])\d{4}-\d{2}(-\d{2})?(?![\w-])", re.ASCII)
_A_KEY = re.compile(r"[a-z]+(_[a-z0-9]+)+")


def _by(origin: str) -> str:
    return f" {_WAYS[origin]}" if origin in _WAYS else ""


# The first of these columns that is filled says what a row is about.
_TELLING = (
    "code",
    "analyte",
    "kind",
    "term",
    "event_id",
    "agent",
    "test",
    "score",
    "rule",
    "number",
    "printed_name",
    "fact",
    "version",
)
_DAYS = (
    *("visited_on", "collected_on", "given_on", "assessed_on", "infused_on", "day_zero", "started_on"),
    *("reported_on", "enrolled_on", "first_on"),
)


def _day_of(row: BookRow) -> str | None:
    """The complete date a row is about; a partial one is told as a fact only."""
    found = next((row.columns[name] for name in _DAYS if row.columns.get(name)), None)
    return found if isinstance(found, str) and len(found) == 10 else None
