"""The one clock of the speaking rooms. With REGISTRY_TODAY (demo only) every part sees the same date."""

from datetime import date, datetime

from django.conf import settings
from django.utils import timezone

from registry.clinical.study_days import local_date


def now() -> datetime:
    """Return the present instant; on a pinned date, that date with the present time of day (UTC)."""
    real = timezone.now()
    pinned = pinned_day()
    return real if pinned is None else datetime.combine(pinned, real.timetz())


def pinned_day() -> date | None:
    """Return the date that everything takes for today, or None."""
    return settings.REGISTRY_TODAY


def today(*, time_zone: str) -> date:
    """Return today's calendar date at a site."""
    return pinned_day() or local_date(timezone.now(), time_zone=time_zone)
