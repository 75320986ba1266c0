"""Correcting the first report of an adverse event: in place, with a reason; the trail keeps what it said.

What became otherwise later is no correction: it is a follow-up report.
"""

import hashlib
import json
from datetime import date, datetime

from django.db import transaction

from registry.access.roles import require
from registry.access.scope import because
from registry.actions.adverse_events import facts_columns, first_report_columns, keep_facts
from registry.actions.evaluations import nudge
from registry.actions.event_entries import (
    EventEntry,
    completed,
    event_doubts,
    event_problems,
    first_day_zero_of,
    other_grade_problems,
    unanswered,
)
from registry.actions.laboratory import lock_patient
from registry.actions.locks import refuse_if_locked
from registry.actions.refused import refuse_if
from registry.clinical.entry_checks import check_text
from registry.clinical.event_doubts import Doubt
from registry.clinical.event_facts import FACTS_OF, Facts
from registry.clinical.partial_dates import PartialDate
from registry.clinical.refusals import Problem
from registry.clinical.spoken_dates import spoken
from registry.models import AdverseEvent, User
from registry.models.event_details import DETAILS_OF
from registry.queries.event_chain import chain_of, first_facts, in_order

_REASON_LIMIT = 500
# What an import brought of a code goes with the code.
_OF_THE_CODE = ("coded_term", "body_system")


class CorrectedMeanwhile(RuntimeError):
    """Somebody corrected the report since the form was opened; `event` is how it stands now."""

    def __init__(self, event: AdverseEvent):
        super().__init__(event.pk)
        self.event = event


def as_read(*, event: AdverseEvent) -> str:
    """Return a digest of what the first report says: whoever corrects it shows what they had before them."""
    names = first_report_columns(EventEntry(term=""))
    said = {name: str(getattr(event, name)) for name in names}
    facts = first_facts(event=event, category=event.category)
    # Facts that nobody answered are left out: a table of theirs may come later.
    if facts is not None and not facts.is_empty:
        said["facts"] = str({name: str(value) for name, value in facts_columns(facts).items()})
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def corrected_fields(*, event: AdverseEvent, entry: EventEntry) -> dict[str, object]:
    """Return the columns that the entry changes, with what they are to say."""
    columns = first_report_columns(entry)
    if set(entry.seriousness) == set(event.seriousness):
        del columns["seriousness"]  # the criteria have no order
    return {
        name: value for name, value in columns.items() if _in_lines(getattr(event, name)) != _in_lines(value)
    }


def corrected_facts(*, event: AdverseEvent, entry: EventEntry) -> Facts | None:
    """Return the facts that the first report is to tell of its category; None where it tells them already."""
    kind = FACTS_OF.get(entry.category)
    if kind is None:
        return None
    recorded, told = first_facts(event=event, category=entry.category), entry.facts or kind()
    return None if told == (recorded or kind()) else told


def correction_problems(*, event: AdverseEvent, entry: EventEntry, today: date) -> list[Problem]:
    """What makes the corrected report impossible. `event` has its `follow_ups` at hand."""
    changed = corrected_fields(event=event, entry=entry)
    facts = corrected_facts(event=event, entry=entry)
    # An onset that nobody changes is not the concern of whoever corrects a word: consent to what began then
    # may have been taken back since.
    found = [
        problem
        for problem in event_problems(patient=event.patient, entry=entry, today=today)
        if problem.field != "started_on" or "started_on" in changed
    ]
    if "started_on" in changed and entry.started_on is not None:
        found += _onset_problems(event, entry.started_on)
    asked = f"{entry.category}-grade_reason"
    found = [problem for problem in found if problem.field != asked]
    # Nor is a grade without a reason, as a file may have brought it, of whoever corrects a word.
    if facts is not None or changed.keys() & {"grade", "grade_scale", "category"}:
        found += other_grade_problems(
            category=entry.category,
            grade=entry.grade,
            scale=entry.grade_scale,
            facts=entry.facts,
            before=first_facts(event=event, category=entry.category),
            grade_before=event.grade,
        )
    return found


