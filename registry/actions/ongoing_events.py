"""What a visit says of adverse events: whether those going on still are, and whether there are new ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from registry.actions.adverse_events import add_report
from registry.actions.event_entries import FollowUpEntry, completed_follow_up, follow_up_problems
from registry.clinical.partial_dates import PartialDate
from registry.clinical.refusals import Problem
from registry.models import AdverseEvent, AdverseEventFollowUp, Patient, User, Visit, VisitNewEvents

KEY = "ongoing"


@dataclass(frozen=True, slots=True)
class OngoingAnswer:
    """The answer about one event: it goes on, with its grade now, or it is over, with end and outcome."""

    event: AdverseEvent
    still_ongoing: bool
    grade: int | None = None
    ended_on: PartialDate | None = None
    outcome: str = ""

    def report_of(self, *, visited_on: date) -> FollowUpEntry:
        """Return the answer as a follow-up report dated at the visit."""
        return completed_follow_up(
            FollowUpEntry(
                reported_on=visited_on,
                grade=self.grade,
                ended_on=self.ended_on,
                still_ongoing=self.still_ongoing,
                outcome=self.outcome,
            ),
            event=self.event,
        )


@dataclass(frozen=True, slots=True)
class OngoingPart:
    """A VisitPart. `has_new_events` is None where the question was not answered."""

    answers: Sequence[OngoingAnswer]
    has_new_events: bool | None

    def problems(self, *, patient: Patient, visited_on: date | None, today: date) -> list[Problem]:
        """What makes an answer impossible; fields as `ongoing-12-ended_on`."""
        if visited_on is None:
            return []
        return [
            _of_line(answer.event, problem)
            for answer in self.answers
            for problem in follow_up_problems(
                event=answer.event, entry=answer.report_of(visited_on=visited_on), today=today
            )
        ]

    def store(self, *, visit: Visit, by: User | None, at: datetime) -> None:
        """Add a report for each event not yet asked at this visit; keep the answer about new ones.

        A visit that was not done asked nobody.
        """
        if visit.status != "completed" or visit.visited_on is None:
            return
        asked = set(AdverseEventFollowUp.objects.filter(visit=visit).values_list("event_id", flat=True))
        for answer in self.answers:
            if answer.event.pk not in asked:
                add_report(
                    event=answer.event,
                    entry=answer.report_of(visited_on=visit.visited_on),
                    visit=visit,
                    by=by,
                    at=at,
                )
        if self.has_new_events is not None:
            _keep_answer(visit, has_new_events=self.has_new_events, by=by, at=at)


def _of_line(event: AdverseEvent, problem: Problem) -> Problem:
    """The problem at the line of its event. What only a report of its own can answer is sent there."""
    if problem.field.endswith("-grade_reason"):
        accepted = (
            "Leave it unchanged here, and say in a follow-up report what got worse, or why it is another."
        )
        problem = replace(problem, field="grade", accepted=accepted)
    return replace(problem, field=f"{KEY}-{event.pk}-{problem.field}")


def _keep_answer(visit: Visit, *, has_new_events: bool, by: User | None, at: datetime) -> None:
    there = VisitNewEvents.objects.filter(visit=visit).first()
    if there is None:
        VisitNewEvents.objects.create(
            visit=visit,
            patient_id=visit.patient_id,
            has_new_events=has_new_events,
            entered_by=by,
            entered_at=at,
            origin="form",
        )
    elif there.has_new_events != has_new_events:
        there.has_new_events = has_new_events
        there.save(update_fields=["has_new_events"])
