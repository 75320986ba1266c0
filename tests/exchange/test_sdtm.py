"""SDTM datasets come in as comparators, in four formats; what is not taken is counted by reason."""

import json
from datetime import date

import polars
import pyreadstat
import pytest

from registry.exchange.sdtm import import_sdtm
from registry.exchange.sdtm_mapping import complete_date, partial_date
from registry.models import AdverseEvent, Course, LabResult, Patient, Site, Study, Visit, VisitSchedule
from tests.exchange.bundles import AT, TODAY

DM = {
    "STUDYID": "T1", "DOMAIN": "DM", "USUBJID": "T1-001", "SITEID": "701", "SEX": "F", "COUNTRY": "USA",
    "BRTHDTC": "1950-12-26", "AGE": 63.0, "AGEU": "YEARS", "RFSTDTC": "2014-01-02", "DTHDTC": "",
}  # fmt: skip
EX = {"USUBJID": "T1-001", "EXSTDTC": "2014-01-02T09:30"}
LB = {
    "USUBJID": "T1-001", "LBTESTCD": "PLAT", "LBORRES": "250", "LBORRESU": "THOU/uL", "LBORNRLO": "150",
    "LBORNRHI": "400", "LBDTC": "2014-01-10T10:15",
}  # fmt: skip
AE = {
    "USUBJID": "T1-001", "AESEQ": 1.0, "AETERM": "Cold", "AEDECOD": "NASOPHARYNGITIS",
    "AEBODSYS": "INFECTIONS", "AESER": "N", "AETOXGR": "2", "AESTDTC": "2014-01", "AEENDTC": "",
}  # fmt: skip
SV = {"USUBJID": "T1-001", "VISIT": "WEEK 2", "SVSTDTC": "2014-01-16"}
DS = {
    "USUBJID": "T1-001", "DSCAT": "DISPOSITION EVENT", "DSDECOD": "COMPLETED", "DSSTDTC": "2014-07-02",
}  # fmt: skip
ONE_OF_EACH = {"dm": [DM], "ex": [EX], "lb": [LB], "ae": [AE], "sv": [SV], "ds": [DS]}


def frame(rows):
    return polars.DataFrame(rows)


def write_csv(path, name, rows):
    frame(rows).write_csv(path / f"{name}.csv")


def write_parquet(path, name, rows):
    frame(rows).write_parquet(path / f"{name}.parquet")


def write_xpt(path, name, rows):
    pyreadstat.write_xport(
        frame(rows), str(path / f"{name.upper()}.xpt"), table_name=name.upper(), file_format_version=5
    )


def write_json(path, name, rows):
    columns = [{"itemOID": f"IT.{key}", "name": key, "label": key, "dataType": "string"} for key in rows[0]]
    content = {
        "datasetJSONVersion": "1.1.0",
        "itemGroupOID": f"IG.{name}",
        "records": len(rows),
        "columns": columns,
        "rows": [list(row.values()) for row in rows],
    }
    (path / f"{name}.json").write_text(json.dumps(content))


def write_json_1_0(path, name, rows):
    group = {"items": [{"name": key} for key in rows[0]], "itemData": [list(row.values()) for row in rows]}
    content = {"clinicalData": {"itemGroupData": {f"IG.{name}": group}}}
    (path / f"{name}.json").write_text(json.dumps(content))


def load(path, datasets=None, *, write=write_parquet, **options):
    for name, rows in (datasets or {}).items():
        write(path, name, rows)
    return import_sdtm(
        path,
        **{"study_key": "T1", "time_zone": "UTC", "at": AT, "today": lambda *, time_zone: TODAY, **options},
    )


