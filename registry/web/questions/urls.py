"""Addresses of questions. `<id>` is an opaque id of the thread; asking stands below its patient or alert."""

from django.urls import path

from registry.web.questions import asking, views

app_name = "questions"
urlpatterns = [
    path("questions/", views.questions, name="list"),
    path("questions/<uuid:public_id>/", views.question, name="question"),
    path("questions/<uuid:public_id>/answer/", views.answer, name="answer"),
    path("questions/<uuid:public_id>/not-enough/", views.not_enough, name="not_enough"),
    path("questions/<uuid:public_id>/close/", views.close, name="close"),
    path("questions/<uuid:public_id>/take-back/", views.take_back, name="take_back"),
    path("patients/<uuid:public_id>/ask/", asking.ask_about_patient, name="ask"),
    path("alerts/<uuid:public_id>/ask/", asking.ask_from_alert, name="ask_from_alert"),
]
