"""Hold the audit trail against the tables and check its chain."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry.access.scope import EVERYTHING, acting
from registry.queries import audit_trail


class Command(BaseCommand):
    help = "Replay the audit trail against the tables and check its chain of seals."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, **options: Any) -> None:
        with acting(rows=EVERYTHING):
            found = audit_trail.verify()
        if options["json"]:
            self.stdout.write(json.dumps({"ok": not found.deviations, **asdict(found)}))
        else:
            for deviation in found.deviations:
                self.stdout.write(
                    f"{deviation.table} row {deviation.row}, event {deviation.event_id}: {deviation.problem}"
                )
            self.stdout.write(
                f"{found.tables} tables, {found.events} events ({found.sealed_events} under"
                f" {found.seals} seals), {len(found.deviations)} deviations"
            )
        if found.deviations:
            raise CommandError("The audit trail and the tables disagree.", returncode=1)
