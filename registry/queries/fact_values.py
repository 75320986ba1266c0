"""What a question is about, in words, and what stands in the record there now.

A fixed number of queries for one fact as for a page of fifty: one for each kind of fact, two for results.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.db import connection

from registry.clinical import code_lists
from registry.clinical.analytes import ANALYTES
from registry.clinical.facts import BLOOD_COUNT, Fact, NotAFact, parse_fact
from registry.clinical.spoken_dates import spoken
from registry.clinical.study_days import course_of, study_day
from registry.clinical.units import unit_label
from registry.models import AdverseEvent, Alert, Course, Infusion, LabNotDone, LabResult, Patient, Visit
from registry.monitoring.catalogue import RULES
from registry.monitoring.data_questions import COUNTS
from registry.queries.event_chain import EventChain, chain_of
from registry.queries.patient_file import history_of
from registry.queries.visit_sheet import window_for

NOT_STARTED = "Not started"
EMPTY = "Not recorded"
_SHOWN_TEXT = 300
_RULE_TITLES = {rule.key: rule.title for rule in RULES}

Place = tuple[int, str]  # a patient and the key of a fact


@dataclass(frozen=True, slots=True)
class FactShown:
    """A fact in words. `value`: what stands there, with its unit and study day; empty where only the form
    can show it. `row`: the current result or the event, for the address where it is changed. `visit`: the
    recorded visit; `day_zero`, `visited_on` of it for its address.
    """

    fact: Fact
    words: str
    value: str
    row: int | None = None
    visited_on: date | None = None
    is_recorded: bool = True


@dataclass(slots=True)
class _Found:
    """The rows that the facts are about, by what names them."""

    visits: dict[tuple[int, str, date], Visit]
    unscheduled: dict[int, Visit]
    visit_results: dict[int, list[LabResult]]
    not_done: dict[int, list[LabNotDone]]
    results: dict[int, LabResult]
    events: dict[tuple[int, str], EventChain]
    patients: dict[int, Patient]
    infusions: dict[tuple[int, date], Infusion]
    alerts: dict[str, Alert]
    day_zeros: dict[int, tuple[date, ...]]


def facts_shown(*, places: Iterable[Place]) -> dict[Place, FactShown]:
    """Return each place in words, with what stands there now. A key that names nothing is left out."""
    wanted: dict[Place, Fact] = {}
    for patient_id, key in places:
        try:
            wanted[patient_id, key] = parse_fact(key)
        except NotAFact:
            continue
    found = _read(wanted)
    return {place: _shown(place[0], fact, found) for place, fact in wanted.items()}


def fact_shown(*, patient: Patient, fact: Fact) -> FactShown:
    """Return one fact of one patient."""
    return facts_shown(places=[(patient.pk, fact.key)])[patient.pk, fact.key]


def original_of(*, fact: Fact) -> Fact:
    """Return the name under which a fact is known: a corrected result keeps that of the first."""
    if fact.kind != "result" or fact.row is None:
        return fact
    return replace(fact, row=original_results(pks=[fact.row]).get(fact.row, fact.row))


def original_results(*, pks: Sequence[int]) -> dict[int, int]:
    """Return the first result of the chain of corrections that each of these stands in."""
    if not pks:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE chain AS (
                SELECT id AS asked, id, 0 AS step FROM registry_labresult WHERE id = ANY (%s)
                UNION ALL
                SELECT c.asked, r.id, c.step + 1
                FROM chain c JOIN registry_labresult r ON r.superseded_by_id = c.id)
            SELECT DISTINCT ON (asked) asked, id FROM chain ORDER BY asked, step DESC
            """,
            [list(pks)],
        )
        return dict(cursor.fetchall())


