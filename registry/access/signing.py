"""Which parts of an identity a signature asks for: all at the first signing of a session, then the password.

21 CFR 11.200(a)(1). A session that was locked, ran out or was left begins anew, and so does one that goes on
from another network address.
"""

from django.contrib.sessions.backends.base import SessionBase

_GIVEN_IN = "all_parts_given_in"


def needs_user_name(session: SessionBase, *, address: str) -> bool:
    """Whether the user name is asked too: not yet given from here since the session began or was unlocked."""
    return session.get(_GIVEN_IN) != _beginning(session, address)


def note_all_parts(session: SessionBase, *, address: str) -> None:
    """User name and password were given from `address`, and right."""
    session[_GIVEN_IN] = _beginning(session, address)


def _beginning(session: SessionBase, address: str) -> list[object]:
    return [session.get("signed_in_at", 0), address]
