"""Asking a site: about a fact of a patient's record, or from an alert's page."""

from collections.abc import Sequence
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from registry.access.gates import get_alert, get_patient, get_user
from registry.actions.questions import Asking, ask
from registry.actions.refused import RecordRefused
from registry.clinical.facts import NotAFact, parse_fact
from registry.clock import now, today
from registry.models import Alert, Patient, Question
from registry.queries.fact_choices import choices_around, choices_of_alert, label_of
from registry.queries.fact_values import FactShown, original_of
from registry.queries.questions import question_about
from registry.web.questions.forms import AskForm

NOT_ACCEPTED = 422


@require_http_methods(["GET", "HEAD", "POST"])
def ask_about_patient(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Ask about the fact that the address names, or another of the same form."""
    patient = get_patient(request, public_id, verb="ask_questions")
    try:
        fact = original_of(fact=parse_fact(request.GET.get("fact") or "patient"))
    except NotAFact as refusal:
        raise Http404 from refusal
    choices = choices_around(patient=patient, fact=fact)
    form = _form(patient=patient, choices=choices, chosen=fact.key, data=_sent(request))
    if request.method == "POST" and form.is_valid():
        question = _ask(request, form, patient=patient)
        if question is not None:
            return redirect("questions:question", question.public_id)
    return _page(request, form, patient=patient, thread=question_about(patient=patient, fact_key=fact.key))


@require_http_methods(["GET", "HEAD", "POST"])
def ask_from_alert(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Ask the site about an alert or what it rests on; the answer comes back into the alert."""
    alert = get_alert(request, public_id, verb="ask_questions")
    patient = alert.patient
    form = alert_ask_form(alert=alert, data=_sent(request))
    if request.method == "POST" and form.is_valid() and _ask(request, form, patient=patient, alert=alert):
        address = reverse("officer:alert", args=[public_id])
        return redirect(f"{address}{f'?{request.GET.urlencode()}' if request.GET else ''}#questions")
    return _page(request, form, patient=patient, alert=alert)


def alert_ask_form(*, alert: Alert, data: QueryDict | None = None) -> AskForm:
    """The form that an alert's page shows, and the one that its address takes."""
    choices = choices_of_alert(alert=alert)
    chosen = choices[0].fact.key if choices else ""
    return _form(patient=alert.patient, choices=choices, chosen=chosen, data=data)


def _form(*, patient: Patient, choices: Sequence[FactShown], chosen: str, data: QueryDict | None) -> AskForm:
    """A form for a question about one of the choices."""
    return AskForm(
        data,
        choices=[(shown.fact.key, label_of(shown)) for shown in choices],
        today=today(time_zone=patient.site.time_zone),
        initial={"fact": chosen},
        auto_id="ask_%s",
    )


def _ask(
    request: HttpRequest, form: AskForm, *, patient: Patient, alert: Alert | None = None
) -> Question | None:
    """Ask; None when the record refused it, with the reasons beside the fields."""
    sent = form.cleaned_data
    try:
        question = ask(
            patient=patient,
            asking=Asking(parse_fact(sent["fact"]), sent["text"], sent["due_on"]),
            by=get_user(request),
            at=now(),
            today=today(time_zone=patient.site.time_zone),
            alert=alert,
        )
    except RecordRefused as refusal:
        form.add_problems(refusal.problems)
        return None
    messages.success(request, "The question stands on the site's list.")
    return question


def _sent(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _page(
    request: HttpRequest,
    form: AskForm,
    *,
    patient: Patient,
    thread: Question | None = None,
    alert: Alert | None = None,
) -> HttpResponse:
    context = {
        "patient": patient,
        "alert": alert,
        "form": form,
        "thread": thread,
        "problems": form.summary() if form.is_bound else [],
    }
    return render(
        request, "questions/ask.html", context, status=NOT_ACCEPTED if form.is_bound and form.errors else 200
    )
