"""Calendar arithmetic of a follow-up that counts from the day of infusion (rules.md G-1, G-4).

Source: rules.md section 0. Months and years are calendar arithmetic from day 0, never chained and
never a number of days; thirty-day months are off in 38 % of all infusion dates.
"""

from calendar import monthrange
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

OffsetUnit = Literal["day", "month"]


def study_day(on: date, *, day_zero: date) -> int:
    """Return the day number of `on`: the difference of dates, the day of infusion being day 0 (G-1)."""
    return (on - day_zero).days


def add_months(day_zero: date, months: int) -> date:
    """Return `day_zero` plus calendar months, the month's end clamped (G-4).

    31 Jan + 1 month is 28 or 29 Feb; 29 Feb + 12 months is 28 Feb; 29 Feb + 48 months is 29 Feb.
    """
    year, month = divmod(day_zero.year * 12 + day_zero.month - 1 + months, 12)
    month += 1
    if day_zero.day <= 28:
        return date(year, month, day_zero.day)
    return date(year, month, min(day_zero.day, monthrange(year, month)[1]))


def target_day(day_zero: date, *, offset: int, unit: OffsetUnit) -> date:
    """Return the target date of a visit planned `offset` days or months after day 0."""
    return day_zero + timedelta(days=offset) if unit == "day" else add_months(day_zero, offset)


def local_date(at: datetime, *, time_zone: str) -> date:
    """Return the calendar date at a site at the instant `at`, which must carry a zone."""
    if at.tzinfo is None:
        raise ValueError(f"{at!r} carries no time zone")
    return at.astimezone(ZoneInfo(time_zone)).date()


def course_of(on: date, *, day_zeros: tuple[date, ...]) -> date | None:
    """Return the day 0 of the course that `on` belongs to: the latest on or before it, or None (G-1)."""
    return max((day_zero for day_zero in day_zeros if day_zero <= on), default=None)
