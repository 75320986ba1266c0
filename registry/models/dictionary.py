"""Licensed dictionaries that the installation has loaded. They are never shipped and never exported."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

DICTIONARIES = {"meddra": "MedDRA"}
LEVELS = ("LLT", "PT", "HLT", "HLGT", "SOC")


class DictionaryVersion(models.Model):
    """One loaded distribution. The one in force is what rules see; the others stay for who looks back.

    `version` is the publisher's number; `revision` counts loads of other files under the same number.
    `number` is the version to compare by. `name` is what findings and runs call it. `digest`: SHA-256 of
    the files, by which the same distribution is known again.
    """

    dictionary = models.CharField(max_length=10)
    version = models.CharField(max_length=20)
    number = ArrayField(models.PositiveIntegerField())
    revision = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=40)
    digest = models.CharField(max_length=64)
    is_in_force = models.BooleanField()
    rows = models.JSONField()
    loaded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dictionary", "version", "revision"], name="dictionary_revision_is_counted"
            ),
            models.UniqueConstraint(fields=["dictionary", "digest"], name="dictionary_is_loaded_once"),
            models.UniqueConstraint(
                fields=["dictionary"], condition=Q(is_in_force=True), name="dictionary_in_force_is_one"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DictionaryTerm(models.Model):
    """One term of a loaded version, with the path to its primary system organ class.

    A PT and the LLT of its code are one row, the PT. `groups`: the SMQs that hold the code, sub-SMQs opened
    up, as `[code, name, narrow or broad]`; packed, because a scan asks for them by the thousand.
    """

    version = models.ForeignKey(DictionaryVersion, on_delete=models.PROTECT, related_name="terms")
    code = models.CharField(max_length=20)
    level = models.CharField(max_length=4)
    name = models.CharField(max_length=300)
    pt_code = models.CharField(max_length=20, blank=True)
    hlt_code = models.CharField(max_length=20, blank=True)
    hlgt_code = models.CharField(max_length=20, blank=True)
    soc_code = models.CharField(max_length=20, blank=True)
    is_current = models.BooleanField(default=True)
    groups = models.JSONField(default=list)

    class Meta:
        constraints = [
            # the evidence of an event asks by code
            models.UniqueConstraint(fields=["version", "code"], name="dictionary_term_has_one_code"),
            models.CheckConstraint(condition=Q(level__in=LEVELS), name="dictionary_term_level_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"
