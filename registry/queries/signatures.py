"""Signatures as they stand: whether the record still says what was signed, and what waits to be signed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Exists, OuterRef, Subquery

from registry.access.scope import Rows
from registry.clinical.analytes import ANALYTES
from registry.clinical.visit_contact import CONTACT_MODES
from registry.models import AuditEvent, LabResult, Patient, SecurityEvent, Signature, User, Visit
from registry.queries.locks import Target, open_questions
from registry.queries.stored_rows import rows_where

# Without any of these the rules about blood counts see nothing of a visit (rules.md, CYT-1).
_COUNTS = ("ANC", "HGB", "PLT")
_SHOWN = 50
_EVENTS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Canonical:
    """The canonical text of a visit, or of a patient's whole record, and its SHA-256."""

    text: str
    sha256: str


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """A signature with its standing. Of a void one, who changed the record, when and why, as far as known."""

    signature: Signature
    is_valid: bool
    changed_by: User | None = None
    changed_at: datetime | None = None
    changed_because: str = ""


@dataclass(frozen=True, slots=True)
class ToSign:
    """A recorded visit that waits for a signature; `voided`: the one it had, which a change voided."""

    visit: Visit
    voided: Signature | None


def canonical(*, patient: Patient, visit: Visit | None) -> Canonical:
    """Return what a signature given now would bind to."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT content, guard.sha256_of(content)"
            " FROM (SELECT guard.content(%s, %s)::text AS content) AS stands",
            [patient.pk, visit.pk if visit else None],
        )
        return Canonical(*cursor.fetchone())


def signature_lines(*, patient: Patient, visit: Visit | None, now: Canonical) -> tuple[SignatureLine, ...]:
    """Return the signatures of the visit, or of the whole record, newest first, compared with `now`.

    Valid is what no committed change has touched and what says the same to the letter: the trigger's note
    and the digest must both agree, so that neither a path without triggers nor a change that was undone
    passes for signed.
    """
    found = Signature.objects.filter(patient=patient, visit=visit).select_related("signed_by", "voided_by")
    lines = []
    for signature in found.order_by("-pk"):
        if signature.voided_at is None and not _says_what_was_signed(signature, now):
            lines.append(SignatureLine(signature, False, *_first_change_since(signature)))
        else:
            lines.append(_as_noted(signature))
    return tuple(lines)


def _says_what_was_signed(signature: Signature, now: Canonical) -> bool:
    """Compare with the record as it stands, in the version of the content that was signed."""
    if _version_of(signature.content) == _version_of(now.text):
        return signature.sha256 == now.sha256
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.sha256 = guard.sha256_of(guard.content_as_signed(s)) FROM registry_signature s"
            " WHERE s.id = %s",
            [signature.pk],
        )
        return cursor.fetchone()[0]


def _version_of(content: str) -> int:
    return json.loads(content)["content_version"]


def signatures_of(*, patient: Patient) -> tuple[SignatureLine, ...]:
    """Return every signature of the patient's record, newest first, as the triggers noted them."""
    found = Signature.objects.filter(patient=patient).select_related("visit", "visit__course", "voided_by")
    return tuple(_as_noted(signature) for signature in found.defer("content").order_by("-pk"))


def latest_signature(*, visit: Visit) -> SignatureLine | None:
    """Return the latest signature of the visit as the triggers noted it, or None. One query."""
    found = rows_where(
        Signature,
        "t.visit_id = %(visit)s ORDER BY t.id DESC LIMIT 1",
        related=["voided_by"],
        without="content",
        visit=visit.pk,
    )
    return _as_noted(found[0]) if found else None


def signed_visits(*, patient: Patient) -> Mapping[int, SignatureLine]:
    """Return the latest signature of each visit of the patient, by the visit's number."""
    latest: dict[int, SignatureLine] = {}
    for line in signatures_of(patient=patient):
        if line.signature.visit_id is not None:
            latest.setdefault(line.signature.visit_id, line)
    return latest


