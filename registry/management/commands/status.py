"""Say whether the alert checks run."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry import clock
from registry.queries import monitoring_status


class Command(BaseCommand):
    help = "Check the last whole run of each rule, what waits, worker, beat, broker, database, next run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, **options: Any) -> None:
        checks = monitoring_status.checks(at=clock.now())
        ok = all(check.ok for check in checks)
        if options["json"]:
            self.stdout.write(json.dumps({"ok": ok, "checks": [asdict(check) for check in checks]}))
        else:
            for check in checks:
                word = "ok   " if check.ok else "STALE"
                self.stdout.write(f"{word} {check.name}: {check.value} (limit: {check.limit}) {check.detail}")
            self.stdout.write(f"{len(checks)} checks")
        if not ok:
            stale = ", ".join(check.name for check in checks if not check.ok)
            raise CommandError(f"Not all is well: {stale}.", returncode=1)
