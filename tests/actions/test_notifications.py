"""Mails: one for each person and piece of news, at least once, never marked sent before a server accepted."""

import smtplib
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from registry.access.roles import NotAllowed
from registry.access.scope import EVERYTHING, NOTHING, Rows, acting, rows_of
from registry.actions import accounts, alerts, canaries, digest, notifications
from registry.actions.canary_record import STUDY_ID
from registry.models import Alert, AlertNews, AuditEvent, Notification, Patient
from tests.factories import NIGHT, make_alert, make_patient, make_study, make_user
from tests.mail_server import running_mail_server

MINUTE = timedelta(minutes=1)
LATER = NIGHT + timedelta(days=30)
DISMISSED = {"severity": "critical", "state": "dismissed", "decision": "not_confirmed"}
OFFICER, LEAD = "officer@hospital.example", "lead@hospital.example"


@pytest.fixture
def server(settings):
    with running_mail_server() as mail_server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mail_server.port
        yield mail_server


def critical_alert(patient, **facts):
    return make_alert(patient=patient, rule="secondary_malignancy", **{"severity": "critical", **facts})


def news(purpose="at_once"):
    return list(AlertNews.objects.filter(purpose=purpose).order_by("pk").values_list("kind", flat=True))


def only():
    return Notification.objects.get()


def a_mail(recipient, **facts):
    return Notification.objects.create(
        recipient=recipient, kind="critical_alert", payload={"studies": [], "alerts": []}, **facts
    )


# --- what is news -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "at_once"),
    [
        ({"severity": "critical"}, ["raised"]),
        ({"severity": "critical", "certainty": "possible"}, ["raised"]),
        ({"severity": "high"}, []),
        ({"severity": "critical", "state": "withdrawn"}, []),
    ],
)
def test_a_raised_alert_is_news_at_once_when_it_is_critical(patient, facts, at_once):
    make_alert(patient=patient, **facts)

    assert news() == at_once
    assert news("digest") == ([] if facts.get("state") else ["raised"])


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ({"severity": "high"}, {"severity": "critical"}, "risen"),
        ({"severity": "critical"}, {"severity": "high"}, None),
        ({"severity": "critical", "certainty": "possible"}, {"certainty": "certain"}, "risen"),
        ({"severity": "critical"}, {"certainty": "possible"}, None),
        ({"severity": "critical"}, {"evidence": {"days_overdue": 9}}, None),
        ({"severity": "critical", "state": "withdrawn"}, {"state": "open"}, "reopened"),
        (DISMISSED, {"state": "open"}, "reopened"),
        ({"severity": "critical"}, {"state": "acknowledged"}, None),
        ({"severity": "critical"}, {"state": "resolved"}, None),
        ({"severity": "high", "state": "resolved"}, {"severity": "critical"}, None),
    ],
)  # fmt: skip
def test_an_alert_that_rises_or_opens_again_is_news(patient, before, after, kind):
    alert = make_alert(patient=patient, **before)
    AlertNews.objects.all().delete()

    for name, value in after.items():
        setattr(alert, name, value)
    alert.save()

    assert news() == news("digest") == ([kind] if kind else [])


def test_what_an_officer_asks_is_news_for_the_digest_only(patient, officer):
    alert = critical_alert(patient)
    AlertNews.objects.all().delete()

    with acting(rows=rows_of(officer), by=officer):
        alerts.decide(alert=alert, decision="need_information", reason="biopsy?", by=officer, at=NIGHT)

    assert (news(), news("digest")) == ([], ["asked"])


def test_news_is_noted_and_taken_back_with_the_alert(patient):
    with transaction.atomic():
        critical_alert(patient)
        within = news()
        transaction.set_rollback(True)

    assert (within, news()) == (["raised"], [])


def test_an_alert_of_a_canary_patient_would_be_nobodys_news(officer):
    """None ever stands (actions/canaries.py); one that did would be mailed every night."""
    canaries.ensure(at=NIGHT)
    with acting(rows=Rows(studies=frozenset({STUDY_ID}))):
        critical_alert(Patient.objects.filter(pk__lt=0).earliest("pk"))
    alert = Alert.objects.get()
    alert.certainty, alert.state = "possible", "acknowledged"
    alert.save()

    assert (news(), news("digest")) == ([], [])
    assert digest.queue_digests(at=NIGHT) == 1
    assert only().payload["officer"]["possible"] == 0


