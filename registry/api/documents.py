"""The schema as built, and the page that explains it: for keys and for people signed in, nobody else."""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotFound
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request

from registry.api.authentication import KeyAuthentication
from registry.api.errors import KINDS, TYPES_AT
from registry.api.views import Guarded

SCHEMA_PATH = Path(__file__).parent / "openapi.json"


class OneForm(DefaultContentNegotiation):
    """An address with a single form of answer gives it to whoever asks."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


@extend_schema(exclude=True)
class Document(Guarded):
    authentication_classes = (KeyAuthentication, SessionAuthentication)
    permission_classes = (IsAuthenticated,)
    content_negotiation_class = OneForm


class SchemaView(Document):
    """The OpenAPI document."""

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(SCHEMA_PATH.read_bytes(), content_type="application/json")


class PageForPeople(Document):
    """A document that a person reads: who is not signed in is led to the door."""

    def permission_denied(
        self, request: Request, message: str | None = None, code: str | None = None
    ) -> NoReturn:
        if request.successful_authenticator or "text/html" not in request.headers.get("Accept", ""):
            super().permission_denied(request, message, code)
        raise _LedToTheDoor

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, _LedToTheDoor):
            return redirect_to_login(self.request.get_full_path())
        return super().handle_exception(exc)


class _LedToTheDoor(Exception):
    """Not signed in, and a browser."""


class DocsView(PageForPeople):
    """The documentation page, written on the server: it needs no script and asks nobody else."""

    def get(self, request: Request) -> HttpResponse:
        return render(
            request._request, "api/docs.html", {**_explained(), "problems": KINDS, "types_at": TYPES_AT}
        )


class ProblemTypeView(PageForPeople):
    """The address of a type of problem leads to its explanation."""

    def get(self, request: Request, kind: str) -> HttpResponseBase:
        if kind not in KINDS:
            raise NotFound("There is no such type of problem. /api/v1/docs/ lists them.")
        return redirect(f"/api/v1/docs/#{kind}")


@lru_cache(maxsize=1)
def _explained() -> dict[str, Any]:
    """The schema as the page shows it: resources with address, parameters and fields."""
    schema = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    return {
        "version": schema["info"]["version"],
        "resources": [
            _resource(path, operations["get"], schema)
            for path, operations in schema["paths"].items()
            if "{" not in path
        ],
    }


def _resource(path: str, operation: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    page = _resolved(operation["responses"]["200"]["content"]["application/json"]["schema"], schema)
    row = _resolved(page["properties"]["results"]["items"], schema)
    return {
        "name": operation["tags"][0],
        "path": path,
        "meaning": operation["description"],
        "parameters": [
            {"name": p["name"], "meaning": p.get("description", ""), "form": _form(p["schema"])}
            for p in operation["parameters"]
        ],
        "fields": [
            {"name": name, "meaning": field.get("description", ""), "form": _form(field)}
            for name, field in row["properties"].items()
        ],
    }


def _resolved(found: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = found["$ref"].rpartition("/")[2]
    component: Mapping[str, Any] = schema["components"]["schemas"][name]
    return component


def _form(found: Mapping[str, Any]) -> str:
    """A type in words: `text or null`, `date`, one of some codes."""
    codes = found.get("enum") or found.get("items", {}).get("enum")
    if codes:
        return "one of " + ", ".join(str(code) for code in codes if code is not None)
    types = found["type"] if isinstance(found["type"], list) else [found["type"]]
    words = [found.get("format") or found.get("pattern") or found["type"] if len(types) == 1 else ""]
    if len(types) > 1:
        words = [found.get("format") or types[0], *types[1:]]
    return " or ".join(words)
