"""Whoever's judgement could change waits to be judged, by whatever path the record changed."""

from datetime import date

import pytest
from django.db import connection

from registry.models import ScheduledVisit, Site, VisitSchedule, WaitingEvaluation
from tests.factories import DAY_0, make_event, make_patient, make_result, make_site, make_study, make_support


@pytest.fixture
def judged(patient):
    """A patient of a site and a study, and one of another study: neither of them waits."""
    make_patient(site=make_site(study=make_study(key="OTHER")))
    WaitingEvaluation.objects.all().delete()
    return patient


def later_version(patient):
    VisitSchedule.objects.filter(study=patient.study).update(effective_from=date(2025, 1, 1))


def a_visit_moved(patient):
    ScheduledVisit.objects.filter(schedule__study=patient.study).update(days_after=30)


def a_visit_no_longer_planned(patient):
    ScheduledVisit.objects.filter(schedule__study=patient.study).delete()


def another_zone(patient):
    Site.objects.filter(pk=patient.site_id).update(time_zone="Pacific/Auckland")


def end_of_follow_up(patient):
    patient.follow_up_ended_on, patient.follow_up_end_reason = DAY_0, "withdrawal"
    patient.save()


def a_result_by_hand(patient):
    make_result(patient=patient, collected_on=DAY_0)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE registry_labresult SET superseded_reason = ''")


CHANGES = [
    later_version,
    a_visit_moved,
    a_visit_no_longer_planned,
    another_zone,
    end_of_follow_up,
    a_result_by_hand,
    lambda patient: make_support(patient=patient, given_on=DAY_0),
    lambda patient: make_event(patient=patient),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_can_change_a_judgement_is_noted(judged, change):
    change(judged)

    assert set(WaitingEvaluation.objects.values_list("patient_id", flat=True)) == {judged.pk}


def test_a_sites_new_name_concerns_no_judgement(judged):
    Site.objects.filter(pk=judged.site_id).update(name="Another name")

    assert not WaitingEvaluation.objects.exists()
