"""The form of the yearly contact: one page, each yes opens only what it needs, nothing typed twice."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

from django import forms
from django.http import QueryDict

from registry.actions.annual_contact import (
    Answer,
    AttemptEntry,
    ContactEntry,
    ContactPart,
    attempt_problems,
    event_of,
)
from registry.actions.visits import VisitEntry, visit_problems
from registry.clinical.annual_contact import DETAILS, MALIGNANCY, OUTCOMES, QUESTIONS, WAYS, Question
from registry.models import AdverseEvent, AnnualContact, Course, Patient, Visit
from registry.web.investigator.dates import PartialPartsField, PartsField
from registry.web.investigator.fields import LongText, Radios, RecordForm, TextInput, text

_ANSWERS = {"no": "No", "yes": "Yes", "unknown": "Not known"}
_AS_BOOLEAN = {"yes": True, "no": False}
_AS_WORD = {True: "yes", False: "no", None: "unknown"}
_PARTIAL = "As far as known: the year alone is fine."


@dataclass(frozen=True, slots=True)
class Asked:
    """One question with its fields, and the event that an earlier yes made."""

    question: Question
    answer: forms.BoundField
    text: forms.BoundField
    started_on: forms.BoundField
    event: AdverseEvent | None


class ContactForm(RecordForm):
    """How the contact was made, whether the patient lives, and what happened since the last one."""

    submission = forms.UUIDField(widget=forms.HiddenInput())
    version = forms.IntegerField(widget=forms.HiddenInput(), required=False)
    contact_mode = forms.ChoiceField(
        label="How was the contact made?",
        choices=list(WAYS.items()),
        widget=Radios(attrs={"data_inline": True}),
        error_messages={"required": "Say how the contact was made."},
    )
    visited_on = PartsField(
        label="Date of the contact",
        help_text="Today, unless you change it.",
        required=True,
        error_messages={"required": "Give the date of the contact."},
    )
    alive = forms.ChoiceField(
        label="Is the patient alive?",
        choices=[("yes", "Yes"), ("no", "No, has died")],
        widget=Radios(attrs={"data_inline": True}),
        error_messages={"required": "Say whether the patient is alive."},
    )
    died_on = PartsField(label="Date of death")
    cause_of_death = text("Cause of death", hint="As far as known. No names.")
    contact_details = forms.ChoiceField(
        label="Are the contact details at the site still right?",
        help_text="Only this is kept here: the registry holds no names and no addresses.",
        required=False,
        choices=list(DETAILS.items()),
        widget=Radios(attrs={"data_inline": True}),
    )
    reason = text("Why is the record changed?", hint="For example: misheard on the phone. It is kept.")

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        patient: Patient,
        code: str,
        day_zeros: tuple[date, ...],
        today: date,
        visit: Visit | None = None,
        recorded: AnnualContact | None = None,
    ):
        super().__init__(data, initial=_initial(today, visit, recorded))
        self.patient = patient
        self.code = code
        self.day_zeros = day_zeros
        self.today = today
        self.visit = visit
        self.recorded = recorded
        for question in QUESTIONS:
            self._add_question(question)
        # As on the page: the summary of errors leads from the top down.
        for name in ("contact_details", "reason"):
            self.fields[name] = self.fields.pop(name)
        if visit is None:
            del self.fields["reason"]
        elif recorded is not None:
            # A recorded contact is of somebody alive; a death learned since ends follow-up on its own page.
            for name in ("alive", "died_on", "cause_of_death"):
                del self.fields[name]

    def _add_question(self, question: Question) -> None:
        event = event_of(contact=self.recorded, question=question)
        self.fields[question.key] = forms.ChoiceField(
            label=question.asked,
            help_text=question.hint,
            required=False,
            choices=list(_ANSWERS.items()),
            widget=Radios(attrs={"data_inline": True}),
        )
        self.fields[f"{question.key}_text"] = text(
            question.described, hint="In a few words. No names.", widget=LongText(rows=2)
        )
        self.fields[f"{question.key}_started_on"] = PartialPartsField(label="Since when?", help_text=_PARTIAL)
        if event is not None:
            self.fields[f"{question.key}_text"].initial = event.term
        if question is MALIGNANCY and self.visit is not None:
            self.fields[f"{question.key}_text"].initial = self.visit.new_malignancy_text

    @property
    def asked(self) -> list[Asked]:
        """The questions in their order, each with its fields."""
        return [
            Asked(
                question,
                self[question.key],
                self[f"{question.key}_text"],
                self[f"{question.key}_started_on"],
                event_of(contact=self.recorded, question=question),
            )
            for question in QUESTIONS
        ]

    @property
    def says_dead(self) -> bool:
        """Whether the contact brought the news of a death; nothing else is asked then."""
        return self.cleaned_data.get("alive") == "no"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.says_dead:
            if not cleaned.get("died_on") and not self.has_error("died_on"):
                self.add_error("died_on", "Give the date of death.")
            return cleaned
        for question in QUESTIONS:
            self._judge(question, cleaned)
        if not cleaned.get("contact_details") and not self.has_error("contact_details"):
            self.add_error(
                "contact_details", "Say whether the contact details are right; not asked is an answer too."
            )
        if "reason" in self.fields and not cleaned.get("reason", "").strip():
            self.add_error("reason", "Say why the record was wrong.")
        self.add_problems(self._problems(), renamed={"new_malignancy_text": f"{MALIGNANCY.key}_text"})
        return cleaned

    def _judge(self, question: Question, cleaned: dict[str, Any]) -> None:
        """Every question has an answer, and what is written belongs to a yes."""
        answer, typed = cleaned.get(question.key), cleaned.get(f"{question.key}_text", "")
        if not answer and not self.has_error(question.key):
            self.add_error(question.key, f"{question.asked} Answer yes, no or not known.")
        is_kept = event_of(contact=self.recorded, question=question) is not None
        if answer in ("no", "unknown") and typed and not is_kept:
            self.add_error(
                question.key, "Something is written below and the answer is not yes. Which is right?"
            )

    def _problems(self) -> list[Any]:
        on = self.cleaned_data.get("visited_on")
        found = visit_problems(
            patient=self.patient,
            code=self.code,
            day_zeros=self.day_zeros,
            entry=self.entry(),
            today=self.today,
        )
        found += self.part().problems(patient=self.patient, visited_on=on, today=self.today)
        # What is missing has been said in the form's own words.
        said = {"contact_mode", "contact_details", "status"}
        return [p for p in found if p.field not in said or (p.value and not self.has_error(p.field))]

    def entry(self) -> VisitEntry:
        """The visit that the contact is."""
        found = self.cleaned_data
        is_new = _AS_BOOLEAN.get(found.get(MALIGNANCY.key, ""))
        return VisitEntry(
            status="completed",
            visited_on=found.get("visited_on"),
            contact_mode=found.get("contact_mode", ""),
            new_malignancy=is_new,
            new_malignancy_text=found.get(f"{MALIGNANCY.key}_text", "") if is_new else "",
        )

    def part(self) -> ContactPart:
        """The answers, to be stored with the visit."""
        found = self.cleaned_data
        return ContactPart(
            entry=ContactEntry(
                answers=tuple(
                    Answer(
                        question=question,
                        yes=_AS_BOOLEAN.get(found.get(question.key, "")),
                        text=found.get(f"{question.key}_text", ""),
                        started_on=found.get(f"{question.key}_started_on"),
                    )
                    for question in QUESTIONS
                ),
                contact_details=found.get("contact_details", ""),
            ),
            submission=found.get("submission") or uuid4(),
            today=self.today,
            recorded=self.recorded,
        )


class AttemptForm(RecordForm):
    """A try to reach the patient that reached nobody."""

    prefix = "attempt"
    attempted_on = PartsField(
        label="Date of the attempt",
        required=True,
        error_messages={"required": "Give the date of the attempt."},
    )
    way = forms.ChoiceField(
        label="How was it tried?",
        choices=list(WAYS.items()),
        widget=Radios(attrs={"data_inline": True}),
        error_messages={"required": "Say how it was tried."},
    )
    outcome = forms.ChoiceField(
        label="What came of it?",
        choices=[(code, words) for code, words in OUTCOMES.items() if code != "died"],
        widget=Radios(),
        error_messages={"required": "Say what came of it."},
    )
    note = text("Anything to know for the next attempt?", hint="No names, no numbers.", widget=TextInput())

    def __init__(self, *args: Any, patient: Patient, course: Course, today: date, **kwargs: Any):
        super().__init__(*args, **{"initial": {"attempted_on": today}, **kwargs})
        self.patient, self.course, self.today = patient, course, today

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            self.add_problems(
                attempt_problems(
                    patient=self.patient, course=self.course, entry=self.entry(), today=self.today
                )
            )
        return cleaned

    def entry(self) -> AttemptEntry:
        """The attempt as typed."""
        return AttemptEntry(**self.cleaned_data)


def _initial(today: date, visit: Visit | None, recorded: AnnualContact | None) -> dict[str, Any]:
    if visit is None or recorded is None:
        return {"submission": uuid4(), "visited_on": today}
    answers = {
        question.key: _AS_WORD[getattr(recorded, question.key)]
        for question in QUESTIONS
        if question is not MALIGNANCY
    }
    return {
        "submission": uuid4(),
        "version": visit.version,
        "contact_mode": visit.contact_mode,
        "visited_on": visit.visited_on,
        MALIGNANCY.key: _AS_WORD[visit.new_malignancy],
        "contact_details": recorded.contact_details,
        **answers,
    }
