"""The lists of questions, one thread, and what either side does with it."""

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from registry.access.gates import enter_any, get_question, get_user
from registry.access.roles import may
from registry.access.scope import rows_of_any
from registry.actions import questions as acts
from registry.actions.questions import NotYourQuestion, QuestionMoveNotAllowed
from registry.actions.refused import RecordRefused
from registry.clock import now
from registry.models import Question
from registry.monitoring.question_lifecycle import ASKER_WORDS, PENDING, SITE_WORDS, moves_from
from registry.queries import questions as asked
from registry.web.questions.addresses import answered_at
from registry.web.questions.forms import CloseForm, FilterForm, WordsForm

NOT_ACCEPTED = 422
CONFLICT = 409
_ANSWER_HINT = "What the source says, or what you changed. No names, no initials, no dates of birth."
_SITE_TABS = {"open": SITE_WORDS["open"], "answered": SITE_WORDS["answered"], "closed": SITE_WORDS["closed"]}
_ASKER_TABS = {
    "pending": "All that wait",
    "answered": ASKER_WORDS["answered"],
    "open": ASKER_WORDS["open"],
    "closed": ASKER_WORDS["closed"],
}


@require_safe
def questions(request: HttpRequest) -> HttpResponse:
    """What waits: for a site its questions to answer, for who asks those of the study; the oldest first."""
    user = enter_any(request, "answer_questions", "ask_questions")
    asks = may(user, "ask_questions")
    rows, at = rows_of_any(user, "answer_questions", "ask_questions"), now()
    tabs = _ASKER_TABS if asks else _SITE_TABS
    sites = [(site.code, f"{site.code} {site.name}") for site in asked.sites_in(rows=rows)]
    form = FilterForm(sent=request.GET, sites=sites, state=next(iter(tabs)))
    filters = form.filters()
    counts = asked.counts(rows=rows, filters=filters, at=at)
    page, lines = asked.page_of_questions(
        rows=rows, filters=filters, page_number=request.GET.get("page", 1), at=at
    )
    context = {
        "asks": asks,
        "form": form,
        "tabs": [
            {
                "words": words,
                "count": getattr(counts, key),
                "address": _address(request, state=key),
                "is_here": filters.state == key,
            }
            for key, words in tabs.items()
        ],
        "heading": tabs.get(filters.state, "All that wait"),
        "page": page,
        "lines": lines,
        "counts": counts,
        "is_narrowed": filters != asked.Filters(state=filters.state),
        "asked": _address(request).replace("?", "&", 1),
        "ages": asked.ages(rows=rows, filters=filters, at=at) if asks else (),
        "yields": asked.yield_lines(rows=rows) if asks else (),
    }
    return render(request, "questions/list.html", context)


