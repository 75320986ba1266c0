"""Nobody meets a canary: every dataset, API list, page and command says the same with and without them."""

import json
import re
from contextlib import suppress
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from registry.access.scope import EVERYTHING
from registry.actions import canaries, evaluations
from registry.actions.accounts import AccountRefused, Place, grant
from registry.actions.api_keys import KeyRefused, make_key
from registry.actions.canary_record import CANARIES, KEY
from registry.models import Alert, Patient, User
from registry.queries import monitoring_status
from registry.queries.dataset_frame import snapshot
from registry.queries.datasets import DATASETS
from registry.queries.sponsor_data import RESOURCES
from tests.exchange.exporting import export
from tests.factories import DAY_0, make_event, make_patient, make_result, make_score, make_visit

PEOPLE = ("coordinator", "investigator", "officer", "lead", "manager", "sponsor", "administrator")
PAGES = ("/", "/patients/", "/alerts/", "/status/", "/notifications/", "/account/notifications/")
# What a page would show of them; the codes that are plain words apart.
MARKS = [KEY, "CANARY", *(c.code for c in CANARIES if c.code not in ("clear", "overdue-visit"))]


@pytest.fixture
def record(site, request):
    """Patients with something in every dataset, judged by the sweep, so that no canary was written yet."""
    for actor in PEOPLE:
        request.getfixturevalue(actor)
    for number in range(3):
        patient = make_patient(site=site)
        for day in (3, 10, 17, 24, 32 + number):
            make_result(patient=patient, collected_on=DAY_0 + timedelta(days=day), value="0.4")
        make_visit(patient=patient, code=f"M{number}", visited_on=DAY_0 + timedelta(days=60))
        make_event(patient=patient, term="Melanoma", started_on="2024-06")
        make_score(patient=patient)
    evaluations.judge_waiting(at=timezone.now())
    assert Alert.objects.exists()
    assert not Patient.objects.filter(pk__lt=0).exists()
    return site.study


def hatch():
    """Write the canaries, with a duty for each of them that a careless trigger would note."""
    assert canaries.ensure(at=timezone.now()) == ()
    assert Patient.objects.filter(pk__lt=0).count() == len(CANARIES)


def rows_of(name):
    with snapshot(rows=EVERYTHING):
        days = {"Europe/Vienna": DAY_0 + timedelta(days=400)}
        return list(DATASETS[name].rows(studies=None, today_at=lambda zone: days.get(zone, DAY_0)))


@pytest.mark.parametrize("name", DATASETS)
def test_no_dataset_grows_by_them(record, name):
    before = rows_of(name)

    hatch()

    assert rows_of(name) == before
    assert before or name == "alert_decisions"


def test_a_file_of_all_studies_does_not_name_theirs(record, tmp_path):
    hatch()
    out, manifest = export(tmp_path, "patients")

    assert manifest["studies"] == [record.key]
    assert not any(mark in out.read_text() for mark in MARKS)
    with pytest.raises(CommandError, match="There is no study canaries-1"):
        export(tmp_path, "patients", "--study", KEY)


@pytest.mark.parametrize("name", RESOURCES)
def test_no_list_of_the_api_grows_by_them(record, client, name):
    token = make_key(
        sponsor_key=record.sponsor.key,
        study_key=record.key,
        scopes=["read"],
        days=1,
        by=None,
        at=timezone.now(),
    ).token

    def asked():
        answer = client.get(f"/api/v1/{name}/?page_size=500", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
        return answer.json()

    before = asked()
    hatch()

    assert asked() == before


def words_of(page):
    """The page without what changes from one request to the next."""
    text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", page)
    return re.sub(r"\d+(\.\d)? s apart|Looked at [^<]*|less than a minute|\d+ min", "", text)


@pytest.mark.parametrize("actor", PEOPLE)
def test_no_page_shows_them(record, actor):
    person = Client()
    person.force_login(User.objects.get(username=actor))

    def read():
        answers = {path: person.get(path) for path in PAGES}
        return {path: (a.status_code, words_of(a.content.decode())) for path, a in answers.items()}

    before = read()
    hatch()

    assert read() == before
    theirs = Patient.objects.filter(pk__lt=0).values_list("public_id", flat=True)
    assert {person.get(f"/patients/{public_id}/").status_code for public_id in theirs} == {404}


def test_after_a_night_no_page_shows_them_either(record, officer):
    call_command("scan", stdout=StringIO())
    person = Client()
    person.force_login(officer)

    for path in PAGES:
        page = person.get(path).content.decode()
        assert not any(mark in page for mark in MARKS), path


def said(*words):
    out = StringIO()
    with suppress(CommandError, SystemExit):
        call_command(*words, "--json", stdout=out)
    told = json.loads(out.getvalue())
    for run in told.get("runs", ()):
        run.pop("seconds")
    return told


@pytest.mark.parametrize("words", [("recompute", "--diff"), ("verify_audit",)])
def test_no_command_counts_them(record, words):
    before = said(*words)

    hatch()

    assert said(*words) == before


def test_no_run_counts_them(record):
    """The first scan writes them itself; the second stands among them."""
    first, second = said("scan"), said("scan")

    assert [run["patients_in_scope"] for run in first["runs"]] == [3, 3, 3, 3]
    for name in ("patients_in_scope", "patients_judged", "patients_skipped_as_clear", "findings", "failures"):
        assert [run[name] for run in first["runs"]] == [run[name] for run in second["runs"]]
    assert {run["raised"] for run in second["runs"]} == {0}
    assert monitoring_status.chip(at=timezone.now()).text.endswith("3 of 3 patients")
    assert said("recompute", "--diff")["patients_judged"] == 3


def test_a_patient_who_is_none_cannot_be_asked_for(record):
    hatch()

    with pytest.raises(CommandError, match="No patient platelets-low-29-days"):
        call_command("scan", "--patient", "platelets-low-29-days")


def test_nobody_can_be_given_a_role_a_key_or_a_row_there(record, tmp_path):
    hatch()
    (tmp_path / "sites.csv").write_text("site_id,name,country,time_zone\nX,X,AT,Europe/Vienna\n")

    with pytest.raises(KeyRefused, match=r"There is no sponsor canaries-1. Sponsors: SP-CART-AID\."):
        make_key(sponsor_key=KEY, study_key=KEY, scopes=["read"], days=1, by=None, at=timezone.now())
    with pytest.raises(AccountRefused, match=r"There is no study canaries-1\. Studies: CART-AID\."):
        grant(
            username="spy",
            role="safety_officer",
            place=Place(study_key=KEY),
            password="",
            by=None,
            at=timezone.now(),
        )
    told = said("import_bundle", str(tmp_path), "--study", KEY)
    assert (told["error_count"], told["errors"][0]["column"]) == (1, "study")
