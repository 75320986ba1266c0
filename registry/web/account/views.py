"""Sign in with user name and password, in the demo also by one button per role, and sign out."""

from allauth.account.views import LoginView
from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from registry.access.sign_in import demo_account

# User name, role, what the role comes for: contract.md section 6.
DEMO_DOORS = (
    ("coordinator@demo", "Site coordinator", "Sees what is due, enters visits, blood counts and events"),
    ("investigator@demo", "Investigator", "Enters and answers for the patients of one site"),
    ("officer@demo", "Safety officer", "Reviews alerts and decides, with a reason"),
    ("lead@demo", "Safety lead", "Second review of malignancies, the rules in force"),
    ("manager@demo", "Data manager", "Looks after completeness and visit schedules of the study"),
    ("sponsor@demo", "Sponsor", "Takes pseudonymised data out through the API"),
    ("admin@demo", "Administrator", "Keeps accounts and machinery, sees no clinical data"),
)


class SignInView(LoginView):
    """The login page; failed attempts are limited per user name and per address."""

    template_name = "account/login.html"

    def get_context_data(self, **kwargs: object) -> dict:
        context = super().get_context_data(**kwargs)
        context["demo_doors"] = DEMO_DOORS if settings.DEMO else ()
        return context


@require_POST
@login_not_required
def enter_demo(request: HttpRequest) -> HttpResponse:
    """Sign in as one of the demo's roles; nowhere else is there such a door."""
    account = demo_account(username=request.POST.get("account", ""))
    if account is None:
        raise Http404
    login(request, account)
    return redirect("home")


@require_POST
@login_not_required
def leave(request: HttpRequest) -> HttpResponse:
    """Sign out; the browser forgets what it had kept."""
    logout(request)
    response = redirect("account_login")
    if request.is_secure():
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response
