"""Asking sites about facts of the record, answering, and closing with what came of it.

One thread for each fact: asking about a fact again adds to its thread, or opens it again with its history.
The table of moves is monitoring/question_lifecycle.py; every move is a message, and messages never change.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from registry.access.roles import may, require
from registry.access.scope import because
from registry.actions import alerts
from registry.actions.refused import refuse_if
from registry.clinical.entry_checks import check_text
from registry.clinical.facts import Fact, parse_fact
from registry.clinical.refusals import Problem
from registry.models import Alert, Patient, Question, QuestionMessage, User
from registry.monitoring.question_lifecycle import (
    CLOSINGS,
    PENDING,
    Closing,
    Mover,
    QuestionMoveNotAllowed,
    State,
    check_move,
)
from registry.queries.fact_values import exists, fact_shown, original_of

LONGEST_TEXT = 2_000
ANSWER_WITHIN = timedelta(days=14)


class NotYourQuestion(PermissionError):
    """Only the person who asked takes a question back; others close it and say what came of it."""

    @property
    def for_people(self) -> str:
        return "Only the person who asked can take a question back. Close it, and say what came of it."


@dataclass(frozen=True, slots=True)
class Asking:
    """What a person asks: about which fact, in which words, by when an answer is wanted."""

    fact: Fact
    text: str
    due_on: date | None = None


def asking_problems(*, patient: Patient, asking: Asking, today: date) -> list[Problem]:
    """What keeps a question from being asked."""
    found = _text_problems(asking.text, "The question is empty.", "Write what the site is to look at.")
    if asking.due_on is not None and asking.due_on < today:
        found.append(
            Problem(
                "due_on",
                asking.due_on.isoformat(),
                "The answer is wanted on a day that has passed.",
                "Give today or a later date.",
            )
        )
    if not exists(patient=patient, fact=asking.fact, today=today):
        found.append(
            Problem(
                "fact",
                asking.fact.key,
                "This patient's record has no such place.",
                "Open the question from the record.",
            )
        )
    return found


def ask(
    *, patient: Patient, asking: Asking, by: User, at: datetime, today: date, alert: Alert | None = None
) -> Question:
    """Ask about a fact, and return its thread: a new one, or the one there is, opened again when settled.

    From an alert's page the alert is named with it, and goes into review with an officer who asks. The same
    words sent twice are one question. Raises NotAllowed, RecordRefused.
    """
    require(by, "ask_questions", patient=patient)
    refuse_if(asking_problems(patient=patient, asking=asking, today=today))
    fact = original_of(fact=asking.fact)
    fresh = Question(
        patient=patient, fact=fact.key, state="open", asked_by=by, asked_at=at, due_on=asking.due_on
    )
    question, is_new = thread_for_update(fresh)
    if not is_new and _is_said(
        question, kinds=("asked", "added", "asked_again"), text=asking.text, by=by, alert=alert
    ):
        return question
    from_state = "" if is_new else question.state
    if not is_new:
        if question.state != "open":
            check_move(from_state=question.state, to_state="open", by="asker")
        if question.state not in PENDING:
            reopen(question, at=at)
        question.asked_by, question.due_on = by, asking.due_on or question.due_on
        question.check_key, question.check_version = "", None
        question.state = "open"
        question.save()
    kind = "asked" if is_new else "added" if from_state == "open" else "asked_again"
    write(question, kind=kind, from_state=from_state, text=asking.text, by=by, at=at, alert=alert)
    if alert is not None:
        _take_into_review(alert, by=by, at=at)
    return question


def answer(*, question: Question, text: str, by: User, at: datetime) -> Question:
    """Record the site's answer; a further one is added to the first, the same one sent twice is one.

    Raises NotAllowed, RecordRefused, QuestionMoveNotAllowed when the question was settled meanwhile.
    """
    require(by, "answer_questions", patient=question.patient)
    refuse_if(_text_problems(text, "The answer is empty.", "Write what the site found."))
    current = _locked(question)
    if _is_said(current, kinds=("answered",), text=text, by=by):
        return current
    from_state = current.state
    if from_state != "answered":
        _move(current, "answered", by="site")
    current.answered_at = at
    current.save()
    write(current, kind="answered", from_state=from_state, text=text, by=by, at=at)
    return current


def say_not_enough(*, question: Question, text: str, by: User, at: datetime) -> Question:
    """Send an answer back to the site with what is still wanted. Raises as `answer` does."""
    require(by, "ask_questions", patient=question.patient)
    refuse_if(_text_problems(text, "It is not said what is missing.", "Write what the site is still to say."))
    current = _locked(question)
    if _is_said(current, kinds=("not_enough",), text=text, by=by):
        return current
    from_state = current.state
    _move(current, "open", by="asker")
    current.save()
    write(current, kind="not_enough", from_state=from_state, text=text, by=by, at=at)
    return current


def close(*, question: Question, closing: Closing, text: str = "", by: User, at: datetime) -> Question:
    """Close a question with what came of it, which its yield is counted from. Raises as `answer` does."""
    require(by, "ask_questions", patient=question.patient)
    problems = check_text(field="text", value=text, maximum=LONGEST_TEXT)
    if closing not in CLOSINGS:
        problems.append(
            Problem("closing", closing, "It is not said what came of it.", "Choose one of three.")
        )
    refuse_if(problems)
    current = _locked(question)
    if current.closed_because == closing and _is_said(current, kinds=("closed",), text=text, by=by):
        return current
    from_state = current.state
    _move(current, "closed", by="asker")
    current.closed_at, current.closed_because = at, closing
    current.save()
    write(current, kind="closed", from_state=from_state, text=text, closing=closing, by=by, at=at)
    return current


def cancel(*, question: Question, text: str = "", by: User, at: datetime) -> Question:
    """Take back one's own question that nobody answered yet. Raises NotYourQuestion, and as `answer` does."""
    require(by, "ask_questions", patient=question.patient)
    refuse_if(check_text(field="text", value=text, maximum=LONGEST_TEXT))
    current = _locked(question)
    if current.asked_by_id != by.pk:
        raise NotYourQuestion
    from_state = current.state
    _move(current, "cancelled", by="asker")
    current.closed_at = at
    current.save()
    write(current, kind="cancelled", from_state=from_state, text=text, by=by, at=at)
    return current


