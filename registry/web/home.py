"""The first page, by role: what the person came to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from registry.access.gates import get_user
from registry.access.roles import may, memberships_of, roles_of
from registry.access.scope import rows_of
from registry.clock import now, today
from registry.queries.api_keys import keys_of
from registry.queries.drafts import DraftLine, drafts_of
from registry.queries.locks import closed_patients
from registry.queries.questions import to_answer, waiting_count
from registry.queries.signatures import to_sign
from registry.queries.site_worklist import AwaitedVisit, Worklist, worklist
from registry.web.charts.weeks import Bar, draw_weeks
from registry.web.investigator.alert_lines import alert_lines

_MOST_BARS = 15
_MOST_TO_SIGN = 5
_MOST_ALERTS = 5
_MOST_QUESTIONS = 5
# The first role of this list that a person holds decides; the navigation has the rest.
_FIRST_PAGES = (
    ("safety_officer", "/alerts/"),
    ("safety_lead", "/alerts/"),
    ("data_manager", "/patients/"),
    ("administrator", "/status/"),
)


def home(request: HttpRequest) -> HttpResponse:
    """Today at the site; for everybody else the page of their work."""
    user = get_user(request)
    roles = roles_of(user)
    if roles & {"coordinator", "investigator"}:
        return _today(request)
    for role, address in _FIRST_PAGES:
        if role in roles:
            return redirect(address)
    if "sponsor" in roles:
        return _taking_out(request)
    return render(request, "account/no_role.html")


def _taking_out(request: HttpRequest) -> HttpResponse:
    sponsors = {held.sponsor_id for held in memberships_of(get_user(request)) if held.sponsor_id is not None}
    # By the real clock, as keys are checked.
    return render(request, "sponsor/home.html", {"keys": keys_of(sponsors=sponsors), "at": timezone.now()})


def _today(request: HttpRequest) -> HttpResponse:
    user = get_user(request)
    sites = [membership.site for membership in memberships_of(user) if membership.site is not None]
    found = worklist(
        rows=rows_of(user, verb="enter_record"),
        today_at=lambda zone: today(time_zone=zone),
        most_alerts=_MOST_ALERTS,
    )
    zone = sites[0].time_zone
    on_site = today(time_zone=zone)
    own = drafts_of(user=user, at=now())
    may_sign = may(user, "sign_record")
    to_sign_count, visits_to_sign = (
        to_sign(rows=rows_of(user, verb="sign_record"), limit=_MOST_TO_SIGN) if may_sign else (0, ())
    )
    may_answer = rows_of(user, verb="answer_questions")
    questions = to_answer(rows=may_answer, at=now(), most=_MOST_QUESTIONS)
    are_all = len(questions) < _MOST_QUESTIONS
    context = {
        "found": found,
        "may_sign": may_sign,
        "to_sign_count": to_sign_count,
        "visits_to_sign": visits_to_sign,
        "questions_count": len(questions) if are_all else waiting_count(rows=may_answer, state="open"),
        "questions": questions,
        "things": _things(found, own.lines),
        "drafts": own.lines,
        "let_go": own.let_go,
        "weeks": _weeks(found, on_site),
        "not_drawn_count": max(len(found.ahead) - _MOST_BARS, 0),
        "alert_lines": alert_lines(found.alerts),
        "today": on_site,
        "time_zone": zone,
    }
    return render(request, "investigator/home.html", context)


@dataclass(frozen=True, slots=True)
class Thing:
    """One of the next things: a visit that is awaited, and the draft begun for it; `is_locked`: not now."""

    line: AwaitedVisit
    address: str
    draft: DraftLine | None
    is_locked: bool


def _things(found: Worklist, drafts: Sequence[DraftLine]) -> list[Thing]:
    begun = {(draft.patient.pk, draft.form): draft for draft in drafts}
    closed = closed_patients(patients={line.patient for line in found.next_things})
    return [
        Thing(
            line,
            _address(line),
            begun.get((line.patient.pk, f"Visit {line.window.code}")),
            line.patient.pk in closed,
        )
        for line in found.next_things
    ]


def _weeks(found: Worklist, on_site: date) -> SafeString | None:
    bars = [
        Bar(
            label=f"{line.patient.code} {line.window.code}",
            opens_on=line.window.opens_on,
            closes_on=line.window.closes_on,
            target_on=line.window.target_on,
            href=_address(line),
        )
        for line in found.ahead[:_MOST_BARS]
    ]
    return draw_weeks(bars=bars, today=on_site) if bars else None


def _address(line: AwaitedVisit) -> str:
    address = reverse("investigator:visit", args=[line.patient.public_id, line.window.code])
    return f"{address}?day_zero={line.window.day_zero.isoformat()}"
