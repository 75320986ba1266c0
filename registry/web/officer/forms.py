"""What an officer sends: the filters of the queue, and a decision with its reason."""

from django import forms

from registry.models.alert import DECISIONS, SEVERITIES
from registry.monitoring import catalogue
from registry.queries.officer_queue import MARKS, STATE_CHOICES, Filters

_LONGEST_REASON = 4_000


class FilterForm(forms.Form):
    """The queue's filters, read from the address. What is not known there is named, never ignored."""

    state = forms.ChoiceField(choices=list(STATE_CHOICES.items()), required=False, label="State")
    severity = forms.ChoiceField(
        choices=[("", "All severities"), *SEVERITIES.items()], required=False, label="Severity"
    )
    rule = forms.ChoiceField(required=False, label="Rule")
    site = forms.ChoiceField(required=False, label="Site")
    patient = forms.CharField(max_length=40, required=False, label="Patient")
    mark = forms.ChoiceField(
        choices=[("", "All"), *((key, words) for key, (words, _) in MARKS.items())],
        required=False,
        label="Mark",
    )

    def __init__(self, *, sent: object, sites: list[tuple[str, str]]):
        super().__init__(sent)  # type: ignore[arg-type]
        # Set here, as fields keep their own copy of the choices.
        self.fields["rule"].choices = [  # type: ignore[attr-defined]
            ("", "All rules"),
            *((rule.key, rule.title) for rule in catalogue.RULES),
        ]
        self.fields["site"].choices = [("", "All sites"), *sites]  # type: ignore[attr-defined]

    def filters(self) -> Filters:
        """The filters as far as they are known; `errors` names the rest."""
        self.is_valid()
        known = {name: value for name, value in self.cleaned_data.items() if value}
        return Filters(**known)

    @property
    def left_out(self) -> list[str]:
        """The parts of the address that could not be read."""
        return [f"{name}={self.data.get(name)}" for name in self.errors]


class DecisionForm(forms.Form):
    """One decision on one alert; the reason is kept with it for good."""

    decision = forms.ChoiceField(
        choices=list(DECISIONS.items()),
        widget=forms.RadioSelect,
        label="Decision",
        error_messages={"required": "Choose one of the three decisions."},
    )
    reason = forms.CharField(
        max_length=_LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 5}),
        label="Reason",
        error_messages={
            "required": "Give the reason for your decision: it is kept with the alert.",
            "max_length": f"Keep the reason within {_LONGEST_REASON:,} characters.",
        },
    )
    # What the person read: a decision on evidence that changed meanwhile is asked for again.
    seen_at = forms.DateTimeField(required=False, widget=forms.HiddenInput)
