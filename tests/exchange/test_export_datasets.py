"""What stands in each dataset (contract.md section 4)."""

from datetime import date, datetime, timedelta

import pytest

from registry.clinical.study_days import add_months
from registry.exchange.bundle_columns import COLUMNS
from registry.models import AdverseEventFollowUp, AlertMove, LabResult, Patient, ScheduledVisit
from registry.queries.datasets import DATASETS
from tests import factories
from tests.exchange.bundles import load, write
from tests.exchange.exporting import export, export_objects, export_rows
from tests.factories import DAY_0


def words(text):
    return text.replace(",", " ").split()


ALERT_COLUMNS = words(
    "alert_id, study, site_id, patient_id, rule, rule_version, subject, certainty, severity, state, "
    "first_day, last_day, first_date, last_date, raised_at, last_seen_at, decided_at, decision, evidence"
)


def on_day(number):
    return DAY_0 + timedelta(days=number)


@pytest.fixture
def today(settings):
    """`today(34)`: the day of the study that every part takes for today."""

    def pin(number):
        settings.REGISTRY_TODAY = on_day(number) if isinstance(number, int) else number

    return pin


def columns_of(name):
    return [column.name for column in DATASETS[name].columns]


# --- columns ----------------------------------------------------------------------------------


def test_the_datasets_are_the_contracts():
    assert list(DATASETS) == [
        "patients",
        "infusions",
        "visits",
        "lab_results",
        "adverse_events",
        "scores",
        "alerts",
        "alert_decisions",
        "audit",
        "person_time",
    ]


def test_the_columns_of_alerts_are_the_contracts_in_its_order():
    assert columns_of("alerts") == ALERT_COLUMNS


@pytest.mark.parametrize(
    ("dataset", "file"),
    [
        ("patients", "patients.csv"),
        ("infusions", "infusions.csv"),
        ("visits", "visits.csv"),
        ("lab_results", "labs.csv"),
        ("adverse_events", "adverse_events.csv"),
        ("scores", "scores.csv"),
    ],
)
def test_the_columns_of_the_bundle_come_first(dataset, file):
    of_bundle = [column.name for column in COLUMNS[file]]

    assert columns_of(dataset)[: len(of_bundle)] == of_bundle
    assert {"study", "entered_by", "entered_at", "origin"} <= set(columns_of(dataset)[len(of_bundle) :])


@pytest.mark.parametrize("dataset", list(DATASETS))
def test_no_column_stands_twice_and_each_has_a_meaning(dataset):
    names = columns_of(dataset)

    assert len(names) == len(set(names))
    assert all(column.meaning for column in DATASETS[dataset].columns)


# --- alerts -----------------------------------------------------------------------------------


def test_an_alert_as_the_contract_writes_it(tmp_path, patient):
    alert = factories.make_alert(patient=patient)
    (row,) = export_rows(tmp_path, "alerts")
    (told,) = export_objects(tmp_path, "alerts")

    assert row["alert_id"] == str(alert.public_id)
    assert (row["study"], row["site_id"], row["patient_id"]) == ("CART-AID", "VIE", "VIE-0001")
    assert (row["first_day"], row["last_day"]) == ("5", "34")
    assert (row["first_date"], row["last_date"]) == ("2024-03-06", "2024-04-04")
    assert row["raised_at"] == "2024-09-01T02:00:00Z"
    assert (row["decided_at"], row["decision"]) == ("", "")
    assert row["evidence"].startswith('{"')
    assert ", " not in row["evidence"]
    assert told["evidence"] == alert.evidence
    assert told["evidence"]["certain_days"] == 29
    assert told["evidence"]["deepest_value"] == "0.4"
    assert (told["first_day"], told["decision"]) == (5, None)


def test_a_day_before_day_0_is_negative_and_an_unknown_onset_empty(tmp_path, patient):
    factories.make_alert(patient=patient, subject="PLT", first_on=on_day(-7), last_on=on_day(0))
    factories.make_alert(
        patient=patient, rule="secondary_malignancy", subject="adverse_event:1", first_on=None
    )
    earlier, unknown = export_rows(tmp_path, "alerts")

    assert (earlier["first_day"], earlier["last_day"]) == ("-7", "0")
    assert (unknown["first_day"], unknown["first_date"]) == ("", "")


