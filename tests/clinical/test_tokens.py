"""Words, compounds and sentences of a clinical text (rules.md MAL-3, MAL-4)."""

import pytest

from registry.clinical.tokens import PhraseBook, fold, tokenise


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Sézary", "sezary"),
        ("SÉZARY", "sezary"),
        ("Se\u0301zary", "sezary"),
        ("Waldenström", "waldenstrom"),
        ("ﬁbroma", "fibroma"),
        ("Großmutter", "grossmutter"),
        ("œsophage", "oesophage"),
        ("tumør", "tumor"),
    ],
)
def test_case_accents_and_ligatures_do_not_count(written, folded):  # MAL-3
    assert fold(written) == folded


@pytest.mark.parametrize(
    ("text", "sentence_count"),
    [
        ("No infection. Lymphoma", 2),
        ("No infection! Lymphoma", 2),
        ("Lymphoma? Biopsy pending", 2),
        ("? lymphoma", 1),
        ("no evidence of\nlymphoma", 1),
        ("Family history: breast cancer\nLymphoma", 2),
        ("no cancer\n\nlymphoma", 2),
        ("no cancer\n- lymphoma", 2),
        ("Biopsy done.Lymphoma", 2),
        ("on 12.03.2026 lymphoma", 1),
        ("value 0.4 in lymphoma", 1),
        ("seen by Dr. Lymph", 1),
        ("V.a. Lymphom", 1),
        ("e.g. lymphoma", 1),
    ],
)
def test_a_sentence_ends_where_a_reader_ends_it(text, sentence_count):  # MAL-4
    assert tokenise(text=text)[-1].sentence == sentence_count - 1


def test_a_compound_is_one_word_of_two_tokens():
    tokens = tokenise(text="T-cell lymphoma's onset")

    assert [(token.folded, token.word) for token in tokens] == [
        ("t", 0),
        ("cell", 0),
        ("lymphoma", 1),
        ("onset", 2),
    ]


def test_invisible_characters_do_not_part_a_word():
    assert [token.folded for token in tokenise(text="lym\u00adpho\u200bma")] == ["lymphoma"]


@pytest.mark.parametrize(
    ("phrase", "text", "is_found"),
    [
        ("lymphom*", "lymphomas", True),
        ("lymphom*", "angiolymphoma", False),
        ("*carcinom*", "adenocarcinoma", True),
        ("tumo(u)r", "tumor", True),
        ("tumo(u)r", "tumour", True),
        ("tumo(u)r", "tumours", False),
        ("ca <organ>", "ca lung", True),
        ("ca <organ>", "ca spleen", False),
        ("h/o", "h/o", True),
        ("h/o", "h o", False),
        ("t cell lymphom*", "T-cell lymphoma", True),
        ("t cell lymphom*", "T-cell. Lymphoma", False),
    ],
)
def test_a_phrase_is_found_as_its_notation_says(phrase, text, is_found):
    book = PhraseBook(phrases=[(phrase, "")], sets={"organ": ["lung"]})

    assert bool(book.find(tokens=tokenise(text=text))) is is_found


@pytest.mark.parametrize(
    ("text", "is_found"), [("MDS", True), ("MDSs", True), ("mds", False), ("Mds", False)]
)
def test_an_abbreviation_counts_only_in_capitals(text, is_found):  # MAL-3
    book = PhraseBook(phrases=[("MDS", "")], upper_case=True)

    assert bool(book.find(tokens=tokenise(text=text))) is is_found
