"""What a sponsor's program reads: every resource, under pseudonyms, of its own study only."""

import json
import threading
from datetime import date
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.access.scope import Rows, acting
from registry.actions.pseudonyms import pseudonyms_of
from registry.models import AdverseEventFollowUp, Alert, AuditEvent, LabResult, Patient, Pseudonym
from registry.queries.sponsor_data import RESOURCES
from tests import factories
from tests.api.conftest import asking

NAMES = list(RESOURCES)
OF_PATIENTS = [name for name, resource in RESOURCES.items() if resource.is_of_patients]
MARK = "ZAUBERWORT"


def only(ask, name):
    (row,) = ask(f"{name}/").json()["results"]
    return row


def ids(ask, name):
    return [row["id"] for row in ask(f"{name}/").json()["results"]]


@pytest.mark.parametrize("name", NAMES)
def test_every_resource_is_listed_and_read(ask, record, name):
    row = only(ask, name)

    assert ask(f"{name}/{row['id']}/").json() == row
    assert next(iter(row)) == "id"


# --- isolation --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OF_PATIENTS)
def test_another_sponsors_key_lists_nothing_of_this_study(ask, other_ask, record, name):
    assert len(ids(ask, name)) == 1
    assert ids(other_ask, name) == []


@pytest.mark.parametrize("name", NAMES)
def test_another_sponsors_key_finds_no_id_of_this_study(ask, other_ask, record, name):
    (row_id,) = ids(ask, name)
    response = other_ask(f"{name}/{row_id}/")

    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("name", OF_PATIENTS)
def test_another_sponsors_patient_is_no_filter_of_ours(ask, other_ask, record, other_study, name):
    pseudonym = only(ask, "patients")["id"]
    factories.make_patient(site=factories.make_site(study=other_study, code="XXX"))

    assert other_ask(f"{name}/?patient={pseudonym}").json()["results"] == []


def test_a_foreign_id_and_an_invented_one_are_answered_alike(ask, other_ask, record):
    foreign = other_ask(f"lab-results/{ids(ask, 'lab-results')[0]}/").json()
    invented = other_ask("lab-results/999999999/").json()

    assert {**foreign, "instance": ""} == {**invented, "instance": ""}


def test_row_level_security_holds_where_the_query_forgets(new_key, record, other_study):
    """The second fence: inside the scope of a key a query without any condition sees its study only."""
    with acting(rows=Rows(studies=frozenset({other_study.pk})), by=new_key(of=other_study).key.user):
        assert not Patient.objects.exists()
        assert not LabResult.objects.exists()
        assert not Alert.objects.exists()
        assert not Pseudonym.objects.exists()


# --- pseudonyms -------------------------------------------------------------------------------


def test_a_patient_is_a_random_pseudonym_everywhere(ask, record):
    pseudonym = only(ask, "patients")["id"]

    assert UUID(pseudonym).version == 4
    for name in OF_PATIENTS:
        assert only(ask, name)["patient_id"] == pseudonym


def test_the_pseudonym_stays(ask, record):
    assert only(ask, "patients")["id"] == only(ask, "patients")["id"]
    assert Pseudonym.objects.count() == 1


def test_two_sponsors_have_two_names_for_one_patient(client, new_key, ask, record, study):
    ours = only(ask, "patients")["id"]
    study.sponsor = factories.make_sponsor(key="BUYER")
    study.save()

    theirs = only(asking(client, new_key().token), "patients")["id"]

    assert ours != theirs
    assert Pseudonym.objects.count() == 2


def test_neither_the_patients_code_nor_its_address_is_shown(ask, record):
    for name in NAMES:
        content = ask(f"{name}/").content.decode()
        assert record.code not in content
        assert str(record.public_id) not in content


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_make_one_pseudonym():
    patient = factories.make_patient()
    everything = Rows(everything=True)
    found = []

    def take():
        with acting(rows=everything):
            found.append(pseudonyms_of(patient_ids=[patient.pk], sponsor=patient.study.sponsor))
        connection.close()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert len({names[patient.pk] for names in found}) == 1


# --- what is kept back ------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_column_is_made_of_fields_that_a_sponsor_may_see(name):
    columns = RESOURCES[name].columns

    assert all(column.of for column in columns)
    assert [column.name for column in columns if not column.is_for_sponsors] == []


