"""What the scanning process measures of itself; imported after Django is set up (see __main__.py).

Every round runs the limit and the candidates one after the other, in rotated order, on the same two
connections; ratios are taken within a round, and their median is the result.
"""

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import psycopg
from django.db import connection

from benchmarks import days, worker
from registry.access.scope import EVERYTHING, acting
from registry.actions import evaluations, night, scan
from registry.actions.due_runs import NIGHTLY_SCAN
from registry.actions.scan import RunReport
from registry.models import DueRun, ScanRun
from registry.monitoring.catalogue import RULES, by_key

_ONE_PATIENT_TIMES = 50
_COUNT = "SELECT count(*) FROM registry_labresult"
# Without the canaries of the nightly check, who are judged all the same.
_OUR_PATIENTS = """
    SELECT count(*) FROM registry_patient p JOIN registry_study s ON s.id = p.study_id
    WHERE s.key = 'CART-AID'
"""


class NotASequentialScan(Exception):
    """The planner counts in another way; its seconds would be no limit to compare with."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Seconds on the wall, and of the processors: ours and the database's for us."""

    seconds: float
    cpu_seconds: float


@dataclass(slots=True)
class Round:
    """One of each measurement; the ratios are to `count` of the same round."""

    from_raw: Reading | None = None
    count: Reading | None = None
    scan: Reading | None = None
    overdue: Reading | None = None
    night: Reading | None = None
    sweep: Reading | None = None
    night_after_sweeps: Reading | None = None
    night_on_two: Reading | None = None
    by_rule: dict[str, float] = field(default_factory=dict)
    night_by_rule: dict[str, float] = field(default_factory=dict)
    reports: list[RunReport] = field(default_factory=list)
    changed_patients: int = 0


def measure(*, rounds: int, owner_url: str) -> dict[str, Any]:
    """Return the results of a run as the object of contract.md section 2, and more."""
    with psycopg.connect(owner_url, autocommit=True) as owner:
        _prepare_to_count(owner)
        first_scan = _first_scan(owner)
        _say("vacuum and statistics")
        owner.execute("VACUUM (ANALYZE)")
        _timed(lambda: _count_all(owner), _pid(owner))  # warm
        with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=worker.start) as workers:
            done = [_round(number, owner, workers) for number in range(rounds)]
        one_patient = _one_patient()
        facts = _facts(owner)
    return facts | _summary(done) | {"first_scan_seconds": first_scan} | one_patient | _memory()


def _round(number: int, owner: psycopg.Connection[Any], workers: Executor) -> Round:
    measured = Round()
    # Always first: what the others build on is never older than a week.
    _measure_from_raw(measured)
    steps: list[Callable[[Round, psycopg.Connection[Any]], None]] = [
        _measure_count,
        _measure_scan,
        _measure_night,
        _measure_night_after_sweeps,
        partial(_measure_night_on_two, workers),
        _measure_overdue,
    ]
    first = number % len(steps)
    for step in steps[first:] + steps[:first]:
        step(measured, owner)
    return measured


def _measure_count(measured: Round, owner: psycopg.Connection[Any]) -> None:
    measured.count = _timed(lambda: _count_all(owner), _pid(owner))
    _say(f"count {measured.count.seconds:.2f} s")


def _measure_from_raw(measured: Round) -> None:
    """What happens once a week, and after every change of rules, lists or code that judges."""
    at = days.night_after(days.let_a_day_pass()[0])
    measured.from_raw = _timed(
        lambda: scan.run_rules(as_of=None, at=at, trigger="command", is_from_raw=True), _own_pid()
    )
    _say(f"whole scan from raw {measured.from_raw.seconds:.2f} s")


def _measure_scan(measured: Round, owner: psycopg.Connection[Any]) -> None:
    at = days.night_after(days.let_a_day_pass()[0])

    def whole() -> None:
        measured.reports = scan.run_rules(as_of=None, at=at, trigger="command")

    measured.scan = _timed(whole, _own_pid())
    measured.by_rule = {report.rule: report.seconds for report in measured.reports}
    _say(f"whole scan {measured.scan.seconds:.2f} s")


def _measure_overdue(measured: Round, owner: psycopg.Connection[Any]) -> None:
    at = days.night_after(days.let_a_day_pass()[0])
    rules = (by_key("overdue_visit"),)
    measured.overdue = _timed(
        lambda: scan.run_rules(as_of=None, at=at, trigger="command", rules=rules), _own_pid()
    )
    evaluations.judge_waiting(at=at)
    _say(f"overdue visits alone {measured.overdue.seconds:.2f} s")


def _measure_night(measured: Round, owner: psycopg.Connection[Any]) -> None:
    """A night after a day with changes that nobody judged yet: all sweeps of the day are missing."""
    day, measured.changed_patients = days.let_a_day_pass()
    runs: list[ScanRun] = []
    measured.night = _timed(lambda: runs.extend(_whole_night(day)), _own_pid())
    measured.night_by_rule = {run.rule: run.seconds for run in runs}
    evaluations.judge_waiting(at=days.night_after(day))
    _say(f"night without sweeps {measured.night.seconds:.2f} s")


