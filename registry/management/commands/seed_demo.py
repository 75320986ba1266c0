"""Fill an empty registry with an invented cohort, its accounts and a sponsor's key."""

import json
import os
import secrets
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.utils import timezone

from registry import clock
from registry.access.scope import EVERYTHING, acting
from registry.actions import api_keys, demo_accounts, demo_record, demo_story, scan
from registry.exchange.bundle import import_directory
from registry.exchange.demo_cohort import SITES, make_cohort
from registry.management.refusals import Refused, RefusingCommand

STUDY = "CART-AID"


class Command(RefusingCommand):
    help = "An invented cohort, the same for the same number, seed and day. Only where DEMO=1."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--patients", type=int, default=400)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, **options: Any) -> None:
        if not settings.DEMO:
            raise Refused("Invented patients belong into a demonstration only: set DEMO=1.")
        if options["patients"] < 1:
            raise Refused("--patients must be at least 1.")
        if demo_accounts.are_there():
            self._answer("The demonstration is seeded already.", is_new=False, options=options)
            return
        at = clock.now()
        today = clock.pinned_day() or at.date()
        cohort = make_cohort(patients=options["patients"], seed=options["seed"], today=today)
        with TemporaryDirectory(prefix="demo-cohort-") as directory:
            cohort.write(Path(directory))
            report = import_directory(
                Path(directory),
                study_key=STUDY,
                at=at,
                # The cohort ends with today's date in UTC; a site west of here may still have yesterday's.
                today=lambda time_zone: max(at.date(), clock.today(time_zone=time_zone)),
            )
        if not report.is_clean:
            raise Refused(f"The invented cohort was refused: {report.errors[:3]}")
        scan.run_rules(as_of=clock.pinned_day(), at=at, trigger="start")
        # By the real clock, as keys are checked: an expiry is no clinical date.
        key = api_keys.make_key(
            sponsor_key=STUDY, study_key=STUDY, scopes=["read"], days=365, by=None, at=timezone.now()
        )
        keep_secret(settings.DATA_DIR / "demo_api_key", key.token)
        password = os.environ.get("DEMO_PASSWORD") or secrets.token_urlsafe(9)
        # The accounts come last, with what was done in their names: they are the sign that all is there.
        with acting(rows=EVERYTHING, reason="demonstration"):
            demo_accounts.make_accounts(study_key=STUDY, site_code=SITES[0][0], password=password, at=at)
            demo_record.complete(study_key=STUDY, at=at, today=today)
            demo_story.tell(at=at, today=today)
        words = f"{options['patients']} invented patients, {len(demo_accounts.ACCOUNTS)} accounts."
        to_tell = "" if os.environ.get("DEMO_PASSWORD") else password
        if to_tell:
            words += f"\nTheir password: {to_tell}"
        self._answer(words, is_new=True, options=options, password=to_tell)

    def _answer(self, words: str, *, is_new: bool, options: dict[str, Any], password: str = "") -> None:
        """Say it to a person, or to a script: how many were invented now, and who may sign in."""
        if not options["json"]:
            self.stdout.write(words)
            return
        answer = {
            "seeded": is_new,
            "patients": options["patients"] if is_new else 0,
            "seed": options["seed"],
            "accounts": list(demo_accounts.ACCOUNTS),
        }
        if password:
            answer["password"] = password
        self.stdout.write(json.dumps(answer))


def keep_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
