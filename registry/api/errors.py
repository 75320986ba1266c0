"""Every refusal of the API in one shape: an RFC 9457 problem document with a stable type."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response

from registry.access.roles import NotAllowed

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TYPES_AT = "/api/v1/problems/"


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of problem: its status, its title, and what a program's author should do about it."""

    status: int
    title: str
    advice: str


# The slug ends the type's address; a program may compare it, so none is ever renamed.
KINDS: Mapping[str, Kind] = {
    "unknown-parameter": Kind(400, "Unknown parameter", "`accepted` names the parameters of the address."),
    "invalid-parameter": Kind(400, "Invalid parameter", "`errors` names each parameter and what it takes."),
    "invalid-cursor": Kind(400, "Invalid cursor", "Begin without a cursor, then follow `next`."),
    "malformed-request": Kind(400, "Malformed request", "The detail says what could not be read."),
    "key-required": Kind(401, "A key is required", "Send `Authorization: Bearer <key>`."),
    "invalid-key": Kind(401, "The key is not valid", "Check that the whole key was copied."),
    "expired-key": Kind(401, "The key has expired", "Ask the registry for a new key."),
    "revoked-key": Kind(401, "The key was revoked", "Ask the registry for a new key."),
    "missing-scope": Kind(
        403, "The key lacks a scope", "`required` names the scope; ask for a key that has it."
    ),
    "not-allowed": Kind(403, "Not allowed", "The account of the key no longer holds its role in the study."),
    "not-found": Kind(404, "Not found", "There is no such row, or it is not this key's to know of."),
    "unknown-study": Kind(404, "Unknown study", "A key is for one study; `studies/` names it."),
    "unknown-site": Kind(404, "Unknown site", "`sites/` lists the sites."),
    "method-not-allowed": Kind(
        405, "Method not allowed", "`Allow` names the methods; this version only reads."
    ),
    "not-acceptable": Kind(406, "Not acceptable", "Accept `application/json`."),
    "unsupported-media-type": Kind(415, "Unsupported media type", "Send `application/json`."),
    "too-many-requests": Kind(429, "Too many requests", "Wait the seconds of `Retry-After`."),
    "internal-error": Kind(500, "Internal error", "Try again later; the failure is in the registry's log."),
}


class Problem(exceptions.APIException):
    """A refusal with one of the types above. `members` are added to the document."""

    def __init__(self, kind: str, *, status_code: int, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.kind = kind
        self.status_code = status_code
        self.members = members


class KeyRefused(exceptions.AuthenticationFailed):
    """The credentials are there and not good."""

    def __init__(self, kind: str, *, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.members: dict[str, Any] = {}


def unknown_parameters(*, unknown: list[str], accepted: list[str]) -> Problem:
    return Problem(
        "unknown-parameter",
        status_code=status.HTTP_400_BAD_REQUEST,
        detail=f"This address takes no {_listed(unknown, 'or')}. It takes {_listed(accepted, 'and')}.",
        unknown=unknown,
        accepted=accepted,
    )


def invalid_parameters(errors: list[dict[str, str]]) -> Problem:
    """`errors`: objects with `parameter` and `detail`, one for each refused value."""
    return Problem(
        "invalid-parameter",
        status_code=status.HTTP_400_BAD_REQUEST,
        detail=" ".join(f"{error['parameter']}: {error['detail']}" for error in errors),
        errors=errors,
    )


def problem_document(
    kind: str, *, status_code: int, detail: str, instance: str, **members: Any
) -> dict[str, Any]:
    return {
        "type": f"{TYPES_AT}{kind}",
        "title": KINDS[kind].title,
        "status": status_code,
        "detail": detail,
        "instance": instance,
        **members,
    }


def problem(exc: Exception, context: Mapping[str, Any]) -> Response:
    """Answer for whatever was raised in a view of the API. DRF's EXCEPTION_HANDLER."""
    kind, status_code, detail, members = _read(exc)
    if status_code >= status.HTTP_500_INTERNAL_SERVER_ERROR:
        logger.error("API request failed", exc_info=exc)
    request = context.get("request")
    response = Response(
        problem_document(
            kind,
            status_code=status_code,
            detail=detail,
            instance=request.path if request is not None else "",
            **members,
        ),
        status=status_code,
        content_type=CONTENT_TYPE,
    )
    if authenticate := getattr(exc, "auth_header", None):
        response["WWW-Authenticate"] = authenticate
    if (wait := getattr(exc, "wait", None)) is not None:
        response["Retry-After"] = str(max(1, -int(-wait // 1)))
    return response


_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.NotAuthenticated, "key-required"),
    (exceptions.AuthenticationFailed, "invalid-key"),
    (exceptions.PermissionDenied, "not-allowed"),
    (exceptions.NotFound, "not-found"),
    (exceptions.MethodNotAllowed, "method-not-allowed"),
    (exceptions.NotAcceptable, "not-acceptable"),
    (exceptions.UnsupportedMediaType, "unsupported-media-type"),
    (exceptions.Throttled, "too-many-requests"),
    (exceptions.ParseError, "malformed-request"),
    (exceptions.ValidationError, "malformed-request"),
)

# Where the framework says what is wrong and not what would do.
_SAID = {
    "key-required": "No key was given. Send the header Authorization: Bearer <key>.",
    "not-acceptable": "The header Accept leaves out application/json, the only form here. Ask for that.",
}


def _read(exc: Exception) -> tuple[str, int, str, dict[str, Any]]:
    """Give type, status, detail and further members. What we did not foresee says nothing of its inside."""
    if isinstance(exc, Http404):
        # Django's own text names the model.
        return "not-found", status.HTTP_404_NOT_FOUND, "There is nothing here for this key.", {}
    if isinstance(exc, PermissionDenied | NotAllowed):
        return "not-allowed", status.HTTP_403_FORBIDDEN, "This key or account may not do this.", {}
    if isinstance(exc, Problem | KeyRefused):
        return exc.kind, exc.status_code, str(exc.detail), exc.members
    for raised, kind in _KINDS:
        if isinstance(exc, raised) and isinstance(exc, exceptions.APIException):
            return kind, exc.status_code, _SAID.get(kind) or _words(exc.detail), {}
    return (
        "internal-error",
        status.HTTP_500_INTERNAL_SERVER_ERROR,
        "The registry could not answer. The failure is in its log.",
        {},
    )


def _words(detail: Any) -> str:
    if isinstance(detail, list):
        return " ".join(_words(part) for part in detail)
    if isinstance(detail, dict):
        return " ".join(f"{name}: {_words(part)}" for name, part in detail.items())
    return str(detail)


def _listed(names: list[str], joint: str) -> str:
    if not names:
        return "parameter"
    *others, latest = names
    return f"{', '.join(others)} {joint} {latest}" if others else latest
