"""Follow-up visits as recorded, scores assessed and supportive treatments given."""

from django.db import models
from django.db.models import Q

from registry.clinical import code_lists
from registry.clinical.visit_contact import CONTACT_MODES
from registry.clinical.visit_windows import UNSCHEDULED
from registry.models.constraints import one_of
from registry.models.patient import Course, Patient
from registry.models.people import User

ORIGINS = {"form": "Form", "import": "Import", "api": "API", "system": "System"}


class Entered(models.Model):
    """Where a row came from: who entered it, when, by which way."""

    entered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    entered_at = models.DateTimeField()
    origin = models.CharField(max_length=6, choices=list(ORIGINS.items()))

    class Meta:
        abstract = True


class Visit(Entered):
    """One follow-up visit that took place, or was declared missed, within a course.

    `submission` identifies the sent form, so that a form sent twice makes one visit.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="visits", db_index=False)
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="visits")
    code = models.CharField(max_length=40)
    status = models.CharField(max_length=10, choices=list(code_lists.VISIT_STATUSES.items()))
    visited_on = models.DateField(null=True, blank=True)
    missed_reason = models.CharField(max_length=500, blank=True)
    new_malignancy = models.BooleanField(null=True, blank=True)
    new_malignancy_text = models.TextField(blank=True)
    # Of the site's own pages; the files of an import have no such columns.
    contact_mode = models.CharField(
        max_length=12, blank=True, default="", db_default="", choices=list(CONTACT_MODES.items())
    )
    comments = models.TextField(blank=True, default="", db_default="")
    submission = models.UUIDField(null=True, unique=True, editable=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            one_of("status", code_lists.VISIT_STATUSES, table="visit"),
            one_of("contact_mode", CONTACT_MODES, table="visit", or_empty=True),
            models.UniqueConstraint(
                fields=["course", "code"], condition=~Q(code=UNSCHEDULED), name="visit_is_recorded_once"
            ),
            models.UniqueConstraint(
                fields=["course", "visited_on"],
                condition=Q(code=UNSCHEDULED),
                name="unscheduled_visit_is_recorded_once",
            ),
            models.CheckConstraint(
                name="visit_completed_has_a_date_missed_a_reason",
                condition=Q(status="completed", visited_on__isnull=False, missed_reason="")
                | (Q(status="missed") & ~Q(missed_reason="")),
            ),
            models.CheckConstraint(
                name="visit_unscheduled_has_a_date",
                condition=~Q(code=UNSCHEDULED) | Q(visited_on__isnull=False),
            ),
        ]
        indexes = [
            # The patient page; and index-only the visits recorded by a day (queries/closed_windows.py).
            models.Index(
                fields=["patient", "visited_on"], include=["course", "code"], name="visit_of_patient"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.visited_on or self.status}"


class SupportiveTreatment(Entered):
    """A transfusion, growth factor or receptor agonist given on a day: it hides a blood count."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="supportive_treatments")
    given_on = models.DateField()
    kind = models.CharField(max_length=20, choices=list(code_lists.SUPPORT_KINDS.items()))

    class Meta:
        constraints = [
            one_of("kind", code_lists.SUPPORT_KINDS, table="supportivetreatment"),
            models.UniqueConstraint(fields=["patient", "given_on", "kind"], name="support_is_recorded_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.given_on}"


class Score(Entered):
    """One disease activity or function score assessed on a day."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="scores")
    assessed_on = models.DateField()
    score = models.CharField(max_length=10, choices=list(code_lists.SCORES.items()))
    value = models.DecimalField(max_digits=8, decimal_places=3)

    class Meta:
        constraints = [
            one_of("score", code_lists.SCORES, table="score"),
            models.UniqueConstraint(
                fields=["patient", "assessed_on", "score"], name="score_is_recorded_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.score} {self.value}"
