"""Words that name a malignancy, and words that only look like one (rules.md MAL-3, MAL-8)."""

import tomllib
from importlib.resources import files

import pytest

from registry.clinical import negation, terms
from registry.clinical.terms import CLASSES, find_terms, first_class
from tests.clinical.sentences import ENGLISH, OTHER_LANGUAGES


def words_in(text: str) -> list[str]:
    return [hit.words for hit in find_terms(text=text).hits]


@pytest.mark.parametrize(
    "sentence", [s for s in ENGLISH + OTHER_LANGUAGES if s.said == "none"], ids=lambda s: s.text
)
def test_look_alikes_are_no_hits(sentence):  # MAL-3
    assert words_in(sentence.text) == []


@pytest.mark.parametrize(
    "sentence", [s for s in ENGLISH + OTHER_LANGUAGES if s.said != "none"], ids=lambda s: s.text
)
def test_terms_are_found_in_every_language(sentence):  # MAL-3
    assert words_in(sentence.text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tumour lysis syndrome in acute leukaemia", ["leukaemia"]),
        ("pseudolymphoma, then a true lymphoma", ["lymphoma"]),
        ("CA-125 raised in ovarian cancer", ["ovarian cancer"]),
        ("squamous cell carcinoma antigen in lung carcinoma", ["lung carcinoma"]),
        ("osteoblastic metastases", ["metastases"]),
        ("anti-tumour necrosis factor before melanoma", ["melanoma"]),
    ],
)
def test_a_look_alike_hides_no_other_hit_of_the_text(text, words):  # MAL-3
    assert words_in(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ALL", []),
        ("ALL, leukaemia of the B lineage", ["ALL", "leukaemia"]),
        ("T-ALL", ["T-ALL"]),
        ("all leukaemia", ["leukaemia"]),
        ("ET after JAK2 testing", ["ET"]),
        ("ET al.", []),
        ("BCC of the nose", ["BCC"]),
        ("BCC 5 per µL", []),
        ("BCC", ["BCC"]),
        ("SCC x2", ["SCC"]),
        ("MM?", ["MM"]),
        ("UC", []),
        ("CBC", []),
        ("MM 4 mm", []),
        ("MM with plasma cells", ["MM"]),
    ],
)
def test_an_ambiguous_abbreviation_needs_a_word_beside_it(text, words):  # MAL-3
    assert words_in(text) == words


@pytest.mark.parametrize(
    ("classes", "first"),
    [
        ([], "unspecified"),
        (["unspecified", "uncertain"], "uncertain"),
        (["solid", "t_cell"], "t_cell"),
        (["in_situ", "skin_non_melanoma"], "skin_non_melanoma"),
    ],
)
def test_the_class_a_reviewer_must_see_comes_first(classes, first):  # MAL-8
    assert first_class(classes) == first


@pytest.mark.parametrize("name", ["malignancy_terms", "assertion_cues", "icd10_malignancy"])
def test_a_code_list_says_where_it_comes_from(name):  # MAL-3
    content = tomllib.loads(files("registry.clinical.codelists").joinpath(f"{name}.toml").read_text("utf-8"))

    assert content["name"] == name
    assert all(content[key] for key in ("version", "effective_from", "source", "licence", "signed_by"))


def test_the_lists_name_their_versions():  # MAL-11
    assert terms.list_version() == "malignancy_terms 3"
    assert negation.list_version() == "assertion_cues 3"


def test_the_list_uses_the_classes_of_the_rule_and_no_others():  # MAL-8
    content = tomllib.loads(
        files("registry.clinical.codelists").joinpath("malignancy_terms.toml").read_text("utf-8")
    )
    languages = [content[language] for language in ("en", "de", "fr", "es", "it")]

    assert {kind for language in languages for kind in language["terms"]} == set(CLASSES)
    assert {entry["class"] for language in languages for entry in language["abbreviations"]} <= set(CLASSES)


def test_no_phrase_is_both_a_term_and_a_look_alike():  # MAL-3
    content = tomllib.loads(
        files("registry.clinical.codelists").joinpath("malignancy_terms.toml").read_text("utf-8")
    )
    for language in ("en", "de", "fr", "es", "it"):
        named = {phrase for group in content[language]["terms"].values() for phrase in group}
        assert named.isdisjoint(content[language]["look_alikes"])
        assert named >= set(content[language]["generic"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Metastatic abscess", []),
        ("Liver metastasis, abscess drained", ["metastasis"]),
        ("Inflammation: non, cancer: oui", ["cancer"]),
        ("Hypertension, malignant", []),
        ("Cancer gene panel", []),
        ("Cancer généralisé", ["Cancer"]),
        ("Sospechosa para neoplasia", ["neoplasia"]),
        ("Longue lutte contre le cancer", ["cancer"]),
        ("Signo zodiacal de cáncer", []),
        ("Se observa signo de cáncer", ["cáncer"]),
        ("Premier signe du cancer", ["cancer"]),
        ("Primo segno del cancro", ["cancro"]),
    ],
)
def test_a_look_alike_stands_in_one_piece_and_in_its_language(text, words):  # MAL-3
    assert words_in(text) == words
