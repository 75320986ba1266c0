"""The section of the visit form that asks of each adverse event going on whether it still is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict
from django.urls import NoReverseMatch, reverse

from registry.actions.ongoing_events import KEY, OngoingAnswer, OngoingPart
from registry.clinical import event_lists
from registry.clinical.partial_dates import PartialDate
from registry.clinical.visit_windows import UNSCHEDULED
from registry.models import AdverseEventFollowUp, Patient, Visit
from registry.queries.event_chain import EventChain, chains_to_ask, day_zero_of
from registry.queries.event_page import new_events_answer
from registry.queries.visit_sheet import VisitSheet
from registry.templatetags.words import on
from registry.web.investigator.dates import read_partial
from registry.web.investigator.row_forms import About

# Death is an event's own report with its own questions, never an answer in passing.
GRADES = ("1", "2", "3", "4")
OUTCOMES = tuple(code for code in event_lists.OUTCOMES if code not in ("fatal", "not recovered"))
_END_PARTS = ("ended_on_day", "ended_on_month", "ended_on_year")
_STATES = {"yes": True, "no": False}
_UNANSWERED = "Say whether it still goes on."
_UNREADABLE = "Choose one of the answers."


@dataclass(slots=True)
class OngoingLine:
    """One event with what was typed about it. `errors`: words by the last part of the field's name."""

    chain: EventChain
    day_zero: date | None
    typed: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        return f"{KEY}-{self.chain.pk}"

    @property
    def is_answered(self) -> bool:
        return bool(self.typed.get("state"))

    @property
    def started(self) -> PartialDate | None:
        text = self.chain.event.started_on
        return PartialDate.parse(text) if text else None


NEW_NOT_ANSWERED = "Whether there are new adverse events is not answered."


