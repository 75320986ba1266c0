"""Named actors and the rows they live among. A fixed night, so that nothing depends on today."""

import contextlib
import os
import signal
import threading
import time

import pytest
from django.db import connection, connections
from hypothesis import settings as examples
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect

# Named again here: Playwright's plugin is loaded after ours and would start a browser of its own.
from config.pytest_stack import browser_type_launch_args  # noqa: F401
from tests import factories
from tests.processes import called, children_of

# On two busy cores an answer takes its time; what comes at once does not wait for this.
expect.set_options(timeout=30_000)
# No law is one of time, and a busy machine fails none.
examples.register_profile("untimed", deadline=None)
examples.load_profile("untimed")


@pytest.fixture
def study(db):
    study = factories.make_study()
    factories.make_schedule(study=study)
    return study


@pytest.fixture
def site(study):
    return factories.make_site(study=study)


@pytest.fixture
def other_site_place(study):
    return factories.make_site(study=study, code="GRZ")


@pytest.fixture
def patient(site):
    return factories.make_patient(site=site, code="VIE-0001")


@pytest.fixture
def coordinator(site):
    return factories.make_user(username="coordinator", role="coordinator", site=site)


@pytest.fixture
def investigator(site):
    return factories.make_user(username="investigator", role="investigator", site=site)


@pytest.fixture
def other_site(other_site_place):
    """An investigator of another site of the same study."""
    return factories.make_user(username="other_site", role="investigator", site=other_site_place)


@pytest.fixture
def officer(study):
    return factories.make_user(username="officer", role="safety_officer", study=study)


@pytest.fixture
def other_officer(study):
    return factories.make_user(username="other_officer", role="safety_officer", study=study)


@pytest.fixture
def lead(study):
    return factories.make_user(username="lead", role="safety_lead", study=study)


@pytest.fixture
def manager(study):
    return factories.make_user(username="manager", role="data_manager", study=study)


@pytest.fixture
def sponsor(study):
    return factories.make_user(username="sponsor", role="sponsor", study=study, sponsor=study.sponsor)


@pytest.fixture
def stranger(db):
    """An officer of another sponsor's study."""
    study = factories.make_study(key="OTHER-STUDY")
    return factories.make_user(username="stranger", role="safety_officer", study=study)


@pytest.fixture
def administrator(db):
    return factories.make_user(username="administrator", role="administrator")


@pytest.fixture
def as_user(client):
    """`as_user(officer).get(...)`: the test client, signed in as one of the actors."""

    def sign_in(user):
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture(autouse=True)
def nobody_writes_any_more(request):
    """After a test with other connections, wait until they have ended what they do.

    A write while the tables are emptied would be a deadlock, and its victim the next test. A page that is
    closed sends what was typed last: after a browser all must be quiet for half a second, not at one glance.
    A worker that was killed has statements under way.
    """
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction"):
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    quiet = 0.5 if "live_server" in request.fixturenames else 0
    end, quiet_since = time.monotonic() + 10, time.monotonic()
    while time.monotonic() < end:
        if _others_at_work():
            quiet_since = time.monotonic()
        elif time.monotonic() >= quiet_since + quiet:
            break
        time.sleep(0.05)


def _others_at_work():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return cursor.fetchone()[0]


@pytest.fixture(scope="session")
def playwright(playwright):
    """While Playwright's event loop runs, Django has connections of its own for it, and ends none."""
    yield playwright
    connections.close_all()


_CLOSES_WITHIN_SECONDS = float(os.environ.get("BROWSER_CLOSES_WITHIN", "60"))
_browser = {}


@pytest.fixture
def browser(launch_browser):
    """One browser for the whole run, and another when it was lost."""
    if "open" not in _browser or not _browser["open"].is_connected():
        _browser["open"] = launch_browser()
    return _browser["open"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    """A browser that does not close its pages, as one in some hundred tests does, is killed and forgotten."""
    if not item.get_closest_marker("browser"):
        return (yield)
    is_lost = threading.Event()
    guard = threading.Timer(_CLOSES_WITHIN_SECONDS, _kill_browsers, [is_lost])
    guard.start()
    try:
        return (yield)
    except PlaywrightError:
        if not is_lost.is_set():
            raise
        item.warn(pytest.PytestWarning("Chromium did not close its pages and was killed."))
    finally:
        guard.cancel()


def _kill_browsers(is_lost):
    is_lost.set()
    for pid in children_of(os.getpid()):
        if "chromium" in called(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
