"""Boxes of long forms, written by hand: an include for each of a hundred boxes costs more than the page.

Every value is escaped by `format_html`. `typed` is a field with `id`, `name`, `label`, `value` and `errors`.
"""

from collections.abc import Sequence
from typing import Any

from django import template
from django.template.defaultfilters import capfirst
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from registry.templatetags.words import plain

register = template.Library()

_WRONG = mark_safe(" field--wrong")
_NOTHING = mark_safe("")


@register.simple_tag
def typed_box(typed: Any, label: str, css: str = "input--short", mode: str = "") -> SafeString:
    """One text box with its label above and its errors between."""
    return format_html(
        '<div class="field{}"><label for="{}">{}</label>{}<input class="{}" id="{}" name="{}" value="{}"'
        ' autocomplete="off"{}{}></div>',
        _WRONG if typed.errors else _NOTHING,
        typed.id,
        label,
        _errors(typed),
        css,
        typed.id,
        typed.name,
        typed.value,
        format_html(' inputmode="{}"', mode) if mode else _NOTHING,
        _described(typed),
    )


@register.simple_tag
def typed_step(typed: Any, options: Sequence[tuple[str, str]] | None) -> SafeString:
    """One part of a score: a choice of its steps, or a digit."""
    wrong = _WRONG if typed.errors else _NOTHING
    if options:
        chosen = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            (
                (key, mark_safe(" selected") if typed.value == key else _NOTHING, capfirst(words))
                for key, words in options
            ),
        )
        return format_html(
            '<div class="item{}"><label for="{}">{}</label>{}<select id="{}" name="{}" data-step>'
            '<option value="">Choose …</option>{}</select></div>',
            wrong,
            typed.id,
            typed.label,
            _errors(typed),
            typed.id,
            typed.name,
            chosen,
        )
    return format_html(
        '<div class="item item--step{}"><label for="{}">{}</label><input class="input--digit" id="{}"'
        ' name="{}" value="{}" inputmode="numeric" autocomplete="off" data-step{}>{}</div>',
        wrong,
        typed.id,
        typed.label,
        typed.id,
        typed.name,
        typed.value,
        _described(typed),
        _errors(typed),
    )


@register.simple_tag
def score_tick(row: Any, name: str) -> SafeString:
    """One item of a score that is present or not, with its points and what it means."""
    item = row.item
    points = plain(item.points)
    return format_html(
        '<label class="choice item"><input type="checkbox" name="{}" value="{}" data-points="{}"{}{}>'
        "<span>{} <small>{} {}{}</small></span></label>",
        name,
        item.key,
        points,
        mark_safe(" data-serological") if item.is_serological else _NOTHING,
        mark_safe(" checked") if row.is_ticked else _NOTHING,
        item.name,
        points,
        "point" if item.points == 1 else "points",
        f"; {item.meaning}" if item.meaning else "",
    )


def _errors(typed: Any) -> SafeString:
    if not typed.errors:
        return _NOTHING
    words = format_html_join(
        "",
        '<p class="wrong"><span class="visually-hidden">Error: </span>{}</p>',
        ((error,) for error in typed.errors),
    )
    return format_html('<div id="{}_error">{}</div>', typed.id, words)


def _described(typed: Any) -> SafeString:
    if not typed.errors:
        return _NOTHING
    return format_html(' aria-invalid="true" aria-describedby="{}_error"', typed.id)
