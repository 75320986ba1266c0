"""What the things are called that the rows of a record point to."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from django.db.models import Func, Model, TextField, Value
from django.db.models.functions import Cast, Coalesce, NullIf

from registry.clinical.code_lists import SCORES
from registry.clinical.treatments import AGENT_NAMES
from registry.clinical.visit_names import visit_words
from registry.models import AdverseEvent, ConsentVersion, Score, Treatment, Visit

Names = Mapping[tuple[Any, Any], str]

# What a thing is called stands in one column: all of them are read at once.
_NAMED_BY: tuple[tuple[type[Model], str | Func], ...] = (
    (Visit, "code"),
    (AdverseEvent, "term"),
    (Score, "score"),
    (ConsentVersion, "version"),
    (Treatment, Coalesce(NullIf("name", Value("")), "agent")),
)
_SPOKEN: Mapping[type[Model], Callable[[str], str]] = MappingProxyType(
    {
        Visit: visit_words,
        Score: lambda key: SCORES.get(key, key),
        Treatment: lambda key: AGENT_NAMES.get(key, key),
    }
)


def names_of(*, wanted: Mapping[type[Model], set[int]]) -> Names:
    """Return what these things are called, by model and number; one query for those that are met most."""
    known = [
        model._default_manager.filter(pk__in=wanted[model])
        .order_by()
        .values_list(Value(place), "pk", Cast(column, TextField()))
        for place, (model, column) in enumerate(_NAMED_BY)
        if model in wanted
    ]
    found: dict[tuple[Any, Any], str] = {}
    for place, pk, name in known[0].union(*known[1:]) if known else ():
        model = _NAMED_BY[place][0]
        found[model, pk] = _SPOKEN[model](name) if model in _SPOKEN else name
    for model in wanted.keys() - {model for model, _ in _NAMED_BY}:
        found |= {(model, pk): str(row) for pk, row in model._default_manager.in_bulk(wanted[model]).items()}
    return found
