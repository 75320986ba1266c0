"""The forms of enrolment and of an infusion; what follow-up counts from is typed twice."""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from registry.actions.consent import ConsentEntry, consent_problems
from registry.actions.enrolment import EnrolmentEntry, InfusionEntry
from registry.clinical import code_lists
from registry.clinical.consent_scopes import SCOPES
from registry.clinical.record_checks import check_infusion, check_patient
from registry.clinical.refusals import EntryRefused
from registry.clinical.spoken_dates import spoken
from registry.clinical.units import read_value
from registry.clock import today
from registry.models import ConsentVersion, Patient, Product, Site
from registry.web.investigator.dates import PartsField
from registry.web.investigator.fields import Radios, RecordForm, TextInput, Ticks, select, text

_ANSWERS = {"yes": "Yes", "no": "No", "": "Not known"}
_AS_BOOLEAN = {"yes": True, "no": False}
_MISSING = {
    "patient_id": "Give the subject ID.",
    "sex": "Choose the sex.",
    "diagnosis": "Choose the disease.",
    "consent_on": "Give the day on which the consent was given.",
}
_AGAIN = "Type it once more from the source, without looking up."


class DoseField(forms.CharField):
    """Millions of cells, with a decimal point or comma."""

    widget = TextInput("input--short", inputmode="decimal")

    def clean(self, value: Any) -> Any:
        typed = super().clean(value)
        if not typed:
            return None
        try:
            read = read_value(typed, decimal_comma=True)
        except EntryRefused as refusal:
            raise ValidationError(refusal.for_people) from refusal
        if read.comparator:
            raise ValidationError("A dose is a number of cells. Leave it empty when it is not known.")
        return read.number


class InfusionFields(RecordForm):
    """One infusion; day and product are typed again when everything else is right."""

    infused_on = PartsField(label="Date of the infusion", help_text="Day 0: all follow-up counts from it.")
    product: Any = forms.ModelChoiceField(
        label="Product", queryset=None, required=False, empty_label="Choose …"
    )
    lot = text("Lot", widget=TextInput("input--name"))
    dose_cells = DoseField(label="Dose in 10⁶ cells", help_text="100 is 100 ×10⁶ cells.", required=False)
    lymphodepletion = text("Lymphodepletion", hint="For example fludarabine and cyclophosphamide.")
    again_on = PartsField(label="Date of the infusion, once more", help_text=_AGAIN)
    again_product: Any = forms.ModelChoiceField(
        label="Product, once more", queryset=None, required=False, empty_label="Choose …"
    )

    def __init__(self, *args: Any, products: QuerySet[Product], **kwargs: Any):
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        for name in ("product", "again_product"):
            fields[name].queryset = products

    def check_again(self) -> bool:
        """Compare what was typed twice; errors stand at the second."""
        found = self.cleaned_data
        self._check_same("again_on", found.get("infused_on"), found.get("again_on"))
        self._check_same("again_product", found.get("product"), found.get("again_product"))
        return not self.errors

    def _check_same(self, name: str, first: Any, second: Any) -> None:
        if first == second or self.has_error(name):
            return
        shown = [spoken(each) if isinstance(each, date) else str(each) for each in (first, second) if each]
        if second is None:
            self.add_error(name, "Confirm it: everything about follow-up hangs on it.")
        else:
            words = f"{shown[-1]} here, {shown[0] if len(shown) == 2 else 'nothing'} above. Which is right?"
            self.add_error(name, words)

    def infusion(self) -> InfusionEntry | None:
        """The infusion as typed; None without a day and product."""
        found = self.cleaned_data
        if found.get("infused_on") is None or found.get("product") is None:
            return None
        return InfusionEntry(
            infused_on=found["infused_on"],
            product=found["product"],
            lot=found.get("lot", ""),
            dose_cells=found.get("dose_cells"),
            lymphodepletion=found.get("lymphodepletion", ""),
        )

    def judge_infusion(
        self, *, birth_year: int | None, cohort: str, died_on: date | None, on_site: date
    ) -> None:
        """Put what is impossible beside the fields."""
        found = self.cleaned_data
        if found.get("infused_on") is None:
            return
        if found.get("product") is None and cohort == "CAR_T":
            self.add_error("product", "An infusion has no product. Choose it.")
        self.add_problems(
            check_infusion(
                infused_on=found["infused_on"],
                dose_cells=found.get("dose_cells"),
                birth_year=birth_year,
                died_on=died_on,
                today=on_site,
                cohort=cohort,
                lot=found.get("lot", ""),
                lymphodepletion=found.get("lymphodepletion", ""),
            )
        )


