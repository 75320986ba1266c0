"""ICAHT grades as clinical-reference.md 2.4 draws them, and what missing days leave open."""

import random
from decimal import Decimal
from fractions import Fraction

import pytest

from registry.clinical.icaht import Count, Span, early_grade, late_grade
from tests.tables import rows_of

# E02 to E16. Daily 3.0 unless said otherwise; `low` = 0.3; `only`: no other day has a count.
EARLY = """
    id  | counts                                    | last | severe | profound | grade
    ----+-------------------------------------------+------+--------+----------+------
    E02 | low 5-10                                  | 30   | 6      | 0        | 1
    E03 | low 5-11                                  | 30   | 7      | 0        | 2
    E04 | low 5-17                                  | 30   | 13     | 0        | 2
    E05 | low 5-18                                  | 30   | 14     | 0        | 3
    E06 | low 5-10 low 13-17                        | 30   | 13     | 0        | 2
    E07 | low 5-10 low 14-18                        | 30   | 6      | 0        | 1
    E08 | low 5-13 0.08 6-12                        | 30   | 9      | 7        | 3
    E09 | 0.08 6-19                                 | 30   | 14     | 14       | 4
    E10 | low 0-30                                  | 30   | 31     | 0        | 4
    E11 | low 2-16                                  | 16   | 15     | 0        | 4
    E12 | low 5-30                                  | 30   | 26     | 0        | 3
    E13 | only 3.0 0 0.4 7 0.3 14 0.9 21 2.0 28     | 30   | 10     | 0        | 2
    E14 | only 3.0 0 0.4 5 0.4 15 3.0 20 3.0 27 3.0 30 | 30 | 1     | 0        | 1
    E15 | 0.5 5-11                                  | 30   | 7      | 0        | 2
    E16 | also 0.8 9 also 0.4 9                     | 30   | 1      | 0        | 1
"""

# Day:value pairs; `-` is no grade.
LATE = """
    counts              | grade
    --------------------+------
    35:1.4 60:1.4       | 1
    35:0.4 60:2.0       | 0
    40:0.4              | 3
    35:0.09 50:1.5      | 4
    35:1.5 60:1.5       | 1
    35:1.0 60:1.2       | 2
    35:0.5 60:0.9       | 3
    35:0.1 60:0.4       | 4
    30:0.4 40:3.0 50:3.0 | 0
    101:0.4             | -
"""


def counts_of(text, *, last=30):
    """`low 5-10`, `0.08 6-12`, `also 0.4 9` (beside what stands), on daily counts of 3.0 unless `only`."""
    words = text.split()
    only = words[0] == "only"
    by_day = {} if only else {day: [Decimal("3.0")] for day in range(last + 1)}
    words = words[1:] if only else words
    while words:
        adds = words[0] == "also"
        value, days, words = (words[1], words[2], words[3:]) if adds else (words[0], words[1], words[2:])
        first, _, end = days.partition("-")
        for day in range(int(first), int(end or first) + 1):
            found = Decimal("0.3" if value == "low" else value)
            by_day[day] = [*by_day[day], found] if adds else [found]
    return [Count(day, value) for day, values in by_day.items() for value in values]


def counts_on(text):
    """`35:1.4 60:<0.5`."""
    found = []
    for pair in text.split():
        day, _, value = pair.partition(":")
        sign = value[0] if value[0] in "<>" else ""
        found.append(Count(int(day), Decimal(value.lstrip("<>")), sign))
    return found


def early(text, *, last=30, is_over=True):
    return early_grade(counts=counts_on(text), last_day=last, is_over=is_over)


def late(text, *, last=100, is_over=True):
    return late_grade(counts=counts_on(text), last_day=last, is_over=is_over)


def bounds(grade):
    return grade.grade, grade.lowest, grade.highest


@pytest.mark.parametrize("row", rows_of(EARLY), ids=lambda row: row["id"])
def test_the_early_grades_of_the_reference(row):
    last = int(row["last"])
    grade = early_grade(counts=counts_of(row["counts"], last=last), last_day=last, is_over=True)

    assert (
        grade.severe.days if grade.severe else 0,
        grade.profound.days if grade.profound else 0,
        grade.grade,
    ) == (int(row["severe"]), int(row["profound"]), int(row["grade"]))


@pytest.mark.parametrize("row", rows_of(EARLY), ids=lambda row: row["id"])
def test_only_the_gap_of_e14_leaves_the_grade_open(row):
    last = int(row["last"])
    grade = early_grade(counts=counts_of(row["counts"], last=last), last_day=last, is_over=True)

    assert grade.is_certain == (row["id"] != "E14")
    assert grade.missing == ((Span(6, 14),) if row["id"] == "E14" else ())


