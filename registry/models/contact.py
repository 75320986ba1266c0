"""The yearly contact with a patient in the late years, and the attempts that reached nobody."""

from django.db import models
from django.db.models import Q

from registry.clinical import annual_contact
from registry.models.adverse_event import AdverseEvent
from registry.models.constraints import one_of
from registry.models.patient import Course, Patient
from registry.models.visit import Entered, Visit


class AnnualContact(Entered):
    """What a planned visit brought that was done as a contact: the answers.

    Written with its visit, which holds the date, the way and the answer about a new malignancy. Each yes
    names the adverse event that was recorded with it. Empty: not known.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="annual_contacts")
    visit = models.OneToOneField(Visit, on_delete=models.PROTECT, related_name="annual_contact")
    blood_disorder = models.BooleanField(null=True)
    serious_infection = models.BooleanField(null=True)
    autoimmune_or_neurological = models.BooleanField(null=True)
    contact_details = models.CharField(max_length=10, choices=list(annual_contact.DETAILS.items()))
    malignancy_event = models.ForeignKey(AdverseEvent, on_delete=models.PROTECT, null=True, related_name="+")
    blood_disorder_event = models.ForeignKey(
        AdverseEvent, on_delete=models.PROTECT, null=True, related_name="+"
    )
    serious_infection_event = models.ForeignKey(
        AdverseEvent, on_delete=models.PROTECT, null=True, related_name="+"
    )
    autoimmune_or_neurological_event = models.ForeignKey(
        AdverseEvent, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            one_of("contact_details", annual_contact.DETAILS, table="annualcontact"),
            # An answer changed to no keeps the event: what was once reported is settled on its own page.
            *(
                models.CheckConstraint(
                    name=f"annual_contact_yes_has_event_{number}",
                    condition=~Q(**{name: True})
                    | Q(**{f"{name}__isnull": True})
                    | Q(**{f"{name}_event__isnull": False}),
                )
                for number, name in enumerate(
                    ("blood_disorder", "serious_infection", "autoimmune_or_neurological"), start=1
                )
            ),
        ]

    def __str__(self) -> str:
        return f"contact of visit {self.visit_id}"


class ContactAttempt(Entered):
    """One try to reach a patient for a planned visit that led to no contact with the patient.

    The visit stays due: nothing is missed, and nobody is lost, by an attempt.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="contact_attempts")
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=40)
    attempted_on = models.DateField()
    way = models.CharField(max_length=12, choices=list(annual_contact.WAYS.items()))
    outcome = models.CharField(max_length=15, choices=list(annual_contact.OUTCOMES.items()))
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            one_of("way", annual_contact.WAYS, table="contactattempt"),
            one_of("outcome", annual_contact.OUTCOMES, table="contactattempt"),
            models.UniqueConstraint(
                fields=["course", "code", "attempted_on", "way", "outcome", "note"],
                name="contact_attempt_is_recorded_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.attempted_on} {self.way}"
