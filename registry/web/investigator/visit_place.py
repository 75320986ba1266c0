"""Which visit an address names, its gate, and the day in words."""

from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest
from django.urls import reverse

from registry.access.gates import get_patient
from registry.clinical.partial_dates import NotADate, parse_date
from registry.clinical.visit_windows import UNSCHEDULED, VisitWindow
from registry.clock import today
from registry.models import Course, Patient, Visit
from registry.queries.visit_sheet import (
    VisitSheet,
    course_with_later,
    recorded_visit,
    unscheduled_visit,
    visit_sheet,
)
from registry.templatetags.words import day_words, on, span
from registry.web.investigator.row_forms import About


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
            day_zeros=self.sheet.day_zeros,
            code=self.code,
            today=self.today,
        )

    @property
    def draft_key(self) -> str:
        """`visit:M6@2024-03-01`; of a recorded unscheduled visit with its own day, since there are many."""
        key = f"visit:{self.code}@{self.course.day_zero.isoformat()}"
        if self.code == UNSCHEDULED and self.visit is not None:
            key += f":{self.visit.visited_on}"
        return key

    def in_words(self, visited_on: date) -> str:
        """`30 Aug 2024 is day 182, inside the window 2 Aug – 1 Oct 2024`."""
        words = f"{on(visited_on)} is {day_words(visited_on, self.course.day_zero)}"
        if visited_on > self.today:
            return f"{words}, which is in the future"
        return words + _window_words(visited_on, self.sheet.window)


def _window_words(visited_on: date, window: VisitWindow | None) -> str:
    if window is None:
        return ""
    named = f"the window {span(window.opens_on, window.closes_on)}"
    if visited_on < window.opens_on:
        return f", {_days((window.opens_on - visited_on).days)} before {named}"
    if visited_on > window.closes_on:
        return f", {_days((visited_on - window.closes_on).days)} after {named}"
    return f", inside {named}"


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def place_of(request: HttpRequest, public_id: UUID, code: str) -> Place:
    """Gate: the patient, then the course and code; 404 for a visit that neither is planned nor recorded."""
    patient = get_patient(request, public_id, verb="enter_record")
    on_site = today(time_zone=patient.site.time_zone)
    found = course_with_later(patient=patient, day_zero=_date_of(request, "day_zero"), today=on_site)
    if found is None:
        raise Http404
    course, day_zeros = found
    visited_on = _date_of(request, "on")
    recorded = recorded_visit(course=course, code=code)
    if code == UNSCHEDULED and visited_on is not None:
        recorded = unscheduled_visit(course=course, on=visited_on)
    sheet = visit_sheet(
        patient=patient, course=course, day_zeros=day_zeros, code=code, visit=recorded, today=on_site
    )
    if recorded is None and sheet.window is None and code != UNSCHEDULED:
        raise Http404
    return Place(patient, course, code, recorded, sheet, on_site)


def as_now(place: Place, theirs: Visit) -> Place:
    """The same place as it stands since somebody else saved `theirs`."""
    sheet = visit_sheet(
        patient=place.patient,
        course=place.course,
        day_zeros=place.sheet.day_zeros,
        code=place.code,
        visit=theirs,
        today=place.today,
    )
    return Place(place.patient, place.course, place.code, theirs, sheet, place.today)


def _date_of(request: HttpRequest, name: str) -> date | None:
    text = request.GET.get(name, "")
    try:
        return parse_date(text) if text else None
    except NotADate as refusal:
        raise Http404 from refusal


def address_of(visit: Visit, name: str) -> str:
    """The address of a page of this recorded visit."""
    address = reverse(name, args=[visit.patient.public_id, visit.code])
    asked = {"day_zero": visit.course.day_zero.isoformat()}
    if visit.code == UNSCHEDULED and visit.visited_on is not None:
        asked["on"] = visit.visited_on.isoformat()
    return f"{address}?{urlencode(asked)}"
