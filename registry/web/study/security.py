"""What an administrator should know of: passwords refused where they stood for a person."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from registry.access.gates import enter
from registry.queries.signatures import security_events


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """The latest attempts, newest first."""
    enter(request, "manage_accounts")
    return render(request, "study/security.html", {"events": security_events()})
