"""A patient is enrolled; an infusion is recorded; follow-up ends."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from registry.access.gates import enter, get_patient, get_user
from registry.actions.admission import LikelyTwin, admit_patient, twin_words, twins_of
from registry.actions.enrolment import end_follow_up, id_problems, record_infusion
from registry.actions.refused import RecordRefused
from registry.clinical import code_lists
from registry.clinical.spoken_dates import spoken
from registry.clock import now, today
from registry.models import User
from registry.queries.consent import version_in_force
from registry.queries.enrolment import (
    Twins,
    consent_versions_for,
    infusion_consequences,
    products_of,
    sites_to_enrol_at,
)
from registry.queries.event_chain import day_zeros_of
from registry.web.investigator.check_words import on_its_checks
from registry.web.investigator.closed import closed, closed_sites
from registry.web.investigator.dates import PartsField
from registry.web.investigator.enrol_forms import EnrolForm, InfusionForm
from registry.web.investigator.fields import LongText, Radios, RecordForm, text

NOT_ACCEPTED = 422


class EndForm(RecordForm):
    """The last day under follow-up and why it was the last."""

    reason = forms.ChoiceField(
        label="Why does follow-up end?",
        choices=list(code_lists.END_REASONS.items()),
        widget=Radios(),
        error_messages={"required": "Say why follow-up ends."},
    )
    ended_on = PartsField(
        label="Last day under follow-up",
        help_text="Of a death the date of death; of a lost patient the last contact, not today.",
        required=True,
        error_messages={"required": "Give the last day under follow-up."},
    )
    cause_of_death = text(
        "Cause of death", hint="Only for a death, as far as known. No names.", widget=LongText(rows=2)
    )


def enrol(request: HttpRequest) -> HttpResponse:
    """The form of a new patient; sent, it is checked and confirmed by typing again, then enrolled."""
    user = enter(request, "enrol_patients")
    form = _enrol_form(request, user)
    if not form.is_bound:
        return _enrol_page(request, form)
    if not form.is_valid():
        return _enrol_page(request, form, status=NOT_ACCEPTED)
    twins = twins_of(site=form.cleaned_data["site"], entry=form.entry(), infusion=form.infusion())
    if request.POST.get("step") != "save":
        # At the end it is not asked here: the same form sent twice finds the patient whom it made.
        form.add_problems(id_problems(site=form.cleaned_data["site"], code=form.entry().patient_id))
        if form.errors:
            return _enrol_page(request, form, status=NOT_ACCEPTED)
        return _enrol_page(request, form, is_checked=True, twins=twins)
    if not form.check_again():
        return _enrol_page(request, form, is_checked=True, twins=twins, status=NOT_ACCEPTED)
    site = form.cleaned_data["site"]
    try:
        patient = admit_patient(
            site=site,
            entry=form.entry(),
            infusion=form.infusion(),
            consent=form.consent(),
            go_on_because=form.cleaned_data["go_on_because"],
            by=user,
            at=now(),
            today=today(time_zone=site.time_zone),
        )
    except LikelyTwin as question:
        form.add_error("go_on_because", f"{question.for_people} If this is another person, say how you know.")
        return _enrol_page(request, form, is_checked=True, twins=question.twins, status=NOT_ACCEPTED)
    except RecordRefused as refusal:
        form.add_problems(refusal.problems)
        return _enrol_page(request, form, is_checked=True, twins=twins, status=NOT_ACCEPTED)
    messages.success(request, f"{patient.code} is enrolled. {on_its_checks(patient=patient, at=now())}")
    return redirect("investigator:patient", patient.public_id)


def infusion(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The form of an infusion; sent, what it will do is shown and confirmed, then it opens its course."""
    patient = get_patient(request, public_id, verb="enter_record")
    products = products_of(studies=[patient.study_id])
    form = InfusionForm(request.POST or None, patient=patient, products=products)
    context: dict[str, Any] = {"patient": patient, "form": form, "closed": closed(request, patient=patient)}
    if not form.is_bound:
        return render(request, "investigator/infusion.html", context)
    if form.is_valid():
        entry = form.infusion()
        assert entry is not None  # noqa: S101 - a valid form has day and product
        context["consequences"] = infusion_consequences(patient=patient, infused_on=entry.infused_on)
        context["is_checked"] = True
        if request.POST.get("step") != "save":
            return render(request, "investigator/infusion.html", context)
        if form.check_again():
            try:
                on_site = today(time_zone=patient.site.time_zone)
                record_infusion(patient=patient, entry=entry, by=get_user(request), today=on_site)
            except RecordRefused as refusal:
                form.add_problems(refusal.problems)
            else:
                words = f"Infusion of {spoken(entry.infused_on)} recorded; its course is open."
                messages.success(request, f"{words} {on_its_checks(patient=patient, at=now())}")
                return redirect("investigator:patient", public_id)
    context["problems"] = form.summary()
    return render(request, "investigator/infusion.html", context, status=NOT_ACCEPTED)


def end(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The form that ends follow-up, with what each reason does in words."""
    patient = get_patient(request, public_id, verb="enter_record")
    asked = request.GET.get("reason", "")
    initial = {"reason": asked if asked in code_lists.END_REASONS else ""}
    form = EndForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_bound and form.is_valid():
        found = form.cleaned_data
        try:
            end_follow_up(
                patient=patient,
                ended_on=found["ended_on"],
                reason=found["reason"],
                cause_of_death=found["cause_of_death"],
                by=get_user(request),
                today=today(time_zone=patient.site.time_zone),
            )
        except RecordRefused as refusal:
            renamed = {"follow_up_ended_on": "ended_on", "follow_up_end_reason": "reason"}
            form.add_problems(refusal.problems, renamed=renamed)
        else:
            why = code_lists.END_REASONS[found["reason"]].lower()
            words = f"Follow-up of {patient.code} ended on {spoken(found['ended_on'])}: {why}."
            messages.success(request, f"{words} {on_its_checks(patient=patient, at=now())}")
            return redirect("investigator:patient", public_id)
    context = {
        "patient": patient,
        "form": form,
        "problems": form.summary() if form.is_bound else [],
        "day_zeros": day_zeros_of(patient=patient),
        "closed": closed(request, patient=patient),
    }
    status = NOT_ACCEPTED if form.is_bound else 200
    return render(request, "investigator/end.html", context, status=status)


def _enrol_form(request: HttpRequest, user: User) -> EnrolForm:
    sites = sites_to_enrol_at(user=user)
    studies = sorted({site.study_id for site in sites})
    on_site = today(time_zone=sites[0].time_zone) if sites else today(time_zone="UTC")
    versions = consent_versions_for(studies=studies, today=on_site)
    newest = version_in_force(versions=versions, today=on_site)
    return EnrolForm(
        request.POST if request.method == "POST" else None,
        sites=sites,
        products=products_of(studies=studies),
        versions=versions,
        initial={
            "site": sites[0].pk if len(sites) == 1 else None,
            "consent_version": newest.pk if newest else None,
        },
    )


def _enrol_page(
    request: HttpRequest,
    form: EnrolForm,
    *,
    is_checked: bool = False,
    twins: Twins | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form,
        "problems": form.summary() if status == NOT_ACCEPTED else [],
        "is_checked": is_checked,
        "twins": twin_words(twins) if twins else "",
        "closed": closed_sites(request, sites=form.sites),
    }
    return render(request, "investigator/enrol.html", context, status=status)
