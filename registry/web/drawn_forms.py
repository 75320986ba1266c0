# ruff: noqa: E501 - a line of markup is read as one
"""The widgets of every form and the field around each as HTML: by hand, every value escaped by `filled`.

Django asks its form renderer for each of them by the name of a template. A template with its includes costs
ten times as much as one format of a string, and a page has dozens (docs/decisions/0023). What is not listed
here is drawn by its template as before; `{{ form.name.as_field_group }}` draws a field with all that belongs
to it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.forms import BoundField
from django.forms.renderers import TemplatesSetting
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe

from registry.templatetags.markup import NOTHING, filled, joined

# Names of our own, given to a widget as its `template_name`; no file has them.
CHOICES: Final = "drawn/choices"
DATE_PARTS: Final = "drawn/date_parts"
FIELD: Final = "drawn/field"

_CHECKED: Final = mark_safe(" checked")
_NUMERIC: Final = mark_safe(' inputmode="numeric"')
_INLINE: Final = mark_safe(" choices--inline")
_WRONG: Final = mark_safe(" field--wrong")
_ERROR: Final = '<p class="wrong"><span class="visually-hidden">Error: </span>{}</p>'
_GROUP: Final = (
    '<fieldset class="field{wrong}"{described}><legend>{label}</legend>{hint}{errors}{widget}</fieldset>'
)
_SINGLE: Final = '<div class="field{wrong}"><label for="{id}">{label}</label>{hint}{errors}{widget}</div>'
_CHOICE: Final = '<label class="choice" for="{id}"><input type="{type}" name="{name}" value="{value}" id="{id}"{checked}{required}> {label}</label>'
_PART: Final = '<div><label for="{id}">{words}</label><input class="date-parts__{kind}" id="{id}" name="{name}" value="{value}" autocomplete="off"{mode}{focus}{invalid}></div>'
_PARTS: Final = (("Day", "day"), ("Month", "month"), ("Year", "year"))

Widget = Mapping[str, Any]


class DrawnForms(TemplatesSetting):
    """Django's form renderer that draws what it knows, and asks templates for the rest."""

    field_template_name = FIELD

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> str:
        if template_name == FIELD:
            return field_html(context["field"])
        draw = _DRAWN.get(template_name)
        if draw is not None:
            return draw(context["widget"])
        return str(super().render(template_name, context, request))


def field_html(field: BoundField) -> SafeString:
    """One field: its label above, its hint, its errors, its widget. A group of boxes is a fieldset."""
    errors = field.errors
    parts: dict[str, Any] = {
        "label": field.label,
        "wrong": _WRONG if errors else NOTHING,
        "hint": filled('<p class="hint" id="{}_helptext">{}</p>', field.auto_id, field.help_text)
        if field.help_text
        else NOTHING,
        "errors": filled(
            '<div id="{}_error">{}</div>',
            field.auto_id,
            joined(filled(_ERROR, error) for error in errors),
        )
        if errors
        else NOTHING,
        "widget": field.as_widget(),
    }
    if not field.use_fieldset:
        return filled(_SINGLE, id=field.id_for_label, **parts)
    described = field.aria_describedby
    return filled(
        _GROUP,
        described=filled(' aria-describedby="{}"', described) if described else NOTHING,
        **parts,
    )


def _attributes(found: Mapping[str, Any]) -> SafeString:
    return joined(
        filled(" {}", name) if value is True else filled(' {}="{}"', name, value)
        for name, value in found.items()
        if value is not False
    )


def _input(widget: Widget) -> SafeString:
    value = widget["value"]
    return filled(
        '<input type="{}" name="{}"{}{}>',
        widget["type"],
        widget["name"],
        NOTHING if value is None else filled(' value="{}"', value),
        _attributes(widget["attrs"]),
    )


def _textarea(widget: Widget) -> SafeString:
    # The browser drops one line break after the tag; without it, one of the text's own would be lost.
    return filled(
        '<textarea name="{}"{}>\n{}</textarea>',
        widget["name"],
        _attributes(widget["attrs"]),
        widget["value"] or "",
    )


def _select(widget: Widget) -> SafeString:
    return filled(
        '<select name="{}"{}>{}</select>',
        widget["name"],
        _attributes(widget["attrs"]),
        joined(_group(name, options) for name, options, _ in widget["optgroups"]),
    )


def _group(name: str | None, options: list[Widget]) -> SafeString:
    drawn = joined(
        filled(
            '<option value="{}"{}>{}</option>',
            option["value"],
            _attributes(option["attrs"]),
            option["label"],
        )
        for option in options
    )
    return filled('<optgroup label="{}">{}</optgroup>', name, drawn) if name else drawn


def _choices(widget: Widget) -> SafeString:
    """Radio buttons or ticks with the words as part of the target."""
    required = mark_safe(" required") if widget["required"] else NOTHING
    return filled(
        '<div class="choices{}">{}</div>',
        _INLINE if widget["attrs"].get("data_inline") else NOTHING,
        joined(
            filled(
                _CHOICE,
                id=option["attrs"].get("id", ""),
                type=option["type"],
                name=option["name"],
                value=option["value"],
                checked=_CHECKED if option["selected"] else NOTHING,
                required=required if option["type"] == "radio" else NOTHING,
                label=option["label"],
            )
            for _, options, _ in widget["optgroups"]
            for option in options
        ),
    )


def _date_parts(widget: Widget) -> SafeString:
    """Day, month and year. Focus never jumps by itself."""
    attributes = widget["attrs"]
    focus = mark_safe(" autofocus") if attributes.get("autofocus") else NOTHING
    invalid = mark_safe(' aria-invalid="true"') if "aria-invalid" in attributes else NOTHING
    return filled(
        '<div class="date-parts">{}</div>',
        joined(
            filled(
                _PART,
                id=part["attrs"].get("id", ""),
                words=words,
                kind=kind,
                name=part["name"],
                value=NOTHING if part["value"] is None else part["value"],
                mode=NOTHING if kind == "month" else _NUMERIC,
                focus=focus if kind == "day" else NOTHING,
                invalid=invalid,
            )
            for part, (words, kind) in zip(widget["subwidgets"], _PARTS, strict=True)
        ),
    )


_DRAWN: Final[Mapping[str, Callable[[Widget], SafeString]]] = {
    **{
        f"django/forms/widgets/{kind}.html": _input
        for kind in ("text", "number", "email", "password", "hidden", "checkbox")
    },
    "django/forms/widgets/textarea.html": _textarea,
    "django/forms/widgets/select.html": _select,
    CHOICES: _choices,
    DATE_PARTS: _date_parts,
}
