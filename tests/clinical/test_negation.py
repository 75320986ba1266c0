"""What a sentence says of a malignancy term in it (rules.md MAL-4, MAL-5)."""

import unicodedata
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.clinical.negation import JudgedHit, judge_hits, says_recurrence
from registry.clinical.terms import find_terms, first_class
from registry.clinical.tokens import fold
from tests.clinical.sentences import ENGLISH, OTHER_LANGUAGES

DAY_0 = date(2025, 3, 1)


def judged(text: str, *, day_zero: date = DAY_0) -> tuple[JudgedHit, ...]:
    return judge_hits(reading=find_terms(text=text), day_zero=day_zero)


def said_of(text: str) -> tuple[str, str]:
    """What a text comes to, and the class of what is kept, as the tables of sentences write it."""
    hits = judged(text)
    kept = [hit for hit in hits if hit.dropped is None]
    if kept:
        said = "uncertain" if all(hit.is_uncertain for hit in kept) else "kept"
        return said, first_class([hit.hit.malignancy_class for hit in kept])
    return "/".join(sorted({str(hit.dropped) for hit in hits})) or "none", ""


@pytest.mark.parametrize("sentence", ENGLISH, ids=lambda sentence: sentence.text)
def test_an_english_sentence_says(sentence):  # MAL-3, MAL-4, MAL-5, MAL-8
    assert said_of(sentence.text) == (sentence.said, sentence.malignancy_class)


@pytest.mark.parametrize("sentence", OTHER_LANGUAGES, ids=lambda sentence: sentence.text)
def test_a_sentence_of_another_language_says(sentence):  # MAL-3, MAL-4, MAL-5, MAL-8
    assert said_of(sentence.text) == (sentence.said, sentence.malignancy_class)