@pytest.fixture
def marked(patient, study):
    """A patient whose every text that a sponsor may not see holds a mark."""
    Patient.objects.filter(pk=patient.pk).update(
        code=f"{MARK}-CODE",
        follow_up_ended_on=date(2025, 1, 1),
        follow_up_end_reason="death",
        cause_of_death=f"{MARK} lymphoma",
    )
    author = factories.make_user(username=f"{MARK}-author", role="safety_officer", study=study)
    infusion = patient.infusions.get()
    infusion.lot = f"{MARK}-LOT"
    infusion.save()
    factories.make_visit(
        patient=patient,
        code="D28",
        visited_on=date(2024, 4, 5),
        new_malignancy=True,
        new_malignancy_text=f"{MARK} seen",
        entered_by=author,
    )
    factories.make_visit(patient=patient, code="M2", status="missed", missed_reason=f"{MARK} moved")
    old = factories.make_result(patient=patient, collected_on=date(2024, 4, 4), value="4", entered_by=author)
    new = factories.make_result(
        patient=patient, collected_on=date(2024, 4, 4), value="0.4", entered_by=author
    )
    LabResult.objects.filter(pk=old.pk).update(
        superseded_by=new, superseded_at=factories.NIGHT, superseded_reason=f"{MARK} typed wrong"
    )
    event = factories.make_event(
        patient=patient, event_id=f"{MARK}-AE", narrative=f"{MARK} tells", entered_by=author
    )
    AdverseEventFollowUp.objects.create(
        event=event,
        patient=patient,
        number=1,
        reported_on=date(2024, 5, 1),
        coded_term="Lymphoma",
        narrative=f"{MARK} told later",
        entered_by=author,
        entered_at=factories.NIGHT,
        origin="form",
    )
    factories.make_score(patient=patient)
    evidence = {
        "source": "adverse_event",
        "source_id": event.event_id,
        "class": "t_cell",
        "matched": ["C84.1", f"{MARK}om"],
        "list_version": "1",
        "onset": "2024-05",
        "latency_days": 61,
        "labels": [],
        "dropped": [{"words": f"{MARK}om", "reason": "family", "cue": "mother"}],
        "a_key_of_tomorrow": MARK,
    }
    alert = factories.make_alert(
        patient=patient,
        rule="secondary_malignancy",
        subject=f"adverse_event:{event.event_id}",
        evidence=evidence,
        limits={"note": MARK},
    )
    factories.make_decision(alert=alert, by=author, reason=f"{MARK} because")
    factories.make_alert(patient=patient, rule="rule_of_tomorrow", evidence={"text": MARK})
    return event


def everything_said(ask):
    """Every byte of every list and of every row of it."""
    for name in NAMES:
        for address in [f"{name}/", *([f"{name}/?superseded=true"] if name == "lab-results" else [])]:
            response = ask(address)
            yield response.content.decode()
            for row in response.json()["results"]:
                yield ask(f"{name}/{row['id']}/").content.decode()


def test_no_text_that_a_sponsor_may_not_see_is_ever_said(ask, marked):
    said = list(everything_said(ask))

    assert len(said) > 20
    assert [text for text in said if MARK.casefold() in text.casefold()] == []


def test_an_alert_about_an_event_points_to_the_event_of_the_api(ask, marked):
    event_id = only(ask, "adverse-events")["id"]
    alert = next(row for row in ask("alerts/").json()["results"] if row["rule"] == "secondary_malignancy")
    decision = only(ask, "alert-decisions")

    assert event_id == str(marked.pk)
    for row in (alert, decision):
        assert row["subject"] == f"adverse_event:{event_id}"
        assert row["evidence"] == {
            "source": "adverse_event",
            "source_id": event_id,
            "class": "t_cell",
            "matched": ["C84.1"],
            "list_version": "1",
            "onset": "2024-05",
            "latency_days": 61,
            "labels": [],
        }


def test_the_follow_ups_of_an_event_come_without_their_narrative(ask, marked):
    (report,) = only(ask, "adverse-events")["follow_ups"]

    assert report["coded_term"] == "Lymphoma"
    assert "narrative" not in report


@pytest.mark.parametrize(("source", "lot"), [("allogeneic", "L-7"), ("autologous", None)])
def test_a_lot_is_shown_only_where_it_is_not_one_patients_own(ask, patient, source, lot):
    infusion = patient.infusions.select_related("product").get()
    infusion.lot = "L-7"
    infusion.save()
    infusion.product.source = source
    infusion.product.save()

    assert only(ask, "infusions")["lot"] == lot


