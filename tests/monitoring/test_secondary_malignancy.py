"""A candidate second primary malignancy (rules.md section 4). Triggers and codes have files of their own."""

import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.clinical.partial_dates import PartialDate
from registry.monitoring.evidence import Event, EventReport, Finding, History, RecordedVisit
from registry.monitoring.secondary_malignancy import RULE, dropped_hits
from tests.clinical.sentences import ENGLISH
from tests.tables import rows_of

DAY_0 = date(2025, 3, 1)
AS_OF = date(2027, 1, 1)


def event(
    term: str = "",
    *,
    event_id: str = "E1",
    category: str = "other",
    started: str = "2025-06-01",
    reported: str = "",
    follow_ups: tuple[EventReport, ...] = (),
    **report: str,
) -> Event:
    first = EventReport(reported_on=date.fromisoformat(reported) if reported else None, term=term, **report)
    return Event(
        event_id=event_id,
        category=category,
        started_on=PartialDate.parse(started) if started else None,
        ended_on=None,
        reports=(first, *follow_ups),
    )


def visit(
    answer: bool | None,
    text: str = "",
    *,
    code: str = "M6",
    visited: str = "2025-09-01",
    day_zero: date = DAY_0,
) -> RecordedVisit:
    return RecordedVisit(
        visit_id=1,
        code=code,
        day_zero=day_zero,
        status="completed",
        visited_on=date.fromisoformat(visited),
        new_malignancy=answer,
        new_malignancy_text=text,
    )


def history(
    *events: Event,
    visits: tuple[RecordedVisit, ...] = (),
    day_zeros: tuple[date, ...] = (DAY_0,),
    died_of: str = "",
) -> History:
    return History(
        patient_id=1,
        enrolled_on=DAY_0,
        day_zeros=day_zeros,
        follow_up_ended_on=date(2026, 8, 9) if died_of else None,
        follow_up_end_reason="death" if died_of else "",
        cause_of_death=died_of,
        visits=visits,
        events=events,
    )


def findings(of: History, *, as_of: date = AS_OF) -> tuple[Finding, ...]:
    return RULE.findings(of, as_of)


def only(of: History) -> Finding:
    (finding,) = findings(of)
    return finding


RULE_BOOK = """
    term                                       | code  | started | certainty | class   | labels
    -------------------------------------------+-------+---------+-----------+---------+-------------
    Myelodysplasia                             | D46.9 | 2025-06 | certain   | myeloid |
    rash, biopsy reads CTCL                    |       | 2025-06 | possible  | t_cell  |
    MDS cannot be excluded                     |       | 2025-06 | possible  | myeloid |
    breast cancer                              |       | 2025    | possible  | solid   |
    recurrence of melanoma, first treated 2009 |       | 2025-06 | possible  | solid   | pre-existing
    personal history                           | Z85.3 | 2025-06 |           |         |
    naevus                                     | D22   | 2025-06 |           |         |
    mother had breast cancer                   |       | 2025-06 |           |         |
    no evidence of lymphoma                    |       | 2025-06 |           |         |
    cancer screening normal                    |       | 2025-06 |           |         |
    melanoma in situ removed 2009              |       | 2025-06 |           |         |
    CA-125 raised                              |       | 2025-06 |           |         |
    osteoblast activity                        |       | 2025-06 |           |         |
    blastomycosis                              |       | 2025-06 |           |         |
"""


@pytest.mark.parametrize("row", rows_of(RULE_BOOK), ids=lambda row: row["term"])
def test_the_examples_of_the_rule_book(row):
    found = findings(
        history(event(row["term"], started=row["started"], code_system="ICD-10-CM", code=row["code"]))
    )

    said = [(f.certainty, f.evidence["class"], " ".join(f.evidence["labels"])) for f in found]
    assert said == ([(row["certainty"], row["class"], row["labels"])] if row["certainty"] else [])


@pytest.mark.parametrize("field", ["term", "coded_term", "narrative"])
def test_every_text_of_an_event_is_read(field):  # MAL-1
    assert only(history(event(**{field: "Lymphoma"}))).subject == "adverse_event:E1"