# --- who is told ------------------------------------------------------------------------------


def test_officers_and_leads_of_the_study_are_told_and_nobody_else(
    patient, officer, lead, coordinator, manager, sponsor, administrator, stranger
):
    critical_alert(patient)

    assert notifications.tell_of_critical_alerts() == 2
    assert {mail.recipient for mail in Notification.objects.all()} == {officer, lead}
    assert news() == []


def test_a_thousand_alerts_of_one_night_are_one_mail(patient, officer):
    for number in range(30):
        critical_alert(patient, subject=f"adverse_event:AE-{number}")

    notifications.tell_of_critical_alerts()

    assert len(only().payload["alerts"]) == 30


def test_news_of_a_study_without_an_officer_waits_until_there_is_one(patient, stranger):
    critical_alert(patient)
    assert notifications.tell_of_critical_alerts() == 0
    assert news() == ["raised"]

    accounts.grant(
        username="new.officer",
        role="safety_officer",
        place=accounts.Place(study_key=patient.study.key),
        password="a long enough pass phrase",
        by=None,
        at=NIGHT,
        email="new@hospital.example",
    )

    assert notifications.tell_of_critical_alerts() == 1


def test_an_alert_settled_within_the_minute_is_no_mail(patient, officer):
    alert = critical_alert(patient)
    alert.state = "withdrawn"
    alert.save()

    assert notifications.tell_of_critical_alerts() == 0
    assert news() == []


def test_who_left_meanwhile_is_told_nothing_more(patient, officer, server):
    critical_alert(patient)
    notifications.tell_of_critical_alerts()
    accounts.close(username="officer", by=None, at=NIGHT)

    notifications.send_waiting(at=NIGHT)

    assert server.accepted == []
    assert (only().state, only().given_up_reason) == ("given_up", "Its recipient has left.")


# --- sending ----------------------------------------------------------------------------------


def test_a_mail_is_sent_once_with_the_message_id_of_its_row(patient, officer, server):
    critical_alert(patient)

    first = notifications.send_waiting(at=NIGHT)
    again = notifications.send_waiting(at=LATER)

    mail = only()
    assert (first.sent, again.sent) == (1, 0)
    assert server.message_ids() == [notifications.message_id(mail)]
    assert (mail.state, mail.sent_at, mail.sent_to, mail.attempts) == ("sent", NIGHT, OFFICER, 1)


def test_a_mail_holds_no_clinical_value_and_no_name_of_a_patient(
    site, officer, server
):  # product: opaque ids
    patient = make_patient(site=site, code="VIE-0815", birth_year=1971)
    critical_alert(
        patient,
        subject="adverse_event:AE-4711",
        evidence={"matched": "mycosis fungoides", "onset": "2024-05", "deepest_value": "0.4"},
    )

    notifications.send_waiting(at=NIGHT)

    whole = server.accepted[0][1].as_string()
    for secret in ("VIE-0815", "1971", "AE-4711", "mycosis", "2024-05", "0.4", "SLE", site.name):
        assert secret not in whole
    body = server.accepted[0][1].get_payload(decode=True).decode()
    assert "Critical: Candidate" in body
    assert f"/alerts/{patient.alerts.get().public_id}/" in body


def test_a_critical_alert_found_late_says_since_when_the_checks_had_not_run(patient, officer, server):
    critical_alert(patient, late_since=NIGHT - timedelta(days=3))

    notifications.send_waiting(at=NIGHT)

    body = server.accepted[0][1].get_payload(decode=True).decode()
    assert "(found late: the checks had not run since 29 Aug 2024, 02:00 UTC)" in body


def test_a_refused_recipient_is_a_dead_letter_at_once_and_holds_nobody_up(patient, officer, lead, server):
    server.answers[OFFICER] = "550 no such mailbox"
    critical_alert(patient)

    done = notifications.send_waiting(at=NIGHT)

    dead = Notification.objects.get(recipient=officer)
    assert (done.dead, done.sent) == (1, 1)
    assert (dead.state, dead.error) == ("dead", "550 no such mailbox")
    assert [to for to, _ in server.accepted] == [LEAD]


