"""Days, months and courses count from day 0 (rules.md G-1, G-2, G-4)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.clinical.study_days import add_months, course_of, local_date, study_day, target_day

days = st.dates(date(1950, 1, 1), date(2150, 12, 31))


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("on", "number"), [("2024-02-29", 0), ("2024-03-01", 1), ("2024-02-28", -1), ("2025-02-28", 365)]
)
def test_the_day_of_infusion_is_day_0(on: str, number: int):  # G-1
    assert study_day(day(on), day_zero=day("2024-02-29")) == number


@given(days, st.integers(-5000, 5000))
def test_a_target_in_days_has_that_day_number(day_zero: date, offset: int):  # G-1
    assert study_day(target_day(day_zero, offset=offset, unit="day"), day_zero=day_zero) == offset


@pytest.mark.parametrize(
    ("day_zero", "months", "expected"),
    [
        ("2025-01-31", 1, "2025-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 36, "2027-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2024-02-29", 6, "2024-08-29"),
        ("2024-12-31", 2, "2025-02-28"),
        ("2024-11-30", 1, "2024-12-30"),
        ("2024-12-15", 0, "2024-12-15"),
        ("2024-03-31", -1, "2024-02-29"),
        ("2024-01-31", -2, "2023-11-30"),
    ],
)
def test_months_are_calendar_arithmetic_clamped_at_the_months_end(
    day_zero: str, months: int, expected: str
):  # G-4
    assert add_months(day(day_zero), months) == day(expected)
    assert target_day(day(day_zero), offset=months, unit="month") == day(expected)


def month_by_month(day_zero: date, months: int) -> date:
    """The naive way: walk the calendar one month at a time, then the latest day that exists."""
    year, month = day_zero.year, day_zero.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    for day_of_month in range(day_zero.day, 0, -1):
        try:
            return date(year, month, day_of_month)
        except ValueError:
            continue
    raise AssertionError


@given(days, st.integers(0, 240))
def test_months_agree_with_walking_the_calendar(day_zero: date, months: int):  # G-4
    assert add_months(day_zero, months) == month_by_month(day_zero, months)


@given(days, st.integers(0, 240), st.integers(0, 240))
def test_later_months_are_later_dates_and_earlier_infusions_never_overtake(
    day_zero: date, one: int, other: int
):  # G-4
    fewer, more = sorted((one, other))

    assert (add_months(day_zero, fewer) < add_months(day_zero, more)) == (fewer < more)
    assert add_months(day_zero, more) <= add_months(day_zero + timedelta(days=1), more)


def test_months_are_never_chained():  # G-4
    chained = add_months(add_months(day("2025-01-31"), 1), 1)

    assert chained == day("2025-03-28")
    assert add_months(day("2025-01-31"), 2) == day("2025-03-31")


@pytest.mark.parametrize(
    ("on", "course"),
    [
        ("2024-02-29", None),
        ("2024-03-01", "2024-03-01"),
        ("2025-05-31", "2024-03-01"),
        ("2025-06-01", "2025-06-01"),
        ("2030-01-01", "2025-06-01"),
    ],
)
def test_a_course_runs_to_the_day_before_the_next_infusion(on: str, course: str | None):  # G-1
    day_zeros = (day("2024-03-01"), day("2025-06-01"))

    assert course_of(day(on), day_zeros=day_zeros) == (day(course) if course else None)


@given(days, st.lists(days, max_size=5).map(tuple))
def test_the_course_is_the_latest_day_0_that_is_not_later(on: date, day_zeros: tuple[date, ...]):  # G-1
    found = course_of(on, day_zeros=day_zeros)

    if found is None:
        assert all(day_zero > on for day_zero in day_zeros)
    else:
        assert found in day_zeros
        assert not any(found < day_zero <= on for day_zero in day_zeros)


def test_a_patient_without_a_day_0_has_no_course():
    assert course_of(day("2024-01-01"), day_zeros=()) is None


@pytest.mark.parametrize(
    ("time_zone", "expected"),
    [("Europe/Vienna", "2025-03-31"), ("UTC", "2025-03-30"), ("America/Los_Angeles", "2025-03-30")],
)
def test_today_is_the_calendar_date_at_the_site(time_zone: str, expected: str):  # G-1
    just_before_midnight = datetime(2025, 3, 30, 22, 30, tzinfo=UTC)

    assert local_date(just_before_midnight, time_zone=time_zone) == day(expected)


@pytest.mark.parametrize(("hour", "expected"), [(21, "2025-03-30"), (22, "2025-03-31")])
def test_midnight_moves_with_summer_time(hour: int, expected: str):
    # Vienna is two hours ahead from 30 March 2025 on; the evening before it was one.
    assert local_date(datetime(2025, 3, 30, hour, tzinfo=UTC), time_zone="Europe/Vienna") == day(expected)
    assert local_date(datetime(2025, 3, 29, 22, 59, tzinfo=UTC), time_zone="Europe/Vienna") == day(
        "2025-03-29"
    )


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="carries no time zone"):
        local_date(datetime(2025, 3, 30, 12), time_zone="UTC")  # noqa: DTZ001
