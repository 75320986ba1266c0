"""What a bundle is refused for: each kind of error with its file, line and column, all of them at once."""

import json
from datetime import date

import pytest
from django.core.management import CommandError, call_command

from registry.exchange.bundle import import_directory
from registry.models import Patient, Study
from tests.exchange.bundles import (
    AT,
    BASE,
    INFUSIONS,
    LABS,
    PATIENTS,
    PRODUCTS,
    SITES,
    VISITS,
    load,
    problems,
    write,
)

pytestmark = pytest.mark.django_db

PATIENT_COLUMNS = PATIENTS.splitlines()[0]
EVENTS = "patient_id,event_id,term"
END = "follow_up_ended_on,follow_up_end_reason"
DOSES = "patient_id,infused_on,product_id,dose_cells\nP1,2024-03-01,CAR19"
SCORES = "patient_id,assessed_on,score,value\nP1,2024-03-05"
SCHEDULES = "version,effective_from,visit_code,offset,offset_unit,days_before,days_after"
ONE_LAB = f"{LABS}\nP1,2024-03-05,ANC,0.4,10*9/L\n"
D28 = f"{VISITS}\nP1,D28,2024-03-29,completed,\n"


def patient(extra_columns="", extra="", **changed):
    """patients.csv with one patient; columns may be added and values changed."""
    names = PATIENT_COLUMNS.split(",")
    values = dict(zip(names, PATIENTS.splitlines()[1].split(","), strict=True)) | changed
    columns = f",{extra_columns}" if extra_columns else ""
    return f"{PATIENT_COLUMNS}{columns}\n{','.join(values.values())}{',' + extra if extra_columns else ''}\n"


