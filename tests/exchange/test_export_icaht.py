"""The ICAHT grades in the dataset of infusions, and in the API a sponsor reads."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.models import LabResult
from registry.queries.datasets import DATASETS
from tests import factories
from tests.exchange.exporting import export, export_objects, export_rows
from tests.factories import DAY_0

GRADES = [
    f"icaht_{period}_{what}"
    for period in ("early", "late")
    for what in ("grade", "grade_min", "grade_max", "basis")
]


def on_day(number):
    return DAY_0 + timedelta(days=number)


def counts(patient, text, *, first=0):
    for pair in text.split():
        day, _, value = pair.partition(":")
        factories.make_result(patient=patient, collected_on=on_day(first + int(day)), value=value)


@pytest.fixture
def day_200(settings):
    settings.REGISTRY_TODAY = on_day(200)


def test_the_grades_follow_the_columns_that_were_there():
    names = [column.name for column in DATASETS["infusions"].columns]

    assert names[-9:] == [*GRADES, "icaht_version"]


def test_the_grades_of_a_course_with_what_gave_them(tmp_path, patient, day_200):
    counts(patient, "0:3 4:3 5:0.3 11:0.3 18:0.3 19:3 26:3 30:3 35:1.0 60:1.2")
    (row,) = export_rows(tmp_path, "infusions")
    (told,) = export_objects(tmp_path, "infusions")

    assert [row[name] for name in GRADES if not name.endswith("basis")] == ["3", "3", "3", "2", "2", "2"]
    assert told["icaht_early_basis"] == {
        "days_at_most_0_5": 14,
        "days_at_most_0_1": 0,
        "run_at_most_0_5": [5, 18],
        "run_at_most_0_1": None,
        "never_recovered": False,
        "counted_days": 8,
        "missing_days": [],
        "last_day": 30,
        "is_final": True,
    }
    assert told["icaht_late_basis"] == {
        "lowest": "1",
        "lowest_day": 35,
        "second_lowest": "1.2",
        "second_lowest_day": 60,
        "unit": "10*9/L",
        "counted_days": 2,
        "last_day": 100,
        "is_final": True,
    }
    assert row["icaht_version"] == "N-ICAHT 2023, registry version 1"


def test_what_missing_counts_leave_open_is_given_as_bounds(tmp_path, patient, day_200):
    counts(patient, "0:3 5:0.4 15:0.4 20:3 27:3 30:3 40:0.4")
    (row,) = export_rows(tmp_path, "infusions")

    assert [row[name] for name in GRADES if not name.endswith("basis")] == ["1", "1", "3", "3", "0", "3"]


@pytest.mark.parametrize(
    ("today", "ended", "early", "late"),
    [
        (200, None, "no_counts", "no_counts"),
        (20, None, "no_counts", "not_begun"),
        (200, 20, "no_counts", "not_followed"),
    ],
)
def test_without_counts_there_is_no_grade_and_the_basis_says_why(
    tmp_path, patient, settings, today, ended, early, late
):
    settings.REGISTRY_TODAY = on_day(today)
    if ended is not None:
        patient.follow_up_ended_on, patient.follow_up_end_reason = on_day(ended), "withdrawal"
        patient.save()

    (row,) = export_rows(tmp_path, "infusions")
    (told,) = export_objects(tmp_path, "infusions")

    assert [row[name] for name in GRADES if not name.endswith("basis")] == [""] * 6
    assert told["icaht_early_basis"] == {"not_graded": early}
    assert told["icaht_late_basis"] == {"not_graded": late}


def test_each_course_has_its_own_grades_and_a_new_infusion_ends_the_earlier_one(tmp_path, patient, day_200):
    factories.make_infusion(patient=patient, infused_on=on_day(50))
    counts(patient, "0:3 7:3 14:3 21:3 28:3 40:1.4 45:1.4")
    counts(patient, "0:0.3 7:0.3 8:3 15:3 22:3 29:3", first=50)

    first, second = export_rows(tmp_path, "infusions")

    assert (first["icaht_early_grade"], first["icaht_late_grade"]) == ("0", "1")
    assert (second["icaht_early_grade"], second["icaht_late_grade"]) == ("2", "")


def test_a_corrected_count_is_not_seen(tmp_path, patient, day_200):  # G-5
    counts(patient, "0:3 7:3 14:3 21:3 28:3 40:0.4 41:0.5")
    LabResult.objects.filter(collected_on__gte=on_day(40)).update(
        superseded_at=factories.NIGHT, superseded_reason="not theirs"
    )

    (row,) = export_rows(tmp_path, "infusions")

    assert row["icaht_late_grade"] == ""


def test_nothing_after_today_is_seen(tmp_path, patient, settings):  # G-2
    settings.REGISTRY_TODAY = on_day(20)
    counts(patient, "0:3 7:3 14:3 21:0.1")
    factories.make_infusion(patient=patient, infused_on=on_day(30))

    first, second = export_objects(tmp_path, "infusions")

    assert (first["icaht_early_grade"], first["icaht_early_basis"]["is_final"]) == (0, False)
    assert second["icaht_early_grade"] is None


def test_the_manifest_says_what_the_columns_mean_and_as_of_which_day(tmp_path, patient, day_200):
    _, manifest = export(tmp_path, "infusions")
    column = next(c for c in manifest["columns"] if c["name"] == "icaht_early_grade")

    assert column["type"] == "integer"
    assert "days 0 to 30" in column["meaning"]
    assert manifest["data_cut"]["as_of"] == {"Europe/Vienna": on_day(200).isoformat()}


def test_a_sponsor_may_see_the_grades():
    told = {column.name for column in DATASETS["infusions"].columns if column.is_for_sponsors}

    assert set(GRADES) <= told


def test_as_many_queries_for_many_infusions_as_for_one(patient, site, day_200):
    def queries():
        with CaptureQueriesContext(connection) as seen:
            rows = list(DATASETS["infusions"].rows(studies=None, today_at=lambda zone: on_day(200)))
        return len(rows), len(seen)

    counts(patient, "0:3 7:0.3")
    _, few = queries()
    for _ in range(20):
        counts(factories.make_patient(site=site), "0:3 7:0.3")

    assert queries() == (21, few)
