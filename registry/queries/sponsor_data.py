"""What a sponsor's key sees: one study, pseudonyms, and of each dataset the columns a sponsor may see.

A column made of a field that sponsors may not see is left out, or replaced here by one that keeps what
matters and not what identifies: the pseudonym for the patient's id, the row's id for the site's event id,
the lot only where it is not one patient's own, evidence without quotations of free text. Patients who did
not agree to sharing with the sponsor, or took it back, are in no resource (queries/consent.py).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, Model, Q, QuerySet
from django.db.models.functions import Cast

from registry.access.scope import EVERYTHING, acting
from registry.models import (
    AdverseEvent,
    AdverseEventFollowUp,
    Alert,
    AlertMove,
    AuditEvent,
    Infusion,
    LabResult,
    Patient,
    Pseudonym,
    Score,
    Site,
    Study,
    Visit,
)
from registry.models.event_details import DETAILS_OF
from registry.queries.alert_datasets import ALERT_DECISIONS, ALERTS
from registry.queries.consent import shared_with_sponsor
from registry.queries.dataset_frame import Column, Dataset, Known, TodayAt, field_column
from registry.queries.event_columns import facts_for_sponsors
from registry.queries.record_datasets import (
    ADVERSE_EVENTS,
    INFUSIONS,
    LAB_RESULTS,
    PATIENTS,
    SCORES,
    reports_for_sponsors,
)
from registry.queries.visit_dataset import RECORDED_VISITS

# The keys of contract.md section 4 that hold measurements, dates and codes. Not named: `dropped`, which
# quotes free text. A rule that is not here shows no evidence until somebody has looked at it.
EVIDENCE_SEEN: Mapping[str, frozenset[str]] = {
    "overdue_visit": frozenset(
        ("visit_code", "day_zero", "target_on", "opens_on", "closes_on", "days_overdue", "labels")
    ),
    "prolonged_cytopenia": frozenset(
        (
            "lineage",
            "first_low_on",
            "last_low_on",
            "certain_days",
            "possible_days",
            "earliest_start_on",
            "latest_end_on",
            "outcome",
            "recovered_on",
            "deepest_value",
            "deepest_on",
            "labels",
            "results",
        )
    ),
    "unresolved_at_day_28": frozenset(("lineage", "day_zero", "last_low_on", "reading")),
    "secondary_malignancy": frozenset(
        ("source", "source_id", "class", "matched", "list_version", "onset", "latency_days", "labels")
    ),
}
_EVENT = "adverse_event:"
# ICD-10, ICD-O-3 morphology, MedDRA: what cannot be a word of somebody's text.
_CODE = re.compile(r"[A-Z]?\d[0-9A-Z]*([./][0-9A-Z]+)?", re.ASCII)

FindPk = Callable[[QuerySet[Any], str, int], int | None]


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of row at one address of the API.

    `rows`: those of a study. `pk_of`: the row behind an id as the sponsor writes it. `tables`: where a
    change of such a row is recorded, with the key under which the trail names the row.
    """

    name: str
    model: type[Model]
    dataset: Dataset
    columns: tuple[Column, ...]
    rows: Callable[[int], QuerySet[Any]]
    pk_of: FindPk
    is_of_patients: bool = True

    def patient_ids(self, records: Sequence[Any]) -> set[int]:
        """The patients the rows are about."""
        if self.model is Patient:
            return {record.pk for record in records}
        return {record.patient_id for record in records} if self.is_of_patients else set()

    def describe(
        self, records: Sequence[Any], *, pseudonyms: Mapping[int, UUID], today_at: TodayAt
    ) -> list[dict[str, Any]]:
        """Return a page of rows as values by column; a fixed number of questions whatever its length."""
        known = Known(today_at=today_at)
        known.more["pseudonyms"] = pseudonyms
        self.dataset.learn(records, known)
        return [
            {column.name: column.read(line, known) for column in self.columns}
            for line in self.dataset.lines(records, known)
        ]


