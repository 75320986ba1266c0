"""What an officer reads: each rule's findings in words, with the numbers of the evidence."""

from datetime import date

import pytest

from registry.clinical.partial_dates import PartialDate
from registry.clinical.spoken_dates import spoken_span
from registry.monitoring import (
    overdue_visit,
    prolonged_cytopenia,
    secondary_malignancy,
    unresolved_at_day_28,
)
from registry.monitoring.evidence import Event, EventReport, History
from registry.web.officer import wording
from registry.web.officer.wording.secondary_malignancy import dropped_hits
from registry.web.officer.wording.told import Told, number
from tests.tables import SCHEDULE, history_of, on_day, schedule_of


def told_of(rule, history, *, on, subject=None):
    """What the one finding of the rule would leave in its alert."""
    (finding,) = [each for each in rule.findings(history, on) if subject is None or each.subject == subject]
    return Told(
        rule=rule.key,
        subject=finding.subject,
        certainty=finding.certainty,
        day_zero=finding.day_zero,
        last_on=finding.last_on,
        evidence=finding.evidence,
        limits=rule.limits_as_json,
    )


def sentence_of(told):
    return "".join(part.text for part in wording.reasons_of(told).why)


def cytopenia(table, *, day):
    return told_of(prolonged_cytopenia.RULE, history_of(table), on=on_day(day))


RECOVERED = """
    day | ANC
    ----+----
      5 | 0.9
     20 | 0.2
     34 | 0.8
     40 | 1.5
     41 | 1.6
     42 | 1.7
"""


def test_a_certain_cytopenia_is_told_with_its_days_its_limit_and_its_depth():  # CYT-6, CYT-9
    told = cytopenia(RECOVERED, day=60)

    assert wording.line_of(told) == (
        "ANC < 1.0 ×10⁹/L for 29 days, 6 Mar–4 Apr 2024 (days 5–34), deepest 0.2 ×10⁹/L, "
        "recovered 10 Apr 2024 (day 40)"
    )
    assert sentence_of(told) == (
        "Neutrophils were below 1.0 ×10⁹/L from 6 Mar 2024 (day 5) to 4 Apr 2024 (day 34): 29 days, more "
        "than the limit of 28. Deepest: 0.2 ×10⁹/L on 21 Mar 2024 (day 20). Recovered on "
        "10 Apr 2024 (day 40)."
    )


def test_each_day_of_the_sentence_leads_to_its_values():
    anchors = [part.anchor for part in wording.reasons_of(cytopenia(RECOVERED, day=60)).why if part.anchor]

    assert anchors == ["values-2024-03-06", "values-2024-04-04", "values-2024-03-21"]


def test_a_silence_is_told_as_one_and_says_which_count_would_settle_it():  # CYT-8, the worked P17
    told = cytopenia(
        """
        day | PLT
        ----+----
          4 | 60
          5 | 25
         20 | 30
    """,
        day=34,
    )

    assert wording.line_of(told) == (
        "PLT < 50 ×10⁹/L for 15 days, 6–21 Mar 2024 (days 5–20), possibly for 29 days, "
        "deepest 25 ×10⁹/L, no rise seen since"
    )
    assert "29 days, more than the limit of 28, cannot be excluded" in sentence_of(told)
    assert (
        "No value of platelets that proves otherwise since 21 Mar 2024 (day 20), for 14 days: "
        in sentence_of(told)
    )
    settles = wording.reasons_of(told).what_would_change[0]
    # Day 34 not low leaves 33 − 5 = 28 possible days, which is not over 28; day 35 would leave 29.
    assert "after 21 Mar 2024 (day 20) and up to 4 Apr 2024 (day 34)" in settles
    assert settles.endswith("a later one no longer can.")


@pytest.mark.parametrize(
    ("day", "is_settled"),
    [(33, True), (34, True), (35, False)],
)
def test_the_count_that_is_said_to_settle_it_does_so_on_the_last_day_named(day, is_settled):
    table = f"""
        day | PLT
        ----+----
          4 | 60
          5 | 25
         20 | 30
        {day} | 80
    """

    assert (prolonged_cytopenia.RULE.findings(history_of(table), on_day(60)) == ()) is is_settled