def current_results(*, roots: Iterable[int]) -> dict[int, int]:
    """Return for each first result the number of the one that stands for it now: the latest correction."""
    wanted = sorted(set(roots))
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE chain AS (
                SELECT id AS root, id, superseded_by_id FROM registry_labresult WHERE id = ANY (%s)
                UNION ALL
                SELECT c.root, r.id, r.superseded_by_id
                FROM chain c JOIN registry_labresult r ON r.id = c.superseded_by_id)
            SELECT root, id FROM chain WHERE superseded_by_id IS NULL
            """,
            [wanted],
        )
        return dict(cursor.fetchall())


def exists(*, patient: Patient, fact: Fact, today: date) -> bool:
    """Whether the patient's record has a place of this name: asking about anything else is a mistake.

    A form not started has one when a visit of that code is planned or recorded in that course.
    """
    if fact.kind == "visit" and fact.day_zero is not None:
        return _visit_exists(patient, fact, fact.day_zero, today)
    if fact.kind == "result" and fact.row is not None:
        return LabResult.objects.filter(pk=fact.row, patient=patient).exists()
    if fact.kind == "event":
        return AdverseEvent.objects.filter(patient=patient, event_id=fact.name).exists()
    if fact.kind == "infusion" and fact.day_zero is not None:
        return Infusion.objects.filter(patient=patient, infused_on=fact.day_zero).exists()
    if fact.kind == "alert":
        return Alert.objects.filter(patient=patient, public_id=fact.name).exists()
    return fact.kind == "patient"


def _visit_exists(patient: Patient, fact: Fact, day_zero: date, today: date) -> bool:
    course = Course.objects.filter(patient=patient, day_zero=day_zero).first()
    if course is None:
        return False
    recorded = Visit.objects.filter(course=course, code=fact.name)
    if fact.row is not None:
        return recorded.filter(pk=fact.row).exists()
    if recorded.exists():
        return True
    history = history_of(patient=patient)
    return window_for(history=history, course=course, code=fact.name, today=today) is not None


def _read(wanted: Mapping[Place, Fact]) -> _Found:
    by_kind: dict[str, list[tuple[int, Fact]]] = defaultdict(list)
    for (patient_id, _), fact in wanted.items():
        by_kind[fact.kind].append((patient_id, fact))
    visits = _visits(by_kind["visit"])
    with_results = [
        visit.pk
        for visit in visits
        if any(
            fact.analyte or fact.field == BLOOD_COUNT
            for patient_id, fact in by_kind["visit"]
            if patient_id == visit.patient_id and fact.name == visit.code
        )
    ]
    results = list(
        LabResult.objects.filter(visit__in=with_results, superseded_at__isnull=True).order_by("pk")
        if with_results
        else ()
    )
    missing = list(LabNotDone.objects.filter(visit__in=with_results).order_by("pk") if with_results else ())
    dated = {patient_id for kind in ("visit", "result", "event") for patient_id, _ in by_kind[kind]}
    return _Found(
        visits={(visit.patient_id, visit.code, visit.course.day_zero): visit for visit in visits},
        unscheduled={visit.pk: visit for visit in visits},
        visit_results=_by_visit(results),
        not_done=_by_visit(missing),
        results=_results(by_kind["result"]),
        events=_events(by_kind["event"]),
        patients=Patient.objects.in_bulk({pk for pk, _ in by_kind["patient"]}) if by_kind["patient"] else {},
        infusions=_infusions(by_kind["infusion"]),
        alerts=_alerts(by_kind["alert"]),
        day_zeros=_day_zeros(dated),
    )


def _visits(asked: Sequence[tuple[int, Fact]]) -> list[Visit]:
    if not asked:
        return []
    return list(
        Visit.objects.filter(
            patient__in={patient_id for patient_id, _ in asked}, code__in={fact.name for _, fact in asked}
        ).select_related("course")
    )


def _by_visit(rows: Iterable[Any]) -> dict[int, list[Any]]:
    grouped: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[row.visit_id].append(row)
    return grouped


def _results(asked: Sequence[tuple[int, Fact]]) -> dict[int, LabResult]:
    """By the number of the first: the result that stands for it now."""
    roots = {fact.row for _, fact in asked if fact.row is not None}
    current = current_results(roots=roots)
    rows = LabResult.objects.in_bulk(set(current.values())) if current else {}
    return {root: rows[pk] for root, pk in current.items() if pk in rows}


def _events(asked: Sequence[tuple[int, Fact]]) -> dict[tuple[int, str], EventChain]:
    if not asked:
        return {}
    rows = AdverseEvent.objects.filter(
        patient__in={patient_id for patient_id, _ in asked}, event_id__in={fact.name for _, fact in asked}
    )
    return {
        (event.patient_id, event.event_id): chain_of(event=event)
        for event in rows.prefetch_related("follow_ups")
    }


def _infusions(asked: Sequence[tuple[int, Fact]]) -> dict[tuple[int, date], Infusion]:
    if not asked:
        return {}
    rows = Infusion.objects.filter(patient__in={patient_id for patient_id, _ in asked})
    return {(row.patient_id, row.infused_on): row for row in rows.select_related("product")}


def _alerts(asked: Sequence[tuple[int, Fact]]) -> dict[str, Alert]:
    if not asked:
        return {}
    rows = Alert.objects.filter(public_id__in={fact.name for _, fact in asked})
    return {str(alert.public_id): alert for alert in rows.only("public_id", "rule", "subject", "state")}


def _day_zeros(patient_ids: set[int]) -> dict[int, tuple[date, ...]]:
    if not patient_ids:
        return {}
    found: dict[int, tuple[date, ...]] = defaultdict(tuple)
    rows = Course.objects.filter(patient__in=patient_ids).order_by("day_zero")
    for patient_id, day_zero in rows.values_list("patient_id", "day_zero"):
        found[patient_id] = (*found[patient_id], day_zero)
    return found


def _shown(patient_id: int, fact: Fact, found: _Found) -> FactShown:
    if fact.kind == "visit":
        return _visit_shown(patient_id, fact, found)
    if fact.kind == "result":
        return _result_shown(patient_id, fact, found)
    if fact.kind == "event":
        return _event_shown(patient_id, fact, found)
    if fact.kind == "alert":
        alert = found.alerts.get(fact.name)
        title = f"{_RULE_TITLES.get(alert.rule, alert.rule)}, {alert.subject}" if alert else ""
        state = alert.get_state_display() if alert else ""
        return FactShown(fact, f"Alert: {title}" if title else fact.words, state)
    if fact.kind == "infusion":
        infusion = found.infusions.get((patient_id, fact.day_zero)) if fact.day_zero else None
        on = f" of {spoken(fact.day_zero)}" if fact.day_zero else ""
        words = fact.words.replace("Infusion", f"Infusion{on}", 1)
        return FactShown(fact, words, _infusion_value(infusion, fact.field), is_recorded=infusion is not None)
    patient = found.patients.get(patient_id)
    return FactShown(fact, fact.words, _patient_value(patient, fact.field) if patient else "")


def _visit_shown(patient_id: int, fact: Fact, found: _Found) -> FactShown:
    zeros = found.day_zeros.get(patient_id, ())
    visit = None
    if fact.row is not None:
        visit = found.unscheduled.get(fact.row)
    elif fact.day_zero is not None:
        visit = found.visits.get((patient_id, fact.name, fact.day_zero))
    words = fact.words
    if fact.row is not None and visit is not None and visit.visited_on is not None:
        words = words.replace("Unscheduled visit", f"Unscheduled visit of {spoken(visit.visited_on)}", 1)
    if len(zeros) > 1 and fact.day_zero is not None:
        words = f"{words} (course from {spoken(fact.day_zero)})"
    if visit is None:
        return FactShown(fact, words, NOT_STARTED, is_recorded=False)
    value = _visit_value(visit, fact, found)
    return FactShown(fact, words, value, row=visit.pk, visited_on=visit.visited_on)


def _visit_value(visit: Visit, fact: Fact, found: _Found) -> str:
    if fact.analyte or fact.field == BLOOD_COUNT:
        analytes = (fact.analyte,) if fact.analyte else COUNTS
        told = [
            f"{row.analyte} {result_words(row)}"
            for row in found.visit_results.get(visit.pk, ())
            if row.analyte in analytes
        ] + [
            f"{row.analyte} not done: {row.reason}"
            for row in found.not_done.get(visit.pk, ())
            if row.analyte in analytes
        ]
        return "; ".join(told) or EMPTY
    if fact.field == "visited_on":
        return dated(visit.visited_on, day_zero=visit.course.day_zero) or EMPTY
    if fact.field == "new_malignancy":
        return _yes_or_no(visit.new_malignancy) or "Not answered"
    if fact.field == "contact_mode":
        return visit.get_contact_mode_display() or EMPTY
    if fact.field in ("missed_reason", "new_malignancy_text", "comments"):
        return _text(getattr(visit, fact.field)) or EMPTY
    if fact.field in ("", "status"):
        on = dated(visit.visited_on, day_zero=visit.course.day_zero)
        return ", ".join(filter(None, (visit.get_status_display(), on, _text(visit.missed_reason))))
    return ""


def _result_shown(patient_id: int, fact: Fact, found: _Found) -> FactShown:
    result = found.results.get(fact.row or 0)
    if result is None:
        return FactShown(fact, fact.words, EMPTY, is_recorded=False)
    day_zero = course_of(result.collected_on, day_zeros=found.day_zeros.get(patient_id, ()))
    words = f"{ANALYTES[result.analyte].name} of {spoken(result.collected_on)}"
    if day_zero is not None:
        words = f"{words}, day {study_day(result.collected_on, day_zero=day_zero)}"
    if result.superseded_at is not None:
        return FactShown(fact, words, f"Taken back: {result.superseded_reason}", row=None, is_recorded=False)
    return FactShown(fact, words, result_words(result), row=result.pk)


def _event_shown(patient_id: int, fact: Fact, found: _Found) -> FactShown:
    chain = found.events.get((patient_id, fact.name))
    if chain is None:
        return FactShown(fact, fact.words, EMPTY, is_recorded=False)
    field = f", {fact.field_words}" if fact.field else ""
    words = f"Adverse event {chain.event.event_id} “{_text(chain.now.term)}”{field}"
    zeros = found.day_zeros.get(patient_id, ())
    return FactShown(fact, words, _event_value(chain, fact.field, zeros), row=chain.pk)


def _event_value(chain: EventChain, field: str, day_zeros: tuple[date, ...]) -> str:
    """What stands after the latest follow-up."""
    event, now = chain.event, chain.now
    if field == "started_on":
        return _partial(event.started_on, day_zeros) or "Not known"
    if field == "ended_on":
        ended = _partial(now.ended_on, day_zeros)
        return ended or ("Going on" if now.is_ongoing else "Not known")
    if field == "grade":
        return f"Grade {now.grade} {now.grade_scale_words}".strip() if now.grade else "Not graded"
    if field == "serious":
        told = ", ".join(code_lists.SERIOUSNESS.get(each, each) for each in now.seriousness)
        return f"{_yes_or_no(now.serious) or 'Not known'}{f': {told}' if told else ''}"
    if field == "category":
        return event.get_category_display() or EMPTY
    if field == "relatedness":
        return now.relatedness_words or "Not assessed"
    if field == "code":
        return f"{now.code_system} {now.code}".strip() or EMPTY
    if field == "outcome":
        return _text(now.outcome) or EMPTY
    if field == "term":
        return _text(now.term)
    if field == "narrative":
        return _text(event.narrative) or EMPTY
    began = _partial(event.started_on, day_zeros)
    return f"Began {began}" if began else "Onset not known"


def _patient_value(patient: Patient, field: str) -> str:
    if field in ("sex", "diagnosis"):
        return str(getattr(patient, f"get_{field}_display")())
    if field == "prior_malignancy":
        return _yes_or_no(patient.prior_malignancy) or EMPTY
    if field == "organs_at_baseline":
        return ", ".join(code_lists.ORGANS.get(each, each) for each in patient.organs_at_baseline) or EMPTY
    if field == "follow_up_ended_on":
        ended = patient.follow_up_ended_on
        return f"{spoken(ended)}, {patient.get_follow_up_end_reason_display()}" if ended else "Going on"
    if not field:
        return ""
    stands = getattr(patient, field)
    if isinstance(stands, date):
        return spoken(stands)
    return EMPTY if stands in (None, "") else _text(str(stands))


def _infusion_value(infusion: Infusion | None, field: str) -> str:
    if infusion is None:
        return EMPTY
    if field == "product":
        return infusion.product.name
    if field == "dose_cells":
        dose = infusion.dose_cells
        return EMPTY if dose is None else f"{format(dose.normalize(), 'f')} ×10⁶ cells"
    if field in ("lot", "lymphodepletion"):
        return _text(getattr(infusion, field)) or EMPTY
    return spoken(infusion.infused_on)


def result_words(result: LabResult) -> str:
    """Return a result as it was reported: `0.4 ×10⁹/L`."""
    return f"{result.entered_value} {unit_label(result.entered_unit)}"


def dated(on: date | None, *, day_zero: date | None) -> str:
    """Return `day 34, 4 Apr 2024`; empty for no date."""
    if on is None:
        return ""
    if day_zero is None:
        return spoken(on)
    return f"day {study_day(on, day_zero=day_zero)}, {spoken(on)}".replace("day -", "day −")


def _partial(text: str, day_zeros: tuple[date, ...]) -> str:
    if len(text) == len("2024-03"):
        return spoken(date.fromisoformat(f"{text}-01")).partition(" ")[2]
    if len(text) != len("2024-03-01"):
        return text
    on = date.fromisoformat(text)
    return dated(on, day_zero=course_of(on, day_zeros=day_zeros))


def _yes_or_no(value: bool | None) -> str:
    return "" if value is None else "Yes" if value else "No"


def _text(value: str) -> str:
    return value if len(value) <= _SHOWN_TEXT else f"{value[:_SHOWN_TEXT]}…"
