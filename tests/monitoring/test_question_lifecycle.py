"""The states of a question and who may move it where; its age in days of the site."""

from datetime import UTC, date, datetime
from itertools import product

import pytest

from registry.monitoring import question_lifecycle as lifecycle
from registry.monitoring.question_lifecycle import (
    QuestionMoveNotAllowed,
    bucket_of,
    bucket_words,
    check_move,
    days_open,
    days_past_due,
    moves_from,
)
from tests.tables import rows_of

STATES = tuple(lifecycle.MEANINGS)

# a: who asks may, t: the site may, s: the registry may; empty: nobody may.
DRAWN = """
    from      | open | answered | closed | cancelled
    ----------+------+----------+--------+----------
    open      |      | t        | a s    | a
    answered  | a    |          | a s    |
    closed    | a s  |          |        |
    cancelled | a s  |          |        |
"""
ALLOWED = {
    (row["from"], state): set((row[state] or "").split()) for row in rows_of(DRAWN) for state in STATES
}
MOVERS = {"asker": "a", "site": "t", "system": "s"}


def is_allowed(from_state, to_state, by):
    try:
        check_move(from_state=from_state, to_state=to_state, by=by)
    except QuestionMoveNotAllowed:
        return False
    return True


@pytest.mark.parametrize("by", MOVERS)
@pytest.mark.parametrize(("from_state", "to_state"), list(product(STATES, STATES)))
def test_every_move_is_as_it_is_drawn(from_state, to_state, by):
    assert is_allowed(from_state, to_state, by) == (MOVERS[by] in ALLOWED[from_state, to_state])


def test_a_site_can_do_nothing_but_answer():
    assert {state: moves_from(state, by="site") for state in STATES} == {
        "open": ("answered",),
        "answered": (),
        "closed": (),
        "cancelled": (),
    }


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_a_word_on_either_side(state):
    assert lifecycle.SITE_WORDS[state]
    assert lifecycle.ASKER_WORDS[state]


def test_a_refusal_tells_people_what_happened():
    with pytest.raises(QuestionMoveNotAllowed) as refusal:
        check_move(from_state="closed", to_state="answered", by="site")

    assert (
        refusal.value.for_people == "This question is closed already. Ask again if something is still open."
    )


def instant(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Vienna is two hours before UTC in summer and one in winter; the clocks went forward on 31 March 2024.
AGES = """
    time_zone        | asked_at         | until            | days
    -----------------+------------------+------------------+-----
    Europe/Vienna    | 2024-09-01 10:00 | 2024-09-01 21:59 | 0
    Europe/Vienna    | 2024-09-01 10:00 | 2024-09-01 22:00 | 1
    Europe/Vienna    | 2024-09-01 22:00 | 2024-09-02 21:59 | 0
    Europe/Vienna    | 2024-09-01 21:59 | 2024-09-01 22:00 | 1
    UTC              | 2024-09-01 21:59 | 2024-09-01 22:00 | 0
    Europe/Vienna    | 2024-03-30 23:30 | 2024-03-31 21:59 | 0
    Europe/Vienna    | 2024-03-30 22:59 | 2024-03-31 22:00 | 2
    America/New_York | 2024-09-01 03:59 | 2024-09-01 04:00 | 1
    Pacific/Auckland | 2024-09-01 11:59 | 2024-09-01 12:00 | 1
    Europe/Vienna    | 2024-02-28 12:00 | 2024-03-01 12:00 | 2
"""


@pytest.mark.parametrize("row", rows_of(AGES), ids=lambda row: f"{row['time_zone']} {row['asked_at']}")
def test_a_question_ages_by_a_day_at_each_midnight_of_the_site(row):
    found = days_open(
        asked_at=instant(row["asked_at"]), until=instant(row["until"]), time_zone=row["time_zone"]
    )

    assert found == int(row["days"])


@pytest.mark.parametrize(
    ("days", "bucket", "words"),
    [
        (0, "0-7", "0–7 days"),
        (7, "0-7", "0–7 days"),
        (8, "8-14", "8–14 days"),
        (14, "8-14", "8–14 days"),
        (15, "15-30", "15–30 days"),
        (30, "15-30", "15–30 days"),
        (31, "31-60", "31–60 days"),
        (60, "31-60", "31–60 days"),
        (61, "61", "over 60 days"),
        (4000, "61", "over 60 days"),
    ],
)
def test_each_age_has_one_bucket(days, bucket, words):
    assert (bucket_of(days), bucket_words(bucket)) == (bucket, words)


@pytest.mark.parametrize(
    ("due_on", "late"), [(None, 0), (date(2024, 9, 2), 0), (date(2024, 9, 1), 0), (date(2024, 8, 31), 1)]
)
def test_an_answer_is_late_from_the_day_after_it_was_due(due_on, late):
    assert days_past_due(due_on=due_on, today=date(2024, 9, 1)) == late
