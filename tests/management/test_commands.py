"""The commands' answers on standard output, as scripts outside rely on them (contract.md section 2)."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from registry.models import Alert, Heartbeat, Patient, ScanRun, User
from registry.monitoring.catalogue import RULES
from tests.factories import DAY_0, make_event, make_patient, make_result

AS_OF = (DAY_0 + timedelta(days=120)).isoformat()
RUN_KEYS = [
    "rule",
    "version",
    "patients_in_scope",
    "patients_judged",
    "patients_skipped_as_clear",
    "failures",
    "findings",
    "raised",
    "extended",
    "withdrawn",
    "resolved",
    "unchanged",
    "seconds",
]


def answer(capsys, *words, fails=False):
    """The one JSON object the command prints, and nothing else beside it."""
    if fails:
        with pytest.raises(CommandError) as refusal:
            call_command(*words, "--json")
        assert refusal.value.returncode == 1
    else:
        call_command(*words, "--json")
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def low_for_32_days(patient):
    for day, value in ((3, "0.4"), (20, "0.5"), (35, "0.6")):
        make_result(patient=patient, collected_on=DAY_0 + timedelta(days=day), value=value)
    return patient


def test_scan_answers_with_a_run_of_each_rule(low_for_32_days, capsys):
    said = answer(capsys, "scan", "--as-of", AS_OF)

    assert list(said) == ["as_of", "runs"]
    assert said["as_of"] == AS_OF
    assert [run["rule"] for run in said["runs"]] == [rule.key for rule in RULES]
    assert all(list(run) == RUN_KEYS for run in said["runs"])
    assert sum(run["raised"] for run in said["runs"]) == Alert.objects.count() > 0


def test_without_a_date_scan_says_null(low_for_32_days, capsys):
    assert answer(capsys, "scan")["as_of"] is None


def test_a_second_scan_builds_on_the_first_unless_told_to_ask_everybody_anew(low_for_32_days, capsys):
    first = answer(capsys, "scan", "--as-of", AS_OF)
    again = answer(capsys, "scan", "--as-of", AS_OF)
    anew = answer(capsys, "scan", "--as-of", AS_OF, "--from-raw")

    ran = ScanRun.objects.order_by("pk").values_list("is_from_raw", flat=True)
    assert list(ran) == [True] * 4 + [False] * 4 + [True] * 4
    counted = ("rule", "patients_in_scope", "patients_judged", "patients_skipped_as_clear", "findings")
    for said in (again, anew):
        for before, run in zip(first["runs"], said["runs"], strict=True):
            assert [run[name] for name in counted] == [before[name] for name in counted]
            assert run["raised"] == run["extended"] == run["withdrawn"] == 0


def test_scan_of_one_rule_and_one_patient(low_for_32_days, site, capsys):
    make_patient(site=site)

    said = answer(
        capsys, "scan", "--as-of", AS_OF, "--rule", "overdue_visit", "--patient", low_for_32_days.code
    )

    assert [(run["rule"], run["patients_in_scope"]) for run in said["runs"]] == [("overdue_visit", 1)]
    assert not ScanRun.objects.get().is_whole


def test_scan_that_failed_for_a_patient_says_so_and_fails(patient, capsys):
    make_event(patient=patient, term="Lymphoma", started_on="2024-13")

    said = answer(capsys, "scan", "--as-of", AS_OF, fails=True)

    (failures,) = (run["failures"] for run in said["runs"] if run["rule"] == "secondary_malignancy")
    assert [failure["patient_id"] for failure in failures] == [patient.code]
    assert "2024-13" in failures[0]["error"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["scan", "--as-of", "31.12.2024"], "YYYY-MM-DD"),
        (["scan", "--as-of", "2024-02-30"], "YYYY-MM-DD"),
        (["scan", "--rule", "no_such_rule"], "prolonged_cytopenia"),
        (["scan", "--patient", "nobody"], "No patient nobody"),
        (["recompute", "--diff", "--as-of", "2024-13-01"], "--as-of: 2024-13-01 is not a date. Write YYYY"),
        (["import_bundle", "--from", "sdtm", "nowhere"], "--study KEY"),
        (["export", "alerts", "--out", "x.csv", "--format", "parquet"], "not in this version"),
        (["api_key", "--sponsor", "nobody", "--study", "X"], "no sponsor nobody"),
        (["seed_demo", "--patients", "0"], "DEMO=1|at least 1"),
    ],
)
def test_a_command_refuses_what_it_cannot_do_in_words_and_in_one_json_object(db, capsys, words, says):
    with pytest.raises(CommandError, match=says) as refusal:
        call_command(*words)
    assert capsys.readouterr().out == ""

    assert answer(capsys, *words, fails=True) == {"ok": False, "error": str(refusal.value)}


def test_a_recount_after_a_scan_finds_no_difference(low_for_32_days, capsys):
    call_command("scan", "--as-of", AS_OF)
    capsys.readouterr()

    said = answer(capsys, "recompute", "--diff", "--as-of", AS_OF)

    assert (said["difference_count"], said["patients_judged"]) == (0, 1)


def test_a_recount_finds_what_was_not_stored_and_writes_nothing(low_for_32_days, capsys):
    said = answer(capsys, "recompute", "--diff", "--as-of", AS_OF, fails=True)

    assert said["difference_count"] == len(said["differences"]) > 0
    assert {difference["patient_id"] for difference in said["differences"]} == {low_for_32_days.code}
    assert {"rule": "prolonged_cytopenia", "patient_id": "VIE-0001"}.items() <= next(
        difference for difference in said["differences"] if "ANC is found" in difference["problem"]
    ).items()
    assert Alert.objects.count() == 0


def test_a_recount_in_words_names_patients_by_their_own_ids(low_for_32_days, capsys):
    with pytest.raises(CommandError):
        call_command("recompute", "--diff", "--as-of", AS_OF)

    assert "prolonged_cytopenia: patient VIE-0001: ANC is found and not stored" in capsys.readouterr().out


def test_the_trail_of_an_honest_record_verifies(low_for_32_days, capsys):
    said = answer(capsys, "verify_audit")

    assert (said["ok"], said["deviations"]) == (True, [])
    assert said["events"] > 0


def test_status_names_what_is_stale_and_fails(db, capsys):
    said = answer(capsys, "status", fails=True)

    stale = {check["name"] for check in said["checks"] if not check["ok"]}
    assert said["ok"] is False
    assert {f"scan:{rule.key}" for rule in RULES} | {"worker", "beat"} <= stale
    assert {"database", "broker"}.isdisjoint(stale)
    assert all(set(check) == {"name", "ok", "value", "limit", "detail"} for check in said["checks"])


def test_demo_accounts_where_there_is_no_demo_make_the_status_fail(db, capsys):
    User.objects.create_user(username="officer@demo", is_demo=True)

    said = answer(capsys, "status", fails=True)

    assert [check["ok"] for check in said["checks"] if check["name"] == "demo accounts"] == [False]


def test_the_demonstration_is_the_same_for_the_same_seed(db, settings, tmp_path, capsys):
    settings.DEMO, settings.DATA_DIR = True, tmp_path
    call_command("seed_demo", "--patients", "12", "--seed", "7")
    first = list(Patient.objects.order_by("code").values_list("code", "sex", "birth_year", "enrolled_on"))

    call_command("seed_demo", "--patients", "12", "--seed", "7")

    assert (
        list(Patient.objects.order_by("code").values_list("code", "sex", "birth_year", "enrolled_on"))
        == first
    )
    assert "seeded already" in capsys.readouterr().out
    assert (tmp_path / "demo_api_key").stat().st_mode & 0o077 == 0


def test_seeding_answers_a_script_with_what_it_made(db, settings, tmp_path, capsys):
    settings.DEMO, settings.DATA_DIR = True, tmp_path

    first = answer(capsys, "seed_demo", "--patients", "12", "--seed", "7")
    second = answer(capsys, "seed_demo", "--patients", "12", "--seed", "7")

    assert (first["seeded"], first["patients"], first["seed"]) == (True, 12, 7)
    assert "officer@demo" in first["accounts"]
    assert (second["seeded"], second["patients"]) == (False, 0)


def test_the_demonstration_shows_what_it_promises(db, settings, tmp_path):
    settings.DEMO, settings.DATA_DIR = True, tmp_path
    call_command("seed_demo", "--patients", "40")

    def alerts(patient, rule):
        return list(
            Alert.objects.filter(patient__code=patient, rule=rule).values_list(
                "subject", "certainty", "severity"
            )
        )

    cytopenia = Alert.objects.get(patient__code="VIE-0001", rule="prolonged_cytopenia")
    assert (cytopenia.certainty, cytopenia.evidence["certain_days"]) == ("certain", 29)
    assert alerts("VIE-0002", "prolonged_cytopenia") == [("ANC", "certain", "high")]
    assert alerts("VIE-0003", "prolonged_cytopenia") == [("ANC", "possible", "low")]
    lymphoma, myeloid = (
        Alert.objects.get(patient__code=code, rule="secondary_malignancy")
        for code in ("VIE-0004", "VIE-0005")
    )
    assert (lymphoma.severity, lymphoma.evidence["class"]) == ("critical", "t_cell")
    assert (myeloid.certainty, myeloid.evidence["class"]) == ("certain", "myeloid")
    assert {row[0].split("@")[0] for row in alerts("VIE-0006", "overdue_visit")} >= {"M24", "Y3"}
    assert not Alert.objects.filter(patient__code__in=("VIE-0008", "VIE-0009"), rule="secondary_malignancy")
    assert Alert.objects.filter(patient__site__code="MIL", rule="overdue_visit").exists()


def test_invented_patients_stay_out_of_production(db, settings):
    settings.DEMO = False

    with pytest.raises(CommandError, match="DEMO=1"):
        call_command("seed_demo")
    assert Heartbeat.objects.count() == 0


def test_recount_compares_a_share_and_counts_what_it_looked_at(low_for_32_days, capsys):
    answer(capsys, "scan")
    share = str(low_for_32_days.pk % 30 + 1)

    clean = answer(capsys, "recount", "--share", share)
    Alert.objects.filter(rule="prolonged_cytopenia").update(state="withdrawn")
    lost = answer(capsys, "recount", "--share", share, fails=True)

    assert (clean["share"], clean["patients_counted"], clean["difference_count"]) == (int(share), 1, 0)
    assert lost["differences"] == [
        {
            "patient": str(low_for_32_days.public_id),
            "rule": "prolonged_cytopenia",
            "problem": "an alert would be reopened (withdrawn to open)",
        }
    ]


def test_recount_keeps_who_explained_a_difference(low_for_32_days, administrator, coordinator, capsys):
    answer(capsys, "scan")
    Alert.objects.filter(rule="prolonged_cytopenia").update(state="withdrawn")
    lost = answer(capsys, "recount", "--share", str(low_for_32_days.pk % 30 + 1), fails=True)
    number = str(lost["number"])

    for by in ("coordinator", "nobody"):
        with pytest.raises(CommandError):
            call_command("recount", "--explain", number, "--by", by, "--reason", "By hand.")
    told = answer(capsys, "recount", "--explain", number, "--by", "administrator", "--reason", "By hand.")

    assert told["explanation"] == "By hand."
