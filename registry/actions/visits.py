"""Follow-up visits: recorded once, changed with a reason, never by two people over each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from django.db import transaction

from registry.access.roles import require
from registry.access.scope import because
from registry.actions.evaluations import nudge
from registry.actions.laboratory import (
    ResultEntry,
    correct_lab_result,
    lock_patient,
    problems_of,
    record_results,
    retract_lab_result,
)
from registry.actions.locks import refuse_if_locked
from registry.actions.refused import FormOfAnotherRecord, refuse_if
from registry.actions.visit_parts import VisitPart, problems_of_parts
from registry.clinical.code_lists import TEXT_LIMITS
from registry.clinical.entry_checks import check_listed, check_text
from registry.clinical.record_checks import check_support, check_visit
from registry.clinical.refusals import Problem
from registry.clinical.study_days import course_of
from registry.clinical.visit_contact import COMMENTS_LIMIT, CONTACT_MODES
from registry.clinical.visit_windows import UNSCHEDULED
from registry.models import Course, LabNotDone, LabResult, Patient, SupportiveTreatment, User, Visit
from registry.queries.consent import collection_problems, remote_problems

FIELDS = (
    "status",
    "visited_on",
    "missed_reason",
    "new_malignancy",
    "new_malignancy_text",
    "contact_mode",
    "comments",
)


class AlreadyRecorded(RuntimeError):
    """Somebody recorded this visit first; `visit` is what they recorded."""

    def __init__(self, visit: Visit):
        super().__init__(visit.pk)
        self.visit = visit


class ChangedMeanwhile(RuntimeError):
    """Somebody changed the visit since the form was opened; `visit` is how it stands now."""

    def __init__(self, visit: Visit):
        super().__init__(visit.pk)
        self.visit = visit


@dataclass(frozen=True, slots=True)
class SupportEntry:
    """A transfusion or growth factor as entered."""

    given_on: date
    kind: str


@dataclass(frozen=True, slots=True)
class NotDoneEntry:
    """A measurement that the visit should have brought and did not, and why."""

    analyte: str
    reason: str


@dataclass(frozen=True, slots=True)
class VisitEntry:
    """A visit as entered: that it took place, or why it did not."""

    status: Literal["completed", "missed"]
    visited_on: date | None
    missed_reason: str = ""
    new_malignancy: bool | None = None
    new_malignancy_text: str = ""
    contact_mode: str = ""  # of visit_contact.CONTACT_MODES, or not said
    comments: str = ""


@dataclass(frozen=True, slots=True)
class ResultChange:
    """A result of a recorded visit that was wrong; `entry` is empty when it is taken back."""

    result: LabResult
    entry: ResultEntry | None


def visit_problems(
    *, patient: Patient, code: str, day_zeros: Sequence[date], entry: VisitEntry, today: date
) -> list[Problem]:
    """What makes the visit impossible. `day_zeros`: of its own course first, then of the later ones."""
    found = collection_problems(patient=patient, field="visited_on", what="A visit", on=entry.visited_on)
    found += remote_problems(
        patient=patient, way=entry.contact_mode, on=entry.visited_on, field="contact_mode"
    )
    found += check_visit(
        visit_code=code,
        status=entry.status,
        visited_on=entry.visited_on,
        missed_reason=entry.missed_reason,
        new_malignancy_text=entry.new_malignancy_text,
        first_day_zero=day_zeros[0] if day_zeros else None,
        birth_year=patient.birth_year,
        died_on=patient.died_on,
        today=today,
    )
    found += check_listed(field="contact_mode", value=entry.contact_mode, codes=CONTACT_MODES, required=False)
    found += check_text(field="comments", value=entry.comments, maximum=COMMENTS_LIMIT)
    if entry.new_malignancy and not entry.new_malignancy_text.strip():
        found.append(
            Problem(
                "new_malignancy_text",
                "",
                "A new malignancy is answered with yes and not described.",
                "Write what was found, where and when.",
            )
        )
    if not found and entry.visited_on is not None:
        belongs = course_of(entry.visited_on, day_zeros=tuple(day_zeros))
        if belongs is not None and belongs != day_zeros[0]:
            found.append(
                Problem(
                    "visited_on",
                    entry.visited_on.isoformat(),
                    "The date belongs to the course of a later infusion.",
                    "Give a date before that infusion, or record the visit in the later course.",
                )
            )
    return found


def _of_nothing(*, code: str, entry: VisitEntry) -> list[Problem]:
    """An unscheduled visit that did not take place is nothing: nobody waited for it.

    Of people only. A file may bring one (contract.md 3), and a recorded one may be changed to it: that is
    how a visit recorded by mistake is taken back.
    """
    if code != UNSCHEDULED or entry.status != "missed":
        return []
    return [
        Problem(
            "status",
            entry.status,
            "An unscheduled visit that did not take place is not recorded: nobody waited for it.",
            "Give the day on which it took place, or leave it out.",
        )
    ]


def support_problems(*, patient: Patient, entry: SupportEntry, today: date) -> list[Problem]:
    """What makes the treatment impossible for this patient."""
    return [
        *collection_problems(patient=patient, field="given_on", what="Treatment", on=entry.given_on),
        *check_support(
            given_on=entry.given_on,
            kind=entry.kind,
            birth_year=patient.birth_year,
            died_on=patient.died_on,
            today=today,
        ),
    ]


def not_done_problems(*, entry: NotDoneEntry) -> list[Problem]:
    """What is wrong with the reason of a missing measurement."""
    if not entry.reason.strip():
        return [Problem("not_done", "", "A measurement not done has no reason.", "Say why it was not done.")]
    return check_text(field="not_done", value=entry.reason, maximum=TEXT_LIMITS["missed_reason"])


def record_visit(
    *,
    patient: Patient,
    course: Course,
    code: str,
    entry: VisitEntry,
    results: Sequence[ResultEntry] = (),
    supports: Sequence[SupportEntry] = (),
    not_done: Sequence[NotDoneEntry] = (),
    parts: Sequence[VisitPart] = (),
    submission: UUID,
    by: User | None,
    at: datetime,
    today: date,
) -> Visit:
    """Keep a visit with its results and treatments, all or nothing, and return it.

    The same submission twice is one visit. Raises NotAllowed, RecordRefused, and AlreadyRecorded
    when another submission recorded this visit of this course first, or this one an unscheduled one,
    FormOfAnotherRecord when this one recorded another visit.
    """
    require(by, "enter_record", patient=patient)
    refuse_if_locked(patient=patient)
    _refuse_impossible(
        patient=patient,
        course=course,
        code=code,
        entry=entry,
        results=results,
        supports=supports,
        parts=parts,
        today=today,
    )
    refuse_if(problem for missing in not_done for problem in not_done_problems(entry=missing))
    refuse_if(_of_nothing(code=code, entry=entry))
    with transaction.atomic():
        lock_patient(patient)
        sent = Visit.objects.filter(submission=submission, patient=patient).first()
        if sent is not None:
            if (sent.course_id, sent.code) != (course.pk, code):
                raise FormOfAnotherRecord
            if code == UNSCHEDULED:
                # No address tells one from another before they are recorded: the day does. Whether of one
                # day the same was typed once more, the page looks.
                raise AlreadyRecorded(sent) if sent.visited_on == entry.visited_on else FormOfAnotherRecord
            return sent
        same = Visit.objects.filter(course=course, code=code)
        if code == UNSCHEDULED:
            same = same.filter(visited_on=entry.visited_on)
        if (first := same.first()) is not None:
            raise AlreadyRecorded(first)
        visit = Visit.objects.create(
            patient=patient,
            course=course,
            code=code,
            submission=submission,
            entered_by=by,
            entered_at=at,
            origin="form",
            **_columns(entry),
        )
        _set_not_done(visit, not_done, by=by, at=at)
        record_results(patient=patient, visit=visit, entries=results, by=by, at=at, today=today)
        _record_supports(patient=patient, entries=supports, by=by, at=at)
        for part in parts:
            part.store(visit=visit, by=by, at=at)
        nudge(patient_id=patient.pk)
    return visit


def change_visit(
    *,
    visit: Visit,
    version: int,
    entry: VisitEntry,
    results: Sequence[ResultEntry] = (),
    changed_results: Sequence[ResultChange] = (),
    supports: Sequence[SupportEntry] = (),
    removed_supports: Sequence[int] = (),
    not_done: Sequence[NotDoneEntry] = (),
    parts: Sequence[VisitPart] = (),
    reason: str,
    by: User | None,
    at: datetime,
    today: date,
) -> Visit:
    """Change a recorded visit: fields in place, audited with `reason`; results by superseding them.

    `not_done` is what is missing from now on; what it leaves out is missing no longer.
    `version` is what the person had before them. Raises NotAllowed, RecordRefused, ChangedMeanwhile,
    AlreadySuperseded.
    """
    patient = visit.patient
    require(by, "enter_record", patient=patient)
    refuse_if_locked(patient=patient, visit=visit)
    if not reason.strip():
        refuse_if([Problem("reason", "", "The change has no reason.", "Say why the record was wrong.")])
    refuse_if(problem for missing in not_done for problem in not_done_problems(entry=missing))
    corrections = [change.entry for change in changed_results if change.entry is not None]
    _refuse_impossible(
        patient=patient,
        course=visit.course,
        code=visit.code,
        entry=entry,
        results=[*results, *corrections],
        supports=supports,
        parts=parts,
        today=today,
    )
    with transaction.atomic(), because(reason):
        lock_patient(patient)
        current = Visit.objects.select_related("course", "patient").get(pk=visit.pk)
        if current.version != version:
            raise ChangedMeanwhile(current)
        for field, value in _columns(entry).items():
            setattr(current, field, value)
        # Results are the visit's too: whoever saves the form next had an older sheet before them.
        current.version = version + 1
        current.save(update_fields=[*FIELDS, "version"])
        for change in changed_results:
            if change.entry is None:
                retract_lab_result(result=change.result, reason=reason, by=by, at=at)
            else:
                correct_lab_result(
                    result=change.result, entry=change.entry, reason=reason, by=by, at=at, today=today
                )
        _set_not_done(current, not_done, by=by, at=at)
        record_results(patient=patient, visit=current, entries=results, by=by, at=at, today=today)
        SupportiveTreatment.objects.filter(patient=patient, pk__in=removed_supports).delete()
        _record_supports(patient=patient, entries=supports, by=by, at=at)
        for part in parts:
            part.store(visit=current, by=by, at=at)
        nudge(patient_id=patient.pk)
    return current


def _refuse_impossible(
    *,
    patient: Patient,
    course: Course,
    code: str,
    entry: VisitEntry,
    results: Sequence[ResultEntry],
    supports: Sequence[SupportEntry],
    parts: Sequence[VisitPart],
    today: date,
) -> None:
    later = (
        Course.objects.filter(patient=patient, day_zero__gt=course.day_zero)
        .order_by("day_zero")
        .values_list("day_zero", flat=True)
    )
    refuse_if(
        [
            *visit_problems(
                patient=patient, code=code, day_zeros=(course.day_zero, *later), entry=entry, today=today
            ),
            *(p for result in results for p in problems_of(entry=result, patient=patient, today=today)),
            *(
                p
                for support in supports
                for p in support_problems(patient=patient, entry=support, today=today)
            ),
            *problems_of_parts(parts=parts, patient=patient, visited_on=entry.visited_on, today=today),
        ]
    )


def _columns(entry: VisitEntry) -> dict[str, object]:
    return {field: getattr(entry, field) for field in FIELDS}


def _set_not_done(visit: Visit, entries: Sequence[NotDoneEntry], *, by: User | None, at: datetime) -> None:
    """Leave exactly these measurements marked as not done."""
    wanted = {entry.analyte: entry.reason.strip() for entry in entries}
    there = {row.analyte: row for row in LabNotDone.objects.filter(visit=visit)}
    LabNotDone.objects.filter(visit=visit).exclude(analyte__in=wanted).delete()
    for analyte, reason in wanted.items():
        row = there.get(analyte)
        if row is None:
            LabNotDone.objects.create(
                patient=visit.patient,
                visit=visit,
                analyte=analyte,
                reason=reason,
                entered_by=by,
                entered_at=at,
                origin="form",
            )
        elif row.reason != reason:
            row.reason = reason
            row.save(update_fields=["reason"])


def _record_supports(
    *, patient: Patient, entries: Sequence[SupportEntry], by: User | None, at: datetime
) -> None:
    """Keep the treatments; one already there is the same one."""
    days = {entry.given_on for entry in entries}
    there = set(
        SupportiveTreatment.objects.filter(patient=patient, given_on__in=days).values_list("given_on", "kind")
    )
    SupportiveTreatment.objects.bulk_create(
        SupportiveTreatment(
            patient=patient,
            given_on=given_on,
            kind=kind,
            entered_by=by,
            entered_at=at,
            origin="form",
        )
        for given_on, kind in sorted({(entry.given_on, entry.kind) for entry in entries} - there)
    )
