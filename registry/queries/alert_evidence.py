"""The evidence of standing alerts, brought up to the date of the latest whole run.

A whole run does not write what the calendar alone adds (days overdue, a time without a later count): every
alert would be written, and audited, every night. Whoever reads an alert reads it through here.
"""

from collections.abc import Iterable

from registry.clinical.study_days import local_date
from registry.models import Alert
from registry.monitoring.catalogue import UnknownRule, by_key
from registry.monitoring.lifecycle import SETTLED
from registry.queries.monitoring_status import latest_whole_runs


def up_to_date(*, alerts: Iterable[Alert]) -> list[Alert]:
    """Return the alerts with `evidence` and `as_of` of the latest whole run, in one query; stores nothing.

    The alerts' patients and sites are read, so they should come with the alerts.
    """
    runs = {run.rule: run for run in latest_whole_runs()}
    brought = list(alerts)
    for alert in brought:
        run = runs.get(alert.rule)
        if run is None or alert.as_of is None or not _still_stands(alert):
            continue
        if alert.last_seen_at > run.started_at:
            continue  # judged for the patient's own sake since, and written then
        on = run.as_of or local_date(run.started_at, time_zone=alert.patient.site.time_zone)
        try:
            rule = by_key(alert.rule)
        except UnknownRule:  # out of force: nobody judges it any more
            continue
        alert.evidence = dict(rule.carried(alert.evidence, since=alert.as_of, on=on))
        alert.as_of = on
    return brought


def _still_stands(alert: Alert) -> bool:
    return alert.state not in SETTLED and not alert.ground_gone and alert.merged_into_id is None
