"""Consent is recorded, replaced, taken back; what was kept until then stays."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import transaction

from registry.access.roles import NotAllowed, may, require
from registry.access.scope import because
from registry.actions.enrolment import end_follow_up
from registry.actions.evaluations import nudge
from registry.actions.laboratory import lock_patient
from registry.actions.locks import RecordLocked, refuse_if_locked
from registry.actions.refused import refuse_if
from registry.clinical.consent_scopes import COMPULSORY, SCOPES
from registry.clinical.entry_checks import check_all_listed, check_present, check_text
from registry.clinical.record_checks import Life
from registry.clinical.refusals import Problem
from registry.models import Consent, ConsentVersion, ConsentWithdrawal, Patient, Study, User
from registry.queries.consent import forget_acts

_REASON_LIMIT = 500
_HEX = frozenset("0123456789abcdef")


class ConsentRecordedAlready(RuntimeError):
    """A consent to this version is on record and says something else; `consent` is it.

    Whoever gives a reason replaces it.
    """

    def __init__(self, consent: Consent):
        super().__init__(consent.pk)
        self.consent = consent


@dataclass(frozen=True, slots=True)
class VersionEntry:
    """A version of a study's consent form; `text_digest` is the SHA-256 of its text, or empty."""

    version: str
    title: str
    effective_from: date | None
    scopes: tuple[str, ...]
    text_digest: str = ""


@dataclass(frozen=True, slots=True)
class ConsentEntry:
    """A signed form as the site holds it. `replaces_because`: why an earlier one to the version falls."""

    version: ConsentVersion
    given_on: date | None
    scopes: tuple[str, ...]
    replaces_because: str = ""


@dataclass(frozen=True, slots=True)
class WithdrawalEntry:
    """What a patient takes back, from which day on, and why where they said so."""

    withdrawn_on: date | None
    scopes: tuple[str, ...]
    reason: str = ""


def version_problems(*, study: Study, entry: VersionEntry) -> list[Problem]:
    """What makes the version impossible for the study."""
    found = [
        *(check_present(field="version", value=entry.version)),
        *check_text(field="version", value=entry.version, maximum=20),
        *(check_present(field="title", value=entry.title)),
        *check_text(field="title", value=entry.title, maximum=200),
        *(check_present(field="effective_from", value=entry.effective_from)),
        *_check_scopes(entry.scopes),
    ]
    if entry.text_digest and (len(entry.text_digest) != 64 or not _HEX.issuperset(entry.text_digest)):
        found.append(
            Problem(
                "text_digest",
                entry.text_digest[:70],
                "This is no SHA-256 digest.",
                "64 characters from 0 to 9 and a to f, as sha256sum prints them; or leave it empty.",
            )
        )
    there = ConsentVersion.objects.filter(study=study)
    if entry.version and there.filter(version=entry.version).exists():
        found.append(
            Problem(
                "version",
                entry.version,
                f"The study has a version {entry.version} already, and a version is never changed.",
                "Give the next version.",
            )
        )
    if entry.effective_from and there.filter(effective_from=entry.effective_from).exists():
        found.append(
            Problem(
                "effective_from",
                entry.effective_from.isoformat(),
                "Another version is in force from that day.",
                "Give another day: one version is in force at a time.",
            )
        )
    return found


def add_version(*, study: Study, entry: VersionEntry, by: User | None, at: datetime) -> ConsentVersion:
    """Keep a version of the study's consent form. Raises NotAllowed and RecordRefused."""
    require_for_study(by, study=study)
    with transaction.atomic():
        Study.objects.select_for_update(no_key=True).only("pk").get(pk=study.pk)
        refuse_if(version_problems(study=study, entry=entry))
        assert entry.effective_from is not None  # noqa: S101 - refused above
        return ConsentVersion.objects.create(
            study=study,
            version=entry.version,
            title=entry.title,
            text_digest=entry.text_digest,
            effective_from=entry.effective_from,
            scopes=_in_order(entry.scopes),
            entered_by=by,
            entered_at=at,
        )


