"""Signing a visit or a whole record: by the person alone, of what they read, when it is complete."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from registry.access.roles import require
from registry.actions.locks import StillBeingWritten, with_patience
from registry.models import Patient, SecurityEvent, Signature, User, Visit
from registry.queries.signatures import canonical, obstacles

# The accountability text stands beside the box; this is what the signature says (21 CFR 11.50(a)(3)).
MEANING = "I have reviewed these data and they are complete and correct to the best of my knowledge."


class SigningRefused(RuntimeError):
    """The record cannot be signed now. `for_people` says why."""

    def __init__(self, for_people: str):
        super().__init__(for_people)
        self.for_people = for_people


class ChangedSinceRead(SigningRefused):
    """The record is no longer what the person read."""

    def __init__(self) -> None:
        super().__init__(
            "Somebody changed the record while you were reading it. Read what changed, then sign."
        )


def may_sign_for_themselves(*, by: User) -> bool:
    """Whether the password is the person's own: one that was given could sign for them (11.200(a)(3)).

    The demonstration's accounts have a password that everybody knows, and sign invented patients only.
    """
    return by.has_own_secret or (by.is_demo and settings.DEMO)


def sign(*, patient: Patient, visit: Visit | None, sha256: str, by: User, at: datetime) -> Signature:
    """Keep a person's signature of the visit, or without one of the whole record, as they read it: `sha256`.

    What this person has signed already, and nobody has changed since, is not signed twice.

    Whoever calls has asked for the password. Raises NotAllowed, SigningRefused for an incomplete visit or a
    password that somebody else chose, while an import writes the record, and ChangedSinceRead.
    """
    require(by, "sign_record", patient=patient)
    if not may_sign_for_themselves(by=by):
        raise SigningRefused(
            "Your password was set by somebody else, who could sign in your name. Choose your own first."
        )
    with transaction.atomic():
        _wait_for_writers(patient)
        if visit is not None and (missing := obstacles(visit=visit)):
            raise SigningRefused(f"Not signed: the visit is not complete. {' '.join(missing)}")
        stands = canonical(patient=patient, visit=visit)
        if stands.sha256 != sha256:
            raise ChangedSinceRead
        # Sent twice it is one: whoever waited for the patient's row finds what the first one wrote.
        sent = Signature.objects.filter(
            patient=patient, visit=visit, signed_by=by, sha256=sha256, voided_at__isnull=True
        ).first()
        if sent is not None:
            return sent
        return Signature.objects.create(
            patient=patient,
            visit=visit,
            signed_by=by,
            signed_at=at,
            printed_name=str(by),
            meaning=MEANING,
            content=stands.text,
            sha256=stands.sha256,
        )


def _wait_for_writers(patient: Patient) -> None:
    # Not lock_patient: who writes without it, as SQL of the operator may, keeps the key of the row only. The
    # trigger of the signature asks for this too; asked for only there, the two could wait for each other.
    try:
        with with_patience():
            Patient.objects.select_for_update().only("pk").get(pk=patient.pk)
    except StillBeingWritten as busy:
        raise SigningRefused(f"Not signed: {busy.for_people}") from busy


def note_refused_password(*, kind: str, by: User, at: datetime) -> None:
    """Keep that a password was refused where it stood for a person; administrators see it."""
    SecurityEvent.objects.create(at=at, kind=kind, user=by)
