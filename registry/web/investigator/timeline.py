"""The patient's course as a sheet: counts against their limits, with what was done, given and happened."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.urls import reverse
from django.utils.safestring import SafeString

from registry.clinical.analytes import ANALYTES
from registry.clinical.code_lists import EVENT_CATEGORIES, SUPPORT_KINDS
from registry.clinical.partial_dates import PartialDate
from registry.clinical.spoken_dates import spoken, spoken_span
from registry.clinical.study_days import study_day
from registry.clinical.units import format_value, unit_label
from registry.clinical.visit_names import visit_words
from registry.models import LabResult, SupportiveTreatment
from registry.monitoring.blood_counts import LINEAGES, CountLimits
from registry.queries.event_chain import EventChain
from registry.queries.patient_file import PatientFile, VisitLine
from registry.templatetags.words import grades
from registry.templatetags.words import on as on_words
from registry.web.charts.marks import Shape
from registry.web.charts.scales import Kind
from registry.web.charts.timeline import Item, Lane, LowRun, Panel, Sign, Timeline, Value, draw_timeline

# What haematology looks at first; further analytes stand in the table.
_PANELS = ("ANC", "PLT", "HGB", "ALC", "CD19", "IGG")
# Counts span a thousandfold; a depth of 0.1 and one of 0.4 must look different.
_LOGARITHMIC = frozenset({"ANC", "PLT", "ALC", "CD19"})
_FIRST_DAYS, _FIRST_YEAR = (-30, 90), (-30, 365)
_INFECTIONS = "infection"


@dataclass(frozen=True, slots=True)
class Range:
    """A choice of days: its word in the address, and its words for people."""

    key: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """The drawn timeline, the ranges to choose from, and the same as a table: day, what, address."""

    drawing: SafeString
    summary: str
    ranges: tuple[Range, ...]
    lines: tuple[tuple[str, str, str], ...]


def timeline_of(*, file: PatientFile, chosen: str, may_enter: bool) -> Sheet | None:
    """Return the sheet of the current course; None while there is no day 0.

    `chosen`: `first-days`, `first-year`, `all`, or anything else for the shortest that holds today.
    """
    if file.day_zero is None:
        return None
    writer = _Writer(file, file.day_zero, may_enter)
    key = chosen if chosen in ("first-days", "first-year", "all") else writer.usual_range
    first, last = writer.range_of(key)
    panels, lanes = writer.panels(), writer.lanes()
    summary = writer.summary(panels)
    sheet = Timeline(
        title=f"Course of {file.patient.code}",
        summary=summary,
        first_day=first,
        last_day=last,
        panels=[panel for panel in panels if any(first <= value.day <= last for value in panel.values)],
        lanes=lanes,
        marked=[(0, "day 0"), (writer.day(file.today), "today")],
    )
    return Sheet(
        drawing=draw_timeline(sheet),
        summary=summary,
        ranges=tuple(
            Range(each, label, each == key)
            for each, label in (
                ("first-days", "Day −30 to 90"),
                ("first-year", "First year"),
                ("all", "All"),
            )
        ),
        lines=tuple(
            (item.told, lane.title, item.href)
            for lane in lanes
            for item in sorted(lane.items, key=lambda each: each.first_day)
            if item.sign != "window"
        ),
    )


class _Writer:
    def __init__(self, file: PatientFile, day_zero: date, may_enter: bool):
        self._file = file
        self._day_zero = day_zero
        self._may_enter = may_enter

    def day(self, on: date) -> int:
        return study_day(on, day_zero=self._day_zero)

    @property
    def usual_range(self) -> str:
        now = self.day(self._file.today)
        return "first-days" if now <= _FIRST_DAYS[1] else "first-year" if now <= _FIRST_YEAR[1] else "all"

    def range_of(self, key: str) -> tuple[int, int]:
        if key == "first-days":
            return _FIRST_DAYS
        if key == "first-year":
            return _FIRST_YEAR
        days = [self.day(result.collected_on) for result in self._file.results]
        return min([-30, *days]), max([self.day(self._file.today), 90, *days]) + 5

    def panels(self) -> list[Panel]:
        limits = CountLimits()
        found = []
        for key in _PANELS:
            results = [result for result in self._file.results if result.analyte == key]
            if not results:
                continue
            lineage = next((each for each in LINEAGES if each == key), None)
            limit = limits.low_below(lineage) if lineage else None
            unit = unit_label(ANALYTES[key].canonical_unit)
            kind: Kind = "log" if key in _LOGARITHMIC else "linear"
            found.append(
                Panel(
                    title=ANALYTES[key].name,
                    unit=unit,
                    kind=kind,
                    values=[self._value(result) for result in results],
                    limit=limit,
                    limit_label=f"limit {format_value(limit, analyte=key)} {unit}" if limit else "",
                    runs=list(self._runs(key)),
                )
            )
        return found

    def _value(self, result: LabResult) -> Value:
        shown = f"{result.comparator}{format_value(result.value, analyte=result.analyte)}"
        unit = unit_label(ANALYTES[result.analyte].canonical_unit)
        grade = grades(result)
        return Value(
            day=self.day(result.collected_on),
            value=result.value,
            told=f"{ANALYTES[result.analyte].name} {shown} {unit}, {self._dated(result.collected_on)}"
            + (f", {grade}" if grade else ""),
            shape=self._shape(result),
            href=self._address("result", result.pk) if self._may_enter else "",
        )

    def _shape(self, result: LabResult) -> Shape:
        if result.comparator:
            return "below" if result.comparator == "<" else "above"
        lineage = next((each for each in LINEAGES if each == result.analyte), None)
        limits = CountLimits()
        if lineage and result.value < limits.low_below(lineage):
            return "value"  # a low count is low whether supported or not (rules.md CYT-3)
        hidden = limits.hidden_days_by_support(lineage) if lineage else {}
        is_lifted = any(
            0 <= (result.collected_on - support.given_on).days <= hidden[support.kind]
            for support, _ in self._file.supports
            if support.kind in hidden
        )
        return "lifted" if is_lifted else "value"

    def _runs(self, analyte: str) -> Iterable[LowRun]:
        for alert in self._file.alerts:
            if alert.rule == "prolonged_cytopenia" and alert.subject == analyte and alert.first_on:
                first, last = self.day(alert.first_on), self.day(alert.last_on)
                yield LowRun(first, last, f"{last - first} d")

    def lanes(self) -> list[Lane]:
        events = [event for event, _ in self._file.events]
        infections = [event for event in events if event.category == _INFECTIONS]
        others = [event for event in events if event.category != _INFECTIONS]
        lanes = [Lane("Visits", [item for line in self._visits() if (item := self._visit(line))])]
        for title, items in (
            ("Adverse events", [item for event in others if (item := self._event(event))]),
            ("Infections", [item for event in infections if (item := self._event(event))]),
            ("Transfusions, G-CSF", [self._given(support) for support, _ in self._file.supports]),
        ):
            if items:
                lanes.append(Lane(title, items))
        return lanes

    def _visits(self) -> Iterable[VisitLine]:
        for course in self._file.courses:
            for year in course.years:
                yield from year.lines
            if course.is_current:
                yield from course.later

    def _visit(self, line: VisitLine) -> Item | None:
        recorded, window = line.visit, line.window
        address = self._visit_address(line)
        if recorded is not None and recorded.status == "completed" and recorded.visited_on:
            day = self.day(recorded.visited_on)
            told = f"{visit_words(line.code)} took place {self._dated(recorded.visited_on)}"
            return Item(day, day, told, "done", line.code, address)
        if window is None:
            return None
        opens, closes, aimed = (
            self.day(window.opens_on),
            self.day(window.closes_on),
            self.day(window.target_on),
        )
        if recorded is not None:
            return Item(aimed, aimed, f"{visit_words(line.code)} was not done", "missed", line.code, address)
        states: Mapping[str, str] = {"overdue": "is overdue", "open": "is open", "planned": "is planned"}
        if line.state not in states:
            return None
        sign: Sign = "overdue" if line.state == "overdue" else "window"
        open_from_to = spoken_span(window.opens_on, window.closes_on)
        told = f"{visit_words(line.code)} {states[line.state]}, window {open_from_to}"
        return Item(opens, closes, told, sign, line.code, address)

    def _visit_address(self, line: VisitLine) -> str:
        if not self._may_enter:
            return ""
        day_zero = line.window.day_zero if line.window else self._day_zero
        on = ""
        if line.visit is not None and line.window is None and line.visit.visited_on:
            on = f"&on={line.visit.visited_on.isoformat()}"
        return f"{self._address('visit', line.code)}?day_zero={day_zero.isoformat()}{on}"

    def _event(self, event: EventChain) -> Item | None:
        if not event.started_on:
            return None
        started = PartialDate.parse(event.started_on)
        ended = PartialDate.parse(event.ended_on) if event.ended_on else None
        first = self.day(started.earliest)
        last = self.day(ended.latest) if ended else self.day(self._file.today)
        grade = f"grade {event.highest_grade}" if event.highest_grade else "not graded"
        kind = EVENT_CATEGORIES.get(event.category, "")
        label = f"{kind.partition(' (')[0] if event.category not in ('', 'other') else event.term}"
        begun = (
            self._dated(started.earliest) if started.is_complete else f"begun {on_words(event.started_on)}"
        )
        told = f"{event.term}, {grade}, {begun}{'' if ended else ', not ended'}"
        short = label if len(label) <= 26 else f"{label[:25]}…"
        graded = f" G{event.highest_grade}" if event.highest_grade else ""
        return Item(first, last, told, "event", f"{short}{graded}", "#events")

    def _given(self, support: SupportiveTreatment) -> Item:
        day = self.day(support.given_on)
        told = f"{SUPPORT_KINDS[support.kind]}, {self._dated(support.given_on)}"
        return Item(day, day, told, "given", href="#supports")

    def summary(self, panels: Sequence[Panel]) -> str:
        """What the sheet shows, in a sentence for those who do not see it."""
        told = []
        for panel in panels:
            lowest = min(panel.values, key=lambda value: value.value)
            value = lowest.told.removeprefix(panel.title).strip()
            told.append(f"{panel.title}: {len(panel.values)} values, lowest {value}")
        return "; ".join(told) + "." if told else "No blood counts yet."

    def _dated(self, on: date) -> str:
        return f"day {self.day(on)}, {spoken(on)}".replace("day -", "day −")

    def _address(self, name: str, what: str | int) -> str:
        return reverse(f"investigator:{name}", args=[self._file.patient.public_id, what])
