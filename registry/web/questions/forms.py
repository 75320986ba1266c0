"""What people send about questions: the list's filters, a question, an answer, a closing."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, cast

from django import forms

from registry.actions.questions import ANSWER_WITHIN, LONGEST_TEXT
from registry.monitoring.data_questions import CHECKS
from registry.monitoring.question_lifecycle import BUCKETS, CLOSINGS, Closing, bucket_words
from registry.queries.questions import PEOPLE, STATES, Filters, source_words
from registry.web.investigator.dates import PartsField
from registry.web.investigator.fields import LongText, Radios, RecordForm

_NO_NAMES = "No names, no initials, no dates of birth."


class FilterForm(forms.Form):
    """The list's filters, read from the address. What is not known there is named, never ignored."""

    state = forms.ChoiceField(
        choices=[(key, key) for key in STATES], required=False, widget=forms.HiddenInput, label="State"
    )
    site = forms.ChoiceField(required=False, label="Site")
    age = forms.ChoiceField(
        choices=[("", "Any age"), *((key, bucket_words(key)) for key, _, _ in BUCKETS)],
        required=False,
        label="Open for",
    )
    source = forms.ChoiceField(
        choices=[
            ("", "Everybody"),
            (PEOPLE, "People"),
            *((check.key, source_words(check.key)) for check in CHECKS),
        ],
        required=False,
        label="Asked by",
    )
    patient = forms.CharField(max_length=40, required=False, label="Patient")

    def __init__(self, *, sent: Any, sites: Sequence[tuple[str, str]], state: str):
        super().__init__(sent)
        self.usual_state = state
        cast(forms.ChoiceField, self.fields["site"]).choices = [("", "All sites"), *sites]

    def filters(self) -> Filters:
        """The filters as far as they are known; `errors` names the rest."""
        self.is_valid()
        known = {name: value for name, value in self.cleaned_data.items() if value}
        return Filters(**{"state": self.usual_state, **known})

    @property
    def left_out(self) -> list[str]:
        """The parts of the address that could not be read."""
        return [f"{name}={self.data.get(name)}" for name in self.errors]


class AskForm(RecordForm):
    """A question: about what, in which words, by when an answer is wanted."""

    fact = forms.ChoiceField(label="About", error_messages={"required": "Choose what the question is about."})
    text = forms.CharField(
        label="Question to the site",
        help_text=f"What are they to look at? {_NO_NAMES}",
        max_length=LONGEST_TEXT,
        widget=LongText(4),
        error_messages={"required": "Write what the site is to look at."},
    )
    due_on = PartsField(label="Answer wanted by", help_text="Leave it empty when it does not hurry.")

    def __init__(self, *args: Any, choices: Sequence[tuple[str, str]], today: date, **kwargs: Any):
        kwargs["initial"] = {"due_on": today + ANSWER_WITHIN, **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        cast(forms.ChoiceField, self.fields["fact"]).choices = list(choices)


class WordsForm(RecordForm):
    """An answer, or what is still missing from one."""

    text = forms.CharField(
        max_length=LONGEST_TEXT, widget=LongText(4), error_messages={"required": "Write a few words."}
    )

    def __init__(self, *args: Any, label: str, hint: str = _NO_NAMES, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["text"].label, self.fields["text"].help_text = label, hint


class CloseForm(RecordForm):
    """What came of a question, from which its yield is counted."""

    closing = forms.ChoiceField(
        label="What came of it?",
        choices=list(CLOSINGS.items()),
        widget=Radios(),
        error_messages={"required": "Choose one: what came of it is counted."},
    )
    note = forms.CharField(
        label="Note",
        help_text="If there is more to say.",
        max_length=LONGEST_TEXT,
        required=False,
        widget=LongText(2),
    )

    @property
    def found(self) -> Mapping[str, Any]:
        """The closing and the words, as the act takes them."""
        return {
            "closing": cast(Closing, self.cleaned_data["closing"]),
            "text": self.cleaned_data["note"],
        }
