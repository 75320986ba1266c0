"""Adverse events of a patient: the list, a new one, a follow-up report."""

from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from registry.access.gates import get_patient, get_user
from registry.access.roles import may
from registry.actions.adverse_events import (
    AlreadySent,
    EventEntry,
    FollowUpEntry,
    event_problems,
    follow_up_problems,
    record_event,
    record_follow_up,
)
from registry.clinical import code_lists
from registry.clock import now, today
from registry.models import AdverseEvent, Patient
from registry.queries.patient_file import dated_events, event_of
from registry.web.investigator.check_words import on_its_checks
from registry.web.investigator.dates import PartialPartsField, PartsField
from registry.web.investigator.fields import LongText, Radios, RecordForm, TextInput, Ticks, select, text

_NO_NAMES = "No names, no initials, no dates of birth."
_PARTIAL = "Leave out what is not known: the day, or day and month. For example Mar 2024."
_SERIOUS = {"yes": True, "no": False}
NOT_ACCEPTED = 422
CONFLICT = 409


class EventForm(RecordForm):
    """The first report of an event."""

    submission = forms.UUIDField(widget=forms.HiddenInput())
    term = text("What happened?", hint=f"In the words of the record. {_NO_NAMES}")
    category = select("Category", code_lists.EVENT_CATEGORIES, empty="Not assigned")
    started_on = PartialPartsField(label="Began on", help_text=_PARTIAL)
    ended_on = PartialPartsField(label="Ended on", help_text="Empty while it goes on. " + _PARTIAL)
    aware_on = PartsField(
        label="The site became aware on", help_text="The whole date: reporting counts from it."
    )
    grade = select("Grade", code_lists.GRADES, hint="How intense it was.", empty="Not graded")
    grade_scale = select(
        "Scale of the grade", code_lists.GRADE_SCALES, hint="CRS and ICANS by ASTCT.", empty="None"
    )
    serious = forms.ChoiceField(
        label="Serious?",
        help_text="Serious is about the outcome for the person, grade about intensity: answer both.",
        required=False,
        choices=[("yes", "Yes"), ("no", "No"), ("", "Not known yet")],
        widget=Radios(attrs={"data_inline": True}),
    )
    seriousness = forms.MultipleChoiceField(
        label="Why is it serious?",
        required=False,
        choices=list(code_lists.SERIOUSNESS.items()),
        widget=Ticks(),
    )
    relatedness = select(
        "Related to the CAR T-cells?",
        code_lists.RELATEDNESS,
        hint="As the investigator sees it.",
        empty="Not assessed yet",
    )
    outcome = text("Outcome", hint="For example: recovered, recovering, not recovered, fatal.")
    code_system = select("Code system", code_lists.CODE_SYSTEMS, empty="Not coded")
    code = text("Code", widget=TextInput("input--name"))
    narrative = text("Narrative", hint=f"Course, findings, treatment. {_NO_NAMES}", widget=LongText(rows=7))

    def __init__(self, *args: Any, patient: Patient, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.patient = patient

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        on_site = today(time_zone=self.patient.site.time_zone)
        self.add_problems(event_problems(patient=self.patient, entry=self.entry(), today=on_site))
        return cleaned

    def entry(self) -> EventEntry:
        """The event as typed."""
        found = {**self.cleaned_data}
        found.pop("submission", None)
        grade = found.pop("grade", "")
        return EventEntry(
            **{
                **found,
                "term": found.get("term", ""),
                "grade": int(grade) if grade else None,
                "serious": _SERIOUS.get(found.get("serious", "")),
                "seriousness": tuple(found.get("seriousness", ())),
            }
        )


class FollowUpForm(RecordForm):
    """A later report; what is left empty stays as it was."""

    number = forms.IntegerField(widget=forms.HiddenInput(), min_value=1)
    reported_on = PartsField(
        label="Date of this report",
        required=True,
        error_messages={"required": "Give the date of this report."},
    )
    outcome = text("Outcome now", hint="For example: recovered, recovering, not recovered, fatal.")
    term = text("What happened, when it is now called otherwise", hint=_NO_NAMES)
    code_system = select("Code system", code_lists.CODE_SYSTEMS, empty="Not coded anew")
    code = text("Code", widget=TextInput("input--name"))
    narrative = text("What is new?", hint=_NO_NAMES, widget=LongText(rows=7))

    def __init__(self, *args: Any, event: AdverseEvent, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.event = event

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "reported_on" in cleaned and cleaned["reported_on"] is not None:
            on_site = today(time_zone=self.event.patient.site.time_zone)
            problems = follow_up_problems(event=self.event, entry=self.entry(), today=on_site)
            self.add_problems(problems)
        return cleaned

    def entry(self) -> FollowUpEntry:
        """The report as typed."""
        fields = ("reported_on", "term", "code_system", "code", "outcome", "narrative")
        return FollowUpEntry(**{name: self.cleaned_data.get(name, "") for name in fields})


def events(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The events of a patient, and the form for a new one to those who enter."""
    patient = get_patient(request, public_id)
    if request.method == "POST":
        patient = get_patient(request, public_id, verb="enter_record")
        form = EventForm(request.POST, patient=patient)
        if not form.is_valid():
            return _events_page(request, patient, form, status=NOT_ACCEPTED)
        try:
            _record(request, patient, form)
        except AlreadySent as refusal:
            form.add_error(None, refusal.for_people)
            return _events_page(request, patient, form, status=CONFLICT)
        checks = on_its_checks(patient=patient, at=now())
        messages.success(request, f"Recorded: {form.cleaned_data['term']}. {checks}")
        return redirect("investigator:events", public_id)
    return _events_page(request, patient, EventForm(patient=patient, initial={"submission": uuid4()}))


def _record(request: HttpRequest, patient: Patient, form: EventForm) -> None:
    record_event(
        patient=patient,
        entry=form.entry(),
        submission=form.cleaned_data["submission"],
        by=get_user(request),
        at=now(),
        today=today(time_zone=patient.site.time_zone),
    )


def follow_up(request: HttpRequest, public_id: UUID, event_id: int) -> HttpResponse:
    """A follow-up report on one event."""
    patient = get_patient(request, public_id, verb="enter_record")
    event = event_of(patient=patient, event_id=event_id)
    if event is None:
        raise Http404
    reports = list(event.follow_ups.all())
    form = FollowUpForm(request.POST or None, event=event, initial={"number": len(reports) + 1})
    if request.method != "POST" or not form.is_valid():
        context = {"patient": patient, "event": event, "form": form, "problems": form.summary()}
        return render(
            request, "investigator/follow_up.html", context, status=NOT_ACCEPTED if form.is_bound else 200
        )
    record_follow_up(
        event=event,
        entry=form.entry(),
        number=form.cleaned_data["number"],
        by=get_user(request),
        at=now(),
        today=today(time_zone=patient.site.time_zone),
    )
    checks = on_its_checks(patient=patient, at=now())
    messages.success(request, f"Follow-up report on {event.term} recorded. {checks}")
    return redirect("investigator:events", public_id)


def _events_page(
    request: HttpRequest, patient: Patient, form: EventForm, *, status: int = 200
) -> HttpResponse:
    context = {
        "patient": patient,
        "events": dated_events(patient=patient),
        "form": form,
        "problems": form.summary() if form.is_bound else [],
        "may_enter": may(get_user(request), "enter_record", patient=patient),
    }
    return render(request, "investigator/events.html", context, status=status)