def to_sign(*, rows: Rows, limit: int = _SHOWN) -> tuple[int, tuple[ToSign, ...]]:
    """Return how many recorded visits wait for a signature, and some: voided ones, then the latest."""
    of_visit = Signature.objects.filter(visit=OuterRef("pk"))
    waiting = Visit.objects.filter(rows.q("patient")).filter(~Exists(of_visit.filter(voided_at__isnull=True)))
    voided = Subquery(of_visit.order_by("-pk").values("pk")[:1])
    found = list(
        waiting.annotate(voided=voided)
        .select_related("patient", "patient__site", "course")
        .order_by("voided", "-visited_on", "-pk")[:limit]
    )
    had = (
        Signature.objects.defer("content")
        .select_related("voided_by")
        .in_bulk([visit.voided for visit in found if visit.voided])
    )
    count = len(found) if len(found) < limit else waiting.count()
    return count, tuple(ToSign(visit, had.get(visit.voided or 0)) for visit in found)


def obstacles(*, visit: Visit) -> tuple[str, ...]:
    """Return why the visit cannot be signed yet, in sentences; none when complete (21 CFR 11.10(f))."""
    found = []
    target = Target(study=visit.patient.study, patient=visit.patient, visit=visit)
    if waiting := open_questions(target=target):
        found.append(
            "A question about it is still open."
            if waiting == 1
            else f"{waiting} questions about it are still open."
        )
    is_by_contact = visit.contact_mode in CONTACT_MODES and visit.contact_mode != "on_site"
    if visit.status == "completed" and not is_by_contact and not _says_anything_of_counts(visit):
        found.append("Its blood count has neither a result nor the reason why there is none.")
    return tuple(found)


def _says_anything_of_counts(visit: Visit) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM guard.rows_of_visit(%s) WHERE is_current"
            " AND tbl IN ('registry_labresult', 'registry_labnotdone') AND j ->> 'analyte' = ANY (%s))",
            [visit.pk, list(_COUNTS)],
        )
        return cursor.fetchone()[0]


def _as_noted(signature: Signature) -> SignatureLine:
    return SignatureLine(
        signature,
        signature.voided_at is None,
        signature.voided_by,
        signature.voided_at,
        signature.voided_reason,
    )


def _first_change_since(signature: Signature) -> tuple[User | None, datetime | None, str]:
    """Of a signature that no trigger voided and whose content differs: the first change after it."""
    trail = AuditEvent.objects.filter(patient_id=signature.patient_id)
    signed = trail.filter(tbl="registry_signature", pk_text=str(signature.pk), op="I").first()
    event = (
        trail.filter(id__gt=signed.id if signed else 0).exclude(tbl__in=_no_content()).order_by("id").first()
    )
    if event is None:
        return None, None, ""
    return User.objects.filter(pk=event.actor_id or 0).first(), event.at, event.reason or ""


def _no_content() -> Iterable[str]:
    return (
        f"registry_{name}"
        for name in ("signature", "alert", "alertmove", "recordlock", "question", "questionmessage")
    )


def rows_of_visit(*, visit: Visit) -> tuple[tuple[str, int], ...]:
    """Return every row that belongs to the visit as table and number, superseded ones too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tbl, pk FROM guard.rows_of_visit(%s)", [visit.pk])
        return tuple(cursor.fetchall())


def security_events() -> tuple[SecurityEvent, ...]:
    """Return the latest attempts that an administrator should know of, newest first."""
    return tuple(SecurityEvent.objects.select_related("user").order_by("-at", "-pk")[:_EVENTS_SHOWN])


def current_results(*, patient: Patient, numbers: Iterable[int]) -> list[LabResult]:
    """Return of these results of the patient those that count, with who entered them, by analyte and day."""
    order = {key: place for place, key in enumerate(ANALYTES)}
    found = LabResult.objects.filter(patient=patient, pk__in=list(numbers), superseded_at__isnull=True)
    return sorted(
        found.select_related("entered_by"),
        key=lambda result: (order[result.analyte], result.collected_on, result.pk),
    )
