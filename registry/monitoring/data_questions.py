"""What the registry itself asks sites about: four checks, each with a version, and no more than pays.

Fewer than half of all edit checks in trials led to any change (ux.md 0). So each of these asks about one fact
that a rule or a safety report cannot do without, once for each ground, and its yield is counted. What is
impossible is refused at the keyboard; what is late is the worklist's; neither is asked about here.

A question closes itself when its ground is gone. A ground that a person settled is not asked about again:
`ground` says what the record held, and only another ground opens the thread again.

- `new_malignancy_unanswered` 1: the latest completed visit of the past 400 days says neither yes nor no to a
  new malignancy. A later answer covers the time before it, so earlier visits are not asked about.
- `event_onset_not_exact` 1: a serious event, one of grade 3 or more, or a malignancy, has no complete date of
  onset. Latency and the clocks of safety reports count from it.
- `unlikely_result_unexplained` 1: a result of the past 400 days is more than twice the upper soft limit or
  less than half the lower one, the same number in another unit of the analyte would be usual, and nobody
  said why it is right. Nearer to the limits, 16 ×10⁹/L neutrophils under steroids, it is the keyboard's.
- `visit_without_blood_count` 1: the latest completed visit on site that is more than 14 days ago has no
  neutrophils, platelets or haemoglobin, from 14 days before it until now, and none of them is marked *not
  done*. The cytopenia rule is blind there. Earlier visits are not asked about: a later count covers them.

Source: ux.md 0; product.md, "Questions"; clinical-reference.md 8.1.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from registry.clinical.analytes import ANALYTES
from registry.clinical.facts import BLOOD_COUNT, Fact
from registry.clinical.plausibility import Reported, unlikely
from registry.clinical.spoken_dates import spoken
from registry.clinical.study_days import study_day
from registry.clinical.units import LabValue, NotANumber, read_value
from registry.clinical.visit_windows import UNSCHEDULED

LOOKED_BACK = timedelta(days=400)
COUNTS = ("ANC", "PLT", "HGB")
COUNT_IS_NEAR = timedelta(days=14)
GRAVE_FROM_GRADE = 3
_FAR = 2


@dataclass(frozen=True, slots=True)
class VisitSeen:
    """A completed visit as the checks see it. `not_done`: analytes marked as not measured."""

    row: int
    code: str
    day_zero: date
    visited_on: date
    new_malignancy: bool | None
    not_done: frozenset[str] = frozenset()
    is_remote: bool = False

    @property
    def when(self) -> str:
        """`4 Apr 2024 (day 34)`."""
        return f"{spoken(self.visited_on)} (day {study_day(self.visited_on, day_zero=self.day_zero)})"

    def fact(self, field: str) -> Fact:
        """A field of this visit."""
        row = self.row if self.code == UNSCHEDULED else None
        return Fact("visit", self.code, self.day_zero, row, field)


@dataclass(frozen=True, slots=True)
class EventSeen:
    """An adverse event as the checks see it; `started_on` as given, complete or not."""

    event_id: str
    term: str
    started_on: str
    serious: bool | None
    grade: int | None
    category: str


@dataclass(frozen=True, slots=True)
class ResultSeen:
    """A current result that nobody explained. `root`: the number of the first of its chain of corrections."""

    root: int
    analyte: str
    collected_on: date
    entered_value: str
    entered_unit: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class RecordSeen:
    """What the checks need of one patient's record. `counted_on`: the days with a blood count."""

    visits: tuple[VisitSeen, ...] = ()
    events: tuple[EventSeen, ...] = ()
    results: tuple[ResultSeen, ...] = ()
    counted_on: frozenset[date] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class DataQuestion:
    """One question to the site: about which fact, on what ground, in which words."""

    check_key: str
    check_version: int
    fact: Fact
    ground: str
    text: str


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `asks` yields fact, ground and words for every ground that the record gives on a day."""

    key: str
    version: int
    title: str
    asks: Callable[[RecordSeen, date], Iterator[tuple[Fact, str, str]]]


def _new_malignancy_unanswered(record: RecordSeen, on: date) -> Iterator[tuple[Fact, str, str]]:
    latest = max(
        (visit for visit in record.visits if on - LOOKED_BACK <= visit.visited_on <= on),
        key=lambda visit: (visit.visited_on, visit.row),
        default=None,
    )
    if latest is not None and latest.new_malignancy is None:
        yield (
            latest.fact("new_malignancy"),
            f"visited {latest.visited_on}",
            f"The visit of {latest.when} says neither yes nor no to a new malignancy. "
            "Was there a new malignancy since the visit before?",
        )


def _event_onset_not_exact(record: RecordSeen, on: date) -> Iterator[tuple[Fact, str, str]]:
    for event in record.events:
        is_grave = event.serious or (event.grade or 0) >= GRAVE_FROM_GRADE or event.category == "malignancy"
        if not is_grave or len(event.started_on) == len("2024-03-01"):
            continue
        known = f"only as {event.started_on}" if event.started_on else "not at all"
        yield (
            Fact("event", event.event_id, field="started_on"),
            f"onset {event.started_on or 'not known'}",
            f"The onset of “{event.term}” is known {known}. On which day did it begin? "
            "If nobody can know, say so here.",
        )


def _unlikely_result_unexplained(record: RecordSeen, on: date) -> Iterator[tuple[Fact, str, str]]:
    for result in record.results:
        if not on - LOOKED_BACK <= result.collected_on <= on:
            continue
        reported = _reported(result) if _is_far(result) else None
        doubt = unlikely(reported, previous=None) if reported else None
        # Without a likely fix it is merely grave, and the rules speak of that.
        if doubt and doubt.fixes:
            yield (
                Fact("result", row=result.root),
                f"{result.entered_value} {result.entered_unit} on {result.collected_on}",
                f"{doubt.question} Correct the result, or say why it is right.",
            )


def _visit_without_blood_count(record: RecordSeen, on: date) -> Iterator[tuple[Fact, str, str]]:
    latest = max(
        (
            visit
            for visit in record.visits
            if not visit.is_remote and on - LOOKED_BACK <= visit.visited_on < on - COUNT_IS_NEAR
        ),
        key=lambda visit: (visit.visited_on, visit.row),
        default=None,
    )
    if latest is None or latest.not_done & set(COUNTS):
        return
    if any(latest.visited_on - COUNT_IS_NEAR <= day <= on for day in record.counted_on):
        return
    yield (
        latest.fact(BLOOD_COUNT),
        f"visited {latest.visited_on}",
        f"The visit of {latest.when} brought no neutrophils, platelets or haemoglobin. "
        "Enter the results, or mark them as not done with the reason.",
    )


CHECKS: tuple[Check, ...] = (
    Check("new_malignancy_unanswered", 1, "New malignancy not answered", _new_malignancy_unanswered),
    Check("event_onset_not_exact", 1, "Onset of a grave event not exact", _event_onset_not_exact),
    Check("unlikely_result_unexplained", 1, "Result of an unlikely unit", _unlikely_result_unexplained),
    Check("visit_without_blood_count", 1, "Visit without a blood count", _visit_without_blood_count),
)
TITLES = {check.key: check.title for check in CHECKS}


def data_questions(*, record: RecordSeen, on: date) -> tuple[DataQuestion, ...]:
    """Return every question that the record gives a ground for on this date at the site."""
    return tuple(
        DataQuestion(check.key, check.version, fact, ground, text)
        for check in CHECKS
        for fact, ground, text in check.asks(record, on)
    )


def _is_far(result: ResultSeen) -> bool:
    low, high = ANALYTES[result.analyte].soft_low, ANALYTES[result.analyte].soft_high
    return (low is not None and result.value * _FAR < low) or (
        high is not None and result.value > high * _FAR
    )


def _reported(result: ResultSeen) -> Reported | None:
    """None for what an import kept and no page could have taken: it is nobody's unit mistake."""
    try:
        entered = read_value(result.entered_value, decimal_comma=False)
    except NotANumber:
        return None
    return Reported(result.analyte, result.entered_unit, result.collected_on, LabValue(entered, result.value))