def require_for_study(by: User | None, *, study: Study) -> None:
    """Raise NotAllowed unless `by` looks after the schedules and forms of this study."""
    if by is not None and not may(by, "manage_schedules", patient=Patient(study=study)):
        raise NotAllowed("manage_schedules")


def consent_problems(*, patient: Patient, entry: ConsentEntry, today: date) -> list[Problem]:
    """What makes the consent impossible for this patient."""
    life = Life(birth_year=patient.birth_year, died_on=patient.died_on, today=today)
    found = [
        *life.check_required(field="given_on", on=entry.given_on, what="Consent"),
        *_check_scopes(entry.scopes),
        *check_text(field="replaces_because", value=entry.replaces_because, maximum=_REASON_LIMIT),
    ]
    version = entry.version
    if version.study_id != patient.study_id:
        found.append(
            Problem(
                "version", version.version, "This is no version of the patient's study.", "Choose another."
            )
        )
    if unasked := [
        SCOPES[scope] for scope in entry.scopes if scope in SCOPES and scope not in version.scopes
    ]:
        found.append(
            Problem(
                "scopes",
                ", ".join(unasked),
                f"Version {version.version} does not ask for: {', '.join(unasked).lower()}.",
                "Tick only what its form asks for.",
            )
        )
    return found


def record_consent(
    *, patient: Patient, entry: ConsentEntry, submission: UUID, by: User | None, at: datetime, today: date
) -> Consent:
    """Keep a consent and return it; the same submission, or the same words again, is one consent.

    Raises NotAllowed, RecordRefused, and ConsentRecordedAlready when a consent to this version says
    something else and no reason is given to replace it.
    """
    require(by, "enter_record", patient=patient)
    refuse_if(consent_problems(patient=patient, entry=entry, today=today))
    assert entry.given_on is not None  # noqa: S101 - refused above
    with transaction.atomic():
        lock_patient(patient)
        sent = Consent.objects.filter(submission=submission, patient=patient).first()
        if sent is not None:
            return sent
        there = Consent.objects.filter(
            patient=patient, version=entry.version, replaced_at__isnull=True
        ).first()
        if there is not None:
            if there.given_on == entry.given_on and set(there.scopes) == set(entry.scopes):
                return there
            if not entry.replaces_because.strip():
                raise ConsentRecordedAlready(there)
            there.replaced_at = at
            there.replaced_reason = entry.replaces_because.strip()
            there.save(update_fields=["replaced_at", "replaced_reason"])
        consent = Consent.objects.create(
            patient=patient,
            study=patient.study,
            version=entry.version,
            given_on=entry.given_on,
            scopes=_in_order(entry.scopes),
            submission=submission,
            entered_by=by,
            entered_at=at,
            origin="form",
        )
        _follow_again(patient, given_on=consent.given_on)
        forget_acts(patient=patient)
    return consent


def withdrawal_problems(*, patient: Patient, entry: WithdrawalEntry, today: date) -> list[Problem]:
    """What makes the withdrawal impossible."""
    life = Life(birth_year=patient.birth_year, died_on=patient.died_on, today=today)
    found = [
        *life.check_required(field="withdrawn_on", on=entry.withdrawn_on, what="A withdrawal"),
        *check_text(field="reason", value=entry.reason, maximum=_REASON_LIMIT),
        *check_all_listed(field="scopes", values=entry.scopes, codes=SCOPES),
    ]
    if not entry.scopes:
        found.append(Problem("scopes", "", "Nothing is withdrawn.", "Tick what the patient takes back."))
    return found


