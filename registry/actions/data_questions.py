"""The registry's own questions to sites: opened where the record gives a ground, closed when it is gone.

Every run says what the record says now, so that a second one changes nothing. Decided by the pure checks of
monitoring/data_questions.py; here they are stored, as the registry itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from registry.access.scope import EVERYTHING, acting
from registry.actions.questions import reopen, thread_for_update, write
from registry.models import Question
from registry.monitoring.data_questions import DataQuestion, data_questions
from registry.monitoring.question_lifecycle import PENDING, check_move
from registry.queries.data_question_records import Asked, ranges_of_patients, records_for_checks
from registry.queries.fact_values import facts_shown

_LOCK = 77
_BATCH = 500
_GONE = "The record no longer gives a reason to ask."


@dataclass(slots=True)
class Looked:
    """How many patients were looked at, and how many questions were opened and closed."""

    patient_count: int = 0
    opened_count: int = 0
    closed_count: int = 0


def look_at_everybody(*, at: datetime, as_of: date | None = None) -> Looked:
    """Look at every patient, batch by batch, each batch in a transaction of its own.

    What a batch did stands when a later one fails; the next run does the rest.
    """
    looked = Looked()
    with acting(rows=EVERYTHING):
        batches = list(ranges_of_patients(size=_BATCH))
    for batch in batches:
        done = look_at(patient_ids=batch, at=at, as_of=as_of)
        looked.patient_count += done.patient_count
        looked.opened_count += done.opened_count
        looked.closed_count += done.closed_count
    return looked


def look_at(*, patient_ids: Sequence[int], at: datetime, as_of: date | None = None) -> Looked:
    """Open and close the registry's own questions about these patients, each at its site's date."""
    with acting(rows=EVERYTHING, reason="data checks"):
        with connection.cursor() as cursor:
            # One at a time: two that close the same question at once would both say so.
            cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [_LOCK])
        asked = records_for_checks(patient_ids=patient_ids, at=at, as_of=as_of)
        threads = {
            (thread.patient_id, thread.fact): thread
            for thread in Question.objects.filter(patient__in=[each.patient_id for each in asked])
            .select_related("patient")
            .select_for_update(of=("self",))
            .order_by("pk")
        }
        looked = Looked(patient_count=len(asked))
        held = set()
        for each in asked:
            for question in data_questions(record=each.record, on=each.on):
                held.add((each.patient_id, question.fact.key))
                looked.opened_count += _hold(each, question, threads, at=at)
        gone = [
            thread
            for place, thread in threads.items()
            if place not in held and thread.check_key and thread.state in PENDING
        ]
        _let_go(gone, at=at)
        looked.closed_count = len(gone)
    return looked


def _hold(
    each: Asked, question: DataQuestion, threads: dict[tuple[int, str], Question], *, at: datetime
) -> bool:
    """A ground that is there: open its question unless it was asked already. True when it was opened."""
    thread = threads.get((each.patient_id, question.fact.key))
    if thread is None:
        thread, is_new = thread_for_update(
            Question(
                patient_id=each.patient_id,
                fact=question.fact.key,
                state="open",
                asked_at=at,
                check_key=question.check_key,
                check_version=question.check_version,
                ground=question.ground,
            )
        )
        if is_new:
            write(thread, kind="asked", from_state="", text=question.text, by=None, at=at)
        return is_new  # otherwise a person asked about it this very moment
    if thread.ground == question.ground or (thread.state in PENDING and not thread.check_key):
        return False  # asked and perhaps settled; or a person asks about it already
    from_state = thread.state
    is_opened = from_state not in PENDING
    if is_opened:
        check_move(from_state=from_state, to_state="open", by="system")
        reopen(thread, at=at)
        thread.state = "open"
        thread.asked_by, thread.due_on = None, None
    thread.check_key, thread.check_version = question.check_key, question.check_version
    thread.ground = question.ground
    thread.save()
    kind = "asked_again" if is_opened else "added"
    write(thread, kind=kind, from_state=from_state, text=question.text, by=None, at=at)
    return is_opened


def _let_go(gone: Iterable[Question], *, at: datetime) -> None:
    """Grounds that are there no longer: close their questions, as the registry, with what came of them."""
    threads = list(gone)
    if not threads:
        return
    shown = facts_shown(places=[(thread.patient_id, thread.fact) for thread in threads])
    for thread in threads:
        place = shown.get((thread.patient_id, thread.fact))
        value = place.value if place else ""
        when_asked = (
            thread.messages.filter(kind__in=("asked", "asked_again", "added"), by__isnull=True)
            .order_by("at", "pk")
            .last()
        )
        is_changed = when_asked is not None and when_asked.value != value
        closing = "data_changed" if is_changed else "not_relevant"
        from_state = thread.state
        check_move(from_state=from_state, to_state="closed", by="system")
        thread.state, thread.closed_at, thread.closed_because = "closed", at, closing
        # A ground that comes back is asked about again: nobody has settled it.
        thread.ground = ""
        thread.save()
        write(
            thread,
            kind="closed",
            from_state=from_state,
            text=_GONE,
            closing=closing,
            by=None,
            at=at,
            value=value,
        )
