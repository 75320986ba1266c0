"""Constraints that several tables share: facts that belong together are constrained together."""

from collections.abc import Iterable

from django.db.models import CheckConstraint, F, Q


def one_of(field: str, codes: Iterable[str], *, table: str, or_empty: bool = False) -> CheckConstraint:
    """The column holds one of the codes of its list."""
    allowed = [*codes, ""] if or_empty else list(codes)
    return CheckConstraint(condition=Q(**{f"{field}__in": allowed}), name=f"{table}_{field}_is_known")


def all_or_none(*fields: str, name: str) -> CheckConstraint:
    """Either every one of these nullable columns is filled, or none is."""
    filled = Q(**{f"{field}__isnull": False for field in fields})
    empty = Q(**{f"{field}__isnull": True for field in fields})
    return CheckConstraint(condition=filled | empty, name=name)


def not_before(later: str, earlier: str, *, name: str) -> CheckConstraint:
    """When both dates are known the one is not before the other."""
    return CheckConstraint(
        condition=Q(**{f"{later}__isnull": True})
        | Q(**{f"{earlier}__isnull": True})
        | Q(**{f"{later}__gte": F(earlier)}),
        name=name,
    )
