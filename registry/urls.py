"""Every address of the registry."""

from django.urls import path

urlpatterns: list = []
