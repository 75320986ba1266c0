"""Who may sign in at all. Demo accounts exist only where DEMO=1 (contract.md section 6)."""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection

from registry.models import User


class DemoAccountsOutsideDemo(RuntimeError):
    """The database holds accounts whose password is printed on a screen, and this is no demonstration."""


class SignInBackend(ModelBackend):
    """User name and password; a demo account only in the demo, whatever session it still holds."""

    def user_can_authenticate(self, user: Any) -> bool:
        is_allowed = settings.DEMO or not getattr(user, "is_demo", False)
        return is_allowed and super().user_can_authenticate(user)


def demo_accounts() -> tuple[str, ...]:
    """The user names of the demo accounts that could sign in were this a demonstration."""
    found = User.objects.filter(is_demo=True, is_active=True).order_by("pk")
    return tuple(found.values_list("username", flat=True))


def demo_account(*, username: str) -> User | None:
    """The demo account of this name, or None; always None outside the demo."""
    if not settings.DEMO:
        return None
    return User.objects.filter(is_demo=True, is_active=True, username=username).first()


def enters_without_password(user: User) -> bool:
    """Whether the person came in by a button of the demo, and so has no password to give again."""
    return settings.DEMO and user.is_demo


def refuse_demo_accounts() -> None:
    """Raise DemoAccountsOutsideDemo where demo accounts exist and DEMO is off."""
    if settings.DEMO:
        return
    found = demo_accounts()
    if found:
        raise DemoAccountsOutsideDemo(
            f"{len(found)} demo accounts exist ({', '.join(found[:7])}) but DEMO is off. "
            "Use a database without them, or set DEMO=1 where no real patient is kept."
        )


@register(Tags.database)
def check_demo_accounts(databases: Any = None, **_: Any) -> list[CheckMessage]:
    """The same refusal for `check --database default`."""
    # `migrate` asks before there are any tables, and so before there is anybody.
    if not databases or User._meta.db_table not in connection.introspection.table_names():
        return []
    try:
        refuse_demo_accounts()
    except DemoAccountsOutsideDemo as refusal:
        return [Error(str(refusal), id="registry.E001")]
    return []
