"""The mails: how many wait, which could not be sent, and what a person does about those."""

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from registry.access import gates
from registry.access.notifications import notifications_of
from registry.actions import notifications as acts
from registry.actions.letters import subject_of
from registry.clock import now
from registry.models import Notification
from registry.queries import notifications

PAGE_SIZE = 50
_LATEST = 20


class GiveUpForm(forms.Form):
    """Why a mail is given up; kept with it."""

    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Reason",
        error_messages={"required": acts.ReasonMissing.for_people},
    )


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """What waits, what could not be sent, what was given up."""
    return _page(request)


def _sent_by_form(act: Callable[[HttpRequest, UUID], HttpResponse]) -> Callable[..., HttpResponse]:
    """Acts on POST alone; who comes to the address otherwise, after signing in again, is led to the list."""

    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(act)
    def view(request: HttpRequest, public_id: UUID) -> HttpResponse:
        return act(request, public_id) if request.method == "POST" else redirect("study:notifications")

    return view


@_sent_by_form
def send_again(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Let a dead letter wait again."""
    dead = gates.get_notification(request, public_id)
    try:
        acts.send_again(notification=dead, by=gates.get_user(request))
    except acts.NotDead as refusal:
        messages.warning(request, refusal.for_people)
    else:
        messages.success(request, f"The mail to {dead.recipient} is sent again within a minute.")
    return redirect("study:notifications")


@_sent_by_form
def give_up(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take a dead letter off the list, with the reason."""
    dead = gates.get_notification(request, public_id)
    form = GiveUpForm(request.POST, prefix=str(public_id))
    if not form.is_valid():
        return _page(request, refused={public_id: form}, status=422)
    try:
        acts.give_up(notification=dead, by=gates.get_user(request), at=now(), **form.cleaned_data)
    except acts.NotDead as refusal:
        messages.warning(request, refusal.for_people)
    else:
        messages.success(request, f"The mail to {dead.recipient} is given up; your reason is kept.")
    return redirect("study:notifications")


def _page(
    request: HttpRequest, *, refused: dict[UUID, GiveUpForm] | None = None, status: int = 200
) -> HttpResponse:
    user = gates.enter(request, "manage_notifications")
    visible = notifications_of(user)
    page = Paginator(notifications.dead_letters(visible=visible), PAGE_SIZE).get_page(request.GET.get("page"))
    refused = refused or {}
    waiting = notifications.waiting(visible=visible)
    context = {
        "counts": notifications.counts(visible=visible),
        "untold": notifications.untold_count(),
        "page": page,
        "dead": [_line(each, refused.get(each.public_id)) for each in page.object_list],
        "waiting": [_line(each) for each in waiting[:_LATEST]],
        "given_up": [_line(each) for each in notifications.given_up(visible=visible)[:_LATEST]],
        "problems": [
            (form["reason"].id_for_label, words)
            for form in refused.values()
            for words in form.errors.get("reason", ())
        ],
    }
    return render(request, "study/notifications.html", context, status=status)


def _line(mail: Notification, form: GiveUpForm | None = None) -> dict[str, object]:
    return {
        "mail": mail,
        "subject": subject_of(mail),
        "form": form or GiveUpForm(prefix=str(mail.public_id)),
        "is_open": form is not None,
    }
