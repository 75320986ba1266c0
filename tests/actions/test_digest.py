"""The daily digest: one for each person and day, of what no digest said before; silence is never safety."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from registry.actions import alerts, digest, notifications, scan
from registry.actions.letters import letter
from registry.models import AlertNews, Heartbeat, Notification
from tests.actions.test_notifications import critical_alert
from tests.factories import (
    NIGHT,
    make_alert,
    make_patient,
    make_question,
    make_site,
    make_study,
    make_user,
    make_visit,
)

MORNING = NIGHT + timedelta(hours=4)  # 06:00 UTC on Sunday, 1 September 2024
DAY = timedelta(days=1)
MONDAY = MORNING + DAY


def digest_of(person, at=MORNING):
    return Notification.objects.get(kind="digest", recipient=person, day=at.date())


def told(person, at=MORNING):
    return letter(digest_of(person, at)).body


def has_one(person, at=MORNING):
    return Notification.objects.filter(kind="digest", recipient=person, day=at.date()).exists()


def overdue(patient, **facts):
    return make_alert(
        patient=patient, rule="overdue_visit", subject="D28@2024-03-01", **{"severity": "low", **facts}
    )


# --- once -------------------------------------------------------------------------------------


def test_a_second_time_on_the_same_day_makes_none(patient, officer, lead):
    assert digest.queue_digests(at=MORNING) == 2
    critical_alert(patient)

    assert digest.queue_digests(at=MORNING + timedelta(hours=9)) == 0
    assert Notification.objects.count() == 2


def test_the_database_itself_refuses_a_second_digest_of_a_day(officer):
    digest.queue_digests(at=MORNING)

    with pytest.raises(IntegrityError, match="notification_one_digest_a_day"):
        Notification.objects.create(recipient=officer, kind="digest", day=MORNING.date(), payload={})


def test_what_came_after_a_digest_is_in_the_next_one_and_only_there(patient, officer):
    critical_alert(patient)
    digest.queue_digests(at=MORNING)
    make_alert(patient=patient)
    digest.queue_digests(at=MONDAY)

    assert "Critical: Candidate" in told(officer)
    assert "Critical: Candidate" not in told(officer, MONDAY)
    assert "   1  Medium: Cytopenia lasting more than 28 days" in told(officer, MONDAY)


def test_a_digest_made_up_for_in_the_night_is_yesterdays_and_leaves_today_its_own(patient, officer):
    digest.queue_digests(at=MORNING - timedelta(hours=5))
    digest.queue_digests(at=MORNING)

    days = Notification.objects.order_by("day").values_list("day", flat=True)
    assert list(days) == [MORNING.date() - DAY, MORNING.date()]


@pytest.mark.django_db(transaction=True)
def test_an_alert_whose_transaction_ends_after_the_digest_is_in_the_next_one():
    """Its instant lies before the digest; a digest by instants would lose it for good."""
    officer = make_user(username="officer", role="safety_officer", study=make_study())
    patient = make_patient()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(
            "INSERT INTO registry_alert (public_id, patient_id, rule, rule_version, limits, subject,"
            " one_per_subject, certainty, severity, state, day_zero, last_on, evidence, raised_at,"
            " last_seen_at, decision, ground_gone, is_new_since_decision)"
            " VALUES (gen_random_uuid(), %s, 'secondary_malignancy', 1, '{}', 'trigger:T2', true, 'certain',"
            " 'high', 'open', '2024-03-01', '2024-04-01', '{}', %s, %s, '', false, false)",
            [patient.pk, MORNING - DAY, MORNING - DAY],
        )
        digest.queue_digests(at=MORNING)
        cursor.execute("COMMIT")
    other.close()
    digest.queue_digests(at=MONDAY)

    assert "Nothing new" in told(officer)
    assert "   1  High: Candidate" in told(officer, MONDAY)


def test_days_without_a_digest_are_one_digest(patient, officer):
    for day in range(4):
        critical_alert(patient, subject=f"adverse_event:{day}", raised_at=NIGHT - day * DAY)

    assert digest.queue_digests(at=MORNING) == 1
    assert digest_of(officer).payload["officer"]["new_count"] == 4


# --- what an officer reads --------------------------------------------------------------------


def test_nothing_new_is_said_with_how_many_patients_were_checked_and_when(patient, officer):
    make_visit(patient=patient, visited_on=date(2024, 3, 29))
    scan.run_rules(as_of=None, at=NIGHT, trigger="night")
    Heartbeat.objects.create(name="worker", at=MORNING)

    digest.queue_digests(at=MORNING)

    body = told(officer)
    assert "The checks ran for 1 of 1 patients, until 1 Sep 2024, 02:00 UTC." in body
    assert "Nothing new since your last digest." in body


def test_checks_that_did_not_run_stand_in_the_subject(patient, officer):
    digest.queue_digests(at=MORNING)

    written = letter(digest_of(officer))
    assert written.subject == "Digest of 1 Sep 2024: the alert checks did not run as they should"
    assert "!! Alert checks have not run yet. New alerts may be missing." in written.body


def test_alerts_found_late_are_said_apart_with_from_and_to(site, officer):  # reliability 3.3
    down_since = NIGHT - 3 * DAY
    for _ in range(3):
        critical_alert(make_patient(site=site), late_since=down_since)
    make_alert(patient=make_patient(site=site))

    digest.queue_digests(at=MORNING)

    body = told(officer)
    assert set(AlertNews.objects.values_list("purpose")) == {("at_once",)}  # these wait for their sender
    assert "   1  Medium: Cytopenia lasting more than 28 days" in body
    assert "Found late: 3 alerts, because the checks did not run from 29 Aug 2024, 02:00 UTC to " in body
    assert body.index("New since your last digest") < body.index("Found late")


def test_what_was_settled_meanwhile_is_a_number(patient, officer):
    alert = critical_alert(patient)
    alert.state = "withdrawn"
    alert.save()

    digest.queue_digests(at=MORNING)

    assert "1 more was raised and decided, resolved or withdrawn since." in told(officer)


def test_what_waits_is_counted_certain_and_possible_apart(site, officer):  # G-6
    critical_alert(make_patient(site=site))
    make_alert(patient=make_patient(site=site))
    make_alert(patient=make_patient(site=site), certainty="possible")

    digest.queue_digests(at=MORNING)

    assert "Waiting for review: 2, of these 1 critical. Cannot be excluded: 1." in told(officer)


def test_an_officer_of_another_study_reads_nothing_of_this_one(patient, officer, stranger):
    critical_alert(patient)

    digest.queue_digests(at=MORNING)

    assert digest_of(stranger).payload["officer"]["new_count"] == 0
    assert digest_of(stranger).payload["officer"]["waiting"] == 0


def test_no_digest_holds_a_clinical_value_or_a_patients_number(site, officer, coordinator):
    patient = make_patient(site=site, code="VIE-0815", birth_year=1971)
    critical_alert(patient, subject="adverse_event:AE-4711", evidence={"matched": "mycosis fungoides"})
    overdue(patient)

    digest.queue_digests(at=MORNING)

    for person in (officer, coordinator):
        written = letter(digest_of(person))
        whole = written.subject + written.body + str(digest_of(person).payload)
        for secret in ("VIE-0815", "1971", "AE-4711", "mycosis", "2024-03-01", "2024-04-04", "0.4"):
            assert secret not in whole


# --- what a site reads ------------------------------------------------------------------------


@pytest.mark.parametrize("actor", ["coordinator", "investigator"])
def test_a_site_is_told_of_new_overdue_visits(request, patient, actor):
    person = request.getfixturevalue(actor)
    overdue(patient)

    digest.queue_digests(at=MORNING)

    assert "Your site VIE\n1 overdue visit, 1 new\n0 requests for data" in told(person)


def test_a_site_is_told_what_the_officer_asks_and_what_cannot_be_excluded(site, coordinator, officer):
    alert = make_alert(patient=make_patient(site=site))
    make_alert(patient=make_patient(site=site), certainty="possible")
    alerts.decide(alert=alert, decision="need_information", reason="count?", by=officer, at=NIGHT)

    digest.queue_digests(at=MORNING)

    assert "0 overdue visits\n2 requests for data, 2 new" in told(coordinator)


def test_a_site_where_nothing_is_new_gets_no_mail_but_on_mondays_while_something_is_open(
    patient, coordinator
):
    overdue(patient)
    digest.queue_digests(at=MORNING)
    digest.queue_digests(at=MONDAY)
    digest.queue_digests(at=MONDAY + DAY)

    assert [has_one(coordinator, MORNING + n * DAY) for n in range(3)] == [True, True, False]


def test_a_site_with_nothing_open_gets_none_on_mondays_either(patient, coordinator):
    digest.queue_digests(at=MONDAY)

    assert not has_one(coordinator, MONDAY)


def test_another_site_is_told_nothing(patient, other_site):
    overdue(patient)

    digest.queue_digests(at=MORNING)

    assert not has_one(other_site)


def test_managers_sponsors_and_administrators_get_none(patient, manager, sponsor, administrator):
    critical_alert(patient)

    assert digest.queue_digests(at=MORNING) == 0


# --- choosing ---------------------------------------------------------------------------------


def test_who_wants_no_digest_gets_none_but_still_every_critical_alert(patient, officer):
    notifications.set_preference(user=officer, email=officer.email, wants_digest=False, at=NIGHT)
    critical_alert(patient)

    assert digest.queue_digests(at=MORNING) == 0
    assert notifications.tell_of_critical_alerts() == 1


def test_who_wants_it_again_gets_it_again(patient, officer):
    for wants in (False, True):
        notifications.set_preference(user=officer, email=officer.email, wants_digest=wants, at=NIGHT)

    assert digest.queue_digests(at=MORNING) == 1


def test_as_many_questions_for_one_person_as_for_thirty(study, site, patient):
    def questions(at):
        with CaptureQueriesContext(connection) as asked:
            digest.queue_digests(at=at)
        return len(asked)

    make_user(username="officer0", role="safety_officer", study=study)
    critical_alert(patient)
    few = questions(MORNING)
    for number in range(30):
        make_user(
            username=f"nurse{number}", role="coordinator", site=make_site(study=study, code=f"S{number}")
        )
        critical_alert(patient, subject=f"adverse_event:{number}")

    assert questions(MONDAY) == few


# --- questions --------------------------------------------------------------------------------


def test_a_site_is_told_how_many_questions_wait_and_nothing_of_what_they_ask(patient, coordinator):
    make_question(patient=patient, text="Was the count 0.4?", asked_at=NIGHT)
    make_question(patient=patient, fact="patient:sex", asked_at=NIGHT - 9 * DAY)

    digest.queue_digests(at=MORNING)

    assert "2 questions wait for an answer" in told(coordinator)
    assert "0.4" not in told(coordinator)


def test_old_questions_alone_are_told_of_on_mondays(patient, coordinator):
    make_question(patient=patient, asked_at=NIGHT - 9 * DAY)

    digest.queue_digests(at=MORNING)
    digest.queue_digests(at=MONDAY)

    assert not has_one(coordinator)
    assert "1 question waits for an answer" in told(coordinator, MONDAY)


def test_an_officer_is_told_of_answers_that_wait_for_a_look(patient, officer):
    make_question(patient=patient, state="answered", answered_at=NIGHT)

    digest.queue_digests(at=MORNING)

    assert "1 question was answered by sites and waits for a look." in told(officer)
