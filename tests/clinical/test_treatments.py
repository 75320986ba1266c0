"""Doses, equivalents and drug-free days over treatments whose dates are known only in part."""

from datetime import date
from decimal import Decimal

import pytest

from registry.clinical.partial_dates import PartialDate
from registry.clinical.treatments import (
    Span,
    drug_free_on,
    overlapping,
    prednisolone_equivalent,
    prednisolone_on,
    read_dose,
)

EQUIVALENTS = [
    ("prednisolone", "5", "5"),
    ("prednisone", "5", "5"),
    ("methylprednisolone", "4", "5"),
    ("methylprednisolone", "1000", "1250"),
    ("dexamethasone", "0.75", "5"),
    ("dexamethasone", "6", "40"),
    ("hydrocortisone", "20", "5"),
    ("cortisone", "25", "5"),
]


@pytest.mark.parametrize(("agent", "dose", "prednisolone"), EQUIVALENTS)
def test_glucocorticoids_in_prednisolone(agent, dose, prednisolone):
    assert prednisolone_equivalent(agent=agent, mg_per_day=Decimal(dose)) == Decimal(prednisolone)


def test_what_is_no_glucocorticoid_has_no_equivalent():
    with pytest.raises(KeyError):
        prednisolone_equivalent(agent="azathioprine", mg_per_day=Decimal(5))


DOSES = [("7.5", "7.5"), ("7,5 mg", "7.5"), ("5 mg/day", "5"), ("5 MG per day", "5"), ("5 mg a day", "5")]
NO_DOSES = ["", "five", "5 mg twice a day", "5 g", "5-10", "-5", "12345"]


@pytest.mark.parametrize(("text", "dose"), DOSES)
def test_a_daily_dose_is_read(text, dose):
    assert read_dose(text) == Decimal(dose)


@pytest.mark.parametrize("text", NO_DOSES)
def test_what_is_no_daily_dose_is_not_guessed(text):
    assert read_dose(text) is None


def span(text, agent="azathioprine", dose=None):
    start, _, stop = text.partition("..")
    return Span(
        agent,
        PartialDate.parse(start),
        PartialDate.parse(stop) if stop else None,
        mg_per_day=Decimal(dose) if dose else None,
    )


