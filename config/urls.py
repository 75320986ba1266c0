"""Every address is the registry's own; see `registry/urls.py`."""

from django.urls import include, path

urlpatterns = [path("", include("registry.urls"))]
