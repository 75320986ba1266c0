"""How pages write what the record holds: every date with its study day, every value with its unit."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from registry.clinical import code_lists, consent_scopes, ctcae, units
from registry.clinical.analytes import ANALYTES
from registry.clinical.serology import ASSAYS, FINDINGS, TESTS
from registry.clinical.short_names import short_name
from registry.clinical.spoken_dates import spoken, spoken_span
from registry.clinical.study_days import add_months, course_of
from registry.clinical.study_days import study_day as day_number
from registry.clinical.treatments import AGENT_NAMES
from registry.clinical.units import Comparator
from registry.clinical.visit_names import visit_words
from registry.clinical.visit_windows import UNSCHEDULED
from registry.monitoring import catalogue

register = template.Library()
register.filter(visit_words)

_NUMBERS = tuple(f"{number:02}" for number in range(1, 13))
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@register.filter
def on(value: date | str | None) -> str:
    """Return a date in words. A partial date is written as precisely as it is known; empty for none."""
    if not value:
        return ""
    if isinstance(value, date):
        return spoken(value)
    year, _, rest = value.partition("-")
    month, _, day = rest.partition("-")
    if not month:
        return year
    if month not in _NUMBERS:
        return value  # no date: shown as it stands in the record
    if not day:
        return f"{_MONTHS[int(month) - 1]} {year}"
    exact = _whole(value)
    return value if exact is None else spoken(exact)


@register.filter
def study_day(value: date | str | None, day_zero: date | str | None) -> str:
    """Return `day 34, 4 Apr 2024`; without a day 0, or for a partial date, the date alone."""
    exact = _whole(value)
    zero = _whole(day_zero)
    if exact is None or zero is None:
        return on(value)
    return f"day {day_number(exact, day_zero=zero)}, {spoken(exact)}".replace("day -", "day −")


@register.filter
def day_in_course(value: date | str | None, day_zeros: Sequence[date]) -> str:
    """Return `day 34, 4 Apr 2024` from the day 0 of the course it falls in; before the first, from that."""
    exact = _whole(value)
    if exact is None or not day_zeros:
        return on(value)
    return study_day(exact, course_of(exact, day_zeros=tuple(day_zeros)) or min(day_zeros))


@register.filter
def moment(at: datetime | None, time_zone: str) -> str:
    """Return an instant as people at a site read it: `4 Apr 2024, 14:02 (Vienna time)`."""
    if at is None:
        return ""
    local = at.astimezone(ZoneInfo(time_zone))
    return f"{spoken(local.date())}, {local:%H:%M} ({zone_words(time_zone)})"


@register.filter
def clock(at: datetime, time_zone: str) -> str:
    """Return an instant as a site's clock showed it, where the heading names the zone."""
    local = at.astimezone(ZoneInfo(time_zone))
    return f"{spoken(local.date())}, {local:%H:%M}"


@register.filter
def zone_words(time_zone: str) -> str:
    """Europe/Vienna is Vienna time."""
    return "UTC" if time_zone == "UTC" else f"{time_zone.rpartition('/')[2].replace('_', ' ')} time"


@register.filter
def unit(value: str) -> str:
    """Return a unit as people write it."""
    return units.unit_label(value)


@register.filter
def short_analyte(key: str) -> str:
    """Return the short form that people use of an analyte; empty where they use none."""
    return short_name(key)


@register.filter
def canonical(value: Decimal, analyte: str) -> str:
    """Return a canonical value for display, without its unit."""
    return units.format_value(value, analyte=analyte)


@register.simple_tag
def severity(value: str) -> SafeString:
    """A severity as word, shape and colour."""
    return format_html('<span class="severity severity--{}">{}</span>', value, value.capitalize())


@register.simple_tag
def alert_state(value: str) -> SafeString:
    """The state of an alert as a word with its colour."""
    return format_html('<span class="state state--{}">{}</span>', value, value.replace("_", " ").capitalize())


def _whole(value: date | str | None) -> date | None:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value) if len(value) == 10 else None
    except ValueError:
        return None  # of free text, or imported: `2024-02-31`


