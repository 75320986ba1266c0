"""The addresses about the installation itself: its status and mails for people, its health for machines."""

from django.urls import path

from registry.web.study import notifications, views

app_name = "study"
urlpatterns = [
    path("status/", views.status, name="status"),
    path("notifications/", notifications.overview, name="notifications"),
    path("notifications/<uuid:public_id>/send-again/", notifications.send_again, name="send_again"),
    path("notifications/<uuid:public_id>/give-up/", notifications.give_up, name="give_up"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
