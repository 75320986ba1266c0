"""Whether the checks run: a page for people, two plain answers for machines."""

from dataclasses import asdict

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from registry.access import gates
from registry.access.roles import may
from registry.access.scope import rows_of
from registry.clock import now
from registry.queries import monitoring_status, scan_runs


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Every check in words, the ledgers of runs and recounts, and whom no rule could judge."""
    user = gates.enter(request, "see_status")
    at = now()
    checks = monitoring_status.checks(at=at)
    return render(
        request,
        "study/status.html",
        {
            "at": at,
            "checks": checks,
            "stale": [check for check in checks if not check.ok],
            "runs": scan_runs.latest_runs(runs=monitoring_status.latest_whole_runs()),
            "ledgers": scan_runs.ledgers(),
            "recounts": scan_runs.recounts(),
            "failures": scan_runs.open_failures(rows=rows_of(user)),
            "may_see_patients": may(user, "see_patients"),
        },
    )


@login_not_required
@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; it asks nobody, so that a database's trouble does not restart the web."""
    return HttpResponse("ok", content_type="text/plain")


@login_not_required
@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Database, broker and a whole recent scan of each rule; otherwise 503 and why, without patient data."""
    found = monitoring_status.readiness(at=now())
    ok = all(check.ok for check in found)
    return JsonResponse({"ok": ok, "checks": [asdict(check) for check in found]}, status=200 if ok else 503)