def grade_words(
    *, analyte: str, value: Decimal, comparator: str, unit: str, lower_limit: Decimal | str | None
) -> str:
    """Return the CTCAE grades of a canonical value in words: both versions where they differ.

    `lower_limit` is in `unit`. Empty for grade 0, for what CTCAE does not grade, and where only the
    missing lower limit keeps grade 0 and grade 1 apart.
    """
    sign: Comparator = "<" if comparator == "<" else ">" if comparator == ">" else ""
    floor = _limit_in_canonical_unit(lower_limit, analyte=analyte, unit=unit)
    five, six = (
        ctcae.grade_of(value, analyte=analyte, version=version, lower_limit=floor, comparator=sign)
        for version in ctcae.VERSIONS
    )
    if (
        five is None
        or six is None
        or (five.lowest == 0 and six.lowest == 0 and max(five.highest, six.highest) < 2)
    ):
        return ""
    if five == six:
        return five.words.capitalize()
    return f"{five.words.capitalize()} (CTCAE v5), {six.words} (v6)"


@register.filter
def grades(result: Any) -> str:
    """The grades of a recorded result in words."""
    return grade_words(
        analyte=result.analyte,
        value=result.value,
        comparator=result.comparator,
        unit=result.entered_unit,
        lower_limit=result.lower_limit,
    )


@register.filter
def in_canonical_unit(result: Any) -> str:
    """`0.4 ×10⁹/L` for a result that was reported in another unit; empty when it is canonical as entered."""
    measured = ANALYTES[result.analyte]
    if measured.units[result.entered_unit] == 1:
        return ""
    shown = units.format_value(result.value, analyte=result.analyte)
    return f"{result.comparator}{shown} {units.unit_label(measured.canonical_unit)}"


def _limit_in_canonical_unit(limit: Decimal | str | None, *, analyte: str, unit: str) -> Decimal | None:
    if limit is None or limit == "":
        return None
    number = limit if isinstance(limit, Decimal) else units.read_value(limit, decimal_comma=True).number
    return units.to_canonical(number, analyte=analyte, unit=unit)


@register.filter
def span(opens_on: date, closes_on: date) -> str:
    """Return a window as people write it: `12 Mar–11 Apr 2026`, `12–18 Mar 2026`, `4 Apr 2026`."""
    return spoken_span(opens_on, closes_on)


@register.filter
def since(on_day: date, day_zero: date) -> str:
    """Return how long ago day 0 was: `day 412 (1 y 1 m)`."""
    days = day_number(on_day, day_zero=day_zero)
    months = (on_day.year - day_zero.year) * 12 + on_day.month - day_zero.month
    if add_months(day_zero, months) > on_day:
        months -= 1
    if months < 1:
        return f"Day {days}"
    years, rest = divmod(months, 12)
    return (
        f"Day {days} ({' '.join(filter(None, (f'{years} y' if years else '', f'{rest} m' if rest else '')))})"
    )


@register.filter
def day_words(on_day: date, day_zero: date) -> str:
    """Return the study day alone: `day 34`."""
    return f"day {day_number(on_day, day_zero=day_zero)}".replace("day -", "day −")


@register.filter
def plain(number: Decimal) -> str:
    """Return a number without trailing zeros."""
    return format(number.normalize(), "f")


@register.filter
def scope_words(scopes: list[str]) -> str:
    """Return the scopes of a consent as words."""
    words = [consent_scopes.SCOPES.get(scope, scope) for scope in scopes]
    return ", ".join(words[:1] + [word[0].lower() + word[1:] for word in words[1:]])


@register.filter
def seriousness_words(criteria: list[str]) -> str:
    """Return the criteria of seriousness as words."""
    return ", ".join(code_lists.SERIOUSNESS.get(code, code) for code in criteria)


@register.filter
def organ_words(organs: list[str]) -> str:
    """Return organs as words within a sentence: `skin, kidney`."""
    return ", ".join(code_lists.ORGANS.get(code, code).lower() for code in organs)


@register.filter
def uncap(words: str) -> str:
    """Return words as they stand within a sentence: `visit M6`."""
    return words[:1].lower() + words[1:]


@register.filter
def label_words(label: str) -> str:
    """Return an overdue visit's label as a site reads it (OVD-7)."""
    if label.startswith("superseded by "):
        return f"missed, undocumented: {label.removeprefix('superseded by ')} has opened since"
    return label


