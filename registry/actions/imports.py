"""A whole record brought in at once: checked to the last row, then stored in one transaction or not at all.

Run twice, the second run finds everything as it is and writes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from django.db import DatabaseError, connection, transaction

from registry.access.scope import EVERYTHING, acting
from registry.actions.canary_record import RESERVED
from registry.actions.importing.courses import plan_courses
from registry.actions.importing.frame import plan_frame
from registry.actions.importing.laboratory import REASON, plan_labs
from registry.actions.importing.merging import Writes
from registry.actions.importing.people import Today, check_deaths, check_moved_courses, plan_people
from registry.actions.importing.record import ImportReport, Ledger, Record, RowError
from registry.actions.importing.visits import (
    entered_by_import,
    plan_events,
    plan_scores,
    plan_support,
    plan_visits,
)
from registry.actions.locks import lock_behind
from registry.models import (
    AdverseEvent,
    Course,
    Infusion,
    Patient,
    Product,
    ScheduledVisit,
    Score,
    Site,
    Sponsor,
    Study,
    SupportiveTreatment,
    User,
    Visit,
    VisitSchedule,
)

__all__ = ["ImportReport", "Today", "import_record"]

_LONGEST_KEY = 40
# Parents before children: a row can point only to what has its id.
_FRAME = (Sponsor, Study, Site, Product, VisitSchedule, ScheduledVisit)
_FACTS = (Patient, Course, Infusion, Visit, SupportiveTreatment, AdverseEvent, Score)


def import_record(
    *,
    record: Record,
    study_key: str,
    at: datetime,
    today: Today,
    dry_run: bool = False,
    by: User | None = None,
    with_schedule: bool = True,
    leaves_out: bool = False,
) -> ImportReport:
    """Store a record in the study, which is created when missing; returns what became of every row.

    With any error nothing is stored. `dry_run` does the same work and takes it back. `with_schedule`:
    a study that is created gets the default visit schedule. `leaves_out`: rows that the checks refuse
    are left out and listed, instead of refusing the whole record.
    """
    wrong_key = _check_key(study_key)
    ledger = Ledger(leaves_out=leaves_out, errors=[*record.errors, *wrong_key])
    for file in record.tables:
        for counts in (ledger.created, ledger.updated, ledger.unchanged):
            counts[file] = 0
    if record.tables and not wrong_key:
        with (
            acting(rows=EVERYTHING, by=by, origin="import", reason=REASON),
            _listing_locks(ledger),
            transaction.atomic(),  # a savepoint: what a dry run takes back
        ):
            _wait_for_other_imports(study_key)
            _load(record, study_key, at, today, by, with_schedule, ledger)
            if dry_run:
                # What the database checks at the end of a transaction is asked for before that is taken back.
                connection.check_constraints()
                transaction.set_rollback(True)
    report = ImportReport(
        created=ledger.created,
        updated=ledger.updated,
        unchanged=ledger.unchanged,
        errors=tuple(ledger.in_order()),
        left_out=tuple(ledger.left_out),
        left_out_in_part=tuple(ledger.left_out_in_part),
        orphans=ledger.orphans,
        dry_run=dry_run,
    )
    return report if report.is_clean else _with_nothing_stored(report)


def _load(
    record: Record,
    study_key: str,
    at: datetime,
    today: Today,
    by: User | None,
    with_schedule: bool,
    ledger: Ledger,
) -> None:
    writes = Writes()
    entered = entered_by_import(at=at, by=by)
    frame = plan_frame(
        record=record, study_key=study_key, with_schedule=with_schedule, ledger=ledger, writes=writes
    )
    people = plan_people(record=record, frame=frame, day_at=today, ledger=ledger, writes=writes)
    plan_courses(people)
    plan_visits(people, entered=entered)
    labs = plan_labs(people, entered=entered)
    plan_support(people, entered=entered)
    plan_events(people, entered=entered)
    plan_scores(people, entered=entered)
    check_moved_courses(people)
    check_deaths(people)
    if ledger.errors:
        return
    writes.carry_out(_FRAME)
    writes.carry_out(_FACTS)
    labs.carry_out(at=at)


@contextmanager
def _listing_locks(ledger: Ledger) -> Iterator[None]:
    """A locked record refuses the import in its own words, as an error among the others."""
    try:
        yield
    except DatabaseError as error:
        refusal = lock_behind(error)
        if refusal is None:
            raise
        accepted = "Rows that are there already and equal; others once the record is unlocked."
        ledger.errors.append(RowError("", None, "", "", refusal.for_people, accepted))


def _wait_for_other_imports(study_key: str) -> None:
    """One import of a study at a time: the second waits, and then finds what the first stored."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"import {study_key}"])


def _check_key(study_key: str) -> list[RowError]:
    is_taken = study_key.startswith(RESERVED)  # by the canaries, whom nobody adds to
    if study_key.strip() and len(study_key) <= _LONGEST_KEY and study_key.isprintable() and not is_taken:
        return []
    accepted = f"1 to {_LONGEST_KEY} characters, not beginning with {RESERVED}."
    return [RowError("", None, "study", study_key, "That cannot be the key of a study.", accepted)]


def _with_nothing_stored(report: ImportReport) -> ImportReport:
    nothing = dict.fromkeys(report.created, 0)
    return replace(report, created=nothing, updated=nothing, unchanged=nothing)
