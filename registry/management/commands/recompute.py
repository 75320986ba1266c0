"""Judge everybody again without any pre-selection and compare with the stored alerts."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from registry import clock
from registry.actions import scan
from registry.clinical.partial_dates import NotADate, parse_date
from registry.management.refusals import Refused, RefusingCommand
from registry.queries import patient_codes


class Command(RefusingCommand):
    help = "Judge every patient without pre-selection and compare with the stored alerts; writes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--diff", action="store_true", required=True, help="print what differs")
        parser.add_argument("--as-of", metavar="DATE", help="judge on this date; default: today at each site")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, **options: Any) -> None:
        try:
            as_of = parse_date(options["as_of"]) if options["as_of"] else None
        except NotADate as refusal:
            raise Refused(f"--as-of: {refusal}") from refusal
        differences, patient_count = scan.recount(as_of=as_of or clock.pinned_day(), at=clock.now())
        codes = patient_codes.codes_of(patient_ids={difference.patient_id for difference in differences})
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "as_of": as_of.isoformat() if as_of else None,
                        "patients_judged": patient_count,
                        "difference_count": len(differences),
                        "differences": [
                            {"rule": each.rule, "patient_id": codes[each.patient_id], "problem": each.problem}
                            for each in differences
                        ],
                    }
                )
            )
        else:
            for difference in differences:
                code = codes[difference.patient_id]
                self.stdout.write(f"{difference.rule}: patient {code}: {difference.problem}")
            self.stdout.write(f"{patient_count} patients judged, {len(differences)} differences")
        if differences:
            raise CommandError("The stored alerts differ from the recount.", returncode=1)
