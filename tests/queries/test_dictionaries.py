"""From a loaded dictionary and a coded event to a finding (MAL-2). The dictionary is invented."""

from datetime import timedelta

import pytest
from django.core.management import call_command

from registry.access.scope import EVERYTHING, acting
from registry.actions import scan
from registry.models import AdverseEventFollowUp, Alert, ScanRun
from registry.monitoring.catalogue import by_key
from registry.queries import evidence, wake_ups
from registry.queries.dictionaries import dictionary_check
from registry.queries.monitoring_status import inner_checks
from tests.exchange.invented_meddra import CONTENT, TERMS, write_dictionary
from tests.factories import DAY_0, NIGHT, make_event

AS_OF = (DAY_0 + timedelta(days=120)).isoformat()
ONSET = (DAY_0 + timedelta(days=60)).isoformat()


@pytest.fixture
def loaded(db, tmp_path):
    call_command("load_dictionary", "meddra", str(write_dictionary(tmp_path / "27.0")))


def scanned():
    call_command("scan", "--as-of", AS_OF)
    alerts = Alert.objects.filter(rule="secondary_malignancy").order_by("subject")
    return [
        (a.subject.partition(":")[2], a.certainty, a.severity, a.evidence["class"], a.state) for a in alerts
    ]


def coded(patient, code, event_id):
    return make_event(
        patient=patient,
        event_id=event_id,
        term="Ear thing",
        code_system="MedDRA",
        code=code,
        started_on=ONSET,
    )


def test_a_code_raises_by_its_smq_and_its_scope(loaded, patient):
    for code, name in (
        ("90000011", "llt, narrow"),
        ("90000003", "narrow, T-cell by its term"),
        ("90000004", "narrow, solid"),
        ("90000005", "procedure"),
        ("90000006", "hiccup"),
        ("90000008", "broad"),
        ("90000012", "no longer current"),
        ("91111111", "unknown"),
    ):
        coded(patient, code, name)

    assert scanned() == [
        ("broad", "possible", "medium", "lymphoid", "open"),
        ("llt, narrow", "certain", "high", "lymphoid", "open"),
        ("narrow, T-cell by its term", "certain", "critical", "t_cell", "open"),
        ("narrow, solid", "certain", "high", "solid", "open"),
        ("no longer current", "certain", "high", "lymphoid", "open"),
        ("procedure", "possible", "medium", "unspecified", "open"),
    ]


def test_without_a_dictionary_a_code_alone_raises_nothing(patient):
    coded(patient, "90000001", "E1")

    assert scanned() == []


def test_a_code_in_a_follow_up_counts(loaded, patient):
    event = make_event(patient=patient, event_id="E1", term="Ear thing", started_on=ONSET)
    AdverseEventFollowUp.objects.create(
        event=event,
        patient=patient,
        number=1,
        reported_on=DAY_0 + timedelta(days=70),
        code_system="MedDRA",
        code="90000001",
        entered_at=NIGHT,
        origin="form",
    )

    assert scanned() == [("E1", "certain", "high", "lymphoid", "open")]


def test_what_a_newer_version_no_longer_lists_is_withdrawn(loaded, patient, tmp_path):
    coded(patient, "90000002", "E1")
    assert scanned() == [("E1", "certain", "high", "solid", "open")]
    newer = write_dictionary(tmp_path / "28.0", version="28.0")
    lines = (newer / "smq_content.asc").read_text().splitlines()
    (newer / "smq_content.asc").write_text("\n".join(line for line in lines if "90000002" not in line))

    call_command("load_dictionary", "meddra", str(newer))

    assert scanned() == [("E1", "certain", "high", "solid", "withdrawn")]


def test_an_older_version_stays_and_is_not_asked(loaded, patient, tmp_path):
    coded(patient, "90000002", "E1")
    terms = TERMS.replace("Lumps of the left ear", "Older name")

    call_command(
        "load_dictionary", "meddra", str(write_dictionary(tmp_path / "26", version="26.0", terms=terms))
    )

    with acting(rows=EVERYTHING):
        ((_, packed),) = evidence.packed_histories(patient_ids=[patient.pk], analytes=())
    (report,) = packed.unpack().events[0].reports
    assert (report.entry.dictionary, report.entry.term) == ("MedDRA 27.0", "Lumps of the left ear")


def test_the_status_says_which_dictionary_is_loaded_and_that_none_is_no_fault(db, tmp_path):
    before = dictionary_check()
    call_command("load_dictionary", "meddra", str(write_dictionary(tmp_path)))
    after = dictionary_check()

    assert (before.ok, before.value) == (True, "none loaded")
    assert (after.ok, after.value) == (True, "MedDRA 27.0")
    assert after in inner_checks(at=NIGHT)


def test_a_run_names_the_dictionary_it_went_by(loaded, patient):
    scanned()

    lists = dict(ScanRun.objects.values_list("rule", "lists"))

    assert lists["secondary_malignancy"].endswith("meddra_malignancy 1, MedDRA 27.0")
    assert not any("MedDRA" in said for rule, said in lists.items() if rule != "secondary_malignancy")


def test_a_night_builds_on_no_run_that_went_by_another_dictionary(loaded, patient, tmp_path):
    rule = by_key("secondary_malignancy")
    scan.run_rules(as_of=None, at=NIGHT, trigger="command", rules=[rule])
    before = wake_ups.can_build_on_earlier(rule=rule, as_of=None, at=NIGHT + timedelta(days=1))

    call_command("load_dictionary", "meddra", str(write_dictionary(tmp_path / "28.0", version="28.0")))

    after = wake_ups.can_build_on_earlier(rule=rule, as_of=None, at=NIGHT + timedelta(days=1))
    assert (before, after) == (True, False)


def test_a_newer_dictionary_that_says_the_same_opens_no_decided_alert(loaded, patient, tmp_path):  # G-8
    coded(patient, "90000002", "E1")
    scanned()
    Alert.objects.update(state="dismissed", decision="not_confirmed")

    call_command("load_dictionary", "meddra", str(write_dictionary(tmp_path / "28.0", version="28.0")))

    assert scanned() == [("E1", "certain", "high", "solid", "dismissed")]
    assert Alert.objects.get(rule="secondary_malignancy").evidence["list_version"].endswith("MedDRA 28.0")


def test_a_newer_dictionary_that_says_otherwise_opens_a_decided_alert_again(loaded, patient, tmp_path):  # G-8
    coded(patient, "90000002", "E1")
    scanned()
    Alert.objects.update(state="dismissed", decision="not_confirmed")
    content = CONTENT.replace("29000001 90000002 4 2 A", "20000227 90000002 4 2 A")

    newer = write_dictionary(tmp_path / "28.0", version="28.0", content=content)
    call_command("load_dictionary", "meddra", str(newer))

    assert scanned() == [("E1", "certain", "high", "lymphoid", "open")]
