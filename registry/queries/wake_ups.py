"""Whom a night has to look at: changed records, and patients whom the calendar calls.

A night builds on a whole run from raw. Whoever that run found clear stays clear until the record changes
(queries/preselection.py), and whoever it judged says on which day the calendar alone may change the answer
(`Rule.wake_on`, kept in `Judgement`).
"""

from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from registry.models import ScanFailure, ScanRun
from registry.monitoring.rule import Rule
from registry.queries.dictionaries import lists_of
from registry.queries.evidence import Span

# However well the nights go, everything is looked at anew once a week.
_FROM_RAW_AT_LEAST_EVERY = timedelta(days=7)


def can_build_on_earlier(*, rule: Rule, as_of: date | None, at: datetime) -> bool:
    """Say whether the alerts stand as a recent whole run by this very rule left them, for this date.

    A run as of another date, by other limits or lists, finished or not, has left other answers.
    """
    runs = ScanRun.objects.filter(
        rule=rule.key, is_whole=True, started_at__gt=at - _FROM_RAW_AT_LEAST_EVERY
    ).order_by("-pk")
    for run in runs:
        if (run.as_of, run.rule_version, run.limits, run.lists) != (
            as_of,
            rule.version,
            dict(rule.limits_as_json),
            lists_of(rule=rule),
        ):
            return False
        if run.is_from_raw and run.finished_at is not None:
            return True
    return False


def called(*, rule: Rule, on: date, span: Span) -> set[int]:
    """Return who must be judged: changed since, called by the calendar by `on`, or failed the last time."""
    return _ids(
        """
        SELECT patient_id FROM registry_waitingevaluation
        WHERE patient_id BETWEEN %(first)s AND %(last)s
        UNION SELECT patient_id FROM registry_judgement
        WHERE rule = %(rule)s AND wake_on <= %(on)s AND patient_id BETWEEN %(first)s AND %(last)s
        UNION SELECT patient_id FROM registry_scanfailure
        WHERE rule = %(rule)s AND settled_at IS NULL AND patient_id BETWEEN %(first)s AND %(last)s
        """,
        rule,
        on,
        span,
    )


def failed(*, rule: Rule, span: Span) -> set[int]:
    """Return for whom the rule failed the last time: no run passes them over, or the failure would hide."""
    return set(
        ScanFailure.objects.filter(
            rule=rule.key, settled_at__isnull=True, patient__pk__range=(span.first_id, span.last_id)
        ).values_list("patient_id", flat=True)
    )


def asleep(*, rule: Rule, on: date, span: Span) -> set[int]:
    """Return who was judged, and whom the calendar does not call by `on`."""
    return _ids(
        """
        SELECT patient_id FROM registry_judgement
        WHERE rule = %(rule)s AND (wake_on IS NULL OR wake_on > %(on)s)
          AND patient_id BETWEEN %(first)s AND %(last)s
        """,
        rule,
        on,
        span,
    )


def _ids(sql: str, rule: Rule, on: date, span: Span) -> set[int]:
    parameters: dict[str, Any] = {"rule": rule.key, "on": on, "first": span.first_id, "last": span.last_id}
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return {row[0] for row in cursor.fetchall()}