def changed_since(rows: QuerySet[Any], *, since: datetime) -> QuerySet[Any]:
    """Keep the rows with a change recorded in the audit trail at `since` or later.

    The trail notes a change when it is made, a little before it is committed: whoever follows changes
    should ask for an hour more than needed.
    """
    table = rows.model._meta.db_table
    changes = AuditEvent.objects.filter(tbl=table, at__gte=since)
    if rows.model in (Study, Site):
        # Rows of no patient lie outside a sponsor's scope of the trail; only their numbers come back.
        with acting(rows=EVERYTHING):
            return rows.filter(pk__in=[int(pk) for pk in changes.values_list("pk_text", flat=True)])
    changed = Q(pk__in=changes.values(row=Cast("pk_text", BigIntegerField())))
    if rows.model is AdverseEvent:
        later = AdverseEventFollowUp.objects.filter(entered_at__gte=since)
        changed |= Q(pk__in=later.values("event_id"))
        # What a report told of its category is corrected in a table of its own.
        for model in DETAILS_OF.values():
            told = AuditEvent.objects.filter(tbl=model._meta.db_table, at__gte=since)
            rows_told = model._default_manager.filter(
                pk__in=told.values(row=Cast("pk_text", BigIntegerField()))
            )
            changed |= Q(pk__in=rows_told.values("event_id"))
    return rows.filter(changed)


def site_with(*, study_id: int, code: str) -> Site | None:
    return Site.objects.filter(study_id=study_id, code=code).first()


# --- ids --------------------------------------------------------------------------------------


def _by_number(rows: QuerySet[Any], text: str, sponsor_id: int) -> int | None:
    """The row's own number: it says nothing, and another study's is not found."""
    if not re.fullmatch(r"[1-9]\d{0,17}", text, re.ASCII):
        return None
    return rows.filter(pk=int(text)).values_list("pk", flat=True).first()


def _by_pseudonym(rows: QuerySet[Any], text: str, sponsor_id: int) -> int | None:
    if (code := _uuid(text)) is None:
        return None
    known = Pseudonym.objects.filter(sponsor_id=sponsor_id, code=code)
    return rows.filter(pk__in=known.values("patient_id")).values_list("pk", flat=True).first()


def _by_public_id(rows: QuerySet[Any], text: str, sponsor_id: int) -> int | None:
    if (code := _uuid(text)) is None:
        return None
    return rows.filter(public_id=code).values_list("pk", flat=True).first()


def _by(name: str) -> FindPk:
    def find(rows: QuerySet[Any], text: str, sponsor_id: int) -> int | None:
        if "\0" in text:
            return None
        return rows.filter(**{name: text}).values_list("pk", flat=True).first()

    return find


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


# --- columns ----------------------------------------------------------------------------------


def _id(read: Callable[[Any, Known], Any], of: str) -> Column:
    return Column("id", "text", "The row's id in this API: opaque and stable", read, (of,))


def _pseudonym(read_patient_id: Callable[[Any], int]) -> Column:
    return Column(
        "patient_id",
        "text",
        "The patient's pseudonym for this sponsor",
        lambda record, known: str(known.more["pseudonyms"][read_patient_id(record)]),
        ("Pseudonym.code",),
    )


def _seen(
    dataset: Dataset, *, first: Column, instead: Sequence[Column] = (), further: Sequence[Column] = ()
) -> tuple[Column, ...]:
    """The columns of a dataset that a sponsor sees, `instead` taking the place of those of its names."""
    replaced = {column.name: column for column in instead}
    kept = [
        replaced.get(column.name, column)
        for column in dataset.columns
        if column.name in replaced or column.is_for_sponsors
    ]
    return (first, *kept, *further)


def _lot(infusion: Infusion, known: Known) -> str:
    return infusion.lot if infusion.product.source == "allogeneic" else ""


def _subject(alert: Alert, known: Known) -> str:
    """The subject, the site's event id replaced by the id of the event in this API."""
    if not alert.subject.startswith(_EVENT):
        return alert.subject
    return f"{_EVENT}{_event_number(alert.subject.removeprefix(_EVENT), known)}"


