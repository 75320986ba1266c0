# ruff: noqa: E501 - a line of markup is read as one
"""The rows of the laboratory grid as HTML: written by hand, every value escaped by `filled`.

Not a template: the page has 27 rows of a dozen places each, and Django's template nodes cost thirty times
as much as one format of a string (docs/decisions/0023). The live check sends the same words.
"""

from collections.abc import Sequence
from datetime import date
from functools import cache, lru_cache
from html import escape
from typing import Final

from django.utils.safestring import SafeString, mark_safe

from registry.clinical.analytes import ANALYTES
from registry.clinical.short_names import short_name
from registry.clinical.units import unit_label
from registry.templatetags.markup import NOTHING, filled, joined
from registry.templatetags.words import study_day
from registry.web.investigator.lab_rows import ResultRow

_ROW: Final = (
    '<tbody id="row-{p}" data-analyte="{key}"><tr{wrong}>'
    '<th scope="row">{name}{short}{result}</th>'
    '<td data-label="Value"><input type="text" inputmode="decimal" class="input--short" id="id_{p}-value"'
    ' name="{p}-value" value="{value}" maxlength="100" autocomplete="off" aria-label="{name}: Value"{at_value}></td>'
    '<td data-label="Unit"><select id="id_{p}-unit" name="{p}-unit" aria-label="{name}: Unit"{at_unit}>'
    "{units}</select></td>"
    '<td data-label="Normal range" class="grid__range"><input type="text" inputmode="decimal" id="id_{p}-lower_limit"'
    ' name="{p}-lower_limit" value="{lower}" autocomplete="off" aria-label="{name}: Lower limit of normal"{at_lower}>'
    ' <span aria-hidden="true">–</span> <input type="text" inputmode="decimal" id="id_{p}-upper_limit"'
    ' name="{p}-upper_limit" value="{upper}" autocomplete="off" aria-label="{name}: Upper limit of normal"{at_upper}></td>'
    '<td data-label="Grade" class="grid__grade">{grade}</td>'
    '<td data-label="Not done" class="grid__missing"><label class="choice"><input type="checkbox"'
    ' id="id_{p}-missing" name="{p}-missing" aria-label="{name}: Not done"{missing}> Not done</label>'
    '<input type="text" class="input--reason" id="id_{p}-not_done" name="{p}-not_done" value="{not_done}"'
    ' autocomplete="off" placeholder="Why?" aria-label="{name}: If not done: why"{at_not_done}>'
    '<details{day_open}><summary aria-label="{name}: Other day">Other day</summary><input type="text" class="input--date"'
    ' id="id_{p}-collected_on" name="{p}-collected_on" value="{day}" autocomplete="off"'
    ' aria-label="{name}: Collected on, if another day"{at_day}></details></td>'
    '<td data-label="Last value" class="grid__last">{last}</td></tr>{words}</tbody>'
)

_FIX: Final = (
    '<button class="button button--quiet button--small" name="step" value="use {key} {unit} {text}"'
    ' data-use="{key}" data-value="{text}" data-unit="{unit}">Use {words}'
    '<span class="visually-hidden"> for {name}</span></button>'
)


def rows_html(rows: Sequence[ResultRow], *, day_zero: date) -> SafeString:
    """Return the rows, each a `tbody` of its own with what is said of it below."""
    return joined(row_html(row, day_zero=day_zero) for row in rows)


@cache
def _markup_of(analyte: str) -> str:
    """The row of an analyte with what its name alone says; the rest is filled in for each row."""
    short = short_name(analyte)
    own = {
        "{p}": f"lab-{analyte}",
        "{key}": analyte,
        "{name}": escape(ANALYTES[analyte].name),
        "{short}": f"<small>{short}</small>" if short else "",
    }
    markup = _ROW
    for place, words in own.items():
        markup = markup.replace(place, words)
    return markup


def row_html(row: ResultRow, *, day_zero: date) -> SafeString:
    """Return one row with what is said of it."""
    typed = row.typed
    result = typed.get("result", "")
    return filled(
        _markup_of(row.analyte.key),
        wrong=mark_safe(' class="grid__wrong"') if row.errors else NOTHING,
        result=filled('<input type="hidden" name="{}" value="{}">', row.name("result"), result)
        if result
        else NOTHING,
        value=typed.get("value", ""),
        units=_options(row.analyte.key, typed.get("unit", "")),
        lower=typed.get("lower_limit", ""),
        upper=typed.get("upper_limit", ""),
        grade=grade_html(row),
        missing=mark_safe(" checked") if row.is_missing else NOTHING,
        not_done=typed.get("not_done", ""),
        day=typed.get("collected_on", ""),
        day_open=mark_safe(" open") if typed.get("collected_on") else NOTHING,
        at_value=_described(row, "value"),
        at_unit=_described(row, "unit"),
        at_lower=_described(row, "lower_limit"),
        at_upper=_described(row, "upper_limit"),
        at_not_done=_described(row, "not_done"),
        at_day=_described(row, "collected_on"),
        last=_last(row, day_zero),
        words=words_html(row),
    )