def test_withdrawn_alerts_are_in_the_file(tmp_path, patient):
    factories.make_alert(patient=patient, state="withdrawn")

    assert [row["state"] for row in export_rows(tmp_path, "alerts")] == ["withdrawn"]


def test_a_decision_and_not_the_other_moves(tmp_path, patient, officer):
    alert = factories.make_alert(patient=patient)
    AlertMove.objects.create(
        alert=alert,
        patient=patient,
        at=factories.NIGHT,
        kind="raised",
        to_state="open",
        rule_version=1,
        evidence={},
    )
    factories.make_decision(alert=alert, by=officer, reason="asked the site")

    (row,) = export_rows(tmp_path, "alert_decisions")

    assert row["alert_id"] == str(alert.public_id)
    assert (row["decision"], row["decided_by"], row["reason"]) == (
        "need_information",
        "officer",
        "asked the site",
    )
    assert row["decided_at"] == "2024-09-01T02:00:00Z"


# --- laboratory results -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entered", "unit", "canonical", "comparator", "v5", "v6"),
    [
        # ANC 0.6 is grade 3 in v5.0 and grade 2 in v6.0
        ("600", "/uL", "0.6", "", "3", "2"),
        ("0.6", "10*9/L", "0.6", "", "3", "2"),
        ("<0.1", "10*9/L", "0.1", "<", "4", "4"),
        (">100", "10*9/L", "100", ">", "0-1", "0"),
        ("1.6", "10*9/L", "1.6", "", "0-1", "0"),
    ],
)
def test_a_result_as_entered_canonical_and_graded(
    tmp_path, patient, entered, unit, canonical, comparator, v5, v6
):
    factories.make_result(patient=patient, collected_on=on_day(34), value=entered, unit=unit)
    (row,) = export_rows(tmp_path, "lab_results")

    assert (row["value"], row["unit"]) == (entered, unit)
    assert (row["canonical_value"], row["canonical_unit"], row["comparator"]) == (
        canonical,
        "10*9/L",
        comparator,
    )
    assert (row["ctcae_v5_grade"], row["ctcae_v6_grade"]) == (v5, v6)
    assert (row["day_zero"], row["study_day"]) == ("2024-03-01", "34")


def test_the_lower_limit_is_in_the_unit_entered_and_decides_the_grade(tmp_path, patient):
    for day, lower in ((34, "1800"), (35, "1500")):
        factories.make_result(
            patient=patient, collected_on=on_day(day), value="1600", unit="/uL", lower_limit=lower
        )

    rows = export_rows(tmp_path, "lab_results")

    assert [row["lower_limit"] for row in rows] == ["1800", "1500"]
    assert [row["ctcae_v5_grade"] for row in rows] == ["1", "0"]


def test_an_analyte_without_limits_has_no_grade(tmp_path, patient):
    factories.make_result(patient=patient, collected_on=on_day(34), analyte="CRP", value="3", unit="mg/L")

    assert export_rows(tmp_path, "lab_results")[0]["ctcae_v5_grade"] == ""


def test_a_corrected_result_stands_alone_and_says_what_it_replaced(tmp_path, patient):
    old = factories.make_result(patient=patient, collected_on=on_day(34), value="4.0")
    new = factories.make_result(patient=patient, collected_on=on_day(34), value="0.4")
    LabResult.objects.filter(pk=old.pk).update(
        superseded_by=new, superseded_at=factories.NIGHT, superseded_reason="typed wrong"
    )

    (row,) = export_rows(tmp_path, "lab_results")

    assert (row["value"], row["corrects_value"], row["corrected_from"]) == ("0.4", "", "4.0")


def test_days_count_from_the_course_a_result_lies_in(tmp_path, patient):
    factories.make_infusion(patient=patient, infused_on=on_day(100))
    for day in (-5, 0, 99, 100, 101):
        factories.make_result(patient=patient, collected_on=on_day(day))

    days = [(row["day_zero"], row["study_day"]) for row in export_rows(tmp_path, "lab_results")]

    first, second = on_day(0).isoformat(), on_day(100).isoformat()
    assert days == [(first, "-5"), (first, "0"), (first, "99"), (second, "0"), (second, "1")]


