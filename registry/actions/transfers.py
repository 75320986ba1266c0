"""A patient moves from one site of a study to another: one act, and who had them when stays known."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import transaction

from registry.access.roles import require
from registry.access.scope import because
from registry.actions.evaluations import nudge
from registry.actions.laboratory import lock_patient
from registry.actions.refused import refuse_if
from registry.clinical.entry_checks import check_present, check_text
from registry.clinical.record_checks import Life
from registry.clinical.refusals import Problem
from registry.clinical.spoken_dates import spoken
from registry.models import Patient, Site, SiteStay, User

_REASON_LIMIT = 500


class MovedMeanwhile(RuntimeError):
    """Somebody transferred the patient since the page was opened; `patient` is where they are now."""

    def __init__(self, patient: Patient):
        super().__init__(patient.pk)
        self.patient = patient

    @property
    def for_people(self) -> str:
        return f"The patient was transferred to {self.patient.site.code} meanwhile. Nothing was changed."


@dataclass(frozen=True, slots=True)
class TransferEntry:
    """Where the patient goes, from which day on the new site follows them, and why."""

    to_site: Site
    moved_on: date | None
    reason: str


def transfer_problems(*, patient: Patient, entry: TransferEntry, today: date) -> list[Problem]:
    """What makes the transfer impossible."""
    life = Life(birth_year=patient.birth_year, died_on=patient.died_on, today=today)
    found = [
        *life.check_required(field="moved_on", on=entry.moved_on, what="A transfer"),
        *check_present(field="reason", value=entry.reason),
        *check_text(field="reason", value=entry.reason, maximum=_REASON_LIMIT),
    ]
    if entry.to_site.study_id != patient.study_id:
        found.append(
            Problem(
                "to_site", entry.to_site.code, "The site is of another study.", "Choose one of this study."
            )
        )
    elif entry.to_site.pk == patient.site_id:
        found.append(
            Problem(
                "to_site", entry.to_site.code, "The patient is at this site already.", "Choose another site."
            )
        )
    latest = SiteStay.objects.filter(patient=patient, stay__endswith__isnull=True).first()
    begun = latest.stay.lower if latest is not None else None
    if entry.moved_on is not None and begun is not None and entry.moved_on <= begun:
        found.append(
            Problem(
                "moved_on",
                entry.moved_on.isoformat(),
                f"The patient came to the present site on {spoken(begun)}.",
                "Give a later day.",
            )
        )
    return found


def transfer_patient(
    *,
    patient: Patient,
    from_site_id: int,
    entry: TransferEntry,
    submission: UUID,
    by: User | None,
    at: datetime,
    today: date,
) -> SiteStay:
    """Move the patient and return the stay that begins.

    `from_site_id` is where the person saw the patient. Rows keep who entered them; questions, alerts and
    drafts hang on the patient, so that the old site sees none of them from now on and the new one the
    questions and alerts. Windows count in the new site's time zone. Raises NotAllowed, RecordRefused and
    MovedMeanwhile; the same submission is one transfer.
    """
    require(by, "transfer_patients", patient=patient)
    with transaction.atomic(), because(entry.reason.strip()):
        lock_patient(patient)
        sent = SiteStay.objects.filter(patient=patient, submission=submission).select_related("site").first()
        if sent is not None:
            return sent
        current = Patient.objects.select_related("site", "study").get(pk=patient.pk)
        if current.site_id != from_site_id:
            raise MovedMeanwhile(current)
        refuse_if(transfer_problems(patient=current, entry=entry, today=today))
        _end_stay(current, on=entry.moved_on, at=at)
        begun = SiteStay.objects.create(
            patient=current,
            study_id=current.study_id,
            site=entry.to_site,
            stay=(entry.moved_on, None),
            reason=entry.reason.strip(),
            moved_by=by,
            moved_at=at,
            submission=submission,
        )
        current.site = entry.to_site
        current.save(update_fields=["site"])
        nudge(patient_id=current.pk)
    return SiteStay.objects.select_related("site").get(pk=begun.pk)


def _end_stay(patient: Patient, *, on: date | None, at: datetime) -> None:
    """End the stay at the present site; of a first transfer it is written down now, from the beginning."""
    latest = SiteStay.objects.filter(patient=patient, stay__endswith__isnull=True).first()
    if latest is None:
        SiteStay.objects.create(
            patient=patient, study_id=patient.study_id, site_id=patient.site_id, stay=(None, on), moved_at=at
        )
        return
    latest.stay = (latest.stay.lower, on)
    latest.save(update_fields=["stay"])