@pytest.mark.parametrize(
    ("text", "cue"),
    [
        ("no evidence of lymphoma", "no evidence of"),
        ("Mother had breast cancer", "Mother"),
        ("h/o melanoma", "h/o"),
        ("Melanoma in situ removed 2009", "2009"),
        ("Lymphoma diagnosed on 2024-02-27", "2024-02-27"),
        ("Thyroid cancer, operated March 2014", "March 2014"),
        ("Cancer screening normal", "screening … normal"),
        ("Benign breast tumour", "Benign"),
    ],
)
def test_a_dropped_hit_names_its_cue(text, cue):  # MAL-4
    assert [hit.cue for hit in judged(text)] == [cue]


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("Infection excluded, biopsy showed lymphoma", None),
        ("Infection was excluded and lymphoma confirmed", None),
        ("Biopsy excluded lymphoma", "negated"),
        ("Se ha descartado linfoma", "negated"),
        ("No fever, new lymphoma", None),
        ("No fever, lymphoma or leukaemia", "negated"),
        ("No infection, histology: lymphoma", None),
        ("Negative for: lymphoma", "negated"),
        ("No change in known lymphoma", None),
        ("No known lymphoma", "negated"),
        ("Not continued because of lymphoma", None),
        ("Lymphoma, primary site not found", None),
        ("Lymphoma, not found", "negated"),
        ("Biopsy neg. for lymphoma", "negated"),
        ("BIOPSY NEG. FOR LYMPHOMA", "negated"),
        ("CT neg. Lymphoma in the marrow", None),
        ("CT neg. For lymphoma she had R-CHOP", None),
        ("No lesion suspicious for lymphoma", "negated"),
        ("Non-healing lymphoma", None),
        ("Lymphoma since the last visit: no", "negated"),
        ("Lymphoma since the last visit? No", "negated"),
        ("Lymphoma since the last visit? Not yet known", None),
    ],
)
def test_a_denial_reaches_only_what_it_denies(text, dropped):  # MAL-4
    assert judged(text)[0].dropped == dropped


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("No clinical or radiological evidence of residual nodal or splenic lymphoma", ["negated"]),
        ("No clinical or radiological evidence, on the last scan of this year, of lymphoma", [None]),
        ("No fever of unknown origin, night sweats, cough or lymphoma", [None]),
    ],
)
def test_the_noun_that_a_denial_denies_is_part_of_it(text, dropped):  # MAL-4
    assert [hit.dropped for hit in judged(text)] == dropped


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("No lymphoma, sarcoma, melanoma, myeloma, carcinoma, glioma or seminoma", ["negated"] * 7),
        (
            "No lymphoma, sarcoma, melanoma, myeloma, carcinoma, glioma, found a seminoma",
            ["negated"] * 6 + [None],
        ),
        ("Lymphoma, sarcoma or melanoma", [None] * 3),
        ("No fever; lymphoma or melanoma", [None] * 2),
    ],
)
def test_a_list_of_terms_is_denied_to_its_end(text, dropped):  # MAL-4
    assert [hit.dropped for hit in judged(text)] == dropped


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("No lymphoma, but it cannot be excluded", "uncertain"),
        ("No lymphoma, but infection cannot be excluded", "negated"),
        ("The suspicion of lymphoma was not confirmed", "negated"),
        ("Lymphoma not confirmed yet", "uncertain"),
        ("The biopsy was able to rule out lymphoma", "negated"),
        ("The biopsy was not able to rule out lymphoma", "uncertain"),
        ("La biopsie a permis d'éliminer un lymphome", "negated"),
        ("La biopsie n'a pas permis d'éliminer un lymphome", "uncertain"),
        ("Se pudo descartar linfoma", "negated"),
        ("No se pudo descartar linfoma", "uncertain"),
        ("Nach Ausschluss einer Infektion wurde ein Lymphom diagnostiziert", "kept"),
        ("Ausschluss eines Lymphoms", "negated"),
        ("Lymphoma was not seen at first but found later", "kept"),
        ("Lymphoma was ruled out; confirmed by PET", "negated"),
        ("Lymphoma was not seen but infection found", "negated"),
        ("Lymphoma, negative for EBV", "kept"),
        ("Lymphoma: negative", "negated"),
        ("Basal cell carcinoma, history of sunburn", "kept"),
        ("Basal cell carcinoma history", "past"),
        ("FA: Lymphom", "someone_else"),
        ("AF: rate controlled, new lymphoma found", "kept"),
        ("FA: paroxystique, lymphome découvert", "kept"),
        ("Suspicion of lymphoma not confirmed yet", "uncertain"),
        ("Suspicion of lymphoma not confirmed so far", "uncertain"),
        ("Suspected lymphoma, not confirmed histologically so far, biopsy pending", "uncertain"),
        ("Suspected lymphoma could not be confirmed as the sample was lost", "uncertain"),
        ("Possible lymphoma, stage not confirmed", "uncertain"),
        ("Probable lymphoma, EBV status not confirmed", "uncertain"),
        ("Biopsy was not yet able to exclude lymphoma", "uncertain"),
        ("Biopsy has not been able to rule out lymphoma", "uncertain"),
        ("We were never able to rule out lymphoma", "uncertain"),
        ("Neither scan was able to rule out lymphoma", "uncertain"),
        ("No se logró descartar linfoma", "uncertain"),
        ("Nunca se pudo descartar linfoma", "uncertain"),
        ("La biopsia no nos permite descartar linfoma", "uncertain"),
        ("Tampoco permite descartar linfoma", "uncertain"),
        ("La biopsia non ha mai permesso di escludere un linfoma", "uncertain"),
        ("La biopsia non ci permette di escludere un linfoma", "uncertain"),
        ("La biopsie n'a jamais permis d'éliminer un lymphome", "uncertain"),
        ("La biopsie ne permet toujours pas d'éliminer un lymphome", "uncertain"),
        ("AF and lymphoma", "kept"),
    ],
)
def test_what_stays_open_is_told_from_what_is_settled(text, said):  # MAL-4, MAL-5
    assert said_of(text)[0] == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("No clinical or radiological signs of lymphoma", "negated"),
        ("No fever or signs of lymphoma", "negated"),
        ("1) no infection 2) lymphoma 3) fever", "kept"),
        ("a) kein Infekt b) Lymphom", "kept"),
        ("No (grade 2) lymphoma", "negated"),
        ("No fever but signs of lymphoma", "kept"),
        ("No fever, but suspicion of lymphoma", "uncertain"),
        ("No fever; suspicion of lymphoma", "uncertain"),
        ("No fever; evidence of lymphoma", "kept"),
        ("No fever and suspicion of lymphoma", "uncertain"),
        ("Patient denies pain but has signs of lymphoma", "kept"),
        ("No pain however evidence of metastases", "kept"),
        ("Kein Fieber aber Zeichen eines Lymphoms", "kept"),
        ("Kein Fieber und Verdacht auf Lymphom", "uncertain"),
        ("Keine Infektion, sondern Nachweis eines Lymphoms", "kept"),
        ("Pas de fièvre mais signes de lymphome", "kept"),
        ("Sin fiebre pero signos de linfoma", "kept"),
        ("No fiebre y sospecha de linfoma", "uncertain"),
        ("Nessuna febbre ma evidenza di linfoma", "kept"),
    ],
)
def test_a_denial_carries_to_the_sign_it_denies_and_never_past_its_end(text, said):  # MAL-4
    assert said_of(text)[0] == said


