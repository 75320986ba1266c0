"""Words written with one slip, and words that only look like it (rules.md MAL-3)."""

import pytest

from registry.clinical.misspellings import corrector
from registry.clinical.terms import find_terms


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("lymphma", "lymphoma"),
        ("lymphomma", "lymphoma"),
        ("lympohma", "lymphoma"),
        ("lymphona", "lymphoma"),
        ("lymphoma", None),
        ("cnacer", "cancer"),
        ("cancel", None),
        ("cancr", None),
        ("myleoma", "myeloma"),
        ("myelma", "myeloma"),
        ("myelona", None),
        ("nymphoma", None),
        ("lymphedema", None),
        ("lmyphmoa", None),
    ],
)
def test_one_slip_is_read_and_two_are_not(written, meant):
    assert corrector(words=["lymphoma", "cancer", "myeloma"])(written) == meant


@pytest.mark.parametrize(
    ("text", "term", "kind"),
    [
        ("T-cell lymphma", "T-cell lymphma", "t_cell"),
        ("Mammakarzinon links", "Mammakarzinon", "solid"),
        ("acute luekemia", "luekemia", "lymphoid"),
    ],
)
def test_a_slip_is_shown_as_written_and_classed_as_meant(text, term, kind):
    assert [(hit.words, hit.malignancy_class) for hit in find_terms(text=text).hits] == [(term, kind)]


@pytest.mark.parametrize("text", ["tumour necrosis factor", "syndrome neuroleptique malin", "keratoma"])
def test_a_word_of_another_language_or_meaning_is_no_slip(text):
    assert find_terms(text=text).hits == ()
