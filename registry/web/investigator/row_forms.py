"""The rows of the visit form: a result of one analyte, a supportive treatment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms

from registry.actions.laboratory import ResultEntry, problems_of
from registry.actions.visits import NotDoneEntry, SupportEntry, not_done_problems, support_problems
from registry.clinical import code_lists
from registry.clinical.analytes import Analyte
from registry.clinical.plausibility import Earlier, Reported, unlikely
from registry.clinical.units import EnteredValue, read_result, unit_label
from registry.models import LabResult, Patient
from registry.templatetags.words import grade_words
from registry.web.investigator.dates import DayField
from registry.web.investigator.fields import RecordForm, TextInput, select, text


@dataclass(frozen=True, slots=True)
class About:
    """What the forms need to know of the patient to judge an entry."""

    patient: Patient
    day_zeros: tuple[date, ...]  # of the visit's own course first, then of the later ones
    code: str
    today: date


class ResultForm(RecordForm):
    """One row of the laboratory grid. An empty row is no result."""

    value = text("Value", widget=TextInput("input--short", inputmode="decimal"))
    unit = forms.ChoiceField(label="Unit", required=False)
    lower_limit = text("Lower limit of normal", widget=TextInput("input--short", inputmode="decimal"))
    upper_limit = text("Upper limit of normal", widget=TextInput("input--short", inputmode="decimal"))
    collected_on = DayField(label="Collected on, when not on the day of the visit")
    not_done = text("If not done: why", widget=TextInput("input--reason"))
    sure = forms.CharField(required=False)
    result = forms.IntegerField(required=False, widget=forms.HiddenInput())

    def __init__(
        self,
        *args: Any,
        about: About,
        analyte: Analyte,
        previous: LabResult | None,
        also: tuple[LabResult, ...] = (),
        **kwargs: Any,
    ):
        super().__init__(*args, prefix=f"lab-{analyte.key}", **kwargs)
        self.about = about
        self.analyte = analyte
        self.previous = previous
        self.also = also
        self.question = ""
        self.grade = ""
        self.entry: ResultEntry | None = None
        self.missing: NotDoneEntry | None = None
        field = self.fields["unit"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [(unit, unit_label(unit)) for unit in analyte.units]
        for name in ("value", "unit", "lower_limit", "upper_limit", "collected_on", "not_done"):
            self.fields[name].widget.attrs["aria-label"] = f"{analyte.name}: {self.fields[name].label}"

    def judge(self, *, visited_on: date | None, is_date_wrong: bool) -> None:
        """Judge the row on the day of the visit, unless it names its own day of collection.

        While the date of the visit is itself wrong, only the value is judged: one error, not twelve.
        """
        if not self.is_valid():
            return
        found = self.cleaned_data
        if found["not_done"]:
            self._judge_not_done(found["not_done"])
            return
        if not self.is_filled:
            return
        collected_on = found["collected_on"] or (self.about.today if is_date_wrong else visited_on)
        if collected_on is None:
            self.add_error("collected_on", "Give the day of collection, or the date of the visit above.")
            return
        entry = ResultEntry(
            analyte=self.analyte.key,
            value=found["value"],
            unit=found["unit"],
            collected_on=collected_on,
            lower_limit=found["lower_limit"],
            upper_limit=found["upper_limit"],
        )
        self.add_problems(problems_of(entry=entry, patient=self.about.patient, today=self.about.today))
        if not self.errors:
            self.entry = entry
            self._grade_and_ask(entry)

    def _judge_not_done(self, reason: str) -> None:
        if self.is_filled:
            self.add_error("not_done", "There is a value as well. Leave one of the two empty.")
            return
        entry = NotDoneEntry(analyte=self.analyte.key, reason=reason)
        self.add_problems(not_done_problems(entry=entry))
        if not self.errors:
            self.missing = entry

    def _grade_and_ask(self, entry: ResultEntry) -> None:
        found = self.cleaned_data
        read = read_result(found["value"], analyte=self.analyte.key, unit=found["unit"], decimal_comma=True)
        self.grade = grade_of_entry(self.analyte.key, read.canonical, read.entered, found)
        before = self.previous
        doubt = unlikely(
            Reported(self.analyte.key, found["unit"], entry.collected_on, read),
            previous=Earlier(before.value, "", before.collected_on) if before else None,
        )
        # The tick belongs to the value it was set for; another value is asked about again.
        if doubt and found["sure"] != self.sure_of:
            self.question = doubt.for_people
            self.add_error("value", f"{doubt.for_people} If it is right, tick the box beside it.")

    @property
    def is_filled(self) -> bool:
        return any(
            self.cleaned_data[name] for name in ("value", "lower_limit", "upper_limit", "collected_on")
        )

    @property
    def sure_of(self) -> str:
        """What a tick of *the value is right* says yes to."""
        return f"{self['value'].value() or ''} {self['unit'].value() or ''}".strip()

    @property
    def sure_words(self) -> str:
        """The same for people to read: `150 ×10⁹/L`."""
        return f"{self['value'].value() or ''} {unit_label(self['unit'].value() or '')}".strip()

    @property
    def is_sure(self) -> bool:
        return bool(self.is_bound) and self.data.get(self.add_prefix("sure")) == self.sure_of

    @property
    def is_touched(self) -> bool:
        """Whether the row holds something to see."""
        return bool(self.errors or self["value"].value() or self["not_done"].value())


class SupportForm(RecordForm):
    """One transfusion or growth factor. An empty row is none."""

    kind = select("Treatment", code_lists.SUPPORT_KINDS, empty="None")
    given_on = DayField(label="Given on")

    def __init__(self, *args: Any, about: About, number: int, **kwargs: Any):
        super().__init__(*args, prefix=f"support-{number}", **kwargs)
        self.about = about
        self.number = number
        for name, field in self.fields.items():
            words = "kind" if name == "kind" else "given on"
            field.widget.attrs["aria-label"] = f"Treatment {number + 1}: {words}"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors or not (cleaned.get("kind") or cleaned.get("given_on")):
            return cleaned
        if not cleaned.get("given_on"):
            self.add_error("given_on", "Give the day of the treatment.")
            return cleaned
        entry = SupportEntry(given_on=cleaned["given_on"], kind=cleaned["kind"])
        self.add_problems(support_problems(patient=self.about.patient, entry=entry, today=self.about.today))
        return cleaned

    @property
    def entry(self) -> SupportEntry | None:
        found = self.cleaned_data
        return SupportEntry(given_on=found["given_on"], kind=found["kind"]) if found.get("kind") else None


def grade_of_entry(analyte: str, canonical: Decimal, entered: EnteredValue, found: Mapping[str, Any]) -> str:
    """The grades in words of a typed value, with the limit typed beside it."""
    return grade_words(
        analyte=analyte,
        value=canonical,
        comparator=entered.comparator,
        unit=found["unit"],
        lower_limit=found["lower_limit"],
    )
