"""Making, using and ending the keys of sponsors' programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from knox.models import get_digest_token
from knox.settings import CONSTANTS

from registry.access.roles import require
from registry.access.scope import NOTHING, acting
from registry.models import ApiKey, Membership, Sponsor, Study, User
from registry.models.export import SCOPES

LONGEST_DAYS = 1_825


class KeyRefused(ValueError):
    """The key cannot be made; the text says why and what would do."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `token` is the secret, known here and never again."""

    key: ApiKey
    token: str


def make_key(
    *, sponsor_key: str, study_key: str, scopes: Sequence[str], days: int, by: User | None, at: datetime
) -> NewKey:
    """Make a key of a sponsor for one of its studies, valid for `days` days from `at`.

    Raises KeyRefused for an unknown sponsor or study, a study of somebody else, an unknown scope or a
    duration that is not 1 to 1,825 days.
    """
    require(by, "manage_accounts")
    sponsor = Sponsor.objects.filter(key=sponsor_key, pk__gt=0).first()
    if sponsor is None:
        raise KeyRefused(f"There is no sponsor {sponsor_key}. {_known(Sponsor, 'Sponsors')}")
    study = Study.objects.filter(key=study_key, is_canary=False).first()
    if study is None:
        raise KeyRefused(f"There is no study {study_key}. {_known(Study, 'Studies')}")
    if study.sponsor_id != sponsor.pk:
        raise KeyRefused(f"Study {study.key} does not belong to sponsor {sponsor.key}.")
    if not scopes or set(scopes) - set(SCOPES):
        raise KeyRefused(
            f"{', '.join(sorted(set(scopes) - set(SCOPES))) or 'Nothing'} is no scope."
            f" Scopes: {', '.join(SCOPES)}."
        )
    if not 1 <= days <= LONGEST_DAYS:
        raise KeyRefused(f"A key is valid for 1 to {LONGEST_DAYS} days, not for {days}.")
    with acting(rows=NOTHING, by=by, reason="a key was made"):
        user = _program_of(sponsor=sponsor, study=study, at=at)
        digest, token = get_digest_token()
        key = ApiKey(
            digest=digest,
            token_key=token[: CONSTANTS.TOKEN_KEY_LENGTH],
            user=user,
            expiry=at + timedelta(days=days),
            sponsor=sponsor,
            study=study,
            scopes=sorted(set(scopes)),
        )
        key.save(force_insert=True)
    return NewKey(key=key, token=token)


def revoke(*, key: ApiKey, reason: str, by: User | None, at: datetime) -> None:
    """End a key at once. A key ended before stays as it was."""
    require(by, "manage_accounts")
    with acting(rows=NOTHING, by=by, reason=reason):
        ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=at)


def note_use(*, key: ApiKey, on: date) -> None:
    """Keep the latest day on which the key was used; one write a day, not one a request."""
    if key.last_used_on != on:
        ApiKey.objects.filter(pk=key.pk).update(last_used_on=on)


def _program_of(*, sponsor: Sponsor, study: Study, at: datetime) -> User:
    """The account that stands for the sponsor's programs: nobody can sign in with it."""
    user, is_new = User.objects.get_or_create(
        username=f"api:{sponsor.key}", defaults={"first_name": sponsor.name[:150], "last_name": "(API)"}
    )
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    Membership.objects.get_or_create(
        user=user,
        role="sponsor",
        sponsor=sponsor,
        study=study,
        ended_at__isnull=True,
        defaults={"granted_at": at},
    )
    return user


def _known(model: type[Sponsor] | type[Study], words: str) -> str:
    # The canaries, whose keys are negative, are nobody's.
    keys = list(model.objects.filter(pk__gt=0).order_by("key").values_list("key", flat=True)[:50])
    return f"{words}: {', '.join(keys)}." if keys else f"There are no {words.lower()} yet."
