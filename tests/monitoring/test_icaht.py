"""What a page says of the ICAHT grades of a course: the grade, what gave it, what stays open."""

from datetime import date

import pytest

from registry.monitoring.icaht import grades_by_course
from tests.tables import history_of, on_day, series

NORMAL = "0:3 3:3"


def grades(text, *, as_of_day=120, **facts):
    return grades_by_course(history=history_of(series("ANC", text), **facts), as_of=on_day(as_of_day))


def only(text, **facts):
    (found,) = grades(text, **facts)
    return found


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (
            "0:3 4:3 5:0.3 11:0.3 18:0.3 19:3 26:3 30:3",
            "Grade 3: neutrophils at or below 0.5 ×10⁹/L for 14 days, days 5–18; from counts on 8 days.",
        ),
        ("0:3 7:2 14:2 21:3 28:3", "Grade 0: no day at or below 0.5 ×10⁹/L; from counts on 5 days."),
        (
            "0:3 5:3 6:0.08 12:0.08 13:3 20:3 27:3",
            "Grade 3: neutrophils at or below 0.1 ×10⁹/L for 7 days, days 6–12; from counts on 7 days.",
        ),
        (
            "0:3 4:3 5:0.4 6:3 13:3 20:3 27:3",
            "Grade 1: neutrophils at or below 0.5 ×10⁹/L for 1 day, day 5; from counts on 7 days.",
        ),
        (
            "0:3 5:0.4 15:0.4 20:3 27:3 30:3",
            "Grade 1, 1 to 3 possible: neutrophils at or below 0.5 ×10⁹/L for 1 day, day 5;"
            " from counts on 6 days. No count near days 6–14.",
        ),
        ("40:3", "Not graded: no neutrophil count on days 0–30 that can be graded."),
    ],
)
def test_the_early_grade_in_words(counts, words):
    assert only(counts).early_words == words


def test_never_recovered_until_death_in_words():
    said = only("0:3 2:0.3 9:0.3 16:0.3", ended_day=16)

    assert said.early_words == (
        "Grade 4: neutrophils at or below 0.5 ×10⁹/L from day 2 to the last count, never recovered;"
        " from counts on 4 days."
    )
    assert said.late_words == "Not graded: the patient was not followed to day 31."


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ("35:1.0 60:1.2", "Grade 2: lowest count 1 ×10⁹/L on day 35, confirmed by 1.2 ×10⁹/L on day 60."),
        (
            "35:0.4 60:2.0",
            "Grade 0: lowest count 0.4 ×10⁹/L on day 35, passing: the second lowest is 2 ×10⁹/L on day 60.",
        ),
        ("40:0.4", "Grade 3, 0 to 3 possible: lowest count 0.4 ×10⁹/L on day 40, the only one."),
        (
            "40:<0.5 50:0.6",
            "Grade 3, 3 to 4 possible: lowest count <0.5 ×10⁹/L on day 40,"
            " confirmed by 0.6 ×10⁹/L on day 50.",
        ),
        ("40:2 50:3", "Grade 0: lowest count 2 ×10⁹/L on day 40, of 2 days."),
        ("101:0.4", "Not graded: no neutrophil count on days 31–100 that can be graded."),
    ],
)
def test_the_late_grade_in_words(counts, words):
    assert only(counts).late_words == words


@pytest.mark.parametrize(
    ("as_of_day", "early", "late"),
    [
        (29, "Grade 1 so far (to day 29)", "Not yet: graded from day 31 (1 Apr 2024) on."),
        (30, "Grade 1:", "Not yet: graded from day 31 (1 Apr 2024) on."),
        (31, "Grade 1:", "Not graded: no neutrophil count on day 31 that can be graded."),
        (99, "Grade 1:", "Grade 0 so far (to day 99)"),
        (100, "Grade 1:", "Grade 0:"),
    ],
)
def test_a_period_that_goes_on_is_graded_so_far(as_of_day, early, late):
    found = only("0:3 5:0.4 6:3 13:3 20:3 27:3 60:2 70:2", as_of_day=as_of_day)

    assert found.early_words.startswith(early)
    assert found.late_words.startswith(late)


def test_a_new_infusion_ends_the_period_and_begins_its_own():
    first, second = grades("0:3 7:0.3 13:0.3 40:0.2 50:0.2", infusion_days=(0, 14))

    assert first.early.severe.last == 13
    assert first.early.is_final
    assert first.late is None
    assert second.day_zero == on_day(14)
    assert (second.early.counted_days, second.late.nadir.day) == (1, 36)


def test_a_count_after_the_as_of_date_is_not_seen():  # G-2
    assert only("0:3 5:0.4 6:0.3", as_of_day=5).early.counted_days == 2


def test_follow_up_that_ended_before_day_0_leaves_nothing_to_grade():
    said = only("0:0.3", ended_day=-1, enrolled_day=-7)

    assert (said.early, said.late) == (None, None)
    assert said.early_words == "Not graded: the patient was not followed to day 0."


def test_days_count_from_the_infusion_whatever_the_date():
    found = only("0:3 5:0.4 6:3", day_zero=date(2024, 2, 27), as_of_day=120)

    assert found.early.counted_days == 3
