"""An overdue visit in words (rules.md OVD-4 to OVD-9)."""

from datetime import timedelta

from registry.monitoring.overdue_visit import LOST_TO_FOLLOW_UP
from registry.web.officer.wording.told import Part, Told, days_in_words, sentence


def line(told: Told) -> str:
    words = [
        f"Visit {told.text('visit_code')} {days_in_words(told.days('days_overdue'))} overdue",
        f"window {told.span(told.on('opens_on'), told.on('closes_on'))}",
        *(_label(label)[0].lower() + _label(label)[1:] for label in told.labels),
    ]
    return ", ".join(words)


def why(told: Told) -> tuple[Part, ...]:
    # Days overdue are counted from the close to the date of the check, so they also tell that date.
    checked_on = told.on("closes_on") + timedelta(days=told.days("days_overdue"))
    return sentence(
        f"Visit {told.text('visit_code')} was due on ",
        Part(told.when(told.on("target_on")), anchor="visits"),
        f"{_window(told)}, and is recorded neither as completed nor as missed: "
        f"{days_in_words(told.days('days_overdue'))} overdue on {told.when(checked_on)}.",
    )


def _window(told: Told) -> str:
    opens, closes = told.on("opens_on"), told.on("closes_on")
    if opens == closes:
        return " and on no other day"
    return f" in the window from {told.when(opens)} to {told.when(closes)}"


def what_would_change(told: Told) -> tuple[str, ...]:
    closes = told.when(told.on("closes_on"))
    return (
        "Recording the visit, also outside its window, or declaring it missed with a reason resolves "
        "this alert.",
        f"An end of follow-up before {closes}, or a new infusion on or before that day, withdraws it: "
        "the visit is then not owed.",
    )


def labels(told: Told) -> tuple[str, ...]:
    return tuple(f"{_label(label)}." for label in told.labels)


def _label(label: str) -> str:
    if label == LOST_TO_FOLLOW_UP:
        return "Lost to follow-up? Neighbouring annual visits are overdue"
    if label.startswith("superseded by "):
        return f"Missed, undocumented: the window of {label.removeprefix('superseded by ')} has opened"
    return label