class OngoingSection:
    """A Section. Asks about every event that goes on; of a recorded visit only those it did not ask."""

    key = KEY
    title = "Events since the last visit"
    template = "investigator/_ongoing_section.html"
    grades = GRADES
    outcomes = OUTCOMES

    def __init__(self, *, about: About, sheet: VisitSheet, data: QueryDict | None):
        self.about = about
        self.visit = sheet.visit
        self.is_bound = data is not None
        self.visit_status = "" if data is None else data.get("status", "")
        recorded = new_events_answer(visit=sheet.visit) if sheet.visit is not None else None
        self.recorded_new = {True: "yes", False: "no", None: ""}[recorded]
        self.new = self.recorded_new if data is None else data.get(f"{KEY}-new", "")
        self.new_error = ""
        chains = chains_to_ask(patient=about.patient)
        self.asked = [
            (chain, report.report)
            for chain in chains
            for report in chain.reports
            if sheet.visit is not None and report.report.visit_id == sheet.visit.pk
        ]
        answered = {chain.pk for chain, _ in self.asked}
        named = set() if data is None else {chain.pk for chain in chains if f"{KEY}-{chain.pk}-state" in data}
        self.lines = [
            OngoingLine(chain, day_zero_of(chain.event, about.day_zeros), _typed(data, f"{KEY}-{chain.pk}"))
            for chain in chains
            # One that somebody ended while this was typed is still here: what was typed is not lost.
            if chain.pk not in answered and (chain.now.is_ongoing or chain.pk in named)
        ]

    def is_valid(self, *, visited_on: date | None) -> bool:
        """Judge the answers. None is missed when the visit was not done, or was recorded before."""
        if self.visit_status == "missed":
            return True
        if self.new not in ("", "yes", "no"):
            self.new_error = _UNREADABLE
        for line in self.lines:
            self._judge(line, visited_on)
        if not self.has_errors and visited_on is not None and (part := self.part()) is not None:
            for problem in part.problems(
                patient=self.about.patient, visited_on=visited_on, today=self.about.today
            ):
                pk, _, name = problem.field.removeprefix(f"{KEY}-").partition("-")
                line = next(line for line in self.lines if str(line.chain.pk) == pk)
                line.errors[name if name in ("ended_on", "outcome", "grade") else "state"] = (
                    problem.for_people
                )
        return not self.has_errors

    @property
    def has_errors(self) -> bool:
        return bool(self.new_error) or any(line.errors for line in self.lines)

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Every error as the id of its field and words."""
        first = {"state": "state_0", "ended_on": "ended_on_0", "outcome": "outcome", "grade": "grade"}
        found = [
            (f"id_{line.prefix}-{first[name]}", f"{line.chain.now.term}: {words}")
            for line in self.lines
            for name, words in line.errors.items()
        ]
        return found + ([(f"id_{KEY}-new_0", self.new_error)] if self.new_error else [])

    @property
    def is_touched(self) -> bool:
        return bool(self.asked or self.new or any(line.is_answered for line in self.lines))

    @property
    def left_open(self) -> list[str]:
        return [] if self.new else [NEW_NOT_ANSWERED]

    def part(self) -> OngoingPart | None:
        """What was answered; None when nothing was."""
        if self.visit_status == "missed":
            return None
        answers = [_answer(line) for line in self.lines if line.is_answered and not line.errors]
        has_new = _STATES.get(self.new)
        return OngoingPart(answers, has_new) if answers or has_new is not None else None

    def compared(self) -> list[tuple[str, str, str]]:
        """Field in words, what was typed, what is recorded."""
        told = {chain.pk: _report_words(report) for chain, report in self.asked}
        lines = [
            (line.chain.now.term, _answer_words(line), told.get(line.chain.pk, ""))
            for line in self.lines
            if line.is_answered
        ]
        return [*lines, ("New adverse events", self.new.capitalize(), self.recorded_new.capitalize())]

    def _judge(self, line: OngoingLine, visited_on: date | None) -> None:
        state = line.typed.get("state", "")
        begins_later = bool(visited_on and line.started and line.started.earliest > visited_on)
        if not state:
            if self.visit is None and line.chain.now.is_ongoing and not begins_later:
                line.errors["state"] = _UNANSWERED
            return
        if state not in _STATES:
            line.errors["state"] = _UNREADABLE
            return
        if state == "yes":
            if line.typed.get("grade", "") not in ("", *GRADES):
                line.errors["grade"] = _UNREADABLE
            return
        if line.typed.get("outcome", "") not in ("", *OUTCOMES):
            line.errors["outcome"] = _UNREADABLE
        try:
            if _end(line) is None:
                line.errors["ended_on"] = "Give the end: month and year, or the year alone, are enough."
        except ValidationError as refusal:
            line.errors["ended_on"] = refusal.messages[0]


def _typed(data: QueryDict | None, prefix: str) -> dict[str, str]:
    if data is None:
        return {}
    names = ("state", "grade", "outcome", *_END_PARTS)
    return {name: data.get(f"{prefix}-{name}", "").strip() for name in names}


def _end(line: OngoingLine) -> PartialDate | None:
    day, month, year = (line.typed.get(part, "") for part in _END_PARTS)
    return read_partial(day, month, year)


def _answer(line: OngoingLine) -> OngoingAnswer:
    if line.typed["state"] == "yes":
        grade = line.typed.get("grade", "")
        return OngoingAnswer(line.chain.event, still_ongoing=True, grade=int(grade) if grade else None)
    return OngoingAnswer(
        line.chain.event,
        still_ongoing=False,
        ended_on=_end(line),
        outcome=line.typed.get("outcome", ""),
    )


def _answer_words(line: OngoingLine) -> str:
    if line.typed.get("state") == "yes":
        grade = line.typed.get("grade", "")
        return f"goes on{f', grade {grade}' if grade else ''}"
    parts = (line.typed.get(part, "") for part in _END_PARTS)
    return f"over: {' '.join(filter(None, parts))} {line.typed.get('outcome', '')}".strip()


def _report_words(report: AdverseEventFollowUp) -> str:
    if report.still_ongoing:
        return f"goes on{f', grade {report.grade}' if report.grade else ''}"
    return f"over: {on(report.ended_on)} {report.outcome}".strip()


def names_new_event(sections: Sequence[Any]) -> bool:
    """Whether the visit that was just saved says for the first time that there is an event to report."""
    return any(
        isinstance(section, OngoingSection) and section.new == "yes" and section.recorded_new != "yes"
        for section in sections
    )


def event_form_after(visit: Visit) -> str:
    """Return the address of the form for the event that a saved visit named."""
    asked = {"after": visit.code, "day_zero": visit.course.day_zero.isoformat()}
    if visit.code == UNSCHEDULED and visit.visited_on is not None:
        asked["on"] = visit.visited_on.isoformat()
    return f"{reverse('investigator:events', args=[visit.patient.public_id])}?{urlencode(asked)}#new"


def saved_visit_of(request: HttpRequest, *, patient: Patient) -> tuple[str, str] | None:
    """Return code and address of what was stored, for who came here from saving a visit."""
    code = request.GET.get("after", "")
    asked = {name: request.GET[name] for name in ("day_zero", "on") if name in request.GET}
    try:
        address = reverse("investigator:visit_saved", args=[patient.public_id, code]) if code else ""
    except NoReverseMatch:
        return None
    return (code, f"{address}?{urlencode(asked)}") if address else None