ROWS = [
    # file, header and row, the column that is refused (None: fine)
    ("sites.csv", SITES.replace("AT", "Austria"), "country"),
    ("sites.csv", SITES.replace("AT", "at"), "country"),
    ("sites.csv", SITES.replace("AT", "UK"), "country"),
    ("sites.csv", SITES.replace("Europe/Vienna", "CET+1"), "time_zone"),
    ("sites.csv", SITES.replace("Vienna General", ""), "name"),
    ("products.csv", PRODUCTS.replace("CD19", "CD20"), "target"),
    ("products.csv", PRODUCTS.replace("autologous", "Autologous"), "source"),
    ("products.csv", PRODUCTS.replace("lentiviral", "AAV"), "vector"),
    ("patients.csv", patient(sex="X"), "sex"),
    ("patients.csv", patient(birth_year="1985.0"), "birth_year"),
    ("patients.csv", patient(birth_year="1904"), "birth_year"),
    ("patients.csv", patient(birth_year=""), "birth_year"),
    ("patients.csv", patient(diagnosis="RA"), "diagnosis"),
    ("patients.csv", patient(site_id="GRZ"), "site_id"),
    ("patients.csv", patient(site_id=""), "site_id"),
    ("patients.csv", patient(patient_id=""), "patient_id"),
    ("patients.csv", patient(patient_id="P" * 41), "patient_id"),
    ("patients.csv", patient(enrolled_on="20.02.2024"), "enrolled_on"),
    ("patients.csv", patient(enrolled_on="2024-02"), "enrolled_on"),
    ("patients.csv", patient(enrolled_on="2024-02-30"), "enrolled_on"),
    ("patients.csv", patient(enrolled_on="2025-06-01"), None),
    ("patients.csv", patient(enrolled_on="2025-06-02"), "enrolled_on"),
    ("patients.csv", patient("index_date", "2024-03-01"), "index_date"),
    ("patients.csv", patient("follow_up_ended_on", "2025-01-01"), "follow_up_end_reason"),
    ("patients.csv", patient("follow_up_end_reason", "lost"), "follow_up_ended_on"),
    ("patients.csv", patient(END, "2025-01-01,moved"), "follow_up_end_reason"),
    ("patients.csv", patient(END, "2024-02-20,lost"), None),
    ("patients.csv", patient(END, "2024-02-19,lost"), "follow_up_ended_on"),
    ("patients.csv", patient("cause_of_death", "sepsis"), "cause_of_death"),
    ("patients.csv", patient("failed_therapies", "two"), "failed_therapies"),
    ("patients.csv", patient("organs_at_baseline", "skin; lung"), None),
    ("patients.csv", patient("organs_at_baseline", "skin;liver"), "organs_at_baseline"),
    ("patients.csv", patient("prior_malignancy", "yes"), "prior_malignancy"),
    ("infusions.csv", INFUSIONS.replace("CAR19", "CAR20"), "product_id"),
    ("infusions.csv", INFUSIONS.replace("P1", "P2"), "patient_id"),
    ("infusions.csv", INFUSIONS.replace("2024-03-01", ""), "infused_on"),
    ("infusions.csv", INFUSIONS.replace("2024-03-01", "2025-06-02"), "infused_on"),
    ("infusions.csv", f"{DOSES},0\n", "dose_cells"),
    ("infusions.csv", f"{DOSES},0.0001\n", None),
    ("infusions.csv", f'{DOSES},"1,5"\n', "dose_cells"),
    ("visits.csv", f"{VISITS}\nP1,D28,2024-02-29,completed,\n", "visited_on"),
    ("visits.csv", f"{VISITS}\nP1,D28,2024-03-01,completed,\n", None),
    ("visits.csv", f"{VISITS}\nP1,D28,,completed,\n", "visited_on"),
    ("visits.csv", f"{VISITS}\nP1,D28,,missed,\n", "missed_reason"),
    ("visits.csv", f"{VISITS}\nP1,D29,2024-03-29,completed,\n", "visit_code"),
    ("visits.csv", f"{VISITS}\nP1,d28,2024-03-29,completed,\n", "visit_code"),
    ("visits.csv", f"{VISITS}\nP1,D28,2024-03-29,done,\n", "status"),
    ("visits.csv", f"{VISITS}\nP1,UNS,,missed,ill\n", "visited_on"),
    ("labs.csv", f"{LABS}\nP1,2024-03-05,anc,0.4,10*9/L\n", "analyte"),
    ("labs.csv", f"{LABS}\nP1,2024-03-05,ANC,0.4,10*9/l\n", "unit"),
    ("labs.csv", f"{LABS}\nP1,2024-03-05,ANC,0.4,\n", "unit"),
    ("labs.csv", f"{LABS}\nP1,2024-03-05,HGB,8,G/L\n", "unit"),
    ("labs.csv", f"{LABS}\nP1,2024-03-05,ANC,100,10*9/L\n", None),
    ("labs.csv", f"{LABS}\nP1,2024-03-05,ANC,100.1,10*9/L\n", "value"),
    ("labs.csv", f"{LABS}\nP1,2024-03-05,HGB,19.9,g/L\n", "value"),
    ("labs.csv", f"{LABS}\nP1,2024-03-05,HGB,20,g/L\n", None),
    ("labs.csv", f'{LABS}\nP1,2024-03-05,ANC,"0,4",10*9/L\n', "value"),
    ("labs.csv", f"{LABS}\nP1,2024-03-05,ANC,-0.4,10*9/L\n", "value"),
    ("labs.csv", f"{LABS}\nP1,2024-03-05,ANC,low,10*9/L\n", "value"),
    ("labs.csv", f"{LABS}\nP1,2024-03-05,ANC,,10*9/L\n", "value"),
    ("labs.csv", f"{LABS}\nP1,2024-03-05,ANC,NaN,10*9/L\n", "value"),
    ("labs.csv", f"{LABS}\nP1,2024-03-05,ANC,1e9,10*9/L\n", "value"),
    ("labs.csv", f"{LABS}\nP1,1984-12-31,ANC,0.4,10*9/L\n", "collected_on"),
    ("labs.csv", f"{LABS}\nP1,1985-01-01,ANC,0.4,10*9/L\n", None),
    ("labs.csv", f"{LABS},lower_limit,upper_limit\nP1,2024-03-05,ANC,0.4,10*9/L,8,2\n", "lower_limit"),
    ("labs.csv", f"{LABS},corrects_value\nP1,2024-03-05,ANC,0.4,10*9/L,x\n", "corrects_value"),
    ("support.csv", "patient_id,given_on,kind\nP1,2024-03-05,G-CSF\n", "kind"),
    ("support.csv", "patient_id,given_on,kind\nP1,,g_csf\n", "given_on"),
    ("adverse_events.csv", f"{EVENTS}\nP1,AE1,\n", "term"),
    ("adverse_events.csv", f"{EVENTS}\nP1,,Fever\n", "event_id"),
    ("adverse_events.csv", f"{EVENTS},grade\nP1,AE1,Fever,6\n", "grade"),
    ("adverse_events.csv", f"{EVENTS},grade\nP1,AE1,Fever,5\n", None),
    ("adverse_events.csv", f"{EVENTS},code\nP1,AE1,Fever,R50\n", "code_system"),
    ("adverse_events.csv", f"{EVENTS},code_system\nP1,AE1,Fever,ICD-10\n", "code"),
    ("adverse_events.csv", f"{EVENTS},started_on\nP1,AE1,Fever,2024\n", None),
    ("adverse_events.csv", f"{EVENTS},started_on\nP1,AE1,Fever,2024-13\n", "started_on"),
    ("adverse_events.csv", f"{EVENTS},started_on,ended_on\nP1,AE1,Fever,2024-03,2024-02-28\n", "ended_on"),
    ("adverse_events.csv", f"{EVENTS},started_on,ended_on\nP1,AE1,Fever,2024-03-31,2024-03\n", None),
    ("adverse_events.csv", f"{EVENTS},seriousness\nP1,AE1,Fever,death\n", "serious"),
    ("adverse_events.csv", f"{EVENTS},serious,seriousness\nP1,AE1,Fever,Y,fatal\n", "seriousness"),
    ("adverse_events.csv", f"{EVENTS},narrative\nP1,AE1,Fever,{'x' * 20_001}\n", "narrative"),
    ("adverse_events.csv", f"{EVENTS},narrative\nP1,AE1,Fever,bell\x07\n", "narrative"),
    ("adverse_events.csv", f"{EVENTS},narrative\nP1,AE1,Fever,nul\0\n", "narrative"),
    ("adverse_events.csv", f"{EVENTS}\nP1,A\0E1,Fever\n", "event_id"),
    ("adverse_events.csv", f"{EVENTS}\nP\x001,AE1,Fever\n", "patient_id"),
    ("patients.csv", patient(patient_id="P\x001"), "patient_id"),
    ("scores.csv", f"{SCORES},SLEDAI-2K,105\n", None),
    ("scores.csv", f"{SCORES},SLEDAI-2K,106\n", "value"),
    ("scores.csv", f"{SCORES},SLEDAI,4\n", "score"),
    ("schedules.csv", f"{SCHEDULES}\n1,2020-01-01,UNS,1,day,0,0\n", "visit_code"),
    ("schedules.csv", f"{SCHEDULES}\n0,2020-01-01,D1,1,day,0,0\n", "version"),
    ("schedules.csv", f"{SCHEDULES}\n1,2020-01-01,D1,1,week,0,0\n", "offset_unit"),
    ("schedules.csv", f"{SCHEDULES}\n1,2020-01-01,D1,1,day,-1,0\n", "days_before"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "text", "column"),
    ROWS,
    ids=[f"{place}-{file}-{column or 'taken'}" for place, (file, _, column) in enumerate(ROWS)],
)
def test_a_row_is_refused_with_its_column_or_taken(tmp_path, file, text, column):
    files = {**BASE, file: text}
    if file == "patients.csv":
        del files["infusions.csv"]

    report = load(tmp_path, files)

    assert problems(report) == ([] if column is None else [(file, 2, column)])
    if column is not None:
        error = report.errors[0]
        assert error.problem
        assert error.accepted
        assert not Study.objects.exists()


