"""Pytest's engines: one throw-away PostgreSQL and Valkey for the whole run.

A plugin and not a conftest, because pytest-django reads the settings before any conftest is imported.
"""

import os
import shutil
from collections.abc import Generator
from typing import Any

import pytest

from config import embedded

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")

_engines: embedded.Engines | None = None


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None, Any, Any]:
    """Start the engines before pytest-django, which does its part inside this same hook."""
    global _engines
    os.environ["TESTING"] = "1"
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright keeps an event loop in our thread
    given = {name: bool(os.environ.get(name)) for name in ("DATABASE_URL", "REDIS_URL")}
    if not all(given.values()):
        _engines = embedded.Engines.for_tests()
        os.environ["REGISTRY_DATA_DIR"] = str(_engines.data)
        (_engines.data / "static").mkdir()  # WhiteNoise warns at each request when there is none
        _engines.start(postgres=not given["DATABASE_URL"], valkey=not given["REDIS_URL"])
        if not given["DATABASE_URL"]:
            os.environ["DATABASE_URL"] = os.environ["DATABASE_OWNER_URL"] = _engines.owner_url
        if not given["REDIS_URL"]:
            os.environ["REDIS_URL"] = _engines.redis_url
    try:
        return (yield)
    except BaseException:  # the settings did not load, say: nobody would call pytest_unconfigure
        pytest_unconfigure()
        raise


def pytest_unconfigure() -> None:
    """Stop the engines; should the run be killed, the kernel stops them."""
    global _engines
    if _engines:
        _engines.stop()
        _engines = None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the browser tests, each by its name, where there is no browser."""
    if CHROMIUM:
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=f"{item.nodeid} needs Chromium"))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail the run when one of `bin/test`'s checks failed before it."""
    if os.environ.get("REGISTRY_FAILED_CHECKS") and not exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Repeat above the closing line which of them it was."""
    if failed := os.environ.get("REGISTRY_FAILED_CHECKS"):
        terminalreporter.section("checks that failed before the tests", red=True, bold=True)
        terminalreporter.line(failed)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start the system's Chromium, quiet, and without its sandbox only where it has none: as root."""
    switches = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
    if os.geteuid() == 0:
        switches.append("--no-sandbox")
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": switches}
