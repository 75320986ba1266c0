"""The locks of a study: what is closed to change, who asks to open it, who decides."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from registry.access.gates import enter, get_user
from registry.access.roles import may
from registry.access.scope import Rows, rows_of
from registry.actions import locks as acts
from registry.clinical.visit_names import visit_words
from registry.clinical.visit_windows import UNSCHEDULED
from registry.clock import now
from registry.models import RecordLock, Unlocking, User, Visit
from registry.queries import locks
from registry.queries.locks import LockLine, Target
from registry.queries.questions import QuestionLine, lines_of
from registry.templatetags.words import on, study_day
from registry.web.investigator.fields import RecordForm, TextInput, text

NOT_ACCEPTED = 422
_OBSTACLES_SHOWN = 20
_FOR = [
    ("", "Until somebody locks it again"),
    ("4", "4 hours"),
    ("24", "24 hours"),
    ("72", "3 days"),
    ("168", "7 days"),
]


class ReasonForm(RecordForm):
    """Why; kept with what was done."""

    reason = forms.CharField(
        label="Reason",
        widget=TextInput(),
        max_length=500,
        error_messages={"required": "Say why, for whoever reads the record later."},
    )


class LockForm(ReasonForm):
    """What is closed, and why."""

    target = forms.ChoiceField(label="What is locked", error_messages={"required": "Choose what is locked."})
    field_order = ("target", "reason")

    def __init__(self, *args: Any, choices: list[tuple[str, str]], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["target"].choices = choices  # type: ignore[attr-defined]


class AskForm(ReasonForm):
    """Why a lock is to be opened, and for how long."""

    hours = forms.ChoiceField(label="Unlocked for", required=False, choices=_FOR)


class DecideForm(RecordForm):
    """A word about the decision; needed to refuse."""

    reason = text("Your reason", hint="Needed to refuse.", widget=TextInput())


@dataclass(frozen=True, slots=True)
class Obstacles:
    """The questions that keep a target from being locked, the oldest; `count` of them in all.

    `all_at`: the list where whoever asked finds every one.
    """

    words: str
    lines: tuple[QuestionLine, ...]
    count: int
    all_at: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A form that was not taken: at which place, and what it said."""

    place: str
    form: forms.Form | None = None
    words: str = ""
    obstacles: Obstacles | None = None


def page(request: HttpRequest) -> HttpResponse:
    """The locks; sent, one more."""
    user = _enter(request)
    if request.method != "POST":
        return _page(request, user)
    enter(request, "lock_record")
    rows = rows_of(user, verb="lock_record")
    form = LockForm(request.POST, choices=_choices(request, rows))
    if not form.is_valid():
        return _page(request, user, Refused("lock", form))
    target = _target(form.cleaned_data["target"], rows)
    try:
        acts.lock(target=target, reason=form.cleaned_data["reason"], by=user, at=now())
    except acts.QuestionsOpen as refusal:
        return _page(request, user, Refused("lock", form, refusal.for_people, _obstacles(target, refusal)))
    except acts.LockRefused as refusal:
        return _page(request, user, Refused("lock", form, refusal.for_people))
    messages.success(request, f"{words_of(target)} is locked.")
    return redirect("study:locks")


@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest, lock_id: int) -> HttpResponse:
    """Ask that a lock be opened."""
    user = _enter(request)
    if request.method != "POST":
        return redirect("study:locks")
    lock = locks.lock_of_number(number=lock_id, rows=rows_of(user, verb="unlock_record"))
    if lock is None:
        raise Http404
    form = AskForm(request.POST, prefix=f"ask-{lock.pk}")
    if not form.is_valid():
        return _page(request, user, Refused(f"ask-{lock.pk}", form))
    hours = form.cleaned_data["hours"]
    try:
        acts.ask_to_unlock(
            lock=lock,
            reason=form.cleaned_data["reason"],
            hours=int(hours) if hours else None,
            by=user,
            at=now(),
        )
    except acts.LockRefused as refusal:
        return _page(request, user, Refused(f"ask-{lock.pk}", form, refusal.for_people))
    messages.success(request, "Asked. It stays locked until another data manager or safety lead approves.")
    return redirect("study:locks")


@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, unlocking_id: int) -> HttpResponse:
    """Approve or refuse what another person asked for."""
    user = _enter(request)
    if request.method != "POST":
        return redirect("study:locks")
    unlocking = locks.unlocking_of_number(number=unlocking_id, rows=rows_of(user, verb="unlock_record"))
    if unlocking is None:
        raise Http404
    approved = request.POST.get("step") == "approve"
    form = DecideForm(request.POST, prefix=f"decide-{unlocking.pk}")
    if not approved:
        form.fields["reason"].required = True
    if not form.is_valid():
        return _page(request, user, Refused(f"decide-{unlocking.pk}", form))
    try:
        acts.decide_unlocking(
            unlocking=unlocking, approved=approved, reason=form.cleaned_data["reason"], by=user, at=now()
        )
    except acts.LockRefused as refusal:
        return _page(request, user, Refused(f"decide-{unlocking.pk}", form, refusal.for_people))
    messages.success(request, "Unlocked." if approved else "Refused. It stays locked.")
    return redirect("study:locks")


def words_of(target: Target | RecordLock) -> str:
    """`Visit M6 of VIE-0001`, `Patient VIE-0001`, `Site VIE`, `Study CART-AID`."""
    if target.visit is not None and target.patient is not None:
        # There may be many that are unscheduled: each is named by its day.
        on_its_day = f" on {on(target.visit.visited_on)}" if target.visit.code == UNSCHEDULED else ""
        return f"{visit_words(target.visit.code)}{on_its_day} of {target.patient.code}"
    if target.patient is not None:
        return f"Patient {target.patient.code}"
    return f"Study {target.study.key}" if target.site is None else f"Site {target.site.code}"


