"""The history of a patient's record, as the audit trail holds it: who changed what, when and why."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from django.apps import apps
from django.core.paginator import Page, Paginator
from django.db.models import Count, Field, Model, QuerySet

from registry.clinical.consent_scopes import SCOPES
from registry.clinical.event_lists import ICE_POINTS
from registry.models import (
    AdverseEvent,
    AuditEvent,
    Consent,
    ConsentWithdrawal,
    LabResult,
    Patient,
    Signature,
    User,
    Visit,
)
from registry.models.event_details import DETAILS_OF
from registry.queries.column_names import column_name, table_name, unit_of
from registry.queries.known_names import Names, names_of
from registry.queries.lock_history import LockStep, lock_steps

HISTORY_SIZE = 50
Key = tuple[str, str]
# What happens to an alert or a question is told on its own page.
_NOT_OF_THE_RECORD = (
    "registry_alert",
    "registry_alertmove",
    "registry_question",
    "registry_questionmessage",
)
_MACHINERY_OF_CHANGES = frozenset(
    {
        *("id", "patient_id", "study_id", "course_id", "visit_id", "event_id", "entered_by_id", "public_id"),
        *("entered_at", "origin", "submission", "version"),
        *("superseded_by_id", "superseded_at", "superseded_reason"),
        *("replaced_at", "annulled_at", "annulled_by_id", "voided_at", "voided_by_id", "voided_reason"),
    }
)
_DETAILS = frozenset(model._meta.db_table for model in DETAILS_OF.values())
# A row of these is told column by column; of the others the page has a line of words.
_TOLD_BY_COLUMN = _DETAILS | frozenset(
    f"registry_{name}"
    for name in (
        *("signature", "recordlock", "consent", "consentwithdrawal", "sitestay"),
        *("annualcontact", "contactattempt", "visitnewevents", "scoredetail", "licatsadjudication"),
        *("treatmentanswer", "casebooktaken"),
    )
)
_SIGNATURE, _LOCK, _UNLOCKING = "registry_signature", "registry_recordlock", "registry_unlocking"
# The line itself says who and when; what was signed is the record, and its digest stands for it.
_SAID_BY_THE_LINE = frozenset(
    {
        *("id", "patient_id", "study_id", "course_id", "entered_by_id", "public_id", "entered_at", "origin"),
        *("submission", "content", "signed_by_id", "signed_at", "locked_by_id", "locked_at", "reason"),
        *("moved_by_id", "moved_at", "by_id", "at", "level", "voided_reason"),
    }
)
# Of a LICATS event an officer gives a label of their own before they read these.
_LABELS = {("registry_licatsdetails", "investigator_label"), ("registry_licatsadjudication", "label")}
_LISTS = {"scopes": SCOPES, "ice_points": ICE_POINTS}
_KINDS = {
    (_SIGNATURE, "I"): "given",
    (_SIGNATURE, "U"): "made void",
    (_LOCK, "I"): "set",
    ("registry_casebooktaken", "I"): "taken",
}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a recorded change; `old` empty when the row was new."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One change of one row: who, when, what, why, by which way.

    What it is about is a `row`, which is told in a line, or `facts`: labels and words.
    """

    at: datetime
    who: str
    what: str
    kind: str
    row: Mapping[str, Any]
    changes: tuple[FieldChange, ...]
    reason: str
    origin: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One page of a history, newest first; `kinds`: the tables it speaks of, with their names in words.

    `about`: the one table that is shown, or empty.
    """

    page: Page
    lines: tuple[HistoryLine, ...]
    kinds: tuple[tuple[str, str], ...]
    about: str


def history_page(
    *, patient: Patient, about: str = "", page_number: str | int = 1, hides_labels: bool = False
) -> HistoryPage:
    """Return one page of the changes of the patient's record; `about`: of one kind of row, if it has any.

    `hides_labels`: without the labels of LICATS events, for who has yet to give one.
    """
    steps: Sequence[LockStep] = lock_steps(patient=patient)
    counts = dict(_trail(patient).order_by("tbl").values_list("tbl").annotate(count=Count("*")))
    kinds = {table: _named(table) for table in sorted({*counts, *(step.table for step in steps)})}
    events = _trail(patient).order_by("-id")
    if about := about if about in kinds else "":
        events = events.filter(tbl=about)
        steps = [step for step in steps if step.table == about]
    paginator = Paginator(events, HISTORY_SIZE)
    paginator.count = counts.get(about, 0) if about else sum(counts.values())
    page = paginator.get_page(page_number)
    if steps:
        newest = page.object_list[0].at if page.has_previous() else None
        after = events[page.end_index()].at if page.has_next() else None
        steps = [s for s in steps if (newest is None or s.at <= newest) and (after is None or s.at > after)]
    lines = [*_told(list(page.object_list), hides_labels), *map(_lock_line, reversed(steps))]
    if steps:
        lines.sort(key=lambda line: line.at, reverse=True)
    return HistoryPage(page, tuple(lines), tuple(kinds.items()), about)


def history_lines(*, patient: Patient, hides_labels: bool = False) -> tuple[HistoryLine, ...]:
    """Return every change of the patient's record, oldest first; `hides_labels` as for a page."""
    lines = _told(list(_trail(patient).order_by("id")), hides_labels)
    steps = lock_steps(patient=patient)
    return tuple(sorted([*lines, *map(_lock_line, steps)], key=lambda line: line.at)) if steps else lines


