"""What the forms of a visit know of the patient, and its rows of supportive treatments."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from registry.actions.visits import SupportEntry, support_problems
from registry.clinical import code_lists
from registry.models import Patient
from registry.web.investigator.dates import DayField
from registry.web.investigator.fields import RecordForm, select


@dataclass(frozen=True, slots=True)
class About:
    """What the forms need to know of the patient to judge an entry."""

    patient: Patient
    day_zeros: tuple[date, ...]  # of the visit's own course first, then of the later ones
    code: str
    today: date


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
        self.fields["given_on"].widget.attrs["placeholder"] = " "  # as in templatetags/boxes.py

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
