"""What a person is told about the alert checks after changing a record."""

from datetime import datetime

from registry.models import Patient
from registry.queries.patient_checks import progress


def on_its_checks(*, patient: Patient, at: datetime) -> str:
    """Return the sentence for the message that says the change is saved."""
    if patient.enrolled_on is None:
        return "It is saved; alert checks begin when the patient is enrolled."
    if progress(patient=patient, at=at) == "delayed":
        return "Alert checks are delayed: it is saved, and will be checked as soon as they run again."
    return "The checks are running on it."
