"""The first page, by role."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from registry.access.gates import get_user


def home(request: HttpRequest) -> HttpResponse:
    """What the person came to do."""
    get_user(request)
    return render(request, "investigator/home.html", {})
