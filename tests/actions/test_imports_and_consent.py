"""An import meets consent and transfers as a person would: refused in words, what is stored stays."""

from datetime import date

import pytest

from registry.models import LabResult, Patient, Site, Visit
from tests import factories
from tests.exchange.bundles import BASE, LABS, VISITS, load

pytestmark = pytest.mark.django_db
LATE_VISIT = "P1,M3,2024-06-01,completed,\n"
LATE_RESULT = "P1,2024-06-01,ANC,1.5,10*9/L\n"


@pytest.fixture
def withdrawn(tmp_path):
    """P1 with a visit and a result of June, and a withdrawal that says 1 April."""
    load(
        tmp_path / "1",
        {**BASE, "visits.csv": f"{VISITS}\n{LATE_VISIT}", "labs.csv": f"{LABS}\n{LATE_RESULT}"},
    )
    patient = Patient.objects.get(code="P1")
    factories.make_withdrawal(
        patient=patient, withdrawn_on=date(2024, 4, 1), scopes=("follow_up", "laboratory")
    )
    return patient


@pytest.mark.parametrize(
    ("file", "row", "column"),
    [
        ("visits.csv", f"{VISITS}\nP1,M6,2024-08-30,completed,\n", "visited_on"),
        ("labs.csv", f"{LABS}\nP1,2024-08-30,ANC,1.5,10*9/L\n", "collected_on"),
        ("labs.csv", f"{LABS}\nP1,2024-06-01,ANC,1.6,10*9/L\n", "collected_on"),
        ("support.csv", "patient_id,given_on,kind\nP1,2024-04-02,g_csf\n", "given_on"),
        ("scores.csv", "patient_id,assessed_on,score,value\nP1,2024-04-02,SLEDAI-2K,4\n", "assessed_on"),
        ("adverse_events.csv", "patient_id,event_id,term,started_on\nP1,E9,Rash,2024-05\n", "started_on"),
    ],
)
def test_what_is_new_and_dated_after_the_withdrawal_is_refused_by_row(tmp_path, withdrawn, file, row, column):
    before = (Visit.objects.count(), LabResult.objects.count())

    report = load(tmp_path / "2", {file: row})

    assert [(error.file, error.column) for error in report.errors] == [(file, column)]
    assert "withdrawn on 1 Apr 2024" in report.errors[0].problem
    assert (Visit.objects.count(), LabResult.objects.count()) == before


def test_what_is_stored_already_is_unchanged_when_told_again(tmp_path, withdrawn):
    report = load(
        tmp_path / "2", {"visits.csv": f"{VISITS}\n{LATE_VISIT}", "labs.csv": f"{LABS}\n{LATE_RESULT}"}
    )

    assert report.errors == ()
    assert (report.unchanged["visits.csv"], report.unchanged["labs.csv"]) == (1, 1)


def test_what_is_dated_before_is_taken(tmp_path, withdrawn):
    report = load(tmp_path / "2", {"support.csv": "patient_id,given_on,kind\nP1,2024-04-01,g_csf\n"})

    assert (report.errors, report.created["support.csv"]) == ((), 1)


def test_an_old_bundle_does_not_move_a_transferred_patient_back(tmp_path):
    load(tmp_path / "1", BASE)
    patient = Patient.objects.get(code="P1")
    elsewhere = factories.make_site(study=patient.study, code="GRZ")
    factories.make_transfer(patient=patient, to_site=elsewhere)

    report = load(tmp_path / "2", BASE)

    assert [error.column for error in report.errors] == ["site_id"]
    assert "is followed by GRZ" in report.errors[0].problem
    assert Patient.objects.get(code="P1").site == elsewhere
    assert Site.objects.count() == 2
