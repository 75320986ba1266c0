"""Dates that no country reads differently, as pages and reasons write them."""

from datetime import date

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def spoken(on: date) -> str:
    """Return `4 Apr 2024`."""
    return f"{on.day} {_MONTHS[on.month - 1]} {on.year}"


def spoken_span(first: date, last: date) -> str:
    """Return `14 Oct–14 Nov 2026`, `6–21 Mar 2024`, `28 Dec 2025–3 Jan 2026`, `4 Apr 2024`."""
    if first == last:
        return spoken(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{spoken(last)}"
    start = f"{first.day} {_MONTHS[first.month - 1]}" if first.year == last.year else spoken(first)
    return f"{start}–{spoken(last)}"
