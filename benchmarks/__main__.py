"""`python -m benchmarks scan --patients N`: builds the data once, measures, prints a table or JSON."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import engine, loading, report
from config import embedded
from config.embedded import EnginesFailed


def main(words: list[str]) -> int:
    """Run what the words ask for and return the exit code."""
    asked = _parser().parse_args(words)
    if asked.what == "measure":
        return _measure_in_this_process(asked.rounds)
    try:
        return _scan(asked)
    except EnginesFailed as failure:
        print(failure, file=sys.stderr)
    except subprocess.CalledProcessError:
        pass  # it has said why
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("benchmarks", description=__doc__)
    kinds = parser.add_subparsers(dest="what", required=True)
    scan = kinds.add_parser("scan", help="judging everybody, against counting the results")
    scan.add_argument("--patients", type=int, default=1000)
    scan.add_argument("--rounds", type=int, default=3, help="at least three (3)")
    scan.add_argument("--rebuild", action="store_true", help="build the data anew")
    scan.add_argument("--build-only", action="store_true", help="build the data and measure nothing")
    scan.add_argument("--json", action="store_true")
    measure = kinds.add_parser("measure", help="what `scan` starts in a process of its own")
    measure.add_argument("--rounds", type=int, required=True)
    return parser


def _scan(asked: argparse.Namespace) -> int:
    if asked.patients < 1 or asked.rounds < 3:
        print("At least 1 patient and 3 rounds are needed.", file=sys.stderr)
        return 2
    with engine.running(embedded.data_dir()) as own:
        database = None if asked.rebuild else engine.existing(data=own, patients=asked.patients)
        if database is None:
            print(f"Building {asked.patients} patients, once …", file=sys.stderr, flush=True)
            database = engine.make_empty(data=own, patients=asked.patients)
            loading.load(database, patients=asked.patients)
            engine.mark_finished(database, patients=asked.patients)
        if asked.build_only:
            return 0
        measured = _measured(database, rounds=asked.rounds)
        kept = report.keep(measured, folder=own / "results", patients=asked.patients)
    print(json.dumps(measured) if asked.json else report.as_table(measured, kept))
    return 0


def _measured(database: engine.Database, *, rounds: int) -> dict[str, Any]:
    """Measure in a process that never held the invented cohort: its memory is the scan's own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "measure", "--rounds", str(rounds)],
        cwd=embedded.ROOT,
        env={**database.environment("registry_app"), "BENCHMARK_OWNER_URL": database.url("registry")},
        stdout=subprocess.PIPE,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _measure_in_this_process(rounds: int) -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    # Not at the top: models can be read only after Django is set up, and `scan` needs none.
    import django

    django.setup()
    from benchmarks.measuring import measure

    print(json.dumps(measure(rounds=rounds, owner_url=os.environ["BENCHMARK_OWNER_URL"])))
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    sys.exit(main(sys.argv[1:]))