@pytest.mark.django_db
@pytest.mark.parametrize("write", [write_csv, write_parquet, write_xpt, write_json, write_json_1_0])
def test_every_format_gives_the_same_record(tmp_path, write):
    report = load(tmp_path, ONE_OF_EACH, write=write)

    assert report.report.errors == ()
    assert report.mapped == {"dm": 1, "ex": 1, "lb": 1, "ae": 1, "sv": 1, "ds": 1}
    patient = Patient.objects.get()
    assert (patient.code, patient.cohort, patient.diagnosis) == ("T1-001", "COMPARATOR", "OTHER")
    assert (patient.birth_year, patient.birth_year_is_derived) == (1950, False)
    assert patient.enrolled_on == patient.index_date == Course.objects.get().day_zero == date(2014, 1, 2)
    assert (patient.follow_up_ended_on, patient.follow_up_end_reason) == (date(2014, 7, 2), "completed")
    site = Site.objects.get()
    assert (site.code, site.country, site.time_zone) == ("701", "US", "UTC")
    result = LabResult.objects.get()
    assert (result.analyte, result.value, result.collected_on) == ("PLT", 250, date(2014, 1, 10))
    event = AdverseEvent.objects.get()
    assert (event.event_id, event.term, event.coded_term) == ("T1-001-1", "Cold", "NASOPHARYNGITIS")
    assert (event.body_system, event.serious, event.grade, event.started_on) == (
        "INFECTIONS", False, 2, "2014-01",
    )  # fmt: skip
    assert Visit.objects.get().code == "WEEK 2"


@pytest.mark.django_db
def test_the_study_is_created_without_a_visit_schedule(tmp_path):
    load(tmp_path, ONE_OF_EACH)

    assert Study.objects.get().key == "T1"
    assert not VisitSchedule.objects.exists()


@pytest.mark.django_db
def test_the_second_run_changes_nothing(tmp_path):
    load(tmp_path, ONE_OF_EACH)

    again = load(tmp_path)

    assert sum(again.report.created.values()) == sum(again.report.updated.values()) == 0
    assert again.mapped["lb"] == 1


@pytest.mark.django_db
def test_a_dry_run_stores_nothing(tmp_path):
    report = load(tmp_path, ONE_OF_EACH, dry_run=True)

    assert report.mapped["dm"] == 1
    assert not Study.objects.exists()


@pytest.mark.django_db
def test_a_subject_without_exposure_is_screened(tmp_path):
    report = load(tmp_path, {**ONE_OF_EACH, "ex": [{**EX, "USUBJID": "T1-002"}]})

    patient = Patient.objects.get()
    assert (patient.enrolled_on, patient.index_date, patient.follow_up_ended_on) == (None, None, None)
    assert report.not_mapped["sv"] == {"of a screened subject, who has no day 0": 1}
    assert report.not_mapped["ds"] == {"of a screened subject, whose follow-up never began": 1}
    assert LabResult.objects.count() == AdverseEvent.objects.count() == 1


ENDS = [
    # dispositions as (category, term, date), date of death, then: ended on, reason
    ([("DISPOSITION EVENT", "COMPLETED", "2014-07-02")], "", "2014-07-02", "completed"),
    ([("DISPOSITION EVENT", "ADVERSE EVENT", "2014-03-01")], "", "2014-03-01", "withdrawal"),
    ([("DISPOSITION EVENT", "LOST TO FOLLOW-UP", "2014-03-01")], "", "2014-03-01", "lost"),
    ([("DISPOSITION EVENT", "DEATH", "2014-03-01")], "", "2014-03-01", "death"),
    ([("DISPOSITION EVENT", "ADVERSE EVENT", "2014-03-01")], "2014-03-05", "2014-03-05", "death"),
    ([("DISPOSITION EVENT", "COMPLETED", "2014-03-01"),
      ("DISPOSITION EVENT", "WITHDRAWAL BY SUBJECT", "2014-05-01")], "", "2014-05-01", "withdrawal"),
    ([("OTHER EVENT", "FINAL LAB VISIT", "2014-08-01")], "", None, ""),
    ([("DISPOSITION EVENT", "COMPLETED", "2014-07")], "", None, ""),
    ([], "2014-03", None, ""),
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("events", "died", "ended_on", "reason"), ENDS)
def test_follow_up_ends_by_death_or_by_the_last_disposition(tmp_path, events, died, ended_on, reason):
    dispositions = [
        {"USUBJID": "T1-001", "DSCAT": category, "DSDECOD": term, "DSSTDTC": on}
        for category, term, on in events
    ]
    datasets = {"dm": [{**DM, "DTHDTC": died}], "ex": [EX]}
    if dispositions:
        datasets["ds"] = dispositions

    load(tmp_path, datasets)

    patient = Patient.objects.get()
    assert patient.follow_up_ended_on == (date.fromisoformat(ended_on) if ended_on else None)
    assert patient.follow_up_end_reason == reason


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("born", "reference", "age", "expected"),
    [("1950-12-26", "2014-01-02", 63.0, (1950, False)), ("1950", "2014-01-02", 63.0, (1950, False)),
     ("", "2014-01-02", 63.0, (1951, True))],
)  # fmt: skip
def test_the_birth_year_is_given_or_derived_from_age(tmp_path, born, reference, age, expected):
    load(tmp_path, {"dm": [{**DM, "BRTHDTC": born, "RFSTDTC": reference, "AGE": age}], "ex": [EX]})

    patient = Patient.objects.get()
    assert (patient.birth_year, patient.birth_year_is_derived) == expected


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("dates", "expected"),
    [({"RFICDTC": "2013-12-20", "DMDTC": "2014-01-03"}, 1950),
     ({"RFICDTC": "", "DMDTC": "2014-01-03"}, 1951),
     ({"DMDTC": "2014-01-03"}, 1951)],
)  # fmt: skip
def test_a_screened_subject_has_no_reference_start_and_is_kept_by_the_age_then(tmp_path, dates, expected):
    report = load(tmp_path, {"dm": [{**DM, "BRTHDTC": "", "RFSTDTC": "", **dates}], "lb": [LB]})

    patient = Patient.objects.get()
    assert (patient.birth_year, patient.birth_year_is_derived) == (expected, True)
    assert patient.enrolled_on is None
    assert report.not_mapped["dm"] == {}
    assert LabResult.objects.count() == 1


