"""The addresses about the installation itself: its status for people, its health for machines."""

from django.urls import path

from registry.web.study import views

app_name = "study"
urlpatterns = [
    path("status/", views.status, name="status"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
