"""The review page of one alert, put together from its file: sentences, values, plot, context, log."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from django.utils.safestring import SafeString

from registry.clinical.partial_dates import NotADate, PartialDate
from registry.clinical.spoken_dates import spoken
from registry.clinical.study_days import local_date
from registry.clinical.treatments import AGENTS
from registry.models import (
    AdverseEvent,
    Alert,
    AlertMove,
    Infusion,
    SupportiveTreatment,
    Treatment,
    User,
    Visit,
)
from registry.monitoring.lifecycle import SETTLED, moves_from
from registry.queries.alert_file import AlertFile, alert_file
from registry.queries.event_chain import EventChain, chain_of
from registry.web.officer import wording
from registry.web.officer.plots import plot_of, summary_of
from registry.web.officer.source_text import Passage, passages_of
from registry.web.officer.values import Series, analytes_of, series_of
from registry.web.officer.wording.secondary_malignancy import dropped_hits, matched_words
from registry.web.officer.wording.told import days_in_words, with_unit

_BEFORE_DAY_0 = timedelta(days=30)
_AFTER_SPAN = timedelta(days=60)
_CONTEXT = timedelta(days=30)
_NEAR = timedelta(days=35)

_NAMES = {"results": "low values"}
MOVE_WORDS = {
    "raised": "Raised",
    "changed": "Changed by new data",
    "resolved": "Resolved by the record",
    "withdrawn": "Withdrawn",
    "merged": "Joined to another alert",
    "reopened": "Opened again by new evidence",
    "ground_gone": "Ground gone",
    "ground_back": "Ground back",
    "acknowledged": "Acknowledged",
    "taken_up": "Taken up for review",
    "decided": "Decided",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """The values of one analyte with their plot; no plot where there are too few values."""

    series: Series
    plot: SafeString | None
    summary: str


@dataclass(frozen=True, slots=True)
class Other:
    """Another alert of the same patient, in words."""

    alert: Alert
    title: str
    subject: str
    line: str


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the log."""

    move: AlertMove
    words: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What one piece of evidence said at the latest decision, and what it says now."""

    name: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the template shows."""

    alert: Alert
    title: str
    subject: str
    line: str
    reasons: wording.Reasons
    figures: tuple[Figure, ...]
    passages: tuple[Passage, ...]
    dropped: tuple[tuple[str, str], ...]
    events: tuple[EventChain, ...]
    supports: tuple[SupportiveTreatment, ...]
    drugs: tuple[Treatment, ...]
    visits: tuple[Visit, ...]
    latest_contact_on: date | None
    others: tuple[Other, ...]
    decisions: tuple[tuple[AlertMove, str], ...]
    steps: tuple[Step, ...]
    latest_decision: AlertMove | None
    changed_since: tuple[Difference, ...]
    stored: tuple[tuple[str, str], ...]
    limits: tuple[tuple[str, str], ...]
    merged_into: Alert | None
    absorbed: tuple[Alert, ...]
    next_states: tuple[str, ...]
    reviewer: User | None
    settled: AlertMove | None
    settled_by: Visit | None
    infusion: Infusion | None


def page_of(*, alert: Alert) -> Page:
    """Read and word the page; the number of queries does not depend on the record's size."""
    analytes = analytes_of(subject=alert.subject, evidence=alert.evidence)
    used = [int(pk) for pk in alert.evidence.get("results", ())]
    file = alert_file(
        alert=alert,
        analytes=analytes,
        used_results=used,
        from_on=alert.day_zero - _BEFORE_DAY_0,
        to_on=alert.last_on + _AFTER_SPAN,
    )
    told = wording.told_of(alert)
    decided = [move for move in file.moves if move.decision]
    latest = decided[-1] if decided else None
    first_on = alert.first_on or alert.last_on
    # A trigger compares with what came before it, so all of the course is shown.
    near_from = alert.day_zero if alert.subject.startswith("trigger:") else first_on - _NEAR
    series = series_of(file=file, analytes=analytes, used=used, near_from=near_from)
    as_of = _as_of(alert)
    return Page(
        alert=alert,
        title=wording.title_of(alert.rule),
        subject=wording.subject_of(alert),
        line=wording.line_of(told),
        reasons=wording.reasons_of(told),
        figures=tuple(_figure(file, each, as_of) for each in series),
        passages=passages_of(file=file, words=matched_words(alert.evidence)),
        dropped=tuple(dropped_hits(alert.evidence)),
        events=tuple(
            chain_of(event=event) for event in file.events if _is_near(event, first_on, alert.last_on)
        ),
        supports=tuple(
            given
            for given in file.supports
            if first_on - _CONTEXT <= given.given_on <= alert.last_on + _CONTEXT
        ),
        drugs=tuple(
            drug
            for drug in file.drugs
            if AGENTS[drug.agent].group != "vaccine" and _is_taken_near(drug, first_on, alert.last_on)
        ),
        visits=tuple(visit for visit in file.visits if visit.course.day_zero == alert.day_zero),
        latest_contact_on=file.latest_contact_on,
        others=tuple(map(_other, file.others)),
        decisions=tuple((move, wording.title_of(move.alert.rule)) for move in file.earlier_decisions),
        steps=tuple(Step(move, MOVE_WORDS.get(move.kind, move.kind)) for move in reversed(file.moves)),
        latest_decision=latest,
        changed_since=tuple(_differences(told, latest.evidence)) if latest else (),
        stored=tuple(_pairs(alert.evidence)),
        limits=tuple(_pairs(alert.limits)),
        merged_into=next((other for other in file.others if other.pk == alert.merged_into_id), None),
        absorbed=tuple(other for other in file.others if other.merged_into_id == alert.pk),
        next_states=moves_from(alert.state, by="person"),
        reviewer=_reviewer(alert, file.moves),
        settled=_settled(alert, file.moves),
        settled_by=_settled_by(alert, file.visits),
        infusion=file.infusion,
    )


