"""The queue and the review of one alert. Site staff read both for their own patients; officers decide."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import wraps
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from registry.access import gates
from registry.access.roles import may
from registry.access.scope import Rows, rows_of
from registry.actions import alerts
from registry.clinical.spoken_dates import spoken
from registry.clinical.study_days import study_day
from registry.clock import now, today
from registry.models import Alert
from registry.models.alert import DECISIONS
from registry.monitoring.catalogue import RULES
from registry.queries import monitoring_status, officer_queue, questions
from registry.queries.alert_evidence import up_to_date
from registry.queries.patient_file import icaht_grades_of
from registry.web.officer import wording
from registry.web.officer.forms import DecisionForm, FilterForm
from registry.web.officer.page import page_of

PAGE_SIZE = 50
_BOX_SIZE = 10


@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """What waits for a person, the gravest first; apart from it, what cannot be excluded."""
    user = gates.enter(request, "see_alerts")
    at = now()
    rows = rows_of(user, verb="see_alerts")
    form = _filter_form(request, rows)
    filters = form.filters()
    counts = officer_queue.tab_counts(rows=rows, filters=filters)
    page = Paginator(officer_queue.queue(rows=rows, filters=filters), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    return render(
        request,
        "officer/queue.html",
        {
            "form": form,
            "filters": filters,
            "tabs": _tabs(request, filters, counts),
            "page": page,
            "lines": _lines(page.object_list, at=at),
            **_possible_boxes(rows, filters, at),
            "possible_count": counts.by_tab["possible"],
            "heading": officer_queue.STATE_CHOICES[filters.state],
            "footer": _footer(filters, page, counts),
            "is_narrowed": filters != officer_queue.Filters(state=filters.state),
            "ground_gone_count": counts.ground_gone,
            "address": _address(request),
            "at": at,
            "last_checked": "" if page.object_list else _last_checked(),
        },
    )


@require_safe
def alert(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Why an alert was raised, what the record says, what people decided."""
    return _alert_page(request, gates.get_alert(request, public_id), DecisionForm())


def _sent_by_form(act: Callable[[HttpRequest, UUID], HttpResponse]) -> Callable[..., HttpResponse]:
    """Acts on POST alone. Who comes to the address otherwise, by a reload or after signing in again,
    is led to the alert instead of to an empty page.
    """

    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(act)
    def view(request: HttpRequest, public_id: UUID) -> HttpResponse:
        return act(request, public_id) if request.method == "POST" else redirect(_back(request, public_id))

    return view