def test_each_error_says_value_problem_and_what_is_accepted(tmp_path):
    report = load(tmp_path, {**BASE, "labs.csv": f"{LABS}\nP1,2024-03-05,ANC,1500,10*9/L\n"})

    assert [error.as_json() for error in report.errors] == [
        {
            "file": "labs.csv",
            "line": 2,
            "column": "value",
            "value": "1500",
            "problem": "ANC 1500 ×10⁹/L is not possible.",
            "accepted": "Did the laboratory report cells/µL? Choose /µL.",
        }
    ]


DEAD = {
    **BASE,
    "patients.csv": patient(END, "2024-05-10,death"),
}


@pytest.mark.parametrize(("on", "refused"), [("2024-05-10", False), ("2024-05-11", True)])
@pytest.mark.parametrize(
    ("file", "row", "column"),
    [
        ("visits.csv", f"{VISITS}\nP1,M2,{{}},completed,\n", "visited_on"),
        ("labs.csv", f"{LABS}\nP1,{{}},ANC,0.4,10*9/L\n", "collected_on"),
        ("support.csv", "patient_id,given_on,kind\nP1,{},g_csf\n", "given_on"),
        ("adverse_events.csv", f"{EVENTS},started_on\nP1,AE1,Fever,{{}}\n", "started_on"),
        ("scores.csv", "patient_id,assessed_on,score,value\nP1,{},TIS,40\n", "assessed_on"),
        ("infusions.csv", f"{INFUSIONS.splitlines()[0]}\nP1,{{}},CAR19\n", "infused_on"),
    ],
)
def test_nothing_happens_after_death_and_the_day_of_death_is_fine(tmp_path, on, refused, file, row, column):
    report = load(tmp_path, {**DEAD, file: row.format(on)})

    assert problems(report) == ([(file, 2, column)] if refused else [])


