"""Laboratory results are kept as reported and superseded when wrong; no value is ever overwritten."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import connection, transaction

from registry.access.roles import require
from registry.access.scope import because
from registry.actions.evaluations import nudge
from registry.actions.laboratories import laboratory_named, remember_habits
from registry.actions.locks import refuse_if_locked
from registry.actions.refused import refuse_if
from registry.clinical.entry_checks import check_text
from registry.clinical.record_checks import check_lab
from registry.clinical.refusals import Problem
from registry.clinical.units import read_result, read_value
from registry.models import LabNotDone, Laboratory, LabResult, Patient, User, Visit
from registry.queries.consent import collection_problems

_LONGEST_REASON = 500  # characters, why a value is right


class AlreadySuperseded(RuntimeError):
    """The result was corrected meanwhile. `for_people` says what to do."""

    for_people = "This result was corrected meanwhile. Reload to see the value that counts now."


@dataclass(frozen=True, slots=True)
class ResultEntry:
    """One result as the laboratory reported it; value and limits as typed, in `unit`."""

    analyte: str
    value: str
    unit: str
    collected_on: date
    lower_limit: str = ""
    upper_limit: str = ""
    laboratory: str = ""  # its name at the site; empty when nobody said
    right_because: str = ""  # of a value that was asked about: why it is right


def problems_of(*, entry: ResultEntry, patient: Patient, today: date) -> list[Problem]:
    """What makes the result impossible for this patient; numbers may have a decimal comma."""
    found = collection_problems(
        patient=patient, field="collected_on", what="A result", on=entry.collected_on, scope="laboratory"
    )
    found += check_text(field="right_because", value=entry.right_because, maximum=_LONGEST_REASON)
    return found + check_lab(
        collected_on=entry.collected_on,
        analyte=entry.analyte,
        value=entry.value,
        unit=entry.unit,
        lower_limit=entry.lower_limit,
        upper_limit=entry.upper_limit,
        birth_year=patient.birth_year,
        died_on=patient.died_on,
        today=today,
        decimal_comma=True,
    )


def record_results(
    *,
    patient: Patient,
    visit: Visit | None,
    entries: Sequence[ResultEntry],
    by: User | None,
    at: datetime,
    today: date,
) -> list[LabResult]:
    """Keep the results and return the new rows; one that is already there, equal, is left as it is.

    Raises NotAllowed, and RecordRefused when any of them is impossible.
    """
    require(by, "enter_record", patient=patient)
    refuse_if_locked(patient=patient, visit=visit)
    refuse_if(
        problem for entry in entries for problem in problems_of(entry=entry, patient=patient, today=today)
    )
    with transaction.atomic():
        lock_patient(patient)
        there = _current(patient, {entry.collected_on for entry in entries})
        named = _laboratories(patient, entries, by=by, at=at)
        new: dict[tuple, LabResult] = {}
        for entry in entries:
            row = _row(
                patient=patient, visit=visit, entry=entry, laboratory=named[entry.laboratory], by=by, at=at
            )
            if _identity(row) not in there:
                new.setdefault(_identity(row), row)
        LabResult.objects.bulk_create(new.values())
        remember_habits(patient=patient, results=new.values(), at=at)
        if visit is not None:
            brought = {entry.analyte for entry in entries}
            LabNotDone.objects.filter(visit=visit, analyte__in=brought).delete()
        nudge(patient_id=patient.pk)
    return list(new.values())


def correct_lab_result(
    *, result: LabResult, entry: ResultEntry, reason: str, by: User | None, at: datetime, today: date
) -> LabResult:
    """Supersede the result by what it should have been, and return the row that counts now.

    Raises NotAllowed, RecordRefused, and AlreadySuperseded when somebody was faster.
    """
    patient = result.patient
    require(by, "enter_record", patient=patient)
    refuse_if_locked(patient=patient, visit=result.visit)
    refuse_if([*_no_reason(reason), *problems_of(entry=entry, patient=patient, today=today)])
    with transaction.atomic(), because(reason):
        lock_patient(patient)
        current = _still_current(result)
        named = _laboratories(patient, [entry], by=by, at=at)
        laboratory = named[entry.laboratory] if entry.laboratory else current.laboratory
        row = _row(patient=patient, visit=current.visit, entry=entry, laboratory=laboratory, by=by, at=at)
        if not row.right_because and (row.value, row.comparator) == (current.value, current.comparator):
            row.right_because = current.right_because  # said of this very value
        if _facts(row) == _facts(current):
            return current
        twin = _current(patient, {entry.collected_on}).get(_identity(row))
        if twin is not None and twin.pk != current.pk:
            # The right value is there already: two rows of one fact would count a day twice.
            _supersede(current, by_id=None, reason=reason, at=at)
            row = twin
        else:
            row.pk = _next_id()
            _supersede(current, by_id=row.pk, reason=reason, at=at)
            row.save(force_insert=True)
            remember_habits(patient=patient, results=[row], at=at)
        nudge(patient_id=patient.pk)
    return row


def retract_lab_result(*, result: LabResult, reason: str, by: User | None, at: datetime) -> None:
    """Take back a result that never was this patient's; it stays visible and counts nowhere.

    Raises NotAllowed, RecordRefused without a reason, AlreadySuperseded.
    """
    require(by, "enter_record", patient=result.patient)
    refuse_if_locked(patient=result.patient, visit=result.visit)
    refuse_if(_no_reason(reason))
    with transaction.atomic(), because(reason):
        lock_patient(result.patient)
        _supersede(_still_current(result), by_id=None, reason=reason, at=at)
        nudge(patient_id=result.patient_id)


def lock_patient(patient: Patient) -> None:
    """Let two savings for one patient follow each other; NO KEY: the scan's inserts do not wait."""
    Patient.objects.select_for_update(no_key=True).only("pk").get(pk=patient.pk)


