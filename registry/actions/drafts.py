"""Drafts: what is typed in an entry form is kept on the server until it is saved or discarded.

A draft is no data: no rule, export, count or audit row sees one, and the database shows it to nobody but
the person who typed it. How a page takes part stands in registry/web/drafting.py.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import connection, transaction

from registry.access.roles import require
from registry.models import Draft, Patient, User
from registry.models.draft import MOST_CHARACTERS
from registry.queries.drafts import ASK_AFTER, KEEP_FOR

Payload = Mapping[str, Sequence[str]]


class TypedElsewhere(RuntimeError):
    """Another page of the same form holds newer typing that this one has not seen; `draft` is it."""

    def __init__(self, draft: Draft):
        super().__init__(draft.pk)
        self.draft = draft


class DraftEnded(RuntimeError):
    """This page's form was saved or discarded already; a late message must not bring it back."""


class DraftTooLong(ValueError):
    """More than a form can hold. `for_people` says so."""

    for_people = "This is more text than a draft can keep. Shorten it, or save the form now."


@dataclass(frozen=True, slots=True)
class Typing:
    """One message of a page: whose form it is and what stands in it.

    `form` is the opened page; `seen` the time of the draft that it showed when it was opened, if any.
    """

    key: str
    page: str
    form: UUID
    seen: datetime | None
    version: int | None
    payload: Payload


def keep_draft(
    *, patient: Patient, typing: Typing, is_all_there_is: bool = False, by: User, at: datetime
) -> Draft:
    """Keep what `by` has typed in place of what they had typed before, and return it.

    `is_all_there_is`: the form was sent whole and is nowhere else; it is kept whatever stands there.
    Raises NotAllowed, DraftTooLong, DraftEnded, and TypedElsewhere rather than write over typing that the
    page has not seen.
    """
    require(by, "see_patients", patient=patient)
    payload = {name: list(values) for name, values in typing.payload.items() if any(values)}
    if sum(len(name) + sum(map(len, values)) for name, values in payload.items()) > MOST_CHARACTERS:
        raise DraftTooLong
    with transaction.atomic():
        draft, is_new = Draft.objects.select_for_update().get_or_create(
            user=by,
            patient=patient,
            key=typing.key,
            defaults={
                "page": typing.page,
                "form": typing.form,
                "version": typing.version,
                "payload": payload,
                "saved_at": at,
            },
        )
        if is_new:
            return draft
        if draft.form == typing.form and draft.payload is None:
            raise DraftEnded
        is_own = draft.form == typing.form or draft.saved_at == typing.seen
        if draft.payload is not None and not is_own and not is_all_there_is:
            raise TypedElsewhere(draft)
        draft.page, draft.form, draft.version = typing.page, typing.form, typing.version
        draft.payload, draft.saved_at, draft.stored_as = payload, at, ""
        draft.save(update_fields=["page", "form", "version", "payload", "stored_as", "saved_at"])
    return draft


def discard_draft(*, patient: Patient, key: str, by: User) -> None:
    """Empty the draft: nobody wants it. None there is fine."""
    Draft.objects.filter(user=by, patient=patient, key=key).update(payload=None)


def end_draft(*, patient: Patient, typing: Typing, by: User, at: datetime) -> None:
    """Empty the draft, because the opened page of this typing was stored as it was sent.

    The row is left with the page's own id, made for it if need be: what that page still has on its way
    comes late and must not begin a draft of what is recorded already.
    """
    ended = {"payload": None, "form": typing.form, "stored_as": digest_of(typing.payload)}
    Draft.objects.update_or_create(
        user=by,
        patient=patient,
        key=typing.key,
        defaults=ended,
        create_defaults={**ended, "page": typing.page, "saved_at": at},
    )


def let_old_drafts_go(*, at: datetime, as_of: date | None = None) -> int:
    """Empty the drafts that nobody has touched for long, and return how many. Each leaves its person a note.

    Repeating it finds none. What stood in them is read by nobody, not even here.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT guard.let_old_drafts_go(%s, %s, %s)", [at - KEEP_FOR, at - ASK_AFTER, at])
        return cursor.fetchone()[0]


def read_notes(*, by: User) -> None:
    """The person has read which of their drafts were let go."""
    Draft.objects.filter(user=by, let_go_at__isnull=False).update(let_go_at=None)


def digest_of(payload: Payload) -> str:
    """Return what tells one sent form from another; empty fields say nothing."""
    said = {name: list(values) for name, values in payload.items() if any(values)}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