def _reviewer(alert: Alert, moves: Sequence[AlertMove]) -> User | None:
    """Who works on it, so that two officers do not."""
    if alert.state != "in_review":
        return None
    return next((move.by for move in reversed(moves) if move.by and move.to_state == "in_review"), None)


def _settled(alert: Alert, moves: Sequence[AlertMove]) -> AlertMove | None:
    """The move that took the alert out of the queue without a person."""
    if alert.state not in SETTLED:
        return None
    return next((move for move in reversed(moves) if move.to_state == alert.state), None)


def _settled_by(alert: Alert, visits: Sequence[Visit]) -> Visit | None:
    """The visit whose record resolved an overdue one (rules.md OVD-9)."""
    if alert.rule != "overdue_visit" or alert.state != "resolved":
        return None
    code = alert.subject.partition("@")[0]
    return next(
        (visit for visit in visits if visit.code == code and visit.course.day_zero == alert.day_zero), None
    )


def _other(alert: Alert) -> Other:
    return Other(
        alert=alert,
        title=wording.title_of(alert.rule),
        subject=wording.subject_of(alert),
        line=wording.line_of(wording.told_of(alert)),
    )


def _figure(file: AlertFile, series: Series, as_of: date) -> Figure:
    return Figure(series, plot_of(file=file, series=series, as_of=as_of), summary_of(series))


def _as_of(alert: Alert) -> date:
    """The date that the alert's evidence speaks for."""
    return alert.as_of or local_date(alert.last_seen_at, time_zone=alert.patient.site.time_zone)


def _is_near(event: AdverseEvent, first_on: date, last_on: date) -> bool:
    """Whether the event may have begun, or gone on, within a month of the alert's span."""
    started = _partial(event.started_on)
    if started is None:
        return True
    ended = _partial(event.ended_on)
    latest = max(started.latest, ended.latest) if ended else started.latest
    return started.earliest <= last_on + _CONTEXT and latest >= first_on - _CONTEXT


def _is_taken_near(drug: Treatment, first_on: date, last_on: date) -> bool:
    """Whether the drug may have been taken within a month of the alert's span; without a stop it goes on."""
    started, stopped = _partial(drug.started_on), _partial(drug.stopped_on)
    if started is not None and started.earliest > last_on + _CONTEXT:
        return False
    return stopped is None or stopped.latest >= first_on - _CONTEXT


def _partial(text: str) -> PartialDate | None:
    try:
        return PartialDate.parse(text) if text else None
    except NotADate:
        return None


def _differences(told: wording.Told, before: Mapping[str, Any]) -> Iterator[Difference]:
    """What the evidence says now and did not say at the decision.

    Ids of results are counted, not listed; labels are the sentences that the page has for them.
    """
    now = told.evidence
    for key in dict.fromkeys([*before, *now]):
        if before.get(key) == now.get(key):
            continue
        if key == "labels":
            yield Difference(_name(key), _labels(replace(told, evidence=before)), _labels(told))
        else:
            yield Difference(
                _NAMES.get(key, _name(key)), _in_words(told, key, before), _in_words(told, key, now)
            )


def _labels(told: wording.Told) -> str:
    return " ".join(wording.reasons_of(told).labels) or "–"


def _in_words(told: wording.Told, key: str, evidence: Mapping[str, Any]) -> str:
    """A value of the evidence with its unit or its study day."""
    value = evidence.get(key)
    if key == "results":
        return str(len(value or ()))
    if key == "deepest_value" and value:
        return with_unit(str(value), str(evidence["lineage"]))
    if isinstance(value, int) and (key.endswith("_days") or key.startswith("days_")):
        return days_in_words(value)
    on = _whole(value)
    return _value(value) if on is None else told.when(on)


def _pairs(stored: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    # The database keeps the keys in an order of its own.
    for key, value in sorted(stored.items()):
        if isinstance(value, Mapping):
            yield from ((f"{_name(key)}: {name}", shown) for name, shown in _pairs(value))
        else:
            yield _name(key), _value(value)


def _name(key: str) -> str:
    return key.replace("_", " ")


def _value(value: Any) -> str:
    """A stored value in words; dates as people read them."""
    if value is None or value == "" or value == []:
        return "–"
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{_name(str(key))} {_value(inner)}" for key, inner in value.items())
    on = _whole(value)
    return str(value) if on is None else spoken(on)


def _whole(value: Any) -> date | None:
    """The date that a stored text is; None for a partial one and for everything else."""
    if not isinstance(value, str) or len(value) != len("2026-01-01"):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None
