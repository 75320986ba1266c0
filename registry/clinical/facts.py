"""What a question is about: one fact of a patient's record, or one form, named by a text key.

The key is stable: it stands in the database, in addresses and in the trail. It names a place in the record,
not what stands there, so a form that was never begun has a name too.

| key | names |
|---|---|
| `visit:M6@2024-03-01` | the form of visit M6 of the course with that day 0, begun or not |
| `visit:M6@2024-03-01:visited_on` | one field of it; a section's field by its own name |
| `visit:M6@2024-03-01:lab-ANC` | the result of an analyte that this visit should have brought |
| `visit:UNS@2024-03-01#17:visited_on` | an unscheduled visit has no other name than the number of its row |
| `result:4711` | one laboratory result; its corrections keep the name of the first |
| `event:AE-77:grade` | one field of an adverse event; without the field, the event |
| `patient:disease_onset_year` | one fact about the patient |
| `infusion:2024-03-01:lot` | one fact about an infusion |
| `alert:1b4e28ba-2fa1-11d2-883f-0016d3cca427` | what an alert asks, as a whole |
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from registry.clinical.analytes import ANALYTES
from registry.clinical.visit_windows import UNSCHEDULED

Kind = Literal["visit", "result", "event", "patient", "infusion", "alert"]

LONGEST_KEY = 160
RESULT_FIELD = "lab-"
BLOOD_COUNT = "blood-count"

# Fields in the order in which a person is offered them.
FIELDS: Mapping[str, Mapping[str, str]] = {
    "visit": {
        "status": "whether it took place",
        "visited_on": "date of the visit",
        "missed_reason": "why it was not done",
        "new_malignancy": "new malignancy",
        "new_malignancy_text": "description of the new malignancy",
        BLOOD_COUNT: "blood count",
        "support": "transfusions and growth factors",
        "ongoing": "events since the last visit",
        "activity": "disease activity",
        "treatments": "treatments",
        "prevention": "vaccination and prophylaxis",
        "contact_mode": "how the contact took place",
        "comments": "comments",
    },
    "event": {
        "term": "what happened",
        "category": "category",
        "started_on": "date of onset",
        "ended_on": "date of the end",
        "grade": "grade",
        "serious": "seriousness",
        "relatedness": "relation to the product",
        "outcome": "outcome",
        "code": "code",
        "narrative": "narrative",
    },
    "patient": {
        "sex": "sex",
        "birth_year": "year of birth",
        "diagnosis": "disease",
        "enrolled_on": "date of enrolment",
        "disease_onset_year": "year of disease onset",
        "failed_therapies": "number of failed therapies",
        "organs_at_baseline": "organs involved at baseline",
        "prior_malignancy": "earlier malignancy",
        "follow_up_ended_on": "end of follow-up",
        "cause_of_death": "cause of death",
    },
    "infusion": {
        "infused_on": "date of the infusion",
        "product": "product",
        "lot": "lot",
        "dose_cells": "dose",
        "lymphodepletion": "lymphodepletion",
    },
}

_DATE = r"\d{4}-\d{2}-\d{2}"
_FIELD = r"[A-Za-z][A-Za-z0-9_-]{0,59}"
# From the right: a visit's code may hold a colon or an at sign of its own.
_VISIT = re.compile(
    rf"visit:(?P<name>[^/\x00-\x1f\x7f]{{1,40}})@(?P<day_zero>{_DATE})(#(?P<row>\d{{1,18}}))?(:(?P<field>{_FIELD}))?",
    re.ASCII,
)
_RESULT = re.compile(r"result:(?P<row>\d{1,18})", re.ASCII)
_EVENT = re.compile(rf"event:(?P<name>[^\x00-\x1f\x7f]{{1,60}}?)(:(?P<field>{'|'.join(FIELDS['event'])}))?")
_PATIENT = re.compile(r"patient(:(?P<field>[a-z][a-z_]{0,39}))?", re.ASCII)
_INFUSION = re.compile(rf"infusion:(?P<day_zero>{_DATE})(:(?P<field>[a-z][a-z_]{{0,39}}))?", re.ASCII)
_ALERT = re.compile(r"alert:(?P<name>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII)
_PATTERNS: Mapping[Kind, re.Pattern[str]] = {
    "visit": _VISIT,
    "result": _RESULT,
    "event": _EVENT,
    "patient": _PATIENT,
    "infusion": _INFUSION,
    "alert": _ALERT,
}


class NotAFact(ValueError):
    """The text names no fact. `for_people` says so in a sentence."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    @property
    def for_people(self) -> str:
        return f"“{self.text[:60]}” names nothing in the record that can be asked about."


