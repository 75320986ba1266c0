"""The datasets of what was raised and decided. The columns of `alerts` are the contract's, in its order."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from registry.clinical.study_days import study_day
from registry.models import Alert, AlertMove
from registry.models.alert import CERTAINTIES, DECISIONS, SEVERITIES, STATES
from registry.queries.alert_evidence import up_to_date
from registry.queries.dataset_frame import (
    ORDER,
    PATIENT_ID,
    Column,
    Dataset,
    Known,
    Read,
    field_column,
    learn_names,
    learn_patients,
    of_studies,
    study_columns,
)


def _day_of(read_date: Callable[[Alert], date | None]) -> Read:
    def day(alert: Alert, known: Known) -> int | None:
        on = read_date(alert)
        return None if on is None else study_day(on, day_zero=alert.day_zero)

    return day


def _learn_alerts(alerts: Sequence[Alert], known: Known) -> None:
    learn_patients(alerts, known)
    for alert in alerts:
        alert.patient = known.patients[alert.patient_id]
    up_to_date(alerts=alerts)


ALERTS = Dataset(
    name="alerts",
    meaning="One row per alert, withdrawn and resolved ones included",
    columns=(
        Column("alert_id", "text", "The alert's id", lambda a, known: str(a.public_id), ("Alert.public_id",)),
        *study_columns(),
        PATIENT_ID,
        field_column("rule", "text", "Rule that raised it", "Alert.rule"),
        field_column("rule_version", "integer", "Version of the rule", "Alert.rule_version"),
        field_column("subject", "text", "What of the patient it is about", "Alert.subject"),
        field_column("certainty", "text", "certain or possible", "Alert.certainty", codes=CERTAINTIES),
        field_column("severity", "text", "Severity", "Alert.severity", codes=SEVERITIES),
        field_column("state", "text", "State", "Alert.state", codes=STATES),
        Column(
            "first_day",
            "integer",
            "first_date as days from day 0",
            _day_of(lambda a: a.first_on),
            ("Alert.first_on", "Alert.day_zero"),
            unit="d",
        ),
        Column(
            "last_day",
            "integer",
            "last_date as days from day 0",
            _day_of(lambda a: a.last_on),
            ("Alert.last_on", "Alert.day_zero"),
            unit="d",
        ),
        Column(
            "first_date",
            "date",
            "Visit: window opens; cytopenia: first low day; landmark: last low day; malignancy: onset",
            lambda a, known: a.first_on,
            ("Alert.first_on",),
        ),
        Column(
            "last_date",
            "date",
            "Visit: window closes; cytopenia: last low day; landmark: day 28; malignancy: latest evidence",
            lambda a, known: a.last_on,
            ("Alert.last_on",),
        ),
        field_column("raised_at", "instant", "When it was raised", "Alert.raised_at"),
        field_column("last_seen_at", "instant", "When the rule last found it", "Alert.last_seen_at"),
        field_column("decided_at", "instant", "When a person decided", "Alert.decided_at"),
        field_column("decision", "text", "What the person decided", "Alert.decision", codes=DECISIONS),
        field_column("evidence", "object", "What the rule saw", "Alert.evidence"),
    ),
    source=lambda studies: of_studies(Alert.objects.all(), studies).order_by(
        *ORDER, "rule", "subject", "first_on", "last_on", "raised_at", "pk"
    ),
    learn=_learn_alerts,
)


def _learn_decisions(moves: Sequence[AlertMove], known: Known) -> None:
    learn_patients(moves, known)
    learn_names((move.by_id for move in moves), known)


def _of_alert(name: str, kind: Any, meaning: str) -> Column:
    return Column(name, kind, meaning, lambda move, known: getattr(move.alert, name), (f"Alert.{name}",))


ALERT_DECISIONS = Dataset(
    name="alert_decisions",
    meaning="One row per decision of a person on an alert; a later decision does not replace an earlier one",
    columns=(
        field_column("decision_id", "integer", "The row's id", "AlertMove.id"),
        Column(
            "alert_id",
            "text",
            "The alert's id",
            lambda move, known: str(move.alert.public_id),
            ("Alert.public_id",),
        ),
        *study_columns(),
        PATIENT_ID,
        _of_alert("rule", "text", "Rule that raised the alert"),
        field_column(
            "rule_version", "integer", "Version of the rule at that moment", "AlertMove.rule_version"
        ),
        _of_alert("subject", "text", "What of the patient the alert is about"),
        field_column("decision", "text", "The decision", "AlertMove.decision", codes=DECISIONS),
        field_column("from_state", "text", "State before", "AlertMove.from_state", codes=STATES),
        field_column("to_state", "text", "State after", "AlertMove.to_state", codes=STATES),
        field_column("decided_at", "instant", "When", "AlertMove.at"),
        Column(
            "decided_by",
            "text",
            "User name of who decided",
            lambda move, known: known.user_names.get(move.by_id),
            ("AlertMove.by",),
        ),
        field_column("reason", "text", "Why", "AlertMove.reason"),
        field_column("evidence", "object", "What the person saw", "AlertMove.evidence"),
    ),
    source=lambda studies: of_studies(
        AlertMove.objects.exclude(decision="").select_related("alert"), studies
    ).order_by(*ORDER, "at", "pk"),
    learn=_learn_decisions,
)
