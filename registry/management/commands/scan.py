"""Judge patients by the rules in force and store the alerts."""

import json
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import CommandError

from registry import clock
from registry.actions import scan, shadow
from registry.actions.shadow import ShadowReport
from registry.clinical.partial_dates import NotADate, parse_date
from registry.management.refusals import Refused, RefusingCommand
from registry.monitoring.catalogue import CANDIDATES, RULES, UnknownRule, by_key, by_name
from registry.monitoring.evidence import Finding
from registry.queries import patient_codes


class Command(RefusingCommand):
    help = "Judge patients by the rules in force and store the alerts, in this process."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--as-of", metavar="DATE", help="judge on this date; default: today at each site")
        parser.add_argument("--rule", metavar="KEY", help="one rule; default: every rule in force")
        parser.add_argument("--patient", metavar="ID", help="one patient by their id; default: everybody")
        parser.add_argument(
            "--from-raw",
            action="store_true",
            help="ask everybody anew and take no answer over from an earlier run, as once a week at night",
        )
        parser.add_argument(
            "--shadow",
            metavar="RULE:VERSION",
            help="judge all history by this candidate version and list what it would change; stores nothing."
            f" Candidates: {', '.join(rule.name for rule in CANDIDATES)}",
        )
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
        if options["shadow"] is not None:
            self._shadow(options, as_of, patient_ids)
            return
        reports = scan.run_rules(
            as_of=as_of or clock.pinned_day(),
            at=clock.now(),
            trigger="command",
            rules=rules,
            patient_ids=patient_ids,
            is_from_raw=options["from_raw"],
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

    def _shadow(self, options: dict[str, Any], as_of: date | None, patient_ids: list[int] | None) -> None:
        if options["rule"]:
            raise Refused("--shadow names its rule: leave --rule out.")
        try:
            candidate = by_name(options["shadow"])
        except UnknownRule as refusal:
            known = ", ".join(rule.name for rule in CANDIDATES)
            raise Refused(f"No version {options['shadow']}. The candidates are: {known}.") from refusal
        report = shadow.run(
            candidate=candidate, as_of=as_of or clock.pinned_day(), at=clock.now(), patient_ids=patient_ids
        )
        if options["json"]:
            self.stdout.write(json.dumps({**report.as_json(), "as_of": as_of.isoformat() if as_of else None}))
        else:
            self._print_shadow(report)
        if report.failures:
            raise CommandError("Some patients could not be judged.", returncode=1)

    def _print_shadow(self, report: ShadowReport) -> None:
        candidate, in_force = report.candidate, report.in_force
        self.stdout.write(f"{candidate.name} beside {in_force.name}, which is in force; nothing is stored.")
        for name, values in candidate.limits_unlike(in_force).items():
            self.stdout.write(f"  {name}: {values['shadow']} instead of {values['in_force']}")
        self.stdout.write(
            f"{report.patients_judged} of {report.patients_in_scope} patients judged,"
            f" {len(report.failures)} failures;"
            f" {len(report.gained)} gained ({report.gained_by_certainty['certain']} certain),"
            f" {len(report.lost)} lost ({report.lost_by_certainty['certain']} certain),"
            f" {len(report.changed)} changed, {report.unchanged} unchanged; {report.seconds:.3f} s"
        )
        for code, error in report.failures:
            self.stdout.write(f"  patient {code}: {error}")
        for sign, lines in (("gained", report.gained), ("lost  ", report.lost)):
            for line in lines:
                self.stdout.write(f"  {sign} patient {line.patient_id}: {_words(line.finding)}")
        for changed in report.changed:
            self.stdout.write(
                f"  changed patient {changed.patient_id}: {_words(changed.was)} -> {_words(changed.becomes)}"
            )


def _words(finding: Finding) -> str:
    span = f"{finding.first_on or 'onset unknown'} to {finding.last_on}"
    return f"{finding.subject}, {finding.certainty}, severity {finding.severity}, {span}"
