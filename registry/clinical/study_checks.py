"""The impossible among sites, products and schedule rows; record_checks.py is the door to all checks."""

from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from registry.clinical import code_lists
from registry.clinical.entry_checks import (
    check_listed,
    check_required_text,
    check_text,
    check_texts,
    check_whole_number,
    missing,
)
from registry.clinical.refusals import Problem, shortened

# Sixty years of follow-up: a lifetime of monitoring, and far from the calendar's end.
_LATEST = {"day": 21_915, "month": 720}
_WIDEST = 365  # days


def check_site(*, site_id: str, name: str, country: str, time_zone: str) -> list[Problem]:
    """Check a site: country by ISO 3166-1 alpha-2, zone by its IANA name."""
    found = [
        *check_required_text(field="site_id", value=site_id),
        *check_required_text(field="name", value=name),
    ]
    if country not in code_lists.COUNTRIES:
        found.append(
            Problem(
                "country",
                shortened(country),
                f"{shortened(country) or 'An empty field'} is no country code.",
                "Write two capital letters of ISO 3166, such as DE, US or GB.",
            )
        )
    if not _is_zone(time_zone):
        found.append(
            Problem(
                "time_zone",
                shortened(time_zone),
                f"{shortened(time_zone) or 'An empty field'} is no time zone.",
                "Write an IANA name such as Europe/Vienna.",
            )
        )
    return found


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # OSError: Europe is a directory of the database, and a very long name is no file name.
        return False
    return True


def check_product(
    *, product_id: str, name: str, target: str, source: str, vector: str, manufacturer: str = ""
) -> list[Problem]:
    """Check a CAR T-cell product."""
    return [
        *check_required_text(field="product_id", value=product_id),
        *check_required_text(field="name", value=name),
        *check_listed(field="target", value=target, codes=code_lists.TARGETS),
        *check_listed(field="source", value=source, codes=code_lists.SOURCES),
        *check_listed(field="vector", value=vector, codes=code_lists.VECTORS),
        *check_texts(manufacturer=manufacturer),
    ]


def check_scheduled_visit(
    *,
    version: int | None,
    effective_from: date | None,
    visit_code: str,
    offset: int | None,
    offset_unit: str,
    days_before: int | None,
    days_after: int | None,
    mode: str,
) -> list[Problem]:
    """Check one row of a schedule version."""
    numbers: dict[str, tuple[int | None, int, int]] = {
        "version": (version, 1, 10_000),
        "offset": (offset, 0, _LATEST.get(offset_unit, _LATEST["day"])),
        "days_before": (days_before, 0, _WIDEST),
        "days_after": (days_after, 0, _WIDEST),
    }
    found = [
        *check_required_text(field="visit_code", value=visit_code),
        *check_text(field="visit_code", value=visit_code, maximum=20),
        *check_listed(field="offset_unit", value=offset_unit, codes=code_lists.OFFSET_UNITS),
        *check_listed(field="mode", value=mode, codes=code_lists.MODES, required=False),
    ]
    if effective_from is None:
        found.append(missing(field="effective_from"))
    for field, (value, low, high) in numbers.items():
        if value is None:
            found.append(missing(field=field))
        found.extend(check_whole_number(field=field, value=value, low=low, high=high))
    return found