def _event_number(event_id: str, known: Known) -> str:
    return str(known.more["events"].get(event_id, ""))


def _evidence(alert: Alert, told: Mapping[str, Any], known: Known) -> dict[str, Any]:
    """The evidence without quotations: of the words matched only codes, of an event's id the number."""
    seen = EVIDENCE_SEEN.get(alert.rule, frozenset())
    shown = {name: value for name, value in told.items() if name in seen}
    if told.get("source") == "adverse_event":
        shown["source_id"] = _event_number(str(told.get("source_id", "")), known)
    if "matched" in shown and told.get("source") != "trigger":
        shown["matched"] = [words for words in shown["matched"] if _CODE.fullmatch(str(words))]
    return shown


def _learning_events(dataset: Dataset, read_alert: Callable[[Any], Alert]) -> Dataset:
    """The dataset, which also looks up the adverse events its alerts are about."""

    def learn(records: Sequence[Any], known: Known) -> None:
        dataset.learn(records, known)
        alerts = [read_alert(record) for record in records]
        wanted = {a.subject.removeprefix(_EVENT) for a in alerts if a.subject.startswith(_EVENT)}
        studies = {patient.study_id for patient in known.patients.values()}
        known.more["events"] = dict(
            AdverseEvent.objects.filter(study__in=studies, event_id__in=wanted).values_list("event_id", "pk")
        )

    return replace(dataset, learn=learn)


# --- the resources ----------------------------------------------------------------------------

_STUDIES = Dataset(
    name="studies",
    meaning="The study of the key",
    columns=(
        field_column("study", "text", "Key of the study", "Study.key"),
        field_column("name", "text", "Name of the study", "Study.name"),
        Column("sponsor", "text", "Key of the sponsor", lambda s, known: s.sponsor.key, ("Sponsor.key",)),
    ),
    source=lambda studies: Study.objects.all(),
    learn=lambda records, known: None,
)
_SITES = Dataset(
    name="sites",
    meaning="The sites of the study",
    columns=(
        field_column("site_id", "text", "Site", "Site.code"),
        field_column("name", "text", "Name of the hospital", "Site.name"),
        field_column("country", "text", "Country, ISO 3166 alpha-2", "Site.country"),
        field_column("time_zone", "text", "Time zone, IANA", "Site.time_zone"),
        Column("study", "text", "Key of the study", lambda s, known: s.study.key, ("Study.key",)),
    ),
    source=lambda studies: Site.objects.all(),
    learn=lambda records, known: None,
)
_ALERTS = _learning_events(ALERTS, lambda alert: alert)
_DECISIONS = _learning_events(ALERT_DECISIONS, lambda move: move.alert)
_PATIENT_ID = _pseudonym(lambda record: record.patient_id)


def _of_patients(name: str, model: type[Any], rows: QuerySet[Any], dataset: Dataset, **more: Any) -> Resource:
    instead = [_PATIENT_ID, *more.pop("instead", ())]
    further = more.pop("further", ())
    first = more.pop("first", None) or _id(lambda r, known: str(r.pk), f"{model.__name__}.id")
    return Resource(
        name=name,
        model=model,
        dataset=dataset,
        columns=_seen(dataset, first=first, instead=instead, further=further),
        rows=lambda study_id: shared_with_sponsor(rows.filter(patient__study_id=study_id)),
        pk_of=more.pop("pk_of", _by_number),
    )


