"""The readers of the environment name what they refuse."""

import stat
from datetime import date

import pytest

from config import env


@pytest.fixture
def given(monkeypatch):
    """Set VALUE, the variable every reader here reads."""
    return lambda value: monkeypatch.setenv("VALUE", value)


@pytest.mark.parametrize(
    ("value", "reader"),
    [
        ("true", env.flag),
        ("yes", env.flag),
        ("2", env.flag),
        ("tomorrow", env.day),
        ("20260131", env.day),
        ("2026-02-30", env.day),
        ("2026-W05-6", env.day),
        ("many", lambda name: env.integer(name, 1, at_least=0)),
        ("-1", lambda name: env.integer(name, 1, at_least=0)),
        ("0", lambda name: env.integer(name, 1, at_least=1)),
        ("*", env.hosts),
        ("a.example,*", env.hosts),
        (" , ", env.hosts),
        ("registry.example.org", lambda name: env.web_address(name, "")),
        ("https://registry.example.org/app", lambda name: env.web_address(name, "")),
        ("ftp://registry.example.org", lambda name: env.web_address(name, "")),
        ("http://outside.example/ping", lambda name: env.outside_address(name, may_be_plain=False)),
        (
            "https://user:word@outside.example/ping",
            lambda name: env.outside_address(name, may_be_plain=False),
        ),
        ("outside.example/ping", lambda name: env.outside_address(name, may_be_plain=True)),
        ("ftp://outside.example/ping", lambda name: env.outside_address(name, may_be_plain=True)),
        ("short", env.secret_key),
        ("a" * 60, env.secret_key),
        ("django-insecure-" + "abcdefghij" * 5, env.secret_key),
        ("mysql://user@host/registry", lambda name: env.database(name, "")),
        ("postgresql://user@host:port/registry", lambda name: env.database(name, "")),
        ("postgresql://user@host", lambda name: env.database(name, "")),
        ("amqp://localhost", lambda name: env.redis(name, "")),
    ],
)
def test_an_odd_value_is_refused_by_name(given, value, reader):
    given(value)

    with pytest.raises(env.NotConfigured, match="VALUE"):
        reader("VALUE")


def test_a_missing_value_is_refused_by_name_and_an_empty_one_is_missing(given):
    given("")

    with pytest.raises(env.NotConfigured, match="VALUE is missing"):
        env.text("VALUE")


def test_a_refused_address_is_not_repeated_because_it_holds_a_password(given):
    given("postgresql://user:hunter2@host:port/registry")

    with pytest.raises(env.NotConfigured) as refusal:
        env.database("VALUE", "")

    assert "hunter2" not in str(refusal.value)


def test_good_values_are_read_as_what_they_mean(given):
    given("2026-01-31")
    assert env.day("VALUE") == date(2026, 1, 31)
    given("a.example, b.example")
    assert env.hosts("VALUE") == ["a.example", "b.example"]
    given("1")
    assert env.flag("VALUE") is True
    assert env.integer("VALUE", 0, at_least=0) == 1


def test_a_database_address_may_be_a_socket_or_a_host_with_options(given):
    given("postgresql://registry_app@/registry?host=/run/pg")
    assert env.database("VALUE", "")["HOST"] == "/run/pg"

    given("postgresql://registry_app:p%40ss@db:5433/registry?sslmode=verify-full")
    read = env.database("VALUE", "")
    assert (read["HOST"], read["PORT"], read["PASSWORD"]) == ("db", "5433", "p@ss")
    assert read["OPTIONS"]["sslmode"] == "verify-full"


@pytest.mark.parametrize(
    ("url", "as_celery_spells_it"),
    [
        ("unix:///tmp/a/valkey.sock?db=3", "redis+socket:///tmp/a/valkey.sock?virtual_host=3"),
        ("unix:///tmp/a/valkey.sock", "redis+socket:///tmp/a/valkey.sock?virtual_host=0"),
        ("redis://:secret@broker:6379/0", "redis://:secret@broker:6379/0"),
    ],
)
def test_celery_spells_a_socket_differently(url, as_celery_spells_it):
    assert env.broker(url) == as_celery_spells_it


def test_a_kept_secret_stays_the_same_and_is_for_its_owner_only(tmp_path):
    path = tmp_path / "new" / "secret_key"

    first = env.kept_secret(path, characters=64)

    assert env.kept_secret(path, characters=64) == first
    assert len(first) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["secret_key"]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("https://registry.example.org/", "https://registry.example.org"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("", "https://fallback.example"),
    ],
)
def test_the_address_that_mails_link_to_has_no_slash_at_its_end(given, value, read):
    given(value)

    assert env.web_address("VALUE", "https://fallback.example") == read
