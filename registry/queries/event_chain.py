"""An adverse event as it stands now: the first report and its follow-ups folded, and what each changed.

Of two reports the one dated later counts, of one day the one with the higher number: a visit of spring
that is entered in autumn does not undo what was reported in summer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from itertools import groupby
from typing import Any

from django.db.models import Prefetch

from registry.clinical import code_lists
from registry.clinical.event_doubts import DEATH_GRADE, is_fatal
from registry.clinical.event_facts import FACTS_OF, CrsFacts, Facts, IcansFacts
from registry.clinical.study_days import course_of, local_date
from registry.models import AdverseEvent, AdverseEventFollowUp, Course, Patient, User
from registry.models.event_details import DETAILS_OF, EventDetails
from registry.queries.stored_rows import rows_where

COMPONENTS = {
    "relatedness": "CAR T-cell product",
    "lymphodepletion_relatedness": "Lymphodepletion",
    "other_drug_relatedness": "Another medicine",
    "disease_relatedness": "The disease itself",
}


@dataclass(frozen=True, slots=True)
class EventNow:
    """What the chain says today. `ended_on` empty with `is_ongoing` false is an end without a date."""

    term: str
    code_system: str
    code: str
    coded_term: str
    grade: int | None
    grade_scale: str
    serious: bool | None
    seriousness: tuple[str, ...]
    relatedness: str
    lymphodepletion_relatedness: str
    other_drug_relatedness: str
    disease_relatedness: str
    outcome: str
    ended_on: str
    is_ongoing: bool

    @property
    def grade_scale_words(self) -> str:
        return code_lists.GRADE_SCALES.get(self.grade_scale, "")

    @property
    def relatedness_words(self) -> str:
        return code_lists.RELATEDNESS.get(self.relatedness, "")

    @property
    def causality(self) -> tuple[tuple[str, str], ...]:
        """Each component that was assessed, with the investigator's causality in words."""
        return tuple(
            (words, code_lists.RELATEDNESS[getattr(self, name)])
            for name, words in COMPONENTS.items()
            if getattr(self, name)
        )

    @property
    def is_fatal(self) -> bool:
        return is_fatal(outcome=self.outcome, seriousness=self.seriousness)


