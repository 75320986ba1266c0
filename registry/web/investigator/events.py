"""Adverse events of a patient: the list with a new one, the page of one, a follow-up report."""

from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from registry.access.gates import get_patient, get_user
from registry.access.roles import may
from registry.actions.adjudication import LabelledMeanwhile, adjudicate, label_problems
from registry.actions.adverse_events import AlreadySent, record_event, record_follow_up
from registry.actions.event_entries import first_day_zero_of
from registry.clinical import event_lists
from registry.clock import now, today
from registry.models import AdverseEvent, LicatsAdjudication, Patient, Visit
from registry.queries.event_chain import (
    chain_of,
    dated_chains,
    day_zeros_of,
    event_of,
    other_grade,
    standing_facts,
)
from registry.queries.event_page import EventPage, event_page
from registry.queries.locks import locked_visits, locks_over, standing_over
from registry.web.drafting import Drafting, drafting
from registry.web.investigator.check_words import on_its_checks
from registry.web.investigator.closed import closed, closed_by
from registry.web.investigator.event_correction import correction_words
from registry.web.investigator.event_facts_forms import facts_lines
from registry.web.investigator.event_forms import EventForm, FollowUpForm, hint_of
from registry.web.investigator.fields import LongText, Radios, RecordForm, text
from registry.web.investigator.ongoing_section import saved_visit_of
from registry.web.investigator.visit_record import visit_named

NOT_ACCEPTED = 422
CONFLICT = 409


class LabelForm(RecordForm):
    """A safety officer's label of a LICATS event."""

    # Nothing is chosen beforehand, and *not known yet* is no label: *uncertain* is one.
    label = forms.ChoiceField(
        label="What was it?",
        required=False,
        choices=list(event_lists.LICATS_LABELS.items()),
        widget=Radios(),
    )
    reason = text("Why?", widget=LongText(rows=3))


