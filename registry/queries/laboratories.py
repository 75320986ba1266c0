"""The laboratories of a site, and what each is known to report: units, normal ranges, names of analytes."""

from dataclasses import dataclass, field
from decimal import Decimal

from registry.models import Laboratory, LaboratoryAnalyte, LaboratoryName, Patient
from registry.queries.stored_rows import rows_where


@dataclass(frozen=True, slots=True)
class Habit:
    """How a laboratory reports an analyte: its unit, and the normal range where it is known for this sex."""

    unit: str
    lower_limit: Decimal | None = None
    upper_limit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class KnownLaboratory:
    """A laboratory with its habits for patients of one sex, by analyte."""

    laboratory: Laboratory
    habits: dict[str, Habit] = field(default_factory=dict)
    latest_at: float = 0.0


def laboratories_for(*, patient: Patient) -> list[KnownLaboratory]:
    """Return the laboratories of the patient's site, the one used latest first.

    A range remembered for another sex is not the patient's; the unit is the same for everybody.
    """
    known = {
        laboratory.pk: KnownLaboratory(laboratory)
        for laboratory in rows_where(Laboratory, "site_id = %(site)s ORDER BY name", site=patient.site_id)
    }
    if not known:
        return []
    latest: dict[int, float] = {}
    rows = rows_where(
        LaboratoryAnalyte,
        "laboratory_id = ANY (%(laboratories)s) ORDER BY reported_at, id",
        laboratories=list(known),
    )
    for row in rows:
        habits = known[row.laboratory_id].habits
        own = row.sex == patient.sex
        before = habits.get(row.analyte)
        if own:
            habits[row.analyte] = Habit(row.unit, row.lower_limit, row.upper_limit)
        elif before is None or (before.lower_limit is None and before.upper_limit is None):
            habits[row.analyte] = Habit(row.unit)
        latest[row.laboratory_id] = row.reported_at.timestamp()
    return sorted(known.values(), key=lambda each: -latest.get(each.laboratory.pk, 0.0))


def names_learned(*, laboratory: Laboratory) -> dict[str, str]:
    """Return what the laboratory's reports call things, folded, to the analyte."""
    return dict(LaboratoryName.objects.filter(laboratory=laboratory).values_list("name", "analyte"))
