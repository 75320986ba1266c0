"""What a command will not do: said to a person on standard error, to a program also as one JSON object."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Refused(CommandError):
    """Nothing was done, and nothing was answered yet; the text says what would be taken."""


class RefusingCommand(BaseCommand):
    """A command that answers a refusal with `{"ok": false, "error": …}` where `--json` was given."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except Refused as refusal:
            if options.get("json"):
                self.stdout.write(json.dumps({"ok": False, "error": str(refusal)}, ensure_ascii=False))
            raise
