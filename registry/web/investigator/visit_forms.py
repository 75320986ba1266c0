"""The visit form: the visit itself, a row per analyte, rows for supportive treatments."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django import forms
from django.http import QueryDict

from registry.actions.laboratory import ResultEntry
from registry.actions.visit_parts import VisitPart
from registry.actions.visits import (
    NotDoneEntry,
    ResultChange,
    SupportEntry,
    VisitEntry,
    visit_problems,
)
from registry.clinical.visit_contact import CONTACT_MODES, MISSED_OTHERWISE, MISSED_REASONS
from registry.clinical.visit_windows import UNSCHEDULED
from registry.queries.visit_sheet import VisitSheet
from registry.web.investigator.dates import PartsField
from registry.web.investigator.fields import LongText, Radios, RecordForm, TextInput, select, text
from registry.web.investigator.lab_grid import LabGrid
from registry.web.investigator.row_forms import About, SupportForm
from registry.web.investigator.sections import Section, sections_of

_BLANK_SUPPORTS = 3
_ANSWERS = {"yes": "Yes", "no": "No", "unknown": "Not known"}
_AS_BOOLEAN = {"yes": True, "no": False}
_REASONS = (*MISSED_REASONS, MISSED_OTHERWISE)


class VisitForm(RecordForm):
    """That the visit took place, or why not; and the question about a new malignancy."""

    submission = forms.UUIDField(widget=forms.HiddenInput())
    version = forms.IntegerField(widget=forms.HiddenInput(), required=False)
    # What every field said when the page was opened: registry/web/investigator/conflict.py.
    base = forms.CharField(widget=forms.HiddenInput(), required=False)
    status = forms.ChoiceField(
        label="Did the visit take place?",
        choices=[("completed", "Yes, it took place"), ("missed", "No, it was not done")],
        widget=Radios(attrs={"data_inline": True}),
        error_messages={"required": "Say whether the visit took place."},
    )
    visited_on = PartsField(label="Date of the visit", help_text="For example 13 Sep 2024, or 13 9 2024.")
    contact_mode = select("How was the contact made?", CONTACT_MODES, empty="Not said")
    missed_why = select("Why was it not done?", dict(zip(_REASONS, _REASONS, strict=True)))
    missed_reason = text("In your words", hint="Needed for another reason. No names.", widget=TextInput())
    new_malignancy = forms.ChoiceField(
        label="New malignancy since the last visit?",
        help_text="Any cancer, leukaemia, lymphoma or in-situ lesion, also when only suspected.",
        required=False,
        choices=list(_ANSWERS.items()),
        widget=Radios(attrs={"data_inline": True}),
    )
    new_malignancy_text = text(
        "What was found, where and when?",
        hint="Needed when the answer is yes: site, histology, date, how it was proven. No names.",
        widget=LongText(placeholder=" "),  # as in templatetags/boxes.py
    )
    comments = text("Comments", hint="Nobody's name, no number of another system.", widget=LongText(3))

    def __init__(self, *args: Any, about: About, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.about = about

    def only_took_place(self) -> None:
        """Not ask whether it took place: a visit that nobody planned and that did not is nothing."""
        status: Any = self.fields["status"]
        status.choices = status.choices[:1]
        status.error_messages["invalid_choice"] = (
            "An unscheduled visit that did not take place is not recorded."
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("status") == "completed" and not cleaned.get("new_malignancy"):
            self.add_error("new_malignancy", "Say whether there is a new malignancy: yes, no or not known.")
        if cleaned.get("missed_why") == MISSED_OTHERWISE and not cleaned.get("missed_reason"):
            self.add_error("missed_reason", "Say in a few words why the visit was not done.")
        self.add_problems(
            problem
            for problem in visit_problems(
                patient=self.about.patient,
                code=self.about.code,
                day_zeros=self.about.day_zeros,
                entry=self.entry(),
                today=self.about.today,
            )
            if problem.field != "status"
        )
        return cleaned

    def entry(self) -> VisitEntry:
        """The visit as typed."""
        found = self.cleaned_data
        return VisitEntry(
            status="missed" if found.get("status") == "missed" else "completed",
            visited_on=found.get("visited_on"),
            missed_reason=reason_of(found),
            new_malignancy=_AS_BOOLEAN.get(found.get("new_malignancy", "")),
            new_malignancy_text=found.get("new_malignancy_text", ""),
            contact_mode=found.get("contact_mode", ""),
            comments=found.get("comments", ""),
        )


class ReasonForm(RecordForm):
    """Why a recorded visit is changed."""

    reason = forms.CharField(
        label="Why is the record changed?",
        help_text="For example: misread on the report; another patient's result. It is kept with the change.",
        widget=TextInput(),
        max_length=500,
        error_messages={"required": "Say why the record was wrong."},
    )


class VisitSheetForm:
    """The whole page as one form: everything typed comes back, whatever is wrong."""

    def __init__(
        self,
        *,
        about: About,
        sheet: VisitSheet,
        data: QueryDict | None = None,
        base: str = "",
        as_recorded: frozenset[str] = frozenset(),
    ):
        self.about = about
        self.sheet = sheet
        self.as_recorded = as_recorded
        self.is_change = sheet.visit is not None
        self.visit = VisitForm(data, about=about, initial={**visit_initial(sheet), "base": base})
        if data is None and not self.is_change:
            # The first thing to type; a page that refused an entry gives the focus to its errors.
            self.visit.fields["visited_on"].widget.attrs["autofocus"] = True
        # Of a recorded unscheduled visit it may be said that it was none.
        self.asks_whether = self.is_change or about.code != UNSCHEDULED
        if not self.asks_whether:
            self.visit.only_took_place()
        self.reason = ReasonForm(data) if self.is_change else None
        self.labs = LabGrid(
            about=about,
            data=data,
            recorded=sheet.results,
            not_done=sheet.not_done,
            previous=sheet.previous,
            units=sheet.units,
            visited_on=sheet.visit.visited_on if sheet.visit else None,
        )
        self.rows = self.labs.rows
        self.supports = [SupportForm(data, about=about, number=number) for number in range(_BLANK_SUPPORTS)]
        self.sections = sections_of(about=about, sheet=sheet, data=data, as_recorded=as_recorded)
        self.removed = _numbers(data, "remove-support")
        self.recorded_supports = [(support, support.pk in self.removed) for support in sheet.supports]

    def is_valid(self) -> bool:
        """Judge everything, so that all errors are seen at once."""
        forms_valid = [self.visit.is_valid(), *(support.is_valid() for support in self.supports)]
        if self.reason is not None:
            forms_valid.append(self.reason.is_valid())
        visited_on = self.visit.cleaned_data.get("visited_on")
        forms_valid.append(
            self.labs.judge(
                visited_on=visited_on,
                is_date_wrong=self.visit.has_error("visited_on"),
                transfusions=[(each.given_on, each.kind) for each in self.new_supports()],
            )
        )
        forms_valid += [section.is_valid(visited_on=visited_on) for section in self._typed_sections]
        return all(forms_valid)

    def unjudged(self) -> None:
        """Show a draft: everything typed, and no error of what is not finished."""
        for each in (self.visit, self.reason, *self.supports):
            if isinstance(each, RecordForm):
                each.unjudged()

    @property
    def _typed_sections(self) -> list[Section]:
        """The others show the record: somebody chose it in place of what was typed."""
        return [section for section in self.sections if section.key not in self.as_recorded]

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Every error as a link for the summary, in the order of the page."""
        found = self.visit.summary()
        found += self.labs.problems
        for support in self.supports:
            found += support.summary(prefix=f"Treatment {support.number + 1}: ")
        for section in self.sections:
            found += section.problems
        return found + (self.reason.summary() if self.reason is not None else [])

    def new_results(self) -> list[ResultEntry]:
        return [row.entry for row in self.rows if row.entry and row.recorded is None]

    def changed_results(self) -> list[ResultChange]:
        """The recorded results with what the sheet now says; the action leaves equal ones alone."""
        return [
            ResultChange(result=row.recorded, entry=row.entry)
            for row in self.rows
            if row.recorded is not None
        ]

    def not_done(self) -> list[NotDoneEntry]:
        return [row.missing for row in self.rows if row.missing is not None]

    def new_supports(self) -> list[SupportEntry]:
        return [each.entry for each in self.supports if not each.errors and each.entry is not None]

    def parts(self) -> list[VisitPart]:
        """What the further sections bring."""
        return [part for section in self._typed_sections if (part := section.part()) is not None]

    def removed_supports(self) -> list[int]:
        return [support.pk for support, is_removed in self.recorded_supports if is_removed]