def test_the_nine_days_without_a_count_of_e14_could_hide_a_grade_3():
    assert bounds(early("0:3.0 5:0.4 15:0.4 20:3.0 27:3.0 30:3.0")) == (1, 1, 3)


@pytest.mark.parametrize("row", rows_of(LATE), ids=lambda row: row["counts"])
def test_the_late_grades_of_the_reference(row):
    grade = late(row["counts"])

    assert ("-" if grade is None else str(grade.grade)) == row["grade"]


@pytest.mark.parametrize(
    ("days", "severe", "profound"), [(1, 1, 1), (6, 1, 1), (7, 2, 3), (13, 2, 3), (14, 3, 4), (26, 3, 4)]
)
def test_days_below_at_and_above_each_limit_of_the_early_grade(days, severe, profound):
    # From day 4 on, so that what lasts to day 30 is not "never recovered".
    grades = [
        early_grade(counts=counts_of(f"{value} 4-{3 + days}"), last_day=30, is_over=True).grade
        for value in ("0.5", "0.1")
    ]

    assert grades == [severe, profound]


@pytest.mark.parametrize(
    ("value", "grade"), [("0.49", 2), ("0.5", 2), ("0.505", 2), ("0.506", 0), ("0.51", 0)]
)
def test_at_the_limit_counts_and_values_are_rounded_to_ten_per_microlitre(value, grade):
    assert early_grade(counts=counts_of(f"{value} 5-11"), last_day=30, is_over=True).grade == grade


@pytest.mark.parametrize(("value", "grade"), [("0.1", 3), ("0.11", 2)])
def test_at_a_tenth_is_profound(value, grade):
    assert early_grade(counts=counts_of(f"{value} 5-11"), last_day=30, is_over=True).grade == grade


@pytest.mark.parametrize(
    ("gap_ends_on", "days"),
    [(13, 9), (14, 1)],  # 7 missing days are filled, 8 are not
)
def test_seven_missing_days_are_filled_and_eight_are_not(gap_ends_on, days):
    grade = early(f"0:3.0 1:3.0 5:0.3 {gap_ends_on}:0.3 {gap_ends_on + 1}:3.0 20:3.0 27:3.0")

    assert grade.severe.days == days


@pytest.mark.parametrize(("first", "filled"), [(7, True), (8, False)])
def test_up_to_seven_days_before_the_first_count_take_its_value(first, filled):
    grade = early(f"{first}:0.3 {first + 1}:3.0 14:3.0 21:3.0 28:3.0")

    assert grade.severe == (Span(0, first) if filled else Span(first, first))
    assert grade.missing == (() if filled else (Span(0, 7),))


@pytest.mark.parametrize(("days_between", "joined"), [(1, True), (2, True), (3, False)])
def test_a_recovery_takes_three_days(days_between, joined):
    second = 10 + days_between + 1
    grade = early_grade(counts=counts_of(f"low 5-10 low {second}-{second + 1}"), last_day=30, is_over=True)

    assert grade.severe.last == (second + 1 if joined else 10)


@pytest.mark.parametrize(("first", "grade"), [(0, 4), (3, 4), (4, 3)])
def test_never_recovered_means_low_from_day_3_at_the_latest_to_the_last_count(first, grade):
    counts = counts_of(f"low {first}-20", last=20)

    assert early_grade(counts=counts, last_day=20, is_over=True).grade == grade


def test_nobody_is_taken_for_never_recovered_while_days_are_to_come():
    counts = counts_of("low 2-5", last=5)
    grade = early_grade(counts=counts, last_day=5, is_over=False)

    assert (grade.grade, grade.is_final) == (1, False)


def test_low_to_the_last_count_and_alive_is_graded_4_and_could_be_3():
    # Nobody knows whether the counts rose after day 16.
    assert bounds(early_grade(counts=counts_of("low 2-16", last=16), last_day=30, is_over=True)) == (4, 3, 4)


def test_days_after_the_end_of_follow_up_are_not_filled():
    counts = counts_of("low 11-16", last=16)

    assert early_grade(counts=counts, last_day=16, is_over=True).severe == Span(11, 16)


def test_counts_before_day_0_and_after_day_30_are_not_early():
    assert early("-1:0.1 0:3.0 7:3.0 14:3.0 21:3.0 28:3.0 31:0.1", last=40).grade == 0


def test_without_a_count_there_is_no_grade():
    assert early("") is None
    assert early("40:0.3") is None
    assert late("") is None


