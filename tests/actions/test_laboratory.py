"""Results are kept as entered and canonical, corrected by superseding, and taken back with a reason."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from registry.access.roles import NotAllowed
from registry.actions.laboratory import (
    AlreadySuperseded,
    ResultEntry,
    correct_lab_result,
    record_results,
    retract_lab_result,
)
from registry.actions.refused import RecordRefused
from registry.models import LabResult, WaitingEvaluation
from tests import factories
from tests.factories import NIGHT

DAY = date(2024, 4, 4)
TODAY = date(2024, 9, 1)
ANC = ResultEntry("ANC", "400", "/uL", DAY)


@pytest.fixture
def recorded(patient):
    return factories.make_result(patient=patient, collected_on=DAY, value="0.4")


def correct(result, *, by, entry=ANC, reason="misread on the report"):
    return correct_lab_result(result=result, entry=entry, reason=reason, by=by, at=NIGHT, today=TODAY)


@pytest.mark.parametrize(
    ("value", "unit", "as_entered", "canonical", "comparator"),
    [
        ("400", "/uL", "400", "0.4", ""),
        ("0,4", "10*9/L", "0.4", "0.4", ""),
        (" 0.40 ", "10*9/L", "0.40", "0.4", ""),
        ("< 0.1", "10*9/L", "<0.1", "0.1", "<"),
        (">10", "G/L", ">10", "10", ">"),
    ],
)
def test_a_result_is_kept_as_entered_and_canonical(
    patient, coordinator, value, unit, as_entered, canonical, comparator
):
    [row] = record_results(
        patient=patient,
        visit=None,
        entries=[replace(ANC, value=value, unit=unit)],
        by=coordinator,
        at=NIGHT,
        today=TODAY,
    )

    row.refresh_from_db()
    assert (row.entered_value, row.entered_unit) == (as_entered, unit)
    assert (row.value, row.comparator) == (Decimal(canonical), comparator)
    assert (row.entered_by, row.entered_at, row.origin) == (coordinator, NIGHT, "form")


def test_a_correction_supersedes_and_the_old_value_stays(recorded, coordinator):
    new = correct(recorded, by=coordinator, entry=replace(ANC, value="1400"))

    recorded.refresh_from_db()
    assert (recorded.entered_value, recorded.superseded_by, recorded.superseded_at) == ("0.4", new, NIGHT)
    assert recorded.superseded_reason == "misread on the report"
    assert (new.value, new.superseded_at) == (Decimal("1.4"), None)


def test_a_correction_of_the_unit_alone_keeps_one_current_result(recorded, coordinator):
    correct(recorded, by=coordinator)

    [current] = LabResult.objects.filter(superseded_at__isnull=True)
    assert (current.entered_value, current.entered_unit, current.value) == ("400", "/uL", Decimal("0.4"))


def test_a_correction_that_changes_nothing_writes_nothing(recorded, coordinator):
    entry = ResultEntry("ANC", "0.40", "10*9/L", DAY)

    assert correct(recorded, by=coordinator, entry=entry) == recorded
    assert LabResult.objects.count() == 1


def test_a_correction_to_a_value_that_is_there_already_leaves_one(recorded, coordinator):
    twin = factories.make_result(patient=recorded.patient, collected_on=DAY, value="1.4")

    assert correct(recorded, by=coordinator, entry=replace(ANC, value="1400")) == twin

    recorded.refresh_from_db()
    assert recorded.superseded_at == NIGHT
    assert LabResult.objects.filter(superseded_at__isnull=True).get() == twin


def test_a_correction_moves_a_result_to_its_right_day(recorded, coordinator):
    new = correct(recorded, by=coordinator, entry=replace(ANC, collected_on=date(2024, 4, 5)))

    assert new.collected_on == date(2024, 4, 5)


def test_who_comes_second_is_told(recorded, coordinator, investigator):
    correct(recorded, by=coordinator, entry=replace(ANC, value="1400"))

    with pytest.raises(AlreadySuperseded):
        correct(recorded, by=investigator, entry=replace(ANC, value="2400"))

    assert LabResult.objects.filter(superseded_at__isnull=True).get().entered_value == "1400"


def test_a_correction_needs_a_reason(recorded, coordinator):
    with pytest.raises(RecordRefused, match="reason"):
        correct(recorded, by=coordinator, reason="")


def test_an_impossible_correction_is_refused(recorded, coordinator):
    with pytest.raises(RecordRefused, match="value"):
        correct(recorded, by=coordinator, entry=replace(ANC, value="400000000"))

    recorded.refresh_from_db()
    assert recorded.superseded_at is None


def test_a_result_of_somebody_else_is_taken_back(recorded, coordinator):
    retract_lab_result(result=recorded, reason="tube of another patient", by=coordinator, at=NIGHT)

    recorded.refresh_from_db()
    assert (recorded.superseded_by, recorded.superseded_reason) == (None, "tube of another patient")


@pytest.mark.parametrize("actor", ["other_site", "officer", "manager", "sponsor", "administrator"])
def test_only_the_patients_own_site_corrects(request, recorded, actor):
    with pytest.raises(NotAllowed):
        correct(recorded, by=request.getfixturevalue(actor))


def test_a_correction_makes_the_rules_judge_the_patient_again(recorded, coordinator):
    WaitingEvaluation.objects.all().delete()

    correct(recorded, by=coordinator, entry=replace(ANC, value="1400"))

    assert WaitingEvaluation.objects.filter(patient=recorded.patient).exists()
