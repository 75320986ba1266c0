"""Pages by cursor: the rows after the one a page ended with, whatever was added meanwhile."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from registry.api.errors import Problem, invalid_parameters

CURSOR, PAGE_SIZE = "cursor", "page_size"
DEFAULT_SIZE, LARGEST_SIZE = 100, 500


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of a page, and whether others follow."""

    records: list[Any]
    has_next: bool


def read_page(rows: QuerySet[Any], request: Request, *, pk_of: Callable[[str], int | None]) -> Page:
    """Return the page that `cursor` and `page_size` ask for, ordered by row number.

    A cursor holds the id of the last row of the page before, as the sponsor knows it. Raises Problem for
    a size outside 1 to 500 and for a cursor that this list never gave.
    """
    size = _size(request.query_params.get(PAGE_SIZE))
    rows = rows.order_by("pk")
    if (cursor := request.query_params.get(CURSOR)) is not None:
        after = pk_of(_decoded(cursor))
        if after is None:
            raise _invalid_cursor()
        rows = rows.filter(pk__gt=after)
    # One row more than asked for tells whether a next page exists, without counting.
    found = list(rows[: size + 1])
    return Page(records=found[:size], has_next=len(found) > size)


def next_address(request: Request, *, latest_id: str) -> str:
    """The address of the page that follows the row with this id."""
    return replace_query_param(request.build_absolute_uri(), CURSOR, _encoded(latest_id))


def _size(text: str | None) -> int:
    if text is None:
        return DEFAULT_SIZE
    if text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= LARGEST_SIZE:
        return int(text)
    raise invalid_parameters(
        [{"parameter": PAGE_SIZE, "detail": f"Give a whole number from 1 to {LARGEST_SIZE}."}]
    )


def _encoded(row_id: str) -> str:
    return urlsafe_b64encode(row_id.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> str:
    try:
        return urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode()
    except (Error, ValueError) as refusal:
        raise _invalid_cursor() from refusal


def _invalid_cursor() -> Problem:
    return Problem(
        "invalid-cursor",
        status_code=400,
        detail="This list never gave such a cursor. Begin without one, then follow `next`.",
    )
