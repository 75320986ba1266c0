"""Typed readers of the environment. A missing or odd value stops the start with its name."""

import os
import secrets
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict


class NotConfigured(ImproperlyConfigured):
    """The environment lacks a value, or has one that cannot be meant."""


def text(name: str, default: str | None = None) -> str:
    """Return the value. An empty one counts as missing; missing without a default is refused."""
    value = os.environ.get(name) or default
    if value is None:
        raise NotConfigured(f"{name} is missing.")
    return value


def flag(name: str) -> bool:
    """Return whether the value is 1. Refuses everything but 1, 0 and nothing.

    "true", "yes" and "on" are refused rather than read as off: DEBUG=true must not look safe.
    """
    value = os.environ.get(name, "")
    if value not in ("", "0", "1"):
        raise NotConfigured(f"{name} is {value!r}; accepted are 1 and 0.")
    return value == "1"


def integer(name: str, default: int, *, at_least: int) -> int:
    """Return the value as a whole number not below `at_least`."""
    value = text(name, str(default))
    if not (value.isascii() and value.isdigit()) or int(value) < at_least:
        raise NotConfigured(f"{name} is {value!r}; a whole number of at least {at_least} is needed.")
    return int(value)


def day(name: str) -> date | None:
    """Return the value as a date, or None when there is none. Refuses all but YYYY-MM-DD."""
    value = os.environ.get(name)
    if not value:
        return None
    try:
        read = date.fromisoformat(value)
    except ValueError:
        read = None
    if read is None or read.isoformat() != value:  # fromisoformat also takes 20240131 and 2024-W05-3
        raise NotConfigured(f"{name} is {value!r}; a date written YYYY-MM-DD is needed.")
    return read


def words(name: str, default: str = "") -> list[str]:
    """Return the comma-separated parts of the value, without blanks."""
    return [part.strip() for part in (os.environ.get(name) or default).split(",") if part.strip()]


def hosts(name: str) -> list[str]:
    """Return the host names this installation answers to. Refuses none at all, and "*"."""
    names = words(name)
    if not names or "*" in names:
        raise NotConfigured(f"{name} must name the hosts this installation answers to; '*' is refused.")
    return names


def web_address(name: str, default: str) -> str:
    """Return the address at which people reach the registry, without a slash at its end."""
    value = text(name, default).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
        raise NotConfigured(f"{name} is {value!r}; it must read https://registry.example.org.")
    return value


def outside_address(name: str, *, may_be_plain: bool) -> str:
    """Return the address that is called when all is well, or nothing. Refuses http unless `may_be_plain`."""
    value = text(name, "")
    parts = urlsplit(value)
    schemes = ("https", "http") if may_be_plain else ("https",)
    if value and (parts.scheme not in schemes or not parts.hostname or parts.username or parts.password):
        # The value is not repeated: its path is a secret.
        raise NotConfigured(f"{name} must read https://host/path, without a user or a password.")
    return value


def secret_key(name: str) -> str:
    """Return the value. Refuses fewer than 50 characters and Django's own mark of an insecure key."""
    value = text(name)
    if len(value) < 50 or len(set(value)) < 5 or value.startswith("django-insecure-"):
        raise NotConfigured(f"{name} must be random and have at least 50 characters.")
    return value


def kept_secret(path: Path, *, characters: int) -> str:
    """Return the secret in the file, writing a random one when there is none, for this user's eyes only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(characters)[:characters])
        try:
            # Whole or not at all, and the first wins: web and worker may start in the same moment.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def database(name: str, default: str) -> dict[str, Any]:
    """Return Django's connection settings for a libpq URL, sockets and sslmode included."""
    url = text(name, default)
    try:
        parts: Mapping[str, Any] = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts = {}
    ports = str(parts.get("port", "")).replace(",", "")  # several hosts have several ports
    is_odd = not url.startswith(("postgresql://", "postgres://")) or not (ports.isdigit() or ports == "")
    if is_odd or not parts.get("dbname"):
        # The value is not repeated: it may hold a password.
        raise NotConfigured(f"{name} must read postgresql://user:password@host:port/database.")
    places = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{place: str(parts.get(key, "")) for key, place in places.items()},
        "OPTIONS": {"connect_timeout": 5, **{k: v for k, v in parts.items() if k not in places}},
    }


def redis(name: str, default: str) -> str:
    """Return the URL as redis-py and Django spell it. Refuses anything but redis://, rediss:// and unix://."""
    url = text(name, default)
    if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
        raise NotConfigured(f"{name} must read redis://:password@host:port/0 or unix:///path?db=0.")
    return url


def broker(url: str) -> str:
    """Return a Redis URL as Celery spells it: sockets are unix:// for redis-py, redis+socket:// for kombu."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    return f"redis+socket://{parts.path}?virtual_host={parts.query.partition('db=')[2] or '0'}"