def _trail(patient: Patient) -> "QuerySet[AuditEvent]":
    return AuditEvent.objects.filter(patient_id=patient.pk).exclude(tbl__in=_NOT_OF_THE_RECORD)


def _lock_line(step: LockStep) -> HistoryLine:
    return HistoryLine(step.at, str(step.who), step.what, step.kind, {}, (), step.reason, "", step.facts)


def _told(events: Sequence[AuditEvent], hides_labels: bool) -> tuple[HistoryLine, ...]:
    people = User.objects.in_bulk({event.actor_id for event in events if event.actor_id})
    changed = _rows_changed(events)
    names = _names(events, changed)
    hidden = _LABELS if hides_labels else set()
    return tuple(_history_line(event, people, changed, names, hidden) for event in events)


def _rows_changed(events: Sequence[AuditEvent]) -> dict[Key, Mapping[str, Any]]:
    """A change records only the columns that changed; which result or visit it was is looked up."""
    found: dict[Key, Mapping[str, Any]] = {}
    told: dict[str, tuple[type[Model], tuple[str, ...]]] = {
        "registry_labresult": (LabResult, ("analyte", "entered_value", "entered_unit", "collected_on")),
        "registry_visit": (Visit, ("code",)),
        "registry_adverseevent": (AdverseEvent, ("term",)),
        _SIGNATURE: (Signature, ("visit_id", "printed_name", "meaning", "sha256", "voided_reason")),
        "registry_consent": (Consent, ("version_id",)),
        "registry_consentwithdrawal": (ConsentWithdrawal, ("withdrawn_on",)),
    }
    for table, (model, fields) in told.items():
        numbers = [event.pk_text for event in events if event.tbl == table and event.op == "U"]
        if numbers:
            rows = model._default_manager.filter(pk__in=numbers).values("pk", *fields)
            found |= {(table, str(row["pk"])): row for row in rows}
    return found


def _names(events: Sequence[AuditEvent], changed: Mapping[Key, Mapping[str, Any]]) -> Names:
    """What the columns that are told point to, in words; one query for each kind of thing."""
    wanted: dict[type[Model], set[int]] = defaultdict(set)
    for event in events:
        by_column = event.tbl in _TOLD_BY_COLUMN
        left_out = _SAID_BY_THE_LINE if by_column else _MACHINERY_OF_CHANGES
        if event.op != "U" and not by_column:
            continue
        for row in (event.old, event.new, changed.get((event.tbl, event.pk_text))):
            for column, value in (row or {}).items():
                field = _columns(event.tbl).get(column)
                target = field.related_model if field is not None else None
                if isinstance(target, type) and value and column not in left_out:
                    wanted[target].add(value)
    return names_of(wanted=wanted)


