"""A shadow run judges all history by a candidate version, tells the difference and stores nothing."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.transaction import TransactionManagementError

from registry.access.scope import EVERYTHING, acting
from registry.actions import scan, shadow
from registry.models import AuditEvent, Patient, ScanRun
from registry.monitoring.catalogue import CANDIDATES, by_name
from tests.factories import DAY_0, NIGHT, make_event, make_patient, make_result

AS_OF = DAY_0 + timedelta(days=200)
BY_21_DAYS = by_name("prolonged_cytopenia:2")


def low_on(patient, *days, value="0.9", recovers=True):
    """Low counts on these days between two that are not low; the first of three recovering days follows."""
    make_result(patient=patient, collected_on=DAY_0 + timedelta(days=days[0] - 1), value="1.5")
    for day in days:
        make_result(patient=patient, collected_on=DAY_0 + timedelta(days=day), value=value)
    for day in (1, 2, 3) if recovers else ():
        make_result(patient=patient, collected_on=DAY_0 + timedelta(days=days[-1] + day), value="1.5")
    return patient


def run(**words):
    return shadow.run(candidate=BY_21_DAYS, as_of=AS_OF, at=NIGHT, **words)


def rows_of_everything():
    return {
        model.__name__: model.objects.count()
        for model in apps.get_app_config("registry").get_models()
        if model._meta.managed
    }


@pytest.mark.parametrize(
    ("days", "gained", "unchanged"),
    [((5, 15, 26), 0, 0), ((5, 15, 27), 1, 0), ((5, 15, 30), 1, 0), ((5, 15, 33), 1, 0), ((5, 15, 34), 0, 1)],
)
def test_low_days_over_21_and_not_over_28_are_gained(site, days, gained, unchanged):  # CYT-6
    low_on(make_patient(site=site), *days)

    report = run()

    assert (len(report.gained), len(report.lost), report.unchanged) == (gained, 0, unchanged)


def test_a_patient_with_25_low_days_is_gained_by_name_with_the_span(site):
    low_on(make_patient(site=site, code="VIE-0007"), 5, 15, 30)
    low_on(make_patient(site=site, code="VIE-0008"), 5, 15, 40)
    make_patient(site=site)

    report = run().as_json()

    assert report["gained"] == [
        {
            "patient_id": "VIE-0007",
            "subject": "ANC",
            "certainty": "certain",
            "severity": "medium",
            "first_date": "2024-03-06",
            "last_date": "2024-03-31",
        }
    ]
    assert (report["patients_in_scope"], report["patients_judged"], report["unchanged"]) == (3, 3, 1)
    assert report["limits"] == {"prolonged_over_days": {"in_force": 28, "shadow": 21}}


def test_a_finding_that_becomes_certain_is_changed_and_not_gained(site):
    patient = make_patient(site=site, code="VIE-0007")
    for day in (5, 15, 30):
        make_result(patient=patient, collected_on=DAY_0 + timedelta(days=day), value="0.9")

    (changed,) = run().as_json()["changed"]

    assert (changed["was"]["certainty"], changed["becomes"]["certainty"]) == ("possible", "certain")


def test_an_episode_that_a_smaller_gap_splits_is_lost_as_a_certain_one(site):  # CYT-5
    low_on(make_patient(site=site), 5, 35, 65)

    report = shadow.run(candidate=by_name("prolonged_cytopenia:3"), as_of=AS_OF, at=NIGHT)

    assert [line.was.certainty for line in report.changed] == ["certain"]
    assert [line.becomes.certainty for line in report.changed] == ["possible"]
    assert len(report.gained) == 2


def test_overdue_visits_change_their_severity_only(patient):  # OVD-8
    report = shadow.run(candidate=by_name("overdue_visit:2"), as_of=DAY_0 + timedelta(days=31 + 15), at=NIGHT)

    assert [(line.was.severity, line.becomes.severity) for line in report.changed] == [("low", "medium")]
    assert (report.gained, report.lost) == ([], [])


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda rule: rule.name)
def test_nothing_is_stored_by_any_candidate(site, candidate):
    low_on(make_patient(site=site), 5, 15, 30)
    make_event(patient=make_patient(site=site), term="lymphoma")
    scan.run_rules(as_of=AS_OF, at=NIGHT, trigger="command")
    before, events = rows_of_everything(), AuditEvent.objects.count()

    shadow.run(candidate=candidate, as_of=AS_OF, at=NIGHT)

    assert rows_of_everything() == before
    assert AuditEvent.objects.count() == events


def test_the_database_refuses_a_rule_that_writes(patient):
    def judge_and_write(history, as_of, limits):
        Patient.objects.update(birth_year=1900)

    writing = replace(by_name("overdue_visit:2"), judge=judge_and_write)

    with pytest.raises(TransactionManagementError) as refusal:
        shadow.run(candidate=writing, as_of=AS_OF, at=NIGHT)

    assert "read-only transaction" in str(refusal.value.__cause__)


def test_after_a_shadow_run_the_session_writes_again(patient):
    run()

    with acting(rows=EVERYTHING):
        assert Patient.objects.update(birth_year=1986) == 1


def test_no_run_is_noted_so_that_nobody_takes_it_for_a_scan(patient):
    run()

    assert not ScanRun.objects.exists()


def test_what_is_stored_plays_no_part(site):
    low_on(make_patient(site=site), 5, 15, 40)

    before = run().as_json()
    scan.run_rules(as_of=AS_OF, at=NIGHT, trigger="command")
    after = run().as_json()

    assert {**before, "seconds": 0} == {**after, "seconds": 0}


def test_a_patient_for_whom_the_rule_fails_is_named_and_the_others_are_judged(site):
    broken = make_patient(site=site, code="VIE-0007")
    make_event(patient=broken, started_on="2024-13")
    make_event(patient=make_patient(site=site), term="lymphoma")

    report = shadow.run(candidate=by_name("secondary_malignancy:2"), as_of=AS_OF, at=NIGHT)

    assert [code for code, _ in report.failures] == ["VIE-0007"]
    assert (report.patients_in_scope, report.patients_judged, report.unchanged) == (2, 1, 1)


def test_who_is_not_in_scope_is_not_looked_at(site):
    make_patient(site=site, infused_on=None)
    low_on(make_patient(site=site), 5, 15, 30)

    assert run().patients_in_scope == 1


def test_everybody_is_judged_batch_by_batch(site, monkeypatch):
    monkeypatch.setattr(shadow, "BATCH", 2)
    for _ in range(5):
        low_on(make_patient(site=site), 5, 15, 30)

    report = run()

    assert (report.patients_judged, len(report.gained)) == (5, 5)


KEYS = [
    "shadow",
    "rule",
    "version",
    "version_in_force",
    "limits",
    "as_of",
    "patients_in_scope",
    "patients_judged",
    "failures",
    "counts",
    "gained",
    "lost",
    "changed",
    "unchanged",
    "seconds",
]


def test_the_command_answers_with_one_object(site, capsys):
    low_on(make_patient(site=site, code="VIE-0007"), 5, 15, 30)
    low_on(make_patient(site=site, code="VIE-0008"), 5, 15, 30)

    call_command("scan", "--shadow", "prolonged_cytopenia:2", "--as-of", AS_OF.isoformat(), "--json")

    said = json.loads(capsys.readouterr().out)
    assert list(said) == KEYS
    assert (said["shadow"], said["rule"], said["version"]) == (
        "prolonged_cytopenia:2",
        "prolonged_cytopenia",
        2,
    )
    assert said["as_of"] == AS_OF.isoformat()
    assert [line["patient_id"] for line in said["gained"]] == ["VIE-0007", "VIE-0008"]
    assert said["counts"] == {
        "gained": {"certain": 2, "possible": 0},
        "lost": {"certain": 0, "possible": 0},
        "changed": 0,
        "unchanged": 0,
    }


def test_the_command_for_one_patient_and_in_words(site, capsys):
    low_on(make_patient(site=site, code="VIE-0007"), 5, 15, 30)
    low_on(make_patient(site=site, code="VIE-0008"), 5, 15, 30)

    call_command(
        "scan", "--shadow", "prolonged_cytopenia:2", "--as-of", AS_OF.isoformat(), "--patient", "VIE-0008"
    )

    said = capsys.readouterr().out
    assert "prolonged_over_days: 21 instead of 28" in said
    assert "1 of 1 patients judged, 0 failures; 1 gained (1 certain), 0 lost (0 certain), 0 changed" in said
    assert "gained patient VIE-0008: ANC, certain, severity medium, 2024-03-06 to 2024-03-31" in said
    assert "VIE-0007" not in said


def test_the_command_fails_when_a_patient_could_not_be_judged(patient, capsys):
    make_event(patient=patient, started_on="2024-13")

    with pytest.raises(CommandError) as refusal:
        call_command("scan", "--shadow", "secondary_malignancy:2", "--as-of", AS_OF.isoformat(), "--json")

    assert refusal.value.returncode == 1
    assert [f["patient_id"] for f in json.loads(capsys.readouterr().out)["failures"]] == [patient.code]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--shadow", "prolonged_cytopenia:99"], "prolonged_cytopenia:2, prolonged_cytopenia:3"),
        (["--shadow", ""], "The candidates are"),
        (["--shadow", "prolonged_cytopenia:2", "--rule", "overdue_visit"], "leave --rule out"),
    ],
)
def test_the_command_refuses_what_it_does_not_know(db, capsys, words, says):
    with pytest.raises(CommandError, match=says):
        call_command("scan", *words, "--json")

    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_the_version_in_force_beside_itself_changes_nothing(site):
    low_on(make_patient(site=site), 5, 15, 40)

    report = shadow.run(candidate=by_name("prolonged_cytopenia:1"), as_of=AS_OF, at=NIGHT)

    assert (report.gained, report.lost, report.changed, report.unchanged) == ([], [], [], 1)
