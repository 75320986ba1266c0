"""What patients were asked to agree to, what they agreed to, and what they took back."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from registry.clinical.consent_scopes import COMPULSORY, SCOPES
from registry.models.constraints import all_or_none
from registry.models.patient import Patient
from registry.models.people import User
from registry.models.study import Study
from registry.models.visit import Entered


def _scopes_are_known(*, table: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        name=f"{table}_scopes_are_known",
        condition=Q(scopes__contained_by=list(SCOPES)) & ~Q(scopes=[]),
    )


class ConsentVersion(models.Model):
    """One version of a study's consent form: the scopes it asks about, in force from a date on.

    Never changed once written. `text_digest`: SHA-256 of the form's text, so that the paper can be told.
    """

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="consent_versions")
    version = models.CharField(max_length=20)
    title = models.CharField(max_length=200)
    text_digest = models.CharField(max_length=64, blank=True)
    effective_from = models.DateField()
    scopes = ArrayField(models.CharField(max_length=20))
    entered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    entered_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "version"], name="consent_version_is_unique"),
            # Which version is in force has one answer on every day.
            models.UniqueConstraint(fields=["study", "effective_from"], name="consent_version_day_is_unique"),
            models.UniqueConstraint(fields=["id", "study"], name="consent_version_with_study"),
            _scopes_are_known(table="consentversion"),
            models.CheckConstraint(
                name="consent_version_asks_for_follow_up",
                condition=Q(scopes__contains=[COMPULSORY]),
            ),
            models.CheckConstraint(
                name="consent_version_digest_is_sha256",
                condition=Q(text_digest="") | Q(text_digest__regex=r"^[0-9a-f]{64}$"),
            ),
        ]

    def __str__(self) -> str:
        return self.version


class Consent(Entered):
    """One patient's consent to one version: which of its scopes were given, and when.

    Written when the site records the signed form. Wrong, or given anew after a withdrawal, it is replaced
    by another row, with the reason; one consent of a patient to a version is current.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="consents")
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="+")
    version = models.ForeignKey(ConsentVersion, on_delete=models.PROTECT, related_name="consents")
    given_on = models.DateField()
    scopes = ArrayField(models.CharField(max_length=20))
    submission = models.UUIDField(null=True, unique=True, editable=False)
    replaced_at = models.DateTimeField(null=True)
    replaced_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "version"],
                condition=Q(replaced_at__isnull=True),
                name="consent_to_a_version_is_current_once",
            ),
            _scopes_are_known(table="consent"),
            models.CheckConstraint(
                name="consent_gives_follow_up", condition=Q(scopes__contains=[COMPULSORY])
            ),
            models.CheckConstraint(
                name="consent_replaced_has_a_reason",
                condition=Q(replaced_at__isnull=True, replaced_reason="")
                | (Q(replaced_at__isnull=False) & ~Q(replaced_reason="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.given_on}"


class ConsentWithdrawal(Entered):
    """Scopes that a patient took back on a day. It stops what comes after and removes no row.

    One recorded by mistake is taken back itself, with the reason, and stays to be seen.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="consent_withdrawals")
    withdrawn_on = models.DateField()
    scopes = ArrayField(models.CharField(max_length=20))
    reason = models.CharField(max_length=500, blank=True)
    submission = models.UUIDField(null=True, unique=True, editable=False)
    annulled_at = models.DateTimeField(null=True)
    annulled_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    annulled_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            _scopes_are_known(table="consentwithdrawal"),
            all_or_none("annulled_at", "annulled_by", name="withdrawal_annulled_when_and_by_whom"),
            models.CheckConstraint(
                name="withdrawal_annulled_has_a_reason",
                condition=Q(annulled_at__isnull=True, annulled_reason="")
                | (Q(annulled_at__isnull=False) & ~Q(annulled_reason="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.patient_id} {self.withdrawn_on}"
