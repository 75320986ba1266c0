"""The ledgers as the status page shows them: runs of each rule, recounts, and whom no rule could judge."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from registry.access.scope import Rows
from registry.models import RecountRun, ScanFailure, ScanRun
from registry.monitoring.catalogue import RULES
from registry.queries.watchman_status import open_differences

_MOST_FAILURES = 50
_MOST_RUNS = 8  # of one rule
_MOST_RECOUNTS = 10
_MOST_DIFFERENCES = 20  # of one recount


@dataclass(frozen=True, slots=True)
class LatestRun:
    """A rule in force and its latest run over everybody; none when it never ran."""

    rule: str
    title: str
    version: int
    run: ScanRun | None


@dataclass(frozen=True, slots=True)
class Ledger:
    """The latest runs of a rule over everybody, finished or not, newest first."""

    rule: str
    title: str
    runs: tuple[ScanRun, ...]

    @property
    def limits(self) -> tuple[tuple[str, object], ...]:
        """The limits that the latest run went by, those that rules share by the name of their group."""
        return tuple(_flat(self.runs[0].limits)) if self.runs else ()


@dataclass(frozen=True, slots=True)
class Recounted:
    """A recount and the differences that it shows; `is_open`: not explained, and no later one was clean."""

    run: RecountRun
    is_open: bool
    differences: tuple[Mapping[str, str], ...]

    @property
    def count(self) -> int:
        return self.run.difference_count + self.run.overdue_difference_count

    @property
    def more(self) -> int:
        """How many differences are not listed."""
        return self.count - len(self.differences)


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


def ledgers() -> tuple[Ledger, ...]:
    """Return the recent runs of every rule in force."""
    ranked = (
        ScanRun.objects.filter(is_whole=True, rule__in=[rule.key for rule in RULES])
        .annotate(place=Window(RowNumber(), partition_by=F("rule"), order_by=F("pk").desc()))
        .filter(place__lte=_MOST_RUNS)
        .order_by("-pk")
    )
    runs = list(ranked)
    return tuple(
        Ledger(rule=rule.key, title=rule.title, runs=tuple(run for run in runs if run.rule == rule.key))
        for rule in RULES
    )


def recounts() -> tuple[Recounted, ...]:
    """Return the latest recounts, newest first, and the older ones whose differences still stand."""
    finished = RecountRun.objects.filter(finished_at__isnull=False).select_related("explained_by")
    latest = list(finished.order_by("-pk")[:_MOST_RECOUNTS])
    if not latest:
        return ()
    standing = {run.pk for run, _ in open_differences(latest=latest[0])}
    older = finished.filter(pk__in=standing - {run.pk for run in latest}).order_by("-pk")
    return tuple(
        Recounted(
            run=run,
            is_open=run.pk in standing,
            differences=tuple([*run.differences, *run.overdue_differences][:_MOST_DIFFERENCES]),
        )
        for run in [*latest, *older]
    )


def _flat(limits: Mapping[str, object], group: str = "") -> Iterator[tuple[str, object]]:
    for name, value in limits.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}, ")
        else:
            yield f"{group}{name}".replace("_", " "), value
