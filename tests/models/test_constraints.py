"""What must never be is refused by the database, whoever writes."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from registry.models import AdverseEvent, Alert, Course, Infusion, LabResult, Membership, Patient, Visit
from registry.monitoring.lifecycle import MEANINGS, MOVES
from tests.factories import (
    DAY_0,
    NIGHT,
    make_alert,
    make_event,
    make_patient,
    make_product,
    make_result,
    make_site,
    make_study,
    make_user,
    make_visit,
)


def refused():
    return pytest.raises(DatabaseError)


IMPOSSIBLE_PATIENTS = [
    {"follow_up_ended_on": DAY_0},
    {"follow_up_end_reason": "lost"},
    {"follow_up_ended_on": DAY_0 - timedelta(days=30), "follow_up_end_reason": "lost"},
    {"cause_of_death": "sepsis"},
    {"sex": "X"},
    {"diagnosis": "RA"},
    {"cohort": "PLACEBO"},
    {"index_date": DAY_0},
    {"cohort": "COMPARATOR"},
    {"birth_year": 1066},
    {"disease_onset_year": 1980},
    {"organs_at_baseline": ["skin", "wing"]},
]


@pytest.mark.parametrize("facts", IMPOSSIBLE_PATIENTS, ids=str)
def test_a_patient_who_cannot_be_is_refused(site, facts):
    with refused(), transaction.atomic():
        make_patient(site=site, **facts)


def test_a_patient_cannot_be_at_a_site_of_another_study(study):
    elsewhere = make_site(study=make_study(key="OTHER"), code="X")

    with refused():
        make_patient(site=make_site(study=study), study=elsewhere.study)
        check_deferred()


def check_deferred():
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_an_infusion_opens_the_course_of_its_own_day(patient):
    course = Course.objects.create(patient=patient, day_zero=DAY_0 + timedelta(days=400))

    with refused(), transaction.atomic():
        Infusion.objects.create(
            patient=patient,
            course=course,
            infused_on=DAY_0 + timedelta(days=401),
            product=make_product(study=patient.study),
        )


def test_a_visit_of_another_patients_course_is_refused(patient, site):
    other = make_patient(site=site)

    with refused():
        Visit.objects.create(
            patient=patient,
            course=other.courses.get(),
            code="D28",
            status="completed",
            visited_on=DAY_0,
            entered_at=NIGHT,
            origin="form",
        )
        check_deferred()


@pytest.mark.parametrize(
    "facts",
    [
        {"status": "completed", "visited_on": None},
        {"status": "missed", "missed_reason": ""},
        {"status": "planned", "visited_on": DAY_0},
        {"status": "completed", "visited_on": DAY_0 - timedelta(days=1)},
        {"code": "UNS", "status": "missed", "visited_on": None},
    ],
    ids=str,
)
def test_a_visit_that_cannot_be_is_refused(patient, facts):
    with refused(), transaction.atomic():
        make_visit(patient=patient, **facts)


def test_a_planned_visit_is_recorded_once_a_course_and_unscheduled_ones_once_a_day(patient):
    make_visit(patient=patient, code="D28", visited_on=DAY_0 + timedelta(days=28))
    make_visit(patient=patient, code="UNS", visited_on=DAY_0 + timedelta(days=40))
    make_visit(patient=patient, code="UNS", visited_on=DAY_0 + timedelta(days=41))

    for code, day in (("D28", 29), ("UNS", 41)):
        with refused(), transaction.atomic():
            make_visit(patient=patient, code=code, visited_on=DAY_0 + timedelta(days=day))


def test_two_different_results_of_a_day_stay_two_and_the_same_twice_is_one(patient):
    make_result(patient=patient, collected_on=DAY_0, value="0.4")
    make_result(patient=patient, collected_on=DAY_0, value="0.5")
    make_result(patient=patient, collected_on=DAY_0, value="<0.5")

    with refused(), transaction.atomic():
        make_result(patient=patient, collected_on=DAY_0, value="400", unit="/uL")
    assert LabResult.objects.count() == 3


@pytest.mark.parametrize(
    "facts",
    [
        {"code": "D46.9"},
        {"code_system": "ICD-10"},
        {"grade": 6},
        {"started_on": "May 2024"},
        {"seriousness": ["death"]},
        {"serious": True, "seriousness": ["unlucky"]},
        {"term": ""},
        {"category": "bad"},
    ],
    ids=str,
)
def test_an_adverse_event_that_cannot_be_is_refused(patient, facts):
    with refused(), transaction.atomic():
        make_event(patient=patient, **facts)


def test_an_event_id_is_unique_in_its_study(patient, site):
    make_event(patient=patient, event_id="AE-1")

    with refused(), transaction.atomic():
        make_event(patient=make_patient(site=site), event_id="AE-1")
    assert AdverseEvent.objects.count() == 1


def test_alerts_of_one_subject_never_overlap_in_time(patient):
    make_alert(patient=patient)  # 6 March to 4 April

    with refused(), transaction.atomic():
        make_alert(patient=patient, first_on=DAY_0 + timedelta(days=34), last_on=DAY_0 + timedelta(days=70))
        check_deferred()
    make_alert(patient=patient, first_on=DAY_0 + timedelta(days=35), last_on=DAY_0 + timedelta(days=70))
    make_alert(patient=patient, subject="PLT")
    check_deferred()
    assert Alert.objects.count() == 3


def test_a_rule_with_one_alert_a_subject_has_no_second(patient):
    make_alert(patient=patient, rule="overdue_visit", subject="D28@2024-03-01")

    with refused(), transaction.atomic():
        make_alert(
            patient=patient,
            rule="overdue_visit",
            subject="D28@2024-03-01",
            first_on=DAY_0 + timedelta(days=300),
            last_on=DAY_0 + timedelta(days=301),
        )


def every_pair():
    allowed = {(move.from_state, move.to_state) for move in MOVES}
    return [
        pytest.param(old, new, (old, new) in allowed, id=f"{old} to {new}")
        for old in MEANINGS
        for new in MEANINGS
        if old != new
    ]


@pytest.mark.parametrize(("old", "new", "is_allowed"), every_pair())
def test_the_database_knows_the_same_moves_as_the_life_cycle(patient, officer, old, new, is_allowed):
    decided = {"decision": "confirmed", "decided_at": NIGHT, "decided_by": officer}
    alert = make_alert(patient=patient, state=old, **decided)

    try:
        with transaction.atomic():
            Alert.objects.filter(pk=alert.pk).update(state=new)
        happened = True
    except DatabaseError:
        happened = False

    assert happened is is_allowed


def test_an_alert_stays_with_its_patient_rule_and_subject(patient, site):
    alert = make_alert(patient=patient)

    for change in ({"patient": make_patient(site=site)}, {"subject": "PLT"}, {"rule": "overdue_visit"}):
        with refused(), transaction.atomic():
            Alert.objects.filter(pk=alert.pk).update(**change)
    with refused(), transaction.atomic():
        alert.delete()


@pytest.mark.parametrize("role", ["investigator", "safety_officer", "sponsor"])
def test_a_role_without_its_place_is_refused(db, role):
    with refused(), transaction.atomic():
        make_user(username="nowhere", role=role)
    assert Membership.objects.count() == 0


def test_a_patients_id_is_unique_in_the_study(patient, site):
    with refused(), transaction.atomic():
        make_patient(site=site, code=patient.code)
    assert Patient.objects.count() == 1