def _measure_night_after_sweeps(measured: Round, owner: psycopg.Connection[Any]) -> None:
    """As every day: sweeps judge whoever changed, of which this is the sum, and then the night."""
    day, _ = days.let_a_day_pass()
    evening = days.evening_of(day)
    measured.sweep = _timed(lambda: evaluations.judge_waiting(at=evening), _own_pid())
    measured.night_after_sweeps = _timed(lambda: _whole_night(day), _own_pid())
    _say(f"sweep {measured.sweep.seconds:.2f} s, night after it {measured.night_after_sweeps.seconds:.2f} s")


def _measure_night_on_two(workers: Executor, measured: Round, owner: psycopg.Connection[Any]) -> None:
    """The same night by two workers, as installed on two processors: each judges a range at a time."""
    day, _ = days.let_a_day_pass()
    at = days.night_after(day)
    evaluations.judge_waiting(at=days.evening_of(day))

    def night_of_two() -> None:
        slot = DueRun.objects.create(job=NIGHTLY_SCAN, due_at=at)
        parts = night.plan_parts(slots=[slot], at=at, as_of=None)
        list(workers.map(worker.judge_part, parts, [at] * len(parts)))
        slot.refresh_from_db()
        if slot.state != "done":
            raise RuntimeError("The two workers left a part of the night.")

    measured.night_on_two = _timed(night_of_two, _own_pid())
    _say(f"night on two workers {measured.night_on_two.seconds:.2f} s")


def _whole_night(day: date) -> list[ScanRun]:
    at = days.night_after(day)
    slot = DueRun.objects.create(job=NIGHTLY_SCAN, due_at=at)
    return night.run_here(slots=[slot], at=at, as_of=None)


def _first_scan(owner: psycopg.Connection[Any]) -> float:
    """Raise the alerts of the record as it was built; on a database that is kept, what that took then."""
    row = owner.execute("SELECT value FROM benchmark.noted WHERE name = 'first_scan'").fetchone()
    if row is not None:
        _say("a whole scan, to warm")
        at = days.night_after(days.today())
        scan.run_rules(as_of=None, at=at, trigger="command", is_from_raw=True)
        return float(row[0])
    _say("the first scan, which raises the alerts")
    at = days.night_after(days.today())
    taken = _timed(lambda: scan.run_rules(as_of=None, at=at, trigger="start"), _own_pid())
    owner.execute("INSERT INTO benchmark.noted VALUES ('first_scan', %s)", [json.dumps(taken.seconds)])
    return taken.seconds


def _one_patient() -> dict[str, Any]:
    """From a saved count to its judging, for one patient at a time."""
    day = days.today()
    at = days.night_after(day)
    with acting(rows=EVERYTHING), connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT patient_id FROM registry_course ORDER BY patient_id")
        everybody = [row[0] for row in cursor.fetchall()]
    chosen = Random("one patient").sample(everybody, min(_ONE_PATIENT_TIMES, len(everybody)))
    taken = []
    for number, patient_id in enumerate(chosen):
        # Later than the earlier run of this database, so that the value is new.
        days.save_a_count(patient_id=patient_id, on=day, number=number)
        judge = partial(evaluations.judge_waiting, at=at, patient_ids=[patient_id])
        # A search for garbage before each would leave nothing in the processor's cache: no worker does that.
        taken.append(_timed(judge, _own_pid(), after_garbage=False))
    milliseconds = sorted(reading.seconds * 1000 for reading in taken)
    return {
        "judge_one_patient_ms": round(median(milliseconds), 2),
        "judge_one_patient_p95_ms": round(milliseconds[int(len(milliseconds) * 0.95)], 2),
    }


# --- counting ---------------------------------------------------------------------------------


def _prepare_to_count(owner: psycopg.Connection[Any]) -> None:
    """As the tables' owner, whom row-level security does not slow down: the stricter limit."""
    for setting in ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"):
        owner.execute(f"SET {setting} = off")
    owner.execute("SET max_parallel_workers_per_gather = 0")
    plan = "\n".join(row[0] for row in owner.execute(f"EXPLAIN {_COUNT}").fetchall())
    if "Seq Scan on registry_labresult" not in plan or "Parallel" in plan:
        raise NotASequentialScan(plan)


def _count_all(owner: psycopg.Connection[Any]) -> None:
    owner.execute(_COUNT).fetchone()


def _timed(work: Callable[[], object], pid: int, *, after_garbage: bool = True) -> Reading:
    if after_garbage:
        gc.collect()
    cpu, began = _cpu(pid), time.perf_counter()
    work()
    return Reading(time.perf_counter() - began, _cpu(pid) - cpu)


def _cpu(pid: int) -> float:
    """Processor seconds of this process and of a database's backend, the latter where Linux tells them."""
    schedule = Path(f"/proc/{pid}/schedstat")
    backend = int(schedule.read_text().split()[0]) / 1e9 if schedule.exists() else 0.0
    return time.process_time() + backend