def grade_html(row: ResultRow) -> SafeString:
    """Return the grade in words, and the value in the canonical unit where it was typed in another."""
    if not (row.grade or row.canonical):
        return NOTHING
    grade = filled('<span class="flag">{}</span>', row.grade) if row.grade else NOTHING
    canonical = filled("<small>{}</small>", row.canonical) if row.canonical else NOTHING
    return filled("{}{}", grade, canonical)


def words_html(row: ResultRow) -> SafeString:
    """Return what is said of a row: it needs the width of the table, seven words to a column are a wall."""
    if not (row.errors or row.question or row.also or row.fixes or _kept_reason(row)):
        return NOTHING
    parts = [_errors(row), _answers(row), _also(row)]
    return filled(
        '<tr class="grid__words{}"><td></td><td colspan="6">{}</td></tr>',
        " grid__wrong" if row.errors else "",
        joined(parts),
    )


def _errors(row: ResultRow) -> SafeString:
    return joined(
        filled(
            '<div id="id_{}_error">{}</div>',
            row.name(field),
            joined(
                filled('<p class="{}">{}</p>', "doubted" if each == row.question else "wrong", each)
                for each in words
            ),
        )
        for field, words in row.errors.items()
    )


def _answers(row: ResultRow) -> SafeString:
    """The likely fixes as buttons, and the place to say why the value is right nevertheless."""
    buttons = joined(
        (
            filled(
                _FIX,
                key=row.analyte.key,
                unit=fix.unit,
                text=fix.text,
                words=fix.words,
                name=row.analyte.name,
            )
            for fix in row.fixes
            if not row.is_answered
        ),
        between=" ",
    )
    reason = NOTHING
    if row.question:
        reason = filled(
            '<details class="sure"{opened}><summary>{words} is right – say why</summary>'
            '<input type="hidden" name="{p}-sure" value="{sure}">'
            '<label for="id_{p}-right_because">Why is it right?</label>'
            '<input type="text" id="id_{p}-right_because" name="{p}-right_because" value="{reason}" maxlength="500"'
            ' autocomplete="off" class="input--reason"{at}></details>',
            opened=mark_safe(" open") if row.text("right_because") else NOTHING,
            words=row.sure_words,
            p=f"lab-{row.analyte.key}",
            sure=row.sure_of,
            reason=row.typed.get("right_because", ""),
            at=_described(row, "right_because"),
        )
    elif kept := _kept_reason(row):
        reason = filled(
            '<p class="quiet">Right because: {}</p><input type="hidden" name="{}" value="{}">',
            kept,
            row.name("right_because"),
            kept,
        )
    if not (buttons or reason):
        return NOTHING
    return filled('<div class="answers">{}{}</div>', buttons, reason)


def _kept_reason(row: ResultRow) -> str:
    """Why the recorded value is right, as long as it stands in the row."""
    there = row.recorded
    if there is None or not there.right_because or row.errors:
        return ""
    return there.right_because if row.reported is None or row.is_unchanged else ""


def _also(row: ResultRow) -> SafeString:
    return joined(
        filled(
            '<p class="quiet">Also recorded: {} {}</p>', result.entered_value, unit_label(result.entered_unit)
        )
        for result in row.also
    )


def _described(row: ResultRow, field: str) -> SafeString:
    if field not in row.errors:
        return NOTHING
    return filled(' aria-invalid="true" aria-describedby="id_{}_error"', row.name(field))


def _last(row: ResultRow, day_zero: date) -> SafeString:
    previous = row.previous
    if previous is None:
        return _NO_LAST
    return filled(
        '<span class="number">{} {}</span><small>{}</small>',
        previous.entered_value,
        unit_label(previous.entered_unit),
        study_day(previous.collected_on, day_zero),
    )


_NO_LAST: Final = mark_safe('<span class="quiet">None</span>')


@lru_cache(maxsize=1024)
def _options(analyte: str, selected: str) -> SafeString:
    """The units of an analyte. Cached: they are the same in every form, and the longest part of a row."""
    units = list(ANALYTES[analyte].units)
    if selected not in ANALYTES[analyte].units:
        selected = ""
        units.insert(0, "")
    # Spellings of one unit read the same (10*9/L, 10^9/L), and two lines alike are a riddle: one is shown,
    # the others stay in the list, since a laboratory's remembered unit may be spelled so.
    shown = {unit_label(unit): unit for unit in reversed(units)} | {unit_label(selected): selected}
    return joined(
        filled(
            '<option value="{}"{}{}>{}</option>',
            unit,
            " selected" if unit == selected else "",
            "" if shown[unit_label(unit)] == unit else " hidden",
            unit_label(unit),
        )
        for unit in units
    )
