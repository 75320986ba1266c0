"""What a person is sent, and where."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from registry.access import gates
from registry.actions.notifications import set_preference
from registry.clock import now
from registry.queries.notifications import own_mails


class OwnNotificationsForm(forms.Form):
    """The mail address, and the daily digest or not."""

    email = forms.EmailField(
        max_length=254,
        label="Your mail address",
        help_text="Mails hold no patient data: counts, names of rules, and links that ask you to sign in.",
        widget=forms.EmailInput(attrs={"autocomplete": "email", "class": "input--name"}),
        error_messages={
            "required": "Give the address to which mails for you are sent.",
            "invalid": "This is no mail address; one reads name@hospital.org.",
        },
    )
    wants_digest = forms.BooleanField(required=False, label="Send me the daily digest")


@require_http_methods(["GET", "HEAD", "POST"])
def own_notifications(request: HttpRequest) -> HttpResponse:
    """A person's own address and choice; critical alerts go to every officer, whatever they choose."""
    user = gates.get_user(request)
    mails = own_mails(user=user)
    form = OwnNotificationsForm(
        request.POST if request.method == "POST" else None,
        initial={"email": user.email, "wants_digest": mails.wants_digest},
    )
    if request.method == "POST" and form.is_valid():
        set_preference(user=user, **form.cleaned_data, at=now())
        messages.success(request, "Your choice is kept.")
        return redirect("own_notifications")
    problems = [(form[name].id_for_label, words) for name, found in form.errors.items() for words in found]
    return render(
        request,
        "account/notifications.html",
        {"form": form, "mails": mails, "problems": problems},
        status=422 if problems else 200,
    )
