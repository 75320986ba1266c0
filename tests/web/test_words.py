"""How pages write and read dates, values and grades."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from registry.templatetags import words
from registry.web.investigator.dates import read_partial, read_typed

DAY_0 = date(2024, 3, 1)


@pytest.mark.parametrize(
    ("value", "day_zero", "shown"),
    [
        (date(2024, 4, 4), DAY_0, "day 34, 4 Apr 2024"),
        (date(2024, 3, 1), DAY_0, "day 0, 1 Mar 2024"),
        (date(2024, 2, 28), DAY_0, "day −2, 28 Feb 2024"),
        (date(2024, 4, 4), None, "4 Apr 2024"),
        ("2024-04-04", DAY_0, "day 34, 4 Apr 2024"),
        ("2024-04", DAY_0, "Apr 2024"),
        ("2024", DAY_0, "2024"),
        ("2024-02-31", DAY_0, "2024-02-31"),
        (None, DAY_0, ""),
    ],
)
def test_every_date_has_its_study_day_and_a_partial_one_is_not_completed(value, day_zero, shown):
    assert words.study_day(value, day_zero) == shown


@pytest.mark.parametrize(
    ("opens", "closes", "shown"),
    [
        (date(2026, 3, 12), date(2026, 4, 11), "12 Mar–11 Apr 2026"),
        (date(2026, 3, 12), date(2026, 3, 18), "12–18 Mar 2026"),
        (date(2025, 12, 20), date(2026, 1, 3), "20 Dec 2025–3 Jan 2026"),
        (date(2026, 3, 2), date(2026, 3, 2), "2 Mar 2026"),
    ],
)
def test_a_window_is_written_as_people_write_it(opens, closes, shown):
    assert words.span(opens, closes) == shown


@pytest.mark.parametrize(
    ("on", "shown"),
    [
        (date(2024, 3, 31), "Day 30"),
        (date(2024, 4, 1), "Day 31 (1 m)"),
        (date(2025, 2, 28), "Day 364 (11 m)"),
        (date(2025, 3, 1), "Day 365 (1 y)"),
        (date(2025, 4, 1), "Day 396 (1 y 1 m)"),
    ],
)
def test_the_time_since_day_0_is_given_in_days_and_calendar_months(on, shown):
    assert words.since(on, DAY_0) == shown


def test_an_instant_is_shown_by_the_sites_clock():
    at = datetime(2024, 4, 4, 22, 30, tzinfo=UTC)

    assert words.moment(at, "Europe/Vienna") == "5 Apr 2024, 00:30 (Vienna time)"
    assert words.moment(at, "America/New_York") == "4 Apr 2024, 18:30 (New York time)"


@pytest.mark.parametrize(
    ("analyte", "value", "sign", "lower", "shown"),
    [
        ("ANC", "0.4", "", None, "Grade 4 (CTCAE v5), grade 3 (v6)"),
        ("ANC", "1.5", "", None, ""),
        ("ANC", "1.49", "", "1.8", "Grade 2 (CTCAE v5), grade 1 (v6)"),
        ("PLT", "40", "", None, "Grade 3"),
        ("PLT", "200", "", None, ""),
        ("PLT", "100", "", "150", "Grade 1"),
        ("ANC", "0.5", "<", None, "Grade 4 (CTCAE v5), grade 3 or 4 (v6)"),
        ("CRP", "300", "", None, ""),
    ],
)
def test_grades_are_words_of_both_versions_where_they_differ(analyte, value, sign, lower, shown):
    unit = "mg/L" if analyte == "CRP" else "10*9/L"

    assert (
        words.grade_words(
            analyte=analyte, value=Decimal(value), comparator=sign, unit=unit, lower_limit=lower
        )
        == shown
    )


@pytest.mark.parametrize(
    "text",
    ["4 Apr 2024", "04 april 2024", "4.4.2024", "4/4/2024", "4-APR-2024", "2024-04-04", "4. Apr. 2024"],
)
def test_a_date_is_read_as_people_type_it(text):
    assert read_typed(text) == date(2024, 4, 4)


@pytest.mark.parametrize(
    "text", ["4 4 24", "31 Apr 2024", "29 Feb 2023", "2024-13-01", "April 2024", "4 Smarch 2024", "x" * 500]
)
def test_what_is_no_date_is_refused_and_said_back_shortened(text):
    with pytest.raises(ValidationError) as refusal:
        read_typed(text)

    assert len(refusal.value.message) < 200


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        (("", "", "2024"), "2024"),
        (("", "sept", "2024"), "2024-09"),
        (("UN", "UNK", "2024"), "2024"),
        (("29", "2", "2024"), "2024-02-29"),
    ],
)
def test_a_partial_date_is_kept_as_far_as_it_is_known(parts, kept):
    assert str(read_partial(*parts)) == kept


def test_a_follow_up_report_in_the_history_shows_no_row_number():
    row = {"event_id": 60, "number": 1, "term": "", "outcome": "recovered", "reported_on": "2024-05-01"}

    assert words.row_words(row) == "recovered, 1 May 2024"


def test_an_event_in_the_history_is_named_by_its_id():
    row = {"event_id": "AE-7", "term": "Sinusitis", "grade": 2, "grade_scale": "CTCAE-5"}

    assert words.row_words(row) == "AE-7, Sinusitis, grade 2 CTCAE v5.0"


def test_an_antibody_is_told_with_its_titre_and_assay_in_words():
    row = {
        "test": "ana",
        "finding": "positive",
        "titre": 2560,
        "assay": "iif",
        "collected_on": "2024-03-01",
    }

    told = words.row_words(row, (date(2024, 3, 1),))

    assert told == "ANA, Positive, 1:2560, Immunofluorescence (HEp-2), titre, collected day 0, 1 Mar 2024"


IN_COURSES = [
    # date, day 0 of each course, shown
    (date(2024, 4, 4), [date(2024, 3, 1)], "day 34, 4 Apr 2024"),
    ("2024-04-04", [date(2024, 3, 1), date(2024, 4, 1)], "day 3, 4 Apr 2024"),
    (date(2024, 3, 31), [date(2024, 3, 1), date(2024, 4, 1)], "day 30, 31 Mar 2024"),
    (date(2024, 4, 1), [date(2024, 3, 1), date(2024, 4, 1)], "day 0, 1 Apr 2024"),
    (date(2024, 2, 28), [date(2024, 3, 1), date(2024, 4, 1)], "day −2, 28 Feb 2024"),
    ("2024-04", [date(2024, 3, 1)], "Apr 2024"),
    (date(2024, 4, 4), [], "4 Apr 2024"),
    ("", [date(2024, 3, 1)], ""),
    (None, [date(2024, 3, 1)], ""),
]


@pytest.mark.parametrize(("value", "day_zeros", "shown"), IN_COURSES)
def test_a_date_counts_from_the_day_0_of_its_course(value, day_zeros, shown):
    assert words.day_in_course(value, day_zeros) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2024-04-04", "day 34, 4 Apr 2024"),
        ("2024-04", "Apr 2024"),
        ("2024", "2024"),
        ("2024-02-31", "2024-02-31"),  # words that look like a date and are none
        ("2024-13", "2024-13"),
        ("12-2024-04", "12-2024-04"),
        ("recovered", "recovered"),
        ("", ""),
    ],
)
def test_a_value_of_the_history_shows_its_date_in_words(text, shown):
    assert words.dates_in_words(text, [date(2024, 3, 1)]) == shown


def test_a_measurement_in_the_history_is_called_by_its_name_and_day():
    result = {
        "analyte": "CREATININE",
        "entered_value": "88",
        "entered_unit": "umol/L",
        "collected_on": "2024-04-04",
    }
    missing = {"analyte": "CREATININE", "reason": "Sample lost"}

    assert words.row_words(result, [date(2024, 3, 1)]) == "Creatinine 88 µmol/L, collected day 34, 4 Apr 2024"
    assert words.row_words(missing) == "Creatinine: Sample lost"


@pytest.mark.parametrize(("code", "shown"), [("M6", "Visit M6"), ("UNS", "Unscheduled visit")])
def test_a_visit_is_called_as_people_call_it(code, shown):
    assert words.visit_words(code) == shown
