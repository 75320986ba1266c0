"""A patient's course on one sheet: small multiples of counts above lanes of what happened, on the same days.

Shapes and words carry the meaning; it prints in grey. Each mark that has an address opens the field it was
drawn from, and can be reached by the keyboard as any link.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from django.utils.html import format_html
from django.utils.safestring import SafeString

from registry.web.charts.marks import Shape, joined, line, linked, outline, text
from registry.web.charts.scales import Days, Kind, Scale, tick_text, value_scale

Sign = Literal["done", "missed", "window", "overdue", "event", "given", "span"]

_WIDTH, _LEFT, _RIGHT, _TOP = 760, 132, 14, 22
_PANEL, _BETWEEN, _LANE, _FOOT = 96, 18, 24, 30
# A line through a longer silence would suggest values that nobody measured.
_LONGEST_LINE_DAYS = 14


@dataclass(frozen=True, slots=True)
class Value:
    """One result on its day; `told` is its text, `href` the field it comes from."""

    day: int
    value: Decimal
    told: str
    shape: Shape = "value"
    href: str = ""


@dataclass(frozen=True, slots=True)
class LowRun:
    """A span of low days with its words: `31 d`."""

    first_day: int
    last_day: int
    label: str


@dataclass(frozen=True, slots=True)
class Panel:
    """The values of one analyte, with its limit in the same unit."""

    title: str
    unit: str
    kind: Kind
    values: Sequence[Value]
    limit: Decimal | None = None
    limit_label: str = ""
    runs: Sequence[LowRun] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """Something of a lane: on a day, or from a day to another; `last_day` empty: it goes on."""

    first_day: int
    last_day: int | None
    told: str
    sign: Sign
    label: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of things that happened."""

    title: str
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the sheet shows; `summary` says it in a sentence. `marked`: days with their words."""

    title: str
    summary: str
    first_day: int
    last_day: int
    panels: Sequence[Panel]
    lanes: Sequence[Lane]
    marked: Sequence[tuple[int, str]]


def draw_timeline(sheet: Timeline) -> SafeString:
    """Return the sheet as an SVG element with title and description."""
    days = Days(sheet.first_day, sheet.last_day, _LEFT, _WIDTH - _RIGHT)
    lanes_top = _TOP + len(sheet.panels) * (_PANEL + _BETWEEN)
    bottom = lanes_top + len(sheet.lanes) * _LANE
    pieces = [*_marked_days(sheet, days, bottom)]
    for number, panel in enumerate(sheet.panels):
        pieces += _panel(panel, days, _TOP + number * (_PANEL + _BETWEEN))
    for number, lane in enumerate(sheet.lanes):
        pieces += _lane(lane, days, lanes_top + number * _LANE)
    pieces += _day_axis(days, bottom)
    return format_html(
        '<svg class="plot plot--timeline" viewBox="0 0 {w} {h}" role="group" '
        'aria-labelledby="timeline-title timeline-summary" xmlns="http://www.w3.org/2000/svg">'
        '<title id="timeline-title">{t}</title><desc id="timeline-summary">{s}</desc>{p}</svg>',
        w=_WIDTH,
        h=bottom + _FOOT,
        t=sheet.title,
        s=sheet.summary,
        p=joined(pieces),
    )


def _marked_days(sheet: Timeline, days: Days, bottom: float) -> Iterator[SafeString]:
    for day, words in sheet.marked:
        if days.holds(day):
            x = days.place(day)
            is_far_right = x > (days.left + days.right) / 2
            yield line(x, _TOP - 8, x, bottom, "day")
            yield text(
                x - 4 if is_far_right else x + 4,
                _TOP - 10,
                words,
                "words",
                "end" if is_far_right else "start",
            )


def _panel(panel: Panel, days: Days, top: float) -> Iterator[SafeString]:
    shown = [value for value in panel.values if days.holds(value.day)]
    levels = [value.value for value in shown] + ([panel.limit] if panel.limit is not None else [])
    scale = value_scale(kind=panel.kind, values=levels, bottom=top + _PANEL, top=top + 8)
    # Below the uppermost tick: the longest names reach as far as the numbers do.
    yield text(4, top + 26, panel.title, "panel")
    yield text(4, top + 40, panel.unit, "words")
    for run in panel.runs:
        yield from _run(run, days, scale)
    for tick in (scale.ticks[0], scale.ticks[len(scale.ticks) // 2], scale.ticks[-1]):
        y = scale.place(tick)
        yield line(days.left, y, days.right, y, "grid")
        yield text(days.left - 6, y + 4, tick_text(tick), "tick", "end")
    if panel.limit is not None:
        y = scale.place(panel.limit)
        yield line(days.left, y, days.right, y, "limit")
        yield text(days.right - 2, y - 4, panel.limit_label, "limit-words", "end")
    yield from _lines(shown, days, scale)
    for value in shown:
        mark = format_html(
            '<path class="plot__point plot__point--{}" d="{}"><title>{}</title></path>',
            value.shape,
            outline(value.shape, days.place(value.day), scale.place(value.value), 3.5),
            value.told,
        )
        yield linked(mark, value.href)


def _lines(shown: Sequence[Value], days: Days, scale: Scale) -> Iterator[SafeString]:
    lowest: dict[int, Decimal] = {}
    for value in shown:
        lowest[value.day] = min(value.value, lowest.get(value.day, value.value))
    for (day, level), (next_day, next_level) in pairwise(sorted(lowest.items())):
        kind = "line" if next_day - day <= _LONGEST_LINE_DAYS else "silence"
        yield line(days.place(day), scale.place(level), days.place(next_day), scale.place(next_level), kind)


def _run(run: LowRun, days: Days, scale: Scale) -> Iterator[SafeString]:
    if run.last_day < days.first or run.first_day > days.last:
        return
    first = days.place(max(run.first_day, days.first))
    last = days.place(min(run.last_day, days.last))
    yield format_html(
        '<rect class="plot__run" x="{}" y="{}" width="{}" height="{}"/>',
        first,
        scale.top,
        max(round(last - first, 1), 2),
        round(scale.bottom - scale.top, 1),
    )
    yield text(round((first + last) / 2, 1), scale.top + 10, run.label, "run-words", "middle")


def _lane(lane: Lane, days: Days, top: float) -> Iterator[SafeString]:
    middle = top + _LANE / 2
    yield text(4, middle + 4, lane.title, "words")
    yield line(days.left, top + _LANE, days.right, top + _LANE, "grid")
    free_from = days.left
    for item in sorted(lane.items, key=lambda each: each.first_day):
        last = days.last if item.last_day is None else item.last_day
        if last < days.first or item.first_day > days.last:
            continue
        x1, x2 = days.place(max(item.first_day, days.first)), days.place(min(last, days.last))
        mark = format_html(
            '<path class="plot__{}" d="{}"><title>{}</title></path>',
            item.sign,
            _sign(item.sign, x1, x2, middle),
            item.told,
        )
        yield linked(mark, item.href)
        # A label that would lie on the one before is left to the title and the table.
        width = len(item.label) * 7.2
        if item.label and x1 + 6 >= free_from and x1 + 6 + width <= days.right:
            yield text(round(x1 + 6, 1), middle - 3, item.label, "words")
            free_from = x1 + 6 + width + 4


def _sign(sign: Sign, x1: float, x2: float, y: float) -> str:
    """A window is a bracket, a span a bar; what has one day is a disc, a cross or a tick."""
    if sign in ("window", "overdue"):
        return f"M{x1:.1f} {y - 5:.1f}v10M{x1:.1f} {y + 5:.1f}H{max(x2, x1 + 2):.1f}v-10"
    if sign == "span":
        return f"M{x1:.1f} {y:.1f}h{max(x2 - x1, 2):.1f}v5h-{max(x2 - x1, 2):.1f}z"
    if sign == "missed":
        return f"M{x1 - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"
    if sign == "given":
        return f"M{x1 - 2:.1f} {y + 5:.1f}v-10h4v10z"
    if sign == "event":
        return f"M{x1:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5zM{x1 + 5:.1f} {y:.1f}H{max(x2, x1 + 5):.1f}"
    return outline("value", x1, y, 4)


def _day_axis(days: Days, bottom: float) -> Iterator[SafeString]:
    yield line(days.left, bottom, days.right, bottom, "axis")
    for day in days.ticks:
        x = days.place(day)
        yield line(x, bottom, x, bottom + 4, "axis")
        yield text(x, bottom + 15, str(day).replace("-", "−"), "tick", "middle")
    yield text((days.left + days.right) / 2, bottom + 28, "day of the course", "words", "middle")