def correction_doubts(
    *, event: AdverseEvent, entry: EventEntry, first_day_zero: date | None
) -> tuple[list[Doubt], list[Problem]]:
    """What is unlikely about the corrected report, and of it what nobody has answered.

    What was written once about the report as it stood is no answer to what only the correction makes odd.
    """
    patient = event.patient
    doubts = event_doubts(patient=patient, entry=entry, first_day_zero=first_day_zero)
    kept_because = entry.kept_because.strip()
    if not kept_because or kept_because != event.kept_because.strip():
        return doubts, unanswered(doubts, kept_because)
    recorded = EventEntry(
        term=event.term,
        code_system=event.code_system,
        code=event.code,
        grade=event.grade,
        started_on=PartialDate.parse(event.started_on) if event.started_on else None,
        seriousness=tuple(event.seriousness),
        outcome=event.outcome,
        facts=first_facts(event=event, category=event.category),
    )
    answered = event_doubts(patient=patient, entry=recorded, first_day_zero=first_day_zero)
    return doubts, unanswered([doubt for doubt in doubts if doubt not in answered], "")


def correct_first_report(
    *,
    event: AdverseEvent,
    read: str,
    entry: EventEntry,
    reason: str,
    by: User | None,
    at: datetime,
    today: date,
) -> AdverseEvent:
    """Correct what the first report says and return the event; the same correction twice is one.

    `entry.facts` are those of the category as they should have been told, whole: none empties them. What
    a follow-up told of them stands. `read` is `as_read` of what the person had before them. Raises
    NotAllowed, RecordRefused, RecordLocked and CorrectedMeanwhile.
    """
    patient = event.patient
    require(by, "enter_record", patient=patient)
    refuse_if_locked(patient=patient, visit=event.visit)
    refuse_if(_reason_problems(reason))
    entry = completed(entry)
    refuse_if(correction_problems(event=event, entry=entry, today=today))
    first_day_zero = first_day_zero_of(patient=patient)
    refuse_if(correction_doubts(event=event, entry=entry, first_day_zero=first_day_zero)[1])
    with transaction.atomic(), because(reason.strip()):
        lock_patient(patient)
        current = AdverseEvent.objects.select_related("patient").get(pk=event.pk)
        changed = corrected_fields(event=current, entry=entry)
        facts = corrected_facts(event=current, entry=entry)
        is_corrected = bool(changed) or facts is not None
        if as_read(event=current) != read:
            if not is_corrected:
                return current
            raise CorrectedMeanwhile(current)
        if not is_corrected:
            refuse_if([Problem("", "", "Nothing is corrected.", "Change what was wrong, or cancel.")])
        # Once more: a follow-up may have come since.
        refuse_if(correction_problems(event=current, entry=entry, today=today))
        if changed.keys() & {"code", "code_system"}:
            changed |= dict.fromkeys(_OF_THE_CODE, "")
        for name, value in changed.items():
            setattr(current, name, value)
        if changed:
            current.save(update_fields=list(changed))
        if facts is not None:
            _correct_facts(current, facts, by=by, at=at)
        nudge(patient_id=patient.pk)
    return current


def _correct_facts(event: AdverseEvent, facts: Facts, *, by: User | None, at: datetime) -> None:
    """Correct the row of the first report in place, or write it where the report told nothing of these."""
    row = DETAILS_OF[facts.category]._default_manager.filter(event=event, number=0).first()
    if row is None:
        keep_facts(event, facts, number=0, by=by, at=at)
        return
    columns = facts_columns(facts)
    for name, value in columns.items():
        setattr(row, name, value)
    row.save(update_fields=list(columns))


def _in_lines(value: object) -> object:
    """A text as its lines: a file ends them otherwise than a browser does, and nobody corrected that."""
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


def _reason_problems(reason: str) -> list[Problem]:
    if not reason.strip():
        return [Problem("reason", "", "The correction has no reason.", "Say why the report was wrong.")]
    return check_text(field="reason", value=reason, maximum=_REASON_LIMIT)


def _onset_problems(event: AdverseEvent, onset: PartialDate) -> list[Problem]:
    """What later reports say of the time before the onset."""
    reports = in_order(event.follow_ups.all())
    if reports and reports[0].reported_on < onset.earliest:
        words = f"Follow-up {reports[0].number} of {spoken(reports[0].reported_on)} is older than this onset."
        return [Problem("started_on", str(onset), words, "Correct the date.")]
    ended_on = chain_of(event=event).now.ended_on if reports else ""
    if ended_on and PartialDate.parse(ended_on).latest < onset.earliest:
        words = f"A follow-up says that it ended before this onset: {ended_on}."
        return [Problem("started_on", str(onset), words, "Correct the date.")]
    return []