@require_safe
def question(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One thread: what stands in the record now, what was said, and what this person can do."""
    return _page(request, get_question(request, public_id))


def _sent_by_form(act: Callable[[HttpRequest, UUID], HttpResponse]) -> Callable[..., HttpResponse]:
    """Acts on POST alone; who comes to the address otherwise is led to the question."""

    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(act)
    def view(request: HttpRequest, public_id: UUID) -> HttpResponse:
        if request.method != "POST":
            return redirect("questions:question", public_id)
        return act(request, public_id)

    return view


@_sent_by_form
def answer(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The site's answer."""
    found = get_question(request, public_id, verb="answer_questions")
    form = _answer_form(request.POST)
    if not form.is_valid():
        return _page(request, found, status=NOT_ACCEPTED, sent_as="answer", sent=form)
    return _done(
        request, found, acts.answer, "Your answer is with whoever asked.", sent_as="answer", sent=form
    )


@_sent_by_form
def not_enough(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Send an answer back with what is still missing."""
    found = get_question(request, public_id, verb="ask_questions")
    form = _not_enough_form(request.POST)
    if not form.is_valid():
        return _page(request, found, status=NOT_ACCEPTED, sent_as="not_enough", sent=form)
    return _done(
        request,
        found,
        acts.say_not_enough,
        "The question is with the site again.",
        sent_as="not_enough",
        sent=form,
    )


@_sent_by_form
def close(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Close it, saying what came of it."""
    found = get_question(request, public_id, verb="ask_questions")
    form = CloseForm(request.POST, auto_id="close_%s")
    if not form.is_valid():
        return _page(request, found, status=NOT_ACCEPTED, sent_as="closing", sent=form)
    said = "The question is closed."
    return _done(request, found, acts.close, said, sent_as="closing", sent=form)


@_sent_by_form
def take_back(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take back one's own question that nobody has answered."""
    found = get_question(request, public_id, verb="ask_questions")
    try:
        acts.cancel(question=found, by=get_user(request), at=now())
    except (NotYourQuestion, QuestionMoveNotAllowed) as refusal:
        messages.warning(request, refusal.for_people)
    else:
        messages.success(request, "The question is taken back.")
    return redirect("questions:question", public_id)


def _answer_form(data: QueryDict | None = None) -> WordsForm:
    return WordsForm(data, label="Your answer", hint=_ANSWER_HINT, auto_id="answer_%s")


def _not_enough_form(data: QueryDict | None = None) -> WordsForm:
    return WordsForm(data, label="What is still missing?", auto_id="more_%s")


def _done(
    request: HttpRequest,
    found: Question,
    act: Callable[..., Question],
    said: str,
    *,
    sent_as: str,
    sent: WordsForm | CloseForm,
) -> HttpResponse:
    words = sent.found if isinstance(sent, CloseForm) else {"text": sent.cleaned_data["text"]}
    try:
        act(question=found, **words, by=get_user(request), at=now())
    except QuestionMoveNotAllowed as refusal:
        # The page as it is now, with what the person wrote: nothing typed is lost by coming second.
        messages.warning(request, refusal.for_people)
        return _page(
            request, get_question(request, found.public_id), status=CONFLICT, sent_as=sent_as, sent=sent
        )
    except RecordRefused as refusal:
        sent.add_problems(refusal.problems, renamed={"text": "note"} if isinstance(sent, CloseForm) else None)
        return _page(request, found, status=NOT_ACCEPTED, sent_as=sent_as, sent=sent)
    messages.success(request, said)
    return redirect("questions:question", found.public_id)


def _page(
    request: HttpRequest,
    found: Question,
    *,
    status: int = 200,
    sent_as: str = "",
    sent: WordsForm | CloseForm | None = None,
) -> HttpResponse:
    user, at = get_user(request), now()
    line = asked.line_of(question=found, at=at)
    messages_of_thread = asked.thread(question=found)
    asks = may(user, "ask_questions", patient=found.patient)
    answers = may(user, "answer_questions", patient=found.patient)
    when_asked = next((m.value for m in reversed(messages_of_thread) if m.kind.startswith("asked")), "")
    is_changed = bool(when_asked) and when_asked != line.fact.value
    shown: dict[str, WordsForm | CloseForm] = {
        "answer": _answer_form(),
        "not_enough": _not_enough_form(),
        "closing": CloseForm(initial={"closing": "data_changed" if is_changed else ""}, auto_id="close_%s"),
    }
    if sent is not None:
        shown[sent_as] = sent
    context = {
        "question": found,
        "line": line,
        "patient": found.patient,
        "thread": messages_of_thread,
        "asks": asks,
        "answers": answers,
        "when_asked": when_asked if is_changed else "",
        "where": answered_at(shown=line.fact, patient=found.patient),
        "next_states": moves_from(found.state, by="asker") if asks else (),
        "is_mine": found.asked_by_id == user.pk,
        "may_answer": answers and found.state in PENDING,
        **shown,
        "not_recorded": _words_of(sent) if sent is not None and status == CONFLICT else "",
        "problems": sent.summary() if sent is not None and status == NOT_ACCEPTED else [],
    }
    return render(request, "questions/question.html", context, status=status)


def _words_of(sent: WordsForm | CloseForm) -> str:
    return str(sent.cleaned_data["note" if isinstance(sent, CloseForm) else "text"])


def _address(request: HttpRequest, **changed: str) -> str:
    """The filters of this address as the query of another one; the page number is not a filter."""
    wanted = request.GET.copy()
    wanted.pop("page", None)
    for name, value in changed.items():
        wanted[name] = value
    for name in [name for name, value in wanted.items() if not value]:
        del wanted[name]
    return f"?{wanted.urlencode()}" if wanted else ""
