"""Correcting the first report of an adverse event: in place, with a reason; the trail keeps what it said.

What became otherwise later is no correction: it is a follow-up report.
"""

import hashlib
import json
from datetime import date, datetime

from django.db import transaction

from registry.access.roles import require
from registry.access.scope import because
from registry.actions.adverse_events import first_report_columns
from registry.actions.evaluations import nudge
from registry.actions.event_entries import (
    EventEntry,
    event_doubts,
    event_problems,
    first_day_zero_of,
    unanswered,
)
from registry.actions.laboratory import lock_patient
from registry.actions.locks import refuse_if_locked
from registry.actions.refused import refuse_if
from registry.clinical.entry_checks import check_text
from registry.clinical.partial_dates import PartialDate
from registry.clinical.refusals import Problem
from registry.clinical.spoken_dates import spoken
from registry.models import AdverseEvent, User
from registry.queries.event_chain import chain_of, in_order

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
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def corrected_fields(*, event: AdverseEvent, entry: EventEntry) -> dict[str, object]:
    """Return the columns that the entry changes, with what they are to say."""
    columns = first_report_columns(entry)
    if set(entry.seriousness) == set(event.seriousness):
        del columns["seriousness"]  # the criteria have no order
    return {
        name: value for name, value in columns.items() if _in_lines(getattr(event, name)) != _in_lines(value)
    }


def correction_problems(*, event: AdverseEvent, entry: EventEntry, today: date) -> list[Problem]:
    """What makes the corrected report impossible. `event` has its `follow_ups` at hand."""
    changed = corrected_fields(event=event, entry=entry)
    # An onset that nobody changes is not the concern of whoever corrects a word: consent to what began then
    # may have been taken back since.
    found = [
        problem
        for problem in event_problems(patient=event.patient, entry=entry, today=today)
        if problem.field != "started_on" or "started_on" in changed
    ]
    if "started_on" in changed and entry.started_on is not None:
        found += _onset_problems(event, entry.started_on)
    return found


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

    The facts of its category are told anew by a follow-up report, which replaces them whole. `read` is
    `as_read` of what the person had before them. Raises NotAllowed, RecordRefused, RecordLocked and
    CorrectedMeanwhile.
    """
    patient = event.patient
    require(by, "enter_record", patient=patient)
    refuse_if_locked(patient=patient, visit=event.visit)
    refuse_if(_reason_problems(reason))
    refuse_if(correction_problems(event=event, entry=entry, today=today))
    doubts = event_doubts(patient=patient, entry=entry, first_day_zero=first_day_zero_of(patient=patient))
    refuse_if(unanswered(doubts, entry.kept_because))
    with transaction.atomic(), because(reason.strip()):
        lock_patient(patient)
        current = AdverseEvent.objects.select_related("patient").get(pk=event.pk)
        changed = corrected_fields(event=current, entry=entry)
        if not changed and as_read(event=current) != read:
            return current
        if as_read(event=current) != read:
            raise CorrectedMeanwhile(current)
        if not changed:
            refuse_if([Problem("", "", "Nothing is corrected.", "Change what was wrong, or cancel.")])
        # Once more: a follow-up may have come since.
        refuse_if(correction_problems(event=current, entry=entry, today=today))
        if changed.keys() & {"code", "code_system"}:
            changed |= dict.fromkeys(_OF_THE_CODE, "")
        for name, value in changed.items():
            setattr(current, name, value)
        current.save(update_fields=list(changed))
        nudge(patient_id=patient.pk)
    return current


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
