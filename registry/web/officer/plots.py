"""The plot beside an alert: its results over the days of the course, and what the rule saw in them."""

from datetime import date

from django.utils.safestring import SafeString

from registry.clinical.code_lists import SUPPORT_KINDS
from registry.clinical.spoken_dates import spoken
from registry.clinical.study_days import study_day
from registry.clinical.units import format_value
from registry.models import Alert
from registry.queries.alert_file import AlertFile
from registry.web.charts import series as chart
from registry.web.charts.scales import Kind
from registry.web.officer.values import Series, ValueRow
from registry.web.officer.wording.told import days_in_words, number

# Counts span a thousandfold; a depth of 0.1 and one of 0.4 must look different.
_LOGARITHMIC = frozenset({"ANC", "PLT", "ALC", "WBC", "CAR_DNA", "FERRITIN"})
_LIFTS = {
    "ANC": ("g_csf", "peg_g_csf"),
    "PLT": ("platelet_transfusion", "tpo_ra"),
    "HGB": ("rbc_transfusion",),
}
_LEAST_POINTS = 2
# A silence of years would press what was measured into a corner.
_LONGEST_SILENCE_DAYS = 180


def plot_of(*, file: AlertFile, series: Series, as_of: date) -> SafeString | None:
    """The plot of one analyte, or None when there are too few values to make one."""
    rows = _shown(series)
    if len(rows) < _LEAST_POINTS:
        return None
    alert = file.alert
    as_of_day = _day(alert, as_of)
    runs = _runs(alert, series)
    # Day 0 belongs into the picture unless the episode lies far behind it.
    days = [row.day for row in rows] + ([0] if rows[0].day <= 0 or rows[0].day < 60 else [])
    shown_to = min(max([*days, *(run.last_day for run in runs)]), max(days) + _LONGEST_SILENCE_DAYS)
    if as_of_day <= shown_to + 30:
        shown_to = max(shown_to, as_of_day)
    kind: Kind = "log" if series.analyte in _LOGARITHMIC else "linear"
    return chart.draw(
        chart.Plot(
            name=f"plot-{series.analyte.lower()}",
            title=f"{series.name} of {alert.patient.code}",
            summary=summary_of(series),
            unit=series.unit,
            kind=kind,
            points=[_point(row, series) for row in rows],
            first_day=min(days) - 2,
            last_day=shown_to + 2,
            limits=_limits(series),
            runs=runs,
            day_lines=[
                chart.DayLine(0, "day 0"),
                chart.DayLine(as_of_day, f"as of day {number(as_of_day)}, {spoken(as_of)}"),
            ],
            given=_given(file, series.analyte),
        )
    )


def summary_of(series: Series) -> str:
    """The values in a sentence, for those who do not see the plot; empty when none are shown."""
    rows = _shown(series)
    if not rows:
        return ""
    low = [row for row in rows if row.state == "low"]
    lowest = min(rows, key=lambda row: row.result.value)
    words = (
        f"{len(rows)} values from day {number(rows[0].day)} to day {number(rows[-1].day)}, lowest "
        f"{lowest.canonical} {series.unit} on day {number(lowest.day)}"
    )
    if series.limit is None:
        return f"{words}."
    if series.analyte not in _LIFTS:
        return f"{words}; the trigger looks above {_limit_text(series)}."
    if not low:
        return f"{words}; none below the limit of {_limit_text(series)} counts as low."
    below = f"below the limit of {_limit_text(series)} on {days_in_words(len(low))} of measurement"
    return f"{words}; {below}, first on day {number(low[0].day)}, latest on day {number(low[-1].day)}."


def _shown(series: Series) -> list[ValueRow]:
    return [row for row in series.near if not row.is_superseded]


def _point(row: ValueRow, series: Series) -> chart.Point:
    shape: chart.Shape = "value"
    if row.state == "supported":
        shape = "lifted"
    if row.result.comparator:
        shape = "below" if row.result.comparator == "<" else "above"
    marks = "".join(f", {mark}" for mark in row.marks)
    return chart.Point(
        day=row.day,
        value=row.result.value,
        text=f"Day {number(row.day)}, {spoken(row.result.collected_on)}: "
        f"{row.canonical} {series.unit}{marks}",
        shape=shape,
        is_used=row.is_used,
    )


def _limits(series: Series) -> list[chart.Limit]:
    return [] if series.limit is None else [chart.Limit(series.limit, _limit_text(series))]


def _limit_text(series: Series) -> str:
    if series.limit is None:
        return ""
    text = format_value(series.limit, analyte=series.analyte)
    if series.analyte == "ANC" and "." not in text:
        text += ".0"
    return f"{text} {series.unit}"


def _runs(alert: Alert, series: Series) -> list[chart.Run]:
    """The time the alert speaks of, where it is about these counts: proven, and what cannot be excluded."""
    told = alert.evidence
    if told.get("lineage") != series.analyte or not alert.first_on:
        return []
    first, last = _day(alert, alert.first_on), _day(alert, alert.last_on)
    if alert.rule == "unresolved_at_day_28":
        return [chart.Run(first, last, f"last low to day {last}")] if last > first else []
    runs = [chart.Run(first, last, f"{last - first} d")] if last > first else []
    if alert.certainty == "possible" and {"earliest_start_on", "latest_end_on"} <= told.keys():
        start = _day(alert, date.fromisoformat(told["earliest_start_on"]))
        end = _day(alert, date.fromisoformat(told["latest_end_on"]))
        runs.append(chart.Run(start, end, f"possibly {end - start} d", is_possible=True))
    return runs


def _day(alert: Alert, on: date) -> int:
    return study_day(on, day_zero=alert.day_zero)


def _given(file: AlertFile, analyte: str) -> list[chart.Given]:
    return [
        chart.Given(
            _day(file.alert, given.given_on),
            f"{SUPPORT_KINDS[given.kind]}, {spoken(given.given_on)}",
        )
        for given in file.supports
        if given.kind in _LIFTS.get(analyte, ())
    ]
