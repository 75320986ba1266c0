"""A record that is closed to change before an analysis, and the two people it takes to open it again."""

from django.db import models
from django.db.models import F, Q

from registry.models.constraints import all_or_none, one_of
from registry.models.patient import Patient
from registry.models.people import User
from registry.models.study import Site, Study
from registry.models.visit import Visit

LEVELS = {"study": "Study", "site": "Site", "patient": "Patient", "visit": "Visit"}
DECISIONS = {"approved": "Approved", "refused": "Refused"}


class RecordLock(models.Model):
    """One visit, patient, site or study whose record nobody may change (ICH E6(R3) 3.16.1(r)).

    `study` is always filled; of the others the one that the level names, and for a visit its patient.
    Written once. Whether the lock stands follows from its unlockings: it stands unless one is open.
    """

    level = models.CharField(max_length=7, choices=list(LEVELS.items()))
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, null=True, related_name="locks")
    visit = models.OneToOneField(Visit, on_delete=models.PROTECT, null=True, related_name="lock")
    locked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    locked_at = models.DateTimeField()
    reason = models.CharField(max_length=500)

    class Meta:
        constraints = [
            one_of("level", LEVELS, table="recordlock"),
            models.CheckConstraint(
                name="record_lock_names_what_its_level_says",
                condition=Q(level="study", site__isnull=True, patient__isnull=True, visit__isnull=True)
                | Q(level="site", site__isnull=False, patient__isnull=True, visit__isnull=True)
                | Q(level="patient", site__isnull=True, patient__isnull=False, visit__isnull=True)
                | Q(level="visit", site__isnull=True, patient__isnull=False, visit__isnull=False),
            ),
            models.CheckConstraint(name="record_lock_says_why", condition=~Q(reason="")),
            models.UniqueConstraint(
                fields=["study"], condition=Q(level="study"), name="study_is_locked_once"
            ),
            models.UniqueConstraint(fields=["site"], condition=Q(level="site"), name="site_is_locked_once"),
            models.UniqueConstraint(
                fields=["patient"], condition=Q(level="patient"), name="patient_is_locked_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} lock {self.pk}"


class Unlocking(models.Model):
    """One request to open a locked record: asked by one person, decided by another.

    Approved, it opens the lock for `hours` from the decision (`until`, set by the database), or with
    empty `hours` until somebody ends it. The database refuses a decision by the person who asked.
    """

    lock = models.ForeignKey(RecordLock, on_delete=models.PROTECT, related_name="unlockings")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    reason = models.CharField(max_length=500)
    hours = models.PositiveSmallIntegerField(null=True)
    decision = models.CharField(max_length=8, blank=True, choices=list(DECISIONS.items()))
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.CharField(max_length=500, blank=True)
    until = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            one_of("decision", DECISIONS, table="unlocking", or_empty=True),
            models.CheckConstraint(name="unlocking_says_why", condition=~Q(reason="")),
            models.CheckConstraint(
                name="unlocking_takes_two_people",
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("asked_by")),
            ),
            models.CheckConstraint(
                name="unlocking_is_decided_by_somebody",
                condition=Q(decision="", decided_by__isnull=True, decided_at__isnull=True)
                | (~Q(decision="") & Q(decided_by__isnull=False, decided_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="unlocking_that_ended_was_approved",
                condition=Q(ended_at__isnull=True) | Q(decision="approved"),
            ),
            all_or_none("ended_by", "ended_at", name="unlocking_ended_when_and_by_whom"),
            models.CheckConstraint(
                name="unlocking_hours_are_sensible",
                condition=Q(hours__isnull=True) | Q(hours__gte=1, hours__lte=720),
            ),
            models.UniqueConstraint(
                fields=["lock"], condition=Q(decision=""), name="unlocking_is_asked_once"
            ),
        ]

    def __str__(self) -> str:
        return f"unlocking {self.pk} of lock {self.lock_id}"
