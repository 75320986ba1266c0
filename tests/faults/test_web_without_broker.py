"""The web server with no broker to be reached: people sign in, save, and are told what waits."""

import os
import re
import socket
import subprocess
from contextlib import contextmanager
from html import unescape
from http.cookiejar import CookieJar
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from config import processes
from registry.clock import now
from registry.models import AuditEvent, Heartbeat, Visit, WaitingEvaluation
from tests.factories import PASSWORD, make_schedule, make_user
from tests.faults.cohort import make_patients, nobody_waits
from tests.web.scene import visit_data
from tests.worker import application_url, kill, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

NOWHERE = "unix:///nowhere/valkey.sock?db=0"


class Browser:
    """A person's browser without scripts: keeps cookies, follows redirects, sends forms with their token."""

    def __init__(self, port):
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self._home = f"http://127.0.0.1:{port}"

    def get(self, address):
        with self._opener.open(f"{self._home}{address}", timeout=60) as answer:
            return unescape(answer.read().decode())

    def send(self, address, form):
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(address))[1]
        sent = urlencode({**form, "csrfmiddlewaretoken": token}).encode()
        with self._opener.open(f"{self._home}{address}", data=sent, timeout=60) as answer:
            return unescape(answer.read().decode())


@contextmanager
def running_web(**elsewhere):
    """gunicorn as it runs everywhere; gives a browser that is not signed in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    web = subprocess.Popen(
        processes.here(processes.web(bind=f"127.0.0.1:{port}")),
        env={**os.environ, "DATABASE_URL": application_url(), **elsewhere},
        start_new_session=True,
    )
    try:
        browser = Browser(port)
        wait_until(lambda: is_up(browser))
        yield browser
    finally:
        kill(web)


def is_up(browser):
    try:
        return browser.get("/healthz")
    except URLError:
        return False


def test_without_a_broker_people_sign_in_and_save_and_are_told_that_checks_are_delayed():
    patient = make_patients(count=1, low_on=())[0]
    make_schedule(study=patient.study, visits=(("M6", 6, "month", 30, 30),))
    make_user(username="clara", role="coordinator", site=patient.site)
    nobody_waits()
    Heartbeat.objects.create(name="worker", at=now())

    with running_web(REDIS_URL=NOWHERE) as browser:
        browser.send("/account/login/", {"login": "clara", "password": PASSWORD})
        saved = browser.send(
            f"/patients/{patient.public_id}/visits/M6/", visit_data(**{"lab-ANC-value": "0.4"})
        )
        with pytest.raises(HTTPError, match="503"):
            browser.get("/readyz")

    assert "Visit M6 of VIE-00001 is saved" in saved
    assert "Alert checks are delayed." in saved
    visit = Visit.objects.get(patient=patient, code="M6")
    assert visit.lab_results.get().entered_value == "0.4"
    assert AuditEvent.objects.filter(tbl="registry_visit", op="I", pk_text=str(visit.pk)).exists()
    assert WaitingEvaluation.objects.filter(patient=patient).exists()
