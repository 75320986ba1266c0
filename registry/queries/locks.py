"""Locks of the record: which stand over a patient or visit, which one looks after, what holds one back."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import DateTimeField, Func, Prefetch, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat

from registry.access.roles import holders
from registry.access.scope import Rows
from registry.clinical.visit_windows import UNSCHEDULED
from registry.models import (
    AdverseEvent,
    LabResult,
    Membership,
    Patient,
    Question,
    RecordLock,
    Site,
    Study,
    Unlocking,
    User,
    Visit,
)
from registry.monitoring.question_lifecycle import PENDING
from registry.queries.stored_rows import rows_where


@dataclass(frozen=True, slots=True)
class Target:
    """What is locked: a study, or of it one site, one patient, or one visit of a patient."""

    study: Study
    site: Site | None = None
    patient: Patient | None = None
    visit: Visit | None = None

    @property
    def level(self) -> str:
        if self.visit is not None:
            return "visit"
        if self.patient is not None:
            return "patient"
        return "study" if self.site is None else "site"


@dataclass(frozen=True, slots=True)
class TreatmentChange:
    """One treatment with the columns that are to change; None: it is to be taken away.

    `is_answer`: that it was stopped is answered at another visit than those that told of it before.
    """

    treatment_id: int
    columns: Mapping[str, object] | None
    is_answer: bool = False


@dataclass(frozen=True, slots=True)
class LockLine:
    """A lock with its unlockings, newest first. `is_open`: somebody may change the record for now."""

    lock: RecordLock
    is_open: bool
    unlockings: tuple[Unlocking, ...] = field(default_factory=tuple)

    @property
    def waiting(self) -> Unlocking | None:
        """The request that nobody has decided yet."""
        return next((u for u in self.unlockings if not u.decision), None)

    @property
    def opened_by(self) -> Unlocking | None:
        """The unlocking under which the record is open, if it is."""
        return next((u for u in self.unlockings if u.decision == "approved"), None) if self.is_open else None


def lock_lines(*, rows: Rows) -> tuple[LockLine, ...]:
    """Return the locks of these studies: requests first, then the standing ones, then the open ones."""
    return tuple(sorted(_lines(Q(study__in=rows.studies)), key=_urgency))


def locks_over(*, patient: Patient) -> tuple[LockLine, ...]:
    """Return every lock that touches the patient, their visits included."""
    # There are mostly none: what each is, and who asked to open it, is read only where there are some.
    found = rows_where(
        RecordLock,
        "(level = 'study' AND study_id = %(study)s) OR (level = 'site' AND site_id = %(site)s)"
        " OR patient_id = %(patient)s",
        study=patient.study_id,
        site=patient.site_id,
        patient=patient.pk,
    )
    return _lines(Q(pk__in=[lock.pk for lock in found])) if found else ()


def closed_patients(*, patients: Collection[Patient]) -> frozenset[int]:
    """Return the numbers of these patients that a lock closes: their own, their site's or their study's."""
    lines = _lines(
        Q(level="study", study__in={patient.study_id for patient in patients})
        | Q(level="site", site__in={patient.site_id for patient in patients})
        | Q(level="patient", patient__in=patients)
    )
    closed = {
        (line.lock.level, line.lock.patient_id or line.lock.site_id or line.lock.study_id)
        for line in lines
        if not line.is_open
    }
    return frozenset(
        patient.pk
        for patient in patients
        if closed & {("study", patient.study_id), ("site", patient.site_id), ("patient", patient.pk)}
    )


def locks_over_sites(*, sites: Collection[Site]) -> tuple[LockLine, ...]:
    """Return the locks that stand now over these sites or their studies: nobody can be enrolled there."""
    found = _lines(
        Q(level="study", study__in={site.study_id for site in sites}) | Q(level="site", site__in=sites)
    )
    return tuple(line for line in found if not line.is_open)


def standing_over(*, lines: Iterable[LockLine], visit: Visit | None) -> tuple[LockLine, ...]:
    """Return of a patient's locks those that stand now over this visit, or without one over the patient."""
    return tuple(
        line
        for line in lines
        if not line.is_open and (line.lock.visit_id is None or (visit and line.lock.visit_id == visit.pk))
    )


