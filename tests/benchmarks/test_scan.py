"""The benchmark's invented patients are possible ones, and its answer has the keys scripts rely on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import engine, loading
from config import embedded

PATIENTS = 200
RULES = {"overdue_visit", "prolonged_cytopenia", "unresolved_at_day_28", "secondary_malignancy"}
# contract.md section 2
CONTRACT = {
    "patients",
    "results",
    "seconds_by_rule",
    "sequential_count_seconds",
    "ratio_to_sequential_count",
    "peak_memory_mb",
}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A registry's data directory; the server's user must be able to pass through it, too."""
    made = embedded.Engines.for_tests()
    yield made.data
    subprocess.run(["rm", "-rf", made.data], check=True)


@pytest.fixture(scope="module")
def built(data_dir):
    """The database as it was filled, before anything is judged, on the running server."""
    with engine.running(data_dir) as own:
        database = engine.make_empty(data=own, patients=PATIENTS)
        loading.load(database, patients=PATIENTS)
        engine.mark_finished(database, patients=PATIENTS)
        yield database


@pytest.fixture
def owner(built):
    with built.connect("postgres") as connection:
        yield connection


@pytest.fixture(scope="module")
def answer(built, data_dir):
    """What the measuring process says of three rounds."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "measure", "--rounds", "3"],
        cwd=embedded.ROOT,
        env={**built.environment("registry_app"), "BENCHMARK_OWNER_URL": built.url("registry")},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def one(connection, sql):
    return connection.execute(sql).fetchone()[0]


def test_every_foreign_key_holds_that_was_not_looked_at_while_loading(owner):
    keys = owner.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND conrelid::regclass::text LIKE 'registry%'"
    ).fetchall()

    with owner.transaction(force_rollback=True):
        for table, name, definition in keys:
            # Made again, it looks at every row and raises at the first that breaks it.
            owner.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
            owner.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')

    assert len(keys) > 30


def test_every_row_passes_the_triggers_that_were_off(owner):
    infusions = one(
        owner,
        "SELECT count(*) FROM registry_infusion i JOIN registry_course c ON c.id = i.course_id"
        " WHERE c.day_zero <> i.infused_on",
    )
    visits = one(
        owner,
        "SELECT count(*) FROM registry_visit v JOIN registry_course c ON c.id = v.course_id"
        " WHERE v.visited_on < c.day_zero",
    )

    assert (infusions, visits) == (0, 0)


def test_nothing_is_dated_after_the_end_of_the_record(owner):
    latest = one(
        owner,
        "SELECT greatest((SELECT max(collected_on) FROM registry_labresult),"
        " (SELECT max(visited_on) FROM registry_visit), (SELECT max(day_zero) FROM registry_course),"
        " (SELECT max(aware_on) FROM registry_adverseevent))",
    )

    assert latest == loading.DATA_CUT


def test_no_patient_waits_to_be_judged_after_loading(owner):
    assert one(owner, "SELECT count(*) FROM registry_waitingevaluation") == 0


def test_patients_have_300_to_400_results_of_which_six_percent_are_low(owner):
    results = one(owner, "SELECT count(*) FROM registry_labresult")
    low = one(
        owner,
        "SELECT count(*) FROM registry_labresult WHERE superseded_at IS NULL AND"
        " value < CASE analyte WHEN 'ANC' THEN 1 WHEN 'PLT' THEN 50 WHEN 'HGB' THEN 80 END",
    )

    assert 300 <= results / PATIENTS <= 400
    assert 0.04 <= low / results <= 0.08


def test_results_of_a_patient_are_scattered_over_the_table(owner):
    pages = one(
        owner,
        "SELECT avg(pages) FROM (SELECT count(DISTINCT (ctid::text::point)[0]) AS pages"
        " FROM registry_labresult GROUP BY patient_id) AS each",
    )

    assert pages > 15


def test_the_answer_has_the_keys_of_the_contract(answer):
    assert set(answer) > CONTRACT
    assert set(answer["seconds_by_rule"]) == RULES
    assert answer["patients"] == PATIENTS
    assert answer["results"] >= 300 * PATIENTS
    assert answer["rounds"] == len(answer["by_round"]) == 3
    assert answer["failures"] == 0
    assert all(answer[key] > 0 for key in CONTRACT - {"seconds_by_rule"})


def test_every_patient_in_scope_is_judged_or_passed_over_as_clear_or_unchanged(answer):
    for rule in RULES:
        covered = ("patients_judged", "patients_skipped_as_clear", "patients_unchanged")
        told = sum(answer[name][rule] for name in covered)
        assert told == answer["patients_in_scope"][rule] > 0.9 * PATIENTS


def test_the_alerts_are_what_judging_everybody_without_preselection_says(answer, built):
    done = subprocess.run(
        [sys.executable, "manage.py", "recompute", "--diff", "--json"],
        cwd=embedded.ROOT,
        env={**built.environment("registry_app"), "REGISTRY_TODAY": answer["as_of"]},
        stdout=subprocess.PIPE,
        check=False,
    )

    said = json.loads(done.stdout)
    assert said["differences"] == []
    assert said["patients_judged"] >= 0.9 * PATIENTS
    assert done.returncode == 0


def test_a_database_that_holds_patients_is_never_written_over(answer, built):
    with pytest.raises(loading.NotEmpty):
        loading.load(built, patients=PATIENTS)


@pytest.mark.parametrize("few", [("--rounds", "2"), ("--rounds", "0"), ("--patients", "0")])
def test_the_command_refuses_too_few_rounds_or_patients(data_dir, few):
    done = subprocess.run(
        [sys.executable, "manage.py", "benchmark", "scan", *few, "--json"],
        cwd=embedded.ROOT,
        env={**os.environ, "REGISTRY_DATA_DIR": str(data_dir)},
        capture_output=True,
        check=False,
    )

    assert done.returncode == 1
    assert json.loads(done.stdout)["ok"] is False
    assert not Path(data_dir, "benchmark", "results").exists()
