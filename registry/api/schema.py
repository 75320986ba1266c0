"""What the schema says beyond the fields: parameters, pages, problems and the key.

The schema is built to `openapi.json` beside this file, committed, and served from there:
`manage.py spectacular --format openapi-json --validate --fail-on-warn --file registry/api/openapi.json`.
"""

from typing import Any

from django import forms
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers

from registry.api.errors import CONTENT_TYPE
from registry.api.filters import FILTERS, CodesFilter, InstantField
from registry.api.pagination import CURSOR, DEFAULT_SIZE, LARGEST_SIZE, PAGE_SIZE
from registry.api.representation import component_of, serializer_of
from registry.queries.sponsor_data import Resource


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "registry.api.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key of one sponsor and one study."}


class ProblemSerializer(serializers.Serializer[Any]):
    """A problem document (RFC 9457)."""

    type = serializers.CharField(help_text="Address of the kind of problem; stable")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField(help_text="The path that was asked for")


_PROBLEMS: dict[int, str] = {
    400: "A parameter is unknown or invalid",
    401: "No key, or one that is not valid",
    403: "The key lacks the scope, or its account the role",
    404: "Nothing here that this key may know of",
    406: "Only application/json",
    429: "Too many requests; see Retry-After",
}


def documented(view: Any, *, resource: Resource) -> Any:
    """Give the view of a resource its place in the schema."""
    component = component_of(resource.name)
    row = serializer_of(resource.name, resource.columns)
    page = extend_schema_serializer(many=False)(
        type(
            f"{component}Page",
            (serializers.Serializer,),
            {
                "next": serializers.URLField(
                    allow_null=True, help_text="Address of the next page; null on the last"
                ),
                "results": row(many=True),
            },
        )
    )
    problems = {
        (status, CONTENT_TYPE): OpenApiResponse(response=ProblemSerializer, description=words)
        for status, words in _PROBLEMS.items()
    }
    return extend_schema_view(
        list=extend_schema(
            operation_id=f"list_{resource.name.replace('-', '_')}",
            tags=[resource.name],
            summary=f"List {resource.name}",
            description=f"{resource.dataset.meaning}.",
            parameters=[*_filters(resource), *_PAGING],
            responses={200: page, **problems},
            filters=False,
        ),
        retrieve=extend_schema(
            operation_id=f"read_{component[0].lower()}{component[1:]}",
            tags=[resource.name],
            summary=f"Read one of {resource.name}",
            description=f"{resource.dataset.meaning}.",
            parameters=[
                OpenApiParameter("id", OpenApiTypes.STR, OpenApiParameter.PATH, description="`id` of the row")
            ],
            responses={200: row, **problems},
            filters=False,
        ),
    )(view)


_PAGING = [
    OpenApiParameter(
        PAGE_SIZE,
        {"type": "integer", "minimum": 1, "maximum": LARGEST_SIZE, "default": DEFAULT_SIZE},
        description="Rows of a page; more than the maximum is refused",
    ),
    OpenApiParameter(CURSOR, OpenApiTypes.STR, description="Where a page goes on; taken from `next`"),
]


def _filters(resource: Resource) -> list[OpenApiParameter]:
    return [
        OpenApiParameter(name, _schema_of(found.field), description=_words(found), **_style(found))
        for name, found in FILTERS[resource.name].base_filters.items()
    ]


def _schema_of(field: forms.Field) -> dict[str, Any]:
    if isinstance(field, InstantField):
        return {"type": "string", "format": "date-time"}
    if isinstance(field, forms.DateField):
        return {"type": "string", "format": "date"}
    if isinstance(field, forms.UUIDField):
        return {"type": "string", "format": "uuid"}
    if isinstance(field, forms.TypedChoiceField):
        return {"type": "boolean"}
    if isinstance(field, forms.ChoiceField):
        choices: Any = field.choices
        codes = [code for code, _ in choices if code]
        return {"type": "array", "items": {"type": "string", "enum": codes}}
    return {"type": "string"}


def _words(found: Any) -> str:
    if isinstance(found, CodesFilter):
        return "One code, or several with commas between"
    return str(found.extra.get("help_text", ""))


def _style(found: Any) -> dict[str, Any]:
    is_list = _schema_of(found.field).get("type") == "array"
    return {"style": "form", "explode": False} if is_list else {}
