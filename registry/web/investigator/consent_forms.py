"""The forms of consent: given, taken back, taken back by mistake; and a version of the study's form."""

from typing import Any
from uuid import uuid4

from django import forms
from django.db.models import QuerySet

from registry.actions.consent import (
    ConsentEntry,
    VersionEntry,
    WithdrawalEntry,
    consent_problems,
    version_problems,
    withdrawal_problems,
)
from registry.clinical.consent_scopes import SCOPES
from registry.clock import today
from registry.models import ConsentVersion, Patient, Study
from registry.web.investigator.dates import PartsField
from registry.web.investigator.fields import RecordForm, TextInput, Ticks, text


class ConsentForm(RecordForm):
    """A signed form as the site holds it."""

    submission = forms.UUIDField(widget=forms.HiddenInput())
    version: Any = forms.ModelChoiceField(
        label="Which form was signed?",
        queryset=None,
        empty_label="Choose …",
        error_messages={"required": "Choose the version of the form that was signed."},
    )
    given_on = PartsField(
        label="Consent given on",
        help_text="The date beside the signature.",
        required=True,
        error_messages={"required": "Give the date of the consent."},
    )
    scopes = forms.MultipleChoiceField(
        label="Consented to",
        help_text="As ticked on the form; a version may not ask for all of them.",
        required=False,
        choices=list(SCOPES.items()),
        widget=Ticks(),
    )
    replaces_because = text(
        "Why does it replace the one recorded?",
        hint="Only where a consent to this version is on record: a mistake, or consent given anew.",
    )

    def __init__(self, *args: Any, patient: Patient, versions: QuerySet[ConsentVersion], **kwargs: Any):
        super().__init__(*args, **{"initial": {"submission": uuid4()}, **kwargs})
        self.patient = patient
        field: Any = self.fields["version"]
        field.queryset = versions
        field.label_from_instance = _words

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("version") is not None:
            on_site = today(time_zone=self.patient.site.time_zone)
            self.add_problems(
                problem
                for problem in consent_problems(patient=self.patient, entry=self.entry(), today=on_site)
                if not self.has_error(problem.field)
            )
        return cleaned

    def entry(self) -> ConsentEntry:
        """The consent as typed."""
        found = self.cleaned_data
        return ConsentEntry(
            version=found["version"],
            given_on=found.get("given_on"),
            scopes=tuple(found.get("scopes", ())),
            replaces_because=found.get("replaces_because", ""),
        )


class WithdrawalForm(RecordForm):
    """What a patient takes back."""

    prefix = "withdraw"
    submission = forms.UUIDField(widget=forms.HiddenInput())
    scopes = forms.MultipleChoiceField(
        label="What does the patient take back?", required=False, widget=Ticks()
    )
    withdrawn_on = PartsField(
        label="From which day?",
        help_text="What is dated up to and including that day may still be recorded.",
        required=True,
        error_messages={"required": "Give the day of the withdrawal."},
    )
    reason = text("Reason, where the patient gave one", hint="Nobody has to give one. No names.")

    def __init__(self, *args: Any, patient: Patient, **kwargs: Any):
        super().__init__(*args, **{"initial": {"submission": uuid4()}, **kwargs})
        self.patient = patient
        field: Any = self.fields["scopes"]
        field.choices = list(SCOPES.items())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        on_site = today(time_zone=self.patient.site.time_zone)
        self.add_problems(
            problem
            for problem in withdrawal_problems(patient=self.patient, entry=self.entry(), today=on_site)
            if not self.has_error(problem.field)
        )
        return cleaned

    def entry(self) -> WithdrawalEntry:
        """The withdrawal as typed."""
        found = self.cleaned_data
        return WithdrawalEntry(
            withdrawn_on=found.get("withdrawn_on"),
            scopes=tuple(found.get("scopes", ())),
            reason=found.get("reason", ""),
        )


class AnnulForm(RecordForm):
    """Why a recorded withdrawal was a mistake."""

    reason = forms.CharField(
        label="Why was it a mistake?",
        help_text="For example: the wrong patient. Who changes their mind consents anew instead.",
        widget=TextInput(),
        max_length=500,
        error_messages={"required": "Say why the withdrawal was a mistake."},
    )


class VersionForm(RecordForm):
    """A version of the study's consent form; never changed once kept."""

    version = text(
        "Version", hint="As printed on the form, for example 2.1.", widget=TextInput("input--name")
    )
    title = text("Title")
    effective_from = PartsField(
        label="In force from",
        required=True,
        error_messages={"required": "Give the day from which this version is signed."},
    )
    scopes = forms.MultipleChoiceField(
        label="What it asks for", required=False, choices=list(SCOPES.items()), widget=Ticks()
    )
    text_digest = text(
        "SHA-256 of its text", hint="So that the paper can be told from another. May be empty."
    )

    def __init__(self, *args: Any, study: Study, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.study = study

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self.add_problems(
            problem
            for problem in version_problems(study=self.study, entry=self.entry())
            if not self.has_error(problem.field)
        )
        return cleaned

    def entry(self) -> VersionEntry:
        """The version as typed."""
        found = self.cleaned_data
        return VersionEntry(
            version=found.get("version", ""),
            title=found.get("title", ""),
            effective_from=found.get("effective_from"),
            scopes=tuple(found.get("scopes", ())),
            text_digest=found.get("text_digest", "").lower(),
        )


def _words(version: ConsentVersion) -> str:
    return f"Version {version.version}, {version.title}"
