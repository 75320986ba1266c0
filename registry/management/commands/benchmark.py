"""Measure against a limit in the same run, on invented data in a database of its own."""

import subprocess
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from registry.management.refusals import Refused, RefusingCommand


class Command(RefusingCommand):
    help = (
        "Build invented patients once, in an engine and a database of the benchmark's own below"
        " REGISTRY_DATA_DIR, and measure. The registry's own data is not touched."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["scan"])
        parser.add_argument("--patients", type=int, default=1000, help="how many to judge (1000)")
        parser.add_argument("--rounds", type=int, default=3, help="medians are of this many, at least 3")
        parser.add_argument("--rebuild", action="store_true", help="build the data anew")
        parser.add_argument("--build-only", action="store_true", help="build the data and measure nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, **options: Any) -> None:
        if options["patients"] < 1 or options["rounds"] < 3:
            raise Refused("At least 1 patient and 3 rounds are needed.")
        if not (settings.BASE_DIR / "benchmarks").is_dir():
            raise Refused("Benchmarks are run from a checkout; this installation is without them.")
        words = [options["what"], "--patients", str(options["patients"]), "--rounds", str(options["rounds"])]
        words += [
            f"--{name.replace('_', '-')}" for name in ("rebuild", "build_only", "json") if options[name]
        ]
        # Processes of their own: the scan measures its memory, and works on another database than we do.
        done = subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-m", "benchmarks", *words],
            cwd=settings.BASE_DIR,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.stdout.write(done.stdout, ending="")
        if done.returncode:
            raise CommandError("The benchmark could not be run to its end.", returncode=1)
