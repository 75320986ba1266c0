"""Treatments, and vaccination with prophylaxis, in the visit form: ongoing ones asked one by one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from django.http import QueryDict
from django.utils.safestring import SafeString

from registry.actions.treatments import (
    AnswerEntry,
    CorrectionEntry,
    TreatmentEntry,
    TreatmentsPart,
    treatment_problems,
)
from registry.clinical.partial_dates import PartialDate
from registry.clinical.refusals import Problem
from registry.clinical.treatments import (
    AGENTS,
    GROUPS,
    SECTION_GROUPS,
    DrugFree,
    Group,
    drug_free_on,
    prednisolone_equivalent,
)
from registry.models import Treatment
from registry.queries.activity import (
    all_treatments_of,
    complete_on,
    of_section,
    span_of,
    treatment_answers_of,
)
from registry.queries.locks import locked_visits, locks_over
from registry.queries.visit_sheet import VisitSheet
from registry.web.investigator import typed_html as html
from registry.web.investigator.row_forms import About
from registry.web.investigator.typed import Typed, TypedFields, shown_partial

_BLANK_ROWS = 3
_ANSWERS = {"same": "Yes, unchanged", "dose": "Yes, another dose", "stopped": "No, stopped"}
Options = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass(slots=True)
class AskedRow:
    """One ongoing treatment that is asked about, with the latest visit at which it was."""

    treatment: Treatment
    words: str
    answer: Typed
    on: Typed
    dose: Typed | None
    asked_on: date | None

    @property
    def errors(self) -> list[str]:
        return [*self.answer.errors, *self.on.errors, *(self.dose.errors if self.dose else ())]


@dataclass(slots=True)
class FixRow:
    """One recorded treatment that can be corrected or removed with the visit's reason."""

    treatment: Treatment
    words: str
    start: Typed
    stop: Typed | None
    dose: Typed
    remove: Typed

    @property
    def is_changed(self) -> bool:
        return bool(self.remove.value) or bool(self.errors)

    @property
    def errors(self) -> list[str]:
        found = [*self.start.errors, *self.dose.errors, *self.remove.errors]
        return found + (self.stop.errors if self.stop else [])


@dataclass(slots=True)
class NewRow:
    """One treatment, or vaccine, to be added. An empty row is none."""

    agent: Typed
    name: Typed
    start: Typed
    stop: Typed | None
    dose: Typed | None
    number: int = 0

    @property
    def is_filled(self) -> bool:
        return any(typed.value for typed in self.typed)

    @property
    def typed(self) -> list[Typed]:
        return [
            each for each in (self.agent, self.name, self.start, self.stop, self.dose) if each is not None
        ]

    @property
    def errors(self) -> list[str]:
        return [words for typed in self.typed for words in typed.errors]

    def html(self, *, label: str, options: Options) -> SafeString:
        """The fields of the row, drawn by hand."""
        agent = html.choice(self.agent, label=label, pairs=(("", "None"),), groups=options)
        if self.stop is None or self.dose is None:
            start = html.box(self.start, label="Given on", css="input--date")
            return html.joined(
                [agent, start, html.box(self.name, label="Product, or which other", css="input--medium")]
            )
        return html.joined(
            [
                agent,
                html.box(self.dose, label="Dose with unit", css="input--medium"),
                html.box(self.start, label="Start", css="input--date"),
                html.box(self.stop, label="Stop", css="input--date"),
                html.box(self.name, label="Which, if other", css="input--medium"),
            ]
        )


@dataclass(slots=True)
class NewRows:
    """The empty rows of one kind, with the agents they offer."""

    title: str
    label: str
    options: Options
    rows: list[NewRow] = field(default_factory=list)
    is_vaccine: bool = False

    @property
    def drawn(self) -> list[tuple[NewRow, SafeString]]:
        return [(row, row.html(label=self.label, options=self.options)) for row in self.rows]


