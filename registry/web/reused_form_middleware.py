"""A form that was saved before for another record is answered in words, whichever form it is."""

from collections.abc import Callable

from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from registry.actions.refused import FormOfAnotherRecord, form_of_another_behind

CONFLICT = 409


class ReusedFormMiddleware:
    """Stands inside the scope's transaction, which it takes back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page of the refusal; other errors go their way."""
        found = form_of_another_behind(error) if isinstance(error, DatabaseError) else error
        if not isinstance(found, FormOfAnotherRecord):
            return None
        # After an error of the database no frame can be read for the page.
        transaction.set_rollback(True)
        return HttpResponse(
            render_to_string("reused_form.html", {"words": found.for_people}), status=CONFLICT
        )