def locks_over_result(*, result: LabResult) -> tuple[LockLine, ...]:
    """Return the locks that stand now over a result; one of no visit belongs to the visit of its day."""
    lines = locks_over(patient=result.patient)
    of_its_day = (
        line.lock.visit
        for line in lines
        if line.lock.visit is not None and line.lock.visit.visited_on == result.collected_on
    )
    visit = result.visit if result.visit is not None else next(of_its_day, None)
    return standing_over(lines=lines, visit=visit)


def locks_of_sheet(*, lines: Iterable[LockLine], visit: Visit | None) -> tuple[RecordLock, ...]:
    """Return the same as the locks themselves."""
    return tuple(line.lock for line in standing_over(lines=lines, visit=visit))


def who_unlocks(*, study_id: int) -> tuple[User, ...]:
    """Return the people who may ask to unlock a record of the study, and approve what another asked."""
    held = Membership.objects.filter(
        study=study_id, role__in=list(holders("unlock_record")), ended_at__isnull=True, user__is_active=True
    ).select_related("user")
    return tuple({each.user_id: each.user for each in held.order_by("user_id")}.values())


def locked_visits(*, lines: Iterable[LockLine]) -> Mapping[int, RecordLock]:
    """Return the visits that are locked themselves, by their number."""
    return {line.lock.visit_id: line.lock for line in lines if line.lock.visit_id and not line.is_open}


