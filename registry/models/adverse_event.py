"""Adverse events and the chain of their follow-up reports."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from registry.clinical import code_lists
from registry.models.constraints import one_of
from registry.models.patient import Patient
from registry.models.study import Study
from registry.models.visit import Entered, Visit


class Causality(models.Model):
    """The investigator's causality of what else the person was given or has (WHO-UMC).

    `relatedness`, in the tables themselves, is that of the CAR T-cell product.
    """

    lymphodepletion_relatedness = models.CharField(
        max_length=15, blank=True, default="", db_default="", choices=list(code_lists.RELATEDNESS.items())
    )
    other_drug_relatedness = models.CharField(
        max_length=15, blank=True, default="", db_default="", choices=list(code_lists.RELATEDNESS.items())
    )
    disease_relatedness = models.CharField(
        max_length=15, blank=True, default="", db_default="", choices=list(code_lists.RELATEDNESS.items())
    )
    # Why an unlikely combination is right as reported: it was asked when it was entered.
    kept_because = models.CharField(max_length=500, blank=True, default="", db_default="")

    class Meta:
        abstract = True


def _causality_is_known(table: str) -> list[models.CheckConstraint]:
    return [
        one_of(name, code_lists.RELATEDNESS, table=table, or_empty=True)
        for name in ("lymphodepletion_relatedness", "other_drug_relatedness", "disease_relatedness")
    ]


class AdverseEvent(Causality, Entered):
    """One adverse event as first reported. Partial dates are kept as given: `2026`, `2026-03`.

    `event_id` is unique in the study. Serious (regulatory) and grade (severity) are separate facts.
    `visit`: the visit at which it was told, and with which it is signed; empty when it was told by itself.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="adverse_events")
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="+")
    event_id = models.CharField(max_length=60)
    term = models.CharField(max_length=500)
    category = models.CharField(max_length=25, blank=True, choices=list(code_lists.EVENT_CATEGORIES.items()))
    code_system = models.CharField(max_length=10, blank=True, choices=list(code_lists.CODE_SYSTEMS.items()))
    code = models.CharField(max_length=20, blank=True)
    coded_term = models.CharField(max_length=500, blank=True)
    body_system = models.CharField(max_length=200, blank=True)
    grade = models.PositiveSmallIntegerField(null=True, blank=True)
    grade_scale = models.CharField(max_length=10, blank=True, choices=list(code_lists.GRADE_SCALES.items()))
    started_on = models.CharField(max_length=10, blank=True)
    ended_on = models.CharField(max_length=10, blank=True)
    serious = models.BooleanField(null=True, blank=True)
    seriousness = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    relatedness = models.CharField(max_length=15, blank=True, choices=list(code_lists.RELATEDNESS.items()))
    outcome = models.CharField(max_length=200, blank=True)
    narrative = models.TextField(blank=True)
    aware_on = models.DateField(null=True, blank=True)
    visit = models.ForeignKey(
        Visit, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="told at"
    )
    submission = models.UUIDField(null=True, unique=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "event_id"], name="event_id_is_unique_in_study"),
            one_of("category", code_lists.EVENT_CATEGORIES, table="adverseevent", or_empty=True),
            one_of("code_system", code_lists.CODE_SYSTEMS, table="adverseevent", or_empty=True),
            one_of("grade_scale", code_lists.GRADE_SCALES, table="adverseevent", or_empty=True),
            one_of("relatedness", code_lists.RELATEDNESS, table="adverseevent", or_empty=True),
            models.CheckConstraint(name="adverse_event_has_a_term", condition=~Q(term="")),
            models.CheckConstraint(
                name="adverse_event_code_has_its_system",
                condition=Q(code="", code_system="") | (~Q(code="") & ~Q(code_system="")),
            ),
            models.CheckConstraint(
                name="adverse_event_grade_is_1_to_5",
                condition=Q(grade__isnull=True) | Q(grade__gte=1, grade__lte=5),
            ),
            models.CheckConstraint(
                name="adverse_event_seriousness_is_known",
                condition=Q(seriousness__contained_by=list(code_lists.SERIOUSNESS)),
            ),
            models.CheckConstraint(
                name="adverse_event_criteria_only_when_serious",
                condition=Q(seriousness=[]) | Q(serious=True, serious__isnull=False),
            ),
            models.CheckConstraint(
                name="adverse_event_dates_are_iso",
                condition=Q(started_on__regex=r"^(\d{4}(-\d{2}(-\d{2})?)?)?$")
                & Q(ended_on__regex=r"^(\d{4}(-\d{2}(-\d{2})?)?)?$"),
            ),
            *_causality_is_known("adverseevent"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {self.term}"


class AdverseEventFollowUp(Causality, Entered):
    """One later report about an adverse event; the chain is never rewritten.

    What is empty is unchanged. `still_ongoing` is the answer to that question: with no the end is known as
    far as `ended_on` tells, with yes an end reported before is taken back. `visit`: where it was asked.
    """

    event = models.ForeignKey(AdverseEvent, on_delete=models.PROTECT, related_name="follow_ups")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()
    reported_on = models.DateField()
    term = models.CharField(max_length=500, blank=True)
    coded_term = models.CharField(max_length=500, blank=True)
    code_system = models.CharField(max_length=10, blank=True, choices=list(code_lists.CODE_SYSTEMS.items()))
    code = models.CharField(max_length=20, blank=True)
    outcome = models.CharField(max_length=200, blank=True)
    narrative = models.TextField(blank=True)
    grade = models.PositiveSmallIntegerField(null=True, blank=True)
    grade_scale = models.CharField(
        max_length=10, blank=True, default="", db_default="", choices=list(code_lists.GRADE_SCALES.items())
    )
    serious = models.BooleanField(null=True, blank=True)
    seriousness = ArrayField(models.CharField(max_length=20), null=True, blank=True)
    relatedness = models.CharField(
        max_length=15, blank=True, default="", db_default="", choices=list(code_lists.RELATEDNESS.items())
    )
    ended_on = models.CharField(max_length=10, blank=True, default="", db_default="")
    still_ongoing = models.BooleanField(null=True, blank=True)
    visit = models.ForeignKey(
        Visit, on_delete=models.PROTECT, null=True, blank=True, related_name="event_reports"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "number"], name="follow_up_number_is_unique"),
            *_causality_is_known("adverseeventfollowup"),
            one_of("grade_scale", code_lists.GRADE_SCALES, table="adverseeventfollowup", or_empty=True),
            one_of("relatedness", code_lists.RELATEDNESS, table="adverseeventfollowup", or_empty=True),
            models.CheckConstraint(
                name="follow_up_grade_is_1_to_5",
                condition=Q(grade__isnull=True) | Q(grade__gte=1, grade__lte=5),
            ),
            models.CheckConstraint(
                name="follow_up_seriousness_is_known",
                condition=Q(seriousness__isnull=True)
                | Q(seriousness__contained_by=list(code_lists.SERIOUSNESS)),
            ),
            models.CheckConstraint(
                name="follow_up_criteria_come_with_serious",
                condition=Q(serious__isnull=True, seriousness__isnull=True)
                | Q(serious=False, serious__isnull=False, seriousness=[], seriousness__isnull=False)
                | Q(serious=True, serious__isnull=False, seriousness__isnull=False),
            ),
            models.CheckConstraint(
                name="follow_up_end_is_iso",
                condition=Q(ended_on__regex=r"^(\d{4}(-\d{2}(-\d{2})?)?)?$"),
            ),
            models.CheckConstraint(
                name="follow_up_end_and_ongoing_agree",
                condition=Q(still_ongoing__isnull=True, ended_on="")
                | Q(still_ongoing=True, still_ongoing__isnull=False, ended_on="")
                | (Q(still_ongoing=False, still_ongoing__isnull=False) & ~Q(ended_on="")),
            ),
            models.UniqueConstraint(fields=["event", "visit"], name="event_is_asked_once_at_a_visit"),
            one_of("code_system", code_lists.CODE_SYSTEMS, table="adverseeventfollowup", or_empty=True),
            models.CheckConstraint(
                name="follow_up_code_has_its_system",
                condition=Q(code="", code_system="") | (~Q(code="") & ~Q(code_system="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id}/{self.number}"
