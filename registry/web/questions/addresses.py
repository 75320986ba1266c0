"""Where a fact is answered: the form that holds it, at its field where the form names one."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from registry.models import Patient
from registry.queries.fact_values import FactShown


@dataclass(frozen=True, slots=True)
class Link:
    """An address and the words on it."""

    address: str
    words: str


# The id of the first input of a field of the visit form.
_ANCHORS = {
    "status": "id_status_0",
    "visited_on": "id_visited_on_0",
    "missed_reason": "id_missed_reason",
    "new_malignancy": "id_new_malignancy_0",
    "new_malignancy_text": "id_new_malignancy_text",
    "blood-count": "s-labs",
    "support": "s-support",
    "ongoing": "s-ongoing",
    "activity": "s-activity",
    "treatments": "s-treatments",
    "prevention": "s-prevention",
    "comments": "s-comments",
}


def answered_at(*, shown: FactShown, patient: Patient) -> Link:
    """Return where a site changes or enters the fact; the patient's page where no form holds it."""
    fact = shown.fact
    if fact.kind == "visit" and fact.day_zero is not None:
        return Link(_visit_address(shown, patient), _visit_words(shown))
    if fact.kind == "result" and shown.row is not None:
        return Link(
            reverse("investigator:result", args=[patient.public_id, shown.row]), "Correct this result"
        )
    if fact.kind == "event":
        if shown.row is None:
            return Link(reverse("investigator:events", args=[patient.public_id]), "Open the adverse events")
        return Link(reverse("investigator:event", args=[patient.public_id, shown.row]), "Open the event")
    if fact.kind == "alert":
        return Link(reverse("officer:alert", args=[fact.name]), "Open the alert")
    return Link(reverse("investigator:patient", args=[patient.public_id]), "Open the patient's page")


def _visit_address(shown: FactShown, patient: Patient) -> str:
    fact = shown.fact
    asked = {"day_zero": str(fact.day_zero)}
    if fact.row is not None and shown.visited_on is not None:
        asked["on"] = shown.visited_on.isoformat()
    anchor = f"id_{fact.field}-value" if fact.analyte else _ANCHORS.get(fact.field, "")
    if not anchor and "-" in fact.field:
        anchor = f"s-{fact.field.partition('-')[0]}"  # a section's own field
    address = reverse("investigator:visit", args=[patient.public_id, fact.name])
    return f"{address}?{urlencode(asked)}{f'#{anchor}' if anchor else ''}"


def _visit_words(shown: FactShown) -> str:
    return "Change the visit" if shown.is_recorded else "Start the visit"