# --- visits -----------------------------------------------------------------------------------


def state_of_d28(tmp_path):
    (row,) = export_rows(tmp_path, "visits")
    return row["state"]


@pytest.mark.parametrize(
    ("day", "state", "days_late"),
    [
        (24, "planned", ""),
        (25, "due", ""),  # opens
        (31, "due", ""),  # closes
        (32, "overdue", "1"),
        (40, "overdue", "9"),
    ],
)
def test_a_visit_not_recorded_is_planned_due_and_overdue(tmp_path, patient, today, day, state, days_late):
    today(day)
    (row,) = export_rows(tmp_path, "visits")

    assert (row["visit_code"], row["status"], row["visit_id"]) == ("D28", "", "")
    assert (row["opens_on"], row["target_on"], row["closes_on"]) == (
        on_day(25).isoformat(),
        on_day(28).isoformat(),
        on_day(31).isoformat(),
    )
    assert (row["state"], row["days_late"]) == (state, days_late)


@pytest.mark.parametrize(("ended", "state"), [(30, "not_owed"), (31, "overdue"), (32, "overdue")])
def test_a_visit_is_owed_when_follow_up_reached_the_end_of_its_window(tmp_path, patient, today, ended, state):
    today(40)  # OVD-3
    Patient.objects.update(follow_up_ended_on=on_day(ended), follow_up_end_reason="lost")

    assert state_of_d28(tmp_path) == state


@pytest.mark.parametrize(("enrolled", "state"), [(31, "overdue"), (32, "not_owed")])
def test_a_visit_that_closed_before_enrolment_is_not_owed(tmp_path, patient, today, enrolled, state):
    today(40)
    Patient.objects.update(enrolled_on=on_day(enrolled))

    assert state_of_d28(tmp_path) == state


@pytest.mark.parametrize(("infused", "state"), [(31, "not_owed"), (32, "overdue")])
def test_a_new_infusion_drops_what_was_still_open(tmp_path, patient, today, infused, state):
    today(40)  # OVD-5
    factories.make_infusion(patient=patient, infused_on=on_day(infused))

    first, second = export_rows(tmp_path, "visits")

    assert (first["day_zero"], first["state"]) == (on_day(0).isoformat(), state)
    assert (second["day_zero"], second["state"]) == (on_day(infused).isoformat(), "planned")


@pytest.mark.parametrize(
    ("visited", "early", "late"), [(24, "1", "0"), (25, "0", "0"), (31, "0", "0"), (32, "0", "1")]
)
def test_a_completed_visit_says_how_early_or_late_it_was(tmp_path, patient, today, visited, early, late):
    today(60)
    factories.make_visit(patient=patient, code="D28", visited_on=on_day(visited))
    (row,) = export_rows(tmp_path, "visits")

    assert (row["state"], row["status"], row["study_day"]) == ("completed", "completed", str(visited))
    assert (row["days_early"], row["days_late"]) == (early, late)


def test_a_visit_declared_missed_is_missed_and_not_overdue(tmp_path, patient, today):
    today(60)
    factories.make_visit(patient=patient, code="D28", status="missed", missed_reason="moved")
    (row,) = export_rows(tmp_path, "visits")

    assert (row["state"], row["status"], row["missed_reason"], row["days_late"]) == (
        "missed",
        "missed",
        "moved",
        "",
    )


def test_an_unscheduled_visit_has_no_window(tmp_path, patient, today):
    today(30)
    factories.make_visit(patient=patient, code="UNS", visited_on=on_day(10))
    unscheduled, planned = sorted(export_rows(tmp_path, "visits"), key=lambda row: row["visit_code"] != "UNS")

    assert (unscheduled["opens_on"], unscheduled["days_early"], unscheduled["state"]) == ("", "", "completed")
    assert planned["state"] == "due"


def test_a_screened_patient_has_nothing_planned(tmp_path, site, today):
    today(60)
    factories.make_patient(site=site, code="SCR-1", infused_on=None)

    assert export_rows(tmp_path, "visits") == []