def test_a_follow_up_is_read_as_the_first_report_is():  # MAL-1
    follow_up = EventReport(reported_on=date(2025, 8, 1), narrative="Biopsy: CTCL")

    finding = only(history(event("Rash", category="licats", reported="2025-06-03", follow_ups=(follow_up,))))

    assert (finding.evidence["class"], finding.last_on) == ("t_cell", date(2025, 8, 1))


def test_a_follow_up_after_the_as_of_date_is_not_seen():  # G-2
    follow_up = EventReport(reported_on=date(2025, 8, 1), narrative="Biopsy: CTCL")
    of = history(event("Rash", reported="2025-06-03", follow_ups=(follow_up,)))

    assert findings(of, as_of=date(2025, 7, 31)) == ()
    assert len(findings(of, as_of=date(2025, 8, 1))) == 1


def test_an_event_reported_after_the_as_of_date_is_not_seen():  # G-2
    of = history(event("Lump", category="malignancy", started="2025-06-01", reported="2025-08-01"))

    assert findings(of, as_of=date(2025, 7, 31)) == ()
    assert len(findings(of, as_of=date(2025, 8, 1))) == 1


CERTAINTY = """
    category   | system  | code  | term                      | certainty | severity | class
    -----------+---------+-------+---------------------------+-----------+----------+------------------
    other      |         |       | Colon cancer              | possible  | medium   | solid
    malignancy |         |       | Colon cancer              | certain   | high     | solid
    malignancy |         |       | Lump                      | certain   | high     | unspecified
    malignancy |         |       | Suspected colon cancer    | possible  | medium   | solid
    malignancy |         |       | Suspected lump            | certain   | high     | unspecified
    other      | ICD-10  | C18.9 | Lump                      | certain   | high     | solid
    other      | ICD-10  | C18.9 | Colon cancer              | certain   | high     | solid
    other      | ICD-10  | C18.9 | Possible colon cancer     | possible  | medium   | solid
    other      | ICD-10  | C18.9 | No evidence of cancer     | certain   | high     | solid
    other      | ICD-10  | C44.3 | Lesion of the nose        | certain   | medium   | skin_non_melanoma
    other      | ICD-10  | D05.1 | Lesion of the breast      | certain   | medium   | in_situ
    other      | ICD-10  | D39.1 | Lesion of the ovary       | possible  | medium   | uncertain
    malignancy | ICD-10  | D39.1 | Lesion of the ovary       | certain   | high     | uncertain
    other      | ICD-10  | D47.2 | Paraprotein               | possible  | medium   | uncertain
    other      | ICD-10  | C84.0 | Rash                      | certain   | critical | t_cell
    other      | ICD-10  | C92.0 | Anaemia                   | certain   | critical | myeloid
    other      | ICD-10  | C85.9 | Node                      | certain   | high     | lymphoid
    other      | ICD-10  | C85.9 | T-cell lymphoma           | certain   | critical | t_cell
    other      | ICD-10  | C91.0 | T-ALL                     | certain   | critical | t_cell
    other      | ICD-10  | C50.9 | T-cell lymphoma           | certain   | high     | solid
    other      | MedDRA  | 10028533 | Node                   |           |          |
    other      | MedDRA  | 10028533 | Myelodysplastic syndrome | possible | critical | myeloid
    other      | CTCAE   | 10028533 | Myelodysplastic syndrome | possible | critical | myeloid
    licats     |         |       | Mycosis fungoides         | possible  | critical | t_cell
    cytopenia  |         |       | Neutropenia               |           |          |
"""


@pytest.mark.parametrize(
    "row", rows_of(CERTAINTY), ids=lambda row: f"{row['category']} {row['code']} {row['term']}"
)
def test_certainty_severity_and_class(row):  # MAL-2, MAL-5, MAL-8, MAL-9
    found = findings(
        history(event(row["term"], category=row["category"], code_system=row["system"], code=row["code"]))
    )

    said = [(f.certainty, f.severity, f.evidence["class"]) for f in found]
    assert said == ([(row["certainty"], row["severity"], row["class"])] if row["certainty"] else [])


