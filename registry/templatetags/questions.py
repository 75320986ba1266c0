"""Marks beside the fields of a record: a question that waits, and the way to ask one.

The page's `question_threads` (web/questions/threads.py) is asked once for all fields.
"""

from datetime import date
from typing import Any
from urllib.parse import quote

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registry.clinical.facts import Fact, parse_fact
from registry.clinical.visit_windows import UNSCHEDULED
from registry.monitoring.question_lifecycle import ASKER_WORDS, SITE_WORDS, State

register = template.Library()


@register.simple_tag(takes_context=True)
def questions_about(context: Any, key: str) -> SafeString:
    """The question that waits about one fact, as a link to its thread; else, for who may ask, how to ask."""
    threads, patient = context.get("question_threads"), context.get("patient")
    if not threads or not patient:
        return SafeString("")
    found = threads.about(patient=patient, key=key)
    asks = threads.may_ask(patient=patient)
    if found is not None:
        return _mark(found, asks=asks)
    return _way_to_ask(patient, key, parse_fact(key).field_words) if asks else SafeString("")


@register.simple_tag(takes_context=True)
def questions_on_visit(context: Any, code: str, day_zero: date, visit: Any) -> SafeString:
    """Every question that waits about a visit, begun or not, or a field of it; and how to ask."""
    threads, patient = context.get("question_threads"), context.get("patient")
    if not threads or not patient or (code == UNSCHEDULED and visit is None):
        return SafeString("")
    form = _visit(code, day_zero, visit)
    asks = threads.may_ask(patient=patient)
    found = threads.within(patient=patient, form_key=form.key)
    marks = format_html_join(" ", "{}", ((_mark(each, asks=asks, named=True),) for each in found))
    return marks + _way_to_ask(patient, form.key, f"visit {code}") if asks else marks


@register.simple_tag(takes_context=True)
def questions_at_field(context: Any, code: str, day_zero: date, visit: Any, field: str) -> SafeString:
    """The question that waits about one field of a visit, for the form beside that field."""
    if code == UNSCHEDULED and visit is None:
        return SafeString("")
    form = _visit(code, day_zero, visit)
    return questions_about(context, f"{form.key}:{field}")


@register.simple_tag(takes_context=True)
def questions_on_event(context: Any, event_id: str) -> SafeString:
    """Every question that waits about an adverse event or a field of it; and how to ask."""
    threads, patient = context.get("question_threads"), context.get("patient")
    if not threads or not patient:
        return SafeString("")
    form = Fact("event", event_id)
    asks = threads.may_ask(patient=patient)
    found = threads.within(patient=patient, form_key=form.key)
    marks = format_html_join(" ", "{}", ((_mark(each, asks=asks, named=True),) for each in found))
    return marks + _way_to_ask(patient, form.key, "this event") if asks else marks


@register.simple_tag(takes_context=True)
def questions_on_result(context: Any, result: Any) -> SafeString:
    """The question that waits about a laboratory result; else, for who may ask, how to ask."""
    return questions_about(context, f"result:{result.pk}")


@register.simple_tag(takes_context=True)
def questions_of_patient(context: Any) -> list[tuple[str, SafeString]]:
    """Everything that waits about the patient, the oldest first: the fact in words, and its mark."""
    threads, patient = context.get("question_threads"), context.get("patient")
    if not threads or not patient:
        return []
    asks = threads.may_ask(patient=patient)
    return [(parse_fact(each.fact).words, _mark(each, asks=asks)) for each in threads.all(patient=patient)]


@register.simple_tag(takes_context=True)
def open_question(context: Any, kind: str, name: Any) -> SafeString:
    """The question that waits about a fact of one name, such as a result; nothing where none does."""
    threads, patient = context.get("question_threads"), context.get("patient")
    found = threads.about(patient=patient, key=f"{kind}:{name}") if threads and patient else None
    return _mark(found, asks=threads.may_ask(patient=patient)) if found else SafeString("")


@register.simple_tag(takes_context=True)
def ask_address(context: Any, kind: str, name: Any) -> str:
    """The address at which this person asks about a fact of one name; empty for who may not ask."""
    threads, patient = context.get("question_threads"), context.get("patient")
    if not threads or not patient or not threads.may_ask(patient=patient):
        return ""
    return _ask_address(patient, f"{kind}:{name}")


@register.simple_tag
def question_state(state: State, asks: Any) -> str:
    """A state in the words of the side that reads it."""
    return (ASKER_WORDS if asks else SITE_WORDS)[state]


def _visit(code: str, day_zero: date, visit: Any) -> Fact:
    return Fact("visit", code, day_zero, visit.pk if code == UNSCHEDULED else None)


def _mark(question: Any, *, asks: bool, named: bool = False) -> SafeString:
    words = (ASKER_WORDS if asks else SITE_WORDS)[question.state].lower()
    fact = parse_fact(question.fact)
    about = f" ({fact.field_words})" if named and fact.field else ""
    return format_html(
        '<a class="asked asked--{}" href="{}"><span aria-hidden="true">?</span> Question{}: {}</a>',
        question.state,
        reverse("questions:question", args=[question.public_id]),
        about,
        words,
    )


def _way_to_ask(patient: Any, key: str, about: str) -> SafeString:
    return format_html(
        '<a class="ask no-print" href="{}">Ask<span class="visually-hidden"> about {}</span></a>',
        _ask_address(patient, key),
        about or "it",
    )


def _ask_address(patient: Any, key: str) -> str:
    return f"{reverse('questions:ask', args=[patient.public_id])}?fact={quote(key)}"
