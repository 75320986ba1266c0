"""Measure against a limit in the same run, on invented data in a database of its own."""

import subprocess
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from registry.management.refusals import Refused, RefusingCommand

_PROGRAMS = {"scan": ("benchmarks", "scan"), "pages": ("benchmarks.pages",)}
_USUAL = {"scan": {"patients": 1000, "rounds": 3}, "pages": {"patients": 40, "rounds": 50}}


class Command(RefusingCommand):
    help = (
        "Build invented patients once, in an engine and a database of the benchmark's own below"
        " REGISTRY_DATA_DIR, and measure. The registry's own data is not touched."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["scan", "pages"])
        parser.add_argument("--patients", type=int, help="how many to invent (scan 1000, pages 40)")
        parser.add_argument("--rounds", type=int, help="medians are of this many (scan 3, pages 50)")
        parser.add_argument("--rebuild", action="store_true", help="build the data anew")
        parser.add_argument("--build-only", action="store_true", help="build the data and measure nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, **options: Any) -> None:
        patients, rounds = (
            default if options[name] is None else options[name]
            for name, default in _USUAL[options["what"]].items()
        )
        if patients < 1 or rounds < 3:
            raise Refused("At least 1 patient and 3 rounds are needed.")
        if not (settings.BASE_DIR / "benchmarks").is_dir():
            raise Refused("Benchmarks are run from a checkout; this installation is without them.")
        words = [*_PROGRAMS[options["what"]], "--patients", str(patients), "--rounds", str(rounds)]
        words += [f"--{name.replace('_', '-')}" for name in _told(options)]
        # Processes of their own: the scan measures its memory, and works on another database than we do.
        done = subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-m", *words],
            cwd=settings.BASE_DIR,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.stdout.write(done.stdout, ending="")
        if done.returncode:
            raise CommandError(
                "The benchmark could not be run to its end, or a limit was not kept.", returncode=1
            )


def _told(options: dict[str, Any]) -> list[str]:
    known = ("rebuild", "json") if options["what"] == "pages" else ("rebuild", "build_only", "json")
    return [name for name in known if options[name]]
