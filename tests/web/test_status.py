"""The status page for people, /healthz and /readyz for machines."""

import json
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registry.actions import recount, scan
from registry.models import Alert, Heartbeat, ScanFailure, ScanRun, WaitingEvaluation
from registry.monitoring.catalogue import RULES
from tests.factories import make_patient, make_result


@pytest.fixture
def just_judged(patient):
    make_result(patient=patient, collected_on=patient.enrolled_on + timedelta(days=9))
    at = timezone.now()
    scan.run_rules(as_of=None, at=at, trigger="night")
    for name in ("worker", "beat"):
        Heartbeat.objects.create(name=name, at=at)


@pytest.fixture
def failed(patient):
    """A patient whom a rule could not judge, as a failed evaluation leaves it: the duty stays."""
    WaitingEvaluation.objects.filter(patient=patient).update(attempts=1)
    return ScanFailure.objects.create(
        patient=patient, rule="overdue_visit", at=timezone.now(), error="ValueError: no such visit"
    )


def words_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def row_of(answer, name):
    found = re.search(rf'<tr><th scope="row">{re.escape(name)}.*?</tr>', answer.content.decode(), re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))


# --- the page ---------------------------------------------------------------------------------


def test_each_check_has_a_word_a_value_a_limit(as_user, officer, just_judged):
    answer = as_user(officer).get("/status/")

    assert "✓ ok" in row_of(answer, "database")
    assert "✓ ok" in row_of(answer, "scan:overdue_visit")
    assert "Follow-up visit overdue" in row_of(answer, "scan:overdue_visit")
    assert "a whole run in the last 26 h" in row_of(answer, "scan:overdue_visit")
    assert "✓ ok" in row_of(answer, "worker")


@pytest.mark.parametrize(("hours", "word"), [(25, "✓ ok"), (26, "✓ ok"), (27, "stale")])
def test_a_run_older_than_26_hours_is_stale(as_user, officer, just_judged, hours, word):
    ScanRun.objects.filter(rule="overdue_visit").update(
        finished_at=timezone.now() - timedelta(hours=hours) + timedelta(minutes=1)
    )

    answer = as_user(officer).get("/status/")

    assert word in row_of(answer, "scan:overdue_visit")
    if word == "stale":
        assert "New alerts may be missing until this is put right." in words_of(answer)


def test_the_latest_run_of_each_rule_stands_with_its_numbers(as_user, officer, just_judged):
    answer = as_user(officer).get("/status/")

    for rule in RULES:
        assert "today at each site" in row_of(answer, rule.title)
    page = words_of(answer)
    assert "In scope Judged Skipped as clear Unchanged Failures Canaries Seconds" in page


def test_a_rule_that_never_ran_over_everybody_says_so(as_user, officer, db):
    assert words_of(as_user(officer).get("/status/")).count("never ran over everybody") == len(RULES)


def test_who_may_see_the_patient_finds_the_failure_by_a_link(as_user, officer, failed):  # G-9
    page = as_user(officer).get("/status/").content.decode()

    assert f'<a href="/patients/{failed.patient.public_id}/">VIE-0001</a>' in page
    assert "ValueError: no such visit" in page


@pytest.mark.parametrize("actor", ["other_site", "stranger", "administrator"])
def test_who_may_not_see_the_patient_reads_the_number_alone(request, as_user, failed, actor):
    answer = as_user(request.getfixturevalue(actor)).get("/status/")

    assert answer.status_code == 200
    assert "VIE-0001" not in answer.content.decode()
    assert "no such visit" not in answer.content.decode()
    assert "1 patient 0 patients" in row_of(answer, "failed evaluations")
    assert "stale" in row_of(answer, "failed evaluations")


def test_a_sponsor_has_no_status_page(as_user, sponsor):
    assert as_user(sponsor).get("/status/").status_code == 403


def test_the_page_asks_the_same_number_of_questions_however_many_failed(as_user, officer, failed, site):
    person = as_user(officer)

    person.get("/status/")  # the first page of a session also keeps when it began

    def questions():
        with CaptureQueriesContext(connection) as asked:
            person.get("/status/")
        return len(asked)

    few = questions()
    for _ in range(20):
        ScanFailure.objects.create(
            patient=make_patient(site=site), rule="overdue_visit", at=timezone.now(), error="x"
        )

    assert questions() == few


