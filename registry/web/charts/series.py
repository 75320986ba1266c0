"""One series of results over the days of a course, with the limit, the low run and what was given.

Words, shapes and lines carry the meaning; colours only help, so that it prints in grey.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from django.utils.html import format_html
from django.utils.safestring import SafeString

from registry.web.charts.marks import Shape, joined, line, outline, text
from registry.web.charts.scales import Days, Kind, Scale, tick_text, value_scale

WIDTH, HEIGHT = 760, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 16, 46, 46
# A line through a longer silence would suggest values that nobody measured.
_LONGEST_LINE_DAYS = 14
_LETTER = 6.9  # the width of a letter, as wide as the widest that a browser may choose
_RADIUS = 6

_LEGEND: dict[Shape, str] = {
    "value": "value",
    "lifted": "lifted by a support",
    "below": "reported as <",
    "above": "reported as >",
}


@dataclass(frozen=True, slots=True)
class Point:
    """One result. `is_used`: the alert stands on it. `text` is shown on hover."""

    day: int
    value: Decimal
    text: str
    shape: Shape = "value"
    is_used: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """A level with its words: `1.0 ×10⁹/L`."""

    value: Decimal
    label: str


@dataclass(frozen=True, slots=True)
class Run:
    """A span of days that is shaded, with its words: `31 d`; paler and lower when it is only possible."""

    first_day: int
    last_day: int
    label: str
    is_possible: bool = False


@dataclass(frozen=True, slots=True)
class DayLine:
    """A day with its words: `day 0`, `as of 1 Sep 2024`."""

    day: int
    label: str


@dataclass(frozen=True, slots=True)
class Given:
    """A support given on a day, marked under the values."""

    day: int
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    """What a series plot shows. `name` makes the ids unique on the page; `summary` says it in a sentence."""

    name: str
    title: str
    summary: str
    unit: str
    kind: Kind
    points: Sequence[Point]
    first_day: int
    last_day: int
    limits: Sequence[Limit] = ()
    runs: Sequence[Run] = ()
    day_lines: Sequence[DayLine] = ()
    given: Sequence[Given] = ()


def draw(plot: Plot) -> SafeString:
    """Return the plot as an SVG element with title and description."""
    days = Days(plot.first_day, plot.last_day, _LEFT, WIDTH - _RIGHT)
    values = [point.value for point in plot.points] + [limit.value for limit in plot.limits]
    scale = value_scale(kind=plot.kind, values=values, bottom=HEIGHT - _BOTTOM, top=_TOP)
    pieces = [
        *_shades(plot, days, scale),
        *_axes(plot, days, scale),
        *_limits(plot, days, scale),
        *_day_lines(plot, days, scale),
        *_lines(plot, days, scale),
        *_given(plot, days, scale),
        *(_symbol(point, days.place(point.day), scale.place(point.value)) for point in plot.points),
        *_run_labels(plot, days, scale),
        *_limit_labels(plot, days, scale),
        _legend(plot),
    ]
    return format_html(
        '<svg class="plot" viewBox="0 0 {w} {h}" role="img" aria-labelledby="{n}-title {n}-summary" '
        'xmlns="http://www.w3.org/2000/svg">'
        '<title id="{n}-title">{t}</title><desc id="{n}-summary">{s}</desc>{p}</svg>',
        w=WIDTH,
        h=HEIGHT,
        n=plot.name,
        t=plot.title,
        s=plot.summary,
        p=joined(pieces),
    )


def _axes(plot: Plot, days: Days, scale: Scale) -> Iterator[SafeString]:
    for tick in scale.ticks:
        y = scale.place(tick)
        yield line(days.left, y, days.right, y, "grid")
        yield text(days.left - 6, y + 4, tick_text(tick), "tick", "end")
    for day in days.ticks:
        x = days.place(day)
        yield line(x, scale.bottom, x, scale.bottom + 4, "axis")
        yield text(x, scale.bottom + 17, str(day).replace("-", "−"), "tick", "middle")
    yield line(days.left, scale.bottom, days.right, scale.bottom, "axis")
    axis = "logarithmic" if plot.kind == "log" else "linear"
    yield text(days.left - 42, 14, f"{plot.unit} ({axis})", "words")
    yield text((days.left + days.right) / 2, HEIGHT - 6, "day of the course", "words", "middle")


def _limits(plot: Plot, days: Days, scale: Scale) -> Iterator[SafeString]:
    for limit in plot.limits:
        y = scale.place(limit.value)
        yield line(days.left, y, days.right, y, "limit")


def _limit_labels(plot: Plot, days: Days, scale: Scale) -> Iterator[SafeString]:
    """At the end of the line where the words cover no value; above it at the right where none is free."""
    for limit in plot.limits:
        words, y = f"limit {limit.label}", scale.place(limit.value)
        width = len(words) * _LETTER
        places = [(x, level, anchor) for x, anchor in _ends_of(days) for level in (y - 5, y + 14)]
        free = [place for place in places if not _covers(place, width, plot, days, scale)]
        x, level, anchor = (free or places)[0]
        yield text(x, level, words, "limit-words", anchor)


def _ends_of(days: Days) -> tuple[tuple[float, str], ...]:
    return ((days.right - 4, "end"), (days.left + 4, "start"))


def _covers(place: tuple[float, float, str], width: float, plot: Plot, days: Days, scale: Scale) -> bool:
    """Whether words at a place would lie on a value, or on the line between two."""
    x, foot, anchor = place
    left = x - width if anchor == "end" else x
    head, right = foot - 12, left + width
    for before, after in pairwise(_line_points(plot)):
        (x1, y1), (x2, y2) = ((days.place(day), scale.place(value)) for day, value in (before, after))
        if x1 - _RADIUS > right or x2 + _RADIUS < left:
            continue
        slope = (y2 - y1) / (x2 - x1)
        ends = [y1 + slope * (min(max(edge, x1), x2) - x1) for edge in (left - _RADIUS, right + _RADIUS)]
        if min(ends) - _RADIUS <= foot and max(ends) + _RADIUS >= head:
            return True
    return False


def _shades(plot: Plot, days: Days, scale: Scale) -> Iterator[SafeString]:
    for run in plot.runs:
        first, last = _ends(run, days)
        yield format_html(
            '<rect class="plot__run{}" x="{}" y="{}" width="{}" height="{}"/>',
            " plot__run--possible" if run.is_possible else "",
            first,
            scale.top,
            max(round(last - first, 1), 2),
            scale.bottom - scale.top,
        )


def _run_labels(plot: Plot, days: Days, scale: Scale) -> Iterator[SafeString]:
    for run in plot.runs:
        first, last = _ends(run, days)
        yield text(
            round((first + last) / 2, 1),
            scale.top + (30 if run.is_possible else 14),
            run.label,
            "run-words",
            "middle",
        )


def _ends(run: Run, days: Days) -> tuple[float, float]:
    return days.place(max(run.first_day, days.first)), days.place(min(run.last_day, days.last))


def _day_lines(plot: Plot, days: Days, scale: Scale) -> Iterator[SafeString]:
    for marked in plot.day_lines:
        if days.holds(marked.day):
            x = days.place(marked.day)
            is_far_right = x > (days.left + days.right) / 2
            yield line(x, scale.top - 6, x, scale.bottom, "day")
            yield text(
                x - 4 if is_far_right else x + 4,
                scale.top - 6,
                marked.label,
                "words",
                "end" if is_far_right else "start",
            )


def _lines(plot: Plot, days: Days, scale: Scale) -> Iterator[SafeString]:
    for (day, value), (next_day, next_value) in pairwise(_line_points(plot)):
        kind = "line" if next_day - day <= _LONGEST_LINE_DAYS else "silence"
        yield line(days.place(day), scale.place(value), days.place(next_day), scale.place(next_value), kind)


def _line_points(plot: Plot) -> list[tuple[int, Decimal]]:
    """The lowest value of each day: through these the line runs."""
    lowest: dict[int, Decimal] = {}
    for point in plot.points:
        lowest[point.day] = min(point.value, lowest.get(point.day, point.value))
    return sorted(lowest.items())


def _given(plot: Plot, days: Days, scale: Scale) -> Iterator[SafeString]:
    for given in plot.given:
        if days.holds(given.day):
            x = days.place(given.day)
            yield format_html(
                '<path class="plot__given" d="M{} {}v-10h4v10z"><title>{}</title></path>',
                round(x - 2, 1),
                scale.bottom,
                given.label,
            )


def _symbol(point: Point, x: float, y: float) -> SafeString:
    used = " plot__point--used" if point.is_used else ""
    return format_html(
        '<path class="plot__point plot__point--{}{}" d="{}"><title>{}</title></path>',
        point.shape,
        used,
        outline(point.shape, x, y, 5.5 if point.is_used else 4),
        point.text,
    )


def _legend(plot: Plot) -> SafeString:
    """Only what the plot really shows, from right to left of the head line."""
    entries = [(shape, False, words) for shape, words in _LEGEND.items() if _shows(plot, shape)]
    if any(point.is_used for point in plot.points):
        entries.append(("value", True, "used as evidence"))
    pieces = []
    x = float(WIDTH - _RIGHT)
    if plot.given:
        entries.append(("value", False, "support given"))
    for shape, is_used, words in reversed(entries):
        x -= len(words) * _LETTER
        pieces.append(text(x, 14, words, "words"))
        x -= 12
        if words == "support given":
            pieces.append(format_html('<path class="plot__given" d="M{} 15v-10h4v10z"/>', round(x, 1)))
        else:
            pieces.append(_symbol(Point(0, Decimal(0), words, shape, is_used), round(x, 1), 10))
        x -= 16
    return joined(pieces)


def _shows(plot: Plot, shape: Shape) -> bool:
    return any(point.shape == shape for point in plot.points)
