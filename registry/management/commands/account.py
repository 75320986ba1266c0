"""Give people roles and close their accounts."""

import os
import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry import clock
from registry.actions import accounts
from registry.actions.accounts import AccountRefused, Place
from registry.models.people import ROLES


class Command(BaseCommand):
    help = "Give a person a role (making the account when it is new), or close an account."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=("grant", "close"))
        parser.add_argument("username")
        parser.add_argument("--role", choices=list(ROLES))
        parser.add_argument("--study", default="", metavar="KEY")
        parser.add_argument("--site", default="", metavar="ID", help="for coordinator and investigator")
        parser.add_argument("--email", default="", help="where critical alerts and digests are sent")

    def handle(self, **options: Any) -> None:
        try:
            if options["what"] == "close":
                ended = accounts.close(username=options["username"], by=None, at=clock.now())
                self.stdout.write(f"{options['username']} is closed, {ended} roles ended.")
                return
            if not options["role"]:
                raise CommandError("Say which role: --role.")
            # Never an argument: arguments are seen by everybody on the machine.
            password = os.environ.get("ACCOUNT_PASSWORD") or secrets.token_urlsafe(12)
            granted = accounts.grant(
                username=options["username"],
                role=options["role"],
                place=Place(options["study"], options["site"]),
                password=password,
                by=None,
                at=clock.now(),
                email=options["email"],
            )
        except AccountRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"{options['username']} is {granted.get_role_display()}.")
        if not granted.user.email:
            self.stdout.write("No mail address yet: give one with --email, or at /account/notifications/.")
        # The password stands last, where scripts read it.
        if granted.user.last_login is None and not os.environ.get("ACCOUNT_PASSWORD"):
            self.stdout.write(f"Password of a new account: {password}")
