"""The command `export`: files, manifests, refusals (contract.md sections 2 and 4)."""

import csv
import hashlib
import json
import threading
import tomllib
from datetime import date
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from registry import VERSION
from registry.access.scope import EVERYTHING
from registry.models import ExportRecord, Patient
from registry.monitoring.catalogue import RULES
from registry.queries.dataset_frame import snapshot
from tests import factories
from tests.exchange.exporting import ALL, export, export_objects, export_rows


@pytest.fixture
def record(patient):
    """One patient with a row in every dataset."""
    factories.make_result(patient=patient, collected_on=date(2024, 4, 4), value="400", unit="/uL")
    factories.make_visit(patient=patient, code="D28", visited_on=date(2024, 3, 29))
    factories.make_event(patient=patient, event_id="AE-1", term='Rash; "itchy",\r\nnew')
    factories.make_score(patient=patient)
    alert = factories.make_alert(patient=patient)
    factories.make_decision(alert=alert)
    return patient


@pytest.mark.parametrize("dataset", ["patients", "visits", "lab_results", "adverse_events", "alerts"])
def test_the_operators_file_keeps_who_shares_nothing_with_the_sponsor(tmp_path, record, dataset):
    """Decision 34; that the sponsor's own requests leave them out: tests/api/test_sharing.py."""
    factories.make_consent(
        patient=record, version=factories.make_consent_version(study=record.study), scopes=("follow_up",)
    )
    factories.make_withdrawal(patient=record, scopes=("share_sponsor",))

    assert {row["patient_id"] for row in export_rows(tmp_path, dataset)} == {record.code}


@pytest.mark.parametrize("dataset", ALL)
@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_every_dataset_is_written_with_its_manifest(tmp_path, record, dataset, format):
    out, manifest = export(tmp_path, dataset, "--format", format)
    content = out.read_bytes()

    assert manifest["dataset"] == dataset
    assert manifest["format"] == format
    assert manifest["profile"] == "internal"
    assert manifest["study"] == "CART-AID"
    assert manifest["bytes"] == len(content)
    assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
    assert manifest["rows"] == content.count(b"\n") - (1 if format == "csv" else 0) - (
        1 if dataset == "adverse_events" and format == "csv" else 0
    )
    assert manifest["rows"] > 0
    assert manifest["data_cut"]["position"].isdigit()
    assert manifest["data_cut"]["at"].endswith("Z")
    assert manifest["schema_version"] == 1
    assert manifest["rule_versions"] == {rule.key: rule.version for rule in RULES}
    assert manifest["application_version"] == VERSION
    assert {"name", "type", "unit", "meaning"} <= set(manifest["columns"][0])


@pytest.mark.parametrize("dataset", ALL)
def test_both_formats_have_the_columns_of_the_manifest_in_its_order(tmp_path, record, dataset):
    out, manifest = export(tmp_path, dataset)
    header = next(csv.reader(StringIO(out.read_text(encoding="utf-8"))))
    first = export_objects(tmp_path, dataset)[0]

    assert header == [column["name"] for column in manifest["columns"]] == list(first)


def test_the_version_is_the_projects():
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]

    assert project["version"] == VERSION


@pytest.mark.parametrize("dataset", [name for name in ALL if name != "audit"])
def test_the_same_data_twice_gives_the_same_bytes(tmp_path, record, dataset):
    first, _ = export(tmp_path, dataset, name="first")
    second, _ = export(tmp_path, dataset, name="second")

    assert first.read_bytes() == second.read_bytes()


def test_csv_is_rfc_4180(tmp_path, record):
    out, _ = export(tmp_path, "adverse_events")
    content = out.read_bytes()

    assert not content.startswith(b"\xef\xbb\xbf")
    assert content.endswith(b"\r\n")
    assert b'"Rash; ""itchy"",\r\nnew"' in content


def test_a_study_without_rows_gives_the_header_alone(tmp_path, study):
    out, manifest = export(tmp_path, "alerts")

    assert manifest["rows"] == 0
    assert out.read_text().count("\n") == 1


