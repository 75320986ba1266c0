"""`import_bundle DIR`: loads a bundle, or SDTM datasets, into a study (contract.md sections 2 and 3)."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from registry import clock
from registry.actions.importing.record import RowError
from registry.actions.imports import ImportReport
from registry.exchange.bundle import import_directory, other_files
from registry.exchange.sdtm import SdtmReport, import_sdtm
from registry.management.refusals import Refused, RefusingCommand

_DEFAULT_STUDY = "CART-AID"
_PRINTED = 50


class Command(RefusingCommand):
    help = "Load a bundle of CSV files, or SDTM datasets, into a study: all of it or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR")
        parser.add_argument("--study", metavar="KEY", help=f"default {_DEFAULT_STUDY}; needed for SDTM")
        parser.add_argument("--from", dest="source", choices=["bundle", "sdtm"], default="bundle")
        parser.add_argument(
            "--time-zone", default="UTC", metavar="ZONE", help="of the sites of SDTM datasets"
        )
        parser.add_argument("--dry-run", action="store_true", help="check everything and store nothing")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        directory, study = options["directory"], options["study"]
        common = {"at": clock.now(), "today": clock.today, "dry_run": options["dry_run"]}
        if options["source"] == "sdtm":
            if study is None:
                # Never by default into a study with a visit schedule: everything would be overdue.
                raise Refused("Name the study that the datasets make: --study KEY.")
            sdtm = import_sdtm(directory, study_key=study, time_zone=options["time_zone"], **common)
            report, answer = sdtm.report, sdtm.as_json()
        else:
            sdtm = None
            report = import_directory(directory, study_key=study or _DEFAULT_STUDY, **common)
            answer = {**report.as_json(), "ignored_files": other_files(directory)}
        if options["json"]:
            self.stdout.write(json.dumps({**answer, "dry_run": report.dry_run}, ensure_ascii=False))
        else:
            self._print(report)
            if sdtm:
                self._print_datasets(sdtm)
            for name in answer.get("ignored_files", ()):
                self.stdout.write(f"{name}: no file of a bundle, not looked at")
        if not report.is_clean:
            raise SystemExit(1)

    def _print(self, report: ImportReport) -> None:
        for file in report.created:
            self.stdout.write(
                f"{file}: {report.created[file]} created, {report.updated[file]} updated, "
                f"{report.unchanged[file]} unchanged"
            )
        for error in report.errors[:_PRINTED]:
            self.stderr.write(_sentence(error))
        if report.errors:
            more = len(report.errors) - _PRINTED
            self.stderr.write(f"{len(report.errors)} errors{f', {more} not shown' if more > 0 else ''}.")
            self.stderr.write("Nothing was stored.")
        elif report.dry_run:
            self.stdout.write("Dry run: nothing was stored.")

    def _print_datasets(self, sdtm: SdtmReport) -> None:
        for name, count in sdtm.mapped.items():
            self.stdout.write(f"{name}: {count} mapped")
            for reason, left in sorted(sdtm.not_mapped[name].items(), key=lambda item: -item[1]):
                self.stdout.write(f"    {left} not mapped: {reason}")
            if unused := sdtm.variables_not_mapped[name]:
                self.stdout.write(f"    variables not mapped: {', '.join(unused)}")
        for title, errors in (
            ("left out", sdtm.report.left_out),
            ("taken without what is wrong", sdtm.report.left_out_in_part),
        ):
            if errors:
                self.stdout.write(f"{len(errors)} {title}:")
            for error in errors[:_PRINTED]:
                self.stdout.write(f"    {_sentence(error)}")


def _sentence(error: RowError) -> str:
    place = ":".join(str(part) for part in (error.file, error.line, error.column) if part)
    return f"{place} {error.problem} {error.accepted}".strip()
