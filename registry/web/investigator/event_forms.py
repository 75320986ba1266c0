"""The forms of adverse events: the first report with the questions of its category, and a follow-up."""

from dataclasses import fields
from datetime import date
from typing import Any

from django import forms
from django.http import QueryDict

from registry.actions.event_entries import (
    EventEntry,
    FollowUpEntry,
    completed,
    completed_follow_up,
    event_doubts,
    event_problems,
    follow_up_doubts,
    follow_up_problems,
    unanswered,
)
from registry.clinical import code_lists, event_lists
from registry.clinical.astct import ComputedGrade
from registry.clinical.event_doubts import Doubt
from registry.clinical.event_facts import Facts, InfectionFacts, LicatsFacts
from registry.clinical.infection_grade import infection_hint
from registry.clinical.refusals import Problem
from registry.models import AdverseEvent, Patient
from registry.web.investigator.dates import PartialPartsField, PartsField
from registry.web.investigator.event_facts_forms import FactsForm, facts_form_for, facts_forms
from registry.web.investigator.fields import LongText, Radios, RecordForm, TextInput, Ticks, select, text

_NO_NAMES = "No names, no initials, no dates of birth."
_PARTIAL = "Leave out what is not known: the day, or day and month. For example Mar 2024."
_SERIOUS = {"yes": True, "no": False}
_COMPONENTS = ("lymphodepletion_relatedness", "other_drug_relatedness", "disease_relatedness")


def _causality(label: str) -> forms.ChoiceField:
    return select(label, code_lists.RELATEDNESS, empty="Not assessed")


class EventForm(RecordForm):
    """The first report of an event: what all categories have in common."""

    submission = forms.UUIDField(widget=forms.HiddenInput())
    term = text("What happened?", hint=f"In the words of the record. {_NO_NAMES}")
    category = select("Category", code_lists.EVENT_CATEGORIES, empty="Not assigned")
    started_on = PartialPartsField(label="Began on", help_text=_PARTIAL)
    ended_on = PartialPartsField(label="Ended on", help_text="Empty while it goes on. " + _PARTIAL)
    aware_on = PartsField(
        label="The site became aware on",
        help_text="The whole date: reporting counts from it.",
        required=True,
        error_messages={"required": "Give the day the site became aware: reporting counts from it."},
    )
    grade = select("Grade", code_lists.GRADES, hint="Severe: how intense it was.", empty="Not graded")
    grade_scale = select(
        "Scale of the grade", code_lists.GRADE_SCALES, hint="CRS and ICANS by ASTCT.", empty="None"
    )
    serious = forms.ChoiceField(
        label="Serious?",
        help_text="Serious: what it meant for the person, by the six criteria below. A severe headache need "
        "not be serious; a mild stroke is.",
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
        "CAR T-cell product",
        code_lists.RELATEDNESS,
        hint="As the investigator sees it, by the WHO-UMC categories.",
        empty="Not assessed yet",
    )
    lymphodepletion_relatedness = _causality("Lymphodepletion")
    other_drug_relatedness = _causality("Another medicine")
    disease_relatedness = _causality("The disease itself")
    outcome = select("Outcome", event_lists.OUTCOMES, empty="Not given")
    outcome_words = text("Outcome in words", hint="Sequelae, or how it is known.")
    code_system = select("Code system", code_lists.CODE_SYSTEMS, empty="Not coded")
    code = text("Code", widget=TextInput("input--name"))
    narrative = text("Narrative", hint=f"Course, findings, treatment. {_NO_NAMES}", widget=LongText(rows=7))
    kept_because = text(
        "Why is it right as written?", hint="Answers the questions asked above; kept with the report."
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        patient: Patient,
        first_day_zero: date | None,
        today: date,
        **kwargs: Any,
    ):
        super().__init__(data, **kwargs)
        self.patient = patient
        self.first_day_zero = first_day_zero
        self.today = today
        self.facts_forms = facts_forms(data)
        self.is_asked = bool(data and data.get("kept_because"))

    @property
    def categories(self) -> list[FactsForm]:
        return list(self.facts_forms.values())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self._facts = self._answered()
        entry = completed(self.entry())
        problems = self._problems(entry)
        doubts, asked = self._questions(entry)
        self.is_asked = bool(doubts)
        for form in self.facts_forms.values():
            problems = form.add_own_problems(problems)
        self.add_problems([*problems, *asked])
        return cleaned

    def _problems(self, entry: EventEntry) -> list[Problem]:
        return event_problems(patient=self.patient, entry=entry, today=self.today)

    def _questions(self, entry: EventEntry) -> tuple[list[Doubt], list[Problem]]:
        """What is unlikely, and of it what nobody has answered."""
        doubts = event_doubts(patient=self.patient, entry=entry, first_day_zero=self.first_day_zero)
        return doubts, unanswered(doubts, entry.kept_because)

    def is_valid(self) -> bool:
        """Judge the questions of the category as well."""
        own = super().is_valid()
        return own and not any(form.errors for form in self._relevant())

    def summary(self, *, prefix: str = "") -> list[tuple[str, str]]:
        found = super().summary(prefix=prefix)
        for form in self._relevant():
            found += form.summary(prefix=f"{form.title}: ")
        return found

    def unjudged(self) -> None:
        super().unjudged()
        for form in self.facts_forms.values():
            form.unjudged()

    def entry(self) -> EventEntry:
        """The event as typed."""
        told = {field.name for field in fields(EventEntry)}
        found = {name: value for name, value in self.cleaned_data.items() if name in told}
        grade = found.pop("grade", "")
        outcome = _outcome(found.get("outcome", ""), self.cleaned_data.get("outcome_words", ""))
        return EventEntry(
            **{
                **found,
                "term": found.get("term", ""),
                "grade": int(grade) if grade else None,
                "serious": _SERIOUS.get(found.get("serious", "")),
                "seriousness": tuple(found.get("seriousness", ())),
                "outcome": outcome,
            },
            facts=self._facts,
        )

    @property
    def computed(self) -> ComputedGrade | None:
        """The grade that the answers compute, once they were judged."""
        facts = self.__dict__.get("_facts")
        return facts.computed if facts is not None else None

    @property
    def hint(self) -> str:
        """What the answers point to, once they were judged; never more than a hint."""
        if not hasattr(self, "cleaned_data"):
            return ""
        return hint_of(
            self.__dict__.get("_facts"),
            seriousness=tuple(self.cleaned_data.get("seriousness", ())),
            outcome=self.cleaned_data.get("outcome", ""),
        )

    def _relevant(self) -> list[FactsForm]:
        category = self.cleaned_data.get("category", "") if hasattr(self, "cleaned_data") else ""
        return [form for form in self.categories if form.category == category]

    def _answered(self) -> Facts | None:
        """The facts of the chosen category; what was typed under another one is none of it."""
        form = self.facts_forms.get(self.cleaned_data.get("category", ""))
        if form is None or not form.is_valid():
            return None
        facts = form.told()
        return None if facts.is_empty else facts