def events(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The events of a patient, and the form for a new one to those who enter."""
    if request.method == "POST":
        patient = get_patient(request, public_id, verb="enter_record")
        typing = drafting(request, patient=patient, key="event:new")
        form = EventForm(request.POST, **_about(patient))
        if not form.is_valid():
            return _events_page(request, patient, form, typing, status=NOT_ACCEPTED)
        if request.POST.get("step") == "check":
            return _events_page(request, patient, form, typing)
        try:
            event = _record(request, patient, form)
        except AlreadySent as refusal:
            form.add_error(None, refusal.for_people)
            return _events_page(request, patient, form, typing, status=CONFLICT)
        typing.used(by=get_user(request), at=now())
        checks = on_its_checks(patient=patient, at=now())
        messages.success(request, f"Recorded: {form.cleaned_data['term']}. {checks}")
        return redirect("investigator:event", public_id, event.pk)
    patient = get_patient(request, public_id)
    typing = drafting(request, patient=patient, key="event:new")
    form = EventForm(typing.payload, **_about(patient), initial={"submission": uuid4()})
    if typing.payload is not None:
        form.unjudged()
    return _events_page(request, patient, form, typing)


def event(request: HttpRequest, public_id: UUID, event_id: int) -> HttpResponse:
    """One event with everything reported of it; to a safety officer also the label of a LICATS event."""
    patient = get_patient(request, public_id)
    if request.method == "POST":
        patient = get_patient(request, public_id, verb="review_alerts")
    page = event_page(patient=patient, event_id=event_id)
    if page is None:
        raise Http404
    if request.method != "POST":
        return _event_page(request, patient, page, LabelForm())
    if page.licats is None:
        raise Http404
    form = LabelForm(request.POST)
    if form.is_valid():
        form.add_problems(label_problems(**form.cleaned_data))
    if form.errors:
        return _event_page(request, patient, page, form, status=NOT_ACCEPTED)
    version = request.POST.get("version", "")
    try:
        adjudicate(
            event=page.chain.event,
            **form.cleaned_data,
            version=int(version) if version.isascii() and version.isdigit() and len(version) < 6 else 1,
            by=get_user(request),
            at=now(),
        )
    except LabelledMeanwhile as refusal:
        messages.warning(request, refusal.for_people)
    return redirect("investigator:event", public_id, event_id)


def follow_up(request: HttpRequest, public_id: UUID, event_id: int) -> HttpResponse:
    """A follow-up report on one event."""
    patient = get_patient(request, public_id, verb="enter_record")
    event = event_of(patient=patient, event_id=event_id)
    if event is None:
        raise Http404
    typing = drafting(request, patient=patient, key=f"follow_up:{event.pk}")
    chain = chain_of(event=event)
    sent = request.POST if request.method == "POST" else typing.payload
    form = FollowUpForm(
        sent,
        event=event,
        facts=standing_facts(event=event),
        today=today(time_zone=patient.site.time_zone),
        initial={"number": chain.next_number},
    )
    if request.method != "POST" and sent is not None:
        form.unjudged()
    is_checked = request.POST.get("step") == "check"
    if request.method != "POST" or not form.is_valid() or is_checked:
        is_wrong = request.method == "POST" and bool(form.summary())
        context = {
            "patient": patient,
            "chain": chain,
            "form": form,
            "draft": typing,
            "problems": form.summary() if is_wrong else [],
            "is_checked": is_checked and not is_wrong,
            "other": other_grade(grade=chain.now.grade, scale=chain.now.grade_scale, facts=form.standing),
            "day_zeros": day_zeros_of(patient=patient),
            "closed": closed(request, patient=patient),
        }
        return render(
            request, "investigator/follow_up.html", context, status=NOT_ACCEPTED if is_wrong else 200
        )
    record_follow_up(
        event=event,
        entry=form.entry(),
        number=form.cleaned_data["number"],
        by=get_user(request),
        at=now(),
        today=today(time_zone=patient.site.time_zone),
    )
    typing.used(by=get_user(request), at=now())
    checks = on_its_checks(patient=patient, at=now())
    messages.success(request, f"Follow-up report on {event.term} recorded. {checks}")
    return redirect("investigator:event", public_id, event_id)


def _record(request: HttpRequest, patient: Patient, form: EventForm) -> AdverseEvent:
    return record_event(
        patient=patient,
        entry=form.entry(),
        submission=form.cleaned_data["submission"],
        visit=_told_at(request, patient),
        by=get_user(request),
        at=now(),
        today=today(time_zone=patient.site.time_zone),
    )


def _told_at(request: HttpRequest, patient: Patient) -> Visit | None:
    """The visit that said there is a new event, for who came here from saving it.

    None also for one that was locked since: it takes no more, and the event is recorded all the same.
    """
    after = saved_visit_of(request, patient=patient)
    visit = None if after is None else visit_named(request, patient=patient, code=after[0])
    if visit is None or visit.pk in locked_visits(lines=locks_over(patient=patient)):
        return None
    return visit


def _about(patient: Patient) -> dict[str, Any]:
    """What the form needs to know of the patient to judge an event."""
    return {
        "patient": patient,
        "first_day_zero": first_day_zero_of(patient=patient),
        "today": today(time_zone=patient.site.time_zone),
    }


def _events_page(
    request: HttpRequest, patient: Patient, form: EventForm, typing: Drafting, *, status: int = 200
) -> HttpResponse:
    is_sent = request.method == "POST"
    stands = closed(request, patient=patient)
    may_enter = may(get_user(request), "enter_record", patient=patient)
    context = {
        "patient": patient,
        "closed": stands,
        "events": dated_chains(patient=patient),
        "day_zeros": day_zeros_of(patient=patient),
        "form": form,
        "draft": typing,
        "problems": form.summary() if is_sent else [],
        "is_checked": is_sent and status == 200,
        "after": saved_visit_of(request, patient=patient),
        "may_enter": may_enter and not stands,
        # No empty form to type into in vain; what was typed before the lock is shown again.
        "shows_form": may_enter and (form.is_bound or not stands),
    }
    return render(request, "investigator/events.html", context, status=status)


def _event_page(
    request: HttpRequest, patient: Patient, page: EventPage, form: LabelForm, *, status: int = 200
) -> HttpResponse:
    user, event, now = get_user(request), page.chain.event, page.chain.now
    lines = locks_over(patient=patient)
    stands = closed_by(request, lines=standing_over(lines=lines, visit=None))
    facts = page.details.facts if page.details else None
    first = next((told.facts for told in page.told if told.number == 0), None)
    is_labelling = page.licats is not None and may(user, "review_alerts", patient=patient)
    hides_labels = is_labelling and not _has_labelled(page, user.pk)
    context = {
        "patient": patient,
        "page": page,
        "chain": page.chain,
        "corrections": correction_words(page.corrections, day_zero=page.day_zero, hides_label=hides_labels),
        "day_zeros": day_zeros_of(patient=patient),
        "lines": facts_lines(facts),
        "hint": hint_of(facts, seriousness=now.seriousness, outcome=now.outcome),
        "other": other_grade(grade=now.grade, scale=now.grade_scale, facts=facts),
        "first_other": other_grade(grade=event.grade, scale=event.grade_scale, facts=first),
        # An officer labels before they read what others said: the labels are shown to who gave one.
        "hides_labels": hides_labels,
        "is_labelling": is_labelling,
        "form": form,
        "problems": form.summary() if form.is_bound else [],
        "closed": stands,
        "may_enter": may(user, "enter_record", patient=patient) and not stands,
        "locked_visit": event.visit if standing_over(lines=lines, visit=event.visit) else None,
    }
    return render(request, "investigator/event.html", context, status=status)


def _has_labelled(page: EventPage, user_id: int) -> bool:
    labels: tuple[LicatsAdjudication, ...] = page.licats.labels if page.licats else ()
    return any(label.entered_by_id == user_id for label in labels)
