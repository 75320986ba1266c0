"""Disease activity over time as the patient page shows it."""

from django.utils.safestring import SafeString

from registry.clinical.study_days import study_day
from registry.models import Patient
from registry.queries.activity import ActivityFile
from registry.web.charts import series as chart

_LEAST_POINTS = 2


def sledai_plot(*, patient: Patient, file: ActivityFile) -> SafeString | None:
    """The SLEDAI-2K by study day as a plot, or None with fewer than two values or no day 0."""
    if file.day_zero is None or len(file.sledai) < _LEAST_POINTS:
        return None
    points = [
        chart.Point(
            day=(day := study_day(on, day_zero=file.day_zero)),
            value=value,
            text=f"{value.normalize():f} on day {day}".replace("day -", "day −"),
        )
        for on, value in file.sledai
    ]
    days = [0, *(point.day for point in points)]
    first, latest = points[0], points[-1]
    return chart.draw(
        chart.Plot(
            name="plot-sledai",
            title=f"SLEDAI-2K of {patient.code}",
            summary=f"{len(points)} assessments, first {first.text}, latest {latest.text}.",
            unit="points",
            kind="linear",
            points=points,
            first_day=min(days) - 2,
            last_day=max(days) + 2,
            day_lines=[chart.DayLine(0, "day 0")],
        )
    )
