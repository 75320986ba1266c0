"""Two officers at one alert at the same moment: one decision, and the other is told."""

from threading import Barrier, Thread

import pytest
from django.db import connection
from django.test import Client

from registry.models import AlertMove
from tests.factories import make_alert
from tests.web.officer_record import page_of

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(posts):
    """Send the forms of several people at the same moment, each by a connection of its own."""
    start = Barrier(len(posts))
    answers = {}

    def send(user, address, form):
        try:
            client = Client()
            client.force_login(user)
            start.wait(timeout=20)
            answers[user.username] = client.post(address, form, follow=True)
        finally:
            connection.close()

    threads = [Thread(target=send, args=post) for post in posts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return answers


@pytest.mark.parametrize("attempt", range(5))
def test_of_two_officers_who_decide_at_once_one_decides_and_the_other_is_told(
    officer, other_officer, patient, attempt
):
    alert = make_alert(patient=patient)
    address = f"{page_of(alert=alert)}decide/"

    answers = at_once(
        [
            (officer, address, {"decision": "confirmed", "reason": "Marrow shows it."}),
            (other_officer, address, {"decision": "not_confirmed", "reason": "Counts recovered."}),
        ]
    )

    alert.refresh_from_db()
    (move,) = AlertMove.objects.filter(alert=alert, kind="decided")
    assert move.by == alert.decided_by
    loser = other_officer if alert.decided_by == officer else officer
    assert "Your decision is recorded" in answers[alert.decided_by.username].content.decode()
    told = answers[loser.username].content.decode()
    assert f"This alert was decided by {alert.decided_by} at" in told
    assert move.reason in told


def test_a_decision_that_meets_an_acknowledgement_is_not_lost(officer, other_officer, patient):
    alert = make_alert(patient=patient)

    at_once(
        [
            (
                officer,
                f"{page_of(alert=alert)}decide/",
                {"decision": "confirmed", "reason": "Marrow shows it."},
            ),
            (other_officer, f"{page_of(alert=alert)}acknowledge/", {}),
        ]
    )

    alert.refresh_from_db()
    assert (alert.state, alert.decision, alert.decided_by) == ("confirmed", "confirmed", officer)