def test_one_low_day_is_told_as_a_day():
    told = cytopenia(
        """
        day | HGB
        ----+----
         10 | 70
         45 | 95
    """,
        day=60,
    )

    assert wording.line_of(told) == (
        "HGB < 80 g/L on 11 Mar 2024 (day 10), possibly for 44 days, deepest 70 g/L, rising"
    )
    assert sentence_of(told).startswith("Haemoglobin was below 80 g/L on 11 Mar 2024 (day 10). From ")


def test_the_labels_of_an_episode_are_sentences():  # CYT-10
    told = cytopenia(
        """
        day | ANC | given
        ----+-----+------
         -5 | 0.9 |
          5 | 0.9 |
         14 | 1.9 | g_csf
         20 | 0.4 |
         34 | 0.8 |
    """,
        day=40,
    )

    assert wording.reasons_of(told).labels == (
        "Low already in the 30 days before day 0.",
        "A support (growth factor or transfusion) lifted at least one count inside the episode.",
        "Largest gap between two values inside the episode: 14 days.",
        "Deepest value: CTCAE v5.0 grade 4, CTCAE v6.0 grade 3.",
    )


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (
            "20:0.4 23:0.6",
            "no count at or above that limit came after it up to day 28 (29 Mar 2024), leaving out those",
        ),
        ("16:0.4 25:1.2 35:0.8", "was low again by day 42, and no recovery lies between"),
        ("10:0.4", "Whether it resolved by then cannot be told"),
        ("10:0.4 20:1.3", "the recovery was not confirmed"),
    ],
)
def test_each_reading_of_day_28_has_its_words(days, words):  # LMK-2, LMK-3
    rows = "\n".join(pair.replace(":", " | ") for pair in days.split())
    told = told_of(unresolved_at_day_28.RULE, history_of(f"day | ANC\n----+----\n{rows}"), on=on_day(60))

    assert words in sentence_of(told)
    assert "UNTOLD" not in wording.line_of(told)
    assert wording.line_of(told).startswith("ANC < 1.0 ×10⁹/L, last low ")


def test_a_low_count_on_day_28_itself_is_not_said_to_wait_for_a_later_one():  # LMK-2
    low_on_the_day = told_of(
        unresolved_at_day_28.RULE, history_of("day | ANC\n----+----\n20 | 0.6\n28 | 0.4"), on=on_day(34)
    )
    low_the_day_before = told_of(
        unresolved_at_day_28.RULE, history_of("day | ANC\n----+----\n20 | 0.6\n27 | 0.4"), on=on_day(34)
    )

    assert wording.reasons_of(low_on_the_day).what_would_change == (
        "No later result settles it, as 29 Mar 2024 is day 28 itself; a correction of that count can.",
    )
    assert (
        "after 28 Mar 2024 (day 27) and by day 28 (29 Mar 2024) settles it"
        in (wording.reasons_of(low_the_day_before).what_would_change[0])
    )


def overdue(day, code):
    history = history_of(schedules=[schedule_of(SCHEDULE)])
    return told_of(overdue_visit.RULE, history, on=on_day(day), subject=f"{code}@2024-03-01")


def test_an_overdue_visit_is_told_with_its_window_and_its_days():  # OVD-4
    told = overdue(32, "D28")

    assert wording.line_of(told) == "Visit D28 1 day overdue, window 26 Mar–1 Apr 2024 (days 25–31)"
    assert sentence_of(told) == (
        "Visit D28 was due on 29 Mar 2024 (day 28) in the window from 26 Mar 2024 (day 25) to 1 Apr 2024 "
        "(day 31), and is recorded neither as completed nor as missed: 1 day overdue on 2 Apr 2024 (day 32)."
    )


def test_a_visit_of_one_day_is_not_told_as_a_window():
    assert sentence_of(overdue(3, "D1")).startswith(
        "Visit D1 was due on 2 Mar 2024 (day 1) and on no other day, and is recorded neither"
    )


def test_an_overdue_visit_whose_next_window_opened_is_missed_undocumented():  # OVD-7
    assert wording.reasons_of(overdue(60, "D28")).labels == (
        "Missed, undocumented: the window of M2 has opened.",
    )


