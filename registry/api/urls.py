"""Every address of the API, below /api/v1/."""

from django.urls import path, re_path

from registry.api.documents import DocsView, ProblemTypeView, SchemaView
from registry.api.views import VIEWS, Elsewhere

urlpatterns = [
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", DocsView.as_view(), name="api-docs"),
    path("problems/<slug:kind>", ProblemTypeView.as_view(), name="api-problem"),
    *(path(f"{name}/", view.as_view({"get": "list"}), name=f"api-{name}") for name, view in VIEWS.items()),
    *(
        path(f"{name}/<str:id>/", view.as_view({"get": "retrieve"}), name=f"api-{name}-one")
        for name, view in VIEWS.items()
    ),
    # Only with a slash at the end: an address without one is led to the address with it.
    re_path(r"^(?:.*/)?$", Elsewhere.as_view(), name="api-elsewhere"),
]
