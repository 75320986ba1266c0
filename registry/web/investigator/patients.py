"""The list of patients and the page of one of them."""

from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from registry.access.gates import enter, get_patient, get_user
from registry.access.roles import may
from registry.access.scope import rows_of
from registry.clinical.refusals import CONTROL_CHARACTER
from registry.clock import today
from registry.exchange.history_file import history_csv
from registry.models import Patient
from registry.monitoring.lifecycle import WAITING
from registry.queries.activity import activity_file
from registry.queries.consent import person_standing
from registry.queries.event_chain import day_zeros_of
from registry.queries.event_page import awaits_label_of
from registry.queries.locks import locks_of_sheet, locks_over
from registry.queries.patient_file import patient_checks, patient_file
from registry.queries.record_history import history_lines, history_page
from registry.queries.site_worklist import patient_lines
from registry.web.investigator.activity_page import sledai_plot
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
    context = {
        "page": page,
        "lines": lines,
        "search": search,
        "asked": asked,
        "may_enrol": may(user, "enrol_patients"),
    }
    return render(request, "investigator/patients.html", context)


def patient(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A patient on one page: the course, the visits, results, events and alerts."""
    found = get_patient(request, public_id)
    user = enter(request, "see_patients")
    file = patient_file(
        patient=found,
        today=today(time_zone=found.site.time_zone),
        all_lab_days=request.GET.get("results") == "all",
    )
    may_enter = may(user, "enter_record", patient=found)
    lines = alert_lines(file.alerts)
    context = {
        "patient": found,
        "tab": "patient",
        "file": file,
        "day_zeros": tuple(each.course.day_zero for each in file.courses),
        "timeline": timeline_of(file=file, chosen=request.GET.get("days", ""), may_enter=may_enter),
        "alert_lines": [line for line in lines if line.alert.state in WAITING],
        "settled_alerts": [line for line in lines if line.alert.state not in WAITING],
        "may_enter": may_enter,
        "may_review": may(user, "review_alerts", patient=found),
        "may_transfer": may(user, "transfer_patients", patient=found),
        "standing": person_standing(patient=found, today=file.today),
        "locks": locks_of_sheet(lines=locks_over(patient=found), visit=None),
    }
    return render(request, "investigator/patient.html", context)


def activity(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Disease activity, remission, treatments and prevention over time."""
    found = get_patient(request, public_id)
    on_site = today(time_zone=found.site.time_zone)
    file = activity_file(patient=found, day_zeros=day_zeros_of(patient=found), today=on_site)
    context = {
        "patient": found,
        "tab": "activity",
        "activity": file,
        "sledai_plot": sledai_plot(patient=found, file=file),
    }
    return render(request, "investigator/activity.html", context)


def checks(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What each rule said of the patient, and why it found no more."""
    found = get_patient(request, public_id)
    context = {
        "patient": found,
        "tab": "checks",
        "found": patient_checks(patient=found, today=today(time_zone=found.site.time_zone)),
    }
    return render(request, "investigator/checks.html", context)


def history(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Every change of the patient's record: who, when, what it was, what it became, why."""
    found = get_patient(request, public_id)
    read = history_page(
        patient=found,
        about=request.GET.get("about", ""),
        page_number=request.GET.get("page", 1),
        hides_labels=_hides_labels(request, found),
    )
    context = {
        "patient": found,
        "tab": "history",
        "kinds": read.kinds,
        "about": read.about,
        "day_zeros": day_zeros_of(patient=found),
        "page": read.page,
        "lines": read.lines,
        "asked": f"&{urlencode({'about': read.about})}" if read.about else "",
    }
    return render(request, "investigator/history.html", context)


def history_file(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The same as CSV, from the first entry on (21 CFR 11.10(e): available for copying)."""
    found = get_patient(request, public_id)
    return HttpResponse(
        history_csv(lines=history_lines(patient=found, hides_labels=_hides_labels(request, found))),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="history-{found.public_id}.csv"'},
    )


def _hides_labels(request: HttpRequest, patient: Patient) -> bool:
    """Whether the person is to label a LICATS event of the patient, and has not read the labels of others."""
    user = get_user(request)
    return may(user, "review_alerts", patient=patient) and awaits_label_of(patient=patient, user=user)
