"""Boxes of long forms, written by hand: an include for each of a hundred boxes costs more than the page.

Every value is escaped by `filled`. `typed` is a field with `id`, `name`, `label`, `value` and `errors`.
"""

from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from registry.templatetags.markup import NOTHING, filled, joined

register = template.Library()

_WRONG = mark_safe(" field--wrong")


@register.simple_tag
def typed_box(typed: Any, label: str, css: str = "input--short", mode: str = "") -> SafeString:
    """One text box with its label above and its errors between.

    The blank placeholder lets the stylesheet tell an empty box: it hides none in which somebody typed.
    """
    return filled(
        '<div class="field{}"><label for="{}">{}</label>{}<input class="{}" id="{}" name="{}" value="{}"'
        ' placeholder=" " autocomplete="off"{}{}></div>',
        _WRONG if typed.errors else NOTHING,
        typed.id,
        label,
        errors_of(typed),
        css,
        typed.id,
        typed.name,
        typed.value,
        filled(' inputmode="{}"', mode) if mode else NOTHING,
        described(typed),
    )


def errors_of(typed: Any) -> SafeString:
    """The errors of a field, with the id by which it is described."""
    if not typed.errors:
        return NOTHING
    words = joined(
        filled('<p class="wrong"><span class="visually-hidden">Error: </span>{}</p>', error)
        for error in typed.errors
    )
    return filled('<div id="{}_error">{}</div>', typed.id, words)


def described(typed: Any) -> SafeString:
    """The attributes that lead from a wrong field to its errors."""
    if not typed.errors:
        return NOTHING
    return filled(' aria-invalid="true" aria-describedby="{}_error"', typed.id)
