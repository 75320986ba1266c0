"""Sign in with user name and password, in the demo also by one button per role, and sign out."""

from allauth.account.adapter import get_adapter
from allauth.account.views import LoginView
from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from registry.access.gates import get_user
from registry.access.sessions import is_locked, note_activity, renew, seconds_left
from registry.access.sign_in import demo_account, enters_without_password
from registry.models import User
from registry.web.session_lock import LOCKED, works_while_locked

# User name, role, what the role comes for: contract.md section 6.
DEMO_DOORS = (
    ("coordinator@demo", "Site coordinator", "Sees what is due, enters visits, blood counts and events"),
    ("investigator@demo", "Investigator", "Enters as coordinators do, and signs what the site recorded"),
    ("officer@demo", "Safety officer", "Reviews alerts and decides, with a reason"),
    (
        "lead@demo",
        "Safety lead",
        "Reviews alerts, opens locked records as second person, answers for the checks",
    ),
    ("manager@demo", "Data manager", "Asks sites, locks records, keeps the consent versions of the study"),
    ("sponsor@demo", "Sponsor", "Takes pseudonymised data out through the API"),
    ("admin@demo", "Administrator", "Sees that the checks run and the mails go out; sees no clinical data"),
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


@works_while_locked
def unlock(request: HttpRequest) -> HttpResponse:
    """Go on after the idle time: the same person gives the password again, and the session is renewed."""
    user, at = get_user(request), timezone.now()
    after = _own_address(request)
    if request.method != "POST":
        if not is_locked(request.session, at=at):
            return redirect(after)
        return _locked_page(request, user, after)
    refusal = _refusal(request, user)
    if not refusal:
        renew(request.session, at=at)
    if request.headers.get("Accept", "").startswith("application/json"):
        return JsonResponse({"words": refusal}, status=LOCKED if refusal else 200)
    return _locked_page(request, user, after, refusal=refusal) if refusal else redirect(after)


@works_while_locked
def session(request: HttpRequest) -> HttpResponse:
    """Who is signed in and for how long; sent (POST), that the person is still there.

    A page asks before it sends or locks. Asking is no activity, or a page left open would never lock.
    """
    at = timezone.now()
    if request.method == "POST" and not is_locked(request.session, at=at):
        note_activity(request.session, at=at)
    left = seconds_left(request.session, at=at)
    answer = {
        "person": str(get_user(request)),
        "locked": left == 0,
        "seconds_left": left,
        "token": get_token(request),
    }
    return JsonResponse(answer)


def _refusal(request: HttpRequest, user: User) -> str:
    """Why the password does not open the session; nothing when it does. Limited like the login."""
    if enters_without_password(user):
        return ""
    try:
        found = get_adapter(request).authenticate(
            request, username=user.username, password=request.POST.get("password", "")[:4096]
        )
    except ValidationError as refused:
        return " ".join(refused.messages)
    return "" if found is not None and found.pk == user.pk else "That is not the password of this account."


def _locked_page(request: HttpRequest, user: User, after: str, *, refusal: str = "") -> HttpResponse:
    context = {
        "person": user,
        "needs_password": not enters_without_password(user),
        "next": after,
        "refusal": refusal,
        "idle_seconds": settings.SESSION_IDLE_SECONDS,
        # Nothing of the registry is shown around a lock.
        "frame": None,
        "status_chip": None,
    }
    return render(request, "account/unlock.html", context, status=422 if refusal else 200)


def _own_address(request: HttpRequest) -> str:
    asked = request.POST.get("next") or request.GET.get("next") or "/"
    is_ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if is_ours else "/"