RESULTS = [
    ({"LBTESTCD": "ALB", "LBORRESU": "g/L"}, "the test ALB is not mapped"),
    ({"LBORRES": ""}, "no result"),
    ({"LBORRES": "CLUMPED"}, "the result is not a number"),
    ({"LBORRESU": "FRACTION"}, "PLAT in FRACTION"),
    ({"LBORRESU": ""}, "PLAT in no unit"),
    ({"LBDTC": "2014-01"}, "no complete date"),
    ({"LBORRES": "250.0"}, "the same result of the same day, merged"),
    ({"LBORRES": "3001"}, "refused by the checks: value"),
    ({"USUBJID": "T1-009"}, "refused by the checks: patient_id"),
    ({"LBDTC": "2025-06-02"}, "refused by the checks: collected_on"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("changed", "reason"), RESULTS, ids=[reason for _, reason in RESULTS])
def test_a_result_that_cannot_be_taken_is_counted_by_its_reason(tmp_path, changed, reason):
    report = load(tmp_path, {"dm": [DM], "ex": [EX], "lb": [LB, {**LB, **changed}]})

    assert report.report.errors == ()
    assert report.mapped["lb"] == 1
    assert report.not_mapped["lb"] == {reason: 1}
    if reason.startswith("refused"):
        [error] = report.as_json()["left_out"]
        assert (error["file"], error["line"]) == ("lb.parquet", 3)


@pytest.mark.django_db
def test_events_keep_what_is_certain_when_a_date_is_impossible(tmp_path):
    datasets = {
        "dm": [{**DM, "DTHDTC": "2014-03-01"}],
        "ex": [EX],
        "ae": [
            {**AE, "AESTDTC": "2014-02-10", "AEENDTC": "2014-02-01"},
            {**AE, "AESEQ": 2.0, "AESTDTC": "2014-03-02"},
            {**AE, "AESEQ": 3.0, "AETOXGR": "9"},
        ],
    }

    report = load(tmp_path, datasets)

    assert report.mapped["ae"] == 3
    found = AdverseEvent.objects.order_by("event_id").values_list("started_on", "ended_on", "grade")
    assert list(found) == [("2014-02-10", "", 2), ("", "", 2), ("2014-01", "", None)]
    assert [error["column"] for error in report.as_json()["left_out_in_part"]] == [
        "AEENDTC", "AESTDTC", "AETOXGR",
    ]  # fmt: skip


VISITS = [
    ({"SVSTDTC": "2014-01-01"}, "before day 0"),
    ({"SVSTDTC": ""}, "no complete date"),
    ({"SVSTDTC": "2014-01-17"}, "another date of a visit of this name"),
    ({}, "the same visit, merged"),
    ({"VISIT": ""}, "no name"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("changed", "reason"), VISITS, ids=[reason for _, reason in VISITS])
def test_a_visit_that_cannot_be_taken_is_counted_by_its_reason(tmp_path, changed, reason):
    report = load(tmp_path, {"dm": [DM], "ex": [EX], "sv": [SV, {**SV, **changed}]})

    assert report.mapped["sv"] == 1
    assert report.not_mapped["sv"] == {reason: 1}


@pytest.mark.django_db
def test_the_rows_of_a_subject_who_was_refused_are_counted(tmp_path):
    report = load(tmp_path, {**ONE_OF_EACH, "dm": [DM, {**DM, "USUBJID": "T1-002", "BRTHDTC": "2190"}],
                             "lb": [LB, {**LB, "USUBJID": "T1-002"}]})  # fmt: skip

    assert report.mapped["dm"] == report.mapped["lb"] == 1
    assert report.not_mapped["dm"] == {"refused by the checks: birth_year": 1}
    assert report.not_mapped["lb"] == {"of a subject who was not taken": 1}


@pytest.mark.django_db
def test_medication_is_counted_and_what_hides_a_blood_count_apart(tmp_path):
    medication = [{"USUBJID": "T1-001", "CMTRT": name, "CMDECOD": ""} for name in ("ASPIRIN", "Filgrastim")]

    report = load(tmp_path, {**ONE_OF_EACH, "cm": medication})

    assert report.not_mapped["cm"] == {
        "concomitant medication is not mapped": 1,
        "looks like supportive treatment: enter it in support.csv": 1,
    }


def no_dm(path):
    write_parquet(path, "lb", [LB])


def two_files(path):
    write_parquet(path, "dm", [DM])
    write_csv(path, "dm", [DM])


def no_variable(path):
    write_parquet(path, "dm", [{key: value for key, value in DM.items() if key != "SITEID"}])


def country(path):
    write_parquet(path, "dm", [{**DM, "COUNTRY": "ZZZ"}])


def broken(suffix):
    def write(path):
        (path / f"dm.{suffix}").write_bytes(b"\xff\x00 not a dataset")

    write.__name__ = suffix
    return write


def foreign_letters(path):
    write_xpt(path, "dm", [{**DM, "SITEID": "Xrztin"}])
    (path / "DM.xpt").write_bytes((path / "DM.xpt").read_bytes().replace(b"Xrztin", b"\xc4rztin"))


def short_row(path):
    (path / "dm.json").write_text('{"columns": [{"name": "USUBJID"}, {"name": "SEX"}], "rows": [["a"]]}')


def short_line(path):
    (path / "dm.csv").write_text("USUBJID,SEX\na\n")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "write",
    [no_dm, two_files, no_variable, country, foreign_letters, short_row, short_line,
     *map(broken, ("parquet", "xpt", "json", "csv"))],
)  # fmt: skip
def test_datasets_that_cannot_be_read_stop_all(tmp_path, write):
    write(tmp_path)

    report = load(tmp_path)

    assert len(report.report.errors) == 1
    assert report.report.errors[0].problem
    assert not Study.objects.exists()


@pytest.mark.django_db
def test_the_sites_zone_is_named_and_must_exist(tmp_path):
    report = load(tmp_path, ONE_OF_EACH, time_zone="Mars/Olympus")
    load(tmp_path, time_zone="America/Chicago")

    assert [error.column for error in report.report.errors] == ["time_zone"]
    assert Site.objects.get().time_zone == "America/Chicago"


@pytest.mark.parametrize(
    ("text", "complete", "partial"),
    [
        ("2014-01-02", date(2014, 1, 2), "2014-01-02"),
        ("2014-01-02T09:30", date(2014, 1, 2), "2014-01-02"),
        ("2014-01", None, "2014-01"),
        ("2014", None, "2014"),
        ("2014---15", None, "2014"),
        ("2014-02-30", None, "2014-02"),
        ("2014-13", None, "2014"),
        ("--12-15", None, ""),
        ("", None, ""),
        ("UNKNOWN", None, ""),
    ],
)
def test_a_date_is_taken_as_precisely_as_it_is_known(text, complete, partial):
    assert complete_date(text) == complete
    assert partial_date(text) == partial