RESOURCES: Mapping[str, Resource] = {
    resource.name: resource
    for resource in (
        Resource(
            name="studies",
            model=Study,
            dataset=_STUDIES,
            columns=_seen(_STUDIES, first=_id(lambda s, known: s.key, "Study.key")),
            rows=lambda study_id: Study.objects.filter(pk=study_id).select_related("sponsor"),
            pk_of=_by("key"),
            is_of_patients=False,
        ),
        Resource(
            name="sites",
            model=Site,
            dataset=_SITES,
            columns=_seen(_SITES, first=_id(lambda s, known: s.code, "Site.code")),
            rows=lambda study_id: Site.objects.filter(study_id=study_id).select_related("study"),
            pk_of=_by("code"),
            is_of_patients=False,
        ),
        Resource(
            name="patients",
            model=Patient,
            dataset=PATIENTS,
            columns=_seen(
                PATIENTS,
                first=replace(
                    _pseudonym(lambda p: p.pk), name="id", meaning="The patient's pseudonym for this sponsor"
                ),
                instead=[_pseudonym(lambda p: p.pk)],
            ),
            rows=lambda study_id: shared_with_sponsor(
                Patient.objects.filter(study_id=study_id).select_related("site", "study__sponsor"),
                patient="pk",
            ),
            pk_of=_by_pseudonym,
        ),
        _of_patients(
            "infusions",
            Infusion,
            Infusion.objects.select_related("product"),
            INFUSIONS,
            instead=[
                Column("lot", "text", "Lot; of allogeneic products only", _lot, ("Product.source",)),
            ],
        ),
        _of_patients(
            "visits",
            Visit,
            Visit.objects.select_related("course"),
            RECORDED_VISITS,
            first=_id(lambda line, known: str(line.visit.pk), "Visit.id"),
        ),
        _of_patients(
            "lab-results",
            LabResult,
            LabResult.objects.all(),
            LAB_RESULTS,
            further=[
                Column(
                    "superseded_by",
                    "text",
                    "Id of the result that replaced it; empty: current, or withdrawn without a successor",
                    lambda r, known: "" if r.superseded_by_id is None else str(r.superseded_by_id),
                    ("LabResult.superseded_by",),
                ),
                field_column("superseded_at", "instant", "When it was replaced", "LabResult.superseded_at"),
            ],
        ),
        _of_patients(
            "adverse-events",
            AdverseEvent,
            AdverseEvent.objects.all(),
            ADVERSE_EVENTS,
            instead=[
                Column(
                    "follow_ups",
                    "object",
                    "Later reports, oldest first",
                    reports_for_sponsors,
                    ("AdverseEventFollowUp.term", "AdverseEventFollowUp.outcome"),
                ),
                Column(
                    "details",
                    "object",
                    "What belongs to the category, as it stands, without free text",
                    facts_for_sponsors,
                    ("InfectionDetails.site", "CrsDetails.computed_grade"),
                ),
            ],
        ),
        _of_patients("scores", Score, Score.objects.all(), SCORES),
        _of_patients(
            "alerts",
            Alert,
            Alert.objects.select_related("merged_into"),
            _ALERTS,
            first=_id(lambda a, known: str(a.public_id), "Alert.public_id"),
            pk_of=_by_public_id,
            instead=[
                Column("subject", "text", "What of the patient it is about", _subject, ("Alert.subject",)),
                Column(
                    "evidence",
                    "object",
                    "What the rule saw, without quotations of free text",
                    lambda a, known: _evidence(a, a.evidence, known),
                    ("Alert.evidence",),
                ),
            ],
            further=[
                field_column(
                    "ground_gone", "boolean", "Decided, and no longer found since", "Alert.ground_gone"
                ),
                field_column(
                    "is_new_since_decision",
                    "boolean",
                    "Opened again by evidence that came after the decision",
                    "Alert.is_new_since_decision",
                ),
                Column(
                    "merged_into",
                    "text",
                    "Id of the alert that absorbed it",
                    lambda a, known: str(a.merged_into.public_id) if a.merged_into else "",
                    ("Alert.merged_into",),
                ),
            ],
        ),
        _of_patients(
            "alert-decisions",
            AlertMove,
            AlertMove.objects.exclude(decision="").select_related("alert"),
            _DECISIONS,
            instead=[
                Column(
                    "subject",
                    "text",
                    "What of the patient the alert is about",
                    lambda m, known: _subject(m.alert, known),
                    ("Alert.subject",),
                ),
                Column(
                    "evidence",
                    "object",
                    "What the person saw, without quotations of free text",
                    lambda m, known: _evidence(m.alert, m.evidence, known),
                    ("AlertMove.evidence",),
                ),
            ],
        ),
    )
}
