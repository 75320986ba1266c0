"""Which rows a piece of work may touch, told to the database for the length of one transaction.

Row-level security reads these settings, the audit triggers read who, why and by which way (both in
migration 0002). Always transaction-local: a plain SET stays on a pooled connection, and
the next request would see another site's patients.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from registry.access.roles import VERBS_OF, Verb, memberships_of
from registry.models import User

Origin = Literal["form", "import", "api", "system"]


@dataclass(frozen=True, slots=True)
class Rows:
    """The patients that may be seen: everybody's, or those of some sites and of some studies."""

    everything: bool = False
    sites: frozenset[int] = field(default_factory=frozenset)
    studies: frozenset[int] = field(default_factory=frozenset)

    def q(self, patient: str = "") -> Q:
        """The condition on a table whose path to the patient is `patient` (empty: Patient itself)."""
        if self.everything:
            return Q()
        prefix = f"{patient}__" if patient else ""
        return Q(**{f"{prefix}site_id__in": self.sites}) | Q(**{f"{prefix}study_id__in": self.studies})


EVERYTHING = Rows(everything=True)
NOTHING = Rows()


def rows_of(user: User, *, verb: Verb = "see_patients") -> Rows:
    """The rows on which a role of this person holds `verb`."""
    held = [m for m in memberships_of(user) if verb in VERBS_OF[m.role]]
    return Rows(
        sites=frozenset(m.site_id for m in held if m.site_id is not None),
        studies=frozenset(m.study_id for m in held if m.study_id is not None),
    )


def rows_of_any(user: User, *verbs: Verb) -> Rows:
    """The rows on which a role of this person holds one of the verbs."""
    held = [rows_of(user, verb=verb) for verb in verbs]
    return Rows(
        sites=frozenset().union(*(rows.sites for rows in held)),
        studies=frozenset().union(*(rows.studies for rows in held)),
    )


_SETTINGS = ("everything", "sites", "studies", "actor", "reason", "origin")


@contextmanager
def acting(
    *, rows: Rows, by: User | None = None, origin: Origin = "system", reason: str = ""
) -> Iterator[None]:
    """One transaction that sees only `rows` and whose changes are recorded as made by `by`.

    May be nested; the outer settings come back at the end. An exception rolls everything back.
    """
    wanted = (
        "on" if rows.everything else "",
        _as_array(rows.sites),
        _as_array(rows.studies),
        str(by.pk) if by else "",
        reason,
        origin,
    )
    with transaction.atomic():
        before = _enter(wanted, role=settings.DATABASE_ROLE or "")
        yield
        if connection.needs_rollback:
            return  # a rollback takes the settings back itself, and no query is allowed before it
        _write(before.settings, role=before.role if settings.DATABASE_ROLE else "")


@contextmanager
def because(reason: str) -> Iterator[None]:
    """Record `reason` with the changes made inside; within `acting`. An exception takes both back."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(current_setting('registry.reason', true), '')")
            (before,) = cursor.fetchone()
            cursor.execute("SELECT set_config('registry.reason', %s, true)", [reason])
        yield
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('registry.reason', %s, true)", [before])


def _as_array(ids: frozenset[int]) -> str:
    return "{" + ",".join(str(pk) for pk in sorted(ids)) + "}"


class _Before(NamedTuple):
    role: str
    settings: tuple[str, ...]


def _enter(wanted: tuple[str, ...], *, role: str) -> _Before:
    """Write the settings, and return what they were: one statement, for every page begins with it.

    `role` is the application's database role where the connection is the owner's (the tests), else empty.
    """
    read = ", ".join(f"coalesce(current_setting('registry.{name}', true), '')" for name in _SETTINGS)
    written = _written(role)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH before AS MATERIALIZED (SELECT current_user, {read})"  # noqa: S608 - names of our own
            f" SELECT before.*, {written} FROM before",
            [*wanted, *([role] if role else [])],
        )
        found = cursor.fetchone()
    return _Before(found[0], tuple(found[1 : 1 + len(_SETTINGS)]))


def _write(values: tuple[str, ...], *, role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_written(role)}", [*values, *([role] if role else [])])


def _written(role: str) -> str:
    columns = [f"set_config('registry.{name}', %s, true)" for name in _SETTINGS]
    return ", ".join([*columns, "set_config('role', %s, true)"] if role else columns)