def locks_on_treatments(*, changes: Sequence[TreatmentChange]) -> dict[int, str]:
    """Return by place the words of the lock that closes the change; one query, none without changes."""
    if not changes:
        return {}
    asked = [
        {
            "id": change.treatment_id,
            "columns": None if change.columns is None else {k: str(v) for k, v in change.columns.items()},
            "is_answer": change.is_answer,
        }
        for change in changes
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT asked.place - 1, guard.words(found)
            FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS asked (change, place)
            JOIN registry_treatment t ON t.id = (asked.change ->> 'id')::bigint
            CROSS JOIN LATERAL guard.lock_on_treatment(
                to_jsonb(t), to_jsonb(t) || nullif(asked.change -> 'columns', 'null'),
                -- Of no visit that told of it: the one that is being saved is open. A stop that stands was
                -- told before.
                CASE WHEN (asked.change ->> 'is_answer')::boolean AND t.stopped_on = '' THEN 0 END) AS found
            WHERE found IS NOT NULL
            """,
            [json.dumps(asked)],
        )
        return dict(cursor.fetchall())


def lock_of_number(*, number: int, rows: Rows) -> RecordLock | None:
    """Return the lock of this number in these studies, or None."""
    return RecordLock.objects.filter(pk=number, study__in=rows.studies).first()


def unlocking_of_number(*, number: int, rows: Rows) -> Unlocking | None:
    """Return the request of this number about a lock of these studies, or None."""
    return Unlocking.objects.filter(pk=number, lock__study__in=rows.studies).select_related("lock").first()


def visits_to_lock(*, patient: Patient) -> tuple[Visit, ...]:
    """Return the recorded visits of a patient, latest first."""
    return tuple(
        Visit.objects.filter(patient=patient).select_related("course").order_by("-visited_on", "-pk")
    )


def places_to_lock(*, rows: Rows) -> tuple[tuple[Study, tuple[Site, ...]], ...]:
    """Return the studies with their sites."""
    studies = Study.objects.filter(pk__in=rows.studies).order_by("key").prefetch_related("sites")
    return tuple((study, tuple(sorted(study.sites.all(), key=lambda site: site.code))) for study in studies)


def target_of(
    *, rows: Rows, study_id: int | None = None, site_id: int | None = None, patient: UUID | None = None,
    visit_id: int | None = None,
) -> Target | None:  # fmt: skip
    """Return what these numbers name within the studies, the narrowest that is given, or None."""
    if patient is not None:
        found = (
            Patient.objects.filter(public_id=patient, study__in=rows.studies)
            .select_related("study", "site")
            .first()
        )
        if found is None:
            return None
        if visit_id is None:
            return Target(study=found.study, patient=found)
        visit = Visit.objects.filter(pk=visit_id, patient=found).select_related("course").first()
        return None if visit is None else Target(study=found.study, patient=found, visit=visit)
    if site_id is not None:
        site = Site.objects.filter(pk=site_id, study__in=rows.studies).select_related("study").first()
        return None if site is None else Target(study=site.study, site=site)
    study = Study.objects.filter(pk=study_id, pk__in=rows.studies).first() if study_id else None
    return None if study is None else Target(study=study)


def open_questions(*, target: Target) -> int:
    """Return how many questions about the target are not settled."""
    return _pending(target).count()


def questions_in_the_way(*, target: Target, most: int) -> tuple[Question, ...]:
    """Return the questions about the target that are not settled, the oldest first."""
    return tuple(
        _pending(target).select_related("patient__site", "asked_by").order_by("asked_at", "pk")[:most]
    )


def _pending(target: Target) -> QuerySet[Question]:
    pending = Question.objects.filter(state__in=PENDING)
    if target.visit is not None:
        visit = target.visit
        number = f"#{visit.pk}" if visit.code == UNSCHEDULED else ""
        form = f"visit:{visit.code}@{visit.course.day_zero}{number}"
        # Superseded ones too: a question keeps the name of the first result.
        results = visit.lab_results.values(
            key=Concat(Value("result:"), Cast("pk", TextField()), output_field=TextField())
        )
        about = Q(fact=form) | Q(fact__startswith=f"{form}:") | Q(fact__in=results)
        # The first reports that were told at it are closed with it.
        for event_id in AdverseEvent.objects.filter(visit=visit).values_list("event_id", flat=True):
            about |= Q(fact=f"event:{event_id}") | Q(fact__startswith=f"event:{event_id}:")
        return pending.filter(about, patient=visit.patient_id)
    if target.patient is not None:
        return pending.filter(patient=target.patient)
    if target.site is not None:
        return pending.filter(patient__site=target.site)
    return pending.filter(patient__study=target.study)


def _lines(condition: Q) -> tuple[LockLine, ...]:
    locks = list(
        RecordLock.objects.filter(condition)
        .select_related("study", "site", "patient", "visit", "visit__course", "locked_by")
        .prefetch_related(
            Prefetch(
                "unlockings",
                queryset=Unlocking.objects.select_related("asked_by", "decided_by", "ended_by").order_by(
                    "-pk"
                ),
            )
        )
        .annotate(read_at=Func(function="statement_timestamp", output_field=DateTimeField()))
        .order_by("-locked_at", "-pk")
    )
    if not locks:
        return ()
    # The clock that ends an unlocking is the database's; it came with the locks.
    clock: datetime = getattr(locks[0], "read_at")  # noqa: B009 - annotated
    return tuple(
        LockLine(lock, any(_is_open(u, clock) for u in lock.unlockings.all()), tuple(lock.unlockings.all()))
        for lock in locks
    )


def _is_open(unlocking: Unlocking, clock: datetime) -> bool:
    return (
        unlocking.decision == "approved"
        and unlocking.ended_at is None
        and (unlocking.until is None or unlocking.until > clock)
    )


def _urgency(line: LockLine) -> tuple[bool, bool, str, str, int]:
    lock = line.lock
    return (
        line.waiting is None,
        line.is_open,
        lock.study.key,
        "" if lock.patient is None else lock.patient.code,
        lock.pk,
    )
