"""What a rule sees of one patient, and what it says.

A History holds current facts only (G-5): whoever builds it leaves out superseded values and drafts.
It may hold facts dated after the as-of date; `History.as_of` takes them away (G-2), so that a rule
never has to.
"""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from operator import attrgetter
from typing import Any, Literal, NamedTuple, TypeVar

from registry.clinical.meddra import DictionaryEntry
from registry.clinical.partial_dates import PartialDate
from registry.clinical.visit_windows import ScheduleVersion

Certainty = Literal["certain", "possible"]
Severity = Literal["critical", "high", "medium", "low"]
Comparator = Literal["", "<", ">"]
_T = TypeVar("_T")


class LabPoint(NamedTuple):
    """One current result in the analyte's canonical unit; `<0.1` has comparator `<` and value 0.1.

    A tuple, because a night unpacks millions of them.
    """

    result_id: int
    collected_on: date
    value: Decimal
    comparator: Comparator = ""


_COLLECTED_ON = attrgetter("collected_on")


@dataclass(frozen=True, slots=True)
class Support:
    """A transfusion or growth factor given on a day; `kind` as in contract.md, support.csv."""

    given_on: date
    kind: str


@dataclass(frozen=True, slots=True)
class RecordedVisit:
    """A visit that took place or was declared missed, of the course that began on `day_zero`.

    `visited_on` may be empty for a missed visit only. `entered_on` is the site's date of entry.
    """

    visit_id: int
    code: str
    day_zero: date
    status: Literal["completed", "missed"]
    visited_on: date | None
    new_malignancy: bool | None = None
    new_malignancy_text: str = ""
    entered_on: date | None = None


@dataclass(frozen=True, slots=True)
class EventReport:
    """One report of an adverse event: the first or a follow-up. Empty text means not given.

    `entry`: what the dictionary that the installation has loaded says of the code, if it knows it.
    """

    reported_on: date | None = None
    term: str = ""
    coded_term: str = ""
    code_system: str = ""
    code: str = ""
    narrative: str = ""
    entry: DictionaryEntry | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An adverse event with its first report and follow-ups, oldest first."""

    event_id: str
    category: str
    started_on: PartialDate | None
    ended_on: PartialDate | None
    reports: tuple[EventReport, ...]


@dataclass(frozen=True, slots=True)
class History:
    """All current facts of one patient that rules may see.

    `day_zeros`: infusion dates, or the index date of a comparator, ascending. `labs`: per analyte,
    by date then id.
    """

    patient_id: int
    enrolled_on: date | None
    day_zeros: tuple[date, ...] = ()
    follow_up_ended_on: date | None = None
    follow_up_end_reason: str = ""
    cause_of_death: str = ""
    schedules: tuple[ScheduleVersion, ...] = ()
    visits: tuple[RecordedVisit, ...] = ()
    labs: Mapping[str, tuple[LabPoint, ...]] = field(default_factory=dict)
    supports: tuple[Support, ...] = ()
    events: tuple[Event, ...] = ()
    # What was worked out of these facts: see `once`.
    _worked_out: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, key: Hashable, work_out: Callable[[], _T]) -> _T:
        """Return what `work_out` makes of this history, made once for all who ask under this key.

        The key names the question with everything it depends on besides the history.
        """
        if key not in self._worked_out:
            self._worked_out[key] = work_out()
        found: _T = self._worked_out[key]
        return found

    def as_of(self, on: date) -> "History":
        """Return what was dated on or before `on` (G-2): no later infusion, result, visit, event or end.

        An event is later when none of the days its onset could be is on or before `on`; a follow-up
        report is later by its own date. A patient enrolled later is not enrolled yet.
        """
        if self.next_fact_after(on) is None and (self.follow_up_ended_on or not self.cause_of_death):
            return self  # as nearly always: nobody is judged on a day before the latest entry
        ended = self.follow_up_ended_on is not None and self.follow_up_ended_on <= on
        day_zeros = tuple(day_zero for day_zero in self.day_zeros if day_zero <= on)
        return replace(
            self,
            enrolled_on=self.enrolled_on if self.enrolled_on and self.enrolled_on <= on else None,
            day_zeros=day_zeros,
            follow_up_ended_on=self.follow_up_ended_on if ended else None,
            follow_up_end_reason=self.follow_up_end_reason if ended else "",
            cause_of_death=self.cause_of_death if ended else "",
            # The first version also holds before it took effect: see planned_windows.
            schedules=tuple(s for s in self.schedules if s.effective_from <= on)
            or tuple(sorted(self.schedules, key=lambda s: s.version)[:1]),
            visits=tuple(
                visit
                for visit in self.visits
                if (visit.visited_on is None or visit.visited_on <= on) and visit.day_zero <= on
            ),
            labs={
                analyte: tuple(point for point in points if point.collected_on <= on)
                for analyte, points in self.labs.items()
            },
            supports=tuple(support for support in self.supports if support.given_on <= on),
            events=tuple(
                replace(
                    event,
                    ended_on=event.ended_on if event.ended_on and event.ended_on.earliest <= on else None,
                    reports=tuple(
                        report
                        for report in event.reports
                        if report.reported_on is None or report.reported_on <= on
                    ),
                )
                for event in self.events
                if event.started_on is None or event.started_on.earliest <= on
            ),
        )

    def next_fact_after(self, on: date) -> date | None:
        """Return the earliest date after `on` from which `as_of` would show more than it shows on `on`."""
        return self.once(("next fact after", on), lambda: self._next_fact_after(on))

    def _next_fact_after(self, on: date) -> date | None:
        dates = [
            self.enrolled_on,
            self.follow_up_ended_on,
            *self.day_zeros,
            *(schedule.effective_from for schedule in self.schedules),
            *(visit.visited_on for visit in self.visits),
            *(visit.day_zero for visit in self.visits),
            *(
                points[bisect_right(points, on, key=_COLLECTED_ON)].collected_on
                for points in self.labs.values()
                if points and points[-1].collected_on > on
            ),
            *(support.given_on for support in self.supports),
            *(
                day
                for event in self.events
                for day in (
                    event.started_on.earliest if event.started_on else None,
                    event.ended_on.earliest if event.ended_on else None,
                    *(report.reported_on for report in event.reports),
                )
            ),
        ]
        return min((day for day in dates if day is not None and day > on), default=None)

    @property
    def day_zeros_with_next(self) -> tuple[tuple[date, date | None], ...]:
        """Each day 0, oldest first, with the infusion that ended its course, if any (G-1)."""
        day_zeros: list[date | None] = [*sorted(set(self.day_zeros)), None]
        return tuple((first, following) for first, following in pairwise(day_zeros) if first is not None)

    @property
    def in_scope(self) -> bool:
        """Enrolled, with a day 0: a screened patient is in no rule's scope."""
        return self.enrolled_on is not None and bool(self.day_zeros)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says of one subject. `first_on`, `last_on`: the span of contract.md section 4.

    `first_on` is empty only when an adverse event's onset is not known at all. `evidence` is the JSON
    object of the contract: dates as ISO text, counts of days as numbers, values as text.
    """

    subject: str
    certainty: Certainty
    severity: Severity
    day_zero: date
    first_on: date | None
    last_on: date
    evidence: Mapping[str, object]