def test_one_study_is_taken_and_no_other(tmp_path, record, stranger):
    other = factories.make_site(study=factories.make_study(key="OTHER-STUDY"), code="XXX")
    factories.make_patient(site=other, code="XXX-1")

    assert {r["patient_id"] for r in export_rows(tmp_path, "patients", "--study", "OTHER-STUDY")} == {"XXX-1"}
    assert {r["patient_id"] for r in export_rows(tmp_path, "patients", "--study", "CART-AID")} == {"VIE-0001"}
    assert {r["study"] for r in export_rows(tmp_path, "patients")} == {"CART-AID", "OTHER-STUDY"}


@pytest.mark.parametrize("dataset", ALL)
def test_no_dataset_of_one_study_holds_a_row_of_another(tmp_path, record, dataset):
    factories.make_study(key="OTHER-STUDY")

    assert export_rows(tmp_path, dataset, "--study", "OTHER-STUDY") == []


def test_several_studies_in_one_file_are_named(tmp_path, record):
    factories.make_study(key="OTHER-STUDY")
    _, manifest = export(tmp_path, "patients")

    assert manifest["study"] is None
    assert manifest["studies"] == ["CART-AID", "OTHER-STUDY"]


def test_the_taking_is_recorded(tmp_path, record):
    _, manifest = export(tmp_path, "patients")
    taken = ExportRecord.objects.get()

    assert (taken.study.key, taken.dataset, taken.format, taken.profile, taken.row_count, taken.sha256) == (
        "CART-AID",
        "patients",
        "csv",
        "internal",
        1,
        manifest["sha256"],
    )


def test_json_tells_what_was_written_and_nothing_else(tmp_path, record):
    stdout = StringIO()
    call_command("export", "alerts", "--out", str(tmp_path / "a.csv"), "--json", stdout=stdout)
    told = json.loads(stdout.getvalue())

    assert told["ok"] is True
    assert told["rows"] == 1
    assert told["file"].endswith("a.csv")
    assert told["manifest"].endswith("a.csv.manifest.json")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["alarms"], "There is no dataset alarms. There is: patients, infusions"),
        (["alerts", "--study", "NOPE"], "There is no study NOPE. There is: CART-AID."),
        (["alerts", "--format", "parquet"], "The format parquet is not in this version"),
        (["alerts", "--format", "dataset-json"], "The format dataset-json is not in this version"),
        (["alerts", "--format", "xlsx"], "There is no format xlsx. There is: csv, ndjson."),
        (["alerts", "--profile", "limited"], "The profile limited is not in this version"),
        (["alerts", "--profile", "safe-harbor"], "The profile safe-harbor is not in this version"),
        (["alerts", "--profile", "full"], "There is no profile full. There is: internal."),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(tmp_path, study, arguments, said):
    stdout = StringIO()
    with pytest.raises(CommandError, match=said) as refusal:
        call_command("export", *arguments, "--out", str(tmp_path / "f"), "--json", stdout=stdout)

    assert refusal.value.returncode == 1
    assert said in json.loads(stdout.getvalue())["error"]
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_is_said(tmp_path, study):
    with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
        call_command("export", "alerts", "--out", str(tmp_path / "no" / "f.csv"))


def test_a_broken_off_export_leaves_neither_file(tmp_path, patient):
    # A result in a unit the dictionary does not know cannot be graded.
    factories.make_result(
        patient=patient, collected_on=date(2024, 4, 4), entered_unit="furlong", lower_limit="1"
    )
    with pytest.raises(ValueError, match="furlong"):
        export(tmp_path, "lab_results")

    assert list(tmp_path.iterdir()) == []
    assert not ExportRecord.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_everything_is_read_from_one_snapshot_that_cannot_write():
    """A patient enrolled while an export runs is not half in it."""

    def enrol():
        factories.make_patient(code="LATE-1")
        connection.close()

    factories.make_patient(code="EARLY-1")
    with snapshot(rows=EVERYTHING):
        before = set(Patient.objects.values_list("code", flat=True))
        meanwhile = threading.Thread(target=enrol)
        meanwhile.start()
        meanwhile.join()
        after = set(Patient.objects.values_list("code", flat=True))
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_read_only")
            assert cursor.fetchone() == ("on",)

    assert before == after == {"EARLY-1"}
    assert set(Patient.objects.values_list("code", flat=True)) == {"EARLY-1", "LATE-1"}
