"""What a record would raise if it were saved: stored, judged and taken back, so that nobody guesses."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from registry.access.scope import EVERYTHING, acting
from registry.actions.judging import Failure, judge_patients
from registry.models import Alert, Patient
from registry.monitoring.lifecycle import WAITING


@dataclass(frozen=True, slots=True)
class Foresight:
    """Alerts that would be raised, that would say more, and that would no longer stand.

    `is_whole`: every rule could judge.
    """

    raised: tuple[Alert, ...]
    changed: tuple[Alert, ...]
    settled: tuple[Alert, ...]
    is_whole: bool


def foresee(*, patient: Patient, save: Callable[[], object], at: datetime) -> Foresight:
    """Save, judge the patient by every rule, and take all of it back, audit rows and mails included.

    Raises whatever `save` raises. Nothing of it is stored, no task is sent and no number of an alert stays.
    """
    with transaction.atomic():
        _judge(patient, at)  # what the record raises already, judged or not, is not this visit's doing
        before = _waiting(patient)
        save()
        failures = _judge(patient, at)
        after = _waiting(patient)
        transaction.set_rollback(True)
    return Foresight(
        raised=tuple(alert for pk, alert in after.items() if pk not in before),
        changed=tuple(
            alert for pk, alert in after.items() if pk in before and _said(alert) != _said(before[pk])
        ),
        settled=tuple(alert for pk, alert in before.items() if pk not in after),
        is_whole=not failures,
    )


def _judge(patient: Patient, at: datetime) -> list[Failure]:
    with acting(rows=EVERYTHING):  # as the checks themselves work: they refuse to judge some of many
        return judge_patients(patient_ids=[patient.pk], as_of=None, at=at)


def _said(alert: Alert) -> tuple[object, ...]:
    return (alert.severity, alert.certainty, alert.first_on, alert.last_on)


def _waiting(patient: Patient) -> dict[int, Alert]:
    found = Alert.objects.filter(patient=patient, state__in=WAITING).select_related("patient__site")
    return {alert.pk: alert for alert in found.order_by("pk")}
