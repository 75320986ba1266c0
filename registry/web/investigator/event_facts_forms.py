"""The questions of each category of adverse event: one form for each, named with the category in front."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from django import forms
from django.http import QueryDict

from registry.clinical import code_lists, event_lists
from registry.clinical.event_facts import (
    CrsFacts,
    Facts,
    IcansFacts,
    InfectionFacts,
    LicatsFacts,
    MalignancyFacts,
)
from registry.clinical.partial_dates import PartialDate
from registry.clinical.refusals import Problem
from registry.templatetags.words import on
from registry.web.investigator.dates import PartialPartsField
from registry.web.investigator.fields import Radios, RecordForm, TextInput, Ticks, select, text

_NOT_KNOWN = ("", "Not known yet")
_AS_BOOLEAN = {"yes": True, "no": False}
_PARTIAL = "Leave out what is not known: the day, or day and month."


def yes_or_no(label: str, *, hint: str = "") -> forms.ChoiceField:
    """Yes, no or not known: what is not known is never taken for no."""
    return forms.ChoiceField(
        label=label,
        help_text=hint,
        required=False,
        choices=[("yes", "Yes"), ("no", "No"), _NOT_KNOWN],
        widget=Radios(attrs={"data_inline": True}),
    )


def one_of(label: str, codes: code_lists.CodeList, *, hint: str = "") -> forms.ChoiceField:
    """One code with its words in full, or not known."""
    return forms.ChoiceField(
        label=label, help_text=hint, required=False, choices=[*codes.items(), _NOT_KNOWN], widget=Radios()
    )


class FactsForm(RecordForm):
    """The questions of one category. `groups` lay the fields out: those of one line stand side by side."""

    kind: type[Facts]
    title = ""
    lead = ""
    groups: tuple[tuple[str, ...], ...] = ()

    def __init__(self, data: QueryDict | None = None, *, facts: Facts | None = None):
        super().__init__(data, prefix=self.kind.category, initial=_shown(facts) if facts else {})

    @property
    def category(self) -> str:
        return self.kind.category

    @property
    def laid_out(self) -> list[list[forms.BoundField]]:
        return [[self[name] for name in group] for group in self.groups]

    def told(self) -> Facts:
        """What was answered, as facts; after is_valid."""
        answers: dict[str, Any] = {}
        for field in fields(self.kind):
            value = self.cleaned_data.get(field.name)
            if isinstance(value, list):
                value = tuple(value)
            elif isinstance(value, PartialDate):
                value = str(value)
            elif field.type == "bool | None" or field.type == (bool | None):
                value = _AS_BOOLEAN.get(value or "")
            elif value is None and field.default is not None:
                value = field.default
            answers[field.name] = value
        return self.kind(**answers)

    def add_own_problems(self, problems: list[Problem]) -> list[Problem]:
        """Show the problems named `crs-hypoxia` beside their fields and return the others."""
        prefix = f"{self.category}-"
        own = [problem for problem in problems if problem.field.startswith(prefix)]
        self.add_problems(
            Problem(problem.field.removeprefix(prefix), problem.value, problem.problem, problem.accepted)
            for problem in own
        )
        return [problem for problem in problems if problem not in own]


class CrsForm(FactsForm):
    kind = CrsFacts
    title = "Cytokine release syndrome"
    lead = "The worst there was. The ASTCT grade is computed from it; organ toxicities do not change it."
    groups = (
        ("has_fever", "is_fever_explained"),
        ("antipyretics_given", "tocilizumab_given", "steroids_given"),
        ("hypotension", "hypoxia"),
        ("grade_reason",),
    )

    has_fever = yes_or_no("Fever of 38 °C or more?")
    is_fever_explained = yes_or_no(
        "Does another cause alone explain the fever?", hint="Such as an infection."
    )
    antipyretics_given = yes_or_no("Antipyretics given?")
    tocilizumab_given = yes_or_no("Tocilizumab or another anti-cytokine given?")
    steroids_given = yes_or_no("Steroids given?", hint="After any of these, fever is no longer required.")
    hypotension = one_of("Hypotension", event_lists.HYPOTENSION)
    hypoxia = one_of("Hypoxia", event_lists.HYPOXIA, hint="The most oxygen support that was needed.")
    grade_reason = text("If the grade below is not the computed one: why?")


class IcansForm(FactsForm):
    kind = IcansFacts
    title = "Neurotoxicity (ICANS)"
    lead = (
        "The worst there was; answer none where a finding has another cause. The ASTCT grade is computed. "
        "An intracranial haemorrhage is no part of it: report it as an event of its own."
    )
    groups = (
        ("ice_points",),
        ("ice_total",),
        ("consciousness", "seizure"),
        ("motor", "oedema"),
        ("grade_reason",),
    )

    ice_points = forms.MultipleChoiceField(
        label="ICE score: tick each point that was given",
        required=False,
        choices=list(event_lists.ICE_POINTS.items()),
        widget=Ticks(),
    )
    ice_total = forms.IntegerField(
        label="ICE total, 0 to 10",
        help_text="Needed when no point is ticked: 0, or the total where only that is known. Otherwise the "
        "ticks are counted.",
        required=False,
        widget=TextInput("input--short", inputmode="numeric"),
        error_messages={"invalid": "Write a whole number from 0 to 10."},
    )
    consciousness = one_of("Consciousness", event_lists.CONSCIOUSNESS)
    seizure = one_of("Seizure", event_lists.SEIZURE)
    motor = one_of("Motor findings", event_lists.MOTOR)
    oedema = one_of("Raised intracranial pressure or cerebral oedema", event_lists.OEDEMA)
    grade_reason = text("If the grade below is not the computed one: why?")

    def told(self) -> Facts:
        facts = super().told()
        assert isinstance(facts, IcansFacts)  # noqa: S101 - for the type checker
        if facts.ice_points and facts.ice_total is None:
            self.cleaned_data["ice_total"] = len(facts.ice_points)
            return super().told()
        return facts


class InfectionForm(FactsForm):
    kind = InfectionFacts
    title = "Infection"
    lead = "A grade by CTCAE usually follows the treatment: local or by mouth 2, intravenous or invasive 3."
    groups = (
        ("site", "site_words"),
        ("documented", "organism"),
        ("treatment",),
        ("is_opportunistic", "was_in_hospital"),
    )

    site = select("Site of the infection", event_lists.INFECTION_SITES)
    site_words = text("More exactly", widget=TextInput("input--name"))
    documented = one_of("How is it documented?", event_lists.DOCUMENTED)
    organism = text("Organism", hint="As the laboratory named it, with the material: E. coli, urine.")
    treatment = one_of(
        "Treatment of the infection", event_lists.ANTIMICROBIALS, hint="The most intensive one."
    )
    is_opportunistic = yes_or_no("Opportunistic?")
    was_in_hospital = yes_or_no(
        "In hospital because of it?", hint="If so it is serious: tick hospitalisation."
    )


class LicatsForm(FactsForm):
    kind = LicatsFacts
    title = "Local toxicity in an affected organ, or a flare"
    lead = (
        "The two cannot be told apart for certain. Give your label; a safety officer gives another without "
        "seeing it. Organs affected before, B cells and dates are taken from the record."
    )
    groups = (
        ("organ", "finding"),
        ("serology_trend", "biopsy"),
        ("immunosuppression_started", "resolved_without_it"),
        ("care", "investigator_label"),
    )

    organ = select("Organ", code_lists.ORGANS)
    finding = text(
        "Finding", hint="What is new or worse: creatinine 60 % above baseline, a rash with its place."
    )
    serology_trend = one_of("Serology at onset", event_lists.SEROLOGY_TRENDS)
    biopsy = one_of("Biopsy", event_lists.BIOPSIES)
    immunosuppression_started = yes_or_no("Was new immunosuppression started for it?")
    resolved_without_it = yes_or_no("Did it resolve without?")
    care = one_of(
        "Care that was needed",
        event_lists.LICATS_CARE,
        hint="The LICATS grade follows it: 1 to 4, in this order.",
    )
    investigator_label = one_of("Your label", event_lists.LICATS_LABELS)


class MalignancyForm(FactsForm):
    kind = MalignancyFacts
    title = "Malignancy"
    lead = "What the pathology report says. What is not known yet comes with a follow-up report."
    groups = (
        ("diagnosed_on", "basis"),
        ("topography", "morphology"),
        ("cell_of_origin",),
        ("transgene_test",),
        ("transgene_tested_on", "transgene_source"),
        ("source",),
    )

    diagnosed_on = PartialPartsField(label="Diagnosed on", help_text=_PARTIAL)
    basis = select("Basis of the diagnosis", event_lists.BASES)
    topography = text("Site, ICD-O-3 topography", hint="Such as C50.9.", widget=TextInput("input--short"))
    morphology = text(
        "Morphology and behaviour, ICD-O-3",
        hint="Such as 9702/3. It becomes the code of the event where none is given.",
        widget=TextInput("input--short"),
    )
    cell_of_origin = select("Cell of origin", event_lists.CELLS_OF_ORIGIN)
    transgene_test = one_of("Test of the tumour for the CAR transgene", event_lists.TRANSGENE_TESTS)
    transgene_tested_on = PartialPartsField(label="Tested on", help_text=_PARTIAL)
    transgene_source = text("Laboratory and method of the test", widget=TextInput("input--name"))
    source = text(
        "Where is the diagnosis from?", hint="Pathology report, discharge letter, death certificate."
    )


FORMS: tuple[type[FactsForm], ...] = (CrsForm, IcansForm, InfectionForm, LicatsForm, MalignancyForm)


def facts_forms(data: QueryDict | None, *, facts: Facts | None = None) -> dict[str, FactsForm]:
    """Return the questions of every category that has some, those of `facts` with what is recorded.

    What was sent without the questions of `facts` says nothing about them: they show what is recorded.
    """
    return {
        form.kind.category: form(
            None if _keeps_silent(data, form.kind.category, facts) else data,
            facts=facts if isinstance(facts, form.kind) else None,
        )
        for form in FORMS
    }


def _keeps_silent(data: QueryDict | None, category: str, facts: Facts | None) -> bool:
    is_recorded = facts is not None and facts.category == category
    return is_recorded and not any(name.startswith(f"{category}-") for name in data or ())


def facts_form_for(*, category: str, data: QueryDict | None, facts: Facts | None) -> FactsForm | None:
    """Return the questions of one category with what is recorded, or None."""
    form = next((form for form in FORMS if form.kind.category == category), None)
    return form(data, facts=facts) if form else None


def _shown(facts: Facts) -> Mapping[str, Any]:
    """Facts as the form shows them before anybody types."""
    shown: dict[str, Any] = {}
    for field in fields(facts):
        value = getattr(facts, field.name)
        if isinstance(value, bool):
            value = "yes" if value else "no"
        elif field.name.endswith("_on") and value:
            value = PartialDate.parse(value)
        shown[field.name] = list(value) if isinstance(value, tuple) else value
    return shown


def facts_lines(facts: Facts | None) -> list[tuple[str, str]]:
    """Facts for reading: each answered question with its answer in words, in the order of the form."""
    if facts is None:
        return []
    form = facts_form_for(category=facts.category, data=None, facts=None)
    if form is None:
        return []
    found = []
    for name in (name for group in form.groups for name in group):
        value = getattr(facts, name)
        if value not in (None, "", ()):
            found.append((_read_label(form, name), _words(form.fields[name], name, value)))
    return found


def facts_differences(before: Facts | None, after: Facts) -> list[tuple[str, str, str]]:
    """Each answer that differs: its question, the answer before and after in words, empty for none."""
    old: Any = before if isinstance(before, type(after)) else type(after)()
    names = [field.name for field in fields(after) if getattr(old, field.name) != getattr(after, field.name)]
    return answers_in_words(
        category=after.category,
        old={name: getattr(old, name) for name in names},
        new={name: getattr(after, name) for name in names},
    )


def answers_in_words(
    *, category: str, old: Mapping[str, Any], new: Mapping[str, Any], hidden: Collection[str] = ()
) -> list[tuple[str, str, str]]:
    """Answers by the names of their columns, in words and in the order of the form; others are left out."""
    form = facts_form_for(category=category, data=None, facts=None)
    if form is None:
        return []
    said = []
    for name in (name for group in form.groups for name in group if name in new and name not in hidden):
        one, other = (_words(form.fields[name], name, told.get(name)) for told in (old, new))
        if one != other:
            said.append((_read_label(form, name).removesuffix("?"), one, other))
    return said


def _read_label(form: FactsForm, name: str) -> str:
    """The question as it reads where nobody is asked: `below` is nothing there."""
    return (
        "Why another grade than the computed one" if name == "grade_reason" else str(form.fields[name].label)
    )


def _words(field: forms.Field, name: str, value: Any) -> str:
    if value in (None, "", (), []):
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if name == "morphology":
        return f"{value} ({event_lists.BEHAVIOURS.get(value[-1:], 'behaviour not known')})"
    if name.endswith("_on"):
        return on(value)
    if isinstance(field, forms.ChoiceField):
        named = dict(field.widget.choices)
        codes = value if isinstance(value, list | tuple) else (value,)
        return ", ".join(str(named.get(code, code)) for code in codes)
    return str(value)
