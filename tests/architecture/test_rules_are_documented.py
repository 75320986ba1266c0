"""docs/rules.md, lifecycle.md and questions.md are what the code says; every sentence is carried out, tested.

`python -m tests.architecture.test_rules_are_documented` writes them anew.
"""

import re
from pathlib import Path

import pytest

from registry.monitoring import catalogue, lifecycle, question_lifecycle
from registry.monitoring.catalogue import RULES

ROOT = Path(__file__).parents[2]
DOCUMENTS = {
    "docs/rules.md": catalogue.as_markdown,
    "docs/lifecycle.md": lifecycle.as_markdown,
    "docs/questions.md": question_lifecycle.as_markdown,
}

_SENTENCE = re.compile(r"\*\*([A-Z]+-\d+)")
_CITATION = re.compile(r"\b((?:OVD|CYT|LMK|MAL)-\d+)")


def sentences_of(rule) -> set[str]:
    return set(_SENTENCE.findall(catalogue.definition_of(rule)))


def citations_in(*folders: str) -> set[str]:
    return {
        citation
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        for citation in _CITATION.findall(path.read_text())
    }


@pytest.mark.parametrize("path", DOCUMENTS)
def test_the_document_is_what_the_code_says(path):
    assert (ROOT / path).read_text() == DOCUMENTS[path](), f"run: python -m {__name__}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_sentences_are_numbered_without_a_gap(rule):
    numbers = sorted(int(sentence.split("-")[1]) for sentence in sentences_of(rule))

    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers, "a rule has a definition"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_every_sentence_is_named_by_a_test(rule):
    assert sentences_of(rule) - citations_in("tests/monitoring") == set()


def test_no_comment_cites_a_sentence_that_no_rule_has():
    known = {sentence for rule in RULES for sentence in sentences_of(rule)}
    prefixes = {sentence.split("-")[0] for sentence in known}
    cited = citations_in("registry", "tests/monitoring")

    assert {citation for citation in cited if citation.split("-")[0] in prefixes} <= known


if __name__ == "__main__":
    for path, text in DOCUMENTS.items():
        (ROOT / path).write_text(text())
