"""Correct the first report of an adverse event: what was wrong made right, and why it was wrong."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render

from registry.access.gates import get_patient, get_user
from registry.actions.adverse_events import first_report_columns
from registry.actions.event_corrections import (
    CorrectedMeanwhile,
    as_read,
    correct_first_report,
    corrected_facts,
    corrected_fields,
    correction_doubts,
    correction_problems,
)
from registry.actions.event_entries import EventEntry, completed, first_day_zero_of
from registry.actions.refused import RecordRefused
from registry.clinical import code_lists
from registry.clinical.event_doubts import Doubt
from registry.clinical.event_facts import Facts
from registry.clinical.partial_dates import PartialDate
from registry.clinical.refusals import Problem
from registry.clock import now, today
from registry.models import AdverseEvent
from registry.queries.event_chain import (
    chain_of,
    day_zero_of,
    day_zeros_of,
    details_of,
    event_of,
    first_facts,
)
from registry.queries.event_page import INVESTIGATOR_LABEL, Correction
from registry.templatetags.words import study_day
from registry.web.drafting import drafting
from registry.web.investigator.check_words import on_its_checks
from registry.web.investigator.closed import closed
from registry.web.investigator.event_facts_forms import answers_in_words, facts_differences, facts_forms
from registry.web.investigator.event_forms import EventForm, outcome_parts
from registry.web.investigator.fields import TextInput

NOT_ACCEPTED = 422
CONFLICT = 409
_SERIOUS = {True: "yes", False: "no", None: ""}
_DATES = ("started_on", "ended_on", "aware_on")
_LABELS = {
    "kept_because": "Why it is right as written",
    "coded_term": "Coded term",
    "body_system": "Body system",
    "relatedness": "Related to: CAR T-cell product",
    "lymphodepletion_relatedness": "Related to: lymphodepletion",
    "other_drug_relatedness": "Related to: another medicine",
    "disease_relatedness": "Related to: the disease itself",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One field in words: what the report said, and what it says or is to say."""

    label: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class CorrectionWords:
    """One correction of a first report, for its page."""

    at: datetime
    by: str
    reason: str
    fields: tuple[Said, ...]


class CorrectEventForm(EventForm):
    """The first report as recorded, with the questions of its category; and why it was wrong."""

    submission = None  # type: ignore[assignment]
    read = forms.CharField(widget=forms.HiddenInput())
    reason = forms.CharField(
        label="Why was the report wrong?",
        help_text="For example: misread in the letter. It is kept with the correction.",
        max_length=500,
        widget=TextInput(),
        error_messages={"required": "Say why the report was wrong."},
    )

    def __init__(self, data: QueryDict | None = None, *, event: AdverseEvent, today: date):
        super().__init__(
            data,
            patient=event.patient,
            first_day_zero=first_day_zero_of(patient=event.patient),
            today=today,
            initial={**_recorded(event), "read": as_read(event=event)},
        )
        self.event = event
        self.recorded_facts = first_facts(event=event, category=event.category)
        self.facts_forms = facts_forms(data, facts=self.recorded_facts)
        if data is None:
            self._facts = self.recorded_facts
        # An import may not say it.
        self.fields["aware_on"].required = event.aware_on is not None

    def _problems(self, entry: EventEntry) -> list[Problem]:
        return correction_problems(event=self.event, entry=entry, today=self.today)

    def _questions(self, entry: EventEntry) -> tuple[list[Doubt], list[Problem]]:
        return correction_doubts(event=self.event, entry=entry, first_day_zero=self.first_day_zero)

    def _answered(self) -> Facts | None:
        """A page without the questions of the category, or a draft of before, empties none of them."""
        recorded = self.recorded_facts
        category = self.cleaned_data.get("category", "")
        if recorded is not None and category == recorded.category and not self.facts_forms[category].is_bound:
            return recorded
        return super()._answered()

    @property
    def is_stale(self) -> bool:
        """Whether the report was corrected by somebody since this form was opened."""
        return self.is_bound and self["read"].value() != as_read(event=self.event)

    def differences(self) -> list[Said]:
        """Where what was typed is another than what is recorded now; of a form that was judged."""
        day_zero = day_zero_of(self.event, day_zeros_of(patient=self.patient))
        entry = completed(self.entry())
        facts = corrected_facts(event=self.event, entry=entry)
        before = first_facts(event=self.event, category=entry.category) if facts is not None else None
        told = facts_differences(before, facts) if facts is not None else []
        return [
            Said(
                _label(name),
                in_words(name, getattr(self.event, name), day_zero=day_zero),
                in_words(name, value, day_zero=day_zero),
            )
            for name, value in corrected_fields(event=self.event, entry=entry).items()
        ] + [Said(*said) for said in told]


