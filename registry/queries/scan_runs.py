"""The latest run of each rule as the status page shows it, and whom the rules could not judge."""

from collections.abc import Sequence
from dataclasses import dataclass

from registry.access.scope import Rows
from registry.models import ScanFailure, ScanRun
from registry.monitoring.catalogue import RULES

_MOST_FAILURES = 50


@dataclass(frozen=True, slots=True)
class LatestRun:
    """A rule in force and its latest run over everybody; none when it never ran."""

    rule: str
    title: str
    version: int
    run: ScanRun | None


def latest_runs(*, runs: Sequence[ScanRun]) -> tuple[LatestRun, ...]:
    """Name every rule in force, also the one that never ran."""
    by_rule = {run.rule: run for run in runs}
    return tuple(
        LatestRun(rule=rule.key, title=rule.title, version=rule.version, run=by_rule.get(rule.key))
        for rule in RULES
    )


def open_failures(*, rows: Rows) -> tuple[ScanFailure, ...]:
    """Patients of these rows whom a rule could not judge and who were not judged since, newest first."""
    return tuple(
        ScanFailure.objects.filter(rows.q("patient"), settled_at__isnull=True)
        .select_related("patient", "patient__site")
        .order_by("-at", "-pk")[:_MOST_FAILURES]
    )
