"""The histories that the rules judge: what the tables hold arrives whole and in order."""

from datetime import date

import pytest

from registry.actions import scan
from registry.models import AdverseEventFollowUp, Alert, ScanRun
from registry.monitoring.evidence import EventReport
from registry.queries.evidence import packed_histories
from tests.factories import NIGHT, make_event

pytestmark = pytest.mark.django_db


def add_report(event, *, number, reported_on, **texts):
    return AdverseEventFollowUp.objects.create(
        event=event,
        patient=event.patient,
        number=number,
        reported_on=reported_on,
        entered_at=NIGHT,
        origin="form",
        **texts,
    )


def test_the_reports_of_an_event_stand_in_their_order_after_the_first(patient):
    event = make_event(patient=patient, term="Swollen node", narrative="Neck.")
    add_report(event, number=2, reported_on=date(2024, 6, 2), narrative="Biopsy: “T-cell lymphoma”.")
    add_report(event, number=1, reported_on=date(2024, 5, 1), term="Lymphadenopathy")

    [(_, packed)] = packed_histories(patient_ids=[patient.pk], analytes=())

    [read] = packed.unpack().events
    assert read.reports[1:] == (
        EventReport(date(2024, 5, 1), term="Lymphadenopathy"),
        EventReport(date(2024, 6, 2), narrative="Biopsy: “T-cell lymphoma”."),
    )


def test_a_malignancy_told_by_a_follow_up_report_is_found(patient):  # MAL
    event = make_event(patient=patient, term="Swollen node", narrative="Neck.")
    add_report(event, number=1, reported_on=date(2024, 5, 1), term="Peripheral T-cell lymphoma")

    scan.run_rules(as_of=None, at=NIGHT, trigger="night")

    assert not ScanRun.objects.exclude(failure_count=0).exists()
    assert Alert.objects.filter(patient=patient, rule="secondary_malignancy").exists()
