"""What a page with an entry form does about drafts. Visit, event, annual contact: all the same way.

In the view, after the gate (one query):

    typing = drafting(request, patient=patient, key="event:new")
    form = EventForm(data=request.POST if request.method == "POST" else typing.payload)

    if typing.payload is not None:
        form.unjudged()          # of RecordForm: shows what was typed, and no error of what is not finished

`payload` is None where there is no draft, and on a page that was sent. When the form was stored:

    saved = acts.record_event(...)
    typing.used(by=get_user(request), at=at)      # the request is one transaction: both happen, or neither

and into the context goes `"draft": typing`. A form that changes a record gives its `version` as well;
`typing.is_stale` then says that the record has changed since the draft was typed.

In the template:

    <form method="post" novalidate data-warn-before-leaving data-draft="{{ draft.address }}">
      {% csrf_token %}
      {% include "_parts/draft.html" %}           the hidden fields, and the notice that a draft is shown
      …
      {% include "_parts/draft_status.html" %}    "Saved as draft 12:03:05", beside the buttons
    </form>
    {% block scripts %}<script src="{% static 'registry/drafts.js' %}" defer></script>{% endblock %}

The hidden fields are also what keeps a form that was sent after the session had ended, with no script.
Keys begin with the kind of form and a colon; registry/queries/drafts.py puts them in words.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.dateparse import parse_datetime

from registry.access.gates import get_user
from registry.actions.drafts import Typing, digest_of, discard_draft, end_draft
from registry.clock import today
from registry.models import Draft, Patient, User
from registry.queries.drafts import draft_of, was_stored
from registry.templatetags.words import on

_KEY = re.compile(r"[a-z_]{1,20}:[^\x00-\x1f\x7f]{0,90}")
# Fields of the page itself, not of the form: no draft needs them back.
_OF_THE_PAGE = frozenset({"csrfmiddlewaretoken", "step"})
_PREFIX = "draft-"


class NoDraft(ValueError):
    """What was sent does not say whose draft it is, or of another patient's page."""


@dataclass(frozen=True, slots=True)
class Drafting:
    """One opened entry form and the draft of it that its person has, if any."""

    patient: Patient
    key: str
    page: str
    form: UUID
    seen: str
    version: int | None
    found: Draft | None
    sent: Typing | None = None
    # Whether the page shows the draft beside the record as it now is, so that its typing is against that.
    is_settled: bool = False

    @property
    def address(self) -> str:
        """Where the page sends what is typed."""
        return reverse("investigator:drafts", args=[self.patient.public_id])

    @property
    def discard_address(self) -> str:
        query = QueryDict(mutable=True)
        query["key"] = self.key
        return f"{reverse('investigator:discard_draft', args=[self.patient.public_id])}?{query.urlencode()}"

    @property
    def payload(self) -> QueryDict | None:
        """What was typed, as a sent form would be; None without a draft."""
        return as_sent(self.found.payload) if self.found is not None and self.found.payload else None

    @property
    def is_stale(self) -> bool:
        """Whether the record has changed since the draft was typed."""
        return self.found is not None and self.found.version != self.version

    @property
    def base(self) -> int | None:
        """The version that this page's typing is against: a stale draft stays one until it is settled."""
        return self.version if self.found is None or self.is_settled else self.found.version

    @property
    def when(self) -> str:
        """`12:03 today`, `12:03 on 4 Apr 2024`."""
        if self.found is None:
            return ""
        return time_words(self.found.saved_at, patient=self.patient)

    def used(self, *, by: User, at: datetime) -> None:
        """The form was stored: its draft goes away in the same transaction."""
        if self.sent is None:
            discard_draft(patient=self.patient, key=self.key, by=by)
        else:
            end_draft(patient=self.patient, typing=self.sent, by=by, at=at)

    def was_stored(self, *, by: User) -> bool:
        """Whether this very form was stored already: a double click, or the same form of two tabs."""
        return self.sent is not None and was_stored(
            user=by,
            patient=self.patient,
            key=self.key,
            form=self.sent.form,
            digest=digest_of(self.sent.payload),
        )


def drafting(request: HttpRequest, *, patient: Patient, key: str, version: int | None = None) -> Drafting:
    """Return the form's draft of this person. A page that was sent is still the page that was opened."""
    sent = request.POST if request.method == "POST" else QueryDict()
    # Of a page that was sent the answer shows what was sent, and the draft is not asked for.
    found = None if sent else draft_of(user=get_user(request), patient=patient, key=key)
    return Drafting(
        patient=patient,
        key=key,
        page=request.get_full_path()[:500],
        form=_uuid(sent.get("draft-form", "")) or uuid4(),
        seen=found.saved_at.isoformat() if found else sent.get("draft-seen", "")[:40],
        version=version,
        found=found,
        sent=_typing_or_none(sent, patient),
    )


def _typing_or_none(sent: QueryDict, patient: Patient) -> Typing | None:
    try:
        return typing_of(sent, patient=patient)
    except NoDraft:
        return None


def typing_of(sent: QueryDict, *, patient: Patient) -> Typing:
    """Read a sent form as typing to be kept. Raises NoDraft where it does not say what of."""
    key, page = sent.get("draft-key", ""), sent.get("draft-page", "")
    form = _uuid(sent.get("draft-form", ""))
    version = sent.get("draft-version", "")
    is_of_patient = page.startswith(f"/patients/{patient.public_id}/") and len(page) <= 500
    if form is None or not _KEY.fullmatch(key) or not is_of_patient or "\\" in page:
        raise NoDraft(key)
    return Typing(
        key=key,
        page=page,
        form=form,
        seen=_instant(sent.get("draft-seen", "")),
        version=int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None,
        payload={
            name: [value.replace("\x00", "") for value in values]
            for name, values in sent.lists()
            if name not in _OF_THE_PAGE and not name.startswith(_PREFIX)
        },
    )


def as_sent(payload: Mapping[str, list[str]]) -> QueryDict:
    """Return the fields of a draft as a form binds them."""
    data = QueryDict(mutable=True)
    for name, values in payload.items():
        data.setlist(name, values)
    return data


def time_words(at: datetime, *, patient: Patient) -> str:
    """Return when something was typed, at the patient's site."""
    zone = patient.site.time_zone
    local = at.astimezone(ZoneInfo(zone))
    day = "today" if local.date() == today(time_zone=zone) else f"on {on(local.date())}"
    return f"{local:%H:%M} {day}"


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _instant(text: str) -> datetime | None:
    try:
        return parse_datetime(text)
    except ValueError:
        return None
