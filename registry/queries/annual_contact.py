"""What is known of a yearly contact: recorded, and the attempts so far."""

from registry.clinical.annual_contact import may_be_lost
from registry.models import AnnualContact, ContactAttempt, Course, Patient, Visit


def contact_of(*, visit: Visit | None) -> AnnualContact | None:
    """Return what was answered with the visit, with its events; None for a visit of another kind."""
    if visit is None:
        return None
    return (
        AnnualContact.objects.filter(visit=visit)
        .select_related(
            "malignancy_event",
            "blood_disorder_event",
            "serious_infection_event",
            "autoimmune_or_neurological_event",
        )
        .first()
    )


def attempts_for(*, course: Course, code: str) -> tuple[ContactAttempt, ...]:
    """Return the attempts to reach the patient for this visit, the latest first."""
    return tuple(
        ContactAttempt.objects.filter(course=course, code=code)
        .select_related("entered_by")
        .order_by("-attempted_on", "-pk")
    )


def attempts_of(*, patient: Patient) -> tuple[ContactAttempt, ...]:
    """Return all attempts to reach the patient, the latest first: for the patient page."""
    return tuple(
        ContactAttempt.objects.filter(patient=patient)
        .select_related("entered_by", "course")
        .order_by("-attempted_on", "-pk")
    )


def is_lost_to_be_offered(attempts: tuple[ContactAttempt, ...]) -> bool:
    """Whether so many attempts failed that *lost to follow-up* may be asked; one way a day counts once."""
    tried = {(attempt.attempted_on, attempt.way) for attempt in attempts}
    return may_be_lost([on for on, _ in tried])
