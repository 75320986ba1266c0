"""Overdue visits by plain SQL: OVD-1 to OVD-5 again, and never another answer than the rule."""

from datetime import date, timedelta
from random import Random

import pytest

from registry.monitoring.overdue_visit import RULE
from registry.queries import evidence
from registry.queries.overdue_by_sql import overdue_visits
from tests.factories import (
    make_infusion,
    make_patient,
    make_schedule,
    make_site,
    make_study,
    make_visit,
)
from tests.monitoring import random_histories as draw

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
ONE_VISIT = (("D28", 28, "day", 3, 3),)


def patient_of(*, key="ONE", visits=ONE_VISIT, **facts):
    study = make_study(key=key)
    if not study.schedules.exists():
        make_schedule(study=study, visits=visits)
    return make_patient(site=make_site(study=study), **facts)


def overdue(patient, *, on):
    return {subject for _, subject in overdue_visits(days={patient.pk: on})}


@pytest.mark.parametrize(("on", "is_overdue"), [("2025-03-03", False), ("2025-03-04", True)])
def test_overdue_from_the_day_after_the_window_closed(on, is_overdue):  # OVD-4
    patient = patient_of(infused_on=date(2025, 1, 31))

    assert overdue(patient, on=date.fromisoformat(on)) == ({"D28@2025-01-31"} if is_overdue else set())


@pytest.mark.parametrize(("ended_on", "is_owed"), [("2025-03-02", False), ("2025-03-03", True)])
def test_owed_when_under_follow_up_to_the_last_day_of_the_window(ended_on, is_owed):  # OVD-3
    patient = patient_of(
        infused_on=date(2025, 1, 31), follow_up_ended_on=ended_on, follow_up_end_reason="death"
    )

    assert bool(overdue(patient, on=date(2025, 6, 1))) is is_owed


@pytest.mark.parametrize(("enrolled_on", "is_owed"), [("2025-03-03", True), ("2025-03-04", False)])
def test_owed_when_the_window_closed_on_or_after_enrolment(enrolled_on, is_owed):  # OVD-3
    patient = patient_of(infused_on=date(2025, 1, 31), enrolled_on=date.fromisoformat(enrolled_on))

    assert bool(overdue(patient, on=date(2025, 6, 1))) is is_owed


def test_months_are_clamped_at_the_end_of_the_month():  # G-4
    patient = patient_of(visits=(("M12", 12, "month", 30, 60),), infused_on=date(2024, 2, 29))

    assert overdue(patient, on=date(2025, 4, 29)) == set()
    assert overdue(patient, on=date(2025, 4, 30)) == {"M12@2024-02-29"}


@pytest.mark.parametrize("status", ["completed", "missed"])
def test_recorded_whatever_its_date_and_status(status):  # OVD-2
    patient = patient_of(infused_on=date(2025, 1, 31))
    make_visit(patient=patient, status=status, visited_on=date(2025, 5, 1) if status == "completed" else None)

    assert overdue(patient, on=date(2025, 6, 1)) == set()


def test_a_visit_of_tomorrow_is_not_seen_today():  # G-2
    patient = patient_of(infused_on=date(2025, 1, 31))
    make_visit(patient=patient, visited_on=date(2025, 6, 2))

    assert overdue(patient, on=date(2025, 6, 1)) == {"D28@2025-01-31"}
    assert overdue(patient, on=date(2025, 6, 2)) == set()


@pytest.mark.parametrize(("again_on", "is_owed"), [("2025-03-03", False), ("2025-03-04", True)])
def test_a_new_infusion_drops_what_had_not_closed(again_on, is_owed):  # OVD-5
    patient = patient_of(infused_on=date(2025, 1, 31))
    make_infusion(patient=patient, infused_on=date.fromisoformat(again_on))

    assert ("D28@2025-01-31" in overdue(patient, on=date(2025, 3, 20))) is is_owed


def test_nobody_is_owed_a_visit_without_enrolment_or_day_0():  # OVD-3
    screened = patient_of(infused_on=date(2025, 1, 31), enrolled_on=None)
    waiting = patient_of(infused_on=None, enrolled_on=date(2025, 1, 1))

    assert overdue(screened, on=date(2026, 1, 1)) == overdue(waiting, on=date(2026, 1, 1)) == set()


@pytest.mark.parametrize("seed", range(60))
def test_the_rule_says_the_same_of_random_records(seed):
    """Several infusions, versions that move visits, yearly repetitions, the ends of months and windows."""
    random = Random(seed)
    history, as_of = draw.history_of_visits(random)
    patient = _stored(history)

    says = {patient_id: set() for patient_id in [patient.pk]}
    for patient_id, packed in evidence.packed_histories(patient_ids=[patient.pk], analytes=()):
        says[patient_id] = {finding.subject for finding in RULE.findings(packed.unpack(), as_of)}

    assert overdue(patient, on=as_of) == says[patient.pk]


def _stored(history):
    study = make_study(key="DRAWN")
    for version in history.schedules:
        schedule = make_schedule(
            study=study,
            version=version.version,
            effective_from=version.effective_from,
            visits=[(v.code, v.offset, v.offset_unit, v.days_before, v.days_after) for v in version.visits],
        )
        repeating = [visit.code for visit in version.visits if visit.repeats_yearly]
        schedule.visits.filter(code__in=repeating).update(repeats_yearly=True)
    patient = make_patient(
        site=make_site(study=study),
        infused_on=history.day_zeros[0],
        enrolled_on=history.enrolled_on,
        follow_up_ended_on=history.follow_up_ended_on,
        follow_up_end_reason=history.follow_up_end_reason,
    )
    for on in history.day_zeros[1:]:
        make_infusion(patient=patient, infused_on=on)
    for visit in {(visit.day_zero, visit.code): visit for visit in history.visits}.values():
        recorded = make_visit(patient=patient, code=f"tmp{visit.visit_id}", status="missed")
        type(recorded).objects.filter(pk=recorded.pk).update(
            course=patient.courses.get(day_zero=visit.day_zero),
            code=visit.code,
            status=visit.status,
            visited_on=visit.visited_on,
            missed_reason="moved away" if visit.status == "missed" else "",
        )
    return patient