def withdraw_consent(
    *, patient: Patient, entry: WithdrawalEntry, submission: UUID, by: User | None, at: datetime, today: date
) -> ConsentWithdrawal:
    """Keep a withdrawal and return it. Nothing already recorded is removed.

    With follow-up itself, follow-up ends on that day by the reason withdrawal, where it has not ended
    before and the record is not locked: a lock does not hold up a right. The same
    submission is one withdrawal. Raises NotAllowed and RecordRefused.
    """
    require(by, "enter_record", patient=patient)
    refuse_if(withdrawal_problems(patient=patient, entry=entry, today=today))
    assert entry.withdrawn_on is not None  # noqa: S101 - refused above
    with transaction.atomic():
        lock_patient(patient)
        sent = ConsentWithdrawal.objects.filter(submission=submission, patient=patient).first()
        if sent is not None:
            return sent
        withdrawal = ConsentWithdrawal.objects.create(
            patient=patient,
            withdrawn_on=entry.withdrawn_on,
            scopes=_in_order(entry.scopes),
            reason=entry.reason.strip(),
            submission=submission,
            entered_by=by,
            entered_at=at,
            origin="form",
        )
        current = Patient.objects.select_related("site").get(pk=patient.pk)
        if COMPULSORY in entry.scopes and current.follow_up_ended_on is None and not _is_locked(current):
            end_follow_up(
                patient=current, ended_on=entry.withdrawn_on, reason="withdrawal", by=by, today=today
            )
        forget_acts(patient=patient)
        nudge(patient_id=patient.pk)
    return withdrawal


def _is_locked(patient: Patient) -> bool:
    try:
        refuse_if_locked(patient=patient)
    except RecordLocked:
        return True
    return False


def annul_withdrawal(
    *, withdrawal: ConsentWithdrawal, reason: str, by: User, at: datetime
) -> ConsentWithdrawal:
    """Take back a withdrawal that was recorded by mistake; the follow-up that it ended goes on.

    A patient who changes their mind consents anew instead. Twice is once. Raises NotAllowed and
    RecordRefused.
    """
    patient = withdrawal.patient
    require(by, "enter_record", patient=patient)
    refuse_if(
        [
            *check_present(field="annulled_reason", value=reason),
            *check_text(field="annulled_reason", value=reason, maximum=_REASON_LIMIT),
        ]
    )
    with transaction.atomic(), because(reason):
        lock_patient(patient)
        there = ConsentWithdrawal.objects.get(pk=withdrawal.pk)
        if there.annulled_at is not None:
            return there
        there.annulled_at, there.annulled_by, there.annulled_reason = at, by, reason.strip()
        there.save(update_fields=["annulled_at", "annulled_by", "annulled_reason"])
        if COMPULSORY in there.scopes:
            _go_on(patient, withdrawn_on=there.withdrawn_on)
        forget_acts(patient=patient)
        nudge(patient_id=patient.pk)
    return there


def _follow_again(patient: Patient, *, given_on: date) -> None:
    """Open the follow-up that a withdrawal ended, for a patient who has consented anew since."""
    current = Patient.objects.get(pk=patient.pk)
    ended_on = current.follow_up_ended_on
    if current.follow_up_end_reason == "withdrawal" and ended_on is not None and given_on > ended_on:
        _clear_end(current)


def _go_on(patient: Patient, *, withdrawn_on: date) -> None:
    """Open the follow-up that this withdrawal ended, unless another one stands."""
    current = Patient.objects.get(pk=patient.pk)
    others = ConsentWithdrawal.objects.filter(
        patient=patient, annulled_at__isnull=True, scopes__contains=[COMPULSORY]
    )
    is_of_it = current.follow_up_end_reason == "withdrawal" and current.follow_up_ended_on == withdrawn_on
    if is_of_it and not others.exists():
        _clear_end(current)


def _clear_end(patient: Patient) -> None:
    patient.follow_up_ended_on = None
    patient.follow_up_end_reason = ""
    patient.save(update_fields=["follow_up_ended_on", "follow_up_end_reason"])
    nudge(patient_id=patient.pk)


def _check_scopes(scopes: Collection[str]) -> list[Problem]:
    found = check_all_listed(field="scopes", values=scopes, codes=SCOPES)
    if COMPULSORY not in scopes:
        found.append(
            Problem(
                "scopes",
                "",
                "Follow-up data are not agreed to.",
                "Without them nobody is followed: tick them, or do not enrol the patient.",
            )
        )
    return found


def _in_order(scopes: Collection[str]) -> list[str]:
    return [scope for scope in SCOPES if scope in scopes]