def test_a_yearly_repetition_is_planned_when_it_opens(tmp_path, study, patient, today):
    schedule = study.schedules.get()
    ScheduledVisit.objects.create(
        schedule=schedule,
        code="Y15",
        offset=180,
        offset_unit="month",
        days_before=90,
        days_after=90,
        repeats_yearly=True,
    )
    opens = add_months(DAY_0, 192) - timedelta(days=90)

    today(opens - timedelta(days=1))
    assert [row["visit_code"] for row in export_rows(tmp_path, "visits")] == ["D28", "Y15"]
    today(opens)
    assert [row["visit_code"] for row in export_rows(tmp_path, "visits")] == ["D28", "Y15", "Y16"]


def test_the_manifest_of_visits_names_the_day_taken_for_today(tmp_path, patient, today):
    today(32)
    _, manifest = export(tmp_path, "visits")

    assert manifest["data_cut"]["as_of"] == {"Europe/Vienna": on_day(32).isoformat()}


# --- patients, infusions, adverse events, scores ----------------------------------------------


def test_a_patient_with_what_follows_from_the_record(tmp_path, patient):
    factories.make_infusion(patient=patient, infused_on=on_day(400))
    Patient.objects.filter(pk=patient.pk).update(
        organs_at_baseline=["skin", "kidney"], prior_malignancy=False, failed_therapies=0
    )
    (row,) = export_rows(tmp_path, "patients")
    (told,) = export_objects(tmp_path, "patients")

    assert (row["organs_at_baseline"], row["prior_malignancy"], row["failed_therapies"]) == (
        "skin;kidney",
        "N",
        "0",
    )
    assert (told["organs_at_baseline"], told["prior_malignancy"]) == (["skin", "kidney"], False)
    assert (row["first_day_zero"], row["latest_day_zero"], row["course_count"]) == (
        "2024-03-01",
        on_day(400).isoformat(),
        "2",
    )
    assert row["state"] == "under_follow_up"
    assert datetime.fromisoformat(row["entered_at"]).tzinfo is not None


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"infused_on": None}, "screened"),
        ({}, "under_follow_up"),
        ({"follow_up_ended_on": date(2024, 9, 1), "follow_up_end_reason": "lost"}, "ended"),
    ],
)
def test_the_state_of_a_patient(tmp_path, site, facts, state):
    factories.make_patient(site=site, **facts)

    assert export_rows(tmp_path, "patients")[0]["state"] == state


def test_the_second_infusion_is_number_two(tmp_path, patient):
    factories.make_infusion(patient=patient, infused_on=on_day(100))

    rows = export_rows(tmp_path, "infusions")

    assert [(row["infused_on"], row["course_number"], row["product_id"]) for row in rows] == [
        ("2024-03-01", "1", "CAR19"),
        (on_day(100).isoformat(), "2", "CAR19"),
    ]


def test_an_event_with_its_later_reports(tmp_path, patient):
    event = factories.make_event(
        patient=patient, started_on="2024-03-15", serious=True, seriousness=["death", "important"]
    )
    AdverseEventFollowUp.objects.create(
        event=event,
        patient=patient,
        number=1,
        reported_on=date(2024, 5, 1),
        narrative="Biopsy taken",
        entered_at=factories.NIGHT,
        origin="form",
    )
    (row,) = export_rows(tmp_path, "adverse_events")
    (told,) = export_objects(tmp_path, "adverse_events")

    assert (row["serious"], row["seriousness"], row["study_day"]) == ("Y", "death;important", "14")
    assert told["follow_ups"][0]["narrative"] == "Biopsy taken"


@pytest.mark.parametrize("started_on", ["", "2024", "2024-03"])
def test_a_partial_onset_has_no_study_day(tmp_path, patient, started_on):
    factories.make_event(patient=patient, started_on=started_on)
    (row,) = export_rows(tmp_path, "adverse_events")

    assert (row["started_on"], row["study_day"], row["serious"]) == (started_on, "", "")


def test_a_score(tmp_path, patient):
    factories.make_score(patient=patient, value="4.500")
    (row,) = export_rows(tmp_path, "scores")

    assert (row["score"], row["value"], row["study_day"]) == ("SLEDAI-2K", "4.5", "92")


# --- audit ------------------------------------------------------------------------------------


