"""The impossible among sites, products and visit schedules, in the words of refusals.py.

Source: contract.md section 3.
"""

from datetime import date
from functools import cache
from zoneinfo import available_timezones

from registry.clinical import code_lists
from registry.clinical.entry_checks import (
    check_listed,
    check_present,
    check_required_text,
    check_text,
    check_texts,
    check_whole_number,
)
from registry.clinical.refusals import Problem, shortened
from registry.clinical.visit_windows import UNSCHEDULED

_MOST_VERSIONS = 10_000
_MOST_DAYS = 40_000  # a hundred years and more
_MOST_MONTHS = 1_200
_WIDEST = 3_650  # days before or after a target
_LONGEST_CODE = 20  # characters of a planned visit's code
_NO_ZONES = {"localtime", "posixrules", "Factory", "leapseconds"}


@cache
def time_zones() -> frozenset[str]:
    """Return the names of the IANA time zones, case counts."""
    return frozenset(available_timezones() - _NO_ZONES)


def check_site(*, site_id: str, name: str, country: str, time_zone: str) -> list[Problem]:
    """Check a site: alpha-2 country of ISO 3166, zone by its IANA name."""
    found = [
        *check_required_text(field="site_id", value=site_id),
        *check_required_text(field="name", value=name),
        *check_present(field="country", value=country),
        *check_present(field="time_zone", value=time_zone),
    ]
    if country and country not in code_lists.COUNTRIES:
        found.append(
            Problem(
                "country",
                shortened(country),
                f"{shortened(country)} is not a country of ISO 3166.",
                "Two capital letters such as AT, DE or GB.",
            )
        )
    if time_zone and time_zone not in time_zones():
        found.append(
            Problem(
                "time_zone",
                shortened(time_zone),
                f"{shortened(time_zone)} is not a time zone.",
                "An IANA name such as Europe/Vienna or UTC.",
            )
        )
    return found


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
    mode: str = "on_site",
) -> list[Problem]:
    """Check one row of a schedule version; an unscheduled visit cannot be planned."""
    found = [
        *check_present(field="version", value=version),
        *check_whole_number(field="version", value=version, low=1, high=_MOST_VERSIONS),
        *check_present(field="effective_from", value=effective_from),
        *check_present(field="visit_code", value=visit_code),
        *check_text(field="visit_code", value=visit_code, maximum=_LONGEST_CODE),
        *check_present(field="offset", value=offset),
        *check_whole_number(
            field="offset", value=offset, low=0, high=_MOST_MONTHS if offset_unit == "month" else _MOST_DAYS
        ),
        *check_listed(field="offset_unit", value=offset_unit, codes=code_lists.OFFSET_UNITS),
        *check_listed(field="mode", value=mode, codes=code_lists.MODES, required=False),
    ]
    for field, days in (("days_before", days_before), ("days_after", days_after)):
        found.extend(check_present(field=field, value=days))
        found.extend(check_whole_number(field=field, value=days, low=0, high=_WIDEST))
    if visit_code == UNSCHEDULED:
        found.append(
            Problem(
                "visit_code",
                visit_code,
                f"{UNSCHEDULED} stands for unscheduled visits and cannot be planned.",
                "Choose another code.",
            )
        )
    return found
