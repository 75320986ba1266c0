"""A patient comes under follow-up as one act: enrolment, consent and the first infusion if there was one."""

from dataclasses import asdict
from datetime import date, datetime
from uuid import uuid4

from django.db import transaction

from registry.access.roles import require
from registry.access.scope import because
from registry.actions.consent import ConsentEntry, record_consent
from registry.actions.enrolment import EnrolmentEntry, InfusionEntry, enrol_patient, record_infusion
from registry.actions.refused import refuse_if
from registry.clinical.entry_checks import check_text
from registry.models import Patient, Site, Study, User
from registry.queries.enrolment import Twins, likely_twins

_REASON_LIMIT = 500


class LikelyTwin(RuntimeError):
    """Somebody with these facts is enrolled already; `twins` says who. A reason lets it go on."""

    def __init__(self, twins: Twins):
        super().__init__(len(twins.own) + twins.elsewhere_count + len(twins.alike))
        self.twins = twins

    @property
    def for_people(self) -> str:
        return twin_words(self.twins)


def twin_words(twins: Twins) -> str:
    """Return the question in a sentence that names nobody of another site."""
    said = []
    if twins.own:
        codes = ", ".join(patient.code for patient in twins.own)
        said.append(f"A patient with these facts is enrolled at your site: {codes}.")
    if twins.elsewhere_count:
        said.append("A patient with these facts is enrolled at another site: ask the data manager.")
    if twins.alike:
        codes = ", ".join(patient.code for patient in twins.alike)
        said.append(f"The subject ID is written nearly as that of a patient of your site: {codes}.")
    return " ".join(said)


def twins_of(*, site: Site, entry: EnrolmentEntry, infusion: InfusionEntry | None) -> Twins:
    """Return who may be the same person as the one to be enrolled."""
    return likely_twins(
        site=site,
        patient_id=entry.patient_id,
        sex=entry.sex,
        birth_year=entry.birth_year,
        diagnosis=entry.diagnosis,
        day_zero=infusion.infused_on if infusion else entry.index_date,
        disease_onset_year=entry.disease_onset_year,
    )


def admit_patient(
    *,
    site: Site,
    entry: EnrolmentEntry,
    infusion: InfusionEntry | None = None,
    consent: ConsentEntry | None = None,
    go_on_because: str = "",
    by: User | None,
    at: datetime,
    today: date,
) -> Patient:
    """Enrol the patient with consent and first infusion, all or nothing, and return the patient.

    The same facts sent again are the same patient. Raises NotAllowed, RecordRefused, and LikelyTwin while
    nobody says why the enrolment is right; the reason stays with the enrolment in the audit trail.
    """
    require(by, "enrol_patients", patient=Patient(site=site, study_id=site.study_id))
    refuse_if(check_text(field="go_on_because", value=go_on_because, maximum=_REASON_LIMIT))
    with transaction.atomic():
        # Two enrolments of one study follow each other: neither misses that the other is the same person.
        Study.objects.select_for_update(no_key=True).only("pk").get(pk=site.study_id)
        if (sent := _sent_before(site=site, entry=entry)) is not None:
            return sent
        twins = twins_of(site=site, entry=entry, infusion=infusion)
        if twins and not go_on_because.strip():
            raise LikelyTwin(twins)
        with because(go_on_because.strip() if twins else ""):
            patient = enrol_patient(site=site, entry=entry, by=by, today=today)
        if consent is not None:
            record_consent(patient=patient, entry=consent, submission=uuid4(), by=by, at=at, today=today)
        if infusion is not None:
            record_infusion(patient=patient, entry=infusion, by=by, today=today)
    return patient


def _sent_before(*, site: Site, entry: EnrolmentEntry) -> Patient | None:
    """Return the patient whom the same form made a moment ago; the same id with other facts is nobody."""
    there = Patient.objects.filter(site=site, code=entry.patient_id).select_related("site", "study").first()
    if there is None:
        return None
    facts = {**asdict(entry), "organs_at_baseline": list(entry.organs_at_baseline)}
    facts["code"] = facts.pop("patient_id")
    return there if all(getattr(there, name) == value for name, value in facts.items()) else None