def test_a_mail_refused_whole_is_a_dead_letter(patient, officer, server):
    server.answer_to_data = "554 not wanted here"
    critical_alert(patient)

    notifications.send_waiting(at=NIGHT)

    assert (only().state, only().error) == ("dead", "554 not wanted here")


def test_a_recipient_delayed_is_tried_later_and_the_others_now(patient, officer, lead, server):
    server.answers[OFFICER] = "451 greylisted"
    critical_alert(patient)
    assert notifications.send_waiting(at=NIGHT).delayed == 1
    assert [to for to, _ in server.accepted] == [LEAD]

    server.answers.clear()

    assert notifications.send_waiting(at=NIGHT + MINUTE - timedelta(seconds=1)).sent == 0
    assert notifications.send_waiting(at=NIGHT + MINUTE).sent == 1


def test_an_account_without_an_address_is_a_dead_letter_until_it_has_one(patient, officer, server):
    officer.email = ""
    officer.save()
    critical_alert(patient)
    notifications.send_waiting(at=NIGHT)
    assert (only().state, only().error) == ("dead", "The account has no mail address.")

    notifications.set_preference(user=officer, email="o@hospital.example", wants_digest=True, at=NIGHT)

    assert notifications.send_waiting(at=NIGHT).sent == 1
    assert [to for to, _ in server.accepted] == ["o@hospital.example"]


