"""Every address of the registry. One line per door: a room's own addresses stand in its `urls.py`."""

from django.urls import include, path

from registry.web import home

urlpatterns = [
    path("", home.home, name="home"),
    path("account/", include("registry.web.account.urls")),
    path("api/v1/", include("registry.api.urls")),
    path("", include("registry.web.questions.urls")),
    path("patients/", include("registry.web.investigator.urls")),
    path("alerts/", include("registry.web.officer.urls")),
    path("", include("registry.web.study.urls")),
]
