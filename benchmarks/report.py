"""A run's results for a person, and the growth between the sizes that were measured on this machine."""

import json
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any

_GROWING = (
    ("whole scan", "scan_seconds"),
    ("whole scan from raw", "from_raw_seconds"),
    ("night after sweeps", "night_after_sweeps_seconds"),
    ("night, all still to judge", "night_seconds"),
    ("overdue visits alone", "overdue_visit_alone_seconds"),
    ("sequential count(*)", "sequential_count_seconds"),
)


def keep(measured: dict[str, Any], *, folder: Path, patients: int) -> list[dict[str, Any]]:
    """Keep the results beside the data, and return the latest of each size, the smallest first."""
    folder.mkdir(exist_ok=True)
    (folder / f"scan_{patients}.json").write_text(json.dumps(measured))
    kept = [json.loads(path.read_text()) for path in folder.glob("scan_*.json")]
    return sorted(kept, key=lambda each: each["patients"])


def growth(smaller: dict[str, Any], larger: dict[str, Any], key: str) -> float:
    """Return the exponent of the growth: 1 is as the patients, above 1 is worse."""
    return log(larger[key] / smaller[key]) / log(larger["patients"] / smaller["patients"])


def as_table(measured: dict[str, Any], kept: list[dict[str, Any]]) -> str:
    """Return the results in lines; seconds are medians of the rounds, ratios medians within a round."""
    count = measured["sequential_count_seconds"]
    cpu, cpu_ratio = measured["cpu_seconds"], measured["cpu_ratios"]
    lines = [
        f"{measured['patients']:,} patients, {measured['results']:,} results"
        f" ({measured['results_per_patient']} each, {measured['low_share']:.1%} low),"
        f" judged on {measured['as_of']}",
        f"PostgreSQL {measured['postgresql']}, shared_buffers {measured['shared_buffers']}, parallel query"
        f" off, warm, {measured['rounds']} rounds, {measured['processors']} processors",
        "",
        f"{'':34}{'seconds':>9}{'ratio':>8}{'CPU s':>9}{'ratio':>8}",
        _line("sequential count(*)", count, 1, cpu["count"], 1),
        _line(
            "whole scan, four rules",
            measured["scan_seconds"],
            measured["ratio_to_sequential_count"],
            cpu["scan"],
            cpu_ratio["scan"],
        ),
        *(
            f"  {rule:32}{seconds:>9.3f}{seconds / count:>8.2f}   "
            f"{measured['patients_judged'][rule]:,} of {measured['patients_in_scope'][rule]:,} judged"
            for rule, seconds in measured["seconds_by_rule"].items()
        ),
        _line(
            "whole scan from raw, weekly",
            measured["from_raw_seconds"],
            measured["from_raw_ratio_to_sequential_count"],
            cpu["from_raw"],
            cpu_ratio["from_raw"],
        ),
        _line(
            f"sweeps, {measured['night_changed_patients']:,} patients changed",
            measured["sweep_seconds"],
            measured["sweep_seconds"] / count,
            cpu["sweep"],
            cpu_ratio["sweep"],
        ),
        _line(
            "night after these sweeps",
            measured["night_after_sweeps_seconds"],
            measured["night_after_sweeps_ratio_to_sequential_count"],
            cpu["night_after_sweeps"],
            cpu_ratio["night_after_sweeps"],
        ),
        f"{'the same night on two workers':34}{measured['night_on_two_workers_seconds']:>9.3f}"
        f"{measured['night_on_two_workers_ratio_to_sequential_count']:>8.2f}",
        _line(
            "night, all of them still to judge",
            measured["night_seconds"],
            measured["night_ratio_to_sequential_count"],
            cpu["night"],
            cpu_ratio["night"],
        ),
        *(
            f"  {rule:32}{seconds:>9.3f}{seconds / count:>8.2f}"
            for rule, seconds in measured["night_seconds_by_rule"].items()
        ),
        _line(
            "overdue visits alone",
            measured["overdue_visit_alone_seconds"],
            measured["overdue_visit_alone_ratio_to_sequential_count"],
            cpu["overdue"],
            cpu_ratio["overdue"],
        ),
        f"{'first scan, raising the alerts':34}{measured['first_scan_seconds']:>9.3f}",
        f"{'judging one changed patient':34}{measured['judge_one_patient_ms']:>9.1f} ms"
        f" (95 % within {measured['judge_one_patient_p95_ms']:.1f} ms)",
        f"{'peak memory of the scan':34}{measured['peak_memory_mb']:>9.0f} MB",
        "",
        *(
            f"{each['rule']}, {each['certainty']}: {each['patients']:,} patients"
            f" ({each['share_of_patients']:.2%}), {each['alerts']:,} alerts"
            for each in measured["alerts"]
        ),
    ]
    for smaller, larger in pairwise(kept):
        lines += ["", f"growth from {smaller['patients']:,} to {larger['patients']:,} (1 is linear):"]
        lines += [
            f"  {name:32}{growth(smaller, larger, key):>9.2f}"
            for name, key in _GROWING
            if key in smaller and key in larger
        ]
    return "\n".join(lines)


def _line(name: str, seconds: float, ratio: float, cpu_seconds: float, cpu_ratio: float) -> str:
    return f"{name:34}{seconds:>9.3f}{ratio:>8.2f}{cpu_seconds:>9.3f}{cpu_ratio:>8.2f}"