class InfusionForm(InfusionFields):
    """A further infusion, or the first of a patient enrolled without one."""

    def __init__(self, *args: Any, patient: Patient, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.patient = patient

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("infused_on") is None and not self.has_error("infused_on"):
            self.add_error("infused_on", "Give the day of the infusion.")
        self.judge_infusion(
            birth_year=self.patient.birth_year,
            cohort=self.patient.cohort,
            died_on=self.patient.died_on,
            on_site=today(time_zone=self.patient.site.time_zone),
        )
        return cleaned


class EnrolForm(InfusionFields):
    """A new patient with consent and, where it was given, the first infusion."""

    # As on the page: the summary of errors leads from the top down.
    field_order = (
        *("site", "patient_id", "sex", "birth_year"),
        *("diagnosis", "disease_onset_year", "failed_therapies", "organs_at_baseline", "prior_malignancy"),
        *("consent_version", "consent_on", "consent_scopes", "cohort", "enrolled_on", "index_date"),
    )
    site: Any = forms.ModelChoiceField(label="Site", queryset=None, empty_label=None)
    patient_id = text("Subject ID", hint="As the site assigns it. No initials, no date of birth.")
    sex = select("Sex", code_lists.SEXES)
    birth_year = forms.IntegerField(
        label="Year of birth",
        widget=forms.NumberInput(attrs={"class": "input--short", "inputmode": "numeric"}),
        error_messages={"required": "Give the year of birth, for example 1985."},
    )
    diagnosis = select("Disease", code_lists.DIAGNOSES)
    disease_onset_year = forms.IntegerField(
        label="Disease since (year)",
        required=False,
        widget=forms.NumberInput(attrs={"class": "input--short", "inputmode": "numeric"}),
    )
    failed_therapies = forms.IntegerField(
        label="Therapies that failed before",
        help_text="How many.",
        required=False,
        widget=forms.NumberInput(attrs={"class": "input--short", "inputmode": "numeric"}),
    )
    organs_at_baseline = forms.MultipleChoiceField(
        label="Organs involved",
        required=False,
        choices=list(code_lists.ORGANS.items()),
        widget=Ticks(attrs={"data_inline": True}),
    )
    prior_malignancy = forms.ChoiceField(
        label="A malignancy before?",
        required=False,
        choices=list(_ANSWERS.items()),
        widget=Radios(attrs={"data_inline": True}),
    )
    enrolled_on = PartsField(label="Enrolled on", help_text="Empty: screened only, not followed yet.")
    cohort = forms.ChoiceField(
        label="Cohort",
        choices=list(code_lists.COHORTS.items()),
        widget=Radios(attrs={"data_inline": True}),
        error_messages={"required": "Choose the cohort."},
    )
    index_date = PartsField(label="Index date", help_text="Of comparators only: follow-up counts from it.")
    again_index = PartsField(label="Index date, once more", help_text=_AGAIN)
    consent_version: Any = forms.ModelChoiceField(
        label="Consent form signed",
        queryset=None,
        required=False,
        empty_label="Not recorded yet",
    )
    consent_on = PartsField(label="Consent given on")
    consent_scopes = forms.MultipleChoiceField(
        label="Consented to", required=False, choices=list(SCOPES.items()), widget=Ticks()
    )
    go_on_because = text("Why is this another person?", hint="It is kept with the enrolment. No names.")

    def __init__(
        self,
        *args: Any,
        sites: QuerySet[Site],
        versions: QuerySet[ConsentVersion],
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.sites = sites
        fields: Any = self.fields
        fields["site"].queryset = sites
        fields["consent_version"].queryset = versions
        fields["consent_version"].label_from_instance = _version_words

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        site: Site | None = cleaned.get("site")
        if site is None:
            return cleaned
        self._say_what_is_missing()
        on_site = today(time_zone=site.time_zone)
        facts = {name: value for name, value in self._facts().items() if name != "prior_malignancy"}
        self.add_problems(
            problem for problem in check_patient(**facts, today=on_site) if not self.has_error(problem.field)
        )
        self.judge_infusion(
            birth_year=facts["birth_year"], cohort=facts["cohort"], died_on=None, on_site=on_site
        )
        self._judge_consent(site, on_site)
        return cleaned

    def _say_what_is_missing(self) -> None:
        """In a person's words; the checks of a file speak of its columns and codes."""
        for name, words in _MISSING.items():
            is_asked = name != "consent_on" or self.cleaned_data.get("consent_version") is not None
            if is_asked and not self.cleaned_data.get(name) and not self.has_error(name):
                self.add_error(name, words)

    def _judge_consent(self, site: Site, on_site: date) -> None:
        found = self.cleaned_data
        consent = self.consent()
        if consent is None:
            if found.get("consent_on") or found.get("consent_scopes"):
                self.add_error("consent_version", "Choose which form was signed.")
            return
        patient = Patient(study_id=site.study_id, site=site, birth_year=found.get("birth_year") or 1900)
        self.add_problems(
            consent_problems(patient=patient, entry=consent, today=on_site),
            renamed={"given_on": "consent_on", "scopes": "consent_scopes", "version": "consent_version"},
        )

    def check_again(self) -> bool:
        """Compare what was typed twice; of a patient without an infusion or index date there is nothing."""
        found = self.cleaned_data
        if found.get("infused_on") is not None:
            super().check_again()
        if found.get("index_date") is not None:
            self._check_same("again_index", found["index_date"], found.get("again_index"))
        return not self.errors

    def entry(self) -> EnrolmentEntry:
        """The patient as typed."""
        return EnrolmentEntry(**self._facts())

    def consent(self) -> ConsentEntry | None:
        """The consent as typed; None while no form is chosen."""
        found = self.cleaned_data
        if found.get("consent_version") is None:
            return None
        return ConsentEntry(
            version=found["consent_version"],
            given_on=found.get("consent_on"),
            scopes=tuple(found.get("consent_scopes") or ()),
        )

    def _facts(self) -> dict[str, Any]:
        found = self.cleaned_data
        facts = {
            name: found.get(name)
            for name in (
                "birth_year",
                "enrolled_on",
                "index_date",
                "disease_onset_year",
                "failed_therapies",
            )
        }
        words = {name: found.get(name) or "" for name in ("patient_id", "sex", "diagnosis", "cohort")}
        return {
            **facts,
            **words,
            "organs_at_baseline": tuple(found.get("organs_at_baseline") or ()),
            "prior_malignancy": _AS_BOOLEAN.get(found.get("prior_malignancy", "")),
        }


def _version_words(version: ConsentVersion) -> str:
    return f"Version {version.version}, {version.title}"
