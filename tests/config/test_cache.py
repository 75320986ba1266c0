"""The cache while Valkey is there and while it is away."""

import pytest
from django.core.cache import cache, caches
from django.test import Client

from tests.factories import make_user

AWAY = {
    "default": {
        "BACKEND": "config.cache.SharedOrOwnCache",
        "LOCATION": "unix:///nowhere/valkey.sock?db=0",
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    }
}


@pytest.fixture
def away(settings):
    settings.CACHES = AWAY
    cache.clear()
    yield
    cache.clear()


def test_counts_are_shared_through_valkey():
    cache.set("counted", 1)
    cache.incr("counted")

    assert caches.create_connection("default").get("counted") == 2
    cache.delete("counted")
    assert cache.get("counted") is None


def test_counts_are_kept_by_the_process_while_valkey_is_away(away):
    assert cache.add("lock", True, timeout=30)
    assert not cache.add("lock", True, timeout=30)
    cache.set_many({"a": 1, "b": 2})

    assert (cache.incr("a"), cache.get_many(["a", "b"]), cache.has_key("c")) == (2, {"a": 2, "b": 2}, False)
    assert caches.create_connection("default").get("a") == 2, "whichever thread asks"


def test_failed_logins_are_limited_while_valkey_is_away(away, db):
    make_user(username="clara", role="administrator")
    browser = Client()
    wrong = {"login": "clara", "password": "a wrong one"}

    answers = [browser.post("/account/login/", wrong).content.decode() for _ in range(6)]

    assert ["Too many failed login attempts" in answer for answer in answers] == [False] * 5 + [True]