def _no_reason(reason: str) -> list[Problem]:
    if reason.strip():
        return []
    return [Problem("reason", "", "The change has no reason.", "Say why the record was wrong.")]


def _still_current(result: LabResult) -> LabResult:
    current = LabResult.objects.select_related("visit", "laboratory").get(pk=result.pk)
    if current.superseded_at is not None:
        raise AlreadySuperseded
    return current


def _supersede(result: LabResult, *, by_id: int | None, reason: str, at: datetime) -> None:
    # One statement, and before the new row: a trigger allows it once, and the new row may have the
    # same canonical value, which only one current row may have. The foreign key is checked at commit.
    LabResult.objects.filter(pk=result.pk).update(
        superseded_by_id=by_id, superseded_at=at, superseded_reason=reason
    )


def _next_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('registry_labresult', 'id'))")
        return cursor.fetchone()[0]


def _laboratories(
    patient: Patient, entries: Sequence[ResultEntry], *, by: User | None, at: datetime
) -> dict[str, Laboratory | None]:
    names = {entry.laboratory for entry in entries} - {""}
    named: dict[str, Laboratory | None] = {"": None}
    for name in sorted(names):
        named[name] = laboratory_named(patient=patient, name=name, by=by, at=at)
    return named


def _row(
    *,
    patient: Patient,
    visit: Visit | None,
    entry: ResultEntry,
    laboratory: Laboratory | None,
    by: User | None,
    at: datetime,
) -> LabResult:
    read = read_result(entry.value, analyte=entry.analyte, unit=entry.unit, decimal_comma=True)
    return LabResult(
        patient=patient,
        visit=visit,
        collected_on=entry.collected_on,
        analyte=entry.analyte,
        # 0,4 is kept as 0.4: one spelling of a number in every export.
        entered_value=read.entered.as_kept,
        entered_unit=entry.unit,
        comparator=read.entered.comparator,
        value=read.canonical,
        lower_limit=_limit(entry.lower_limit),
        upper_limit=_limit(entry.upper_limit),
        laboratory=laboratory,
        right_because=entry.right_because.strip(),
        entered_by=by,
        entered_at=at,
        origin="form",
    )


def _limit(text: str) -> Decimal | None:
    return read_value(text, decimal_comma=True).number if text.strip() else None


def _identity(row: LabResult) -> tuple:
    return (row.analyte, row.collected_on, row.value.normalize(), row.comparator)


def _facts(row: LabResult) -> tuple:
    limits = (limit and limit.normalize() for limit in (row.lower_limit, row.upper_limit))
    return (
        *_identity(row),
        row.entered_unit,
        Decimal(row.entered_value.lstrip("<>")),
        row.laboratory_id,
        row.right_because,
        *limits,
    )


def _current(patient: Patient, days: set[date]) -> dict[tuple, LabResult]:
    rows = LabResult.objects.filter(patient=patient, collected_on__in=days, superseded_at__isnull=True)
    return {_identity(row): row for row in rows}