def blank_data() -> dict[str, Any]:
    """A new form's identity: sent twice, it is one visit."""
    return {"submission": uuid4()}


def visit_initial(sheet: VisitSheet) -> dict[str, Any]:
    visit = sheet.visit
    if visit is None:
        return {**blank_data(), "status": "completed"}
    answer = {True: "yes", False: "no", None: "unknown"}[visit.new_malignancy]
    return {
        **blank_data(),
        "version": visit.version,
        "status": visit.status,
        "visited_on": visit.visited_on,
        **_reason_parts(visit.missed_reason),
        "new_malignancy": answer if visit.status == "completed" else "",
        "new_malignancy_text": visit.new_malignancy_text,
        "contact_mode": visit.contact_mode,
        "comments": visit.comments,
    }


def reason_of(found: Mapping[str, Any]) -> str:
    """The chosen reason and the words as one text: `Did not come: was on holiday`."""
    why, words = found.get("missed_why", ""), found.get("missed_reason", "")
    if why == MISSED_OTHERWISE:
        why = ""
    return ": ".join(part for part in (why, words) if part)


def _reason_parts(reason: str) -> dict[str, str]:
    """The reason of a recorded visit as the form asks for it."""
    for why in MISSED_REASONS:
        if reason == why or reason.startswith(f"{why}: "):
            return {"missed_why": why, "missed_reason": reason[len(why) + 2 :]}
    return {"missed_why": MISSED_OTHERWISE if reason else "", "missed_reason": reason}


def _numbers(data: QueryDict | None, name: str) -> set[int]:
    if data is None:
        return set()
    return {int(text) for text in data.getlist(name) if text.isascii() and text.isdigit() and len(text) < 19}
