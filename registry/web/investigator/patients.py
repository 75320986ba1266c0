"""The list of patients and the page of one of them."""

from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from registry.access.gates import enter, get_patient
from registry.access.roles import may
from registry.access.scope import rows_of
from registry.clinical.refusals import CONTROL_CHARACTER
from registry.clock import today
from registry.monitoring.lifecycle import WAITING
from registry.queries.patient_file import patient_file
from registry.queries.site_worklist import patient_lines
from registry.web.investigator.alert_lines import alert_lines
from registry.web.investigator.timeline import timeline_of


def patients(request: HttpRequest) -> HttpResponse:
    """The patients of the person's sites or studies, fifty to a page."""
    user = enter(request, "see_patients")
    search = CONTROL_CHARACTER.sub("", request.GET.get("search", "")).strip()[:40]
    page, lines = patient_lines(
        rows=rows_of(user),
        search=search,
        page_number=request.GET.get("page", 1),
        today_at=lambda zone: today(time_zone=zone),
    )
    asked = f"&{urlencode({'search': search})}" if search else ""
    context = {"page": page, "lines": lines, "search": search, "asked": asked}
    return render(request, "investigator/patients.html", context)


def patient(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Everything about one patient."""
    found = get_patient(request, public_id)
    user = enter(request, "see_patients")
    file = patient_file(
        patient=found,
        today=today(time_zone=found.site.time_zone),
        all_lab_days=request.GET.get("results") == "all",
    )
    may_enter = may(user, "enter_record", patient=found)
    context = {
        "patient": found,
        "file": file,
        "timeline": timeline_of(file=file, chosen=request.GET.get("days", ""), may_enter=may_enter),
        "alert_lines": alert_lines(alert for alert in file.alerts if alert.state in WAITING),
        "settled_alerts": alert_lines(alert for alert in file.alerts if alert.state not in WAITING),
        "may_enter": may_enter,
        "may_review": may(user, "review_alerts", patient=found),
    }
    return render(request, "investigator/patient.html", context)
