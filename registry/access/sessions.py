"""How long a sign-in holds: locked after some idle minutes and after twelve hours, opened by the password.

By the real clock, never a demonstration's date. The time of the latest act is kept in the session in steps,
so that a busy person does not write a row with every page.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.utils.crypto import constant_time_compare

from registry.models import User

_ACTIVE, _SIGNED_IN = "active_at", "signed_in_at"
# A form that was left open over a weekend still finds its owner.
_REMEMBERED_FOR = timedelta(days=7)


def is_locked(session: SessionBase, *, at: datetime) -> bool:
    """Whether the person must give the password again before anything is shown or taken."""
    return seconds_left(session, at=at) <= 0


def seconds_left(session: SessionBase, *, at: datetime) -> int:
    """How long the session stays open when nothing more is done. A new one has its whole time."""
    second = int(at.timestamp())
    idle = session.get(_ACTIVE, second) + settings.SESSION_IDLE_SECONDS - second
    whole = session.get(_SIGNED_IN, second) + settings.SESSION_COOKIE_AGE - second
    return max(0, min(idle, whole))


def note_activity(session: SessionBase, *, at: datetime) -> None:
    """The person did something: the idle time begins anew. Never of a locked session."""
    second = int(at.timestamp())
    if _SIGNED_IN not in session:
        session[_SIGNED_IN] = second
    if second - session.get(_ACTIVE, 0) >= max(1, settings.SESSION_IDLE_SECONDS // 60):
        session[_ACTIVE] = second


def renew(session: SessionBase, *, at: datetime) -> None:
    """The same person gave the password again: a new session token, and both times begin anew."""
    session.cycle_key()
    session[_ACTIVE] = session[_SIGNED_IN] = int(at.timestamp())


def person_of_ended_session(*, session_key: str, at: datetime) -> User | None:
    """Return whose session this was that ran out by itself; None after a sign-out or a new password.

    Only to keep what they sent: it signs nobody in.
    """
    row = Session.objects.filter(
        session_key=session_key, expire_date__lte=at, expire_date__gt=at - _REMEMBERED_FOR
    ).first()
    if row is None:
        return None
    kept = row.get_decoded()
    found = User.objects.filter(pk=kept.get(SESSION_KEY) or 0, is_active=True).first()
    if found is None or kept.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    is_same_password = constant_time_compare(kept.get(HASH_SESSION_KEY, ""), found.get_session_auth_hash())
    may_sign_in = settings.DEMO or not found.is_demo
    return found if is_same_password and may_sign_in else None