@dataclass(frozen=True, slots=True)
class Fact:
    """One place in a patient's record.

    `name`: a visit's code, an event's id, an alert's opaque id. `row`: the number of a result, or of an
    unscheduled visit. `field`: empty for the whole form.
    """

    kind: Kind
    name: str = ""
    day_zero: date | None = None
    row: int | None = None
    field: str = ""

    @property
    def key(self) -> str:
        """The text by which the fact is known everywhere."""
        field = f":{self.field}" if self.field else ""
        if self.kind == "visit":
            row = f"#{self.row}" if self.row is not None else ""
            return f"visit:{self.name}@{self.day_zero}{row}{field}"
        if self.kind == "result":
            return f"result:{self.row}"
        if self.kind == "infusion":
            return f"infusion:{self.day_zero}{field}"
        return f"{self.kind}{f':{self.name}' if self.name else ''}{field}"

    @property
    def form(self) -> "Fact":
        """The form that holds it: itself without its field."""
        return Fact(self.kind, self.name, self.day_zero, self.row)

    @property
    def analyte(self) -> str:
        """The analyte whose result a visit should have brought; empty for every other fact."""
        key = self.field.removeprefix(RESULT_FIELD)
        return key if self.kind == "visit" and self.field.startswith(RESULT_FIELD) and key in ANALYTES else ""

    @property
    def field_words(self) -> str:
        """The field as people call it; a section's own field by its name without the hyphens."""
        if self.analyte:
            return ANALYTES[self.analyte].name.lower()
        known = FIELDS.get(self.kind, {}).get(self.field)
        return known or re.sub(r"[_-]+", " ", self.field).strip()

    @property
    def words(self) -> str:
        """The fact without a look at the record: `Visit M6, date of the visit`."""
        field = f", {self.field_words}" if self.field else ""
        if self.kind == "visit":
            return f"{'Unscheduled visit' if self.name == UNSCHEDULED else f'Visit {self.name}'}{field}"
        if self.kind == "result":
            return "Laboratory result"
        if self.kind == "event":
            return f"Adverse event {self.name}{field}"
        if self.kind == "alert":
            return "Alert"
        if self.kind == "infusion":
            return f"Infusion{field}"
        return f"Patient{field}"


def parse_fact(text: str) -> Fact:
    """Read a key; raises NotAFact for what names nothing."""
    if len(text) > LONGEST_KEY:
        raise NotAFact(text)
    for kind, pattern in _PATTERNS.items():
        found = pattern.fullmatch(text)
        if found is None:
            continue
        named = found.groupdict()
        field = named.get("field") or ""
        if kind in ("patient", "infusion") and field and field not in FIELDS[kind]:
            raise NotAFact(text)
        row = named.get("row")
        if kind == "visit" and (named["name"] == UNSCHEDULED) != (row is not None):
            raise NotAFact(text)
        return Fact(
            kind=kind,
            name=named.get("name") or "",
            day_zero=_date(named.get("day_zero"), text),
            row=int(row) if row is not None else None,
            field=field,
        )
    raise NotAFact(text)


def _date(text: str | None, key: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as refusal:
        raise NotAFact(key) from refusal
