"""The record of who took which data out."""

from datetime import datetime

from registry.access.roles import require
from registry.access.scope import NOTHING, acting
from registry.models import CasebookTaken, ExportRecord, Patient, Study, User


def record(
    *,
    study: Study,
    dataset: str,
    format: str,
    profile: str,
    row_count: int,
    sha256: str,
    by: User | None,
    at: datetime,
) -> ExportRecord:
    """Keep that a dataset of a study was taken; raises NotAllowed for whoever may not take one."""
    require(by, "take_exports")
    with acting(rows=NOTHING, by=by, reason="an export was taken"):
        return ExportRecord.objects.create(
            at=at,
            study=study,
            by=by,
            dataset=dataset,
            format=format,
            profile=profile,
            row_count=row_count,
            sha256=sha256,
        )


def record_casebook(
    *, patient: Patient, row_count: int, sha256: str, by: User, at: datetime
) -> CasebookTaken:
    """Keep that somebody took a copy of a patient's record; raises NotAllowed for whoever may not see it."""
    require(by, "see_patients", patient=patient)
    return CasebookTaken.objects.create(patient=patient, at=at, by=by, row_count=row_count, sha256=sha256)
