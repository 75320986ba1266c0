# ruff: noqa: E501 - a line of markup is read as one
"""The many small fields of the further sections as HTML, every value escaped by `filled`.

Not templates, for the reason of grid_html.py: a hundred places on a page, and a template node costs thirty
times as much as one format of a string (docs/decisions/0023).
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from django.utils.safestring import SafeString, mark_safe

from registry.clinical.disease_activity import Item
from registry.templatetags.boxes import described, errors_of, typed_box
from registry.templatetags.markup import NOTHING, filled, joined
from registry.web.investigator.typed import Typed

Pairs = tuple[tuple[str, str], ...]
Groups = tuple[tuple[str, Pairs], ...]

_CHECKED: Final = mark_safe(" checked")
_WRONG: Final = mark_safe(" field--wrong")
_CHOICE: Final = '<div class="field{wrong}"><label for="{id}">{label}</label>{errors}<select id="{id}" name="{name}"{at}>{options}</select></div>'
_TICK: Final = '<label class="choice item"><input type="checkbox" name="{name}" value="{key}" data-points="{points}"{serological}{checked}><span>{words} <small>{worth}{meaning}</small></span></label>'
_CAUSE: Final = '<div class="item"><label for="{id}">{words} <small>{worth}{meaning}. Due to lupus, or to CAR T-cells or a drug?</small></label><select id="{id}" name="{name}" data-points="{points}">{options}</select></div>'
_STEP: Final = '<div class="item item--step{wrong}"><label for="{id}">{label}</label><input class="input--digit" id="{id}" name="{name}" value="{value}" inputmode="numeric" autocomplete="off" data-step{at}>{errors}</div>'
_LEVEL: Final = '<div class="item{wrong}"><label for="{id}">{label}</label>{errors}<select id="{id}" name="{name}" data-step>{options}</select></div>'
_ANTIBODY: Final = '<li><span class="antibodies__name">{label}</span> <select id="{id}" name="{name}" aria-label="{label}">{options}</select> <input class="input--short" id="{titre_id}" name="{titre_name}" value="{titre}" aria-label="{label}, titre" placeholder="1:320" autocomplete="off"{at}>{errors}{last}</li>'


def box(typed: Typed, *, label: str, css: str = "input--short", mode: str = "") -> SafeString:
    """One text box with its label above and its errors."""
    return typed_box(typed, label, css, mode)


@lru_cache(maxsize=64)
def _options(pairs: Pairs, groups: Groups) -> SafeString:
    inside = joined(
        filled('<optgroup label="{}">{}</optgroup>', label, _listed(options)) for label, options in groups
    )
    return joined([_listed(pairs), inside])


def _listed(pairs: Pairs) -> SafeString:
    return joined(filled('<option value="{}">{}</option>', key, words) for key, words in pairs)


def options_html(pairs: Pairs, *, chosen: str, groups: Groups = ()) -> SafeString:
    """The options of a select with the chosen one marked; the plain list is made once."""
    plain = _options(pairs, groups)
    mark = filled('<option value="{}">', chosen)
    return mark_safe(plain.replace(mark, f"{mark[:-1]} selected>", 1))  # noqa: S308 - of the two made above


def choice(typed: Typed, *, label: str, pairs: Pairs, groups: Groups = ()) -> SafeString:
    """One select with its label above and its errors."""
    return filled(
        _CHOICE,
        id=typed.id,
        name=typed.name,
        label=label,
        options=options_html(pairs, chosen=typed.value, groups=groups),
        wrong=_WRONG if typed.errors else NOTHING,
        errors=errors_of(typed),
        at=described(typed),
    )


def item(
    found: Item, *, name: str, is_ticked: bool, cause: Typed | None, causes: Mapping[str, str]
) -> SafeString:
    """One item of a score: a tick, or the question what it is due to."""
    points = f"{found.points.normalize():f}"
    common = {
        "points": points,
        "words": found.name,
        "worth": f"{points} {'point' if points == '1' else 'points'}",
        "meaning": f"; {found.meaning}" if found.meaning else "",
    }
    if cause is not None:
        options = options_html(tuple(causes.items()), chosen=cause.value)
        return filled(_CAUSE, id=cause.id, name=cause.name, options=options, **common)
    return filled(
        _TICK,
        name=name,
        key=found.key,
        serological=mark_safe(" data-serological") if found.is_serological else NOTHING,
        checked=_CHECKED if is_ticked else NOTHING,
        **common,
    )


def step(typed: Typed, *, options: Pairs) -> SafeString:
    """One part of a score that has steps: a digit, or a level from a list."""
    common = {
        "id": typed.id,
        "name": typed.name,
        "label": typed.label,
        "wrong": _WRONG if typed.errors else NOTHING,
        "errors": errors_of(typed),
    }
    if not options:
        return filled(_STEP, value=typed.value, at=described(typed), **common)
    listed = (("", "Choose …"), *((key, words[:1].upper() + words[1:]) for key, words in options))
    return filled(_LEVEL, options=options_html(listed, chosen=typed.value), **common)


def antibody(*, label: str, finding: Typed, titre: Typed, findings: Pairs, last: str) -> SafeString:
    """One antibody: what was found, its titre, and what was found before."""
    return filled(
        _ANTIBODY,
        label=label,
        id=finding.id,
        name=finding.name,
        options=options_html(findings, chosen=finding.value),
        titre_id=titre.id,
        titre_name=titre.name,
        titre=titre.value,
        at=described(titre),
        errors=errors_of(titre),
        last=filled(" <small>Last: {}</small>", last) if last else NOTHING,
    )
