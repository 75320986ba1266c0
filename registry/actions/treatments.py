"""Treatments of a visit: new ones, answers about the ongoing ones, corrections. Nothing is carried over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from registry.clinical.entry_checks import Life
from registry.clinical.partial_dates import PartialDate
from registry.clinical.refusals import Problem
from registry.clinical.treatments import (
    AGENTS,
    Span,
    check_treatment,
    overlapping,
    read_dose,
)
from registry.models import Patient, Treatment, TreatmentAnswer, User, Visit
from registry.queries.activity import span_of, treatments_of
from registry.queries.consent import collection_problems
from registry.queries.locks import TreatmentChange, locks_on_treatments

_TOLD_BEFORE = "This is not changed: it was told at a visit that is locked."


@dataclass(frozen=True, slots=True)
class TreatmentEntry:
    """A treatment as entered. `dose`: of a glucocorticoid mg a day, of others words. A vaccine is one day."""

    agent: str
    started: PartialDate | None
    stopped: PartialDate | None = None
    name: str = ""
    dose: str = ""

    @property
    def span(self) -> Span:
        assert self.started is not None  # noqa: S101 - judged before
        return Span(self.agent, self.started, self.stopped, self.name)


@dataclass(frozen=True, slots=True)
class AnswerEntry:
    """What was answered about an ongoing treatment: same, dose or stopped. `on`: of the stop or change."""

    treatment_id: int
    answer: str
    on: PartialDate | None = None
    dose: str = ""


@dataclass(frozen=True, slots=True)
class CorrectionEntry:
    """A recorded treatment as it should have been."""

    treatment_id: int
    started: PartialDate | None
    stopped: PartialDate | None
    dose: str


@dataclass(frozen=True, slots=True)
class TreatmentsPart:
    """What one visit says of the treatments of a section.

    `asked_ids`: the ongoing treatments that the form showed; one without an answer was not asked about.
    `is_complete`: whether somebody said that nothing is missing from the list.
    """

    section: str
    new: tuple[TreatmentEntry, ...] = ()
    answers: tuple[AnswerEntry, ...] = ()
    asked_ids: tuple[int, ...] = ()
    corrections: tuple[CorrectionEntry, ...] = ()
    removed_ids: tuple[int, ...] = ()
    is_complete: bool = False

    def problems(self, *, patient: Patient, visited_on: date | None, today: date) -> list[Problem]:
        rows = treatments_of(patient=patient, section=self.section)
        found = treatment_problems(part=self, rows=rows, patient=patient, visited_on=visited_on, today=today)
        return [problem for _, problem in found]

    def store(self, *, visit: Visit, by: User | None, at: datetime) -> None:
        patient = visit.patient
        entered: dict[str, object] = {"entered_by": by, "entered_at": at, "origin": "form"}
        Treatment.objects.filter(patient=patient, pk__in=self.removed_ids).delete()
        rows = {row.pk: row for row in treatments_of(patient=patient, section=self.section)}
        for correction in self.corrections:
            if (row := rows.get(correction.treatment_id)) is not None:
                _change(row, started=correction.started, stopped=correction.stopped, dose=correction.dose)
        # Before the stop that it tells: where a visit that is locked told of the treatment, the database asks
        # which visit told of the stop.
        unanswered = self._store_answers(visit, rows, entered)
        for answer in self.answers:
            row = rows[answer.treatment_id]
            if answer.answer in ("dose", "stopped"):
                started = PartialDate.parse(row.started_on)
                _change(row, started=started, stopped=answer.on, dose=_dose_of(row))
            if answer.answer == "dose":
                _create(
                    TreatmentEntry(row.agent, answer.on, None, row.name, answer.dose),
                    visit=visit,
                    entered=entered,
                )
        for entry in self.new:
            _create(entry, visit=visit, entered=entered)
        for answer_row in unanswered:
            is_open_again = answer_row.treatment_id in rows and not rows[answer_row.treatment_id].stopped_on
            if (
                answer_row.treatment_id is None
                or answer_row.treatment_id in self.asked_ids
                or (is_open_again and answer_row.answer != "same")
            ):
                answer_row.delete()

    def _store_answers(
        self, visit: Visit, rows: dict[int, Treatment], entered: dict[str, object]
    ) -> list[TreatmentAnswer]:
        """Write what is answered now, and return the answers of the visit that are given no more."""
        there = {
            answer.treatment_id: answer
            for answer in TreatmentAnswer.objects.filter(visit=visit, section=self.section)
        }
        wanted: dict[int | None, str] = {entry.treatment_id: entry.answer for entry in self.answers}
        if self.is_complete:
            wanted[None] = "complete"
        for number, word in wanted.items():
            answer = there.pop(number, None)
            if answer is None:
                TreatmentAnswer.objects.create(
                    patient=visit.patient,
                    visit=visit,
                    section=self.section,
                    treatment=rows[number] if number is not None else None,
                    answer=word,
                    **entered,
                )
            elif answer.answer != word:
                answer.answer = word
                answer.save(update_fields=["answer"])
        return list(there.values())


def treatment_problems(
    *,
    part: TreatmentsPart,
    rows: Sequence[Treatment],
    patient: Patient,
    visited_on: date | None,
    today: date,
) -> list[tuple[str, Problem]]:
    """What makes the part impossible: each with the row of the form it is about.

    Rows are `new-0`, `7` (the answer about treatment 7), `fix-7`, and empty for the whole.
    """
    life = Life(birth_year=patient.birth_year, died_on=patient.died_on, today=today)
    known = {row.pk: row for row in rows}
    found: list[tuple[str, Problem]] = []
    says_something = part.new or part.answers or part.is_complete
    if visited_on is None and says_something:
        found.append(
            (
                "",
                Problem(
                    "", "", "There is no day of the visit.", "Give it above; a visit not done asks nothing."
                ),
            )
        )
    for place, entry in enumerate(part.new):
        found += [(f"new-{place}", problem) for problem in _entry_problems(entry, life, part.section)]
        found += [(f"new-{place}", problem) for problem in _consent_problems(patient, entry.started, "start")]
    for correction in part.corrections:
        row = known.get(correction.treatment_id)
        if row is None:
            found.append(_gone(f"fix-{correction.treatment_id}"))
            continue
        entry = TreatmentEntry(row.agent, correction.started, correction.stopped, row.name, correction.dose)
        found += [(f"fix-{row.pk}", problem) for problem in _entry_problems(entry, life, part.section)]
        if str(correction.started) != row.started_on:
            dated = _consent_problems(patient, correction.started, "start")
            found += [(f"fix-{row.pk}", problem) for problem in dated]
    for answer in part.answers:
        row = known.get(answer.treatment_id)
        if row is None:
            found.append(_gone(str(answer.treatment_id)))
        else:
            found += [(str(row.pk), problem) for problem in _answer_problems(answer, row, life, part.section)]
            if answer.answer == "dose":
                found += [(str(row.pk), p) for p in _consent_problems(patient, answer.on, "on")]
    if part.is_complete:
        answered = {answer.treatment_id for answer in part.answers}
        found += [
            (
                str(number),
                Problem(
                    "answer",
                    "",
                    f"The list is said to be complete, and of {_name_of(known[number])} nothing is answered.",
                    "Say whether it is still taken.",
                ),
            )
            for number in part.asked_ids
            if number in known and number not in answered and number not in part.removed_ids
        ]
    return found or _closed_problems(part, known) or _overlap_problems(part, rows)


def _closed_problems(part: TreatmentsPart, known: Mapping[int, Treatment]) -> list[tuple[str, Problem]]:
    """What another visit told of a treatment, and its lock closes: only that it was stopped since is new."""
    changes: dict[str, TreatmentChange] = {}
    for number in part.removed_ids:
        if number in known:
            changes[f"fix-{number}"] = TreatmentChange(number, None)
    for fix in part.corrections:
        row = known[fix.treatment_id]
        facts = _differing(row, started=fix.started, stopped=fix.stopped, dose=fix.dose)
        changes[f"fix-{row.pk}"] = TreatmentChange(row.pk, facts)
    for answer in part.answers:
        if answer.on is not None:
            stop = {"stopped_on": str(answer.on)}
            changes[str(answer.treatment_id)] = TreatmentChange(answer.treatment_id, stop, is_answer=True)
    closed = locks_on_treatments(changes=list(changes.values()))
    return [
        (key, Problem("on" if change.is_answer else "start", "", _TOLD_BEFORE, closed[place]))
        for place, (key, change) in enumerate(changes.items())
        if place in closed
    ]


def _gone(key: str) -> tuple[str, Problem]:
    return key, Problem("answer", "", "This treatment is no longer recorded.", "Reload the page.")


def _entry_problems(entry: TreatmentEntry, life: Life, section: str) -> list[Problem]:
    return check_treatment(
        agent=entry.agent,
        name=entry.name,
        started=entry.started,
        stopped=entry.stopped,
        dose=entry.dose,
        life=life,
        section=section,
    )


def _consent_problems(patient: Patient, began: PartialDate | None, field: str) -> list[Problem]:
    """Refuse what surely began when consent no longer stood; a stop of what was taken before is taken."""
    if began is None:
        return []
    return collection_problems(patient=patient, field=field, what="A treatment that began", on=began.earliest)


def _answer_problems(answer: AnswerEntry, row: Treatment, life: Life, section: str) -> list[Problem]:
    if answer.answer == "same":
        return []
    if answer.on is None:
        when = "it was stopped" if answer.answer == "stopped" else "the dose was changed"
        return [Problem("on", "", f"The date is missing on which {when}.", "Month and year will do.")]
    started = PartialDate.parse(row.started_on)
    stop = TreatmentEntry(row.agent, started, answer.on, row.name, _dose_of(row))
    found = _entry_problems(stop, life, section)
    if answer.answer == "dose":
        if not answer.dose.strip():
            found.append(Problem("dose", "", "The dose now is missing.", "Write it with its unit."))
        else:
            changed = TreatmentEntry(row.agent, answer.on, None, row.name, answer.dose)
            found += [p for p in _entry_problems(changed, life, section) if p.field == "dose"]
    return [
        replace(problem, field="on") if problem.field in ("start", "stop") else problem for problem in found
    ]


def _overlap_problems(part: TreatmentsPart, rows: Sequence[Treatment]) -> list[tuple[str, Problem]]:
    """Look at the list as it would stand; the database would refuse it with less to read."""
    pair = overlapping([span for _, span in _resulting(part, rows)])
    if pair is None:
        return []
    one, other = pair
    keys = [key for key, span in _resulting(part, rows) if span in pair and key]
    same = "begin alike" if one.started.text == other.started.text else "overlap"
    words = Problem(
        "start",
        other.started.text,
        f"Two periods of {one.words} {same}.",
        "End the one when the other begins, or give the days.",
    )
    return [(keys[-1] if keys else "", words)]


def _resulting(part: TreatmentsPart, rows: Sequence[Treatment]) -> list[tuple[str, Span]]:
    corrected = {entry.treatment_id: entry for entry in part.corrections}
    answered = {entry.treatment_id: entry for entry in part.answers}
    found: list[tuple[str, Span]] = []
    for row in rows:
        if row.pk in part.removed_ids:
            continue
        span, key = span_of(row), ""
        if (fix := corrected.get(row.pk)) is not None and fix.started is not None:
            span, key = replace(span, started=fix.started, stopped=fix.stopped), f"fix-{row.pk}"
        answer = answered.get(row.pk)
        if answer is not None and answer.on is not None:
            span, key = replace(span, stopped=answer.on), str(row.pk)
            if answer.answer == "dose":
                found.append((key, Span(row.agent, answer.on, None, row.name)))
        found.append((key, span))
    return found + [(f"new-{place}", entry.span) for place, entry in enumerate(part.new) if entry.started]


def _name_of(row: Treatment) -> str:
    return row.name or AGENTS[row.agent].name


def _dose_of(row: Treatment) -> str:
    return row.dose if row.mg_per_day is None else f"{row.mg_per_day.normalize():f}"


def _columns(agent: str, dose: str) -> dict[str, object]:
    if AGENTS[agent].mg_as_5_prednisolone is None:
        return {"dose": dose.strip(), "mg_per_day": None}
    return {"dose": "", "mg_per_day": read_dose(dose)}


def _differing(
    row: Treatment, *, started: PartialDate | None, stopped: PartialDate | None, dose: str
) -> dict[str, object]:
    """The columns that are to say something else than the row says."""
    facts = {
        "started_on": str(started) if started is not None else row.started_on,
        "stopped_on": str(stopped) if stopped is not None else "",
        **_columns(row.agent, dose),
    }
    return {name: value for name, value in facts.items() if getattr(row, name) != value}


def _change(row: Treatment, *, started: PartialDate | None, stopped: PartialDate | None, dose: str) -> None:
    changed = _differing(row, started=started, stopped=stopped, dose=dose)
    if changed:
        for name, value in changed.items():
            setattr(row, name, value)
        row.save(update_fields=list(changed))


def _create(entry: TreatmentEntry, *, visit: Visit, entered: dict[str, object]) -> Treatment:
    return Treatment.objects.create(
        patient=visit.patient,
        visit=visit,
        agent=entry.agent,
        name=entry.name.strip(),
        started_on=str(entry.started),
        stopped_on=str(entry.stopped) if entry.stopped is not None else "",
        **_columns(entry.agent, entry.dose),
        **entered,
    )
