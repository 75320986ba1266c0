"""Who the program is: `Authorization: Bearer <key>`, a key of one sponsor and one study."""

from typing import Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from registry.access.roles import VERBS_OF, memberships_of
from registry.actions import api_keys
from registry.api.errors import KeyRefused, Problem
from registry.models import ApiKey, User
from registry.queries.api_keys import key_with

_LONGEST = 200  # characters; a key has 64


class KeyAuthentication(BaseAuthentication):
    """Not knox's own class, which deletes expired keys: a key that took data out stays on record."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        header = get_authorization_header(request)
        scheme, _, token_bytes = header.partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        key = _key_of(token_bytes.strip())
        # The real clock, also in a demonstration that looks ahead: an expiry is no clinical date.
        at = timezone.now()
        if key.revoked_at is not None:
            raise KeyRefused("revoked-key", detail=f"This key was revoked on {key.revoked_at.date()}.")
        if key.expiry is not None and key.expiry <= at:
            raise KeyRefused("expired-key", detail=f"This key expired on {key.expiry.date()}.")
        if not key.user.is_active:
            raise KeyRefused("invalid-key", detail="The account of this key is closed.")
        api_keys.note_use(key=key, on=at.date())
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="registry"'


def _key_of(token: bytes) -> ApiKey:
    if (
        token
        and len(token) <= _LONGEST
        and token.isalnum()
        and (key := key_with(token=token.decode("ascii")))
    ):
        return key
    raise KeyRefused("invalid-key", detail="The registry knows no such key.")


class MayRead(BasePermission):
    """The key has the scope, and its account is still a sponsor's account for the key's study."""

    scope = "read"

    def has_permission(self, request: Request, view: Any) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey):
            return False
        if self.scope not in key.scopes:
            raise Problem(
                "missing-scope",
                status_code=403,
                detail=f"This needs the scope {self.scope}. The key has {', '.join(key.scopes) or 'none'}.",
                required=self.scope,
            )
        return any(
            "take_exports" in VERBS_OF[membership.role]
            and membership.study_id == key.study_id
            and membership.sponsor_id == key.sponsor_id
            for membership in memberships_of(key.user)
        )