@dataclass(frozen=True, slots=True)
class Change:
    """One field that a follow-up changed, in words; `old` is empty for what was not known."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Report:
    """One follow-up of the chain with what it changed when it came."""

    report: AdverseEventFollowUp
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class EventChain:
    """One event: the first report, its follow-ups oldest first, and what stands."""

    event: AdverseEvent
    now: EventNow
    reports: tuple[Report, ...]
    highest_grade: int | None

    @property
    def pk(self) -> int:
        return self.event.pk

    @property
    def category(self) -> str:
        return self.event.category

    @property
    def term(self) -> str:
        """What the event is called now."""
        return self.now.term

    @property
    def started_on(self) -> str:
        return self.event.started_on

    @property
    def ended_on(self) -> str:
        """The end as far as it is known now."""
        return self.now.ended_on

    @property
    def next_number(self) -> int:
        """The number of the next follow-up report."""
        return max((report.report.number for report in self.reports), default=0) + 1

    @property
    def has_changed(self) -> bool:
        """Whether a follow-up says otherwise than the first report."""
        return any(report.changes for report in self.reports)


def chain_of(*, event: AdverseEvent) -> EventChain:
    """Fold an event whose `follow_ups` were fetched with it; no question to the database."""
    return _folded(event, event.follow_ups.all())


def _folded(event: AdverseEvent, follow_ups: Iterable[AdverseEventFollowUp]) -> EventChain:
    now = _first(event)
    highest = event.grade
    reports = []
    for report in in_order(follow_ups):
        later = _after(now, report)
        reports.append(Report(report, _changes(now, later)))
        now = later
        if report.grade is not None:
            highest = max(highest or 0, report.grade)
    return EventChain(event, now, tuple(reports), highest)


def in_order(reports: Iterable[AdverseEventFollowUp]) -> list[AdverseEventFollowUp]:
    """Return the follow-ups as they count: by their date, of one day by number."""
    return sorted(reports, key=lambda report: (report.reported_on, report.number))


def _first(event: AdverseEvent) -> EventNow:
    return EventNow(
        term=event.term,
        code_system=event.code_system,
        code=event.code,
        coded_term=event.coded_term,
        grade=event.grade,
        grade_scale=event.grade_scale,
        serious=event.serious,
        seriousness=tuple(event.seriousness),
        relatedness=event.relatedness,
        lymphodepletion_relatedness=event.lymphodepletion_relatedness,
        other_drug_relatedness=event.other_drug_relatedness,
        disease_relatedness=event.disease_relatedness,
        outcome=event.outcome,
        ended_on=event.ended_on,
        is_ongoing=not event.ended_on,
    )


def _after(now: EventNow, report: AdverseEventFollowUp) -> EventNow:
    """What stands after a report: what it leaves empty is unchanged."""
    coded = report if report.code else now
    graded = report if report.grade is not None else now
    has_criteria = report.serious is not None
    ended_on, is_ongoing = now.ended_on, now.is_ongoing
    if report.still_ongoing is not None:
        ended_on, is_ongoing = report.ended_on, report.still_ongoing
    return EventNow(
        term=report.term or now.term,
        code_system=coded.code_system,
        code=coded.code,
        coded_term=coded.coded_term,
        grade=graded.grade,
        grade_scale=graded.grade_scale,
        serious=report.serious if has_criteria else now.serious,
        seriousness=tuple(report.seriousness or ()) if has_criteria else now.seriousness,
        **{name: getattr(report, name) or getattr(now, name) for name in COMPONENTS},
        outcome=report.outcome or now.outcome,
        ended_on=ended_on,
        is_ongoing=is_ongoing,
    )


_FIELDS = {
    "term": "term",
    "code": "code",
    "grade": "grade",
    "serious": "serious",
    "seriousness": "why serious",
    **{name: f"related to: {words}" for name, words in COMPONENTS.items()},
    "outcome": "outcome",
    "ended_on": "ended on",
    "is_ongoing": "ongoing",
}


def _changes(before: EventNow, after: EventNow) -> tuple[Change, ...]:
    found = []
    for field in fields(EventNow):
        if field.name not in _FIELDS:
            continue
        old, new = getattr(before, field.name), getattr(after, field.name)
        if field.name == "grade" and before.grade_scale != after.grade_scale:
            old, new = _grade(before), _grade(after)
        if old != new:
            found.append(Change(_FIELDS[field.name], _words(field.name, old), _words(field.name, new)))
    return tuple(found)


def _grade(now: EventNow) -> str:
    return f"{now.grade or 'not graded'} {now.grade_scale_words}".strip()


def _words(field: str, value: object) -> str:
    """A value for people; a date stays ISO and is put in words by the template."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(code_lists.SERIOUSNESS.get(code, code) for code in value)
    return code_lists.RELATEDNESS.get(str(value), str(value)) if field in COMPONENTS else str(value)


# --- chains of a patient ----------------------------------------------------------------------


def chains_of(*, patient: Patient) -> list[EventChain]:
    """Return the patient's events with their chains, latest onset first; two questions."""
    events = (
        AdverseEvent.objects.filter(patient=patient)
        .select_related("entered_by")
        .prefetch_related(
            Prefetch("follow_ups", queryset=AdverseEventFollowUp.objects.select_related("entered_by"))
        )
        .order_by("-started_on", "-pk")
    )
    return [chain_of(event=event) for event in events]


def chains_to_ask(*, patient: Patient) -> list[EventChain]:
    """Return the same without who entered them, for a form that asks how they go on."""
    follow_ups: dict[int, list[AdverseEventFollowUp]] = {}
    events = rows_where(
        AdverseEvent, "patient_id = %(patient)s ORDER BY started_on DESC, id DESC", patient=patient.pk
    )
    if events:
        for report in rows_where(AdverseEventFollowUp, "patient_id = %(patient)s", patient=patient.pk):
            follow_ups.setdefault(report.event_id, []).append(report)
    return [_folded(event, follow_ups.get(event.pk, ())) for event in events]


def event_of(*, patient: Patient, event_id: int) -> AdverseEvent | None:
    """Return one event of the patient with its reports, or None."""
    return (
        AdverseEvent.objects.filter(patient=patient, pk=event_id)
        .select_related("patient", "patient__site", "entered_by", "visit")
        .prefetch_related(
            Prefetch(
                "follow_ups", queryset=AdverseEventFollowUp.objects.select_related("entered_by", "visit")
            )
        )
        .first()
    )


