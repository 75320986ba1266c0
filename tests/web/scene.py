"""A small site for page tests: a patient in year one, one with a low count, one who died."""

import re
from dataclasses import dataclass
from datetime import date
from uuid import uuid4

from registry.models import Patient
from tests import factories

TODAY = date(2024, 9, 1)
SCHEDULE = (
    ("D28", 28, "day", 3, 3),
    ("M3", 3, "month", 14, 14),
    ("M6", 6, "month", 30, 30),
    ("M12", 12, "month", 30, 60),
    ("Y15", 180, "month", 90, 90),
)


@dataclass
class Scene:
    """The patients by what they are for."""

    patient: Patient
    low: Patient
    dead: Patient


def make_scene(*, study, site) -> Scene:
    """M6 of every patient is open on 1 Sep 2024; D28 and M3 are recorded for `patient` only."""
    study.schedules.get().visits.all().delete()
    study.schedules.all().delete()
    factories.make_schedule(study=study, visits=SCHEDULE)
    patient = factories.make_patient(site=site, code="VIE-0001")
    low = factories.make_patient(site=site, code="VIE-0002", diagnosis="SSC")
    dead = factories.make_patient(
        site=site, code="VIE-0003", follow_up_ended_on=date(2024, 8, 1), follow_up_end_reason="death"
    )
    factories.make_visit(patient=patient, code="D28", visited_on=date(2024, 3, 29))
    factories.make_visit(patient=patient, code="M3", visited_on=date(2024, 6, 2), new_malignancy=False)
    for month, anc, plt in ((3, "0.4", "40"), (4, "0.8", "120"), (6, "2.5", "210")):
        on = date(2024, month, 15)
        factories.make_result(patient=patient, collected_on=on, analyte="ANC", value=anc)
        factories.make_result(patient=patient, collected_on=on, analyte="PLT", value=plt)
        factories.make_result(patient=patient, collected_on=on, analyte="HGB", value="9.8", unit="g/dL")
    factories.make_support(patient=patient, given_on=date(2024, 3, 16))
    factories.make_event(
        patient=patient,
        term="Cytokine release syndrome",
        category="crs",
        grade=2,
        grade_scale="ASTCT",
        started_on="2024-03-04",
        ended_on="2024-03",
        serious=True,
        seriousness=["hospitalisation"],
        relatedness="probable",
        narrative="Fever, then hypotension that answered to fluids.",
    )
    factories.make_alert(
        patient=low,
        severity="high",
        limits={"counts": {"neutrophils_low_below_10e9_per_l": "1.0"}, "prolonged_over_days": 28},
    )
    return Scene(patient, low, dead)


def visit_data(**typed) -> dict[str, str]:
    """A visit form as a browser would send it: an M6 visit on 30 Aug 2024 and nothing else."""
    return {
        "submission": str(uuid4()),
        "status": "completed",
        "visited_on_day": "30",
        "visited_on_month": "aug",
        "visited_on_year": "2024",
        "new_malignancy": "no",
        "step": "save",
        **{f"lab-{key}-unit": "10*9/L" for key in ("ANC", "PLT", "WBC")},
        "lab-HGB-unit": "g/dL",
        **typed,
    }


def both(answer, key: str) -> tuple[str, str] | None:
    """What a page of two editors says of one thing: yours and theirs; None when it does not ask."""
    page = answer.content.decode()
    said = re.findall(
        rf'name="keep-{re.escape(key)}" value="(yours|theirs)"[^>]*> '
        r"<span><strong>[^<]*</strong> ([^<]*)<",
        page,
    )
    return (dict(said)["yours"], dict(said)["theirs"]) if said else None