def test_one_sure_statement_beside_an_uncertain_one_stays_certain():  # MAL-5
    finding = only(
        history(event("Suspected lymphoma", category="malignancy", narrative="Biopsy: Hodgkin lymphoma."))
    )

    assert finding.certainty == "certain"


ONSETS = """
    started    | term                 | first      | latency | labels
    -----------+----------------------+------------+---------+-------------
    2025-02-28 | Lymphoma             |            |         |
    2025-03-01 | Lymphoma             | 2025-03-01 | 0       |
    2025-03-02 | Lymphoma             | 2025-03-02 | 1       |
    2025-02    | Lymphoma             |            |         |
    2025-03    | Lymphoma             | 2025-03-01 | 0       |
    2025       | Lymphoma             | 2025-01-01 | 0       |
    2024       | Lymphoma             |            |         |
    2026       | Lymphoma             | 2026-01-01 | 306     |
               | Lymphoma             | unknown    | unknown |
    2024       | Lymphoma relapse     | 2024-01-01 | -425    | pre-existing
    2024       | Progressive lymphoma | 2024-01-01 | -425    | pre-existing
    2024       | Transformed lymphoma | 2024-01-01 | -425    | pre-existing
    2024       | Lymphoma, no relapse |            |         |
    2025       | Relapse of lymphoma  | 2025-01-01 | 0       |
"""


@pytest.mark.parametrize("row", rows_of(ONSETS), ids=lambda row: f"{row['started']} {row['term']}")
def test_onset(row):  # MAL-6, MAL-11
    found = findings(history(event(row["term"], started=row["started"])))

    said = [
        (
            str(f.first_on or "unknown"),
            str("unknown" if f.evidence["latency_days"] is None else f.evidence["latency_days"]),
            " ".join(f.evidence["labels"]),
        )
        for f in found
    ]
    assert said == ([(row["first"], row["latency"], row["labels"])] if row["first"] else [])


def test_a_code_of_an_event_before_day_0_needs_a_word_of_recurrence_too():  # MAL-6
    assert findings(history(event("Node", started="2020", code_system="ICD-10", code="C85.9"))) == ()
    assert findings(history(event("Node relapsed", started="2020", code_system="ICD-10", code="C85.9")))


def test_an_onset_within_a_partial_date_counts_from_the_first_day_0():  # MAL-6
    day_zero = date(2026, 5, 10)

    finding = only(replace(history(event("Lymphoma", started="2026")), day_zeros=(day_zero,)))

    assert (finding.day_zero, finding.evidence["onset"], finding.evidence["latency_days"]) == (
        day_zero,
        "2026",
        0,
    )


def test_latency_counts_from_the_course_that_holds_the_onset():  # G-1, MAL-11
    second = date(2026, 3, 1)
    of = history(
        event("Lymphoma", event_id="A", started="2026-02-28"),
        event("Lymphoma", event_id="B", started="2026-03-11"),
        day_zeros=(DAY_0, second),
    )

    said = {f.evidence["source_id"]: (f.day_zero, f.evidence["latency_days"]) for f in findings(of)}

    assert said == {"A": (DAY_0, 364), "B": (second, 10)}


def test_without_any_date_the_latest_evidence_is_day_0():  # contract.md section 4
    finding = only(history(event("Lymphoma", started="")))

    assert (finding.first_on, finding.last_on, finding.day_zero) == (None, DAY_0, DAY_0)


@pytest.mark.parametrize(
    ("reported", "last"), [("2025-05-01", "2025-06-01"), ("2025-06-02", "2025-06-02"), ("", "2025-06-01")]
)
def test_the_latest_evidence_is_the_onset_or_a_later_report(reported, last):  # contract.md section 4
    finding = only(history(event("Lymphoma", reported=reported)))

    assert finding.last_on == date.fromisoformat(last)


def test_a_later_report_without_a_word_of_it_is_no_later_evidence():  # contract.md section 4
    later = EventReport(reported_on=date(2025, 9, 1), narrative="Outcome unchanged")

    assert only(history(event("Lymphoma", follow_ups=(later,)))).last_on == date(2025, 6, 1)