def test_the_trail_says_who_did_what(tmp_path, patient):
    Patient.objects.filter(pk=patient.pk).update(sex="M")
    told = export_objects(tmp_path, "audit")[-1]

    assert (told["table"], told["operation"], told["patient_id"]) == (
        "registry_patient",
        "update",
        "VIE-0001",
    )
    assert (told["old"], told["new"]) == ({"sex": "F"}, {"sex": "M"})


def test_the_trail_of_a_study_leaves_out_what_is_of_no_patient(tmp_path, patient, officer):
    everything = {row["table"] for row in export_rows(tmp_path, "audit")}
    of_study = {row["table"] for row in export_rows(tmp_path, "audit", "--study", "CART-AID")}

    assert "registry_user" in everything - of_study
    assert "registry_patient" in of_study


# --- person-time ------------------------------------------------------------------------------


def person_time(tmp_path):
    (row,) = export_rows(tmp_path, "person_time")
    return row["start_on"], row["end_on"], row["end_reason"], row["days"], row["person_years"]


def test_the_columns_of_person_time():
    assert columns_of("person_time") == words(
        "study site_id patient_id cohort start_on end_on end_reason days person_years enrolled_on"
    )


def test_person_time_ends_with_follow_up(tmp_path, patient):
    Patient.objects.update(follow_up_ended_on=on_day(1461), follow_up_end_reason="death")

    assert person_time(tmp_path) == ("2024-03-01", "2028-03-01", "death", "1461", "4.0000")


@pytest.mark.parametrize(
    "touch",
    [
        lambda p: factories.make_visit(patient=p, code="D28", visited_on=on_day(100)),
        lambda p: factories.make_result(patient=p, collected_on=on_day(100)),
        lambda p: factories.make_support(patient=p, given_on=on_day(100)),
        lambda p: factories.make_score(patient=p, assessed_on=on_day(100)),
        lambda p: factories.make_event(patient=p, started_on=on_day(100).isoformat()),
        lambda p: factories.make_event(patient=p, started_on="2024", ended_on=on_day(100).isoformat()),
        lambda p: factories.make_infusion(patient=p, infused_on=on_day(100)),
    ],
    ids=["visit", "result", "support", "score", "onset", "end of event", "infusion"],
)
def test_while_follow_up_goes_on_it_ends_with_the_latest_contact(tmp_path, patient, touch):
    touch(patient)

    assert person_time(tmp_path) == ("2024-03-01", on_day(100).isoformat(), "latest_contact", "100", "0.2738")


@pytest.mark.parametrize(
    "no_contact",
    [
        lambda p: factories.make_visit(patient=p, code="D28", status="missed", visited_on=on_day(100)),
        lambda p: factories.make_event(patient=p, started_on="2024-06"),
        lambda p: factories.make_result(
            patient=p,
            collected_on=on_day(100),
            superseded_at=factories.NIGHT,
            superseded_reason="another patient's",
        ),
        lambda p: None,
    ],
    ids=["missed visit", "partial onset", "superseded result", "nothing"],
)
def test_what_proves_no_contact_adds_no_time(tmp_path, patient, no_contact):
    no_contact(patient)

    assert person_time(tmp_path) == ("2024-03-01", "2024-03-01", "latest_contact", "0", "0.0000")


def test_a_comparator_counts_from_the_index_date(tmp_path, site):
    factories.make_patient(
        site=site,
        infused_on=None,
        cohort="COMPARATOR",
        enrolled_on=on_day(-3),
        index_date=on_day(10),
        follow_up_ended_on=on_day(20),
        follow_up_end_reason="completed",
    )

    assert person_time(tmp_path)[:4] == (on_day(10).isoformat(), on_day(20).isoformat(), "completed", "10")


@pytest.mark.parametrize(("ended", "rows"), [(-1, 0), (0, 1)])
def test_who_left_before_day_0_was_never_at_risk(tmp_path, patient, ended, rows):
    Patient.objects.update(follow_up_ended_on=on_day(ended), follow_up_end_reason="withdrawal")

    assert len(export_rows(tmp_path, "person_time")) == rows


def test_a_screened_patient_has_no_person_time(tmp_path, site):
    factories.make_patient(site=site, infused_on=None)

    assert export_rows(tmp_path, "person_time") == []


