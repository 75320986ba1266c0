"""The call to the outside: it comes when all is well and stays away when anything is not."""

import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.utils import timezone

from registry import tasks
from registry.actions import due_runs, recount, scan
from registry.exchange.outside_heartbeat import ping_when_all_is_well
from registry.models import Alert, DueRun, Heartbeat, OutsidePing, ScanRun, User, WaitingEvaluation
from registry.queries import monitoring_status
from tests.factories import make_patient


class Listener(HTTPServer):
    """Somebody outside: keeps what it was asked and answers as it is told."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked = []
        self.status = 200
        self.url = f"http://127.0.0.1:{self.server_port}/ping/secret-of-ours"


class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        self.server.asked.append((self.path, dict(self.headers), self.rfile.read(length)))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def outside():
    listener = Listener()
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    yield listener
    listener.shutdown()
    listener.server_close()
    thread.join()


@pytest.fixture
def all_is_well(patient):
    at = timezone.now()
    scan.run_rules(as_of=None, at=at, trigger="night")
    recount.recount_a_share(at=at)
    due_runs.plan(at=at)
    DueRun.objects.update(state="done", finished_at=at)
    for name in ("worker", "beat"):
        Heartbeat.objects.create(name=name, at=at)
    failing = [check for check in monitoring_status.inner_checks(at=timezone.now()) if not check.ok]
    assert failing == []


def outside_check():
    return monitoring_status.checks(at=timezone.now())[-1]


def ping(outside):
    return ping_when_all_is_well(url=outside.url, at=timezone.now())


def test_it_is_called_once_and_told_nothing(outside, all_is_well, settings):
    settings.HEARTBEAT_URL = outside.url

    assert ping(outside) is True

    [(path, headers, body)] = outside.asked
    assert (path, body) == ("/ping/secret-of-ours", b"")
    assert headers["User-Agent"] == "registry-heartbeat"
    assert outside_check().ok
    assert outside_check().detail == "latest answer: HTTP 200"


BROKEN = {
    "a rule that has not run": lambda: ScanRun.objects.filter(rule="overdue_visit").delete(),
    "a canary that was not found": lambda: ScanRun.objects.filter(rule="overdue_visit").update(
        canaries_found=0
    ),
    "a duty that waits": lambda: WaitingEvaluation.objects.create(
        patient=make_patient(), since=timezone.now() - timedelta(hours=1)
    ),
    "a worker that is gone": lambda: Heartbeat.objects.filter(name="worker").update(
        at=timezone.now() - timedelta(hours=1)
    ),
    "alerts that differ from the record": lambda: _lose_an_alert(),
    "a demo account": lambda: User.objects.create(username="coordinator@demo", is_demo=True),
}


def _lose_an_alert():
    Alert.objects.filter(rule="overdue_visit").update(state="withdrawn")
    assert recount.recount_a_share(at=timezone.now()).overdue_difference_count == 1


@pytest.mark.parametrize("broken", BROKEN)
def test_it_is_not_called_when_anything_is_red(outside, all_is_well, settings, broken):
    settings.HEARTBEAT_URL = outside.url
    settings.DEMO = False
    BROKEN[broken]()

    assert ping(outside) is False

    assert outside.asked == []
    assert OutsidePing.objects.get().answer.startswith("not sent, since not all is well: ")
    assert not outside_check().ok


@pytest.mark.parametrize("status", [302, 404, 500])
def test_an_answer_that_is_no_success_is_not_heard(outside, all_is_well, settings, status):
    settings.HEARTBEAT_URL = outside.url
    outside.status = status

    assert ping(outside) is False

    assert len(outside.asked) == 1  # no other address was followed
    assert outside_check().detail == f"latest answer: HTTP {status}"


def test_an_outside_that_is_away_is_told_on_the_status_and_stops_nothing(all_is_well, settings, client):
    settings.HEARTBEAT_URL = "http://127.0.0.1:1/ping/secret-of-ours"

    assert ping_when_all_is_well(url=settings.HEARTBEAT_URL, at=timezone.now()) is False

    assert not outside_check().ok
    assert outside_check().detail == "latest answer: no answer: ConnectionRefusedError"
    assert client.get("/readyz").status_code == 200


def test_the_latest_success_stays_known_and_grows_old(outside, all_is_well, settings):
    settings.HEARTBEAT_URL = outside.url
    ping(outside)
    outside.status = 500
    ping(outside)

    assert OutsidePing.objects.get().answered_at is not None
    assert not outside_check().ok
    assert outside_check().value.startswith("heard less than a minute ago")


def test_without_an_address_nobody_is_called(all_is_well, settings):
    settings.HEARTBEAT_URL = ""

    tasks.ping_heartbeat()

    assert OutsidePing.objects.count() == 0
    assert (outside_check().ok, outside_check().value) == (True, "not set up")


def test_the_task_calls_the_address_that_is_set(outside, all_is_well, settings):
    settings.HEARTBEAT_URL = outside.url

    tasks.ping_heartbeat()

    assert len(outside.asked) == 1


def test_before_the_first_call_the_outside_has_heard_nothing(all_is_well, settings):
    settings.HEARTBEAT_URL = "https://outside.example/ping"

    assert (outside_check().ok, outside_check().value) == (False, "never sent")
