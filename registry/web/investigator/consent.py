"""What a patient consented to, given and taken back; who has to be asked; versions of the form."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from registry.access.gates import enter, get_patient, get_study, get_user
from registry.access.roles import may
from registry.access.scope import rows_of
from registry.actions.consent import (
    ConsentRecordedAlready,
    add_version,
    annul_withdrawal,
    record_consent,
    withdraw_consent,
)
from registry.actions.refused import RecordRefused
from registry.clinical.spoken_dates import spoken
from registry.clock import now, today
from registry.models import Patient
from registry.queries.consent import (
    consent_file,
    consents_to_ask_for,
    ended_follow_up,
    studies_with_consent,
    versions_of,
    withdrawal_of,
)
from registry.queries.enrolment import consent_versions_for
from registry.queries.event_chain import day_zeros_of
from registry.web.investigator.closed import closed
from registry.web.investigator.consent_forms import AnnulForm, ConsentForm, VersionForm, WithdrawalForm

NOT_ACCEPTED = 422


def consent(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What stands of the patient's consent; sent by the site, a signed form is recorded."""
    patient = get_patient(request, public_id)
    if request.method != "POST":
        return _page(request, patient)
    patient = get_patient(request, public_id, verb="enter_record")
    form = _consent_form(request, patient)
    if not form.is_valid():
        return _page(request, patient, form=form, problems=form.summary())
    entry = form.entry()
    try:
        record_consent(
            patient=patient,
            entry=entry,
            submission=form.cleaned_data["submission"],
            by=get_user(request),
            at=now(),
            today=_today(patient),
        )
    except ConsentRecordedAlready as question:
        there = spoken(question.consent.given_on)
        form.add_error(
            "replaces_because",
            f"A consent to this version is recorded, given on {there}. Why is it replaced?",
        )
        return _page(request, patient, form=form, problems=form.summary())
    messages.success(request, f"Consent to version {entry.version.version} is recorded.")
    return redirect("investigator:consent", public_id)


def withdraw(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Record what the patient takes back."""
    patient = get_patient(request, public_id, verb="enter_record")
    if request.method != "POST":
        return redirect("investigator:consent", public_id)
    form = WithdrawalForm(request.POST, patient=patient)
    if not form.is_valid():
        return _page(request, patient, withdrawal_form=form, problems=form.summary())
    try:
        withdraw_consent(
            patient=patient,
            entry=form.entry(),
            submission=form.cleaned_data["submission"],
            by=get_user(request),
            at=now(),
            today=_today(patient),
        )
    except RecordRefused as refusal:
        # The day on which the withdrawal would end follow-up: before the enrolment, for one.
        form.add_problems(refusal.problems, renamed={"follow_up_ended_on": "withdrawn_on"})
        return _page(request, patient, withdrawal_form=form, problems=form.summary())
    messages.success(request, "The withdrawal is recorded. What was kept until then stays.")
    return redirect("investigator:consent", public_id)


def annul(request: HttpRequest, public_id: UUID, withdrawal_id: int) -> HttpResponse:
    """Take back a withdrawal that was recorded by mistake."""
    patient = get_patient(request, public_id, verb="enter_record")
    withdrawal = withdrawal_of(patient=patient, withdrawal_id=withdrawal_id)
    if withdrawal is None:
        raise Http404
    form = AnnulForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        annul_withdrawal(
            withdrawal=withdrawal, reason=form.cleaned_data["reason"], by=get_user(request), at=now()
        )
        messages.success(request, "The withdrawal no longer counts; that it was recorded stays to be seen.")
        return redirect("investigator:consent", public_id)
    context = {
        "patient": patient,
        "withdrawal": withdrawal,
        "form": form,
        "problems": form.summary(),
        "day_zeros": day_zeros_of(patient=patient),
        # Otherwise nothing of the record changes by it, and a lock is no obstacle.
        "closed": closed(request, patient=patient) if ended_follow_up(withdrawal=withdrawal) else None,
    }
    status = NOT_ACCEPTED if form.is_bound else 200
    return render(request, "investigator/annul_withdrawal.html", context, status=status)


def to_ask(request: HttpRequest) -> HttpResponse:
    """The patients of the person's sites who have to be asked for consent, fifty to a page."""
    user = enter(request, "see_patients")
    page, lines = consents_to_ask_for(
        rows=rows_of(user),
        today_at=lambda zone: today(time_zone=zone),
        page_number=request.GET.get("page", 1),
    )
    # Before the first version nobody is listed, and only this page leads whoever adds one to it.
    studies = studies_with_consent(rows=rows_of(user, verb="manage_schedules"))
    context = {
        "page": page,
        "lines": lines,
        "studies": studies,
        "may_enter": may(user, "enter_record"),
    }
    return render(request, "investigator/consents.html", context)


def versions(request: HttpRequest, study_key: str) -> HttpResponse:
    """The versions of a study's consent form; who looks after the study adds one."""
    study = get_study(request, study_key, verb="see_patients")
    user = get_user(request)
    if request.method == "POST":
        study = get_study(request, study_key, verb="manage_schedules")
    form = VersionForm(request.POST if request.method == "POST" else None, study=study)
    if form.is_bound and form.is_valid():
        added = add_version(study=study, entry=form.entry(), by=user, at=now())
        messages.success(request, f"Version {added.version} is kept.")
        return redirect("investigator:consent_versions", study_key)
    context = {
        "study": study,
        "versions": versions_of(study=study),
        "form": form,
        "problems": form.summary() if form.is_bound else [],
        "may_add": may(user, "manage_schedules", patient=Patient(study=study)),
    }
    status = NOT_ACCEPTED if form.is_bound else 200
    return render(request, "investigator/consent_versions.html", context, status=status)


def _today(patient: Patient) -> Any:
    return today(time_zone=patient.site.time_zone)


def _consent_form(request: HttpRequest, patient: Patient) -> ConsentForm:
    versions_known = consent_versions_for(studies=[patient.study_id], today=_today(patient))
    return ConsentForm(
        request.POST if request.method == "POST" else None, patient=patient, versions=versions_known
    )


def _page(
    request: HttpRequest,
    patient: Patient,
    *,
    form: ConsentForm | None = None,
    withdrawal_form: WithdrawalForm | None = None,
    problems: list[tuple[str, str]] | None = None,
) -> HttpResponse:
    versions_known = consent_versions_for(studies=[patient.study_id], today=_today(patient))
    stands = closed(request, patient=patient)
    context = {
        "patient": patient,
        "file": consent_file(patient=patient, today=_today(patient)),
        "form": form or ConsentForm(patient=patient, versions=versions_known),
        "withdrawal_form": withdrawal_form or WithdrawalForm(patient=patient),
        "is_withdrawing": withdrawal_form is not None,
        "problems": problems or [],
        "may_enter": may(get_user(request), "enter_record", patient=patient),
        "may_add_version": may(get_user(request), "manage_schedules", patient=patient),
        "day_zeros": day_zeros_of(patient=patient),
        "closed": stands,
        # Given anew it opens follow-up again, which a lock refuses.
        "closed_to_consent": stands if patient.follow_up_end_reason == "withdrawal" else None,
    }
    return render(request, "investigator/consent.html", context, status=NOT_ACCEPTED if problems else 200)