def test_the_evidence_has_the_keys_of_the_contract():  # MAL-11
    text = "Lymphoma on biopsy. Mother had breast cancer."

    evidence = only(history(event(text, code_system="ICD-10", code="C85.9"))).evidence

    assert evidence == {
        "source": "adverse_event",
        "source_id": "E1",
        "class": "lymphoid",
        "matched": ["C85.9", "Lymphoma"],
        "list_version": "malignancy_terms 3, assertion_cues 3, icd10_malignancy 2",
        "onset": "2025-06-01",
        "latency_days": 92,
        "labels": [],
        "dropped": [{"words": "breast cancer", "reason": "someone_else", "cue": "Mother"}],
    }
    assert json.loads(json.dumps(evidence)) == evidence


def test_words_said_twice_are_shown_once():  # MAL-11
    finding = only(history(event("LYMPHOMA", coded_term="Lymphoma", narrative="No melanoma. No melanoma.")))

    assert finding.evidence["matched"] == ["LYMPHOMA"]
    assert len(finding.evidence["dropped"]) == 1


def test_a_source_of_dropped_hits_only_is_no_candidate_but_can_be_asked_for():  # MAL-4
    of = history(
        event("No evidence of lymphoma"),
        visits=(visit(False, "Mother had breast cancer"),),
        died_of="Sepsis, no malignancy",
    )

    assert findings(of) == ()
    assert [(hit.subject, hit.words, hit.reason, hit.cue) for hit in dropped_hits(history=of)] == [
        ("adverse_event:E1", "lymphoma", "negated", "No evidence of"),
        ("visit_question:M6@2025-03-01", "breast cancer", "someone_else", "Mother"),
        ("cause_of_death", "malignancy", "negated", "no"),
    ]


VISITS = """
    answer | text                     | certainty | severity | class             | matched
    -------+--------------------------+-----------+----------+-------------------+--------------
    yes    |                          | possible  | medium   | unspecified       | yes
    yes    | Basal cell carcinoma     | possible  | medium   | skin_non_melanoma | Basal cell carcinoma
    yes    | Mycosis fungoides        | possible  | critical | t_cell            | Mycosis fungoides
    yes    | no evidence of lymphoma  | possible  | medium   | unspecified       | yes
    no     | Melanoma of the back     | possible  | medium   | solid             | Melanoma
    empty  | Melanoma of the back     | possible  | medium   | solid             | Melanoma
    no     | no evidence of lymphoma  |           |          |                   |
    no     |                          |           |          |                   |
    empty  |                          |           |          |                   |
"""


@pytest.mark.parametrize("row", rows_of(VISITS), ids=lambda row: f"{row['answer']} {row['text']}")
def test_the_visit_question(row):  # MAL-1, MAL-5
    answer = {"yes": True, "no": False, "empty": None}[row["answer"]]

    found = findings(history(visits=(visit(answer, row["text"]),)))

    said = [(f.certainty, f.severity, f.evidence["class"], " ".join(f.evidence["matched"])) for f in found]
    expected = (row["certainty"], row["severity"], row["class"], row["matched"])
    assert said == ([expected] if row["certainty"] else [])


def test_a_visit_s_candidate_is_dated_by_the_visit():  # MAL-10
    finding = only(history(visits=(visit(True, visited="2025-09-01"),)))

    assert finding.subject == "visit_question:M6@2025-03-01"
    assert finding.evidence["source_id"] == "M6@2025-03-01"
    assert (finding.first_on, finding.last_on) == (date(2025, 9, 1), date(2025, 9, 1))
    assert finding.evidence["latency_days"] == 184


def test_unscheduled_visits_of_one_day_0_are_one_candidate():  # MAL-10
    visits = tuple(
        visit(answer, text, code="UNS", visited=on)
        for answer, text, on in [
            (True, "Melanoma", "2025-10-01"),
            (False, "", "2025-07-01"),
            (True, "T-cell lymphoma", "2025-08-01"),
        ]
    )

    finding = only(history(visits=visits))

    assert finding.subject == "visit_question:UNS@2025-03-01"
    assert (finding.first_on, finding.last_on) == (date(2025, 8, 1), date(2025, 10, 1))
    assert finding.evidence["matched"] == ["T-cell lymphoma", "Melanoma"]


