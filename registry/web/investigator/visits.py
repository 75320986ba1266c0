"""One visit: enter it, look it over, change it with a reason. Whatever is typed comes back."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render

from registry.access.gates import get_user
from registry.actions import visits as acts
from registry.actions.drafts import DraftEnded, DraftTooLong, keep_draft
from registry.actions.foresight import foresee
from registry.actions.laboratory import AlreadySuperseded
from registry.clinical.visit_names import visit_words
from registry.clock import now
from registry.models import Visit
from registry.queries.visit_state import visit_state
from registry.web.drafting import Drafting, drafting, typing_of
from registry.web.investigator.alert_lines import alert_lines
from registry.web.investigator.closed import closed_by
from registry.web.investigator.conflict import Conflict, base_of, carry_out_choices, conflict_between
from registry.web.investigator.contact import contact_instead
from registry.web.investigator.lab_grid import is_grid_step, learn_from_report
from registry.web.investigator.ongoing_section import event_form_after, names_new_event
from registry.web.investigator.visit_forms import VisitSheetForm
from registry.web.investigator.visit_overview import answers_of, contents_of, left_open_by, typed_day
from registry.web.investigator.visit_place import Place, address_of, as_now, place_of

NOT_ACCEPTED = 422
CONFLICT = 409


def visit(request: HttpRequest, public_id: UUID, code: str) -> HttpResponse:
    """The form of a visit; sent, it is checked, looked over, kept as a draft, recorded or changed."""
    place = place_of(request, public_id, code)
    elsewhere = contact_instead(
        request,
        patient=place.patient,
        course=place.course,
        code=code,
        window=place.sheet.window,
        visit=place.visit,
    )
    if elsewhere is not None:
        return elsewhere
    typing = drafting(
        request,
        patient=place.patient,
        key=place.draft_key,
        version=place.visit.version if place.visit else None,
    )
    if request.method != "POST":
        return _opened(request, place, typing)
    if request.POST.get("step") == "draft":
        return _kept(request, place)
    data = _as_meant(request.POST)
    if place.visit is not None and data.get("version") != str(place.visit.version):
        return _settled(request, place, typing, data)
    chosen = carry_out_choices(typed=data, sheet=place.sheet)
    if not chosen.is_complete:
        return _settled(request, place, typing, data, unanswered=True)
    return _sent(request, place, typing, chosen.data, chosen.as_recorded)


def day(request: HttpRequest, public_id: UUID, code: str) -> HttpResponse:
    """The line under the date while it is typed: its study day, and whether the window takes it."""
    place = place_of(request, public_id, code)
    words, is_wrong = typed_day(place=place, data=request.GET)
    return JsonResponse({"words": words, "wrong": is_wrong})


def _as_meant(sent: QueryDict) -> QueryDict:
    """The button *Record as not done* says itself that the visit did not take place."""
    data = sent.copy()
    if data.get("step") == "missed":
        data["status"] = "missed"
        if not data.get("missed_why") and not data.get("missed_reason", "").strip():
            data["missed_why"] = ""
    data.pop("draft-key", None)
    return data


def _opened(request: HttpRequest, place: Place, typing: Drafting) -> HttpResponse:
    """The form as it was left: from the draft where there is one, beside the record if that has changed."""
    typed = typing.payload
    if typed is not None and place.visit is not None and (typing.is_stale or typed.get("conflicts")):
        return _settled(request, place, typing, typed, status=200)
    form = VisitSheetForm(about=place.about, sheet=place.sheet, data=typed, base=base_of(place.sheet))
    if typed is not None:
        form.unjudged()
    return _page(request, place, typing, form, data=typed)


def _kept(request: HttpRequest, place: Place) -> HttpResponse:
    """Without script the only way to keep a draft; with it, the last few seconds of one."""
    try:
        typing = typing_of(request.POST, patient=place.patient)
        keep_draft(patient=place.patient, typing=typing, is_all_there_is=True, by=get_user(request), at=now())
    except DraftTooLong as refusal:
        messages.warning(request, refusal.for_people)
    except DraftEnded:
        messages.info(request, "This form was saved already. Nothing is left to keep.")
    else:
        messages.success(
            request, f"{visit_words(place.code)} is kept as your draft. It is not part of the record."
        )
    return redirect("investigator:patient", place.patient.public_id)


def _sent(
    request: HttpRequest, place: Place, typing: Drafting, data: QueryDict, as_recorded: frozenset[str]
) -> HttpResponse:
    """Judge what was sent and do what the pressed button says."""
    form = VisitSheetForm(about=place.about, sheet=place.sheet, data=data, as_recorded=as_recorded)
    step = data.get("step", "")
    if is_grid_step(step):
        form.unjudged()
        learn_from_report(grid=form.labs, by=get_user(request), at=now())
        form.labs.look(data=data)
        return _page(request, place, typing, form, data=data)
    if step == "edit":
        form.unjudged()
        return _page(request, place, typing, form, data=data)
    if not form.is_valid():
        return _page(request, place, typing, form, data=data, status=NOT_ACCEPTED)
    if step == "check":
        return _page(request, place, typing, form, data=data, is_checked=True)
    at = now()
    try:
        if step == "review":
            return _review(request, place, typing, form, data)
        saved = _save(request, place, form)
    except (acts.AlreadyRecorded, acts.ChangedMeanwhile) as refusal:
        return _settled(request, as_now(place, refusal.visit), typing, data)
    except AlreadySuperseded:
        return _settled(request, place, typing, data)
    typing.used(by=get_user(request), at=at)
    if names_new_event(form.sections):
        messages.success(request, f"{visit_words(place.code)} is saved. Report the new event below.")
        return redirect(event_form_after(saved))
    return redirect(address_of(saved, "investigator:visit_saved"))


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


def _settled(
    request: HttpRequest,
    place: Place,
    typing: Drafting,
    data: QueryDict,
    *,
    status: int = CONFLICT,
    unanswered: bool = False,
) -> HttpResponse:
    """Somebody saved this visit meanwhile: the same once more is done, else both stand side by side."""
    assert place.visit is not None  # noqa: S101 - somebody recorded it
    judged = VisitSheetForm(about=place.about, sheet=place.sheet, data=data)
    if not data.get("version"):
        judged.reason = None  # typed for a new visit: nobody asked why
    is_valid = judged.is_valid()
    found = replace(conflict_between(form=judged, typed=data, sheet=place.sheet), unanswered=unanswered)
    is_repeated = str(place.visit.submission) == data.get("submission") and found.says_the_same and is_valid
    if typing.was_stored(by=get_user(request)) or is_repeated:
        return redirect(address_of(place.visit, "investigator:visit_saved"))
    again = VisitSheetForm(
        about=place.about, sheet=place.sheet, data=found.data, as_recorded=found.as_recorded
    )
    again.unjudged()
    now_typing = replace(typing, version=place.visit.version, is_settled=True)
    return _page(request, place, now_typing, again, data=found.data, status=status, conflict=found)


def _review(
    request: HttpRequest, place: Place, typing: Drafting, form: VisitSheetForm, data: QueryDict
) -> HttpResponse:
    """Everything once more before it is stored: the answers, what is open, and what it will raise."""
    found = foresee(patient=place.patient, save=lambda: _save(request, place, form), at=now())
    context = {
        **_around(request, place, typing),
        "answers": answers_of(place=place, form=form),
        "left_open": left_open_by(place=place, form=form),
        "found": found,
        "raised": alert_lines(found.raised),
        "changed": alert_lines(found.changed),
        "settled": alert_lines(found.settled),
        "sent": [
            (name, value)
            for name, values in data.lists()
            if name not in ("csrfmiddlewaretoken", "step") and not name.startswith("draft-")
            for value in values
            if value
        ],
    }
    return render(request, "investigator/visit_review.html", context)


def _page(
    request: HttpRequest,
    place: Place,
    typing: Drafting,
    form: VisitSheetForm,
    *,
    data: QueryDict | None,
    status: int = 200,
    is_checked: bool = False,
    conflict: Conflict | None = None,
) -> HttpResponse:
    problems = form.problems if status == NOT_ACCEPTED else []
    words, is_wrong = typed_day(place=place, data=data)
    context = {
        **_around(request, place, typing),
        "form": form,
        "problems": problems,
        "contents": contents_of(form=form, data=data, problems=problems),
        "day_words": words,
        "day_is_wrong": is_wrong,
        "is_checked": is_checked,
        "conflict": conflict,
    }
    return render(request, "investigator/visit.html", context, status=status)


def _around(request: HttpRequest, place: Place, typing: Drafting) -> dict[str, Any]:
    state = visit_state(patient=place.patient, visit=place.visit)
    return {
        "patient": place.patient,
        "course": place.course,
        "code": place.code,
        "visit": place.visit,
        "window": place.sheet.window,
        "today": place.today,
        "draft": typing,
        "state": state,
        "closed": closed_by(request, lines=state.lock_lines),
    }