@_sent_by_form
def acknowledge(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Say that a person has seen it."""
    return _step(request, public_id, alerts.acknowledge, "You acknowledged this alert.")


@_sent_by_form
def take_up(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Say that a person works on it."""
    return _step(request, public_id, alerts.take_up, "This alert is in review with you.")


@_sent_by_form
def decide(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Record a decision; who was overtaken, by an officer or by new evidence, is told."""
    seen = gates.get_alert(request, public_id, verb="review_alerts")
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _alert_page(request, seen, form, status=422)
    try:
        alerts.decide(alert=seen, **form.cleaned_data, by=gates.get_user(request), at=now())
    except (alerts.EvidenceChanged, alerts.AlreadyDecided, alerts.MoveNotAllowed) as refusal:
        # The page as it is now, with what the person wrote: nothing typed is lost by coming second.
        messages.warning(request, refusal.for_people)
        return _alert_page(request, gates.get_alert(request, public_id), form, status=409)
    decision = DECISIONS[form.cleaned_data["decision"]]
    messages.success(request, f"Your decision is recorded: {decision.lower()}.")
    return redirect(_back(request, public_id))


def _step(request: HttpRequest, public_id: UUID, act: Callable[..., Alert], said: str) -> HttpResponse:
    seen = gates.get_alert(request, public_id, verb="review_alerts")
    try:
        act(alert=seen, by=gates.get_user(request), at=now())
    except alerts.MoveNotAllowed as refusal:
        if refusal.from_state == refusal.to_state:
            messages.info(request, f"{_who_was_first(request, public_id)}; nothing changed.")
        else:
            messages.warning(request, refusal.for_people)
    except alerts.AlreadyDecided as refusal:
        messages.warning(request, refusal.for_people)
    else:
        messages.success(request, said)
    return redirect(_back(request, public_id))


def _who_was_first(request: HttpRequest, public_id: UUID) -> str:
    """Whose review it is: of two officers the second must not take it for their own."""
    now_so = gates.get_alert(request, public_id)
    reviewer = officer_queue.reviewers(alerts=[now_so]).get(now_so.pk)
    if reviewer is None or reviewer == gates.get_user(request):
        return "That was done already"
    return f"{reviewer} took this alert up before you"


def _alert_page(request: HttpRequest, seen: Alert, form: DecisionForm, *, status: int = 200) -> HttpResponse:
    user = gates.get_user(request)
    rows = rows_of(user, verb="see_alerts")
    up_to_date(alerts=[seen])
    page = page_of(alert=seen)
    today_there = today(time_zone=seen.patient.site.time_zone)
    is_graded = page.infusion and seen.subject.partition("@")[0] == "ANC"
    return render(
        request,
        "officer/alert.html",
        {
            "page": page,
            "alert": seen,
            "patient": seen.patient,
            "form": form,
            "today": study_day(today_there, day_zero=seen.day_zero),
            "may_review": may(user, "review_alerts", patient=seen.patient),
            "may_see_patient": may(user, "see_patients", patient=seen.patient),
            "is_mine": seen.decided_by_id == user.pk,
            "neighbours": officer_queue.neighbours(
                rows=rows, filters=_filter_form(request, rows, is_shown=False).filters(), alert=seen
            ),
            "address": _address(request),
            "asked": questions.asked_from(alert=seen, at=now()),
            "may_ask": may(user, "ask_questions", patient=seen.patient),
            "grades": icaht_grades_of(patient=seen.patient, as_of=today_there).get(seen.day_zero)
            if is_graded
            else None,
        },
        status=status,
    )


def _filter_form(request: HttpRequest, rows: Rows, *, is_shown: bool = True) -> FilterForm:
    """The filters of the address; a page that does not show them asks for the sites only to know one."""
    known = officer_queue.sites(rows=rows) if is_shown or request.GET.get("site") else ()
    sites = [(site.code, f"{site.code} {site.name}") for site in known]
    return FilterForm(sent=request.GET, sites=list(dict(sites).items()))


def _lines(found: Iterable[Alert], *, at: datetime) -> list[dict[str, object]]:
    found = up_to_date(alerts=found)
    reviewers = officer_queue.reviewers(alerts=found)
    asked = questions.states_by_alert(alerts=found)
    return [
        {
            "alert": each,
            "title": wording.title_of(each.rule),
            "subject": wording.subject_of(each),
            "line": wording.line_of(wording.told_of(each)),
            "age_days": (at - each.raised_at).days,
            "reviewer": reviewers.get(each.pk),
            "question": asked.get(each.pk, ""),
        }
        for each in found
    ]


def _possible_boxes(rows: Rows, filters: officer_queue.Filters, at: datetime) -> dict[str, object]:
    """Requests for data stand beside the queue, never in it (rules.md G-6); the grave ones above it.

    A lymphoma that only free text names is no certainty, and is not to be met after fifty late visits.
    """
    if filters.state != "queue":
        return {}
    wanted = replace(filters, state="possible")
    possible = list(officer_queue.queue(rows=rows, filters=wanted)[:_BOX_SIZE])
    grave = [each for each in possible if each.severity in officer_queue.GRAVE]
    return {
        "grave": _lines(grave, at=at),
        "possible": _lines([each for each in possible if each not in grave], at=at),
        "possible_shown": len(possible),
    }


def _last_checked() -> str:
    """An empty queue says when somebody looked, so that silence is not taken for "nothing found"."""
    runs = monitoring_status.latest_whole_runs()
    if len(runs) < len(RULES):
        return "The alert checks have not all run yet, so nothing can be said."
    oldest = min(run.finished_at for run in runs if run.finished_at)
    seen = min(run.patients_covered for run in runs)
    in_scope = max(run.patients_in_scope for run in runs)
    return f"Last checked {spoken(oldest.date())}, {oldest:%H:%M} UTC, {seen} of {in_scope} patients."


def _footer(filters: officer_queue.Filters, page: Page[Alert], counts: officer_queue.TabCounts) -> str:
    """What is shown and what is not, so that nothing hides behind a filter."""
    here, all_of_them = len(page.object_list), page.paginator.count
    part = f"{here}" if here == all_of_them else f"{here} of {all_of_them}"
    words = "open" if filters.state == "queue" else "alert" if all_of_them == 1 else "alerts"
    return f"{part} {words} shown, {counts.by_tab['possible']} cannot be excluded."


def _tabs(
    request: HttpRequest, filters: officer_queue.Filters, counts: officer_queue.TabCounts
) -> list[dict[str, object]]:
    return [
        {
            "words": words,
            "count": counts.by_tab[key],
            "address": _address(request, state=key),
            "is_here": filters.state == key,
        }
        for key, (words, _) in officer_queue.TABS.items()
    ]


def _address(request: HttpRequest, **changed: str) -> str:
    """The filters of this address as the query of another one; the page number is not a filter."""
    wanted = request.GET.copy()
    wanted.pop("page", None)
    for name, value in changed.items():
        wanted[name] = value
    for name in [name for name, value in wanted.items() if not value]:
        del wanted[name]
    return f"?{wanted.urlencode()}" if wanted else ""


def _back(request: HttpRequest, public_id: UUID) -> str:
    return reverse("officer:alert", args=[public_id]) + _address(request)
