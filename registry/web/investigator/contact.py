"""The yearly contact of a planned visit: the form, the attempts that reached nobody, what was stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse

from registry.access.gates import get_patient, get_user
from registry.actions import visits as acts
from registry.actions.annual_contact import record_attempt, record_death
from registry.actions.refused import RecordRefused
from registry.clinical.annual_contact import is_contact
from registry.clinical.partial_dates import NotADate, parse_date
from registry.clinical.visit_windows import UNSCHEDULED, VisitWindow
from registry.clock import now, today
from registry.models import AnnualContact, ContactAttempt, Course, Patient, User, Visit
from registry.queries.annual_contact import attempts_for, contact_of, is_lost_to_be_offered
from registry.queries.consent import is_covered
from registry.queries.patient_file import history_of
from registry.queries.visit_sheet import (
    after_saving,
    course_for,
    day_zeros_from,
    latest_change,
    recorded_visit,
    window_for,
)
from registry.templatetags.words import on as in_words
from registry.web.drafting import Drafting, drafting
from registry.web.investigator.alert_lines import alert_lines
from registry.web.investigator.check_words import on_its_checks
from registry.web.investigator.closed import closed
from registry.web.investigator.contact_forms import AttemptForm, ContactForm

NOT_ACCEPTED = 422
CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Place:
    """Which contact an address names, and what is recorded of it."""

    patient: Patient
    course: Course
    code: str
    window: VisitWindow | None
    visit: Visit | None
    contact: AnnualContact | None
    attempts: tuple[ContactAttempt, ...]
    today: date

    @property
    def key(self) -> str:
        return f"annual:{self.code}@{self.course.day_zero.isoformat()}"

    def form(self, data: QueryDict | None) -> ContactForm:
        return ContactForm(
            data,
            patient=self.patient,
            code=self.code,
            day_zeros=day_zeros_from(course=self.course),
            today=self.today,
            visit=self.visit,
            recorded=self.contact,
        )

    def address(self, name: str) -> str:
        address = reverse(name, args=[self.patient.public_id, self.code])
        return f"{address}?{urlencode({'day_zero': self.course.day_zero.isoformat()})}"


def contact(request: HttpRequest, public_id: UUID, code: str) -> HttpResponse:
    """The form of the contact; sent, the contact is recorded, changed, or the death kept."""
    place = _place(request, public_id, code)
    if place.visit is not None and place.contact is None and request.method != "POST":
        return redirect(place.address("investigator:visit"))
    typing = drafting(
        request, patient=place.patient, key=place.key, version=place.visit.version if place.visit else None
    )
    if request.method != "POST":
        return _page(request, place, place.form(typing.payload), typing)
    if place.visit is not None and (place.contact is None or not request.POST.get("version")):
        return _recorded_meanwhile(request, place, typing)
    form = place.form(request.POST)
    if not form.is_valid():
        return _page(request, place, form, typing, status=NOT_ACCEPTED)
    return _store(request, place, form, typing)


def contact_instead(
    request: HttpRequest,
    *,
    patient: Patient,
    course: Course,
    code: str,
    window: VisitWindow | None,
    visit: Visit | None,
) -> HttpResponse | None:
    """Lead on to the contact form where the visit's own address means it, else None.

    A late visit that may be a contact is offered as one first; `form=full` asks for the visit form. A
    recorded contact is changed where it was entered.
    """
    if (
        request.method == "POST"
        or request.GET.get("form") == "full"
        or window is None
        or not is_contact(window)
    ):
        return None
    if visit is not None and contact_of(visit=visit) is None:
        return None
    address = reverse("investigator:contact", args=[patient.public_id, code])
    return redirect(f"{address}?{urlencode({'day_zero': course.day_zero.isoformat()})}")


def attempt(request: HttpRequest, public_id: UUID, code: str) -> HttpResponse:
    """Keep an attempt that reached nobody; the visit stays due."""
    place = _place(request, public_id, code)
    if request.method != "POST":
        return redirect(place.address("investigator:contact"))
    form = AttemptForm(request.POST, patient=place.patient, course=place.course, today=place.today)
    typing = drafting(request, patient=place.patient, key=place.key)
    if not form.is_valid():
        return _page(request, place, place.form(None), typing, attempt_form=form, status=NOT_ACCEPTED)
    record_attempt(
        patient=place.patient,
        course=place.course,
        code=code,
        entry=form.entry(),
        by=get_user(request),
        at=now(),
        today=place.today,
    )
    messages.success(request, f"The attempt is kept. Visit {code} stays due until the patient is reached.")
    return redirect(place.address("investigator:contact"))


def contact_saved(request: HttpRequest, public_id: UUID, code: str) -> HttpResponse:
    """What was stored, which events were made and can be completed, what comes next."""
    place = _place(request, public_id, code)
    if place.visit is None:
        raise Http404
    if place.contact is None:
        return redirect(place.address("investigator:visit_saved"))
    found = after_saving(visit=place.visit, today=place.today, at=now())
    context = {
        "patient": place.patient,
        "visit": place.visit,
        "course": place.course,
        "window": place.window,
        "contact": place.contact,
        "asked": place.form(None).asked,
        "found": found,
        "alert_lines": alert_lines(found.alerts),
        "address": place.address("investigator:contact"),
    }
    return render(request, "investigator/contact_saved.html", context)


def _place(request: HttpRequest, public_id: UUID, code: str) -> Place:
    """Gate: the patient, the course, a planned visit of this code; 404 for any other."""
    patient = get_patient(request, public_id, verb="enter_record")
    on_site = today(time_zone=patient.site.time_zone)
    course = course_for(patient=patient, day_zero=_day_zero(request), today=on_site)
    if course is None or code == UNSCHEDULED:
        raise Http404
    window = window_for(history=history_of(patient=patient), course=course, code=code, today=on_site)
    visit = recorded_visit(course=course, code=code)
    if window is None and visit is None:
        raise Http404
    return Place(
        patient=patient,
        course=course,
        code=code,
        window=window,
        visit=visit,
        contact=contact_of(visit=visit),
        attempts=attempts_for(course=course, code=code),
        today=on_site,
    )


def _day_zero(request: HttpRequest) -> date | None:
    text = request.GET.get("day_zero", "")
    try:
        return parse_date(text) if text else None
    except NotADate as refusal:
        raise Http404 from refusal


def _store(request: HttpRequest, place: Place, form: ContactForm, typing: Drafting) -> HttpResponse:
    by, at = get_user(request), now()
    if form.says_dead:
        return _store_death(request, place, form, typing)
    try:
        if place.visit is None:
            acts.record_visit(
                patient=place.patient,
                course=place.course,
                code=place.code,
                entry=form.entry(),
                parts=[form.part()],
                submission=form.cleaned_data["submission"],
                by=by,
                at=at,
                today=place.today,
            )
        else:
            acts.change_visit(
                visit=place.visit,
                version=form.cleaned_data["version"] or 0,
                entry=form.entry(),
                parts=[form.part()],
                not_done=(),
                reason=form.cleaned_data["reason"],
                by=by,
                at=at,
                today=place.today,
            )
    except (acts.AlreadyRecorded, acts.ChangedMeanwhile):
        return _recorded_meanwhile(request, _place(request, place.patient.public_id, place.code), typing)
    typing.used(by=by, at=at)
    return redirect(place.address("investigator:contact_saved"))


def _store_death(request: HttpRequest, place: Place, form: ContactForm, typing: Drafting) -> HttpResponse:
    by, at, found = get_user(request), now(), form.cleaned_data
    try:
        record_death(
            patient=place.patient,
            course=place.course,
            code=place.code,
            way=found["contact_mode"],
            learned_on=found["visited_on"],
            died_on=found["died_on"],
            cause_of_death=found["cause_of_death"],
            by=by,
            at=at,
            today=place.today,
        )
    except RecordRefused as refusal:
        renamed = {"follow_up_ended_on": "died_on", "attempted_on": "visited_on", "way": "contact_mode"}
        form.add_problems(refusal.problems, renamed=renamed)
        return _page(request, place, form, typing, status=NOT_ACCEPTED)
    typing.used(by=by, at=at)
    checks = on_its_checks(patient=place.patient, at=at)
    messages.success(
        request,
        f"Follow-up ended by death on {in_words(found['died_on'])}. No further visit is owed. {checks}",
    )
    return redirect("investigator:patient", place.patient.public_id)


def _recorded_meanwhile(request: HttpRequest, place: Place, typing: Drafting) -> HttpResponse:
    """Somebody recorded or changed the contact first: the same form twice is once, else both are shown."""
    if place.visit is None:
        raise Http404
    if str(place.visit.submission) == request.POST.get("submission"):
        return redirect(place.address("investigator:contact_saved"))
    who, at = latest_change(visit=place.visit)
    data = request.POST.copy()
    data["version"] = str(place.visit.version)
    theirs = _Theirs(who=who, at=at, visit=place.visit, asked=place.form(None).asked if place.contact else [])
    form = place.form(data)
    form.is_valid()
    return _page(request, place, form, typing, theirs=theirs, status=CONFLICT)


@dataclass(frozen=True, slots=True)
class _Theirs:
    """What somebody else recorded while this form was open."""

    who: User | None
    at: object
    visit: Visit
    asked: Sequence[object]


def _page(
    request: HttpRequest,
    place: Place,
    form: ContactForm,
    typing: Drafting,
    *,
    attempt_form: AttemptForm | None = None,
    theirs: _Theirs | None = None,
    status: int = 200,
) -> HttpResponse:
    shown = attempt_form or AttemptForm(patient=place.patient, course=place.course, today=place.today)
    problems: list[tuple[str, str]] = []
    if status == NOT_ACCEPTED:
        problems = shown.summary() if attempt_form is not None else form.summary()
    context = {
        "patient": place.patient,
        "course": place.course,
        "code": place.code,
        "window": place.window,
        "visit": place.visit,
        "attempts": place.attempts,
        "offers_lost": is_lost_to_be_offered(place.attempts),
        "may_be_called": is_covered(patient=place.patient, scope="remote_contact", today=place.today),
        "today": place.today,
        "form": form,
        "attempt_form": shown,
        "problems": problems,
        "theirs": theirs,
        "draft": typing,
        "closed": closed(request, patient=place.patient, visit=place.visit),
        "full_address": f"{place.address('investigator:visit')}&form=full",
        "attempt_address": place.address("investigator:contact_attempt"),
    }
    return render(request, "investigator/contact.html", context, status=status)