# --- how it is written ------------------------------------------------------------------------


def test_a_result_as_entered_and_in_the_canonical_unit(ask, record):
    row = only(ask, "lab-results")

    assert (row["value"], row["unit"]) == ("400", "/uL")
    assert (row["canonical_value"], row["canonical_unit"]) == ("0.4", "10*9/L")
    assert (row["ctcae_v5_grade"], row["ctcae_v6_grade"]) == ("4", "3")
    assert (row["day_zero"], row["study_day"]) == ("2024-03-01", 34)
    assert row["entered_at"] == "2024-09-01T02:00:00Z"


def test_a_partial_date_stays_as_given(ask, record):
    row = only(ask, "adverse-events")

    assert row["started_on"] == "2024-04"
    assert row["study_day"] is None


def test_a_visit_with_its_window(ask, record):
    row = only(ask, "visits")

    assert (row["visit_code"], row["visited_on"], row["status"], row["state"]) == (
        "D28",
        "2024-04-05",
        "completed",
        "completed",
    )
    assert (row["opens_on"], row["target_on"], row["closes_on"]) == ("2024-03-26", "2024-03-29", "2024-04-01")
    assert (row["days_early"], row["days_late"]) == (0, 4)


def test_the_results_of_the_evidence_are_the_ids_of_lab_results(ask, patient):
    result = factories.make_result(patient=patient, collected_on=date(2024, 4, 4), value="0.4")
    factories.make_alert(patient=patient, evidence={"lineage": "ANC", "results": [result.pk]})

    (result_id,) = only(ask, "alerts")["evidence"]["results"]

    assert result_id == only(ask, "lab-results")["result_id"]
    assert ask(f"lab-results/{result_id}/").status_code == 200


def test_replaced_results_leave_the_list_and_can_be_asked_for(ask, patient):
    old = factories.make_result(patient=patient, collected_on=date(2024, 4, 4), value="4")
    new = factories.make_result(patient=patient, collected_on=date(2024, 4, 4), value="0.4")
    LabResult.objects.filter(pk=old.pk).update(
        superseded_by=new, superseded_at=factories.NIGHT, superseded_reason="typed wrong"
    )

    (current,) = ask("lab-results/").json()["results"]
    (replaced,) = ask("lab-results/?superseded=true").json()["results"]

    assert (current["id"], current["corrected_from"], current["superseded_by"]) == (str(new.pk), "4", None)
    assert (replaced["id"], replaced["superseded_by"]) == (str(old.pk), str(new.pk))
    assert replaced["superseded_at"] == "2024-09-01T02:00:00Z"


def test_what_is_unknown_is_null(ask, record):
    row = only(ask, "patients")

    assert row["prior_malignancy"] is None
    assert row["follow_up_end_reason"] is None
    assert row["organs_at_baseline"] == []


# --- cost -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_page_costs_the_same_whatever_its_length(ask, record, site, name):
    ask(f"{name}/")  # pseudonyms of the first patient, and the key's day of use

    def queries():
        ask(f"{name}/")  # of new patients the names are made once
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert ask(f"{name}/").status_code == 200
        return len(asked)

    with_one = queries()
    for number in range(7):
        patient = factories.make_patient(site=site)
        factories.make_result(patient=patient, collected_on=date(2024, 4, 4 + number))
        factories.make_visit(patient=patient, code="D28", visited_on=date(2024, 4, 5))
        factories.make_event(patient=patient)
        factories.make_score(patient=patient)
        alert = factories.make_alert(patient=patient)
        factories.make_decision(alert=alert)

    assert queries() == with_one
    assert with_one <= 20


def test_a_read_changes_nothing(ask, record):
    list(everything_said(ask))
    before = AuditEvent.objects.count()

    list(everything_said(ask))

    assert AuditEvent.objects.count() == before


def test_who_took_what_is_in_the_log(ask, record, new_key, caplog):
    with caplog.at_level("INFO", logger="registry.api.views"):
        ask("patients/")

    (line,) = [entry.getMessage() for entry in caplog.records if entry.name == "registry.api.views"]
    assert line.startswith("API read: 1 rows of patients by key ")
    assert json.dumps(record.code) not in line
