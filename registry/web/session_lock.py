"""The lock: after idle minutes nothing is shown and nothing taken before the password; typing is kept.

A page in the browser locks itself in place (lock.js). This is the server's side of it, and the whole of it
for a browser without script: a form that comes too late is kept as a draft of whoever's session it came in,
and never of who signs in next.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from registry.access.roles import NotAllowed
from registry.access.scope import acting, rows_of
from registry.access.sessions import is_locked, note_activity, person_of_ended_session
from registry.actions.drafts import DraftEnded, DraftTooLong, keep_draft
from registry.clock import now
from registry.models import User
from registry.queries.drafts import patient_of_draft
from registry.web.drafting import NoDraft, typing_of

LOCKED = 401
_KEPT = "What you sent is kept as a draft of the person who typed it, and shows when they go on."


def works_while_locked(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Mark a view that a locked session may open: what opens it again, and nothing that shows a patient."""
    view.works_while_locked = True  # type: ignore[attr-defined]
    return view


class SessionLock:
    """Stands after the check of the form's token, so that only what our own pages sent is kept."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Turn away what comes after the time, having kept what was typed."""
        if not getattr(view, "login_required", True):
            return None
        user, at = request.user, timezone.now()
        if not isinstance(user, User):
            owner = person_of_ended_session(session_key=_session_key(request), at=at)
            if owner is not None:
                _keep(request, kwargs, owner)
            return None
        if getattr(view, "works_while_locked", False):
            return None
        if not is_locked(request.session, at=at):
            note_activity(request.session, at=at)
            return None
        if _is_fetch(request):
            return JsonResponse({"locked": True}, status=LOCKED)
        page = _keep(request, kwargs, user) or request.get_full_path()
        return redirect(f"{reverse('unlock')}?{urlencode({'next': page})}")


def _session_key(request: HttpRequest) -> str:
    if request.method != "POST":
        return ""
    return request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")


def _keep(request: HttpRequest, kwargs: dict[str, Any], owner: User) -> str:
    """Keep a sent entry form as a draft of its person; return its page, or nothing where there was none."""
    public_id = kwargs.get("public_id")
    if request.method != "POST" or not isinstance(public_id, UUID) or "draft-form" not in request.POST:
        return ""
    with acting(rows=rows_of(owner), by=owner, origin="form"):
        patient = patient_of_draft(public_id=public_id)
        if patient is None:
            return ""
        try:
            typing = typing_of(request.POST, patient=patient)
            keep_draft(patient=patient, typing=typing, is_all_there_is=True, by=owner, at=now())
        except (NoDraft, DraftTooLong, NotAllowed):
            messages.warning(request, "What you sent could not be kept. Go back with your browser.")
            return ""
        except DraftEnded:
            return typing.page
    messages.info(request, _KEPT)
    return typing.page


def _is_fetch(request: HttpRequest) -> bool:
    """Whether a script asks: it needs a status to read, and not another page."""
    asked_by = request.headers.get("Sec-Fetch-Dest", "")
    return asked_by == "empty" or request.headers.get("Accept", "").startswith("application/json")
