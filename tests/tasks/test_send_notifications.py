"""The sender in processes of its own: killed where it hurts, and sending again the same mail."""

import threading

import psycopg
import pytest
from celery import current_app
from django.db import connection

from registry import tasks
from registry.actions.notifications import message_id
from registry.models import Notification
from tests.factories import make_alert, make_patient, make_study, make_user
from tests.mail_server import running_mail_server
from tests.worker import kill, running_worker, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(monkeypatch):
    """A mail server that the worker finds as an operator would name it."""
    with running_mail_server() as mail_server:
        monkeypatch.setenv("EMAIL_HOST", "127.0.0.1")
        monkeypatch.setenv("EMAIL_PORT", str(mail_server.port))
        yield mail_server


@pytest.fixture
def critical_alert():
    make_user(username="officer", role="safety_officer", study=make_study())
    current_app.control.purge()
    return make_alert(patient=make_patient(), rule="secondary_malignancy", severity="critical")


def test_a_worker_sends_a_critical_alert_to_the_officer(critical_alert, server):
    with running_worker():
        tasks.send_notifications.delay()
        wait_until(lambda: Notification.objects.filter(state="sent").exists())

    assert [to for to, _ in server.accepted] == ["officer@hospital.example"]


def test_a_sender_killed_after_the_server_accepted_sends_the_same_mail_again(critical_alert, server):
    """Held between the server's yes and the mark by a lock on the audit trail that the mark writes into."""
    arrived = threading.Event()

    def hold_the_mark():
        if not arrived.is_set():
            holder.execute("LOCK TABLE audit.event IN SHARE MODE")
            arrived.set()

    server.on_mail = hold_the_mark
    with beside_us() as holder:
        with running_worker() as worker:
            tasks.send_notifications.delay()
            assert arrived.wait(60)
            wait_until(waits_for_the_lock)
            kill(worker)
        holder.rollback()
    assert Notification.objects.get().state == "waiting"

    Notification.objects.update(not_before=None)  # a minute later
    with running_worker():
        tasks.send_notifications.delay()
        wait_until(lambda: Notification.objects.filter(state="sent").exists())

    mail = Notification.objects.get()
    assert server.message_ids() == [message_id(mail)] * 2
    first, second = (accepted.as_string() for _, accepted in server.accepted)
    assert without_date(first) == without_date(second)
    assert mail.attempts == 2


def beside_us():
    """A connection of the test's own kind that another thread may use."""
    there = connection.settings_dict
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    return psycopg.connect(**{short: there[name] for name, short in names.items() if there[name]})


def waits_for_the_lock():
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_locks WHERE NOT granted AND relation = 'audit.event'::regclass")
        return cursor.fetchone() is not None


def without_date(mail):
    return [line for line in mail.splitlines() if not line.startswith("Date:")]
