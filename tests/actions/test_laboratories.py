"""Laboratories are made when results name them; how each reports is remembered from its latest entry."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from registry.access.roles import NotAllowed
from registry.actions.laboratories import learn_names
from registry.actions.laboratory import ResultEntry, correct_lab_result, record_results
from registry.actions.refused import RecordRefused
from registry.models import Laboratory, LaboratoryAnalyte, LaboratoryName
from registry.queries.laboratories import laboratories_for, names_learned
from tests.factories import DAY_0, NIGHT, make_patient

TODAY = date(2024, 9, 1)


def entry(value="2.5", unit="10*9/L", *, day=10, lower="1.8", upper="7.7", laboratory="Central", **more):
    return ResultEntry(
        analyte="ANC",
        value=value,
        unit=unit,
        collected_on=DAY_0 + timedelta(days=day),
        lower_limit=lower,
        upper_limit=upper,
        laboratory=laboratory,
        **more,
    )


def record(patient, by, *entries, at=NIGHT):
    return record_results(patient=patient, visit=None, entries=entries, by=by, at=at, today=TODAY)


def habit(patient, name="Central"):
    known = next(each for each in laboratories_for(patient=patient) if each.laboratory.name == name)
    found = known.habits["ANC"]
    return found.unit, found.lower_limit, found.upper_limit


def test_a_laboratory_is_made_once_whatever_its_capitals_and_spaces(patient, coordinator):
    [first] = record(patient, coordinator, entry())
    [second] = record(patient, coordinator, entry(day=11, laboratory=" central "))

    assert first.laboratory == second.laboratory == Laboratory.objects.get()
    assert (first.laboratory.site, first.laboratory.entered_by) == (patient.site, coordinator)


def test_a_result_without_a_laboratory_makes_and_remembers_none(patient, coordinator):
    [result] = record(patient, coordinator, entry(laboratory=""))

    assert result.laboratory is None
    assert not Laboratory.objects.exists()
    assert not LaboratoryAnalyte.objects.exists()


def test_the_latest_entry_is_remembered(patient, coordinator):
    record(patient, coordinator, entry())
    record(
        patient,
        coordinator,
        entry("2500", "/uL", day=5, lower="1800", upper="7700"),
        at=NIGHT + timedelta(hours=1),
    )

    assert habit(patient) == ("/uL", Decimal(1800), Decimal(7700))


def test_the_range_is_remembered_by_sex_and_the_unit_for_everybody(site, patient, coordinator):
    record(patient, coordinator, entry())
    man = make_patient(site=site, sex="M")

    assert habit(patient) == ("10*9/L", Decimal("1.8"), Decimal("7.7"))
    assert habit(man) == ("10*9/L", None, None)


def test_a_correction_keeps_the_laboratory_and_is_remembered(patient, coordinator):
    [result] = record(patient, coordinator, entry())

    corrected = correct_lab_result(
        result=result,
        entry=entry(lower="2.0", laboratory=""),
        reason="range of the old report",
        by=coordinator,
        at=NIGHT,
        today=TODAY,
    )

    assert corrected.laboratory == result.laboratory
    assert habit(patient)[1] == Decimal("2.0")


def test_a_result_may_be_corrected_to_another_laboratory(patient, coordinator):
    [result] = record(patient, coordinator, entry())

    corrected = correct_lab_result(
        result=result,
        entry=entry(laboratory="Ward"),
        reason="other laboratory",
        by=coordinator,
        at=NIGHT,
        today=TODAY,
    )

    assert corrected.pk != result.pk
    assert corrected.laboratory.name == "Ward"


def test_another_sites_laboratories_are_not_offered(patient, other_site_place, coordinator):
    record(patient, coordinator, entry())
    elsewhere = make_patient(site=other_site_place)

    assert laboratories_for(patient=elsewhere) == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"laboratory": "x" * 121}, "laboratory"), ({"right_because": "x" * 501}, "right_because")],
)
def test_texts_that_cannot_be_kept_are_refused(patient, coordinator, changed, field):
    with pytest.raises(RecordRefused) as refusal:
        record(patient, coordinator, entry(**{"laboratory": "Central", **changed}))

    assert [problem.field for problem in refusal.value.problems] == [field]


def test_a_name_is_learned_once_and_the_latest_word_counts(patient, coordinator):
    [result] = record(patient, coordinator, entry())
    told = {"patient": patient, "laboratory": result.laboratory, "by": coordinator, "at": NIGHT}

    learn_names(names={"neutro seg": "WBC", "unknown": "NO_SUCH"}, **told)
    learn_names(names={"neutro seg": "ANC"}, **told)

    assert names_learned(laboratory=result.laboratory) == {"neutro seg": "ANC"}


def test_who_may_not_enter_teaches_nothing(patient, coordinator, officer):
    [result] = record(patient, coordinator, entry())

    with pytest.raises(NotAllowed):
        learn_names(
            patient=patient,
            laboratory=result.laboratory,
            names={"neutro seg": "ANC"},
            by=officer,
            at=NIGHT,
        )
    assert not LaboratoryName.objects.exists()
