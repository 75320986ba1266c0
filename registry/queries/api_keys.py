"""Which key a sponsor's program came with, and which keys a sponsor has."""

from collections.abc import Collection
from hmac import compare_digest

from knox.crypto import hash_token
from knox.settings import CONSTANTS

from registry.models import ApiKey


def key_with(*, token: str) -> ApiKey | None:
    """Return the key of this token with its user, sponsor and study; None when there is none.

    Expired and revoked keys are returned as well: whoever asks must be told which.
    """
    digest = hash_token(token)
    candidates = ApiKey.objects.filter(token_key=token[: CONSTANTS.TOKEN_KEY_LENGTH]).select_related(
        "user", "sponsor", "study"
    )
    return next((key for key in candidates if compare_digest(key.digest, digest)), None)


def keys_of(*, sponsors: Collection[int]) -> list[ApiKey]:
    """Return the keys of these sponsors, the latest first; a key itself was shown once and is not stored."""
    return list(
        ApiKey.objects.filter(sponsor__in=sponsors).select_related("study").order_by("-created", "token_key")
    )
