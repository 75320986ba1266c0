"""Activity, serology and treatments as the patient page reads them: worked out, never stored."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.models import ScoreDetail, Serology, Treatment, TreatmentAnswer
from registry.queries.activity import activity_file
from tests.factories import DAY_0, NIGHT, make_result, make_score, make_visit

ENTERED = {"entered_at": NIGHT, "origin": "form"}
TODAY = date(2024, 9, 1)


def day(number):
    return DAY_0 + timedelta(days=number)


def file_of(patient):
    return activity_file(patient=patient, day_zeros=(DAY_0,), today=TODAY)


def make_sledai(patient, on, **points):
    total = sum(points.values())
    score = make_score(patient=patient, assessed_on=on, value=total)
    ScoreDetail.objects.create(
        patient=patient,
        score=score,
        variant="10",
        items={key: str(worth) for key, worth in points.items()},
        total=total,
        answers={"new_activity": False, "haemolysis_or_gi": False},
        **ENTERED,
    )
    make_score(patient=patient, assessed_on=on, score="CSLEDAI", value=total)
    return score


def make_phga(patient, on, value, scale="3"):
    score = make_score(patient=patient, assessed_on=on, score="PHGA", value=value)
    ScoreDetail.objects.create(patient=patient, score=score, variant=scale, **ENTERED)


def make_treatment(patient, agent="azathioprine", started_on="2023", stopped_on="", **facts):
    return Treatment.objects.create(
        patient=patient, agent=agent, started_on=started_on, stopped_on=stopped_on, **facts, **ENTERED
    )


def list_is_complete(patient, on, section="treatments"):
    visit = make_visit(patient=patient, code=f"V{on:%m%d}", visited_on=on)
    TreatmentAnswer.objects.create(
        patient=patient, visit=visit, section=section, answer="complete", **ENTERED
    )
    return visit


def states(found):
    return {verdict.name: verdict.state for verdict in found.remission}


def test_an_empty_record_says_so_and_claims_nothing(patient):
    found = file_of(patient)

    assert (found.scores, found.remission, found.treatments) == ((), (), ())
    assert found.drug_free.state == "unknown"
    assert found.has_pneumococcal_vaccine is False
    assert found.blood.is_empty


def test_the_file_takes_four_queries_whatever_is_recorded(patient):
    for number in range(5):
        make_sledai(patient, day(number), rash=2)
        make_treatment(patient, started_on=f"201{number}", stopped_on=f"201{number}")
        make_result(patient=patient, collected_on=day(number), analyte="CD19", value="5", unit="/uL")
    visit = list_is_complete(patient, day(90))
    for row in Treatment.objects.all():
        TreatmentAnswer.objects.create(
            patient=patient, visit=visit, section="treatments", treatment=row, answer="same", **ENTERED
        )

    with CaptureQueriesContext(connection) as asked:
        file_of(patient)

    assert len(asked) == 4


def test_remission_needs_the_list_of_treatments_to_be_complete(patient):
    make_sledai(patient, day(90))
    make_phga(patient, day(90), "0.2")
    before = states(file_of(patient))
    list_is_complete(patient, day(90))
    after = states(file_of(patient))

    assert before == {"DORIS remission": "unknown", "LLDAS": "unknown", "Drug-free remission": "unknown"}
    assert after == {"DORIS remission": "yes", "LLDAS": "yes", "Drug-free remission": "yes"}


def test_a_glucocorticoid_of_the_day_is_counted_in_prednisolone(patient):
    make_sledai(patient, day(90))
    make_phga(patient, day(90), "0.2")
    make_treatment(patient, "methylprednisolone", mg_per_day=Decimal("4.8"))
    list_is_complete(patient, day(120))

    found = file_of(patient)

    assert states(found) == {"DORIS remission": "no", "LLDAS": "yes", "Drug-free remission": "no"}
    assert found.treatments[0].equivalent == 6


def test_a_global_assessment_on_the_large_scale_is_not_taken_for_one_on_the_small(patient):
    make_sledai(patient, day(90))
    make_phga(patient, day(90), "0.2", scale="10")
    list_is_complete(patient, day(90))

    assert states(file_of(patient))["DORIS remission"] == "unknown"


def test_a_total_corrected_by_an_import_no_longer_stands_on_its_items(patient):
    score = make_sledai(patient, day(90), rash=2)
    score.value = 4
    score.save()

    [line, _] = file_of(patient).scores

    assert (line.latest.value, line.items_total) == (4, 2)


def test_other_diseases_have_no_verdict_of_lupus(patient):
    patient.diagnosis = "SSC"
    patient.save()
    make_sledai(patient, day(90))

    assert file_of(patient).remission == ()


def test_drug_free_is_said_as_of_the_latest_complete_list(patient):
    make_treatment(patient, stopped_on="2024-03-01")
    make_treatment(patient, "hydroxychloroquine")
    list_is_complete(patient, day(60))
    make_visit(patient=patient, code="later", visited_on=day(120))

    found = file_of(patient)

    assert (found.drug_free.words, found.asked_on) == ("drug-free since 1 Mar 2024", day(60))
    assert found.antimalarials == ("Hydroxychloroquine",)


def test_a_complete_list_of_vaccines_says_nothing_of_treatments(patient):
    list_is_complete(patient, day(60), section="prevention")

    assert file_of(patient).drug_free.state == "unknown"


def test_each_treatment_says_when_it_was_asked_last(patient):
    row = make_treatment(patient)
    for on in (day(30), day(60)):
        TreatmentAnswer.objects.create(
            patient=patient,
            visit=make_visit(patient=patient, code=str(on), visited_on=on),
            section="treatments",
            treatment=row,
            answer="same",
            **ENTERED,
        )

    assert file_of(patient).treatments[0].asked_on == day(60)


def test_any_pneumococcal_vaccine_counts(patient):
    make_treatment(patient, "influenza", "2023-10", "2023-10")
    before = file_of(patient).has_pneumococcal_vaccine
    make_treatment(patient, "pneumococcal_polysaccharide", "2023-10", "2023-10")

    assert (before, file_of(patient).has_pneumococcal_vaccine) == (False, True)


def test_a_value_of_the_grid_takes_its_assay_from_the_serology_of_the_day(patient):
    for number, value in ((0, "80"), (60, "12")):
        make_result(
            patient=patient,
            collected_on=day(number),
            analyte="ANTI_DSDNA",
            value=value,
            unit="IU/mL",
            upper_limit=Decimal(20),
        )
        Serology.objects.create(
            patient=patient, collected_on=day(number), test="anti_dsdna", assay="elisa", **ENTERED
        )

    blood = file_of(patient).blood

    assert blood.dsdna.words == "12 IU/mL, ELISA"
    assert blood.dsdna_is_normal is True
    assert [each.on for each in blood.dsdna_normalised] == [day(0), day(60)]


def test_a_value_of_another_assay_is_not_compared(patient):
    for number, assay, value in ((0, "elisa", 80), (60, "farr", 3)):
        Serology.objects.create(
            patient=patient,
            collected_on=day(number),
            test="anti_dsdna",
            assay=assay,
            value=value,
            unit="IU/mL",
            upper_limit=7,
            **ENTERED,
        )

    blood = file_of(patient).blood

    assert (blood.dsdna_is_normal, blood.dsdna_normalised) == (True, None)


COMPLEMENT = [
    (("0.9", "0.9"), ("0.1", "0.1"), True),
    (("0.89", "0.9"), ("0.1", "0.1"), False),
    (("90", "90", "mg/dL"), ("10", "10", "mg/dL"), True),
    (("0.9", None), ("0.1", "0.1"), None),
    (("0.9", None), ("0.09", "0.1"), False),
    (("0.9", "0.9"), None, None),
]


@pytest.mark.parametrize(("c3", "c4", "expected"), COMPLEMENT)
def test_complement_is_normal_when_both_reach_their_lower_limit(patient, c3, c4, expected):
    for analyte, found in (("C3", c3), ("C4", c4)):
        if found is not None:
            value, limit, unit = (*found, "g/L")[:3]
            make_result(
                patient=patient,
                collected_on=DAY_0,
                analyte=analyte,
                value=value,
                unit=unit,
                lower_limit=Decimal(limit) if limit else None,
            )

    assert file_of(patient).blood.complement_is_normal is expected


def test_b_cells_are_gone_and_back_by_date(patient):
    for number, value in ((-5, "150"), (7, "3"), (60, "<10"), (100, "12")):
        make_result(patient=patient, collected_on=day(number), analyte="CD19", value=value, unit="/uL")

    course = file_of(patient).blood.b_cells

    assert (course.depleted_on, course.returned_on) == (day(7), day(100))


def test_a_superseded_count_is_not_read(patient):
    make_result(
        patient=patient,
        collected_on=day(7),
        analyte="CD19",
        value="3",
        unit="/uL",
        superseded_at=NIGHT,
        superseded_reason="of another patient",
    )

    assert file_of(patient).blood.b_cells.depleted_on is None
