"""The weeks ahead as bars: when the window of each visit is open. Words and bars, no colour needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString

from registry.clinical.spoken_dates import spoken, spoken_span
from registry.web.charts.marks import joined, line, linked, text

WEEKS = 8
_DAY = timedelta(days=1)
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 760, 150, 10, 34, 22


@dataclass(frozen=True, slots=True)
class Bar:
    """A visit whose window is open in these weeks: its name, its days, the form it opens."""

    label: str
    opens_on: date
    closes_on: date
    target_on: date
    href: str


def draw_weeks(*, bars: Sequence[Bar], today: date) -> SafeString:
    """Return the weeks from this Monday on as an SVG element."""
    first = today - timedelta(days=today.weekday())
    last = first + timedelta(weeks=WEEKS)
    bottom = _TOP + len(bars) * _ROW
    pieces = [*_weeks(first, bottom), *_today(today, first, bottom)]
    for number, bar in enumerate(bars):
        pieces += _bar(bar, first, last, _TOP + number * _ROW)
    return format_html(
        '<svg class="plot plot--weeks" viewBox="0 0 {w} {h}" role="group" aria-labelledby="weeks-name" '
        'xmlns="http://www.w3.org/2000/svg"><title id="weeks-name">{t}</title>{p}</svg>',
        w=_WIDTH,
        h=bottom + 6,
        t=f"Windows open between {spoken(first)} and {spoken(last - timedelta(days=1))}",
        p=joined(pieces),
    )


def _place(on: date, first: date) -> float:
    share = (on - first).days / (WEEKS * 7)
    return round(_LEFT + min(max(share, 0), 1) * (_WIDTH - _LEFT - _RIGHT), 1)


def _weeks(first: date, bottom: float) -> Iterator[SafeString]:
    for week in range(WEEKS):
        monday = first + timedelta(weeks=week)
        x = _place(monday, first)
        yield line(x, _TOP - 6, x, bottom, "grid")
        yield text(x + 3, _TOP - 10, spoken(monday).rpartition(" ")[0], "tick")


def _today(today: date, first: date, bottom: float) -> Iterator[SafeString]:
    x = _place(today, first)
    yield line(x, _TOP - 6, x, bottom, "day")
    yield text(x + 3, 10, "today", "words")


def _bar(bar: Bar, first: date, last: date, top: float) -> Iterator[SafeString]:
    opens, closes = _place(max(bar.opens_on, first), first), _place(min(bar.closes_on, last) + _DAY, first)
    told = f"{bar.label}: window {spoken_span(bar.opens_on, bar.closes_on)}, aimed at {spoken(bar.target_on)}"
    mark = format_html(
        '<g><title>{}</title><text class="plot__words" x="4" y="{}">{}</text>'
        '<rect class="plot__open" x="{}" y="{}" width="{}" height="10"/></g>',
        told,
        top + 14,
        bar.label,
        opens,
        top + 5,
        max(round(closes - opens, 1), 3),
    )
    yield linked(mark, bar.href)
    if first <= bar.target_on < last:
        x = _place(bar.target_on, first)
        yield line(x, top + 3, x, top + 17, "aim")
