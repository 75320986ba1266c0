"""Drafts: kept while somebody types, listed, discarded. What they are stands in registry/web/drafting.py."""

from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from registry.access.gates import enter, get_patient, get_user
from registry.actions import drafts as acts
from registry.actions.drafts import DraftEnded, DraftTooLong, TypedElsewhere, keep_draft
from registry.clock import now
from registry.queries.drafts import draft_of, drafts_of, words_of_key
from registry.web.drafting import NoDraft, time_words, typing_of

_TOO_LONG, _ELSEWHERE, _ENDED, _UNREADABLE = 413, 409, 410, 400


@require_POST
def drafts(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What a page sends every few seconds; the answer is the status line, in the site's time."""
    patient = get_patient(request, public_id)
    try:
        typing = typing_of(request.POST, patient=patient)
        kept = keep_draft(patient=patient, typing=typing, by=get_user(request), at=now())
    except NoDraft:
        return JsonResponse({"words": "Not saved as draft."}, status=_UNREADABLE)
    except DraftTooLong as refusal:
        return JsonResponse({"words": f"Not saved as draft. {refusal.for_people}"}, status=_TOO_LONG)
    except DraftEnded:
        return JsonResponse({"words": ""}, status=_ENDED)
    except TypedElsewhere as refusal:
        when = time_words(refusal.draft.saved_at, patient=patient)
        words = f"Not saved as draft: this form was typed in another window at {when}. Go on in one of them."
        return JsonResponse({"words": words}, status=_ELSEWHERE)
    local = kept.saved_at.astimezone(ZoneInfo(patient.site.time_zone))
    return JsonResponse({"words": f"Saved as draft {local:%H:%M:%S}", "seen": kept.saved_at.isoformat()})


def discard_draft(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Ask once, then discard; back to the form as the record has it."""
    patient = get_patient(request, public_id)
    key = request.GET.get("key", "")[:120].replace("\x00", "")
    draft = draft_of(user=get_user(request), patient=patient, key=key)
    if draft is None:
        raise Http404
    if request.method == "POST":
        acts.discard_draft(patient=patient, key=key, by=get_user(request))
        return redirect(draft.page)
    context = {
        "patient": patient,
        "draft": draft,
        "form_words": words_of_key(key),
        "when": time_words(draft.saved_at, patient=patient),
    }
    return render(request, "investigator/discard_draft.html", context)


def own_drafts(request: HttpRequest) -> HttpResponse:
    """Everything the person began and did not save, the latest first; sent, that the notes were read."""
    user = enter(request, "see_patients")
    if request.method == "POST":
        acts.read_notes(by=user)
        return redirect("investigator:own_drafts")
    own = drafts_of(user=user, at=now())
    return render(request, "investigator/drafts.html", {"lines": own.lines, "let_go": own.let_go})
