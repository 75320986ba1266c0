"""`api_key --sponsor KEY --study KEY`: makes a sponsor's key and prints it once."""

import json
from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from registry.actions.api_keys import KeyRefused, make_key
from registry.management.refusals import Refused, RefusingCommand


class Command(RefusingCommand):
    help = "Make a key for a sponsor's program. It is printed once and stored hashed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--sponsor", required=True, metavar="KEY")
        parser.add_argument("--study", required=True, metavar="KEY")
        parser.add_argument("--scopes", nargs="+", default=["read"], metavar="SCOPE")
        parser.add_argument("--days", type=int, default=365, help="days until it expires")
        parser.add_argument("--json", action="store_true", help="one JSON object on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = make_key(
                sponsor_key=options["sponsor"],
                study_key=options["study"],
                scopes=[scope for given in options["scopes"] for scope in given.split(",") if scope],
                days=options["days"],
                by=None,
                # The real clock: an expiry is no clinical date.
                at=timezone.now(),
            )
        except KeyRefused as refusal:
            raise Refused(str(refusal)) from refusal
        key = made.key
        expiry = key.expiry.isoformat().replace("+00:00", "Z") if key.expiry else None
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "ok": True,
                        "key": made.token,
                        "prefix": key.token_key,
                        "sponsor": key.sponsor.key,
                        "study": key.study.key,
                        "scopes": key.scopes,
                        "expires_at": expiry,
                    },
                    ensure_ascii=False,
                )
            )
        else:
            self.stdout.write(f"{made.token}\n")
            self.stderr.write(
                f"Key of {key.sponsor.key} for {key.study.key}, scopes {', '.join(key.scopes)},"
                f" valid until {expiry}. It is shown only now."
            )