@register.filter
def checked_rule(name: str) -> str:
    """Return the title of the rule that a check of the status is about, empty for the other checks."""
    _, _, key = name.partition(":")
    return next((rule.title for rule in catalogue.RULES if rule.key == key), "")


@register.filter
def serology(row: Any) -> str:
    """Return what a test of serology found: `Positive, 1:320`, `<12 IU/mL, ELISA`; empty for none."""
    if row is None:
        return ""
    told = [FINDINGS[row.finding]] if row.finding else []
    if row.titre is not None:
        told.append(f"1:{row.titre}")
    if row.value is not None:
        told.append(f"{row.comparator}{plain(row.value)} {row.unit}")
    if row.upper_limit is not None:
        told.append(f"upper limit {plain(row.upper_limit)}")
    if row.assay:
        told.append(ASSAYS[row.assay])
    return ", ".join(told)


@register.filter
def dates_in_words(text: str, day_zeros: Sequence[date] = ()) -> str:
    """Return a value of the record's history with its date in words, and the study day of a whole one."""
    return day_in_course(text, day_zeros) if re.fullmatch(_DATE, text, re.ASCII) else text


@register.filter
def row_words(row: Mapping[str, Any], day_zeros: Sequence[date] = ()) -> str:
    """Return a row of the record in a line: what was recorded, or what a change is about."""
    if "analyte" in row and "entered_value" not in row:
        return f"{_analyte_name(row['analyte'])}: {row.get('reason', '')}"
    if "analyte" in row:
        value = f"{row['entered_value']} {units.unit_label(row['entered_unit'])}"
        collected = day_in_course(row["collected_on"], day_zeros)
        return f"{_analyte_name(row['analyte'])} {value}, collected {collected}"
    if row.get("test") in TESTS:
        titre = f"1:{row['titre']}" if row.get("titre") else ""
        value = f"{row.get('comparator', '')}{row['value']} {row['unit']}" if row.get("value") else ""
        words = (FINDINGS.get(row.get("finding", "")), titre, value, ASSAYS.get(row.get("assay", "")))
        found = ", ".join([TESTS[row["test"]], *filter(None, words)])
        return f"{found}, collected {day_in_course(row['collected_on'], day_zeros)}"
    # A follow-up report names its event by the number of a row, which says nothing to anybody.
    about = (
        ("code", "term", "outcome")
        if "number" in row
        else ("code", "event_id", "term", "score", "value", "outcome")
    )
    named = ["unscheduled" if row[name] == UNSCHEDULED else str(row[name]) for name in about if row.get(name)]
    if row.get("agent"):
        named.append(row.get("name") or AGENT_NAMES.get(row["agent"], row["agent"]))
        named.append(f"{row['mg_per_day']} mg/day" if row.get("mg_per_day") else row.get("dose") or "")
    if isinstance(row.get("items"), Mapping):
        named.append(", ".join(f"{key.replace('_', ' ')} {points}" for key, points in row["items"].items()))
    if row.get("kind"):
        named.append(code_lists.SUPPORT_KINDS.get(row["kind"], row["kind"]))
    if row.get("status"):
        named.append("completed" if row["status"] == "completed" else f"not done: {row.get('missed_reason')}")
    if row.get("new_malignancy"):
        named.append(f"new malignancy: {row.get('new_malignancy_text')}")
    if row.get("grade"):
        scale = row.get("grade_scale", "")
        named.append(f"grade {row['grade']} {code_lists.GRADE_SCALES.get(scale, scale)}".strip())
    named += [day_in_course(row[name], day_zeros) for name in _DATES if row.get(name)]
    return ", ".join(filter(None, named))


def _analyte_name(key: str) -> str:
    return ANALYTES[key].name if key in ANALYTES else key


# A partial date as well: `2024-05`. Not a year alone, which any number may be.
_DATE = r"\d{4}-\d{2}(-\d{2})?"
_DATES = (
    "visited_on",
    "given_on",
    "assessed_on",
    "infused_on",
    "day_zero",
    "reported_on",
    "started_on",
    "enrolled_on",
)