def test_a_missed_visit_without_a_date_belongs_to_its_course():  # MAL-10
    missed = replace(visit(True), status="missed", visited_on=None)

    assert only(history(visits=(missed,))).first_on == DAY_0


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("Metastatic colon cancer", ("possible", "medium", "solid")),
        ("Acute myeloid leukaemia", ("possible", "critical", "myeloid")),
        ("Pneumonia", None),
        ("Sepsis; no malignancy at autopsy", None),
    ],
)
def test_the_cause_of_death(cause, said):  # MAL-1
    found = findings(history(died_of=cause))

    assert [(f.certainty, f.severity, f.evidence["class"]) for f in found] == ([said] if said else [])
    assert all(
        (f.subject, f.first_on, f.last_on) == ("cause_of_death", *[date(2026, 8, 9)] * 2) for f in found
    )


def test_a_cause_of_death_is_not_seen_before_the_death():  # G-2
    assert findings(history(died_of="Lymphoma"), as_of=date(2026, 8, 8)) == ()
    assert findings(history(died_of="Lymphoma"), as_of=date(2026, 8, 9))


def test_a_text_left_over_from_another_end_of_follow_up_is_no_cause_of_death():  # MAL-1
    of = replace(history(died_of="Lymphoma"), follow_up_end_reason="withdrawal")

    assert findings(of) == ()


def test_each_source_is_one_candidate():  # MAL-10
    of = history(
        event("Lymphoma", event_id="A"),
        event("Lymphoma and melanoma", event_id="B"),
        visits=(visit(True, "Lymphoma"),),
        died_of="Lymphoma",
    )

    assert [finding.subject for finding in findings(of)] == [
        "adverse_event:A",
        "adverse_event:B",
        "visit_question:M6@2025-03-01",
        "cause_of_death",
    ]


def test_a_screened_patient_has_no_candidate():
    assert findings(replace(history(event("Lymphoma")), enrolled_on=None)) == ()


# Terms of the CDISC pilot study as its sites wrote them; three of them are malignancies.
PILOT_TERMS = """
    term                                | is_candidate
    ------------------------------------+-------------
    PROSTATE CANCER                     | yes
    COLON CANCER                        | yes
    MALIGNANT FIBROUS HISTIOCYTOMA      | yes
    ACTINIC KERATOSIS                   |
    ACROCHORDON EXCISION                |
    ALLERGIC GRANULOMATOUS ANGIITIS     |
    BENIGN PROSTATIC HYPERPLASIA        |
    BIOPSY PROSTATE                     |
    CYST                                |
    GLAUCOMA                            |
    NASAL MUCOSA BIOPSY                 |
    SKIN LESION EXCISION                |
    WHITE BLOOD CELL COUNT INCREASED    |
    WOLFF-PARKINSON-WHITE SYNDROME      |
"""


@pytest.mark.parametrize("row", rows_of(PILOT_TERMS), ids=lambda row: row["term"])
def test_terms_of_a_real_study(row):  # MAL-3
    found = findings(history(event(row["term"], coded_term=row["term"])))

    assert bool(found) is (row["is_candidate"] == "yes")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(ENGLISH), max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_entry_changes_nothing(drawn, random):  # G-2
    events = [event(sentence.text, event_id=f"E{number}") for number, sentence in enumerate(drawn)]
    visits = [visit(True, sentence.text, code=f"V{number}") for number, sentence in enumerate(drawn)]

    other = history(*random.sample(events, len(events)), visits=tuple(random.sample(visits, len(visits))))

    assert findings(other) == findings(history(*events, visits=tuple(visits)))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ENGLISH), st.sampled_from(ENGLISH))
def test_another_report_never_removes_a_candidate(sentence, other):  # MAL-4
    alone = findings(history(event(sentence.text)))
    follow_up = EventReport(reported_on=date(2025, 7, 1), narrative=other.text)

    both = findings(history(event(sentence.text, follow_ups=(follow_up,))))

    assert {finding.subject for finding in alone} <= {finding.subject for finding in both}
