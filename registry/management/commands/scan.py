"""Judge patients by the rules in force and store the alerts."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from registry import clock
from registry.actions import scan
from registry.clinical.partial_dates import NotADate, parse_date
from registry.management.refusals import Refused, RefusingCommand
from registry.monitoring.catalogue import RULES, UnknownRule, by_key
from registry.queries import patient_codes


class Command(RefusingCommand):
    help = "Judge patients by the rules in force and store the alerts, in this process."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--as-of", metavar="DATE", help="judge on this date; default: today at each site")
        parser.add_argument("--rule", metavar="KEY", help="one rule; default: every rule in force")
        parser.add_argument("--patient", metavar="ID", help="one patient by their id; default: everybody")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, **options: Any) -> None:
        try:
            as_of = parse_date(options["as_of"]) if options["as_of"] else None
            rules = (by_key(options["rule"]),) if options["rule"] else RULES
        except NotADate as refusal:
            raise Refused(f"--as-of: {refusal}") from refusal
        except UnknownRule as refusal:
            known = ", ".join(rule.key for rule in RULES)
            raise Refused(f"No rule {options['rule']}. The rules in force are: {known}.") from refusal
        patient_ids = patient_codes.ids_of(code=options["patient"]) if options["patient"] else None
        if patient_ids == []:
            raise Refused(f"No patient {options['patient']}.")
        reports = scan.run_rules(
            as_of=as_of or clock.pinned_day(),
            at=clock.now(),
            trigger="command",
            rules=rules,
            patient_ids=patient_ids,
        )
        codes = patient_codes.codes_of(
            patient_ids={failure.patient_id for report in reports for failure in report.failures}
        )
        runs = [report.as_json(codes=codes) for report in reports]
        if options["json"]:
            self.stdout.write(json.dumps({"as_of": as_of.isoformat() if as_of else None, "runs": runs}))
        else:
            for run in runs:
                self.stdout.write(
                    f"{run['rule']} {run['version']}: {run['patients_judged']} of {run['patients_in_scope']}"
                    f" patients judged, {run['patients_skipped_as_clear']} skipped as clear,"
                    f" {len(run['failures'])} failures; {run['findings']} findings: {run['raised']} raised,"
                    f" {run['extended']} extended, {run['withdrawn']} withdrawn, {run['resolved']} resolved,"
                    f" {run['unchanged']} unchanged; {run['seconds']} s"
                )
                for failure in run["failures"]:
                    self.stdout.write(f"  patient {failure['patient_id']}: {failure['error']}")
        if any(run["failures"] for run in runs):
            raise CommandError("Some patients could not be judged.", returncode=1)
