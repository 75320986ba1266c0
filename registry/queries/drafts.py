"""A person's own drafts: for the form they were typed in, and as a list to go on with."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from registry.models import Draft, Patient, User

# What stands before the colon of a key, in words; `{}` is what stands behind it.
FORMS = {
    "visit": "Visit {}",
    "visit:UNS": "Unscheduled visit",
    "event:new": "New adverse event",
    "event": "Adverse event {}",
    "follow_up": "Follow-up of adverse event {}",
    "result": "Correction of a result",
    "annual": "Annual contact {}",
    "enrolment": "Enrolment",
    "consent": "Consent",
    "withdrawal": "Withdrawal",
    "transfer": "Transfer to another site",
    "question": "Answer to a question",
    "treatment": "Treatment",
    "activity": "Disease activity",
}


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One draft in a list: of whom, which form in words, typed until when, and where it goes on."""

    patient: Patient
    form: str
    saved_at: datetime
    address: str


def draft_of(*, user: User, patient: Patient, key: str) -> Draft | None:
    """Return what the person typed in this form and has neither saved nor discarded."""
    return Draft.objects.filter(user=user, patient=patient, key=key, payload__isnull=False).first()


def was_stored(*, user: User, patient: Patient, key: str, form: UUID, digest: str) -> bool:
    """Whether this very form of this opened page was stored already: sent twice, it is one record."""
    found = Draft.objects.filter(user=user, patient=patient, key=key, form=form, payload__isnull=True)
    return found.filter(stored_as=digest).exclude(stored_as="").exists()


def patient_of_draft(*, public_id: UUID) -> Patient | None:
    """Return the patient whose form was sent too late, if the transaction's scope has them."""
    return Patient.objects.filter(public_id=public_id).select_related("site").first()


def drafts_of(*, user: User) -> list[DraftLine]:
    """Return the person's drafts, the latest first. Old ones are kept: only the person ends them."""
    found = Draft.objects.filter(user=user, payload__isnull=False).select_related("patient", "patient__site")
    return [
        DraftLine(draft.patient, words_of_key(draft.key), draft.saved_at, draft.page)
        for draft in found.order_by("-saved_at")
    ]


def words_of_key(key: str) -> str:
    """Return the form of a key in words: `visit:M6@2024-03-01` is "Visit M6"."""
    kind, _, rest = key.partition(":")
    what = rest.partition("@")[0]
    words = FORMS.get(f"{kind}:{what}") or FORMS.get(kind) or f"{kind.replace('_', ' ').capitalize()} {{}}"
    return words.format(what).strip()
