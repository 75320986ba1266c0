"""Whether a run can build on the answers of earlier ones, and whom no run passes over."""

from datetime import date, datetime, timedelta

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


def failed(*, rule: Rule, span: Span) -> set[int]:
    """Return for whom the rule failed the last time: no run passes them over, or the failure would hide."""
    return set(
        ScanFailure.objects.filter(
            rule=rule.key, settled_at__isnull=True, patient__pk__range=(span.first_id, span.last_id)
        ).values_list("patient_id", flat=True)
    )
