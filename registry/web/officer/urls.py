"""The safety officer's addresses, under `/alerts/`."""

from django.urls import path

from registry.web.officer import views

app_name = "officer"
urlpatterns = [
    path("", views.queue, name="queue"),
    path("<uuid:public_id>/", views.alert, name="alert"),
    path("<uuid:public_id>/acknowledge/", views.acknowledge, name="acknowledge"),
    path("<uuid:public_id>/take-up/", views.take_up, name="take_up"),
    path("<uuid:public_id>/decide/", views.decide, name="decide"),
]
