"""Signing a visit or a whole record: what is signed stands above the box, the password is typed into it."""

from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from registry.access.gates import get_patient, get_user
from registry.access.roles import may
from registry.access.sign_in import enters_without_password
from registry.access.signing import needs_user_name, note_all_parts
from registry.actions.signatures import (
    MEANING,
    SigningRefused,
    may_sign_for_themselves,
    note_refused_password,
    sign,
)
from registry.clock import now
from registry.models import Patient, User
from registry.queries.lock_history import what_is_locked
from registry.queries.locks import locks_over
from registry.queries.signatures import canonical, obstacles, signature_lines, signatures_of
from registry.web.investigator.fields import RecordForm
from registry.web.investigator.visit_place import address_of
from registry.web.investigator.visit_record import page_of, read_visit

NOT_ACCEPTED = 422
_NAME = {"class": "input--name", "autocomplete": "username", "autocapitalize": "none"}


class SignatureForm(RecordForm):
    """The parts of an identity. `request` limits how often they are tried, like the login."""

    sha256 = forms.CharField(widget=forms.HiddenInput())
    user_name = forms.CharField(
        label="Your user name",
        help_text="Asked at the first signature since you signed in, or since you came to another network.",
        widget=forms.TextInput(attrs=_NAME),
        error_messages={"required": "Type your user name: it is part of the first signature of a session."},
    )
    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"class": "input--name", "autocomplete": "current-password"}),
        error_messages={"required": "Type your password: it is your signature."},
    )

    def __init__(self, *args: Any, request: HttpRequest, by: User, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.request, self.by = request, by
        if not needs_user_name(request.session, address=_address(request)):
            del self.fields["user_name"]
        if enters_without_password(by):
            self.fields["password"].required = False
            self.fields["password"].help_text = "In this demonstration it may stay empty."
            self.fields.pop("user_name", None)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not enters_without_password(self.by):
            self._check_identity(cleaned)
        return cleaned

    def _check_identity(self, typed: dict[str, Any]) -> None:
        name = typed.get("user_name", self.by.username)
        try:
            found = get_adapter(self.request).authenticate(
                self.request, username=self.by.username, password=typed["password"][:4096]
            )
        except ValidationError as refused:
            note_refused_password(kind="signing_throttled", by=self.by, at=now())
            self.add_error("password", " ".join(refused.messages))
            return
        if found is None or found.pk != self.by.pk or name != self.by.username:
            note_refused_password(kind="signing_refused", by=self.by, at=now())
            self.add_error(
                "password", "User name and password are not those of your account. Nothing was signed."
            )


def sign_visit(request: HttpRequest, public_id: UUID, code: str) -> HttpResponse:
    """Read a recorded visit, or what changed since it was signed, and sign it."""
    read = read_visit(request, public_id, code, verb="sign_record")
    by = get_user(request)
    form = _form(request, by, sha256=read.stands.sha256)
    refusal = ""
    if request.method == "POST" and form.is_valid():
        refusal = _signed(request, form, patient=read.patient, visit=read.visit)
        if not refusal:
            return redirect(address_of(read.visit, "investigator:visit_record"))
    context = {
        **page_of(request, read),
        **_about(request, form, refusal, by),
        "obstacles": obstacles(visit=read.visit),
    }
    return render(request, "investigator/sign_visit.html", context, status=_status(request))


def sign_patient(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Sign the whole record of a patient at a milestone, as the casebook showed it: `read` is its digest."""
    patient = get_patient(request, public_id, verb="sign_record")
    by = get_user(request)
    stands = canonical(patient=patient, visit=None)
    read = request.GET.get("read", "")
    form = _form(request, by, sha256=read)
    refusal = ""
    if request.method == "POST" and form.is_valid():
        refusal = _signed(request, form, patient=patient, visit=None)
        if not refusal:
            return redirect("investigator:patient", patient.public_id)
    lines = signature_lines(patient=patient, visit=None, now=stands)
    context = {
        "patient": patient,
        "signature": lines[0] if lines else None,
        "signatures": lines,
        "is_read": bool(read),
        "is_as_read": read == stands.sha256,
        **_about(request, form, refusal, by),
    }
    return render(request, "investigator/sign_patient.html", context, status=_status(request))


def signatures(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Who signed what of a patient, whether it still holds, and what is locked."""
    patient = get_patient(request, public_id)
    user = get_user(request)
    lines = locks_over(patient=patient)
    context = {
        "patient": patient,
        "tab": "signatures",
        "signatures": signatures_of(patient=patient),
        "locks": [line.lock for line in lines if not line.is_open],
        "opened": [(what_is_locked(line.lock), line.opened_by) for line in lines if line.is_open],
        "may_sign": may(user, "sign_record", patient=patient),
        "may_lock": may(user, "lock_record", patient=patient),
    }
    return render(request, "investigator/signatures.html", context)


def _form(request: HttpRequest, by: User, *, sha256: str) -> SignatureForm:
    data = request.POST if request.method == "POST" else None
    return SignatureForm(data, request=request, by=by, initial={"sha256": sha256})


def _signed(request: HttpRequest, form: SignatureForm, *, patient: Patient, visit: Any) -> str:
    """Sign; returns why not, or nothing when it is signed."""
    try:
        kept = sign(
            patient=patient, visit=visit, sha256=form.cleaned_data["sha256"], by=get_user(request), at=now()
        )
    except SigningRefused as refusal:
        return refusal.for_people
    note_all_parts(request.session, address=_address(request))
    messages.success(request, f"Signed by {kept.printed_name}.")
    return ""


def _address(request: HttpRequest) -> str:
    return get_adapter(request).get_client_ip(request)


def _about(request: HttpRequest, form: SignatureForm, refusal: str, by: User) -> dict[str, object]:
    # What is to be signed is what this page shows, never what an earlier one showed.
    shown = SignatureForm(request=request, by=by, initial=form.initial) if refusal else form
    return {
        "form": shown,
        "problems": [("", refusal)] if refusal else form.summary(),
        "meaning": MEANING,
        "person": by,
        "is_own": may_sign_for_themselves(by=by),
        "signed_at": now(),
    }


def _status(request: HttpRequest) -> int:
    return NOT_ACCEPTED if request.method == "POST" else 200
