"""Every page runs in one transaction that sees only the rows of the person who asked."""

from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from registry.access.scope import acting, rows_of
from registry.models import User


class ScopeMiddleware:
    """Opens the scope of the signed-in person; what is not signed in, and the API's keys, have none here."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if not isinstance(user, User):
            return self.get_response(request)
        with acting(rows=rows_of(user), by=user, origin="form"):
            response = self.get_response(request)
            if response.status_code >= 500:
                # Django has turned the exception into a response by now; what it wrote must not stay.
                transaction.set_rollback(True)
        # A shared machine at a ward: the Back button shows nothing after signing out.
        response.headers.setdefault("Cache-Control", "no-store")
        return response