# --- the machines -----------------------------------------------------------------------------


def test_healthz_answers_without_asking_the_database(client, db):
    with CaptureQueriesContext(connection) as asked:
        answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok")
    assert len(asked) == 0


def test_readyz_is_ready_after_a_whole_run_of_every_rule(client, just_judged):
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["ok"] is True
    assert {"database", "broker", *(f"scan:{rule.key}" for rule in RULES)} <= {
        check["name"] for check in answer.json()["checks"]
    }
    assert answer["Cache-Control"].startswith("max-age=0")


def test_readyz_refuses_with_its_reasons_before_the_first_run(client, db):
    answer = client.get("/readyz")

    assert answer.status_code == 503
    wrong = [check for check in answer.json()["checks"] if not check["ok"]]
    assert [check["name"] for check in wrong] == [f"scan:{rule.key}" for rule in RULES]
    assert all(check["value"] == "never" for check in wrong)


def test_readyz_refuses_when_the_broker_is_away(client, just_judged, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert [check["name"] for check in answer.json()["checks"] if not check["ok"]] == ["broker"]


def test_readyz_names_no_patient(client, just_judged, failed):
    ScanRun.objects.update(failure_count=1)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert "VIE-0001" not in json.dumps(answer.json())
    assert "no such visit" not in json.dumps(answer.json())


# --- the ledgers ------------------------------------------------------------------------------


def test_every_run_stands_in_the_ledger_with_its_limits_and_canaries(as_user, officer, just_judged):
    page = words_of(as_user(officer).get("/status/"))

    assert "Cytopenia lasting more than 28 days: 1 latest run and the limits" in page
    assert "prolonged over days 28" in page
    assert row_of(as_user(officer).get("/status/"), "Follow-up visit overdue").count("1 of 1") == 1


def test_a_run_that_was_not_finished_stands_in_the_ledger(as_user, officer, just_judged):
    ScanRun.objects.filter(rule="overdue_visit").update(finished_at=None)

    assert words_of(as_user(officer).get("/status/")).count("not finished") == 1


def test_a_canary_that_was_not_found_is_named(as_user, officer, just_judged):
    ScanRun.objects.filter(rule="overdue_visit").update(
        canaries_found=0, canary_problems=["overdue-visit was not found"]
    )

    answer = as_user(officer).get("/status/")

    assert "stale" in row_of(answer, "canaries:overdue_visit")
    assert "overdue-visit was not found" in row_of(answer, "canaries:overdue_visit")
    assert "0 of 1" in row_of(answer, "Follow-up visit overdue")


@pytest.fixture
def differing(just_judged, patient):
    Alert.objects.filter(rule="overdue_visit").update(state="withdrawn")
    return recount.recount_a_share(at=timezone.now(), share=patient.pk % 30)


def test_a_difference_names_the_patient_by_an_opaque_id(as_user, officer, patient, differing):
    page = as_user(officer).get("/status/").content.decode()

    assert f'<a href="/patients/{patient.public_id}/">{str(patient.public_id)[:8]}</a>' in page
    assert "overdue_visit: D28 is overdue without an alert" in page
    assert patient.code not in page


def test_who_sees_no_patients_gets_no_link_to_one(as_user, administrator, patient, differing):
    page = as_user(administrator).get("/status/").content.decode()

    assert str(patient.public_id)[:8] in page
    assert f"/patients/{patient.public_id}/" not in page


def test_an_explained_difference_says_by_whom_and_why(as_user, officer, administrator, differing):
    recount.explain(recount_id=differing.pk, reason="Seen by hand.", by=administrator, at=timezone.now())

    page = words_of(as_user(officer).get("/status/"))

    assert "Explained by administrator" in page
    assert "Seen by hand." in page


def test_the_page_asks_the_same_number_of_questions_however_many_runs(as_user, officer, differing, patient):
    person = as_user(officer)

    person.get("/status/")  # the first page of a session also keeps when it began

    def questions():
        with CaptureQueriesContext(connection) as asked:
            person.get("/status/")
        return len(asked)

    few = questions()
    for _ in range(3):
        scan.run_rules(as_of=None, at=timezone.now(), trigger="command")
        recount.recount_a_share(at=timezone.now(), share=patient.pk % 30)

    assert questions() == few
