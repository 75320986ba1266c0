"""A data manager transfers a patient to another site of the study."""

from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from registry.access.gates import get_patient, get_user
from registry.actions.refused import RecordRefused
from registry.actions.transfers import MovedMeanwhile, TransferEntry, transfer_patient
from registry.clinical.spoken_dates import spoken
from registry.clock import now, today
from registry.models import Site
from registry.queries.event_chain import day_zeros_of
from registry.queries.site_stays import other_sites_of, sites_of_study, stays_of
from registry.web.investigator.check_words import on_its_checks
from registry.web.investigator.closed import closed
from registry.web.investigator.dates import PartsField
from registry.web.investigator.fields import RecordForm, TextInput

NOT_ACCEPTED = 422
CONFLICT = 409


class TransferForm(RecordForm):
    """Where the patient goes, from when, and why."""

    submission = forms.UUIDField(widget=forms.HiddenInput())
    from_site = forms.IntegerField(widget=forms.HiddenInput())
    to_site: Any = forms.ModelChoiceField(
        label="To which site?",
        queryset=None,
        empty_label="Choose …",
        error_messages={"required": "Choose the site that follows the patient from now on."},
    )
    moved_on = PartsField(
        label="First day at that site",
        required=True,
        error_messages={"required": "Give the first day at the new site."},
    )
    reason = forms.CharField(
        label="Why?",
        help_text="For example: moved house; the site closed. No names, no addresses.",
        widget=TextInput(),
        max_length=500,
        error_messages={"required": "Say why the patient is transferred."},
    )

    def __init__(self, *args: Any, sites: QuerySet[Site], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["to_site"].queryset = sites  # type: ignore[attr-defined]

    def entry(self) -> TransferEntry:
        """The transfer as typed."""
        found = self.cleaned_data
        return TransferEntry(to_site=found["to_site"], moved_on=found["moved_on"], reason=found["reason"])


def transfer(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The form, with what a transfer does in words; sent, the patient moves."""
    patient = get_patient(request, public_id, verb="transfer_patients")
    if request.method == "POST":
        # The form sent twice names the site that the patient is at by now.
        form = TransferForm(request.POST, sites=sites_of_study(patient=patient))
    else:
        begun_with = {"submission": uuid4(), "from_site": patient.site_id}
        form = TransferForm(sites=other_sites_of(patient=patient), initial=begun_with)
    status = NOT_ACCEPTED if form.is_bound else 200
    if form.is_bound and form.is_valid():
        try:
            begun = transfer_patient(
                patient=patient,
                from_site_id=form.cleaned_data["from_site"],
                entry=form.entry(),
                submission=form.cleaned_data["submission"],
                by=get_user(request),
                at=now(),
                today=today(time_zone=patient.site.time_zone),
            )
        except RecordRefused as refusal:
            form.add_problems(refusal.problems)
        except MovedMeanwhile as refusal:
            form.add_error(None, refusal.for_people)
            status = CONFLICT
        else:
            words = f"{patient.code} is followed by {begun.site} from {spoken(begun.stay.lower)}."
            messages.success(request, f"{words} {on_its_checks(patient=patient, at=now())}")
            return redirect("investigator:patient", public_id)
    context = {
        "patient": patient,
        "form": form,
        "stays": stays_of(patient=patient),
        "day_zeros": day_zeros_of(patient=patient),
        "problems": form.summary() if form.is_bound else [],
        "closed": closed(request, patient=patient),
    }
    return render(request, "investigator/transfer.html", context, status=status)
