"""`import_bundle DIR`: loads a bundle, or SDTM datasets, into a study (contract.md section 2)."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from registry import clock
from registry.actions.imports import ImportReport
from registry.exchange.bundle import import_directory, other_files

_PRINTED_ERRORS = 50


class Command(BaseCommand):
    help = "Load a bundle of CSV files, or SDTM datasets, into a study: all of it or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR")
        parser.add_argument("--study", default="CART-AID", metavar="KEY")
        parser.add_argument("--dry-run", action="store_true", help="check everything and store nothing")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        report = import_directory(
            options["directory"],
            study_key=options["study"],
            at=clock.now(),
            today=clock.today,
            dry_run=options["dry_run"],
        )
        if options["json"]:
            ignored = other_files(options["directory"])
            answer = {**report.as_json(), "dry_run": report.dry_run, "ignored_files": ignored}
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
        else:
            self._print(report, options["directory"])
        if not report.is_clean:
            raise SystemExit(1)

    def _print(self, report: ImportReport, directory: Path) -> None:
        for file in report.created:
            self.stdout.write(
                f"{file}: {report.created[file]} created, {report.updated[file]} updated, "
                f"{report.unchanged[file]} unchanged"
            )
        for name in other_files(directory):
            self.stdout.write(f"{name}: no file of a bundle, not looked at")
        for error in report.errors[:_PRINTED_ERRORS]:
            place = f"{error.file}:{error.line or ''}"
            self.stderr.write(f"{place} {error.column} {error.problem} {error.accepted}")
        if report.errors:
            more = len(report.errors) - _PRINTED_ERRORS
            self.stderr.write(f"{len(report.errors)} errors{f', {more} not shown' if more > 0 else ''}")
            self.stderr.write("Nothing was stored.")
        elif report.dry_run:
            self.stdout.write("Dry run: nothing was stored.")