def _pid(owner: psycopg.Connection[Any]) -> int:
    return owner.info.backend_pid


def _own_pid() -> int:
    connection.ensure_connection()
    return connection.connection.info.backend_pid


def _memory() -> dict[str, Any]:
    """The peak of this process since it was started.

    Not ru_maxrss where the kernel tells better: it also knows the peak of the process that started us.
    """
    status = Path("/proc/self/status")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if status.exists():
        peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line)
    elif sys.platform == "darwin":
        peak //= 1024  # bytes there
    return {"peak_memory_mb": round(peak / 1024, 1)}


# --- what came out ----------------------------------------------------------------------------


def _summary(done: list[Round]) -> dict[str, Any]:
    def of(name: str, what: str = "seconds") -> float:
        return round(median(getattr(getattr(each, name), what) for each in done), 4)

    def ratio(name: str, what: str = "seconds") -> float:
        return round(
            median(getattr(getattr(each, name), what) / getattr(each.count, what) for each in done), 3
        )

    names = ("from_raw", "scan", "night", "sweep", "night_after_sweeps", "overdue")
    on_the_wall = (*names, "night_on_two")  # the processor's time of others is not ours
    reports = done[-1].reports
    return {
        "rounds": len(done),
        "seconds_by_rule": {
            rule.key: round(median(each.by_rule[rule.key] for each in done), 4) for rule in RULES
        },
        "sequential_count_seconds": of("count"),
        "ratio_to_sequential_count": ratio("scan"),
        "scan_seconds": of("scan"),
        "night_seconds": of("night"),
        "night_ratio_to_sequential_count": ratio("night"),
        "night_seconds_by_rule": {
            rule.key: round(median(each.night_by_rule.get(rule.key, 0.0) for each in done), 4)
            for rule in RULES
        },
        "night_changed_patients": done[-1].changed_patients,
        "sweep_seconds": of("sweep"),
        "night_after_sweeps_seconds": of("night_after_sweeps"),
        "night_after_sweeps_ratio_to_sequential_count": ratio("night_after_sweeps"),
        "night_on_two_workers_seconds": of("night_on_two"),
        "night_on_two_workers_ratio_to_sequential_count": ratio("night_on_two"),
        "from_raw_seconds": of("from_raw"),
        "from_raw_ratio_to_sequential_count": ratio("from_raw"),
        "overdue_visit_alone_seconds": of("overdue"),
        "overdue_visit_alone_ratio_to_sequential_count": ratio("overdue"),
        "cpu_seconds": {name: of(name, "cpu_seconds") for name in ("count", *names)},
        "cpu_ratios": {name: ratio(name, "cpu_seconds") for name in names},
        "patients_judged": {report.rule: report.patients_judged for report in reports},
        "patients_in_scope": {report.rule: report.patients_in_scope for report in reports},
        "patients_skipped_as_clear": {report.rule: report.patients_skipped_as_clear for report in reports},
        "patients_unchanged": {report.rule: report.patients_unchanged for report in reports},
        "findings": {report.rule: report.counts.findings for report in reports},
        "failures": sum(len(report.failures) for report in reports),
        "by_round": [
            {name: round(getattr(each, name).seconds, 4) for name in ("count", *on_the_wall)} for each in done
        ],
    }


def _facts(owner: psycopg.Connection[Any]) -> dict[str, Any]:
    """How many there are of what, counted anew: a benchmark of other data says nothing."""

    def one(sql: str) -> Any:
        row = owner.execute(sql).fetchone()
        return row[0] if row else None

    patients, results = one(_OUR_PATIENTS), one(_COUNT)
    low = one(
        """
        SELECT count(*) FROM registry_labresult
        WHERE superseded_at IS NULL AND value < CASE analyte WHEN 'ANC' THEN 1 WHEN 'PLT' THEN 50
                                                             WHEN 'HGB' THEN 80 END
        """
    )
    shares = owner.execute(
        """
        SELECT rule, certainty, count(DISTINCT patient_id), count(*) FROM registry_alert
        WHERE state NOT IN ('resolved', 'withdrawn') GROUP BY rule, certainty ORDER BY rule, certainty
        """
    ).fetchall()
    return {
        "patients": patients,
        "results": results,
        "results_per_patient": round(results / patients, 1),
        "low_share": round(low / results, 4),
        "alerts": [
            {
                "rule": rule,
                "certainty": certainty,
                "patients": count,
                "share_of_patients": round(count / patients, 4),
                "alerts": alerts,
            }
            for rule, certainty, count, alerts in shares
        ],
        "as_of": _as_text(days.today()),
        "result_table_mb": one("SELECT pg_table_size('registry_labresult') / 1048576"),
        "postgresql": one("SHOW server_version"),
        "shared_buffers": one("SHOW shared_buffers"),
        "processors": os.cpu_count(),
    }


def _as_text(day: date) -> str:
    return day.isoformat()


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