def _dated(visit: Visit) -> str:
    """`visit M6, day 183, 30 Aug 2024`, `visit M6, not done`."""
    name = visit_words(visit.code)
    when = study_day(visit.visited_on, visit.course.day_zero) if visit.status == "completed" else "not done"
    return f"{name[0].lower()}{name[1:]}, {when}"


def _enter(request: HttpRequest) -> User:
    """Whoever may lock or unlock anywhere; acts ask again for the study."""
    user = get_user(request)
    if not (may(user, "lock_record") or may(user, "unlock_record")):
        raise PermissionDenied
    return user


def _page(request: HttpRequest, user: User, refused: Refused | None = None) -> HttpResponse:
    rows = rows_of(user, verb="unlock_record")
    lines = [_line(line, user, refused) for line in locks.lock_lines(rows=rows)]
    context = {
        "waiting": [line for line in lines if line["line"].waiting],
        "standing": [line for line in lines if not line["line"].is_open],
        "opened": [line for line in lines if line["line"].is_open],
        "lock_form": _lock_form(request, user, refused),
        "problems": _problems(refused),
        "may_lock": may(user, "lock_record"),
        "obstacles": refused.obstacles if refused else None,
    }
    status = NOT_ACCEPTED if refused else 200
    return render(request, "study/locks.html", context, status=status)


def _obstacles(target: Target, refusal: acts.QuestionsOpen) -> Obstacles:
    asked = {"state": "pending"}
    if target.patient is not None:
        asked["patient"] = target.patient.code
    elif target.site is not None:
        asked["site"] = target.site.code
    waiting = locks.questions_in_the_way(target=target, most=_OBSTACLES_SHOWN)
    return Obstacles(
        words=words_of(target),
        lines=lines_of(questions=waiting, at=now()),
        count=refusal.count,
        all_at=f"{reverse('questions:list')}?{urlencode(asked)}",
    )


def _line(line: LockLine, user: User, refused: Refused | None) -> dict[str, Any]:
    waiting: Unlocking | None = line.waiting
    places = {
        f"ask-{line.lock.pk}": AskForm(prefix=f"ask-{line.lock.pk}"),
        f"decide-{waiting.pk if waiting else 0}": DecideForm(prefix=f"decide-{waiting.pk if waiting else 0}"),
    }
    if refused is not None and refused.form is not None and refused.place in places:
        places[refused.place] = refused.form  # type: ignore[assignment]
    ask_form, decide_form = places.values()
    return {
        "line": line,
        "words": words_of(line.lock),
        "ask_form": ask_form,
        "decide_form": decide_form,
        "is_asked_again": refused is not None and refused.place == f"ask-{line.lock.pk}",
        "is_own": waiting is not None and waiting.asked_by_id == user.pk,
        "target": _key(line.lock),
    }


def _lock_form(request: HttpRequest, user: User, refused: Refused | None) -> forms.Form:
    if refused is not None and refused.place == "lock" and refused.form is not None:
        return refused.form
    choices = _choices(request, rows_of(user, verb="lock_record"))
    return LockForm(choices=choices, initial={"target": request.GET.get("target", "")})


def _problems(refused: Refused | None) -> list[tuple[str, str]]:
    if refused is None:
        return []
    if refused.words or not isinstance(refused.form, RecordForm):
        return [("obstacles-title" if refused.obstacles else "", refused.words)]
    return refused.form.summary()


def _choices(request: HttpRequest, rows: Rows) -> list[tuple[str, str]]:
    """The studies with their sites; of a patient whom the address or the form names, also the visits."""
    found = [("", "Choose …")]
    named = request.POST.get("target", "") or request.GET.get("target", "")
    target = _target_or_none(named, rows) if named.startswith(("patient", "visit")) else None
    if target is not None and target.patient is not None:
        patient = target.patient
        found.append((f"patient:{patient.public_id}", f"Patient {patient.code}, the whole record"))
        found += [
            (f"visit:{patient.public_id}:{visit.pk}", f"Patient {patient.code}, {_dated(visit)}")
            for visit in locks.visits_to_lock(patient=patient)
        ]
    for study, sites in locks.places_to_lock(rows=rows):
        found.append((f"study:{study.pk}", f"Study {study.key}, everything"))
        found += [(f"site:{site.pk}", f"Site {site.code} {site.name}") for site in sites]
    return found


def _target(key: str, rows: Rows) -> Target:
    found = _target_or_none(key, rows)
    if found is None:
        raise Http404
    return found


def _target_or_none(key: str, rows: Rows) -> Target | None:
    level, _, rest = key.partition(":")
    try:
        if level == "study":
            return locks.target_of(rows=rows, study_id=int(rest))
        if level == "site":
            return locks.target_of(rows=rows, site_id=int(rest))
        patient, _, visit = rest.partition(":")
        return locks.target_of(rows=rows, patient=UUID(patient), visit_id=int(visit) if visit else None)
    except ValueError:
        return None


def _key(lock: RecordLock) -> str:
    if lock.patient is not None:
        visit = f":{lock.visit_id}" if lock.visit_id else ""
        return f"{lock.level}:{lock.patient.public_id}{visit}"
    return f"{lock.level}:{lock.site_id or lock.study_id}"