def test_metastases_are_denied_and_not_their_carcinoma():  # MAL-4
    assert [hit.dropped for hit in judged("No metastases from the carcinoma")] == ["negated", None]


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("Melanoma before CAR-T infusion", "past"),
        ("Melanoma, no cancer before CAR-T infusion", None),
        ("Melanoma 10 years ago", "past"),
        # Nine years ago may be after day 0 of the first who were treated.
        ("Melanoma 9 years ago", None),
        ("Melanom vor 20 Jahren", "past"),
        ("BCC removed from the nose 2019", "past"),
        ("Carcinoma of the prostate (2011, cured)", "past"),
        ("Carcinoma of the prostate, LDH 2011", None),
    ],
)
def test_the_past_is_told_in_other_ways_than_a_year_beside_it(text, dropped):  # MAL-4
    assert judged(text)[0].dropped == dropped


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("The mother of the patient has lymphoma", "someone_else"),
        ("Le frère du patient est atteint de leucémie", "someone_else"),
        ("Mother well, the patient has lymphoma", None),
        ("Husband reports lymphoma", None),
        ("No family history, lymphoma", None),
        ("No family history of lymphoma", "negated"),
    ],
)
def test_who_tells_is_not_who_is_ill(text, dropped):  # MAL-4
    assert judged(text)[0].dropped == dropped


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("Melanoma in 2024", "past"),
        ("Melanoma in 2025", None),
        ("Melanoma 02/2025", "past"),
        ("Melanoma 03/2025", None),
        ("Melanoma 2025-02-28", "past"),
        ("Melanoma 2025-03-01", None),
        # Day and month of a date with slashes may be either way round: the later reading decides.
        ("Melanoma 01/04/2025", None),
        ("Melanoma 01/02/2025", "past"),
        ("Melanoma at a dose of 2000 mg", None),
        ("Melanoma of 2009 and again in 2026", None),
    ],
)
def test_only_a_date_wholly_before_day_0_is_the_past(text, dropped):  # MAL-4
    assert [hit.dropped for hit in judged(text)] == [dropped]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Relapsed in May", True),
        ("Disease progression", True),
        ("Transformation to large-cell lymphoma", True),
        ("Recurrent disease", True),
        ("No recurrence", False),
        ("Without progression since 2020", False),
        ("Stable", False),
    ],
)
def test_a_word_of_recurrence_counts_unless_denied(text, said):  # MAL-6
    assert says_recurrence(text=text) is said


@pytest.mark.parametrize(
    ("text", "is_recurrence"),
    [
        ("Recurrence of melanoma, first treated 2009", True),
        ("History of breast cancer, relapsed", True),
        ("Recurrent disease after melanoma", False),
        ("Melanoma", False),
    ],
)
def test_the_past_that_came_back_is_marked(text, is_recurrence):  # MAL-4, MAL-6
    assert [hit.is_recurrence for hit in judged(text)] == [is_recurrence]


# Abbreviations count in capitals only, so changes of case are drawn on sentences without any.
WRITTEN_OUT = [sentence for sentence in ENGLISH if sentence.text[1:].islower()]
SPACES = st.sampled_from([" ", "  ", "\t", "\u00a0"])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(WRITTEN_OUT), st.data())
def test_space_case_and_accents_change_nothing(sentence, data):  # MAL-3
    written = "".join(
        data.draw(SPACES) if letter == " " else data.draw(st.sampled_from([letter, letter.upper()]))
        for letter in sentence.text
    )
    with_accents = unicodedata.normalize(
        "NFC", "".join(letter + ("\u0301" if letter in "aeo" else "") for letter in written)
    )

    assert said_of(written) == said_of(with_accents) == said_of(sentence.text)
    assert fold(with_accents) == fold(written)


UNRELATED = [
    "Blood pressure was 120 over 80.",
    "She takes hydroxychloroquine 200 mg.",
    "No fever and no cough.",
    "Her mother is well.",
    "Past medical history of lupus since 2011.",
    "Possible infection of the skin.",
    "Screening for tuberculosis was normal.",
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ENGLISH), st.lists(st.sampled_from(UNRELATED), max_size=3), st.booleans())
def test_an_unrelated_sentence_neither_removes_nor_changes_a_hit(sentence, others, is_before):  # MAL-4
    alone = [(hit.hit.words, hit.dropped, hit.is_uncertain) for hit in judged(sentence.text)]
    around = " ".join(others)

    text = f"{around} {sentence.text}." if is_before else f"{sentence.text}. {around}"

    assert [(hit.hit.words, hit.dropped, hit.is_uncertain) for hit in judged(text)] == alone


def test_a_text_without_terms_has_no_hits():
    assert judged("No evidence of infection in 2009") == ()
    assert judged("") == ()
