"""Signatures of the investigator, bound to what was signed (21 CFR 11.50, 11.70)."""

from django.db import models
from django.db.models import Q

from registry.models.constraints import one_of
from registry.models.patient import Patient
from registry.models.people import User
from registry.models.visit import Visit

SECURITY_EVENTS = {
    "signing_refused": "Password refused at signing",
    "signing_throttled": "Too many passwords tried at signing",
    "password_refused": "Password refused at changing it",
}


class Signature(models.Model):
    """One person's signature of one visit, or without a visit of the whole record of a patient.

    `content` is the canonical text of what was signed, `sha256` its digest: the database refuses both when
    they are not the record as it stands. Written once. `voided_at` is filled by a trigger as soon as a
    committed change alters the content, with who changed it and why; a voided signature stays void.
    `printed_name` and `meaning` are as they were read at signing.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="signatures", db_index=False)
    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, null=True, related_name="signatures")
    signed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField()
    printed_name = models.CharField(max_length=300)
    meaning = models.CharField(max_length=500)
    content = models.TextField()
    sha256 = models.CharField(max_length=64)
    voided_at = models.DateTimeField(null=True)
    voided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    voided_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="signature_has_a_name_and_a_meaning", condition=~Q(printed_name="") & ~Q(meaning="")
            ),
        ]
        indexes = [
            # The triggers of every write, and the patient page.
            models.Index(fields=["patient", "-signed_at"], name="signature_of_patient"),
        ]

    def __str__(self) -> str:
        return f"signature {self.pk} of {self.printed_name}"


class SecurityEvent(models.Model):
    """One attempt that an administrator should know of: a password refused where it stood for a person."""

    at = models.DateTimeField()
    kind = models.CharField(max_length=20, choices=list(SECURITY_EVENTS.items()))
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [one_of("kind", SECURITY_EVENTS, table="securityevent")]
        indexes = [models.Index(fields=["-at"], name="security_event_latest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.at}"