def thread_for_update(fresh: Question) -> tuple[Question, bool]:
    """Return the one thread about a fact, locked, and whether it is new. Two who ask at once share it."""
    Question.objects.bulk_create([fresh], ignore_conflicts=True)
    # A second asker waits here for the first, and then sees what the first wrote.
    found = Question.objects.select_for_update().get(patient=fresh.patient, fact=fresh.fact)
    return found, found.public_id == fresh.public_id


def reopen(question: Question, *, at: datetime) -> None:
    """Let a settled question wait again: its age counts from now."""
    question.asked_at = at
    question.answered_at = None
    question.closed_at, question.closed_because = None, ""
    question.ground = ""


def write(
    question: Question,
    *,
    kind: str,
    from_state: str,
    text: str,
    by: User | None,
    at: datetime,
    closing: str = "",
    alert: Alert | None = None,
    value: str | None = None,
) -> QuestionMessage:
    """Keep one step of the thread, with what stood in the record at that moment."""
    if value is None:
        value = fact_shown(patient=question.patient, fact=parse_fact(question.fact)).value
    with because(text.strip()[:200] if by is not None else "data check"):
        return QuestionMessage.objects.create(
            question=question,
            patient_id=question.patient_id,
            at=at,
            by=by,
            kind=kind,
            from_state=from_state,
            to_state=question.state,
            text=text.strip(),
            value=value,
            because=closing,
            check_key=question.check_key,
            alert=alert,
            due_on=question.due_on if kind in ("asked", "asked_again", "added") else None,
        )


def _is_said(
    question: Question, *, kinds: tuple[str, ...], text: str, by: User, alert: Alert | None = None
) -> bool:
    """Whether the thread ends with these words of this person about what still stands there: sent twice."""
    last = QuestionMessage.objects.filter(question=question).order_by("-pk").first()
    return (
        last is not None
        and last.kind in kinds
        and last.by_id == by.pk
        and last.text == text.strip()
        and last.alert_id == (alert.pk if alert is not None else None)
        and last.value == fact_shown(patient=question.patient, fact=parse_fact(question.fact)).value
    )


def _locked(question: Question) -> Question:
    # No join: after a wait for the lock the joined row would still be the one from before the wait.
    current = Question.objects.select_for_update().get(pk=question.pk)
    current.patient = question.patient
    return current


def _move(question: Question, to_state: State, *, by: Mover) -> None:
    check_move(from_state=question.state, to_state=to_state, by=by)
    question.state = to_state


def _take_into_review(alert: Alert, *, by: User, at: datetime) -> None:
    """An alert whose site was asked is in review: nobody else need take it up (contract.md section 4)."""
    if alert.state in ("open", "acknowledged") and may(by, "review_alerts", patient=alert.patient):
        alerts.take_up(alert=alert, by=by, at=at, reason="Asked the site.")


def _text_problems(text: str, problem: str, accepted: str) -> list[Problem]:
    if not text.strip():
        return [Problem("text", "", problem, accepted)]
    return check_text(field="text", value=text, maximum=LONGEST_TEXT)


__all__ = [
    "Asking",
    "NotYourQuestion",
    "QuestionMoveNotAllowed",
    "answer",
    "ask",
    "asking_problems",
    "cancel",
    "close",
    "say_not_enough",
]
