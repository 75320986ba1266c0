"""Patients' own ids and the rows behind them, for the command line."""

from collections.abc import Iterable

from registry.access.scope import EVERYTHING, acting
from registry.models import Patient


def ids_of(*, code: str) -> list[int]:
    """Return the rows with this id, of whatever study."""
    with acting(rows=EVERYTHING):
        return list(Patient.objects.filter(code=code).values_list("pk", flat=True))


def codes_of(*, patient_ids: Iterable[int]) -> dict[int, str]:
    """Return the patients' own ids by row."""
    with acting(rows=EVERYTHING):
        return dict(Patient.objects.filter(pk__in=list(patient_ids)).values_list("pk", "code"))
