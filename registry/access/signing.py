"""Which parts of an identity a signature asks for: all at the first signing of a session, then the password.

21 CFR 11.200(a)(1). A session that was locked, ran out or was left begins anew.
"""

from django.contrib.sessions.backends.base import SessionBase

_GIVEN_IN = "all_parts_given_in"


def needs_user_name(session: SessionBase) -> bool:
    """Whether the user name is asked too: not yet given since the session began or was last unlocked."""
    return session.get(_GIVEN_IN) != _beginning(session)


def note_all_parts(session: SessionBase) -> None:
    """User name and password were given and right."""
    session[_GIVEN_IN] = _beginning(session)


def _beginning(session: SessionBase) -> int:
    return session.get("signed_in_at", 0)