@pytest.mark.parametrize(("died_on", "refused"), [("2024-05-09", True), ("2024-05-10", False)])
@pytest.mark.parametrize("stored", ["visits.csv", "labs.csv", "infusions.csv"])
def test_death_is_not_told_before_what_is_stored_already(tmp_path, died_on, refused, stored):
    files = {
        "visits.csv": f"{VISITS}\nP1,M2,2024-05-10,completed,\n",
        "labs.csv": f"{LABS}\nP1,2024-05-10,ANC,0.4,10*9/L\n",
        "infusions.csv": f"{INFUSIONS}P1,2024-05-10,CAR19\n",
    }
    load(tmp_path / "1", {**BASE, stored: files[stored]})
    dead = patient(END, f"{died_on},death")

    report = load(tmp_path / "2", {"patients.csv": dead})

    assert problems(report) == ([("patients.csv", 2, "follow_up_ended_on")] if refused else [])


def test_today_is_the_day_at_the_site(tmp_path):
    days = {"Europe/Vienna": date(2024, 5, 10), "Pacific/Auckland": date(2024, 5, 11)}
    sites = SITES + "AKL,Auckland,NZ,Pacific/Auckland\n"
    patients = PATIENTS + PATIENTS.splitlines()[1].replace("P1,VIE", "P2,AKL") + "\n"
    labs = f"{LABS}\nP1,2024-05-11,ANC,0.4,10*9/L\nP2,2024-05-11,ANC,0.4,10*9/L\n"
    write(tmp_path, {**BASE, "sites.csv": sites, "patients.csv": patients, "labs.csv": labs})

    report = import_directory(
        tmp_path, study_key="CART-AID", at=AT, today=lambda *, time_zone: days[time_zone]
    )

    assert problems(report) == [("labs.csv", 2, "collected_on")]