class FollowUpForm(RecordForm):
    """A later report, in the order of the first; what is left empty stays as it was."""

    number = forms.IntegerField(widget=forms.HiddenInput(), min_value=1)
    reported_on = PartsField(
        label="Date of this report",
        required=True,
        error_messages={"required": "Give the date of this report."},
    )
    term = text("What happened, when it is now called otherwise", hint=_NO_NAMES)
    state = forms.ChoiceField(
        label="Does it still go on?",
        required=False,
        choices=[("yes", "Yes, it goes on"), ("no", "No, it is over"), ("", "Not asked")],
        widget=Radios(attrs={"data_inline": True}),
    )
    ended_on = PartialPartsField(label="Ended on", help_text="Only when it is over. " + _PARTIAL)
    grade = select("Grade now", code_lists.GRADES, empty="Unchanged")
    grade_scale = select("Scale of the grade", code_lists.GRADE_SCALES, empty="Unchanged")
    serious = forms.ChoiceField(
        label="Serious?",
        required=False,
        choices=[("yes", "Yes"), ("no", "No"), ("", "Unchanged")],
        widget=Radios(attrs={"data_inline": True}),
    )
    seriousness = forms.MultipleChoiceField(
        label="Why is it serious? All criteria that hold now",
        help_text="Only with yes or no above: these then replace those reported before.",
        required=False,
        choices=list(code_lists.SERIOUSNESS.items()),
        widget=Ticks(),
    )
    outcome = select("Outcome now", event_lists.OUTCOMES, empty="Unchanged")
    outcome_words = text("Outcome in words", hint="Sequelae, or how it is known.")
    relatedness = select("CAR T-cell product", code_lists.RELATEDNESS, empty="Unchanged")
    lymphodepletion_relatedness = select("Lymphodepletion", code_lists.RELATEDNESS, empty="Unchanged")
    other_drug_relatedness = select("Another medicine", code_lists.RELATEDNESS, empty="Unchanged")
    disease_relatedness = select("The disease itself", code_lists.RELATEDNESS, empty="Unchanged")
    code_system = select("Code system", code_lists.CODE_SYSTEMS, empty="Not coded anew")
    code = text("Code", widget=TextInput("input--name"))
    narrative = text("What is new?", hint=_NO_NAMES, widget=LongText(rows=5))
    kept_because = text(
        "Why is it right as written?", hint="Answers the questions asked above; kept with the report."
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        event: AdverseEvent,
        facts: Facts | None,
        today: date,
        **kwargs: Any,
    ):
        super().__init__(data, **kwargs)
        self.event = event
        self.today = today
        self.standing = facts
        self.left_behind = _left_behind(data, event=event)
        # A page without the questions of the category, sent by hand, changes none of them.
        has_questions = data is None or any(name.startswith(f"{event.category}-") for name in data)
        self.facts_form = (
            facts_form_for(category=event.category, data=data, facts=facts) if has_questions else None
        )
        self.is_asked = bool(data and data.get("kept_because"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self._facts = self._changed()
        if self.left_behind:
            self.add_error(None, self.left_behind)
        if cleaned.get("reported_on") is None:
            return cleaned
        entry = completed_follow_up(self.entry(), event=self.event)
        problems = follow_up_problems(event=self.event, entry=entry, today=self.today)
        doubts = follow_up_doubts(event=self.event, entry=entry)
        self.is_asked = bool(doubts)
        if self.facts_form is not None:
            problems = self.facts_form.add_own_problems(problems)
        asked: list[Problem] = unanswered(doubts, entry.kept_because)
        self.add_problems([*problems, *asked])
        return cleaned

    def is_valid(self) -> bool:
        """Judge the questions of the category as well."""
        own = super().is_valid()
        return own and not (self.facts_form is not None and self.facts_form.errors)

    def summary(self, *, prefix: str = "") -> list[tuple[str, str]]:
        found = super().summary(prefix=prefix)
        if self.facts_form is not None:
            found += self.facts_form.summary(prefix=f"{self.facts_form.title}: ")
        return found

    def unjudged(self) -> None:
        super().unjudged()
        if self.facts_form is not None:
            self.facts_form.unjudged()

    @property
    def computed(self) -> ComputedGrade | None:
        """The grade that the answers compute: as typed once judged, as recorded before."""
        facts = self.__dict__.get("_facts") or self.standing
        return facts.computed if facts is not None else None

    @property
    def has_changed_facts(self) -> bool:
        """Whether the questions of the category are to be seen at once."""
        return bool(self.is_bound and self.facts_form is not None and self.facts_form.has_changed())

    def entry(self) -> FollowUpEntry:
        """The report as typed."""
        found = self.cleaned_data
        grade = found.get("grade", "")
        texts = ("term", "code_system", "code", "narrative", "grade_scale", "relatedness", "kept_because")
        return FollowUpEntry(
            reported_on=found["reported_on"],
            grade=int(grade) if grade else None,
            serious=_SERIOUS.get(found.get("serious", "")),
            seriousness=tuple(found.get("seriousness", ())),
            ended_on=found.get("ended_on"),
            still_ongoing=_SERIOUS.get(found.get("state", "")),
            outcome=_outcome(found.get("outcome", ""), found.get("outcome_words", "")),
            **{name: found.get(name, "") for name in (*texts, *_COMPONENTS)},
            facts=self._facts,
        )

    def _changed(self) -> Facts | None:
        """The facts of the category where the report says otherwise than what stands."""
        if self.facts_form is None or not self.facts_form.is_valid():
            return None
        facts = self.facts_form.told()
        if facts == self.standing or (facts.is_empty and self.standing is None):
            return None
        return facts


def _left_behind(data: QueryDict | None, *, event: AdverseEvent) -> str:
    """What is said of answers to questions that the event's category no longer asks; empty without any."""
    answered = {name.partition("-")[0] for name, values in (data or QueryDict()).lists() if any(values)}
    other = next((each for each in facts_forms(None) if each in answered and each != event.category), None)
    if other is None:
        return ""
    return (
        f"The category was corrected to “{event.get_category_display() or 'none'}” while you were typing. "
        f"Your answers about “{code_lists.EVENT_CATEGORIES[other]}” are not kept; "
        "everything else is below. Look it over, then save."
    )


def hint_of(facts: Facts | None, *, seriousness: tuple[str, ...], outcome: str) -> str:
    """What the facts point to beside a computed grade; empty for nothing."""
    if isinstance(facts, InfectionFacts):
        return infection_hint(
            treatment=facts.treatment, seriousness=seriousness, is_fatal=outcome.startswith("fatal")
        )
    if isinstance(facts, LicatsFacts) and facts.pointed_grade:
        return f"The care that was needed is LICATS grade {facts.pointed_grade}."
    return ""


def outcome_parts(outcome: str) -> tuple[str, str]:
    """Return the code and the words of the contract's one text."""
    code, _, words = outcome.partition(": ")
    return (code, words) if code in event_lists.OUTCOMES else ("", outcome)


def _outcome(code: str, words: str) -> str:
    """The contract's one text: the code of the list first, then words."""
    if not words:
        return code
    return f"{code}: {words}" if code else words