# spans of azathioprine | the day | complete list of | state | since
STATUS = """
                                    | 2024-06-01 | 2024-06-01 | yes     | with no such drug recorded
                                    | 2024-06-01 | 2024-07-01 | yes     | with no such drug recorded
                                    | 2024-06-01 | 2024-05-31 | unknown |
                                    | 2024-06-01 |            | unknown |
    2024-01-01..                    | 2024-06-01 | 2024-06-01 | no      |
    2024-01-01..                    | 2024-06-01 |            | no      |
    2024-01-01..                    | 2024-01-01 | 2024-06-01 | no      |
    2024-01-01..                    | 2023-12-31 | 2024-06-01 | yes     | with no such drug recorded
    2024-01-01..2024-06-02          | 2024-06-01 | 2024-06-09 | no      |
    2024-01-01..2024-06-01          | 2024-06-01 | 2024-06-09 | yes     | since 1 Jun 2024
    2024-01-01..2024-05-31          | 2024-06-01 | 2024-06-09 | yes     | since 31 May 2024
    2024-01-01..2024-05             | 2024-04-30 | 2024-06-09 | no      |
    2024-01-01..2024-05             | 2024-05-01 | 2024-06-09 | unknown |
    2024-01-01..2024-05             | 2024-05-30 | 2024-06-09 | unknown |
    2024-01-01..2024-05             | 2024-05-31 | 2024-06-09 | yes     | since 31 May 2024 or earlier
    2024-01-01..2024                | 2024-06-01 | 2024-06-09 | unknown |
    2023..2024-02-01                | 2023-06-01 | 2024-06-09 | unknown |
    2023..2024-02-01                | 2023-12-31 | 2024-06-09 | no      |
    2024-05..                       | 2024-04-30 | 2024-06-09 | yes     | with no such drug recorded
    2024-05..                       | 2024-05-01 | 2024-06-09 | unknown |
    2024-05..                       | 2024-05-31 | 2024-06-09 | no      |
    2024-05-01..2024-05-01          | 2024-05-01 | 2024-06-09 | no      |
    2024-05-01..2024-05-01          | 2024-05-02 | 2024-06-09 | yes     | since 1 May 2024
    2024-05..2024-05                | 2024-05-15 | 2024-06-09 | unknown |
    2024-05..2024-05                | 2024-06-01 | 2024-06-09 | yes     | since 31 May 2024 or earlier
    2023-01-01..2023-06-01 2024-01-01..2024-02 | 2024-06-01 | 2024-06-09 | yes | since 29 Feb 2024 or earlier
    2023..2023 2024-06-01..         | 2024-06-01 | 2024-06-09 | no      |
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in STATUS.strip("\n").splitlines() if "|" in line]


@pytest.mark.parametrize(("spans", "on", "asked_on", "state", "since"), ROWS)
def test_whether_a_day_was_free_of_drugs(spans, on, asked_on, state, since):
    found = drug_free_on(
        spans=[span(text) for text in spans.split()],
        on=date.fromisoformat(on),
        asked_on=date.fromisoformat(asked_on) if asked_on else None,
    )

    assert (found.state, found.since) == (state, since)


COUNTED = [
    ("prednisolone", "no"),
    ("rituximab", "no"),
    ("jak_inhibitor", "no"),
    ("ivig_high_dose", "no"),
    ("hydroxychloroquine", "yes"),
    ("ivig_replacement", "yes"),
    ("cotrimoxazole", "yes"),
]


@pytest.mark.parametrize(("agent", "state"), COUNTED)
def test_antimalarials_replaced_immunoglobulin_and_prophylaxis_are_told_apart(agent, state):
    on = date(2024, 6, 1)

    assert drug_free_on(spans=[span("2024-01-01..", agent)], on=on, asked_on=on).state == state


def test_the_status_speaks_in_sentences():
    on = date(2024, 6, 1)
    spans = [span("2024-01-01.."), span("2024-01-01..", "rituximab")]

    assert drug_free_on(spans=spans, on=on, asked_on=on).words == (
        "not drug-free, since azathioprine and rituximab were taken on 1 Jun 2024"
    )
    assert drug_free_on(spans=[span("2024..")], on=on, asked_on=on).words == (
        "cannot be said, since of azathioprine the start or stop is known only in part"
    )
    assert drug_free_on(spans=[], on=on, asked_on=date(2024, 5, 1)).words == (
        "cannot be said, since the list of treatments was complete on 1 May 2024, not since"
    )


DOSES_OF_A_DAY = [
    ("", "2024-06-01", "0"),
    ("prednisolone 5 2024-01-01..", "2024-06-01", "5"),
    ("prednisolone 5 2024-01-01..2024-06-01, prednisolone 2.5 2024-06-01..", "2024-05-31", "5"),
    ("prednisolone 5 2024-01-01..2024-06-01, prednisolone 2.5 2024-06-01..", "2024-06-01", "2.5"),
    ("methylprednisolone 4 2024-01-01.., hydrocortisone 20 2024-01-01..", "2024-06-01", "10"),
    ("prednisolone 5 2024-01-01..2024-06", "2024-06-01", None),
    ("prednisolone 5 2024-06..", "2024-06-01", None),
]


@pytest.mark.parametrize(("doses", "on", "expected"), DOSES_OF_A_DAY)
def test_the_glucocorticoid_dose_of_a_day(doses, on, expected):
    spans = [
        span(text, agent, dose) for agent, dose, text in (row.split() for row in doses.split(", ") if row)
    ]

    dose, why = prednisolone_on(spans=spans, on=date.fromisoformat(on), asked_on=date(2024, 7, 1))

    assert dose == (Decimal(expected) if expected else None)
    assert bool(why) is (expected is None)


def test_a_dose_after_the_last_complete_list_is_not_known():
    dose, why = prednisolone_on(
        spans=[span("2024-01-01..", "prednisolone", "5")], on=date(2024, 6, 2), asked_on=date(2024, 6, 1)
    )

    assert (dose, bool(why)) == (None, True)


OVERLAPS = [
    ("2024-01-01..2024-06-01 2024-06-01..", False),
    ("2024-01-01..2024-06-01 2024-05-31..", True),
    ("2024-01-01.. 2024-05-01..2024-05-02", True),
    ("2024-01-01..2024-06 2024-06-01..", False),
    ("2024-01-01..2024-06 2024-05-31..", True),
    ("2024-01.. 2024-01-30..2024-01-31", False),
    ("2024-01-01..2024-01-01 2024-01-15..2024-01-15", False),
    ("2024..2024 2024..2024", True),
]


@pytest.mark.parametrize(("spans", "is_refused"), OVERLAPS)
def test_periods_that_certainly_overlap_or_begin_alike_are_found(spans, is_refused):
    assert (overlapping([span(text) for text in spans.split()]) is not None) is is_refused


def test_another_drug_or_another_name_does_not_overlap():
    one, other = span("2024-01-01.."), span("2024-01-01..", "rituximab")
    first = Span("other_biologic", PartialDate.parse("2024"), None, "one")
    second = Span("other_biologic", PartialDate.parse("2024"), None, "two")

    assert overlapping([one, other, first, second]) is None
