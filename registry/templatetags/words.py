"""How pages write what the record holds: every date with its study day, every value with its unit."""

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from registry.clinical import units
from registry.clinical.study_days import study_day as day_number
from registry.models.alert import SEVERITIES, STATES

register = template.Library()

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def spoken_date(on: date) -> str:
    """4 Apr 2024: unambiguous on both sides of the Atlantic."""
    return f"{on.day} {_MONTHS[on.month - 1]} {on.year}"


@register.filter
def on(value: date | str | None) -> str:
    """Return a date in words. A partial date is written as precisely as it is known; empty for none."""
    if not value:
        return ""
    if isinstance(value, date):
        return spoken_date(value)
    year, _, rest = value.partition("-")
    month, _, day = rest.partition("-")
    if not month:
        return year
    named = f"{_MONTHS[int(month) - 1]} {year}"
    return f"{int(day)} {named}" if day else named


@register.filter
def study_day(value: date | str | None, day_zero: date | str | None) -> str:
    """Return `day 34, 4 Apr 2024`; without a day 0, or for a partial date, the date alone."""
    exact = _whole(value)
    zero = _whole(day_zero)
    if exact is None or zero is None:
        return on(value)
    return f"day {day_number(exact, day_zero=zero)}, {spoken_date(exact)}".replace("day -", "day −")


@register.filter
def moment(at: datetime | None, time_zone: str) -> str:
    """Return an instant as people at a site read it: `4 Apr 2024, 14:02 (Vienna time)`."""
    if at is None:
        return ""
    local = at.astimezone(ZoneInfo(time_zone))
    return f"{spoken_date(local.date())}, {local:%H:%M} ({zone_words(time_zone)})"


@register.filter
def zone_words(time_zone: str) -> str:
    """Europe/Vienna is Vienna time."""
    return "UTC" if time_zone == "UTC" else f"{time_zone.rpartition('/')[2].replace('_', ' ')} time"


@register.filter
def unit(value: str) -> str:
    """Return a unit as people write it."""
    return units.unit_label(value)


@register.filter
def canonical(value: Decimal, analyte: str) -> str:
    """Return a canonical value for display, without its unit."""
    return units.format_value(value, analyte=analyte)


@register.simple_tag
def severity(value: str) -> SafeString:
    """A severity as word, shape and colour."""
    return format_html('<span class="severity severity--{}">{}</span>', value, SEVERITIES.get(value, value))


@register.simple_tag
def alert_state(value: str) -> SafeString:
    """The state of an alert as a word with its colour."""
    return format_html('<span class="state state--{}">{}</span>', value, STATES.get(value, value))


def _whole(value: date | str | None) -> date | None:
    if isinstance(value, str):
        return date.fromisoformat(value) if len(value) == 10 else None
    return value
