"""A write that met a lock is answered with its words, whichever page sent it; nothing of it is stored."""

from collections.abc import Callable

from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from registry.actions.locks import RecordLocked, lock_behind

LOCKED = 423


class LockedMiddleware:
    """Stands inside the scope's transaction, which it takes back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page of a refusal; other errors go their way."""
        if isinstance(error, RecordLocked):
            answer = render(request, "locked.html", {"words": error.for_people}, status=LOCKED)
            transaction.set_rollback(True)
            return answer
        refusal = lock_behind(error) if isinstance(error, DatabaseError) else None
        if refusal is None:
            return None
        # After an error of the database no frame can be read for the page.
        transaction.set_rollback(True)
        page = render_to_string("locked_plain.html", {"words": refusal.for_people})
        return HttpResponse(page, status=LOCKED)
