"""`status --patient`: what each rule has said of one patient, on the command line."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from registry import clock
from registry.actions import evaluations
from registry.models import Alert
from registry.monitoring.catalogue import RULES
from tests.factories import DAY_0, make_patient, make_result, make_site, make_study

KEYS = ["rule", "version", "state", "judged_at", "as_of", "since", "result", "why_not", "alerts"]


@pytest.fixture(autouse=True)
def day_40(settings):
    settings.REGISTRY_TODAY = DAY_0 + timedelta(days=40)


def said(capsys, *words):
    call_command("status", "--patient", "VIE-0001", *words, "--json")
    return json.loads(capsys.readouterr().out)


def scan(capsys):
    """A night, and the sweep that settles who waited."""
    call_command("scan")
    evaluations.judge_waiting(at=clock.now(), as_of=clock.pinned_day())
    capsys.readouterr()


def test_each_rule_says_when_it_judged_and_why_it_found_nothing(patient, capsys):
    make_result(patient=patient, collected_on=DAY_0 + timedelta(days=5), value="2.0")
    scan(capsys)
    told = said(capsys)

    assert (told["ok"], told["study"], told["patient_id"]) == (True, "CART-AID", "VIE-0001")
    assert [list(rule) for rule in told["rules"]] == [KEYS] * len(RULES)
    (cytopenia,) = [rule for rule in told["rules"] if rule["rule"] == "prolonged_cytopenia"]
    assert (cytopenia["state"], cytopenia["result"]) == ("judged", "Nothing found")
    assert (
        cytopenia["why_not"][0]
        == "Neutrophils: no low count on 1 day counted, the latest 6 Mar 2024 (day 5)."
    )
    (visits,) = [rule for rule in told["rules"] if rule["rule"] == "overdue_visit"]
    assert visits["alerts"] == [str(Alert.objects.get(rule="overdue_visit").public_id)]


def test_in_words_it_counts_the_rules(patient, capsys):
    scan(capsys)
    call_command("status", "--patient", "VIE-0001")
    lines = capsys.readouterr().out.splitlines()

    assert lines[-1] == f"{len(RULES)} rules"
    assert any(line.startswith("prolonged_cytopenia 1, judged 2024-04-10T") for line in lines)
    assert "    Neutrophils, platelets, haemoglobin: no count since day 0." in lines


def test_a_record_that_waits_to_be_judged_fails(patient, capsys):
    scan(capsys)
    make_result(patient=patient, collected_on=DAY_0 + timedelta(days=6), value="2.0")

    with pytest.raises(CommandError, match="Not judged as the record stands") as refusal:
        said(capsys)

    assert refusal.value.returncode == 1
    told = json.loads(capsys.readouterr().out)
    assert {rule["state"] for rule in told["rules"]} == {"waiting"}


def test_an_unknown_patient_and_one_of_several_studies_are_refused(patient, capsys):
    with pytest.raises(CommandError, match="no patient VIE-9"):
        call_command("status", "--patient", "VIE-9")
    make_patient(site=make_site(study=make_study(key="OTHER")), code="VIE-0001")
    with pytest.raises(CommandError, match=r"CART-AID, OTHER\. Name one with --study"):
        call_command("status", "--patient", "VIE-0001")
    scan(capsys)

    assert said(capsys, "--study", "OTHER")["study"] == "OTHER"