def correct(request: HttpRequest, public_id: UUID, event_id: int) -> HttpResponse:
    """The form of a correction; sent, it is checked, or stored."""
    patient = get_patient(request, public_id, verb="enter_record")
    event = event_of(patient=patient, event_id=event_id)
    if event is None:
        raise Http404
    typing = drafting(request, patient=patient, key=f"correct_event:{event.pk}")
    on_site = today(time_zone=patient.site.time_zone)
    sent = request.POST if request.method == "POST" else typing.payload
    form = CorrectEventForm(sent, event=event, today=on_site)
    status = 200
    if request.method != "POST":
        if sent is not None:
            form.unjudged()
    elif not form.is_valid():
        status = NOT_ACCEPTED
    elif request.POST.get("step") != "check":
        try:
            correct_first_report(
                event=event,
                read=form.cleaned_data["read"],
                entry=form.entry(),
                reason=form.cleaned_data["reason"],
                by=get_user(request),
                at=now(),
                today=on_site,
            )
        except RecordRefused as refusal:
            form.add_problems(refusal.problems)
            status = NOT_ACCEPTED
        except CorrectedMeanwhile as refusal:
            status = CONFLICT
            form.event = event = event_of(patient=patient, event_id=event_id) or refusal.event
        else:
            typing.used(by=get_user(request), at=now())
            checks = on_its_checks(patient=patient, at=now())
            messages.success(request, f"The first report is corrected. {checks} What it said stays visible.")
            return redirect("investigator:event", public_id, event_id)
    shows_both = form.is_bound and not form.errors and bool(form.cleaned_data)
    context = {
        "patient": patient,
        "event": event,
        "chain": chain_of(event=event),
        "form": form,
        # Whoever was not shown what is recorded now has not read it, and is told when they save.
        "read": as_read(event=event) if shows_both or not form.is_bound else form["read"].value(),
        "draft": typing,
        "problems": form.summary() if status == NOT_ACCEPTED else [],
        "is_checked": request.method == "POST" and status == 200 and not form.is_stale,
        "differences": form.differences() if shows_both else [],
        "closed": closed(request, patient=patient, visit=event.visit),
        # What a follow-up told of the category stands, whatever is corrected here.
        "told_later": max((each.number for each in details_of(event=event)), default=0),
    }
    return render(request, "investigator/correct_event.html", context, status=status)


def correction_words(
    corrections: tuple[Correction, ...], *, day_zero: date | None, hides_label: bool = False
) -> list[CorrectionWords]:
    """The corrections of a first report in words, oldest first.

    `hides_label`: without the investigator's label of a LICATS event, for who has yet to give their own.
    """
    hidden = {INVESTIGATOR_LABEL} if hides_label else set()
    return [
        CorrectionWords(
            each.at,
            each.by,
            each.reason,
            (
                *(
                    Said(
                        _label(name),
                        in_words(name, each.old.get(name), day_zero=day_zero),
                        in_words(name, value, day_zero=day_zero),
                    )
                    for name, value in each.new.items()
                    if name in _SAID
                ),
                *(Said(*said) for facts in each.facts for said in answers_in_words(**facts, hidden=hidden)),
            ),
        )
        for each in corrections
    ]


def in_words(name: str, value: object, *, day_zero: date | None) -> str:
    """A value of a first report as people read it, a date with its study day; empty for what is not told."""
    if value is None or value == "" or value == []:
        return ""
    if name in _DATES:
        return study_day(str(value), day_zero)
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, list):
        return ", ".join(code_lists.SERIOUSNESS.get(code, code) for code in value)
    field: Any = AdverseEvent._meta.get_field(name)
    return str(dict(field.flatchoices).get(value, value))


_SAID = (*first_report_columns(EventEntry(term="")), "coded_term", "body_system")


def _label(name: str) -> str:
    if name in _LABELS:
        return _LABELS[name]
    return str(EventForm.base_fields[name].label).removesuffix("?")


def _recorded(event: AdverseEvent) -> dict[str, Any]:
    """The report as the form shows it."""
    outcome, words = outcome_parts(event.outcome)
    recorded = {name: getattr(event, name) for name in first_report_columns(EventEntry(term=""))}
    return {
        **recorded,
        "started_on": PartialDate.parse(event.started_on) if event.started_on else None,
        "ended_on": PartialDate.parse(event.ended_on) if event.ended_on else None,
        "grade": "" if event.grade is None else str(event.grade),
        "serious": _SERIOUS[event.serious],
        "outcome": outcome,
        "outcome_words": words,
    }