class TreatmentsSection:
    """The section `treatments`: drugs for the disease and immunoglobulin, dose by dose."""

    key = "treatments"
    title = "Treatment of the disease"
    template = "investigator/_treatments_section.html"

    def __init__(self, *, about: About, sheet: VisitSheet, data: QueryDict | None):
        self.about = about
        self.sheet = sheet
        patient = about.patient
        treatments = sheet.once("treatments", lambda: all_treatments_of(patient=patient))
        answers = sheet.once("treatment answers", lambda: treatment_answers_of(patient=patient))
        self._rows = of_section(treatments, section=self.key)
        self._answers = [answer for answer in answers if answer.section == self.key]
        self.is_change = sheet.visit is not None
        self.fields = TypedFields(key=self.key, data=data)
        of_visit = [a for a in self._answers if sheet.visit is not None and a.visit_id == sheet.visit.pk]
        self._of_visit = {answer.treatment_id: answer for answer in of_visit}
        asked = [row for row in self._rows if self._is_asked(row)]
        self.asked = [self._asked_row(row) for row in asked]
        closed = self._told_at_locked_visits() if self.is_change else {}
        self.closed = [(row, self._words(row), closed[row.pk]) for row in self._rows if row.pk in closed]
        fixed = [row for row in self._rows if row.pk not in closed] if self.is_change else []
        self.fixes = [self._fix_row(row) for row in fixed]
        self.complete = self.fields.add(
            "complete",
            label="The list is complete",
            recorded="on" if None in self._of_visit else "",
        )
        self.kinds = self._new_rows()
        self.visited_on: date | None = None
        self._part: TreatmentsPart | None = None

    # --- showing -----------------------------------------------------------------------------

    def _is_asked(self, row: Treatment) -> bool:
        """Ongoing and begun by the visit. What the visit itself stopped is corrected, not asked again."""
        if row.stopped_on:
            return False
        own = self.sheet.visit.visited_on if self.sheet.visit is not None else None
        return own is None or PartialDate.parse(row.started_on).earliest <= own

    def _told_at_locked_visits(self) -> dict[int, str]:
        """The treatments that another visit told of and its lock closes, each with that visit's code.

        Not those whose stop this visit told, nor what somebody typed of one before it was locked.
        """
        assert self.sheet.visit is not None  # noqa: S101 - a change is of a recorded visit
        own = self.sheet.visit.pk
        told: dict[int, set[int]] = {row.pk: {row.visit_id} for row in self._rows if row.visit_id}
        for answer in self._answers:
            if answer.treatment_id is not None:
                told.setdefault(answer.treatment_id, set()).add(answer.visit_id)
        if not set().union(*told.values()) - {own}:
            return {}
        lines = self.sheet.once("locks", lambda: locks_over(patient=self.about.patient))
        locked = {pk: lock.visit.code for pk, lock in locked_visits(lines=lines).items() if lock.visit}
        stopped_here = {pk for pk, answer in self._of_visit.items() if answer.answer != "same"}
        return {
            pk: locked[min(visits & locked.keys())]
            for pk, visits in told.items()
            if visits & locked.keys()
            and pk not in stopped_here
            and not self.fields.was_sent(f"fix-{pk}-start")
        }

    def _asked_row(self, row: Treatment) -> AskedRow:
        answer = self._of_visit.get(row.pk)
        prefix, words = str(row.pk), self._words(row)
        has_dose = AGENTS[row.agent].group != "vaccine"
        return AskedRow(
            treatment=row,
            words=words,
            answer=self.fields.add(prefix, label=words, recorded=answer.answer if answer else ""),
            on=self.fields.add(f"{prefix}-on", label=f"{words}: stopped or changed on"),
            dose=self.fields.add(f"{prefix}-dose", label=f"{words}: dose now") if has_dose else None,
            asked_on=next(
                (
                    a.visit.visited_on
                    for a in self._answers
                    if a.treatment_id == row.pk and a.pk != (answer.pk if answer else None)
                ),
                None,
            ),
        )

    def _fix_row(self, row: Treatment) -> FixRow:
        words, prefix = self._words(row), f"fix-{row.pk}"
        add = self.fields.add
        is_vaccine = AGENTS[row.agent].group == "vaccine"
        return FixRow(
            treatment=row,
            words=words,
            start=add(f"{prefix}-start", label=f"{words}: date", recorded=shown_partial(row.started_on)),
            stop=None
            if is_vaccine
            else add(f"{prefix}-stop", label=f"{words}: stop", recorded=shown_partial(row.stopped_on)),
            dose=add(f"{prefix}-dose", label=f"{words}: dose", recorded=_dose_of(row)),
            remove=add(f"{prefix}-remove", label=f"{words}: remove"),
        )

    def _new_rows(self) -> list[NewRows]:
        options = _options(SECTION_GROUPS[self.key])
        return [
            self._blank(NewRows("Started or found out since the last visit", "Treatment", options), "new")
        ]

    def _blank(self, kind: NewRows, prefix: str) -> NewRows:
        add = self.fields.add
        for number in range(_BLANK_ROWS):
            name, words = f"{prefix}-{number}", f"{kind.label} {number + 1}"
            kind.rows.append(
                NewRow(
                    agent=add(f"{name}-agent", label=words),
                    name=add(f"{name}-name", label=f"{words}, name"),
                    start=add(f"{name}-start", label=f"{words}, {'given' if kind.is_vaccine else 'start'}"),
                    stop=None if kind.is_vaccine else add(f"{name}-stop", label=f"{words}, stop"),
                    dose=None if kind.is_vaccine else add(f"{name}-dose", label=f"{words}, dose"),
                    number=number + 1,
                )
            )
        return kind

    def _words(self, row: Treatment) -> str:
        name = row.name or AGENTS[row.agent].name
        return f"{name} {dose}" if (dose := dose_words(row)) else name

    @property
    def answer_words(self) -> dict[str, str]:
        return _ANSWERS

    @property
    def drug_free(self) -> DrugFree | None:
        """The status as recorded, at the latest day on which the list was complete."""
        if self.key != "treatments":
            return None
        asked_on = complete_on(self._answers)
        spans = [span_of(row) for row in self._rows]
        return drug_free_on(spans=spans, on=asked_on or self.about.today, asked_on=asked_on)

    @property
    def past(self) -> list[tuple[Treatment, str]]:
        """What is over, to be seen and not asked; in a change it stands among the corrections."""
        return [] if self.is_change else [(row, self._words(row)) for row in self._rows if row.stopped_on]

    @property
    def has_pneumococcal(self) -> bool:
        return any(AGENTS[row.agent].covers_pneumococcus for row in self._rows)

    @property
    def fixes_are_open(self) -> bool:
        return any(row.is_changed for row in self.fixes)

    @property
    def is_touched(self) -> bool:
        return bool(
            self.complete.value
            or any(row.answer.value for row in self.asked)
            or any(row.is_filled for kind in self.kinds for row in kind.rows)
        )

    @property
    def left_open(self) -> list[str]:
        words = [row.words for row in self.asked if not row.answer.value]
        return [f"Not asked about: {', '.join(words)}."] if words else []

    @property
    def status(self) -> str:
        """A word for the list of sections."""
        to_ask = sum(not row.answer.value for row in self.asked)
        if self.complete.value:
            return "List complete"
        if to_ask:
            return f"{to_ask} to ask about"
        return "Filled in" if self.is_touched else "Not begun"

    @property
    def problems(self) -> list[tuple[str, str]]:
        return self.fields.problems

    # --- judging -----------------------------------------------------------------------------

    def is_valid(self, *, visited_on: date | None) -> bool:
        """Judge every row and the list as it would stand."""
        self.visited_on = visited_on
        if not self.fields.is_bound:
            return True
        new, places = self._typed_new()
        part = TreatmentsPart(
            section=self.key,
            new=tuple(new),
            answers=tuple(self._typed_answers()),
            asked_ids=tuple(row.treatment.pk for row in self.asked),
            corrections=tuple(self._typed_corrections()),
            removed_ids=tuple(row.treatment.pk for row in self.fixes if row.remove.value),
            is_complete=bool(self.complete.value),
        )
        if not self.problems:
            found = treatment_problems(
                part=part,
                rows=self._rows,
                patient=self.about.patient,
                visited_on=visited_on,
                today=self.about.today,
            )
            for key, problem in found:
                self._refuse(places.get(key, key), problem)
        self._part = part
        return not self.problems

    def _refuse(self, key: str, problem: Problem) -> None:
        if not key:
            self.fields.refuse("", f"{self.title}: {problem.for_people}")
            return
        of_answer = {"answer": key, "on": f"{key}-on", "dose": f"{key}-dose", "start": f"{key}-on"}
        name = of_answer.get(problem.field, key) if key.isdigit() else f"{key}-{problem.field}"
        self.fields.refuse(name, problem.for_people)

    def _typed_new(self) -> tuple[list[TreatmentEntry], dict[str, str]]:
        """The filled rows, and of each its place in the part against its name in the form."""
        entries: list[TreatmentEntry] = []
        places: dict[str, str] = {}
        for kind in self.kinds:
            for row in kind.rows:
                if not row.is_filled:
                    continue
                prefix = row.agent.name.removeprefix(f"{self.key}-").removesuffix("-agent")
                started = self.fields.date(f"{prefix}-start")
                stopped = self.fields.date(f"{prefix}-stop") if row.stop is not None else started
                places[f"new-{len(entries)}"] = prefix
                entries.append(
                    TreatmentEntry(
                        agent=row.agent.value,
                        name=row.name.value,
                        started=started,
                        stopped=stopped,
                        dose=row.dose.value if row.dose is not None else "",
                    )
                )
        return entries, places

    def _typed_answers(self) -> list[AnswerEntry]:
        found = []
        removed = {row.treatment.pk for row in self.fixes if row.remove.value}
        for row in self.asked:
            if row.answer.value not in _ANSWERS or row.treatment.pk in removed:
                continue
            found.append(
                AnswerEntry(
                    treatment_id=row.treatment.pk,
                    answer=row.answer.value,
                    on=self.fields.date(f"{row.treatment.pk}-on"),
                    dose=row.dose.value if row.dose is not None else "",
                )
            )
        return found

    def _typed_corrections(self) -> list[CorrectionEntry]:
        """Only what differs from the record; answers speak of the rest."""
        found = []
        for row in self.fixes:
            if row.remove.value:
                continue
            started = self.fields.date(f"fix-{row.treatment.pk}-start")
            stopped = self.fields.date(f"fix-{row.treatment.pk}-stop") if row.stop is not None else started
            recorded = (row.treatment.started_on, row.treatment.stopped_on, _dose_of(row.treatment))
            typed = (str(started or ""), str(stopped or ""), row.dose.value)
            if typed != recorded:
                found.append(CorrectionEntry(row.treatment.pk, started, stopped, row.dose.value))
        return found

    # --- keeping -----------------------------------------------------------------------------

    def part(self) -> TreatmentsPart | None:
        part = self._part
        if part is None or (
            part == replace(TreatmentsPart(self.key), asked_ids=part.asked_ids) and not self._of_visit
        ):
            return None
        return part

    def compared(self) -> list[tuple[str, str, str]]:
        """Answers, new treatments and corrections in words, against what is recorded."""
        part = self._part
        if part is None:
            return []
        answers = {entry.treatment_id: entry for entry in part.answers}
        found = []
        for row in self.asked:
            theirs = self._of_visit.get(row.treatment.pk)
            entry = answers.get(row.treatment.pk)
            found.append((row.words, _answer_words(entry), _ANSWERS[theirs.answer] if theirs else ""))
        there = {row.agent: self._words(row) for row in self._rows}
        for place, added in enumerate(part.new, start=1):
            agent = AGENTS.get(added.agent)
            name = added.name or (agent.name if agent else added.agent)
            until = "" if added.stopped == added.started else _until(added.stopped)
            typed = f"{name} {added.dose}".strip() + f", {shown_partial(added.started)}{until}"
            found.append((f"New {place}", typed, there.get(added.agent, "")))
        words = {row.pk: self._words(row) for row in self._rows}
        spans = {row.pk: f"{shown_partial(row.started_on)}{_until(row.stopped_on)}" for row in self._rows}
        for fix in part.corrections:
            typed = f"{shown_partial(fix.started)}{_until(fix.stopped)} {fix.dose}".strip()
            old = next(row for row in self._rows if row.pk == fix.treatment_id)
            recorded = f"{spans[old.pk]} {_dose_of(old)}".strip()
            found.append((f"Correct {words[old.pk]}", typed, recorded))
        found += [(f"Remove {words[number]}", "Entered by mistake", "") for number in part.removed_ids]
        complete = "Yes" if None in self._of_visit else ""
        return [*found, (self.complete.label, "Yes" if part.is_complete else "", complete)]


