"""Widgets and fields drawn by hand: what Django's own templates say, every value escaped, nothing less."""

from html.parser import HTMLParser

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.forms.renderers import get_default_renderer as drawn

from registry.web.drawn_forms import DrawnForms
from registry.web.investigator.dates import PartsField
from registry.web.investigator.fields import LongText, Radios, RecordForm, TextInput, Ticks, select, text

EVIL = """<b> & "quoted" 'too'"""
COLOURS = [("", "None"), ("r", "Red & warm"), ("b", "<Blue>")]
GROUPED = [("", "None"), ("Warm", [("r", "Red")]), ("Cold", [("b", "Blue"), ("g", "Green")])]


class Parts(HTMLParser):
    """The tags with their attributes and the words between them, whatever the spaces."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        self.found.append(f"/{tag}")

    def handle_data(self, data):
        if data.strip():
            self.found.append(data.strip())


WIDGETS = [
    (forms.TextInput(), ["x", EVIL, "", None, 0, "0"]),
    (forms.TextInput(attrs={"class": EVIL, "autofocus": True, "hidden": False}), ["x"]),
    (TextInput("input--short", inputmode="numeric"), ["12"]),
    (forms.NumberInput(attrs={"min": 0}), [0, 7]),
    (forms.EmailInput(), ["a@b.example"]),
    (forms.PasswordInput(), ["never shown"]),
    (forms.HiddenInput(), [EVIL, None]),
    (forms.CheckboxInput(), [True, False, None, "on"]),
    (forms.Textarea(), ["two\nlines", EVIL, None]),
    (LongText(rows=2), ["x"]),
    (forms.Select(choices=COLOURS), ["", "r", "b", None, "gone"]),
    (forms.Select(choices=GROUPED), ["b", None]),
    (forms.SelectMultiple(choices=COLOURS), [["r", "b"], []]),
]


@pytest.mark.parametrize(
    ("widget", "value"), [(widget, value) for widget, values in WIDGETS for value in values]
)
def test_a_widget_says_what_the_template_of_django_says(widget, value):
    told = {"id": "id_a", "aria-describedby": "id_a_error", "required": True}

    ours = widget.render("a", value, told, renderer=DrawnForms())

    assert Parts(ours).found == Parts(widget.render("a", value, told, renderer=DjangoTemplates())).found


def test_a_line_break_at_the_beginning_of_a_text_is_kept():
    # A browser drops the first one after the tag.
    assert "<textarea" in (html := forms.Textarea().render("a", "\nsecond line"))
    assert ">\n\nsecond line<" in html


class Asked(RecordForm):
    words = text("Words & more", hint="A <hint>.")
    colour = select("Colour", {"r": "Red", "b": EVIL})
    answer = forms.ChoiceField(
        label="Answer",
        choices=[("yes", "Yes"), ("no", "No")],
        widget=Radios(attrs={"data_inline": True}),
        help_text="One of two.",
    )
    ticks = forms.MultipleChoiceField(
        label="Ticks", required=False, choices=[("a", "A"), ("b", "B")], widget=Ticks()
    )
    day = PartsField(label="Day", help_text="For example 4 Apr 2024.")

    def clean(self):
        self.add_error("words", EVIL)


def group(name, data=None):
    return Parts(Asked(data)[name].as_field_group()).found


def test_the_forms_of_the_registry_are_drawn():
    assert isinstance(drawn(), DrawnForms)


def test_a_field_is_its_label_its_hint_and_its_box_that_names_the_hint():
    assert group("words") == [
        ("div", {"class": "field"}),
        ("label", {"for": "id_words"}),
        "Words & more",
        "/label",
        ("p", {"class": "hint", "id": "id_words_helptext"}),
        "A <hint>.",
        "/p",
        (
            "input",
            {
                "type": "text",
                "name": "words",
                "class": "input--wide",
                "autocomplete": "off",
                "aria-describedby": "id_words_helptext",
                "id": "id_words",
            },
        ),
        "/div",
    ]


def test_a_wrong_field_says_so_beside_it_and_to_a_screen_reader():
    found = group("words", {"words": EVIL})

    assert found[0] == ("div", {"class": "field field--wrong"})
    assert ("div", {"id": "id_words_error"}) in found
    assert found[found.index("Error:") + 2] == EVIL
    box = next(each[1] for each in found if each[0] == "input")
    assert box["aria-invalid"] == "true"
    assert box["aria-describedby"] == "id_words_helptext id_words_error"
    assert box["value"] == EVIL


def test_a_select_is_labelled_and_marks_what_was_chosen():
    found = group("colour", {"colour": "b"})

    assert ("label", {"for": "id_colour"}) in found
    assert ("option", {"value": "b", "selected": None}) in found
    assert found[found.index(("option", {"value": "b", "selected": None})) + 1] == EVIL


def test_radio_buttons_are_a_group_with_a_legend_and_each_its_words():
    found = group("answer", {"answer": "no"})

    assert found[0] == ("fieldset", {"class": "field", "aria-describedby": "id_answer_helptext"})
    assert found[1:4] == [("legend", {}), "Answer", "/legend"]
    assert ("div", {"class": "choices choices--inline"}) in found
    common = {"type": "radio", "name": "answer", "required": None}
    assert ("label", {"class": "choice", "for": "id_answer_1"}) in found
    assert ("input", {**common, "value": "yes", "id": "id_answer_0"}) in found
    assert ("input", {**common, "value": "no", "id": "id_answer_1", "checked": None}) in found


def test_a_group_that_was_not_answered_names_its_error():
    found = group("answer", {"answer": ""})

    assert found[0][1]["class"] == "field field--wrong"
    assert found[0][1]["aria-describedby"] == "id_answer_helptext id_answer_error"
    assert ("div", {"id": "id_answer_error"}) in found


def test_ticks_are_never_required_one_by_one():
    found = group("ticks", {"ticks": ["b"]})

    boxes = [each[1] for each in found if each[0] == "input"]
    assert [("checked" in box, "required" in box) for box in boxes] == [(False, False), (True, False)]
    assert {box["name"] for box in boxes} == {"ticks"}


def test_a_date_is_three_boxes_each_with_its_word():
    found = group("day", {"day_day": "4", "day_month": "Apr", "day_year": EVIL})

    boxes = [each[1] for each in found if each[0] == "input"]
    assert [(box["id"], box["name"], box["value"]) for box in boxes] == [
        ("id_day_0", "day_day", "4"),
        ("id_day_1", "day_month", "Apr"),
        ("id_day_2", "day_year", EVIL),
    ]
    assert [box.get("inputmode") for box in boxes] == ["numeric", None, "numeric"]
    assert [word for word in found if word in ("Day", "Month", "Year")] == ["Day", "Day", "Month", "Year"]
    assert {box["aria-invalid"] for box in boxes} == {"true"}


def test_a_date_that_was_not_typed_is_not_called_wrong():
    assert not any("aria-invalid" in each[1] for each in group("day") if each[0] == "input")


def test_the_focus_begins_in_the_first_box_of_a_date():
    form = Asked()
    form.fields["day"].widget.attrs["autofocus"] = True

    boxes = [each[1] for each in Parts(form["day"].as_field_group()).found if each[0] == "input"]

    assert ["autofocus" in box for box in boxes] == [True, False, False]
