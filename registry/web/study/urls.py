"""The addresses about the installation itself: its status and mails for people, its health for machines."""

from django.urls import path

from registry.web.study import locks, notifications, security, views

app_name = "study"
urlpatterns = [
    path("status/", views.status, name="status"),
    path("notifications/", notifications.overview, name="notifications"),
    path("notifications/<uuid:public_id>/send-again/", notifications.send_again, name="send_again"),
    path("notifications/<uuid:public_id>/give-up/", notifications.give_up, name="give_up"),
    path("locks/", locks.page, name="locks"),
    path("locks/<int:lock_id>/ask/", locks.ask, name="ask_to_unlock"),
    path("locks/unlockings/<int:unlocking_id>/decide/", locks.decide, name="decide_unlocking"),
    path("security/", security.events, name="security"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
