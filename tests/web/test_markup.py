"""Markup put together by hand: everything that is not marked as safe is escaped."""

import pytest
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from registry.templatetags.markup import NOTHING, filled, joined

VALUES = ["x", "<script>", "a & b", '"quoted"', "it's", "", 0, None, 1.5, True, gettext_lazy("<lazy>")]


@pytest.mark.parametrize("value", VALUES)
def test_values_are_escaped_as_django_escapes_them(value):
    assert filled("<p>{}</p>", value) == format_html("<p>{}</p>", value)
    assert filled('<p id="{id}">', id=value) == format_html('<p id="{id}">', id=value)


def test_what_is_safe_stays_as_it_is_and_what_comes_out_is_safe():
    inner = filled("<b>{}</b>", "<i>")
    assert filled("<p>{}{}</p>", inner, mark_safe("<br>")) == "<p><b>&lt;i&gt;</b><br></p>"
    assert filled("{}", inner) == inner


def test_an_object_that_only_says_it_is_markup_is_escaped():
    class Claims:
        def __html__(self):
            return "<script>"

        def __str__(self):
            return "<words>"

    assert filled("{}", Claims()) == "&lt;words&gt;"


def test_pieces_are_joined():
    assert joined([filled("{}", "<"), NOTHING, filled("{}", "a")], between=" ") == "&lt;  a"
