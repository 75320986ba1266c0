"""Laboratories of a site: made when results first name one; how each reports is remembered."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from registry.access.roles import require
from registry.actions.refused import refuse_if
from registry.clinical.analytes import ANALYTES
from registry.clinical.entry_checks import check_text
from registry.clinical.refusals import Problem
from registry.models import Laboratory, LaboratoryAnalyte, LaboratoryName, LabResult, Patient, User

_LONGEST = {"laboratory": 120, "name": 80}


def laboratory_problems(*, name: str) -> list[Problem]:
    """What is wrong with the name of a laboratory."""
    return check_text(field="laboratory", value=name.strip(), maximum=_LONGEST["laboratory"])


def laboratory_named(*, patient: Patient, name: str, by: User | None, at: datetime) -> Laboratory:
    """Return the laboratory of this name at the patient's site, made when it is new; case does not count.

    Inside a transaction that holds the patient. Raises RecordRefused.
    """
    name = " ".join(name.split())
    refuse_if(laboratory_problems(name=name))
    found = Laboratory.objects.filter(site_id=patient.site_id, name__iexact=name).first()
    if found is not None:
        return found
    # Two forms may bring the same new name at once: the second takes the first one's row.
    made = Laboratory(site_id=patient.site_id, name=name, entered_by=by, entered_at=at, origin="form")
    Laboratory.objects.bulk_create([made], ignore_conflicts=True)
    return Laboratory.objects.get(site_id=patient.site_id, name__iexact=name)


def remember_habits(*, patient: Patient, results: Iterable[LabResult], at: datetime) -> None:
    """Keep unit and range of the latest result of each laboratory, analyte and sex."""
    latest = {
        (result.laboratory_id, result.analyte): result
        for result in results
        if result.laboratory_id is not None
    }
    LaboratoryAnalyte.objects.bulk_create(
        [
            LaboratoryAnalyte(
                laboratory_id=laboratory_id,
                analyte=analyte,
                sex=patient.sex,
                unit=result.entered_unit,
                lower_limit=result.lower_limit,
                upper_limit=result.upper_limit,
                reported_at=at,
            )
            # In one order everywhere, so that two savings do not wait for each other.
            for (laboratory_id, analyte), result in sorted(latest.items())
        ],
        update_conflicts=True,
        unique_fields=["laboratory", "analyte", "sex"],
        update_fields=["unit", "lower_limit", "upper_limit", "reported_at"],
    )


def learn_names(
    *, patient: Patient, laboratory: Laboratory, names: Mapping[str, str], by: User | None, at: datetime
) -> None:
    """Keep what a laboratory's reports call things: folded names to analytes; the latest word counts.

    Raises NotAllowed for a laboratory that is not of the patient's site.
    """
    require(by, "enter_record", patient=patient)
    known = {
        name[: _LONGEST["name"]]: analyte
        for name, analyte in names.items()
        if name and analyte in ANALYTES and laboratory.site_id == patient.site_id
    }
    LaboratoryName.objects.bulk_create(
        [
            LaboratoryName(
                laboratory=laboratory, name=name, analyte=analyte, entered_by=by, entered_at=at, origin="form"
            )
            for name, analyte in sorted(known.items())
        ],
        update_conflicts=True,
        unique_fields=["laboratory", "name"],
        update_fields=["analyte", "entered_by", "entered_at"],
    )