def malignancy(*, narrative="", category="", started_on="2024-05", **report):
    event = Event(
        event_id="AE-1",
        category=category,
        started_on=PartialDate.parse(started_on) if started_on else None,
        ended_on=None,
        reports=(EventReport(reported_on=on_day(90), term="Rash", narrative=narrative, **report),),
    )
    history = History(patient_id=1, enrolled_on=on_day(0), day_zeros=(on_day(0),), events=(event,))
    return told_of(secondary_malignancy.RULE, history, on=on_day(120))


def test_a_candidate_in_words_names_the_words_the_class_and_the_onset():  # MAL-8, MAL-11
    told = malignancy(narrative="The biopsy reads CTCL. Mother had breast cancer.")

    assert wording.line_of(told) == (
        "T-cell malignancy: “CTCL” in adverse event AE-1, onset May 2024 (from day 61)"
    )
    assert "The record cannot exclude it, nor does it prove it." in sentence_of(told)
    assert "Read with the lists malignancy terms 3, assertion cues 3, icd10 malignancy 2" in sentence_of(told)
    assert dropped_hits(told.evidence) == [("breast cancer", "it is about somebody else (“Mother”)")]


def test_a_candidate_by_code_names_the_code():  # MAL-2
    told = malignancy(code_system="ICD-10", code="D46.9", started_on="2024-05-10")

    assert (
        wording.line_of(told)
        == "Myeloid malignancy: “D46.9” in adverse event AE-1, onset 10 May 2024 (day 70)"
    )


def test_a_candidate_without_an_onset_says_so():
    assert wording.line_of(malignancy(category="malignancy", started_on="")).endswith("onset not known")


def test_a_laboratory_trigger_is_told_with_its_results():  # MAL-7
    history = history_of("""
        day | BLASTS
        ----+-------
         40 | 6
    """)
    told = told_of(secondary_malignancy.RULE, history, on=on_day(60))

    assert wording.line_of(told) == "BLASTS 6 % on 10 Apr 2024 (day 40)"
    assert sentence_of(told).startswith(
        "Laboratory trigger L3, blasts in the blood: BLASTS 6 % on 10 Apr 2024 (day 40)."
    )


@pytest.mark.parametrize("rule", ["prolonged_cytopenia", "a_rule_of_tomorrow"])
def test_an_alert_that_cannot_be_put_into_words_is_still_told(rule):
    told = Told(
        rule=rule,
        subject="ANC",
        certainty="certain",
        day_zero=on_day(0),
        last_on=on_day(9),
        evidence={},
        limits={},
    )

    assert "shown whole under “Evidence as stored”" in wording.line_of(told)
    assert "shown whole under “Evidence as stored”" in sentence_of(told)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2026, 10, 14), date(2026, 11, 14), "14 Oct–14 Nov 2026"),
        (date(2024, 3, 6), date(2024, 3, 21), "6–21 Mar 2024"),
        (date(2025, 12, 28), date(2026, 1, 3), "28 Dec 2025–3 Jan 2026"),
        (date(2024, 4, 4), date(2024, 4, 4), "4 Apr 2024"),
    ],
)
def test_a_span_names_a_year_once(first, last, words):
    assert spoken_span(first, last) == words


def test_every_date_of_a_further_low_count_has_its_study_day():
    changes = wording.reasons_of(cytopenia(RECOVERED, day=60)).what_would_change

    assert changes[2] == (
        "A further low count within 35 days after 4 Apr 2024 (day 34), before a recovery, lengthens it."
    )


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (5, 34, "6 Mar–4 Apr 2024 (days 5–34)"),
        (0, 0, "1 Mar 2024 (day 0)"),
        (-3, 3, "27 Feb–4 Mar 2024 (days −3 to 3)"),
    ],
)
def test_a_span_has_its_study_days(first, last, words):
    assert cytopenia(RECOVERED, day=60).span(on_day(first), on_day(last)) == words


def test_a_day_before_day_0_has_a_real_minus_sign():
    assert [number(day) for day in (-5, 0, 5)] == ["−5", "0", "5"]
