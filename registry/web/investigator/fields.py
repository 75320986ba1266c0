"""Form parts that every entry page uses: choices as large targets, texts as typed, problems beside fields."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.forms.utils import ErrorDict

from registry.clinical.refusals import Problem
from registry.web.drawn_forms import CHOICES

EMPTY = ("", "Choose …")


class Radios(forms.RadioSelect):
    """Radio buttons with the words as part of the target."""

    template_name = CHOICES


class Ticks(forms.CheckboxSelectMultiple):
    """Check boxes with the words as part of the target."""

    template_name = CHOICES


class TextInput(forms.TextInput):
    """One line of text, without the browser's memory of other patients."""

    def __init__(self, css: str = "input--wide", **attrs: Any):
        super().__init__(attrs={"class": css, "autocomplete": "off", **attrs})


class LongText(forms.Textarea):
    """Several lines of text."""

    def __init__(self, rows: int = 4, **attrs: Any):
        super().__init__(attrs={"rows": rows, **attrs})


def text(label: str, *, hint: str = "", widget: forms.Widget | None = None) -> forms.CharField:
    """A text that the record checks judge, so that page and import refuse in the same words."""
    return forms.CharField(label=label, help_text=hint, required=False, widget=widget or TextInput())


def select(
    label: str, codes: Mapping[str, str], *, hint: str = "", empty: str = EMPTY[1]
) -> forms.ChoiceField:
    """A code of a list, or none."""
    return forms.ChoiceField(
        label=label, help_text=hint, required=False, choices=[("", empty), *codes.items()]
    )


class RecordForm(forms.Form):
    """A form whose values are judged by the record checks; `add_problems` puts them beside the fields."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    def unjudged(self) -> None:
        """Show what is bound, as a draft is shown, and say nothing of it: it is not finished."""
        self._errors = ErrorDict()
        self.cleaned_data = {}

    def add_problems(self, problems: Iterable[Problem], *, renamed: Mapping[str, str] | None = None) -> None:
        """Show each problem at its field; one of an unknown field above all of them."""
        for problem in problems:
            name = (renamed or {}).get(problem.field, problem.field)
            if name in self.fields and not self.has_error(name):
                self.add_error(name, problem.for_people)
            elif name not in self.fields:
                self.add_error(None, problem.for_people)

    def summary(self, *, prefix: str = "") -> list[tuple[str, str]]:
        """The errors as pairs of the field's id and words, for the summary at the top."""
        found = [("", str(error)) for error in self.non_field_errors()]
        for bound in self:
            found += [(_focus_id(bound), f"{prefix}{error}") for error in bound.errors]
        return found


def _focus_id(bound: forms.BoundField) -> str:
    if bound.use_fieldset:
        return f"{bound.auto_id}_0"
    return str(bound.auto_id)
