"""The history of a patient's record, as the audit trail holds it: who changed what, when and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.apps import apps
from django.core.paginator import Page, Paginator
from django.db.models import Field

from registry.models import AdverseEvent, AuditEvent, LabResult, Patient, User, Visit

HISTORY_SIZE = 50
# What happens to an alert or a question is told on its own page.
_NOT_OF_THE_RECORD = (
    "registry_alert",
    "registry_alertmove",
    "registry_question",
    "registry_questionmessage",
)
_MACHINERY = frozenset(
    {
        *("id", "patient_id", "study_id", "course_id", "visit_id", "event_id", "entered_by_id", "public_id"),
        *("entered_at", "origin", "submission", "version"),
        *("superseded_by_id", "superseded_at", "superseded_reason"),
    }
)
_TABLES = {
    "registry_patient": "Patient",
    "registry_course": "Course",
    "registry_infusion": "Infusion",
    "registry_visit": "Visit",
    "registry_labresult": "Laboratory result",
    "registry_labnotdone": "Measurement not done",
    "registry_supportivetreatment": "Supportive treatment",
    "registry_score": "Score",
    "registry_scoredetail": "Items of a score",
    "registry_serology": "Serology",
    "registry_treatment": "Treatment",
    "registry_treatmentanswer": "Answer about a treatment",
    "registry_adverseevent": "Adverse event",
    "registry_adverseeventfollowup": "Follow-up report",
    "registry_crsdetails": "CRS in detail",
    "registry_icansdetails": "ICANS in detail",
    "registry_infectiondetails": "Infection in detail",
    "registry_licatsdetails": "LICATS in detail",
    "registry_malignancydetails": "Malignancy in detail",
    "registry_licatsadjudication": "Adjudicated label",
    "registry_visitnewevents": "New events asked at a visit",
}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a recorded change; `old` empty when the row was new."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One change of one row: who, when, what, why, by which way. `row` is what the change is about."""

    at: datetime
    who: str
    what: str
    kind: str
    row: Mapping[str, Any]
    changes: tuple[FieldChange, ...]
    reason: str
    origin: str


def history_page(
    *, patient: Patient, about: str = "", page_number: str | int = 1
) -> tuple[Page, tuple[HistoryLine, ...]]:
    """Return one page of the changes of the patient's record, newest first; `about`: of one kind of row."""
    events = AuditEvent.objects.filter(patient_id=patient.pk).exclude(tbl__in=_NOT_OF_THE_RECORD)
    if about:
        events = events.filter(tbl=about)
    page = Paginator(events.order_by("-id"), HISTORY_SIZE).get_page(page_number)
    return page, _told(list(page.object_list))


def kinds_of_history(*, patient: Patient) -> tuple[tuple[str, str], ...]:
    """Return the tables that the patient's history speaks of, with their names in words."""
    tables = (
        AuditEvent.objects.filter(patient_id=patient.pk)
        .exclude(tbl__in=_NOT_OF_THE_RECORD)
        .order_by("tbl")
        .values_list("tbl", flat=True)
        .distinct()
    )
    return tuple((table, _named(table)) for table in tables)


def history_lines(*, patient: Patient) -> tuple[HistoryLine, ...]:
    """Return every change of the patient's record, oldest first."""
    events = AuditEvent.objects.filter(patient_id=patient.pk).exclude(tbl__in=_NOT_OF_THE_RECORD)
    return _told(list(events.order_by("id")))


def _told(events: Sequence[AuditEvent]) -> tuple[HistoryLine, ...]:
    people = User.objects.in_bulk({event.actor_id for event in events if event.actor_id})
    changed = _rows_changed(events)
    return tuple(_history_line(event, people, changed) for event in events)


def _rows_changed(events: Sequence[AuditEvent]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """A change records only the columns that changed; which result or visit it was is looked up."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    told = {
        "registry_labresult": (LabResult, ("analyte", "entered_value", "entered_unit", "collected_on")),
        "registry_visit": (Visit, ("code",)),
        "registry_adverseevent": (AdverseEvent, ("term",)),
    }
    for table, (model, fields) in told.items():
        numbers = [event.pk_text for event in events if event.tbl == table and event.op == "U"]
        if numbers:
            rows = model._default_manager.filter(pk__in=numbers).values("pk", *fields)
            found |= {(table, str(row["pk"])): row for row in rows}
    return found


def _history_line(
    event: AuditEvent,
    people: Mapping[int, User],
    changed: Mapping[tuple[str, str], Mapping[str, Any]],
) -> HistoryLine:
    old, new = event.old or {}, event.new or {}
    kind = {"I": "recorded", "U": "changed", "D": "removed"}[event.op]
    if event.op == "U" and new.get("superseded_at"):
        kind = "superseded"
    return HistoryLine(
        at=event.at,
        who=str(people.get(event.actor_id or 0, "The registry")),
        what=_named(event.tbl),
        kind=kind,
        row=changed.get((event.tbl, event.pk_text), {}) if event.op == "U" else _told_row(event),
        changes=tuple(
            FieldChange(
                column.removesuffix("_id").replace("_", " "),
                _shown(event.tbl, column, old.get(column)),
                _shown(event.tbl, column, new.get(column)),
            )
            for column in (new or old)
            if event.op == "U" and column not in _MACHINERY
        ),
        reason=event.reason or "",
        origin=event.origin or "",
    )


def _told_row(event: AuditEvent) -> Mapping[str, Any]:
    """A row as it was recorded or removed, answers in their words."""
    row = event.new or event.old or {}
    return row | {name: _shown(event.tbl, name, row[name]) for name in ("section", "answer") if name in row}


def _named(table: str) -> str:
    """A table that came later is called what its model is called."""
    if table in _TABLES:
        return _TABLES[table]
    known = {model._meta.db_table: str(model._meta.verbose_name) for model in apps.get_models()}
    return known.get(table, table.removeprefix("registry_")).capitalize()


@cache
def _columns(table: str) -> Mapping[str, "Field[Any, Any]"]:
    """The columns of a table that has a model, whatever it was called when the trail was written."""
    models = {model._meta.db_table: model for model in apps.get_models()}
    model = models.get(table)
    return {str(each.column): each for each in model._meta.concrete_fields} if model else {}


def _shown(table: str, column: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    field = _columns(table).get(column)
    text = str(dict(field.flatchoices).get(value, value) if field is not None else value)
    return text if len(text) <= 200 else f"{text[:200]}…"
