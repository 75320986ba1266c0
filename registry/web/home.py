"""The first page, by role: what the person came to do."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from registry.access.gates import get_user
from registry.access.roles import memberships_of, roles_of
from registry.access.scope import rows_of
from registry.clock import today
from registry.queries.site_worklist import worklist
from registry.web.investigator.alert_lines import alert_lines

# The first role of this list that a person holds decides; the navigation has the rest.
_FIRST_PAGES = (
    ("safety_officer", "/alerts/"),
    ("safety_lead", "/alerts/"),
    ("data_manager", "/patients/"),
    ("administrator", "/status/"),
)


def home(request: HttpRequest) -> HttpResponse:
    """Today at the site; for everybody else the page of their work."""
    user = get_user(request)
    roles = roles_of(user)
    if roles & {"coordinator", "investigator"}:
        return _today(request)
    for role, address in _FIRST_PAGES:
        if role in roles:
            return redirect(address)
    return render(request, "sponsor/home.html" if "sponsor" in roles else "account/no_role.html")


def _today(request: HttpRequest) -> HttpResponse:
    user = get_user(request)
    sites = [membership.site for membership in memberships_of(user) if membership.site is not None]
    found = worklist(rows=rows_of(user, verb="enter_record"), today_at=lambda zone: today(time_zone=zone))
    zone = sites[0].time_zone
    context = {
        "found": found,
        "alert_lines": alert_lines(found.alerts),
        "today": today(time_zone=zone),
        "time_zone": zone,
    }
    return render(request, "investigator/home.html", context)
