"""Who takes data out: keys, pseudonyms, and the record of every export."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from knox.models import AbstractAuthToken

from registry.models.patient import Patient
from registry.models.people import User
from registry.models.study import Sponsor, Study

SCOPES = {"read": "Read the resources of the API"}


class ApiKey(AbstractAuthToken):
    """A sponsor's key for one study: shown once, stored hashed, with scopes and an expiry."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    sponsor = models.ForeignKey(Sponsor, on_delete=models.PROTECT, related_name="+")
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="+")
    scopes = ArrayField(models.CharField(max_length=20), default=list)
    last_used_on = models.DateField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.token_key}…"


class Pseudonym(models.Model):
    """The name under which a sponsor sees a patient: random, never derived from the person's data."""

    sponsor = models.ForeignKey(Sponsor, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="pseudonyms")
    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sponsor", "patient"], name="pseudonym_one_per_sponsor"),
        ]

    def __str__(self) -> str:
        return str(self.code)


class ExportRecord(models.Model):
    """One taking of data: who took which dataset of which study, when, how many rows, which digest."""

    at = models.DateTimeField()
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    key_prefix = models.CharField(max_length=25, blank=True)
    dataset = models.CharField(max_length=40)
    format = models.CharField(max_length=20)
    profile = models.CharField(max_length=20)
    row_count = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.dataset} {self.at:%Y-%m-%d %H:%M}"


class CasebookTaken(models.Model):
    """One taking of a patient's casebook as a file: by whom, when, how many rows, the digest of its words."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    row_count = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"casebook {self.at:%Y-%m-%d %H:%M}"
