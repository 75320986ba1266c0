"""A person's own drafts: for the form they were typed in, and as a list to go on with."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q

from registry.models import Draft, Patient, User
from registry.queries.stored_rows import rows_where

# A draft that nobody touches is asked about, then let go: docs/decisions/0032. Who cannot be asked any more,
# because the account ended or the patient left the site, loses the time of asking only.
ASK_AFTER = timedelta(days=30)
KEEP_FOR = timedelta(days=60)

# What stands before the colon of a key, in words; `{}` is what stands behind it.
FORMS = {
    "visit": "Visit {}",
    "visit:UNS": "Unscheduled visit",
    "event:new": "New adverse event",
    "event": "Adverse event {}",
    "follow_up": "Follow-up of adverse event {}",
    "correct_event": "Correction of adverse event {}",
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
    """One draft in a list: of whom, which form in words, typed until when, and where it goes on.

    `is_old`: nobody has touched it for so long that the person is asked; `kept_until`: it is let go in the
    first night after.
    """

    patient: Patient
    key: str
    form: str
    saved_at: datetime
    address: str
    days_untouched: int
    is_old: bool

    @property
    def kept_until(self) -> datetime:
        return self.saved_at + KEEP_FOR


@dataclass(frozen=True, slots=True)
class LetGo:
    """A draft that a night let go, which its person has not read yet."""

    patient: Patient
    form: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OwnDrafts:
    """What a person began and did not save, the latest first, and what was let go since they looked."""

    lines: tuple[DraftLine, ...]
    let_go: tuple[LetGo, ...]


@dataclass(frozen=True, slots=True)
class OldDrafts:
    """How many old drafts a person is asked about; `has_new`: one became old within a day."""

    count: int
    has_new: bool


def draft_of(*, user: User, patient: Patient, key: str) -> Draft | None:
    """Return what the person typed in this form and has neither saved nor discarded."""
    found = rows_where(
        Draft,
        "t.user_id = %(user)s AND t.patient_id = %(patient)s AND t.key = %(key)s AND t.payload IS NOT NULL",
        user=user.pk,
        patient=patient.pk,
        key=key,
    )
    return found[0] if found else None


def was_stored(*, user: User, patient: Patient, key: str, form: UUID, digest: str) -> bool:
    """Whether this very form of this opened page was stored already: sent twice, it is one record."""
    found = Draft.objects.filter(user=user, patient=patient, key=key, form=form, payload__isnull=True)
    return found.filter(stored_as=digest).exclude(stored_as="").exists()


def patient_of_draft(*, public_id: UUID) -> Patient | None:
    """Return the patient whose form was sent too late, if the transaction's scope has them."""
    return Patient.objects.filter(public_id=public_id).select_related("site").first()


def drafts_of(*, user: User, at: datetime) -> OwnDrafts:
    """Return the person's drafts, and the notes about those that were let go. One query."""
    found = list(
        Draft.objects.filter(user=user)
        .filter(Q(payload__isnull=False) | Q(let_go_at__isnull=False))
        .select_related("patient", "patient__site")
        .order_by("-saved_at")
    )
    return OwnDrafts(
        lines=tuple(_line(draft, at) for draft in found if draft.payload is not None),
        let_go=tuple(
            LetGo(draft.patient, words_of_key(draft.key), draft.let_go_at)
            for draft in found
            if draft.let_go_at is not None
        ),
    )


def old_drafts(*, at: datetime) -> dict[int, OldDrafts]:
    """Return who is asked about old drafts, by the person's number. Whose they are is all that is told."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT person, waiting, has_new FROM guard.old_drafts(%s)", [at - ASK_AFTER])
        return {person: OldDrafts(count, has_new) for person, count, has_new in cursor.fetchall()}


def _line(draft: Draft, at: datetime) -> DraftLine:
    untouched = at - draft.saved_at
    return DraftLine(
        patient=draft.patient,
        key=draft.key,
        form=words_of_key(draft.key),
        saved_at=draft.saved_at,
        address=draft.page,
        days_untouched=untouched.days,
        is_old=untouched > ASK_AFTER,
    )


def words_of_key(key: str) -> str:
    """Return the form of a key in words: `visit:M6@2024-03-01` is "Visit M6"."""
    kind, _, rest = key.partition(":")
    what = rest.partition("@")[0]
    words = FORMS.get(f"{kind}:{what}") or FORMS.get(kind) or f"{kind.replace('_', ' ').capitalize()} {{}}"
    return words.format(what).strip()
