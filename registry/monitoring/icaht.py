"""The ICAHT grades of each course of a patient, in words with what gave them (clinical/icaht.py).

No rule and no alert: a grade shown beside them and exported. Courses are seen as rule 2 sees them (CYT-1):
from day 0 to the as-of date, the end of follow-up or the last day of the course.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from registry.clinical.icaht import (
    LAST_EARLY_DAY,
    LAST_LATE_DAY,
    Count,
    EarlyGrade,
    LateGrade,
    Span,
    early_grade,
    late_grade,
)
from registry.clinical.spoken_dates import spoken
from registry.monitoring.blood_counts import Course, courses, value_text
from registry.monitoring.evidence import History, LabPoint

Ungraded = Literal["no_counts", "not_begun", "not_followed"]

_UNIT = "×10⁹/L"


@dataclass(frozen=True, slots=True)
class CourseGrades:
    """The grades of one course; none where no count allows one. `last_day`: the last study day seen."""

    day_zero: date
    early: EarlyGrade | None
    late: LateGrade | None
    last_day: int
    is_over: bool

    def why_ungraded(self, *, first_day: int) -> Ungraded:
        """Why a period that begins on `first_day` has no grade."""
        if self.last_day >= first_day:
            return "no_counts"
        return "not_followed" if self.is_over else "not_begun"

    @property
    def early_words(self) -> str:
        """`Grade 3: neutrophils at or below 0.5 ×10⁹/L for 14 days, days 5–18.`"""
        if self.early is None:
            return _nothing_to_grade(self, first_day=0, last_day=LAST_EARLY_DAY)
        return _early_words(self.early)

    @property
    def late_words(self) -> str:
        """`Grade 2: lowest count 1.0 ×10⁹/L on day 41, confirmed by 1.2 on day 60.`"""
        if self.late is None:
            return _nothing_to_grade(self, first_day=LAST_EARLY_DAY + 1, last_day=LAST_LATE_DAY)
        return _late_words(self.late)


def grades_by_course(*, history: History, as_of: date) -> tuple[CourseGrades, ...]:
    """Return the grades of every course, oldest first; a comparator's course is none of an infusion's."""
    seen = history.as_of(as_of)
    return tuple(
        grades_of(course=course, counts=seen.labs.get("ANC", ()), as_of=as_of)
        for course in courses(history=seen, as_of=as_of)
    )


def grades_of(*, course: Course, counts: Sequence[LabPoint], as_of: date) -> CourseGrades:
    """Return the grades of one course by its neutrophil counts; those of other days are passed over."""
    last_day = (course.last_seen_on - course.day_zero).days
    is_over = course.last_seen_on < as_of or course.follow_up_ended_on == course.last_seen_on
    graded = [
        Count((point.collected_on - course.day_zero).days, point.value, point.comparator) for point in counts
    ]
    return CourseGrades(
        day_zero=course.day_zero,
        early=early_grade(counts=graded, last_day=last_day, is_over=is_over),
        late=late_grade(counts=graded, last_day=last_day, is_over=is_over),
        last_day=last_day,
        is_over=is_over,
    )


def _nothing_to_grade(grades: CourseGrades, *, first_day: int, last_day: int) -> str:
    reason = grades.why_ungraded(first_day=first_day)
    if reason == "not_followed":
        return f"Not graded: the patient was not followed to day {first_day}."
    if reason == "not_begun":
        begins_on = grades.day_zero + timedelta(days=first_day)
        return f"Not yet: graded from day {first_day} ({spoken(begins_on)}) on."
    days = _span(Span(first_day, min(grades.last_day, last_day)))
    return f"Not graded: no neutrophil count on {days} that can be graded."


def _early_words(early: EarlyGrade) -> str:
    head = _head(early.grade, early.lowest, early.highest, is_final=early.is_final, last_day=early.last_day)
    reason = f"no day at or below 0.5 {_UNIT}"
    if early.never_recovered and early.severe:
        reason = (
            f"neutrophils at or below 0.5 {_UNIT} from day {early.severe.first} to the last count,"
            " never recovered"
        )
    elif early.profound and early.is_by_profound:
        reason = f"neutrophils at or below 0.1 {_UNIT} for {_days(early.profound)}"
    elif early.severe:
        reason = f"neutrophils at or below 0.5 {_UNIT} for {_days(early.severe)}"
    counts = "1 day" if early.counted_days == 1 else f"{early.counted_days} days"
    words = f"{head}: {reason}; from counts on {counts}."
    if early.missing:
        missing = " and ".join(_span(span) for span in early.missing)
        words += f" No count near {missing}."
    return words


def _late_words(late: LateGrade) -> str:
    head = _head(late.grade, late.lowest, late.highest, is_final=late.is_final, last_day=late.last_day)
    words = f"{head}: lowest count {_count(late.nadir)}"
    if late.second is None:
        return f"{words}, the only one."
    if late.was_passing:
        return f"{words}, passing: the second lowest is {_count(late.second)}."
    if late.grade:
        return f"{words}, confirmed by {_count(late.second)}."
    return f"{words}, of {late.counted_days} days."


def _head(grade: int, lowest: int, highest: int, *, is_final: bool, last_day: int) -> str:
    so_far = "" if is_final else f" so far (to day {last_day})"
    if lowest == highest:
        return f"Grade {grade}{so_far}"
    return f"Grade {grade}{so_far}, {lowest} to {highest} possible"


def _days(span: Span) -> str:
    return f"{span.days} {'day' if span.days == 1 else 'days'}, {_span(span)}"


def _span(span: Span) -> str:
    return f"day {span.first}" if span.first == span.last else f"days {span.first}–{span.last}"


def _count(count: Count) -> str:
    value = value_text(LabPoint(0, date.min, count.value, count.comparator))
    return f"{value} {_UNIT} on day {count.day}"