def _answer_words(entry: AnswerEntry | None) -> str:
    """Return `No, stopped, 4 Apr 2024`; empty for what was not asked."""
    if entry is None:
        return ""
    told = [_ANSWERS[entry.answer]]
    if entry.answer != "same":
        told += [shown_partial(entry.on), entry.dose if entry.answer == "dose" else ""]
    return ", ".join(filter(None, told))


def _until(stopped: PartialDate | str | None) -> str:
    return f" to {shown_partial(stopped)}" if stopped else ", ongoing"


class PreventionSection(TreatmentsSection):
    """The section `prevention`: vaccines by date, prophylaxis as ongoing treatment."""

    key = "prevention"
    title = "Vaccination and prophylaxis"

    def _new_rows(self) -> list[NewRows]:
        vaccines = NewRows("Vaccines given", "Vaccine", _options(("vaccine",)), is_vaccine=True)
        drugs = NewRows("Prophylaxis started", "Prophylaxis", _options(("prophylaxis",)))
        return [self._blank(vaccines, "vaccine"), self._blank(drugs, "new")]

    @property
    def vaccines(self) -> list[tuple[Treatment, str]]:
        return [(row, self._words(row)) for row in self._rows if AGENTS[row.agent].group == "vaccine"]

    @property
    def past(self) -> list[tuple[Treatment, str]]:
        return [pair for pair in super().past if AGENTS[pair[0].agent].group != "vaccine"]


def dose_words(row: Treatment) -> str:
    """Return the dose with its unit: `4 mg/day (= 5 mg prednisolone)`, or as the site wrote it."""
    if row.mg_per_day is None:
        return row.dose
    dose = f"{row.mg_per_day.normalize():f} mg/day"
    equal = prednisolone_equivalent(agent=row.agent, mg_per_day=row.mg_per_day)
    if equal == row.mg_per_day:
        return dose
    return f"{dose} (= {round(equal, 2).normalize():f} mg prednisolone)"


def _dose_of(row: Treatment) -> str:
    return row.dose if row.mg_per_day is None else f"{row.mg_per_day.normalize():f}"


def _options(groups: Sequence[Group]) -> Options:
    return tuple(
        (GROUPS[group], tuple((key, agent.name) for key, agent in AGENTS.items() if agent.group == group))
        for group in groups
    )
