"""The audit trail as a dataset: for inspectors, in the internal profile only."""

from collections.abc import Sequence
from typing import Any

from registry.models import AuditEvent, Patient
from registry.queries.dataset_frame import Column, Dataset, Known, field_column, learn_names


def _learn(events: Sequence[AuditEvent], known: Known) -> None:
    learn_names((event.actor_id for event in events), known)
    ids = {event.patient_id for event in events if event.patient_id is not None}
    known.patients |= {
        patient.pk: patient for patient in Patient.objects.filter(pk__in=ids).select_related("site", "study")
    }


def _of_patient(read: Any) -> Any:
    def value(event: AuditEvent, known: Known) -> Any:
        patient = known.patients.get(event.patient_id) if event.patient_id is not None else None
        return read(patient) if patient else None

    return value


def _source(studies: frozenset[int] | None) -> Any:
    events = AuditEvent.objects.order_by("pk")
    if studies is None:
        return events
    return events.filter(patient_id__in=Patient.objects.filter(study_id__in=studies).values("pk"))


AUDIT = Dataset(
    name="audit",
    meaning="One row per change of a row: who, when, old, new, why, how; of a study, its patients' rows",
    columns=(
        field_column("event_id", "integer", "Position in the trail", "AuditEvent.id"),
        Column("study", "text", "Study of the patient", _of_patient(lambda p: p.study.key), ("Study.key",)),
        Column("site_id", "text", "Site of the patient", _of_patient(lambda p: p.site.code), ("Site.code",)),
        Column(
            "patient_id",
            "text",
            "The registry's patient id",
            _of_patient(lambda p: p.code),
            ("Patient.code",),
        ),
        field_column("at", "instant", "When", "AuditEvent.at"),
        Column(
            "actor",
            "text",
            "User name of who did it; empty: the registry itself",
            lambda e, known: known.user_names.get(e.actor_id) if e.actor_id is not None else None,
            ("AuditEvent.actor_id",),
        ),
        field_column("origin", "text", "Way: form, import, api, system", "AuditEvent.origin"),
        field_column("reason", "text", "Why", "AuditEvent.reason"),
        Column(
            "operation",
            "text",
            "insert, update or delete",
            lambda e, known: {"I": "insert", "U": "update", "D": "delete"}[e.op],
            ("AuditEvent.op",),
        ),
        field_column("table", "text", "Table", "AuditEvent.tbl"),
        field_column("row_id", "text", "Key of the row", "AuditEvent.pk_text"),
        field_column(
            "old", "object", "Before: the whole row, of an update the changed columns", "AuditEvent.old"
        ),
        field_column("new", "object", "After, likewise", "AuditEvent.new"),
    ),
    source=_source,
    learn=_learn,
)
