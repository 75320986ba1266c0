"""A patient in year 7 whose Y6 may be a contact, for the tests of late follow-up."""

from datetime import date
from uuid import uuid4

from registry.models import Patient, ScheduledVisit
from tests import factories

TODAY = date(2024, 9, 1)
INFUSED_ON = date(2018, 7, 15)  # Y6 aims at 15 Jul 2024, its window is 16 Apr to 13 Oct


def make_late_patient(*, study, site, code="VIE-0006") -> Patient:
    """A patient infused in 2018; of the schedule M12 is on site, Y6 and Y7 may be remote."""
    study.schedules.get().visits.all().delete()
    study.schedules.all().delete()
    factories.make_schedule(
        study=study,
        visits=(("M12", 12, "month", 30, 60), ("Y6", 72, "month", 90, 90), ("Y7", 84, "month", 90, 90)),
    )
    ScheduledVisit.objects.filter(code__startswith="Y").update(mode="either")
    patient = factories.make_patient(site=site, code=code, infused_on=INFUSED_ON)
    factories.make_visit(patient=patient, code="M12", visited_on=date(2019, 7, 15))
    return patient


def contact_data(**typed) -> dict[str, str]:
    """A contact as a browser would send it: by phone on 30 Aug 2024, and no to everything."""
    return {
        "submission": str(uuid4()),
        "contact_mode": "phone",
        "visited_on_day": "30",
        "visited_on_month": "8",
        "visited_on_year": "2024",
        "alive": "yes",
        "new_malignancy": "no",
        "blood_disorder": "no",
        "serious_infection": "no",
        "autoimmune_or_neurological": "no",
        "contact_details": "right",
        "step": "save",
        **typed,
    }


def attempt_data(day, way="phone", outcome="no_answer") -> dict[str, str]:
    """An attempt on a day of August 2024."""
    return {
        "attempt-attempted_on_day": str(day),
        "attempt-attempted_on_month": "aug",
        "attempt-attempted_on_year": "2024",
        "attempt-way": way,
        "attempt-outcome": outcome,
    }