def test_while_no_server_answers_the_mails_wait_longer_and_longer_and_die_after_three_days(
    patient, officer, settings
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    critical_alert(patient)
    at, pauses = NIGHT, []

    notifications.send_waiting(at=at)
    assert only().error.startswith("No mail server: [Errno 111]")
    while only().state == "waiting":
        pauses.append((only().not_before - at) // MINUTE)
        at = only().not_before
        notifications.send_waiting(at=at)

    assert pauses[:11] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]
    assert timedelta(days=3) < at - NIGHT < timedelta(days=4)
    assert (only().state, only().attempts) == ("dead", notifications.MOST_ATTEMPTS)


def test_a_silent_server_costs_one_attempt_of_one_mail_and_not_of_all(patient, officer, lead, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    critical_alert(patient)

    notifications.send_waiting(at=NIGHT)

    assert sorted(Notification.objects.values_list("attempts", flat=True)) == [0, 1]


def test_a_mail_that_ends_its_sender_holds_up_no_other_and_dies(patient, officer, lead, server):
    """A payload nobody can write is counted before it is tried."""
    broken = Notification.objects.create(recipient=officer, kind="critical_alert", payload={})
    a_mail(lead)

    with pytest.raises(KeyError):
        notifications.send_waiting(at=NIGHT)
    notifications.send_waiting(at=NIGHT)

    assert [to for to, _ in server.accepted] == [LEAD]
    Notification.objects.filter(pk=broken.pk).update(attempts=notifications.MOST_ATTEMPTS)
    notifications.send_waiting(at=LATER)
    broken.refresh_from_db()
    assert broken.state == "dead"
    assert "its sender stopped each time" in broken.error


def test_a_wrong_password_is_the_servers_trouble_and_kills_no_mail(officer, server, settings):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "registry", "wrong"
    a_mail(officer)  # our server offers no AUTH at all

    assert notifications.send_waiting(at=NIGHT).delayed == 1
    assert only().state == "waiting"


@pytest.mark.django_db(transaction=True)
def test_several_senders_at_once_send_each_mail_exactly_once(server):
    study = make_study()
    people = [make_user(username=f"officer{n}", role="safety_officer", study=study) for n in range(40)]
    critical_alert(make_patient())

    def send():
        try:
            return notifications.send_waiting(at=NIGHT).sent
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=6) as threads:
        sent = list(threads.map(lambda _: send(), range(6)))

    assert sum(sent) == len(people)
    assert sorted(to for to, _ in server.accepted) == sorted(person.email for person in people)
    assert len(set(server.message_ids())) == len(people)
    assert set(Notification.objects.values_list("state", "attempts")) == {("sent", 1)}


# --- a person looks after it ------------------------------------------------------------------


def test_a_dead_letter_is_sent_again_with_the_same_message_id(patient, officer, lead, server):
    dead = a_mail(officer, state="dead", attempts=20, error="550 no such mailbox")

    with acting(rows=rows_of(lead), by=lead, origin="form"):
        notifications.send_again(notification=dead, by=lead)
    notifications.send_waiting(at=NIGHT)

    assert server.message_ids() == [notifications.message_id(dead)]
    event = AuditEvent.objects.filter(tbl="registry_notification", op="U").earliest("id")
    assert (event.actor_id, event.reason, event.new) == (lead.pk, "send again", {"state": "waiting"})


def test_a_mail_given_up_is_kept_with_who_when_and_why(officer, manager):
    dead = a_mail(officer, state="dead")

    with acting(rows=rows_of(manager), by=manager, origin="form"):
        notifications.give_up(notification=dead, reason=" told by telephone ", by=manager, at=NIGHT)

    dead.refresh_from_db()
    assert (dead.state, dead.given_up_by, dead.given_up_at) == ("given_up", manager, NIGHT)
    assert dead.given_up_reason == "told by telephone"
    event = AuditEvent.objects.filter(tbl="registry_notification", op="U").latest("id")
    assert (event.actor_id, event.reason) == (manager.pk, "told by telephone")


def test_a_mail_is_given_up_only_with_a_reason(officer, manager):
    with pytest.raises(notifications.ReasonMissing):
        notifications.give_up(notification=a_mail(officer, state="dead"), reason=" ", by=manager, at=NIGHT)


@pytest.mark.parametrize("state", ["waiting", "given_up"])
def test_of_two_people_who_look_after_a_mail_the_second_is_told(officer, manager, state):
    mail = a_mail(officer, state="dead")
    if state == "waiting":
        notifications.send_again(notification=mail, by=manager)
    else:
        notifications.give_up(notification=mail, reason="left", by=manager, at=NIGHT)

    with pytest.raises(notifications.NotDead):
        notifications.send_again(notification=mail, by=manager)
    with pytest.raises(notifications.NotDead):
        notifications.give_up(notification=mail, reason="left", by=manager, at=NIGHT)


@pytest.mark.parametrize("actor", ["coordinator", "investigator", "officer", "sponsor"])
def test_only_who_looks_after_mails_may(request, officer, actor):
    person = request.getfixturevalue(actor)
    mail = a_mail(officer, state="dead")

    with pytest.raises(NotAllowed):
        notifications.send_again(notification=mail, by=person)
    with pytest.raises(NotAllowed):
        notifications.give_up(notification=mail, reason="left", by=person, at=NIGHT)


# --- what the database refuses ----------------------------------------------------------------


@pytest.mark.parametrize(
    "facts",
    [
        {"state": "sent"},
        {"state": "sent", "sent_at": NIGHT},
        {"state": "waiting", "sent_at": NIGHT, "sent_to": "a@b.example"},
        {"state": "given_up"},
        {"state": "given_up", "given_up_at": NIGHT},
        {"state": "dead", "given_up_reason": "no"},
        {"kind": "digest"},
        {"day": date(2024, 9, 1)},
    ],
)
def test_facts_of_a_mail_that_belong_together_are_kept_together(officer, facts):
    with pytest.raises(IntegrityError):
        Notification.objects.create(
            **{"recipient": officer, "kind": "critical_alert", "payload": {}, **facts}
        )


def test_the_application_deletes_no_mail(officer):
    mail = a_mail(officer)

    with pytest.raises(DatabaseError, match="permission denied"), acting(rows=EVERYTHING):
        mail.delete()


def test_a_person_without_scope_makes_news_all_the_same(patient, officer):
    """The trigger notes what was stored, whoever stored it and however little they may see."""
    alert = critical_alert(patient, severity="high")
    AlertNews.objects.all().delete()

    with acting(rows=rows_of(officer), by=officer):
        type(alert).objects.filter(pk=alert.pk).update(severity="critical")
    with acting(rows=NOTHING):
        assert news() == ["risen"]


def test_smtplib_tells_a_refused_recipient_from_other_trouble():
    """The order of the sender's exceptions rests on this."""
    assert not issubclass(smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException)
    assert issubclass(smtplib.SMTPException, OSError)