FILES = [
    # what is written, and what is wrong: file, line, column
    ({"labs.csv": ""}, [("labs.csv", 1, "")]),
    ({"labs.csv": "patient_id,collected_on,analyte,value\n"}, [("labs.csv", 1, "unit")]),
    ({"labs.csv": f"{LABS},note\n"}, [("labs.csv", 1, "note")]),
    ({"labs.csv": f"{LABS},unit\n"}, [("labs.csv", 1, "unit")]),
    ({"labs.csv": LABS.replace("unit", "Unit")}, [("labs.csv", 1, "Unit"), ("labs.csv", 1, "unit")]),
    ({"labs.csv": f"{LABS}\nP1,2024-03-05,ANC,0.4\n"}, [("labs.csv", 2, "")]),
    ({"labs.csv": f"{LABS}\nP1,2024-03-05,ANC,0.4,10*9/L,\n"}, [("labs.csv", 2, "")]),
    ({"labs.csv": f'{LABS}\n"P1"x,2024-03-05,ANC,0.4,10*9/L\n'}, [("labs.csv", 2, "")]),
    ({"labs.csv": f"{LABS}\nP1,2024-03-05,ANC,0.4,10*9/L\n".encode("utf-16")}, [("labs.csv", 1, "")]),
    ({"labs.csv": f"{LABS}\nP1,2024-03-05,CD4,400,/µL\n".encode("latin-1")}, [("labs.csv", 2, "")]),
    # One unreadable file says nothing about the references to it.
    ({"patients.csv": b"\xff", "labs.csv": ONE_LAB}, [("patients.csv", 1, "")]),
    ({"sites.csv": b"\xff"}, [("sites.csv", 1, "")]),
    ({"products.csv": b"\xff"}, [("products.csv", 1, "")]),
    ({"infusions.csv": b"\xff", "visits.csv": D28}, [("infusions.csv", 1, "")]),
    # Nor does a refused row: its error is told once.
    ({"sites.csv": SITES.replace("AT", "XX")}, [("sites.csv", 2, "country")]),
    ({"products.csv": PRODUCTS.replace("lentiviral", "AAV")}, [("products.csv", 2, "vector")]),
    ({"patients.csv": PATIENTS.replace("SLE", "RA")}, [("patients.csv", 2, "diagnosis")]),
    ({"patients.csv": PATIENTS.replace(",CAR_T", "")}, [("patients.csv", 2, "")]),
]  # fmt: skip


@pytest.mark.parametrize(("files", "expected"), FILES, ids=range(len(FILES)))
def test_a_file_that_is_wrong_is_told_where(tmp_path, files, expected):
    report = load(tmp_path, {**BASE, **files})

    assert sorted(problems(report)) == sorted(expected)
    assert not Study.objects.exists()


CONTRADICTIONS = [
    ("sites.csv", SITES + "VIE,Vienna East,AT,Europe/Vienna\n", 3, "name"),
    ("patients.csv", PATIENTS + patient(birth_year="1986").splitlines()[1], 3, "birth_year"),
    ("infusions.csv", f"{INFUSIONS}P1,2024-03-01,CAR20\n", 3, "product_id"),
    ("visits.csv", D28 + "P1,D28,2024-03-30,completed,\n", 3, "visited_on"),
    ("labs.csv", f"{LABS},lower_limit\nP1,2024-03-05,ANC,0.4,10*9/L,1\nP1,2024-03-05,ANC,400,/uL,2000\n", 3,
     "lower_limit"),
    ("adverse_events.csv", f"{EVENTS}\nP1,AE1,Fever\nP1,AE1,Rash\n", 3, "term"),
    ("scores.csv", f"{SCORES},TIS,40\nP1,2024-03-05,TIS,41\n", 3, "value"),
    ("schedules.csv", f"{SCHEDULES}\n1,2020-01-01,D1,1,day,0,0\n1,2020-01-02,D2,2,day,0,0\n", 3,
     "effective_from"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "text", "line", "column"), CONTRADICTIONS, ids=[file for file, *_ in CONTRADICTIONS]
)
def test_two_lines_that_contradict_each_other_are_an_error(tmp_path, file, text, line, column):
    files = {**BASE, "products.csv": PRODUCTS + PRODUCTS.splitlines()[1].replace("CAR19", "CAR20") + "\n"}

    report = load(tmp_path, {**files, file: text})

    assert problems(report) == [(file, line, column)]


def test_the_same_line_twice_is_one_fact(tmp_path):
    labs = f"{LABS}\nP1,2024-03-05,ANC,0.4,10*9/L\nP1,2024-03-05,ANC,0.4,10*9/L\nP1,2024-03-05,ANC,400,/uL\n"

    report = load(tmp_path, {**BASE, "labs.csv": labs})

    assert (report.created["labs.csv"], report.unchanged["labs.csv"]) == (1, 2)