def _history_line(
    event: AuditEvent,
    people: Mapping[int, User],
    changed: Mapping[Key, Mapping[str, Any]],
    names: Names,
    hidden: Collection[Key],
) -> HistoryLine:
    old, new = event.old or {}, event.new or {}
    kind = _KINDS.get((event.tbl, event.op), {"I": "recorded", "U": "changed", "D": "removed"}[event.op])
    if event.op == "U" and new.get("superseded_at"):
        kind = "superseded"
    row = changed.get((event.tbl, event.pk_text), {}) if event.op == "U" else new or old
    by_column = event.tbl in _TOLD_BY_COLUMN
    reason = event.reason or ""
    if event.tbl in (_SIGNATURE, _LOCK):
        reason = row.get("voided_reason") or row.get("reason") or reason
    return HistoryLine(
        at=event.at,
        who=str(people.get(event.actor_id or 0, "The registry")),
        what=_named(event.tbl),
        kind=kind,
        row={} if by_column else row,
        changes=tuple(
            FieldChange(
                column.removesuffix("_id").replace("_", " "),
                _shown(event.tbl, column, old.get(column), names),
                _shown(event.tbl, column, new.get(column), names),
            )
            for column in (new or old)
            if event.op == "U" and column not in _MACHINERY_OF_CHANGES and (event.tbl, column) not in hidden
        ),
        reason=reason,
        origin=event.origin or "",
        facts=tuple(_facts(event.tbl, row, names, hidden)) if by_column else (),
    )


def _facts(
    table: str, row: Mapping[str, Any], names: Names, hidden: Collection[Key]
) -> Iterator[tuple[str, str]]:
    """The filled columns of a row with their names."""
    if visit := _shown(table, "visit_id", row.get("visit_id"), names):
        yield "of", visit
    elif table in (_SIGNATURE, _LOCK):
        yield "of", "the whole record of the patient"
    for column, field in _columns(table).items():
        if column in _SAID_BY_THE_LINE or column == "visit_id" or (table, column) in hidden:
            continue
        words = _shown(table, column, row.get(column), names)
        if words and (unit := unit_of(field, row)):
            words = f"{words} {unit}"
        if words:
            yield column_name(field), words


def _named(table: str) -> str:
    model = _models().get(table)
    name = table_name(model) if model else table.removeprefix("registry_")
    return name[:1].upper() + name[1:]


@cache
def _models() -> Mapping[str, type[Model]]:
    return {model._meta.db_table: model for model in apps.get_models()}


@cache
def _columns(table: str) -> Mapping[str, "Field[Any, Any]"]:
    """The columns of a table that has a model, whatever it was called when the trail was written."""
    model = _models().get(table)
    return {str(each.column): each for each in model._meta.concrete_fields} if model else {}


def _shown(table: str, column: str, value: object, names: Names = MappingProxyType({})) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column == "number" and table in _DETAILS:
        return f"follow-up {value}" if value else "first report"
    if column == "stay":
        return _stay(str(value))
    if isinstance(value, list):
        known = _LISTS.get(column, {})
        return ", ".join(known.get(item, str(item)) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(table, '', each)}".replace("_", " ") for key, each in value.items())
    field = _columns(table).get(column)
    if field is not None and isinstance(field.related_model, type):
        return names.get((field.related_model, value), str(value))
    text = str(dict(field.flatchoices).get(value, value) if field is not None else value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _stay(text: str) -> str:
    """A stay as the database writes it, `[2024-03-01,2024-09-01)`, in words."""
    first, _, after = text.strip("[]()").partition(",")
    begun = f"from {first}" if first else ""
    return " ".join(filter(None, (begun, f"until {after}, not included" if after else "")))
