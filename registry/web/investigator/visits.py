"""One visit: enter it, change it with a reason, see what became of it."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse

from registry.access.gates import get_patient, get_user
from registry.actions import visits as acts
from registry.actions.laboratory import AlreadySuperseded
from registry.clinical.partial_dates import NotADate, parse_date
from registry.clinical.visit_windows import UNSCHEDULED
from registry.clock import now, today
from registry.models import Course, Patient, Visit
from registry.queries.visit_sheet import (
    VisitSheet,
    after_saving,
    course_for,
    day_zeros_from,
    recorded_visit,
    unscheduled_visit,
    visit_sheet,
)
from registry.web.investigator.alert_lines import alert_lines
from registry.web.investigator.conflict import Conflict, conflict_between
from registry.web.investigator.row_forms import About
from registry.web.investigator.visit_forms import VisitSheetForm

NOT_ACCEPTED = 422
CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Place:
    """Which visit an address names: of this patient, this course, this code; recorded already or not."""

    patient: Patient
    course: Course
    code: str
    visit: Visit | None
    sheet: VisitSheet
    today: date

    @property
    def about(self) -> About:
        return About(
            patient=self.patient,
            day_zeros=day_zeros_from(course=self.course),
            code=self.code,
            today=self.today,
        )


def visit(request: HttpRequest, public_id: UUID, code: str) -> HttpResponse:
    """The form of a visit; sent, it is checked only, or recorded, or changed."""
    place = _place(request, public_id, code)
    if request.method != "POST":
        return _page(request, place, VisitSheetForm(about=place.about, sheet=place.sheet))
    if place.visit is not None and not request.POST.get("version"):
        return _recorded_meanwhile(request, place, place.visit)
    form = VisitSheetForm(about=place.about, sheet=place.sheet, data=request.POST)
    if not form.is_valid():
        return _page(request, place, form, status=NOT_ACCEPTED)
    if request.POST.get("step") == "check":
        return _page(request, place, form, is_checked=True)
    try:
        saved = _save(request, place, form)
    except (acts.AlreadyRecorded, acts.ChangedMeanwhile) as refusal:
        return _conflict_page(request, place, form, refusal.visit)
    except AlreadySuperseded:
        return _conflict_page(request, place, form, place.visit)
    return redirect(_address_of(saved, "investigator:visit_saved"))


def visit_saved(request: HttpRequest, public_id: UUID, code: str) -> HttpResponse:
    """What was stored, what comes next, what the rules say of it."""
    place = _place(request, public_id, code)
    if place.visit is None:
        raise Http404
    found = after_saving(visit=place.visit, today=place.today, at=now())
    context = {
        "patient": place.patient,
        "visit": place.visit,
        "course": place.course,
        "window": place.sheet.window,
        "found": found,
        "alert_lines": alert_lines(found.alerts),
        "address": _address_of(place.visit, "investigator:visit"),
    }
    return render(request, "investigator/visit_saved.html", context)


def _place(request: HttpRequest, public_id: UUID, code: str) -> Place:
    """Gate: the patient, then the course and code; 404 for a visit that neither is planned nor recorded."""
    patient = get_patient(request, public_id, verb="enter_record")
    on_site = today(time_zone=patient.site.time_zone)
    course = course_for(patient=patient, day_zero=_date_of(request, "day_zero"), today=on_site)
    if course is None:
        raise Http404
    on = _date_of(request, "on")
    recorded = recorded_visit(course=course, code=code)
    if code == UNSCHEDULED and on is not None:
        recorded = unscheduled_visit(course=course, on=on)
    sheet = visit_sheet(patient=patient, course=course, code=code, visit=recorded, today=on_site)
    if recorded is None and sheet.window is None and code != UNSCHEDULED:
        raise Http404
    return Place(patient, course, code, recorded, sheet, on_site)


def _date_of(request: HttpRequest, name: str) -> date | None:
    text = request.GET.get(name, "")
    try:
        return parse_date(text) if text else None
    except NotADate as refusal:
        raise Http404 from refusal


def _save(request: HttpRequest, place: Place, form: VisitSheetForm) -> Visit:
    common: dict[str, Any] = {
        "entry": form.visit.entry(),
        "results": form.new_results(),
        "supports": form.new_supports(),
        "not_done": form.not_done(),
        "parts": form.parts(),
        "by": get_user(request),
        "at": now(),
        "today": place.today,
    }
    sent = form.visit.cleaned_data
    if place.visit is None or form.reason is None:
        return acts.record_visit(
            patient=place.patient,
            course=place.course,
            code=place.code,
            submission=sent["submission"],
            **common,
        )
    return acts.change_visit(
        visit=place.visit,
        version=sent["version"] or 0,
        changed_results=form.changed_results(),
        removed_supports=form.removed_supports(),
        reason=form.reason.cleaned_data["reason"],
        **common,
    )


def _recorded_meanwhile(request: HttpRequest, place: Place, theirs: Visit) -> HttpResponse:
    """A form for a new visit, sent when it was recorded: the same twice is once, else both are shown."""
    fresh = replace(place.sheet, visit=None, results=(), supports=(), not_done=())
    form = VisitSheetForm(about=place.about, sheet=fresh, data=request.POST)
    is_same = form.is_valid() and not conflict_between(form=form, sheet=place.sheet).differences
    if is_same and str(theirs.submission) == request.POST.get("submission"):
        return redirect(_address_of(theirs, "investigator:visit_saved"))
    return _conflict_page(request, place, form, theirs)


def _conflict_page(
    request: HttpRequest, place: Place, form: VisitSheetForm, theirs: Visit | None
) -> HttpResponse:
    """Show both: what was typed stays in the form, what is recorded stands beside it."""
    if theirs is None:
        raise Http404
    sheet = visit_sheet(
        patient=place.patient, course=place.course, code=place.code, visit=theirs, today=place.today
    )
    now_there = Place(place.patient, place.course, place.code, theirs, sheet, place.today)
    data = _against(request.POST, sheet)
    again = VisitSheetForm(about=now_there.about, sheet=sheet, data=data)
    again.is_valid()
    return _page(
        request, now_there, again, status=CONFLICT, conflict=conflict_between(form=form, sheet=sheet)
    )


def _against(typed: QueryDict, sheet: VisitSheet) -> QueryDict:
    """What was typed, now as a change of what is recorded."""
    data = typed.copy()
    if sheet.visit is not None:
        data["version"] = str(sheet.visit.version)
    for result in sheet.results:
        data[f"lab-{result.analyte}-result"] = str(result.pk)
    return data


def _page(
    request: HttpRequest,
    place: Place,
    form: VisitSheetForm,
    *,
    status: int = 200,
    is_checked: bool = False,
    conflict: Conflict | None = None,
) -> HttpResponse:
    context = {
        "patient": place.patient,
        "course": place.course,
        "code": place.code,
        "visit": place.visit,
        "window": place.sheet.window,
        "today": place.today,
        "form": form,
        "problems": form.problems if status != CONFLICT and form.visit.is_bound else [],
        "is_checked": is_checked,
        "conflict": conflict,
    }
    return render(request, "investigator/visit.html", context, status=status)


def _address_of(visit: Visit, name: str) -> str:
    address = reverse(name, args=[visit.patient.public_id, visit.code])
    asked = {"day_zero": visit.course.day_zero.isoformat()}
    if visit.code == UNSCHEDULED and visit.visited_on is not None:
        asked["on"] = visit.visited_on.isoformat()
    return f"{address}?{urlencode(asked)}"
