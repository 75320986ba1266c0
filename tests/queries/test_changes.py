"""Why an alert lost its ground: the latest change of the record, in words a person understands (G-8)."""

from datetime import date

import pytest

from registry.access.scope import EVERYTHING, acting, because
from registry.models import LabResult, Visit
from registry.queries.changes import latest_changes
from tests.factories import make_event, make_result, make_support, make_visit


def told(patient):
    with acting(rows=EVERYTHING):
        return latest_changes(patient_ids=[patient.pk])[patient.pk]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda p: make_visit(patient=p, visited_on=date(2024, 3, 29)),
            "D28 visit of 2024-03-29 was entered at ",
        ),
        (lambda p: make_visit(patient=p, status="missed"), "D28 visit was entered at "),
        (
            lambda p: make_result(patient=p, collected_on=date(2024, 3, 14), value="0.4"),
            "ANC result of 2024-03-14 was entered at ",
        ),
        (
            lambda p: make_support(patient=p, given_on=date(2024, 3, 5)),
            "supportive treatment of 2024-03-05 was ",
        ),
        (
            lambda p: make_event(patient=p, term="Melanoma", started_on="2024-05"),
            "adverse event of 2024-05 was ",
        ),
    ],
)
def test_what_was_entered_is_named_by_its_kind_and_date(patient, change, words):
    row = change(patient)

    assert told(patient).startswith(words)
    assert str(row.pk) not in told(patient).split(" was ")[0].split()
    assert "0.4" not in told(patient)
    assert "Melanoma" not in told(patient)


def test_a_changed_row_is_named_as_it_was_made(patient):
    visit = make_visit(patient=patient, visited_on=date(2024, 3, 29))
    with acting(rows=EVERYTHING), because("Read the wrong page."):
        Visit.objects.filter(pk=visit.pk).update(visited_on=date(2024, 3, 30))

    assert told(patient).startswith("D28 visit of 2024-03-30 was changed at ")
    assert told(patient).endswith("UTC: Read the wrong page.")


def test_a_superseded_result_keeps_its_date(patient):
    result = make_result(patient=patient, collected_on=date(2024, 3, 14))
    LabResult.objects.filter(pk=result.pk).update(
        superseded_at="2024-09-01T00:00Z", superseded_reason="other unit"
    )

    assert told(patient).startswith("ANC result of 2024-03-14 was changed at ")


def test_the_patients_own_data_have_no_number(patient):
    type(patient).objects.filter(pk=patient.pk).update(enrolled_on=date(2024, 2, 1))

    assert told(patient).startswith("the patient's entry was changed at ")