def dated_chains(*, patient: Patient) -> tuple[tuple[EventChain, date | None], ...]:
    """Return the patient's chains, each with the day 0 its onset counts from."""
    day_zeros = day_zeros_of(patient=patient)
    return tuple((chain, day_zero_of(chain.event, day_zeros)) for chain in chains_of(patient=patient))


def day_zeros_of(*, patient: Patient) -> tuple[date, ...]:
    """Return the patient's days 0, earliest first."""
    return tuple(
        Course.objects.filter(patient=patient).order_by("day_zero").values_list("day_zero", flat=True)
    )


def day_zero_of(event: AdverseEvent, day_zeros: tuple[date, ...]) -> date | None:
    """Return the day 0 an onset counts from; a partial onset has no study day."""
    if len(event.started_on) != 10:
        return None
    return course_of(date.fromisoformat(event.started_on), day_zeros=day_zeros)


# --- the details of the category --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DetailsOfReport:
    """The facts of the category as one report told them. `number` 0 is the first report."""

    number: int
    facts: Facts
    entered_by: User | None
    entered_at: datetime


def facts_of(row: EventDetails) -> Facts:
    """Return the facts that a stored row holds."""
    kind = FACTS_OF[next(category for category, model in DETAILS_OF.items() if isinstance(row, model))]
    held: dict[str, Any] = {field.name: getattr(row, field.name) for field in fields(kind)}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in held.items()})


def details_of(*, event: AdverseEvent) -> tuple[DetailsOfReport, ...]:
    """Return what the reports told of the event's category, in the order they count; the last one stands."""
    model = DETAILS_OF.get(event.category)
    if model is None:
        return ()
    order = {0: (date.min, 0)} | {r.number: (r.reported_on, r.number) for r in event.follow_ups.all()}
    rows = model._default_manager.filter(event=event).select_related("entered_by")
    return tuple(
        DetailsOfReport(row.number, facts_of(row), row.entered_by, row.entered_at)
        for row in sorted(rows, key=lambda row: order.get(row.number, (date.max, row.number)))
    )


def standing_facts(*, event: AdverseEvent) -> Facts | None:
    """Return the facts of the category that stand, or None."""
    told = details_of(event=event)
    return told[-1].facts if told else None


def first_facts(*, event: AdverseEvent, category: str) -> Facts | None:
    """Return what the first report told of this category, or None."""
    model = DETAILS_OF.get(category)
    row = model._default_manager.filter(event=event, number=0).first() if model is not None else None
    return facts_of(row) if row is not None else None


@dataclass(frozen=True, slots=True)
class OtherGrade:
    """A grade that was given other than the one computed from the answers, 0 for none; and why, if told."""

    computed: int
    reason: str

    @property
    def computed_words(self) -> str:
        return f"grade {self.computed}" if self.computed else "no grade"


def other_grade(*, grade: int | None, scale: str, facts: Facts | None) -> OtherGrade | None:
    """Return how the grade differs from the computed one; None where it does not, or none is computed.

    Death, grade 5, is never computed.
    """
    if not isinstance(facts, CrsFacts | IcansFacts) or grade in (None, DEATH_GRADE) or scale != facts.scale:
        return None
    computed = facts.computed.grade
    if computed is None or computed == grade:
        return None
    return OtherGrade(computed, facts.grade_reason.strip())


def facts_of_events(*, events: Sequence[AdverseEvent]) -> dict[int, Facts]:
    """Return by event the facts that stand; one question for each category that has some."""
    found: dict[int, Facts] = {}
    by_category = sorted(events, key=lambda event: event.category)
    for category, of_category in groupby(by_category, key=lambda event: event.category):
        model = DETAILS_OF.get(category)
        if model is None:
            continue
        wanted = {event.pk: event for event in of_category}
        rows = model._default_manager.filter(event__in=wanted).order_by("event_id", "number")
        for event_id, told in groupby(rows, key=lambda row: row.event_id):
            found[event_id] = facts_of(_last(list(told), wanted[event_id]))
    return found


def _last(rows: Sequence[EventDetails], event: AdverseEvent) -> EventDetails:
    dates: Mapping[int, date] = {report.number: report.reported_on for report in event.follow_ups.all()}
    return max(rows, key=lambda row: (dates.get(row.number, date.min), row.number))


def entered_on(*, event: AdverseEvent, time_zone: str) -> date:
    """Return the day at the site on which the first report was entered."""
    return local_date(event.entered_at, time_zone=time_zone)
