"""A bundle comes in: what is created, what a second run does, how courses and visits find each other."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.clinical.default_schedule import DEFAULT_SCHEDULE
from registry.models import (
    AdverseEvent,
    AuditEvent,
    Course,
    Infusion,
    LabResult,
    Patient,
    ScheduledVisit,
    Score,
    Site,
    Sponsor,
    Study,
    SupportiveTreatment,
    Visit,
    VisitSchedule,
)
from tests import tables
from tests.exchange.bundles import BASE, INFUSIONS, LABS, PATIENTS, VISITS, load, problems, write

pytestmark = pytest.mark.django_db

EVENTS = "patient_id,event_id,term,category,grade,grade_scale,started_on,serious,seriousness"
FULL = {
    **BASE,
    "visits.csv": f"{VISITS}\nP1,D28,2024-03-29,completed,\nP1,M2,,missed,travelling\n",
    "labs.csv": f"{LABS}\nP1,2024-03-05,ANC,400,/uL\nP1,2024-03-05,ANC,<0.1,10*9/L\n",
    "support.csv": "patient_id,given_on,kind\nP1,2024-03-06,g_csf\n",
    "adverse_events.csv": f"{EVENTS}\nP1,AE1,Fever,crs,2,ASTCT,2024-03,Y,hospitalisation;death\n",
    "scores.csv": "patient_id,assessed_on,score,value\nP1,2024-03-29,SLEDAI-2K,4\n",
}
TABLES = (
    Sponsor, Study, Site, VisitSchedule, ScheduledVisit, Patient, Course, Infusion, Visit, LabResult,
    SupportiveTreatment, AdverseEvent, Score, AuditEvent,
)  # fmt: skip


def counts():
    return {model.__name__: model.objects.count() for model in TABLES}


def test_a_bundle_is_stored_with_every_fact_as_given(tmp_path):
    report = load(tmp_path, FULL)

    assert report.errors == ()
    assert dict(report.created) == {
        "sites.csv": 1, "products.csv": 1, "patients.csv": 1, "infusions.csv": 1, "visits.csv": 2,
        "labs.csv": 2, "support.csv": 1, "adverse_events.csv": 1, "scores.csv": 1,
    }  # fmt: skip
    patient = Patient.objects.get()
    assert (patient.code, patient.birth_year, patient.enrolled_on) == ("P1", 1985, date(2024, 2, 20))
    assert [(v.code, v.status, v.course.day_zero) for v in Visit.objects.order_by("code")] == [
        ("D28", "completed", date(2024, 3, 1)),
        ("M2", "missed", date(2024, 3, 1)),
    ]
    result = LabResult.objects.get(comparator="")
    assert (result.entered_value, result.entered_unit, f"{result.value:f}"[:3]) == ("400", "/uL", "0.4")
    assert result.origin == "import"
    event = AdverseEvent.objects.get()
    assert (event.started_on, event.seriousness) == ("2024-03", ["death", "hospitalisation"])


def test_a_missing_study_is_created_with_a_sponsor_of_its_name_and_the_default_schedule(tmp_path):
    load(tmp_path, BASE)

    study = Study.objects.get(key="CART-AID")
    assert study.sponsor.name == "CART-AID"
    [schedule] = VisitSchedule.objects.filter(study=study)
    assert (schedule.version, schedule.effective_from) == (1, date(2000, 1, 1))
    assert schedule.visits.count() == 27


def test_the_default_schedule_is_the_rule_books():
    drawn = tables.schedule_of(tables.SCHEDULE)

    assert [(v.code, v.offset, v.offset_unit, v.days_before, v.days_after) for v in drawn.visits] == [
        (v.code, v.offset, v.offset_unit, v.days_before, v.days_after) for v in DEFAULT_SCHEDULE.visits
    ]
    assert {v.code for v in DEFAULT_SCHEDULE.visits if v.mode == "either"} == {
        f"Y{year}" for year in range(6, 16)
    }


def test_a_bundle_with_schedules_brings_the_only_schedule(tmp_path):
    schedules = (
        "version,effective_from,visit_code,offset,offset_unit,days_before,days_after,mode,repeats_yearly\n"
        "1,2020-01-01,A1,12,month,30,30,either,Y\n2,2024-01-01,A1,11,month,30,30,,\n"
    )

    report = load(tmp_path, {**BASE, "schedules.csv": schedules})

    assert report.created["schedules.csv"] == 2
    assert [(v.schedule.version, v.offset, v.mode, v.repeats_yearly)
            for v in ScheduledVisit.objects.order_by("schedule__version")] == [
        (1, 12, "either", True), (2, 11, "on_site", False),
    ]  # fmt: skip


def test_a_version_of_the_schedule_that_is_there_is_corrected_row_by_row(tmp_path):
    header = "version,effective_from,visit_code,offset,offset_unit,days_before,days_after\n"
    load(tmp_path, {**BASE, "schedules.csv": f"{header}1,2020-01-01,A1,12,month,30,30\n"})

    report = load(
        tmp_path,
        {"schedules.csv": f"{header}1,2021-01-01,A1,12,month,30,30\n1,2021-01-01,A2,24,month,30,30\n"},
    )

    assert (report.created["schedules.csv"], report.updated["schedules.csv"]) == (1, 1)
    assert VisitSchedule.objects.get().effective_from == date(2021, 1, 1)
    assert ScheduledVisit.objects.count() == 2


def test_the_second_run_changes_nothing_and_leaves_no_trace(tmp_path):
    load(tmp_path, FULL)
    before = counts()

    report = load(tmp_path)

    assert sum(report.created.values()) == sum(report.updated.values()) == 0
    assert sum(report.unchanged.values()) == 11
    assert counts() == before


def test_a_dry_run_tells_the_same_and_stores_nothing(tmp_path):
    before = counts()
    dry = load(tmp_path, FULL, dry_run=True)

    assert dry.dry_run
    assert counts() == before
    wet = load(tmp_path)
    assert (dict(dry.created), dry.errors) == (dict(wet.created), wet.errors)


def test_a_bundle_with_one_wrong_row_leaves_nothing(tmp_path):
    before = counts()

    report = load(
        tmp_path, {**FULL, "scores.csv": "patient_id,assessed_on,score,value\nP1,2024-03-29,TIS,101\n"}
    )

    assert problems(report) == [("scores.csv", 2, "value")]
    assert sum(report.created.values()) == 0
    assert counts() == before


CORRECTIONS = [
    ("sites.csv", "Vienna General", "Vienna East"),
    ("products.csv", "CAR nineteen", "CAR 19"),
    ("patients.csv", "1985", "1986"),
    ("infusions.csv", "product_id\nP1,2024-03-01,CAR19", "product_id,lot\nP1,2024-03-01,CAR19,L7"),
    ("visits.csv", "D28,2024-03-29", "D28,2024-03-30"),
    ("adverse_events.csv", "Fever", "Fever and rash"),
    ("scores.csv", "SLEDAI-2K,4", "SLEDAI-2K,6"),
]


@pytest.mark.parametrize(("file", "old", "new"), CORRECTIONS)
def test_a_row_that_differs_is_a_correction_recorded_with_reason_import(tmp_path, file, old, new):
    load(tmp_path, FULL)
    before = AuditEvent.objects.count()

    report = load(tmp_path, {file: FULL[file].replace(old, new)})

    assert report.errors == ()
    assert {name: n for name, n in report.updated.items() if n} == {file: 1}
    assert sum(report.created.values()) == 0
    [event] = AuditEvent.objects.order_by("id")[before:]
    assert (event.op, event.reason, event.origin) == ("U", "import", "import")
    again = load(tmp_path)
    assert sum(again.updated.values()) == 0


def test_a_column_that_the_file_lacks_says_nothing_and_an_empty_cell_says_not_known(tmp_path):
    header = PATIENTS.splitlines()[0]
    load(tmp_path, {**BASE, "patients.csv": f"{header},failed_therapies\n{PATIENTS.splitlines()[1]},3\n"})

    load(tmp_path, {"patients.csv": PATIENTS})
    kept = Patient.objects.get().failed_therapies
    load(tmp_path, {"patients.csv": f"{header},failed_therapies\n{PATIENTS.splitlines()[1]},\n"})

    assert kept == 3
    assert Patient.objects.get().failed_therapies is None


def test_a_bundle_may_tell_of_patients_it_does_not_bring(tmp_path):
    load(tmp_path / "first", BASE)

    report = load(tmp_path / "second", {"labs.csv": f"{LABS}\nP1,2024-03-05,ANC,0.4,10*9/L\n"})

    assert report.errors == ()
    assert report.created["labs.csv"] == 1


def test_a_patient_without_enrolment_is_screened(tmp_path):
    screened = PATIENTS.replace("2024-02-20", "")

    report = load(tmp_path, {**BASE, "patients.csv": screened, "infusions.csv": INFUSIONS.splitlines()[0]})

    assert report.errors == ()
    assert Patient.objects.get().enrolled_on is None


def test_the_same_patient_id_in_another_study_is_another_patient(tmp_path):
    load(tmp_path, BASE)

    report = load(tmp_path, study_key="OTHER")

    assert report.created["patients.csv"] == 1
    assert Patient.objects.filter(code="P1").count() == 2


def test_text_in_any_script_comes_through(tmp_path):
    narrative = "Fièvre, 39 °C — «à revoir»; 日本\nsecond line"
    events = f'patient_id,event_id,term,narrative\nP1,AE1,Fièvre,"{narrative}"\n'

    load(tmp_path, {**BASE, "adverse_events.csv": events})

    assert AdverseEvent.objects.get().narrative == narrative


# --- courses and visits (contract.md: "A visit's day 0 is the latest infusion on or before it") --------

TWO_INFUSIONS = f"{INFUSIONS}P1,2024-09-01,CAR19\n"


def day_zeros():
    return [
        (visit.code, visit.course.day_zero.isoformat())
        for visit in Visit.objects.select_related("course").order_by("visited_on", "code")
    ]


def test_a_visit_belongs_to_the_latest_infusion_on_or_before_it(tmp_path):
    visits = (
        f"{VISITS}\nP1,D28,2024-08-31,completed,\nP1,D1,2024-09-01,completed,\nP1,D28,2024-09-29,completed,\n"
    )

    load(tmp_path, {**BASE, "infusions.csv": TWO_INFUSIONS, "visits.csv": visits})

    assert day_zeros() == [("D28", "2024-03-01"), ("D1", "2024-09-01"), ("D28", "2024-09-01")]


@pytest.mark.parametrize(
    ("later", "expected"),
    [("2024-03-15", "2024-03-15"), ("2024-03-29", "2024-03-29"), ("2024-03-30", "2024-03-01"),
     ("2024-02-01", "2024-03-01")],
)  # fmt: skip
def test_an_infusion_told_later_takes_over_the_visits_from_its_day_on(tmp_path, later, expected):
    load(tmp_path, {**BASE, "visits.csv": f"{VISITS}\nP1,D28,2024-03-29,completed,\n"})

    report = load(tmp_path, {"infusions.csv": f"{INFUSIONS}P1,{later},CAR19\n"})

    assert report.errors == ()
    assert day_zeros() == [("D28", expected)]
    assert report.unchanged["visits.csv"] == 1


def test_a_missed_visit_without_a_date_belongs_to_the_latest_infusion_of_the_bundle(tmp_path):
    files = {**BASE, "infusions.csv": TWO_INFUSIONS, "visits.csv": f"{VISITS}\nP1,M3,,missed,ill\n"}

    load(tmp_path / "first", files)
    [(_, first)] = day_zeros()
    again = load(tmp_path / "second", {"visits.csv": files["visits.csv"]})

    assert first == "2024-09-01"
    assert again.unchanged["visits.csv"] == 1


def test_a_missed_visit_with_a_date_belongs_to_the_course_of_that_date(tmp_path):
    visits = f"{VISITS}\nP1,M3,2024-06-01,missed,ill\n"

    load(tmp_path, {**BASE, "infusions.csv": TWO_INFUSIONS, "visits.csv": visits})

    assert day_zeros() == [("M3", "2024-03-01")]


def test_unscheduled_visits_of_two_days_are_two_and_of_one_day_one(tmp_path):
    days = ("2024-04-01", "2024-04-02", "2024-04-02")
    visits = "\n".join([VISITS, *(f"P1,UNS,{on},completed," for on in days)])

    report = load(tmp_path, {**BASE, "visits.csv": visits})

    assert (report.created["visits.csv"], report.unchanged["visits.csv"]) == (2, 1)


def test_a_yearly_repetition_after_the_last_row_is_a_known_code(tmp_path):
    header = "version,effective_from,visit_code,offset,offset_unit,days_before,days_after,repeats_yearly\n"
    schedules = f"{header}1,2020-01-01,Y1,12,month,90,90,Y\n"
    visits = f"{VISITS}\nP1,Y2,2025-05-01,completed,\nP1,Z2,2025-05-02,completed,\n"

    report = load(tmp_path, {**BASE, "schedules.csv": schedules, "visits.csv": visits})

    assert problems(report) == [("visits.csv", 3, "visit_code")]
    assert report.errors[0].accepted == "One of: Y1, UNS."


COMPARATOR = (
    "patient_id,site_id,sex,birth_year,diagnosis,cohort,enrolled_on,index_date\n"
    "C1,VIE,M,1970,SSC,COMPARATOR,2024-01-10,{}\n"
)


def comparator(index_date, **files):
    return {"sites.csv": BASE["sites.csv"], "patients.csv": COMPARATOR.format(index_date), **files}


def test_a_comparators_course_begins_on_the_index_date_and_moves_with_it(tmp_path):
    visits = f"{VISITS}\nC1,D28,2024-02-07,completed,\n"
    load(tmp_path, comparator("2024-01-10", **{"visits.csv": visits}))

    report = load(tmp_path, comparator("2024-01-12"))

    assert report.updated["patients.csv"] == 1
    assert [course.day_zero for course in Course.objects.all()] == [date(2024, 1, 12)]
    assert day_zeros() == [("D28", "2024-01-12")]


@pytest.mark.parametrize(("index_date", "expected"), [
    ("2024-02-07", []),
    ("2024-02-08", [("patients.csv", 2, "index_date")]),
])  # fmt: skip
def test_an_index_date_does_not_move_past_a_visit(tmp_path, index_date, expected):
    load(
        tmp_path / "1",
        comparator("2024-01-10", **{"visits.csv": f"{VISITS}\nC1,D28,2024-02-07,completed,\n"}),
    )

    report = load(tmp_path / "2", comparator(index_date))

    assert problems(report) == expected


def test_an_index_date_and_the_visit_may_be_corrected_together(tmp_path):
    load(tmp_path, comparator("2024-01-10", **{"visits.csv": f"{VISITS}\nC1,D28,2024-02-07,completed,\n"}))

    report = load(
        tmp_path, comparator("2024-03-10", **{"visits.csv": f"{VISITS}\nC1,D28,2024-04-07,completed,\n"})
    )

    assert report.errors == ()
    assert day_zeros() == [("D28", "2024-03-10")]


def test_a_comparator_who_was_treated_after_all_keeps_the_course_from_the_infusion(tmp_path):
    load(tmp_path, comparator("2024-01-10"))
    treated = COMPARATOR.format("").replace("COMPARATOR", "CAR_T")

    report = load(
        tmp_path,
        {
            **BASE,
            "patients.csv": treated,
            "infusions.csv": INFUSIONS.replace("P1,2024-03-01", "C1,2024-01-20"),
        },
    )

    assert report.errors == ()
    assert Infusion.objects.get().course.day_zero == date(2024, 1, 20)
    assert Course.objects.count() == 1


def test_a_comparator_does_not_become_treated_without_an_infusion(tmp_path):
    load(tmp_path, comparator("2024-01-10"))

    report = load(tmp_path, {"patients.csv": COMPARATOR.format("").replace("COMPARATOR", "CAR_T")})

    assert problems(report) == [("patients.csv", 2, "cohort")]


def test_a_treated_patient_does_not_become_a_comparator(tmp_path):
    load(tmp_path, BASE)

    report = load(
        tmp_path,
        {"patients.csv": COMPARATOR.format("2024-03-01").replace("C1", "P1"), "infusions.csv": INFUSIONS},
    )

    assert ("patients.csv", 2, "cohort") in problems(report)


def test_a_transferred_patient_takes_the_record_along(tmp_path):
    load(tmp_path, FULL)
    sites = BASE["sites.csv"] + "GRZ,Graz,AT,Europe/Vienna\n"

    report = load(tmp_path, {"sites.csv": sites, "patients.csv": PATIENTS.replace("VIE", "GRZ")})

    assert report.updated["patients.csv"] == 1
    assert Patient.objects.get().site.code == "GRZ"


# --- the order of rows says nothing --------------------------------------------------------------------

MANY = {
    "infusions.csv": TWO_INFUSIONS,
    "visits.csv": f"{VISITS}\nP1,D28,2024-03-29,completed,\nP1,D28,2024-09-29,completed,\nP1,M3,,missed,ill\n"
    "P1,UNS,2024-04-01,completed,\n",
    "labs.csv": f"{LABS},corrects_value\nP1,2024-03-05,ANC,0.4,10*9/L,\nP1,2024-03-05,ANC,0.6,10*9/L,0.4\n"
    "P1,2024-03-05,ANC,0.7,10*9/L,0.6\nP1,2024-03-05,ANC,0.9,10*9/L,\n",
}


def state():
    return (
        day_zeros(),
        sorted(
            (f"{r.value.normalize():f}", f"{r.superseded_by.value.normalize():f}" if r.superseded_by else "")
            for r in LabResult.objects.select_related("superseded_by")
        ),
    )


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shuffle=st.randoms(use_true_random=False))
def test_the_order_of_rows_says_nothing(tmp_path, shuffle):
    shuffled = {}
    for name, text in MANY.items():
        header, *rows = text.splitlines()
        shuffle.shuffle(rows)
        shuffled[name] = "\n".join([header, *rows]) + "\n"

    report = load(write(tmp_path, {**BASE, **shuffled}), study_key=f"S{shuffle.random()}")

    assert report.errors == ()
    expected_visits = [
        ("D28", "2024-03-01"), ("UNS", "2024-03-01"), ("D28", "2024-09-01"), ("M3", "2024-09-01"),
    ]  # fmt: skip
    study = Patient.objects.latest("pk").study
    found = Visit.objects.filter(patient__study=study).order_by("visited_on", "code")
    assert [(v.code, v.course.day_zero.isoformat()) for v in found] == expected_visits
    results = LabResult.objects.filter(patient__study=study, superseded_at__isnull=True)
    assert sorted(f"{r.value.normalize():f}" for r in results) == ["0.7", "0.9"]
    again = load(tmp_path, study_key=study.key)
    assert sum(again.created.values()) == sum(again.updated.values()) == 0
