"""Recount a thirtieth of the patients now, or explain the differences that a recount found."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from registry import clock
from registry.access.roles import NotAllowed
from registry.actions import recount
from registry.actions.accounts import AccountRefused, person
from registry.management.refusals import Refused, RefusingCommand
from registry.models import RecountRun
from registry.models.watchman import SHARES


class Command(RefusingCommand):
    help = "Judge a thirtieth of the patients anew, count all overdue visits by SQL, compare with the alerts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--share", type=int, metavar="N", help=f"1 to {SHARES}; default: today's")
        parser.add_argument("--explain", type=int, metavar="NUMBER", help="the recount with differences")
        parser.add_argument("--by", metavar="USER", help="who explains: a lead or an administrator")
        parser.add_argument("--reason", default="", help="why its differences are understood")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, **options: Any) -> None:
        share = options["share"]
        if share is not None and not 1 <= share <= SHARES:
            raise Refused(f"--share must be 1 to {SHARES}.")
        if options["explain"] is not None:
            self._explain(**options)
            return
        run = recount.recount_a_share(
            at=clock.now(), as_of=clock.pinned_day(), share=None if share is None else share - 1
        )
        self._tell(run, is_json=options["json"])
        if run.difference_count or run.overdue_difference_count:
            raise CommandError("The stored alerts differ from the recount.", returncode=1)

    def _explain(self, **options: Any) -> None:
        try:
            by = person(username=options["by"] or "")
            run = recount.explain(
                recount_id=options["explain"], reason=options["reason"], by=by, at=clock.now()
            )
        except (AccountRefused, recount.NothingToExplain) as refusal:
            raise Refused(str(refusal)) from refusal
        except NotAllowed as refusal:
            raise Refused(refusal.for_people) from refusal
        self._tell(run, is_json=options["json"])

    def _tell(self, run: RecountRun, *, is_json: bool) -> None:
        differences = [*run.differences, *run.overdue_differences]
        if is_json:
            told = {
                "number": run.pk,
                "share": run.share + 1,
                "patients_counted": run.patients_counted,
                "patients_waiting": run.patients_waiting,
                "overdue_visits_counted": run.overdue_visits_counted,
                "difference_count": len(differences),
                "differences": differences,
                "explanation": run.explanation,
            }
            self.stdout.write(json.dumps(told))
            return
        for line in differences:
            self.stdout.write(f"{line['rule']}: {line['problem']}, patient {line['patient']}")
        self.stdout.write(
            f"Recount {run.pk}, share {run.share + 1} of {SHARES}: {run.patients_counted} patients and"
            f" {run.overdue_visits_counted} overdue visits counted, {run.patients_waiting} patients left out,"
            f" {len(differences)} differences{f'; explained: {run.explanation}' if run.explanation else ''}"
        )
