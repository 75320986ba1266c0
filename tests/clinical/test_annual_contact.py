"""Which planned visits are asked as a yearly contact, and when *lost* may be offered."""

from datetime import date

import pytest

from registry.clinical.annual_contact import QUESTIONS, REMOTE_WAYS, WAYS, is_contact, may_be_lost
from registry.clinical.code_lists import EVENT_CATEGORIES
from registry.clinical.default_schedule import DEFAULT_SCHEDULE
from registry.clinical.visit_contact import CONTACT_MODES
from registry.clinical.visit_windows import ScheduledVisit, planned_windows, window_of

DAY_ZERO = date(2016, 2, 29)


def window(offset, unit="month", mode="either"):
    visit = ScheduledVisit("V", offset, unit, 90, 90, mode=mode)
    return window_of(visit, day_zero=DAY_ZERO, version=1)


@pytest.mark.parametrize(
    ("offset", "unit", "mode", "expected"),
    [
        (59, "month", "either", False),
        (60, "month", "either", False),  # Y5 is still an examination
        (61, "month", "either", True),
        (1826, "day", "either", False),  # 28 Feb 2021, five years to the day
        (1827, "day", "either", True),
        (72, "month", "remote", True),
        (72, "month", "on_site", False),
    ],
)
def test_a_visit_beyond_year_five_that_may_be_remote_is_asked_as_a_contact(offset, unit, mode, expected):
    assert is_contact(window(offset, unit, mode)) is expected


def test_of_the_default_schedule_years_six_to_fifteen_are_contacts():
    planned = planned_windows(
        day_zero=DAY_ZERO, schedules=[DEFAULT_SCHEDULE], as_of=date(2016, 3, 1), until=date(2032, 1, 1)
    )

    assert [window.code for window in planned if is_contact(window)] == [f"Y{year}" for year in range(6, 16)]


@pytest.mark.parametrize(("attempt_count", "expected"), [(0, False), (2, False), (3, True), (4, True)])
def test_lost_may_be_offered_after_three_attempts(attempt_count, expected):
    assert may_be_lost([date(2024, 8, day) for day in range(1, attempt_count + 1)]) is expected


def test_ways_and_categories_are_of_the_records_own_lists():
    assert set(WAYS) == set(CONTACT_MODES)
    assert set(WAYS) > REMOTE_WAYS
    assert {question.category for question in QUESTIONS} <= set(EVENT_CATEGORIES)
