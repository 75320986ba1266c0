"""What a check of the installation is, and how the age of something is told."""

from dataclasses import dataclass
from datetime import datetime, timedelta

CLOCKS_APART = timedelta(minutes=5)  # between the machines of one installation


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold. `value` and `limit` in words, with their unit."""

    name: str
    ok: bool
    value: str
    limit: str
    detail: str = ""


def is_recent(then: datetime, age: timedelta, at: datetime) -> bool:
    """Whether it was at most `age` ago; what lies ahead was written under another clock, no proof."""
    return -CLOCKS_APART <= at - then <= age


def age_in_words(span: timedelta) -> str:
    """Return an age as people say it; what lies ahead has none."""
    minutes = max(0, round(span.total_seconds() / 60))
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"


def counted(count: int, what: str) -> str:
    """Return `1 patient`, `3 patients`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
