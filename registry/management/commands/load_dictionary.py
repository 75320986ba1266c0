"""`load_dictionary meddra DIR`: loads a licensed dictionary as a new version (contract.md section 2)."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from registry import clock
from registry.exchange.meddra import load_directory
from registry.exchange.meddra_files import COLUMNS
from registry.management.refusals import RefusingCommand

_PRINTED = 50


class Command(RefusingCommand):
    help = (
        "Load a licensed MedDRA distribution as a new version, all of it or nothing; the highest version is"
        " the one in force."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dictionary", choices=["meddra"])
        parser.add_argument("directory", type=Path, metavar="DIR", help=f"with {' '.join(COLUMNS)}")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        report = load_directory(options["directory"], at=clock.now())
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), ensure_ascii=False))
        elif report.loaded:
            loaded = report.loaded
            said = "loaded" if loaded.is_new else "was loaded before, nothing changed"
            self.stdout.write(f"{loaded.name} {said}; in force: {loaded.in_force}")
            for file, count in loaded.rows.items():
                self.stdout.write(f"  {file}: {count} lines")
            codes = loaded.malignancy_codes
            self.stdout.write(
                f"{loaded.smq_count} active SMQs; malignancy codes: {codes['certain']} certain,"
                f" {codes['possible']} possible; {loaded.patients_to_judge} patients to be judged again"
            )
        else:
            self._print_errors(report.as_json()["errors"], len(report.errors))
        if report.loaded and not any(report.loaded.malignancy_codes.values()):
            self.stderr.write(
                "No SMQ of it is one of the malignancy lists (codelists/meddra_malignancy.toml): its codes"
                " will raise nothing."
            )
        if report.errors:
            raise SystemExit(1)

    def _print_errors(self, errors: list[dict[str, Any]], count: int) -> None:
        for error in errors[:_PRINTED]:
            place = ":".join(str(error[key]) for key in ("file", "line", "column") if error[key])
            self.stderr.write(f"{place} {error['problem']} {error['accepted']}")
        more = f", {count - _PRINTED} not shown" if count > _PRINTED else ""
        self.stderr.write(f"{count} errors{more}.")
        self.stderr.write("Nothing was stored.")
