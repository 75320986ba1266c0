"""A sweep begins a batch at a time, whatever plan the database makes of the question."""

import pytest
from django.db import connection

from registry.actions import evaluations
from registry.models import WaitingEvaluation
from tests.factories import NIGHT
from tests.faults.cohort import make_patients


@pytest.mark.django_db
@pytest.mark.parametrize(
    "without", [(), ("hashjoin", "hashagg", "sort", "material")], ids=["usual", "nested"]
)
def test_what_is_begun_is_one_batch(monkeypatch, without):
    """Asked again for each row, as in a nested loop, it passes over what is locked to the next ones."""
    monkeypatch.setattr(evaluations, "_BATCH", 5)
    make_patients(count=30, low_on=())
    with connection.cursor() as cursor:
        for way in without:
            cursor.execute(f"SET LOCAL enable_{way} = off")

    begun = evaluations._begin(at=NIGHT)

    assert len(begun) == 5
    assert set(
        WaitingEvaluation.objects.filter(not_before__isnull=False).values_list("pk", flat=True)
    ) == set(begun)
