"""Looking for the canaries: the proof, every night, that a rule still finds what it must.

An alert that fails to fire is hard to notice (reliability.md 0.8). So every whole run ends with the very
path that it took, pre-selection, histories, rule and storing, over invented patients whose findings are
known. All of it is taken back: no alert of a canary ever stands, and whoever works over everybody does not
see them (migration 0005).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Field, Model
from django.db.models.expressions import DatabaseDefault

from registry.access.scope import Rows, acting
from registry.actions import alerts
from registry.actions.alerts import Judged
from registry.actions.canary_record import (
    CANARIES,
    EXPECTED_FROM,
    FIRST_ID,
    KEY,
    LAST_ID,
    STUDY_ID,
    Canary,
    patient_id_of,
    rows,
)
from registry.models import AdverseEventFollowUp, Alert, Patient, Study, SupportiveTreatment
from registry.monitoring.lifecycle import SETTLED
from registry.monitoring.rule import Rule
from registry.queries import evidence
from registry.queries.preselection import patients_who_could

_SCOPE = Rows(studies=frozenset({STUDY_ID}))
_LOCK = 77
# What a rule would also see, and no canary has.
_WITHOUT_ROWS = (SupportiveTreatment, AdverseEventFollowUp)


@dataclass(frozen=True, slots=True)
class CanaryResult:
    """What became of the canaries of one rule. `problems` in words: what is missing, surplus or changed."""

    rule: str
    expected: int
    found: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems and self.found == self.expected


def ensure(*, at: datetime) -> tuple[str, ...]:
    """Write the canaries where they are missing altogether; return what differs from how they were written.

    Repeatable. A canary that somebody changed is not put right: that it could be changed is the news.
    """
    with acting(rows=_SCOPE, reason="canaries of the nightly check"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [_LOCK])
        if not Study.objects.filter(pk=STUDY_ID).exists():
            for table in rows():
                type(table[0])._default_manager.bulk_create(table)
        return tuple(
            sorted(
                (
                    *(problem for table in rows() for problem in _changed(type(table[0]), table)),
                    *(problem for model in _WITHOUT_ROWS for problem in _changed(model, ())),
                )
            )
        )


def expected(*, rule: Rule, as_of: date | None, at: datetime) -> dict[tuple[int, str, str], Canary]:
    """Return what the rule must find: patient, subject and certainty, with the canary they belong to.

    Nothing on a date before the canaries' records end.
    """
    if (as_of or at.date()) < EXPECTED_FROM:
        return {}
    return {
        (patient_id_of(canary), subject, certainty): canary
        for canary in CANARIES
        for key, subject, certainty in canary.finds
        if key == rule.key
    }


def find(
    *, rule: Rule, as_of: date | None, at: datetime, changed: tuple[str, ...] | None = None
) -> CanaryResult:
    """Judge the canaries as a whole run judges everybody, take it all back, and say what was found.

    `changed`: what `ensure` has just said, for rules that look one after the other.
    Raises whatever the rule raises: the caller, which alone may catch it, says that nothing was found.
    """
    wanted = expected(rule=rule, as_of=as_of, at=at)
    changed = ensure(at=at) if changed is None else changed
    if not wanted:
        return CanaryResult(rule.key, 0, 0, changed)
    with acting(rows=_SCOPE, reason=f"canaries of {rule.key}"), transaction.atomic():
        stands = _judged_and_stored(rule, as_of or at.date(), at)
        transaction.set_rollback(True)
    missing = wanted.keys() - stands
    surplus = stands - wanted.keys()
    codes = {patient_id_of(canary): canary.code for canary in CANARIES}
    return CanaryResult(
        rule=rule.key,
        expected=len(wanted),
        found=len(wanted) - len(missing),
        problems=(
            *sorted(f"{codes[pk]} was not found ({subject}, {sure})" for pk, subject, sure in missing),
            *sorted(
                f"{codes[pk]} was found and must not be ({subject}, {sure})" for pk, subject, sure in surplus
            ),
            *changed,
        ),
    )


def _judged_and_stored(rule: Rule, on: date, at: datetime) -> set[tuple[int, str, str]]:
    ids = list(
        Patient.objects.filter(pk__range=(FIRST_ID, LAST_ID)).order_by("pk").values_list("pk", flat=True)
    )
    could = patients_who_could(rule=rule, latest_day=on, first_id=FIRST_ID, last_id=LAST_ID)
    whom = [patient_id for patient_id in ids if could is None or patient_id in could]
    judged = []
    for patient_id, packed in evidence.packed_histories(
        patient_ids=whom, analytes=rule.reads_labs, reads=rule.reads
    ):
        history = packed.unpack()
        judged.append(Judged(patient_id, on, history, rule.findings(history, on)))
    alerts.store_findings(judged=[(rule, judged)], at=at)
    stored = Alert.objects.filter(rule=rule.key, patient_id__in=ids).exclude(state__in=SETTLED)
    return set(stored.values_list("patient_id", "subject", "certainty"))


def _changed(model: type[Model], table: Sequence[Model]) -> list[str]:
    """Say what of a table's canary rows differs from how they were written, without values."""
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    must_be = {row.pk: row for row in table}
    are = {row.pk: row for row in _rows_of_canaries(model)}
    name = model._meta.verbose_name
    problems = [f"{name} {pk} of the canaries is gone" for pk in must_be.keys() - are.keys()]
    problems += [f"{name} {pk} was added to the canaries" for pk in are.keys() - must_be.keys()]
    for pk in must_be.keys() & are.keys():
        differing = [
            field.attname
            for field in fields
            if _written(must_be[pk], field) != getattr(are[pk], field.attname)
        ]
        if differing:
            problems.append(f"{name} {pk} of the canaries was changed: {', '.join(differing)}")
    return problems


def _written(row: Model, field: "Field[Any, Any]") -> Any:
    """What the row says when it is stored: a column left to the database has the database's default."""
    value = getattr(row, field.attname)
    return field.db_default if isinstance(value, DatabaseDefault) else value


def _rows_of_canaries(model: type[Model]) -> list[Model]:
    names = {field.name for field in model._meta.concrete_fields}
    if "patient" in names:
        return list(model._default_manager.filter(patient_id__gte=FIRST_ID, patient_id__lte=LAST_ID))
    if model is Patient or "study" in names:
        return list(model._default_manager.filter(study_id=STUDY_ID))
    if "schedule" in names:
        return list(model._default_manager.filter(schedule__study_id=STUDY_ID))
    return list(model._default_manager.filter(key=KEY))
