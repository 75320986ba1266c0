"""One laboratory result: correct it, or take it back. The old value stays visible."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render

from registry.access.gates import get_patient, get_user
from registry.actions.laboratory import (
    AlreadySuperseded,
    ResultEntry,
    correct_lab_result,
    problems_of,
    retract_lab_result,
)
from registry.clinical.analytes import ANALYTES
from registry.clinical.plausibility import Fix, Reported, Unlikely, fixes_of_refused
from registry.clinical.units import read_result, unit_label
from registry.clock import now, today
from registry.models import LabResult
from registry.queries.earlier_results import doubts_about
from registry.queries.event_chain import day_zeros_of
from registry.queries.locks import locks_over_result
from registry.queries.visit_sheet import result_of
from registry.templatetags.words import on
from registry.web.investigator.check_words import on_its_checks
from registry.web.investigator.closed import closed_by
from registry.web.investigator.dates import PartsField
from registry.web.investigator.fields import Radios, RecordForm, TextInput, text


class CorrectionForm(RecordForm):
    """What the result should have been, or that it never was this patient's; and why."""

    act = forms.ChoiceField(
        label="What is wrong?",
        choices=[
            ("correct", "The value, unit, range or day is wrong"),
            ("retract", "It is not this patient's result: take it back"),
        ],
        widget=Radios(),
    )
    value = text("Value", widget=TextInput("input--short"))
    unit = forms.ChoiceField(label="Unit", required=False)
    lower_limit = text("Lower limit of normal", widget=TextInput("input--short"))
    upper_limit = text("Upper limit of normal", widget=TextInput("input--short"))
    collected_on = PartsField(label="Collected on")
    sure = forms.CharField(required=False)
    right_because = text("Why is it right?", widget=TextInput())
    reason = forms.CharField(
        label="Why is the record changed?",
        help_text="For example: misread on the report. It is kept with the change.",
        max_length=500,
        widget=TextInput(),
        error_messages={"required": "Say why the record was wrong."},
    )

    def __init__(self, *args: Any, result: LabResult, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.result = result
        self.doubt: Unlikely | None = None
        self.fixes: tuple[Fix, ...] = ()
        unit = self.fields["unit"]
        assert isinstance(unit, forms.ChoiceField)  # noqa: S101 - for the type checker
        unit.choices = [(unit, unit_label(unit)) for unit in ANALYTES[result.analyte].units]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("act") == "correct" and not self.errors:
            patient = self.result.patient
            on_site = today(time_zone=patient.site.time_zone)
            entry = self.entry()
            self.add_problems(problems_of(entry=entry, patient=patient, today=on_site))
            self._ask(entry)
        return cleaned

    def _ask(self, entry: ResultEntry) -> None:
        """As in the visit form: the same questions, the same fixes, a reason for this very value."""
        result = self.result
        if self.has_error("value"):
            self.fixes = fixes_of_refused(
                entry.value, analyte=entry.analyte, unit=entry.unit, decimal_comma=True
            )
        if self.errors:
            return
        read = read_result(entry.value, analyte=entry.analyte, unit=entry.unit, decimal_comma=True)
        if (read.canonical, read.entered.comparator) == (result.value, result.comparator):
            return  # what is corrected is something else
        reported = Reported(entry.analyte, entry.unit, entry.collected_on, read)
        self.doubt = doubts_about(patient=result.patient, reported=[reported], without=[result.pk]).get(
            entry.analyte
        )
        if self.doubt is not None:
            self.fixes = self.doubt.fixes
            if not (self.cleaned_data["sure"] == self.sure_of and entry.right_because):
                self.add_error("value", self.doubt.question)

    @property
    def sure_of(self) -> str:
        """What a reason says yes to: it belongs to the value it was given for."""
        return f"{self['value'].value() or ''} {self['unit'].value() or ''}".strip()

    @property
    def sure_words(self) -> str:
        return f"{self['value'].value() or ''} {unit_label(self['unit'].value() or '')}".strip()

    def entry(self) -> ResultEntry:
        """The result as it should have been."""
        found = self.cleaned_data
        return ResultEntry(
            analyte=self.result.analyte,
            value=found["value"],
            unit=found["unit"],
            collected_on=found["collected_on"],
            lower_limit=found["lower_limit"],
            upper_limit=found["upper_limit"],
            right_because=found["right_because"],
        )


def correct_result(request: HttpRequest, public_id: UUID, result_id: int) -> HttpResponse:
    """Correct one result or take it back, with a reason."""
    patient = get_patient(request, public_id, verb="enter_record")
    result = result_of(patient=patient, result_id=result_id)
    if result is None:
        raise Http404
    form = CorrectionForm(_sent(request), result=result, initial=_initial(result))
    if "use" in request.POST:
        form.unjudged()  # the likely fix stands in its place; nobody has saved yet
        return _page(request, result, form, problems=[])
    if request.method != "POST" or not form.is_valid():
        return _page(request, result, form, problems=form.summary(), status=422 if form.is_bound else 200)
    try:
        _act(request, result, form)
        checks = on_its_checks(patient=patient, at=now())
        messages.success(
            request, f"{_told(result, form)} {checks} The old value stays visible with your reason."
        )
    except AlreadySuperseded as refusal:
        messages.warning(request, refusal.for_people)
    return redirect("investigator:patient", public_id)


def _page(
    request: HttpRequest,
    result: LabResult,
    form: CorrectionForm,
    *,
    problems: list[tuple[str, str]],
    status: int = 200,
) -> HttpResponse:
    context = {
        "patient": result.patient,
        "result": result,
        "form": form,
        "problems": problems,
        "day_zeros": day_zeros_of(patient=result.patient),
        "closed": closed_by(request, lines=locks_over_result(result=result)),
    }
    return render(request, "investigator/result.html", context, status=status)


def _sent(request: HttpRequest) -> QueryDict | None:
    """What was sent; a button with the likely fix puts another number or unit in its place."""
    if request.method != "POST":
        return None
    data = request.POST.copy()
    if "use" in data:
        data["unit"], _, data["value"] = str(data["use"]).partition(" ")
    return data


def _act(request: HttpRequest, result: LabResult, form: CorrectionForm) -> None:
    common: dict[str, Any] = {
        "result": result,
        "reason": form.cleaned_data["reason"],
        "by": get_user(request),
        "at": now(),
    }
    if form.cleaned_data["act"] == "retract":
        retract_lab_result(**common)
        return
    on_site = today(time_zone=result.patient.site.time_zone)
    correct_lab_result(entry=form.entry(), today=on_site, **common)


def _told(result: LabResult, form: CorrectionForm) -> str:
    """What became of the result, with the old value and the new one as they were written."""
    unit = unit_label(result.entered_unit)
    old = f"{result.get_analyte_display()} of {on(result.collected_on)}: {result.entered_value} {unit}"
    if form.cleaned_data["act"] == "retract":
        return f"{old} is taken back."
    new = f"{form.cleaned_data['value']} {unit_label(form.cleaned_data['unit'])}"
    return f"{old} is now {new}, {on(form.cleaned_data['collected_on'])}."


def _initial(result: LabResult) -> dict[str, Any]:
    limits = {
        name: "" if limit is None else format(limit.normalize(), "f")
        for name, limit in (("lower_limit", result.lower_limit), ("upper_limit", result.upper_limit))
    }
    return {
        "act": "correct",
        "value": result.entered_value,
        "unit": result.entered_unit,
        "collected_on": result.collected_on,
        **limits,
    }
