"""Only these: no sign-up, no mail, no password reset by mail in this version."""

from django.urls import path

from registry.web.account import notifications, password, views

# allauth looks its pages up by these global names.
urlpatterns = [
    path("login/", views.SignInView.as_view(), name="account_login"),
    path("demo/", views.enter_demo, name="enter_demo"),
    path("logout/", views.leave, name="account_logout"),
    path("unlock/", views.unlock, name="unlock"),
    path("session/", views.session, name="session"),
    path("notifications/", notifications.own_notifications, name="own_notifications"),
    path("password/", password.own_password, name="own_password"),
]
