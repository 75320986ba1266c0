"""A long text says of its terms what its sentences say, however long it is (rules.md MAL-4, MAL-5)."""

from datetime import date

from registry.clinical.negation import judge_hits, says_recurrence
from registry.clinical.terms import find_terms
from tests.clinical.sentences import ENGLISH, OTHER_LANGUAGES

DAY_0 = date(2025, 3, 1)


def said_of(text):
    reading = find_terms(text=text)
    return [
        (reading.tokens[said.hit.first].folded, said.dropped, said.cue, said.is_uncertain, said.is_recurrence)
        for said in judge_hits(reading=reading, day_zero=DAY_0)
    ]


def test_a_long_text_says_what_its_sentences_say():
    texts = [f"{each.text}\n\nThe day was long\n\n" for each in (*ENGLISH, *OTHER_LANGUAGES)]
    assert len(find_terms(text="".join(texts)).tokens) > 2_000

    assert said_of("".join(texts)) == [said for text in texts for said in said_of(text)]


def test_a_sentence_without_end_is_denied_to_its_end():
    said = said_of("no lymphoma, " * 5_000)

    assert [dropped for _, dropped, *_ in said] == ["negated"] * 5_000


def test_an_abbreviation_is_settled_by_its_own_sentence_however_often_it_stands_there():
    hits = find_terms(text="BCC nose " * 5_000).hits
    apart = find_terms(text="BCC nose.\nBCC seen.\n" * 500).hits

    assert len(hits) == 5_000
    assert [hit.first for hit in apart] == list(range(0, 2_000, 4))


def test_a_word_without_end_is_no_slip_of_another():
    assert find_terms(text="lymphoma" + "x" * 80_000).hits[0].term == "*lymphom*"
    assert find_terms(text="x" * 80_000).hits == ()


def test_a_long_text_says_recurrence_where_one_of_its_sentences_does():
    denied = "No relapse was seen. " * 2_000

    assert not says_recurrence(text=denied)
    assert says_recurrence(text=f"{denied}It relapsed in May. {denied}")
