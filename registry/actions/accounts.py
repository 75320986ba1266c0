"""Accounts and their roles: made and ended by an operator, never deleted (user names are not reused)."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from registry.access.roles import require
from registry.access.scope import NOTHING, acting
from registry.models import Membership, Site, Study, User
from registry.models.people import ROLES, SITE_ROLES, SPONSOR_ROLES, SYSTEM_ROLES, password_told


class AccountRefused(ValueError):
    """The account or role cannot be made or ended; the text says why and what would do."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a role is held: nothing for the administrator, a study for the rest, a site for site staff."""

    study_key: str = ""
    site_code: str = ""


def grant(
    *,
    username: str,
    role: str,
    place: Place,
    password: str,
    by: User | None,
    at: datetime,
    email: str = "",
) -> Membership:
    """Give a person a role, making the account when it is new; a password is needed only then.

    `email`, when given, becomes the address to which critical alerts and digests go.
    """
    require(by, "manage_accounts")
    if role not in ROLES:
        raise AccountRefused(f"{role} is no role. Roles: {', '.join(ROLES)}.")
    study, site = _found(role, place)
    with acting(rows=NOTHING, by=by, reason=f"role {role} granted"):
        user = User.objects.filter(username=username).first() or _new_user(username, password)
        if not user.is_active:
            raise AccountRefused(f"{username} was closed. A user name is never given again: choose another.")
        if email:
            _keep_address(user, email)
        membership, is_new = Membership.objects.get_or_create(
            user=user,
            role=role,
            site=site if role in SITE_ROLES else None,
            study=None if role in SITE_ROLES else study,
            sponsor=study.sponsor if study and role in SPONSOR_ROLES else None,
            ended_at=None,
            defaults={"granted_at": at},
        )
        if not is_new:
            raise AccountRefused(f"{username} holds this role already.")
    return membership


def close(*, username: str, by: User | None, at: datetime) -> int:
    """End every role of a person and close the account; return how many roles ended."""
    require(by, "manage_accounts")
    user = User.objects.filter(username=username).first()
    if user is None:
        raise AccountRefused(f"There is no account {username}.")
    with acting(rows=NOTHING, by=by, reason="account closed"):
        ended = Membership.objects.filter(user=user, ended_at__isnull=True).update(ended_at=at)
        user.is_active = False
        user.save(update_fields=["is_active"])
    return ended


def choose_password(*, by: User, password: str, at: datetime) -> None:
    """Keep the password that a person chose for themselves, which from now on may stand for them.

    Who calls has judged it. Sessions on other machines end.
    """
    by.set_password(password)
    by.has_own_secret = True
    with password_told("own", user=by):
        by.save(update_fields=["password", "has_own_secret"])


def person(*, username: str) -> User:
    """Return who has this user name and an open account; raises AccountRefused."""
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise AccountRefused(f"There is no account {username or '(none given)'}.")
    return user


def _found(role: str, place: Place) -> tuple[Study | None, Site | None]:
    if role in SYSTEM_ROLES:
        return None, None
    study = Study.objects.select_related("sponsor").filter(key=place.study_key, is_canary=False).first()
    if study is None:
        known = ", ".join(Study.objects.filter(is_canary=False).order_by("key").values_list("key", flat=True))
        raise AccountRefused(
            f"There is no study {place.study_key or '(none given)'}. Studies: {known or 'none'}."
        )
    if role not in SITE_ROLES:
        return study, None
    site = Site.objects.filter(study=study, code=place.site_code).first()
    if site is None:
        known = ", ".join(Site.objects.filter(study=study).order_by("code").values_list("code", flat=True))
        raise AccountRefused(
            f"{study.key} has no site {place.site_code or '(none given)'}. Sites: {known or 'none'}."
        )
    return study, site


def _keep_address(user: User, email: str) -> None:
    try:
        validate_email(email)
    except ValidationError as refusal:
        raise AccountRefused(f"{email!r} is no mail address.") from refusal
    user.email = email
    user.save(update_fields=["email"])


def _new_user(username: str, password: str) -> User:
    user = User(username=username)
    try:
        user.full_clean(exclude=["password"])
        validate_password(password, user)
    except ValidationError as refusal:
        raise AccountRefused(" ".join(refusal.messages)) from refusal
    user.set_password(password)
    user.save()
    return user
