"""Keeping what became of the latest ping to the outside."""

from datetime import datetime

from registry.access.scope import NOTHING, acting
from registry.models import OutsidePing

_NAME = "outside"
_LONGEST = 200


def note(*, at: datetime, is_heard: bool, answer: str) -> OutsidePing:
    """Keep the latest ping and its answer, or why none was sent; when it was heard last stays known."""
    heard = {"answered_at": at} if is_heard else {}
    with acting(rows=NOTHING):
        ping, _ = OutsidePing.objects.update_or_create(
            name=_NAME, defaults={"at": at, "is_heard": is_heard, "answer": answer[:_LONGEST], **heard}
        )
    return ping
