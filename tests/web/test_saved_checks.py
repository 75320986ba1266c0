"""After a save: whether the checks ran, run, are delayed or failed, in words."""

from datetime import timedelta

import pytest

from registry.clock import now
from registry.models import Heartbeat, WaitingEvaluation
from tests import factories
from tests.web.scene import visit_data
from tests.web.test_events import event_data

NOWHERE = "unix:///nowhere/valkey.sock?db=0"
SAYS = {
    "running": "Checks are running",
    "delayed": "Alert checks are delayed.",
    "failed": "The checks could not judge this record.",
    "judged": "The checks have judged this record.",
}


@pytest.fixture
def person(as_user, coordinator, scene):
    return as_user(coordinator)


@pytest.fixture
def worker_seen(scene):
    """`worker_seen(minutes_ago=…)`: the sign of life that a worker leaves with every sweep."""

    def note(*, minutes_ago):
        Heartbeat.objects.update_or_create(
            name="worker", defaults={"at": now() - timedelta(minutes=minutes_ago)}
        )

    note(minutes_ago=1)
    return note


def save_visit(person, scene):
    return person.post(f"/patients/{scene.patient.public_id}/visits/M6/", visit_data())["Location"]


def said_on(page):
    text = page.content.decode()
    return [progress for progress, words in SAYS.items() if words in text]


def test_checks_run_where_a_worker_was_seen_and_the_broker_answers(person, scene, worker_seen):
    saved = save_visit(person, scene)

    assert said_on(person.get(saved)) == ["running"]


def test_checks_are_delayed_without_a_broker_and_the_save_counts(person, scene, worker_seen, settings):
    settings.REDIS_URL = NOWHERE

    page = person.get(save_visit(person, scene))

    assert said_on(page) == ["delayed"]
    assert "The record is saved and will be checked as soon as they run again." in page.content.decode()
    assert "is saved</h1>" in page.content.decode()
    assert "No open alert about this patient" not in page.content.decode()


@pytest.mark.parametrize(("minutes_ago", "said"), [(4, "running"), (6, "delayed")])
def test_checks_are_delayed_when_no_worker_was_seen_for_five_minutes(
    person, scene, worker_seen, minutes_ago, said
):
    saved = save_visit(person, scene)
    worker_seen(minutes_ago=minutes_ago)

    assert said_on(person.get(saved)) == [said]


def test_checks_are_delayed_where_no_worker_was_ever_seen(person, scene):
    assert said_on(person.get(save_visit(person, scene))) == ["delayed"]


@pytest.mark.parametrize(("seconds", "said"), [(120, "running"), (180, "delayed")])
def test_checks_are_delayed_when_the_change_has_waited_for_minutes(person, scene, worker_seen, seconds, said):
    saved = save_visit(person, scene)
    waiting = WaitingEvaluation.objects.filter(patient=scene.patient)
    waiting.update(since=waiting.latest("since").since - timedelta(seconds=seconds))

    assert said_on(person.get(saved)) == [said]


def test_a_record_that_a_rule_could_not_read_is_said_to_have_failed(person, scene, worker_seen):
    saved = save_visit(person, scene)
    WaitingEvaluation.objects.filter(patient=scene.patient).update(attempts=1)

    assert said_on(person.get(saved)) == ["failed"]


def test_judged_is_said_when_nothing_waits_whatever_the_broker_does(person, scene, settings):
    settings.REDIS_URL = NOWHERE
    saved = save_visit(person, scene)
    WaitingEvaluation.objects.all().delete()

    assert said_on(person.get(saved)) == ["judged"]


@pytest.mark.parametrize("is_absent", [False, True])
def test_an_event_is_recorded_and_its_message_says_how_the_checks_stand(
    person, scene, worker_seen, settings, is_absent
):
    if is_absent:
        settings.REDIS_URL = NOWHERE
    address = f"/patients/{scene.patient.public_id}/events/"

    page = person.post(address, event_data(term="Lymphoma"), follow=True).content.decode()

    assert "Recorded: Lymphoma." in page
    assert ("Alert checks are delayed" in page) is is_absent
    assert ("The checks are running on it." in page) is not is_absent


def test_a_screened_patient_is_not_said_to_be_checked(person, scene):  # G-3: in no rule's scope
    screened = factories.make_patient(site=scene.patient.site, code="VIE-0099", enrolled_on=None)

    page = person.post(f"/patients/{screened.public_id}/events/", event_data(), follow=True)

    said = page.content.decode()
    assert "It is saved; alert checks begin when the patient is enrolled." in said
    assert "The checks are running on it." not in said
