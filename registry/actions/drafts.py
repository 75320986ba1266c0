"""Drafts: what is typed in an entry form is kept on the server until it is saved or discarded.

A draft is no data: no rule, export, count or audit row sees one, and the database shows it to nobody but
the person who typed it. How a page takes part stands in registry/web/drafting.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from registry.access.roles import require
from registry.models import Draft, Patient, User
from registry.models.draft import MOST_CHARACTERS

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
        draft.payload, draft.saved_at = payload, at
        draft.save(update_fields=["page", "form", "version", "payload", "saved_at"])
    return draft


def end_draft(*, patient: Patient, key: str, form: UUID | None, by: User) -> None:
    """Empty the draft: its form was saved by the page `form`, or is discarded. None there is fine."""
    found = Draft.objects.filter(user=by, patient=patient, key=key)
    if form is None:
        found.update(payload=None)
    else:
        # The page's own id, so that what it still has on its way is known as late.
        found.update(payload=None, form=form)