@pytest.mark.parametrize(
    ("value", "grade", "highest"),
    [
        ("<0.5", 2, 3),  # seven days at or below 0.5, and perhaps at or below 0.1
        ("<0.1", 3, 3),
        (">0.5", 0, 0),
        (">1.0", 0, 0),
    ],
)
def test_a_result_beyond_a_limit_counts_as_cyt_1_says(value, grade, highest):
    around = " ".join(f"{day}:3.0" for day in (*range(5), *range(12, 31)))
    run = " ".join(f"{day}:{value}" for day in range(5, 12))

    assert bounds(early(f"{around} {run}")) == (grade, grade, highest)


def test_a_result_that_proves_neither_side_is_left_out():
    # `<2` is no count at all: the days around it fill its day.
    assert early("0:3.0 5:3.0 8:<2 10:3.0 17:3.0 24:3.0 30:3.0").severe is None
    assert late("40:<2 50:3.0").counted_days == 1


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ("40:0.4", (3, 0, 3)),  # one count may have been passing
        ("40:<0.5 50:1.0", (3, 3, 4)),
        ("40:<0.1 50:1.0", (4, 4, 4)),
        ("40:1.5 50:1.5", (1, 1, 1)),
        ("40:1.51 50:1.6", (0, 0, 0)),
        ("40:1.0 50:>1.5", (0, 0, 0)),  # above 1.5: the low one was passing
        ("40:1.0 50:1.5", (2, 2, 2)),
        ("40:1.01 50:1.2", (1, 1, 1)),
        ("40:0.51 50:1.2", (2, 2, 2)),
        ("40:0.11 50:1.2", (3, 3, 3)),
    ],
)
def test_late_grades_at_each_limit_with_what_stays_open(counts, said):
    assert bounds(late(counts)) == said


def test_two_counts_of_one_late_day_are_one():
    grade = late("40:0.4 40:2.0 50:2.0")

    assert (grade.grade, grade.counted_days) == (0, 2)


@pytest.mark.parametrize(("last", "grade"), [(59, 3), (60, 0)])
def test_the_late_period_ends_with_follow_up(last, grade):
    assert late("40:0.4 60:2.0", last=last).grade == grade


def test_the_grade_lies_within_its_bounds_and_more_counts_only_narrow_them():
    chance = random.Random(1)
    for _ in range(300):
        every = {day: Decimal(chance.choice(["0.05", "0.3", "0.6", "2.0"])) for day in range(31)}
        days = sorted(chance.sample(range(31), chance.randint(1, 31)))
        grade = early_grade(counts=[Count(day, every[day]) for day in days], last_day=30, is_over=True)

        assert grade.lowest <= grade.grade <= grade.highest
        assert grade.is_certain or grade.missing


def oracle(by_day, limit):
    """The longest run by brute force: of every stretch of days, is it one run? Counts in cells per µL."""
    days = sorted(by_day)
    line = dict(by_day)
    for day in range(31):
        before = [d for d in days if d < day]
        after = [d for d in days if d > day]
        if day in by_day:
            continue
        if before and after and after[0] - before[-1] <= 8:
            share = Fraction(day - before[-1], after[0] - before[-1])
            line[day] = by_day[before[-1]] + share * (by_day[after[0]] - by_day[before[-1]])
        elif (not before and after[0] <= 7) or (not after and 30 - before[-1] <= 7):
            line[day] = by_day[(after or before[-1:])[0]]
    low = {day for day, value in line.items() if round(Fraction(value) / 10) * 10 <= limit}
    return max(
        (
            last - first + 1
            for first in low
            for last in low
            if first <= last
            and all(
                low & set(range(day, day + 3)) or not set(range(day, day + 3)) <= set(range(first, last + 1))
                for day in range(first, last + 1)
            )
            and all(day in line for day in range(first, last + 1))
        ),
        default=0,
    )


def test_the_runs_are_those_of_a_second_reading():
    chance = random.Random(7)
    longest = 0
    for _ in range(600):
        days = chance.sample(range(31), chance.randint(2, 20))
        by_day = {day: chance.choice([40, 90, 100, 105, 106, 300, 500, 505, 506, 600, 2000]) for day in days}
        grade = early_grade(
            counts=[Count(day, Decimal(value) / 1000) for day, value in by_day.items()],
            last_day=30,
            is_over=False,
        )
        found = [run.days if run else 0 for run in (grade.severe, grade.profound)]

        assert found == [oracle(by_day, 500), oracle(by_day, 100)], by_day
        longest += found[0] >= 14
    assert longest > 50, "the series no longer show what they were drawn for"
