"""Telling somebody outside that all is well, so that silence is noticed when this machine cannot say so.

The call is a plain GET without content: that it comes is all that is told. It comes only when every check
of the status holds, the nightly recount among them; whoever is called raises the alarm when it stays away.
"""

from datetime import datetime
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from registry.actions import outside_ping
from registry.queries import monitoring_status

TIMEOUT_SECONDS = 10


class _NoRedirect(HTTPRedirectHandler):
    """No other address than the one that was set is called: none by plain http, none inside the house."""

    def redirect_request(self, *_: object) -> None:
        return None


def ping_when_all_is_well(*, url: str, at: datetime) -> bool:
    """Call `url` if every check holds, keep what became of it, and say whether it was heard.

    Without an address nothing is called and nothing kept.
    """
    if not url:
        return False
    failing = [check.name for check in monitoring_status.inner_checks(at=at) if not check.ok]
    if failing:
        is_heard, answer = False, f"not sent, since not all is well: {', '.join(failing)}"
    else:
        is_heard, answer = _call(url)
    outside_ping.note(at=at, is_heard=is_heard, answer=answer)
    return is_heard


def _call(url: str) -> tuple[bool, str]:
    """Return whether the answer was a success, and the answer in words without the address, a secret."""
    request = Request(url, headers={"User-Agent": "registry-heartbeat"})  # noqa: S310 - https: config/env.py
    try:
        with build_opener(_NoRedirect).open(request, timeout=TIMEOUT_SECONDS) as answer:
            return True, f"HTTP {answer.status}"
    except HTTPError as refusal:
        refusal.close()
        return False, f"HTTP {refusal.code}"
    except (OSError, HTTPException) as failure:
        return False, f"no answer: {type(getattr(failure, 'reason', failure)).__name__}"
