"""Partial dates are kept as given and read as the days they could be."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.clinical.partial_dates import NotADate, PartialDate, parse_date

days = st.dates(date(1000, 1, 1), date(9999, 12, 30))


@pytest.mark.parametrize(
    ("text", "earliest", "latest"),
    [
        ("2024-02-29", date(2024, 2, 29), date(2024, 2, 29)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2025-02", date(2025, 2, 1), date(2025, 2, 28)),
        ("2024-12", date(2024, 12, 1), date(2024, 12, 31)),
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
        (" 2024 ", date(2024, 1, 1), date(2024, 12, 31)),
    ],
)
def test_a_partial_date_is_the_interval_of_days_it_could_be(text: str, earliest: date, latest: date):
    found = PartialDate.parse(text)

    assert (found.earliest, found.latest) == (earliest, latest)
    assert str(found) == text.strip()
    assert found.is_complete == (earliest == latest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-02-29",
        "2024-02-30",
        "2024-13",
        "2024-00",
        "0000",
        "24",
        "2024-2",
        "2024-2-3",
        "20240229",
        "2024/02/29",
        "29.02.2024",
        "2024-02-29T00:00",
        "2024-02-UN",
        "٢٠٢٤",
        "2024-",
        "-2024",
    ],
)
def test_what_is_no_date_is_refused_and_never_completed(text: str):
    with pytest.raises(NotADate) as refusal:
        PartialDate.parse(text)

    assert refusal.value.value == text
    assert "YYYY-MM-DD" in refusal.value.for_people


@pytest.mark.parametrize("text", ["2024", "2024-02", "", "2024-02-30", "soon"])
def test_where_a_whole_date_is_needed_a_part_is_refused(text: str):
    with pytest.raises(NotADate) as refusal:
        parse_date(text)

    assert "YYYY-MM-DD" in refusal.value.accepted
    assert "YYYY-MM," not in refusal.value.accepted


@given(days)
def test_every_day_lies_in_its_month_and_its_year(on: date):
    iso = on.isoformat()
    whole, month, year = (PartialDate.parse(iso[:length]) for length in (10, 7, 4))

    assert parse_date(iso) == whole.earliest == whole.latest == on
    assert year.earliest <= month.earliest <= on <= month.latest <= year.latest


@given(days)
def test_months_and_years_tile_the_calendar(on: date):
    iso = on.isoformat()
    for length in (7, 4):
        this = PartialDate.parse(iso[:length])
        following = PartialDate.parse((this.latest + timedelta(days=1)).isoformat()[:length])

        assert following.earliest == this.latest + timedelta(days=1)


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str):
    try:
        found = PartialDate.parse(text)
    except NotADate:
        return
    assert found.earliest <= found.latest