# --- out and in again -------------------------------------------------------------------------

FILES = {
    "sites.csv": "site_id,name,country,time_zone\nVIE,Vienna General,AT,Europe/Vienna\n",
    "products.csv": "product_id,name,target,source,vector\nCAR19,CAR nineteen,CD19,autologous,lentiviral\n",
    "patients.csv": (
        "patient_id,site_id,sex,birth_year,diagnosis,cohort,enrolled_on,index_date,follow_up_ended_on,"
        "follow_up_end_reason,cause_of_death,organs_at_baseline,prior_malignancy,failed_therapies\n"
        'P1,VIE,F,1985,SLE,CAR_T,2024-02-20,,2025-03-01,death,"Sepsis, ""late""",skin;kidney,N,4\n'
        "P2,VIE,M,1970,SSC,COMPARATOR,2024-02-20,2024-03-05,,,,,Y,\n"
        "P3,VIE,U,1990,IIM,CAR_T,,,,,,,,\n"
    ),
    "infusions.csv": (
        "patient_id,infused_on,product_id,lot,dose_cells,lymphodepletion\n"
        "P1,2024-03-01,CAR19,L-1,100.5,Flu/Cy\nP1,2024-10-01,CAR19,,,\n"
    ),
    "visits.csv": (
        "patient_id,visit_code,visited_on,status,missed_reason,new_malignancy,new_malignancy_text\n"
        'P1,D28,2024-03-29,completed,,Y,"mole,\r\nremoved"\nP1,UNS,2024-05-02,completed,,N,\n'
        "P1,D28,,missed,in hospital,,\n"
    ),
    "labs.csv": (
        "patient_id,collected_on,analyte,value,unit,lower_limit,upper_limit\n"
        "P1,2024-03-05,ANC,400,/µL,1500,8000\nP1,2024-03-05,ANC,<0.1,10*9/L,,\nP2,2024-04-01,HGB,7.5,mmol/L,,\n"
    ),
    "adverse_events.csv": (
        "patient_id,event_id,term,category,code_system,code,grade,grade_scale,started_on,ended_on,serious,"
        "seriousness,relatedness,outcome,narrative\n"
        "P1,E1,Rash,other,ICD-10,L30.9,2,CTCAE-5,2024-04,2024,Y,hospitalisation;important,possible,resolved,"
        '"=1+1, says ""ü""\nnext line"\n'
    ),
    "scores.csv": "patient_id,assessed_on,score,value\nP1,2024-06-01,SLEDAI-2K,4\nP1,2024-06-01,PHGA,1.25\n",
}
DATASET_OF = {
    "patients.csv": "patients",
    "infusions.csv": "infusions",
    "visits.csv": "visits",
    "labs.csv": "lab_results",
    "adverse_events.csv": "adverse_events",
    "scores.csv": "scores",
}


@pytest.mark.django_db
def test_what_was_exported_and_imported_into_another_study_is_the_same_record(tmp_path):
    assert load(tmp_path / "in", FILES).is_clean
    out = {"sites.csv": FILES["sites.csv"], "products.csv": FILES["products.csv"]}
    first = {}
    for file, dataset in DATASET_OF.items():
        names = [column.name for column in COLUMNS[file]]
        rows = [row for row in export_rows(tmp_path, dataset) if row.get("status") != ""]
        first[file] = [[row[name] for name in names] for row in rows]
        out[file] = "\r\n".join(
            [",".join(names), *(",".join(quoted(cell) for cell in row) for row in first[file])]
        )

    write(tmp_path / "again", out)
    again = load(tmp_path / "again", study_key="SECOND")

    assert again.is_clean
    assert sum(again.created.values()) == sum(len(rows) for rows in first.values()) + 2 + schedule_rows(again)
    for file, dataset in DATASET_OF.items():
        names = [column.name for column in COLUMNS[file]]
        rows = [row for row in export_rows(tmp_path, dataset, "--study", "SECOND") if row.get("status") != ""]
        assert [[row[name] for name in names] for row in rows] == first[file]


def quoted(cell):
    return '"' + cell.replace('"', '""') + '"'


def schedule_rows(report):
    return report.created.get("schedules.csv", 0)
