"""The screen of mails that could not be sent, a person's own choice, and the status that tells of both."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registry.models import AlertNews, Notification, NotificationPreference, User
from registry.queries import monitoring_status
from tests.factories import make_alert, make_dead_letter, make_study

PAGE = "/notifications/"
OWN = "/account/notifications/"


def words_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def check():
    return next(c for c in monitoring_status.checks(at=timezone.now()) if c.name == "notifications")


# --- the screen -------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", ["administrator", "manager", "lead"])
def test_who_looks_after_mails_reads_who_when_and_why(request, as_user, study, officer, actor):
    make_dead_letter(study=study, recipient=officer)

    page = words_of(as_user(request.getfixturevalue(actor)).get(PAGE))

    assert "0 waiting 0 sent 1 could not be sent 0 given up" in page
    assert "To officer officer@hospital.example" in page
    assert "1 critical alert to review" in page
    assert "550 no such mailbox" in page


def test_a_manager_sees_the_mails_of_their_own_study_only(as_user, manager, administrator, study, patient):
    elsewhere = make_study(key="OTHER-STUDY")
    dead = make_dead_letter(study=elsewhere, error="550 elsewhere")

    assert "550 elsewhere" not in words_of(as_user(manager).get(PAGE))
    assert as_user(manager).post(f"{PAGE}{dead.public_id}/send-again/").status_code == 404
    assert "550 elsewhere" in words_of(as_user(administrator).get(PAGE))


def test_the_mails_of_site_staff_are_their_studys_too(as_user, manager, coordinator, study):
    make_dead_letter(study=study, recipient=coordinator)

    assert "To coordinator" in words_of(as_user(manager).get(PAGE))


def test_a_button_sends_again(as_user, manager, study):
    dead = make_dead_letter(study=study)

    answer = as_user(manager).post(f"{PAGE}{dead.public_id}/send-again/", follow=True)

    dead.refresh_from_db()
    assert (dead.state, dead.attempts) == ("waiting", 0)
    assert "is sent again within a minute." in words_of(answer)


def test_a_mail_is_given_up_with_a_reason_that_stays_on_the_page(as_user, manager, study):
    dead = make_dead_letter(study=study)

    answer = as_user(manager).post(
        f"{PAGE}{dead.public_id}/give-up/", {f"{dead.public_id}-reason": "told by telephone"}, follow=True
    )

    dead.refresh_from_db()
    assert (dead.state, dead.given_up_by) == ("given_up", manager)
    assert "told by telephone" in words_of(answer)


def test_without_a_reason_nothing_is_given_up_and_the_field_says_so(as_user, manager, study):
    dead = make_dead_letter(study=study)

    answer = as_user(manager).post(f"{PAGE}{dead.public_id}/give-up/", {f"{dead.public_id}-reason": "  "})

    dead.refresh_from_db()
    assert (answer.status_code, dead.state) == (422, "dead")
    assert "<title>Error: Mails" in answer.content.decode()
    assert f'href="#id_{dead.public_id}-reason"' in answer.content.decode()


def test_who_comes_second_is_told(as_user, manager, lead, study):
    dead = make_dead_letter(study=study)
    as_user(lead).post(f"{PAGE}{dead.public_id}/send-again/")

    answer = as_user(manager).post(f"{PAGE}{dead.public_id}/send-again/", follow=True)

    assert "Somebody looked after this mail already" in words_of(answer)


def test_critical_alerts_in_no_mail_are_told(as_user, manager, patient):
    make_alert(patient=patient, severity="critical")

    assert "1 critical alert is in no mail yet." in words_of(as_user(manager).get(PAGE))


def test_the_page_asks_the_same_number_of_questions_for_many_mails(as_user, manager, study):
    def questions():
        person = as_user(manager)
        person.get(PAGE)  # the first page of a session also keeps when it began
        with CaptureQueriesContext(connection) as asked:
            person.get(PAGE)
        return len(asked)

    make_dead_letter(study=study)
    few = questions()
    for _ in range(20):
        make_dead_letter(study=study)

    assert questions() == few


# --- a person's own ---------------------------------------------------------------------------


def test_a_person_changes_address_and_digest(as_user, officer):
    answer = as_user(officer).post(OWN, {"email": "m.okafor@hospital.example"}, follow=True)

    assert "Your choice is kept." in words_of(answer)
    assert User.objects.get(pk=officer.pk).email == "m.okafor@hospital.example"
    assert NotificationPreference.objects.get(user=officer).wants_digest is False
    assert 'name="wants_digest" id="id_wants_digest">' in answer.content.decode()


@pytest.mark.parametrize(
    ("actor", "told", "untold"),
    [
        ("officer", "nobody can switch this off", "at your site"),
        ("coordinator", "at your site", "nobody can switch this off"),
        ("sponsor", "Nothing: mails go to those who review", "digest every day"),
    ],
)
def test_each_role_reads_what_it_is_sent(request, as_user, actor, told, untold):
    page = words_of(as_user(request.getfixturevalue(actor)).get(OWN))

    assert told in page
    assert untold not in page


@pytest.mark.parametrize("written", ["", "officer", "a@b\nBcc: x@y.example"])
def test_what_is_no_address_is_refused_and_kept_in_the_field(as_user, officer, written):
    answer = as_user(officer).post(OWN, {"email": written})

    assert answer.status_code == 422
    assert User.objects.get(pk=officer.pk).email == "officer@hospital.example"


def test_a_new_address_sends_the_dead_letters_of_this_person_again(as_user, study, officer, lead):
    dead = make_dead_letter(study=study, recipient=officer)
    others = make_dead_letter(study=study, recipient=lead)

    assert "1 mail to you could not be sent." in words_of(as_user(officer).get(OWN))
    as_user(officer).post(OWN, {"email": "new@hospital.example", "wants_digest": "on"})

    states = dict(Notification.objects.values_list("pk", "state"))
    assert states == {dead.pk: "waiting", others.pk: "dead"}


def test_the_frame_leads_to_a_persons_own_mails(as_user, coordinator, scene):
    assert f'href="{OWN}"' in as_user(coordinator).get("/").content.decode()


# --- the status -------------------------------------------------------------------------------


def test_nothing_waiting_and_nothing_dead_is_ok(db):
    assert (check().ok, check().value) == (True, "none waiting")


def test_a_dead_letter_is_not_ok_until_somebody_looked_after_it(db, study):
    dead = make_dead_letter(study=study)
    assert not check().ok
    assert "1 could not be sent: see /notifications/" in check().value

    dead.state = "given_up"
    dead.given_up_at, dead.given_up_reason = timezone.now(), "told by telephone"
    dead.save()
    assert check().ok


@pytest.mark.parametrize(("minutes", "ok"), [(29, True), (31, False)])
def test_a_mail_that_waits_longer_than_half_an_hour_is_not_ok(db, officer, minutes, ok):
    Notification.objects.create(
        recipient=officer,
        kind="critical_alert",
        payload={},
        created_at=timezone.now() - timedelta(minutes=minutes),
    )

    assert check().ok is ok
    assert check().value == f"1 waiting, oldest {minutes} min"


def test_news_that_nobody_can_be_told_is_not_ok(patient):
    """A critical alert of a study without an officer must not be silent."""
    make_alert(patient=patient, severity="critical")
    AlertNews.objects.update(since=timezone.now() - timedelta(hours=1))

    assert not check().ok
    assert "critical alerts in no mail yet: 1; has their study an officer?" in check().detail


@pytest.mark.parametrize(("host", "ok"), [("", False), ("smtp.hospital.example", True)])
def test_production_without_a_mail_server_is_not_ok_and_says_where_mails_go(db, settings, host, ok):
    settings.PRODUCTION, settings.EMAIL_HOST, settings.EMAIL_FILE_PATH = True, host, "/data/mail"

    assert check().ok is ok
    assert check().detail == ("" if ok else "no mail server is set: mails are written to /data/mail")


def test_the_readiness_of_the_application_does_not_hang_on_mails(db, study):
    make_dead_letter(study=study)

    assert "notifications" not in {c.name for c in monitoring_status.readiness(at=timezone.now())}