@pytest.mark.parametrize("stored", [False, True])
def test_an_event_id_of_another_patient_is_an_error(tmp_path, stored):
    patients = PATIENTS + PATIENTS.splitlines()[1].replace("P1", "P2") + "\n"
    first, second = f"{EVENTS}\nP1,AE1,Fever\n", f"{EVENTS}\nP2,AE1,Fever\n"
    files = {**BASE, "patients.csv": patients}
    if stored:
        load(tmp_path, {**files, "adverse_events.csv": first})
        report = load(tmp_path / "2", {"adverse_events.csv": second})
    else:
        report = load(tmp_path, {**files, "adverse_events.csv": first + "P2,AE1,Fever\n"})

    assert problems(report) == [("adverse_events.csv", 2 if stored else 3, "event_id")]


def test_every_error_is_counted_and_the_first_1000_are_listed(tmp_path):
    rows = "".join(f"P1,2024-03-05,ANC,{n}x,10*9/L\n" for n in range(1_001))

    report = load(tmp_path, {**BASE, "labs.csv": f"{LABS}\n{rows}"}).as_json()

    assert report["error_count"] == 1_001
    assert [error["line"] for error in report["errors"]] == list(range(2, 1_002))


def test_a_cell_of_ten_megabytes_comes_back_in_few_words(tmp_path):
    events = f"{EVENTS},narrative\nP1,AE1,Fever,{'x' * 10_000_000}\n"

    report = load(tmp_path, {**BASE, "adverse_events.csv": events})

    assert problems(report) == [("adverse_events.csv", 2, "narrative")]
    assert len(json.dumps(report.as_json())) < 2_000


@pytest.mark.parametrize("directory", ["missing", "empty"])
def test_a_directory_that_is_missing_or_holds_no_bundle_is_an_error(tmp_path, directory):
    (tmp_path / "empty").mkdir()

    report = load(tmp_path / directory)

    assert len(report.errors) == 1
    assert not Study.objects.exists()


@pytest.mark.parametrize("key", ["", " ", "K" * 41, "a\nb", "a\0b"])
def test_a_study_needs_a_key(tmp_path, key):
    report = load(tmp_path, BASE, study_key=key)

    assert [error.column for error in report.errors] == ["study"]


# --- the command -----------------------------------------------------------------------------------------


def run(capsys, *arguments):
    try:
        call_command("import_bundle", *arguments)
        code = 0
    except SystemExit as end:
        code = end.code
    return code, capsys.readouterr()


def test_the_command_answers_with_one_json_object_and_exit_0(tmp_path, capsys):
    write(tmp_path, {**BASE, "notes.csv": "a\n"})

    code, output = run(capsys, str(tmp_path), "--json")

    answer = json.loads(output.out)
    assert code == 0
    assert answer["created"] == {"sites.csv": 1, "products.csv": 1, "patients.csv": 1, "infusions.csv": 1}
    assert set(answer["updated"].values()) == set(answer["unchanged"].values()) == {0}
    assert (answer["error_count"], answer["errors"]) == (0, [])
    assert answer["ignored_files"] == ["notes.csv"]
    assert Patient.objects.get().study.key == "CART-AID"


def test_the_command_exits_1_on_errors_and_stores_nothing(tmp_path, capsys):
    write(tmp_path, {**BASE, "labs.csv": f"{LABS}\nP9,2024-03-05,ANC,0.4,10*9/L\n"})

    code, output = run(capsys, str(tmp_path), "--study", "OTHER", "--json")

    answer = json.loads(output.out)
    assert code == 1
    assert answer["error_count"] == 1
    assert answer["errors"][0]["column"] == "patient_id"
    assert not Study.objects.exists()


def test_the_command_says_it_in_words_as_well(tmp_path, capsys):
    write(tmp_path, {**BASE, "labs.csv": f"{LABS}\nP1,2024-03-05,ANC,1500,10*9/L\n"})

    code, output = run(capsys, str(tmp_path))
    write(tmp_path, {"labs.csv": LABS})
    dry_code, dry = run(capsys, str(tmp_path), "--dry-run")

    assert (code, dry_code) == (1, 0)
    assert "labs.csv:2:value ANC 1500" in output.err
    assert "Nothing was stored." in output.err
    assert "patients.csv: 1 created" in dry.out
    assert "Dry run" in dry.out
    assert not Study.objects.exists()


def test_sdtm_datasets_need_a_study_of_their_own(tmp_path):
    with pytest.raises(CommandError, match="--study"):
        call_command("import_bundle", str(tmp_path), "--from", "sdtm")
