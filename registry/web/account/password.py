"""Choosing one's own password: whoever was given one cannot sign before."""

from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from registry.access.gates import get_user
from registry.actions.accounts import choose_password
from registry.actions.signatures import note_refused_password
from registry.clock import now
from registry.models import User

NOT_ACCEPTED = 422


def _password(label: str, autocomplete: str, missing: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"class": "input--name", "autocomplete": autocomplete}),
        error_messages={"required": missing},
    )


class PasswordForm(forms.Form):
    """The password until now, and the new one twice."""

    old = _password("Your password until now", "current-password", "Type the password you have now.")
    new = _password("New password", "new-password", "Type the new password.")
    again = _password("New password once more", "new-password", "Type the new password once more.")

    def __init__(self, *args: Any, request: HttpRequest, by: User, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.request, self.by = request, by
        self.fields["new"].help_text = " ".join(password_validators_help_texts())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        if cleaned["new"] != cleaned["again"]:
            self.add_error("again", "This is not the new password typed above.")
        elif cleaned["new"] == cleaned["old"]:
            self.add_error("new", "This is the password you have now. Choose one that nobody gave you.")
        else:
            self._judge(cleaned)
        return cleaned

    def _judge(self, typed: dict[str, Any]) -> None:
        try:
            validate_password(typed["new"], self.by)
        except ValidationError as refused:
            self.add_error("new", refused)
            return
        try:
            found = get_adapter(self.request).authenticate(
                self.request, username=self.by.username, password=typed["old"]
            )
        except ValidationError as refused:
            self.add_error("old", refused)
            return
        if found is None or found.pk != self.by.pk:
            note_refused_password(kind="password_refused", by=self.by, at=now())
            self.add_error("old", "That is not the password of this account.")


def own_password(request: HttpRequest) -> HttpResponse:
    """Choose a password that nobody else has set."""
    by = get_user(request)
    form = PasswordForm(request.POST if request.method == "POST" else None, request=request, by=by)
    if request.method == "POST" and not by.is_demo and form.is_valid():
        choose_password(by=by, password=form.cleaned_data["new"], at=now())
        update_session_auth_hash(request, by)
        messages.success(
            request, "Your password is changed. Nobody else has set it, so you can sign with it."
        )
        return redirect("home")
    problems = [(f"id_{name}", " ".join(map(str, words))) for name, words in form.errors.items()]
    context = {"form": form, "person": by, "problems": problems}
    status = NOT_ACCEPTED if request.method == "POST" else 200
    return render(request, "account/password.html", context, status=status)
