"""The resources of the API: list and read, inside the scope of the key and in one transaction."""

import logging
from collections.abc import Sequence
from typing import Any, cast

from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotFound
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from registry import clock
from registry.access.scope import Rows, acting
from registry.actions.pseudonyms import pseudonyms_of
from registry.api.authentication import KeyAuthentication, MayRead
from registry.api.filters import FILTERS, OnlyKnownParameters, refuse_unknown
from registry.api.pagination import next_address, read_page
from registry.api.representation import as_rows
from registry.api.schema import documented
from registry.api.throttling import KeyThrottle
from registry.models import ApiKey
from registry.queries.sponsor_data import RESOURCES, Resource

logger = logging.getLogger(__name__)


class Guarded(APIView):
    """What all data addresses share: a key with its scope, counted, in JSON, never cached."""

    authentication_classes: Sequence[type[BaseAuthentication]] = (KeyAuthentication,)
    permission_classes: Any = (IsAuthenticated, MayRead)
    throttle_classes = (KeyThrottle,)
    content_negotiation_class: type[DefaultContentNegotiation] = DefaultContentNegotiation

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer


class ResourceView(Guarded, GenericViewSet):
    """Base of the views below, one for each resource."""

    resource: Resource
    filter_backends = (OnlyKnownParameters,)
    lookup_field = "id"

    @property
    def key(self) -> ApiKey:
        return cast(ApiKey, self.request.auth)

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return self.resource.rows(0)
        return self.resource.rows(self.key.study_id)

    def list(self, request: Request, **kwargs: Any) -> Response:
        with self._acting():
            rows = self.filter_queryset(self.get_queryset())
            page = read_page(rows, request, pk_of=self._pk_of)
            told = self._told(page.records)
        self._log(len(told))
        address = next_address(request, latest_id=told[-1]["id"]) if page.has_next else None
        return Response({"next": address, "results": told})

    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        refuse_unknown(request, accepted=[])
        with self._acting():
            pk = self._pk_of(kwargs["id"])
            if pk is None:
                raise NotFound(f"No such row in {self.resource.name} for this key.")
            told = self._told([self.get_queryset().get(pk=pk)])
        self._log(1)
        return Response(told[0])

    def _acting(self) -> Any:
        # By nobody but the key's account, and as far as the key's study: the second fence stands there too.
        return acting(rows=Rows(studies=frozenset({self.key.study_id})), by=self.key.user, origin="api")

    def _pk_of(self, row_id: str) -> int | None:
        return self.resource.pk_of(self.get_queryset(), row_id, self.key.sponsor_id)

    def _told(self, records: Sequence[Any]) -> Sequence[dict[str, Any]]:
        pseudonyms = pseudonyms_of(patient_ids=self.resource.patient_ids(records), sponsor=self.key.sponsor)
        rows = self.resource.describe(
            records, pseudonyms=pseudonyms, today_at=lambda time_zone: clock.today(time_zone=time_zone)
        )
        return as_rows(self.resource.columns, rows)

    def _log(self, row_count: int) -> None:
        logger.info("API read: %s rows of %s by key %s", row_count, self.resource.name, self.key.token_key)


@extend_schema(exclude=True)
class Elsewhere(Guarded):
    """Every address below /api/v1/ that is not there, so that it is refused in the same shape."""

    permission_classes = (IsAuthenticated,)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        raise NotFound("There is no such address. /api/v1/docs/ lists what there is.")

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        raise NotFound("There is no such address.")


def _view_of(resource: Resource) -> type[ResourceView]:
    name = "".join(part.capitalize() for part in resource.name.split("-"))
    view = type(
        f"{name}View",
        (ResourceView,),
        {
            "resource": resource,
            "filterset_class": FILTERS[resource.name],
            "__doc__": resource.dataset.meaning,
        },
    )
    return documented(view, resource=resource)


VIEWS = {name: _view_of(resource) for name, resource in RESOURCES.items()}
