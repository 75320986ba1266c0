"""A person under follow-up, the courses of that follow-up, and the infusions that open them."""

import uuid
from datetime import date

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from registry.clinical import code_lists
from registry.models.constraints import not_before, one_of
from registry.models.study import Product, Site, Study


class Patient(models.Model):
    """One patient of one study. Empty `enrolled_on`: screened only, in no rule's scope.

    `public_id` stands in addresses, never `code`.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="patients")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="patients")
    code = models.CharField(max_length=40)
    sex = models.CharField(max_length=1, choices=list(code_lists.SEXES.items()))
    birth_year = models.PositiveSmallIntegerField()
    birth_year_is_derived = models.BooleanField(default=False)
    diagnosis = models.CharField(max_length=5, choices=list(code_lists.DIAGNOSES.items()))
    cohort = models.CharField(max_length=10, choices=list(code_lists.COHORTS.items()))
    enrolled_on = models.DateField(null=True, blank=True)
    index_date = models.DateField(null=True, blank=True)
    follow_up_ended_on = models.DateField(null=True, blank=True)
    follow_up_end_reason = models.CharField(
        max_length=12, blank=True, choices=list(code_lists.END_REASONS.items())
    )
    cause_of_death = models.TextField(blank=True)
    disease_onset_year = models.PositiveSmallIntegerField(null=True, blank=True)
    failed_therapies = models.PositiveSmallIntegerField(null=True, blank=True)
    organs_at_baseline = ArrayField(models.CharField(max_length=10), default=list, blank=True)
    prior_malignancy = models.BooleanField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "code"], name="patient_code_is_unique"),
            models.UniqueConstraint(fields=["id", "study"], name="patient_with_study"),
            # Row-level security tells a canary by the sign of its key.
            models.CheckConstraint(
                condition=Q(id__gt=0, study_id__gt=0) | Q(id__lt=0, study_id__lt=0),
                name="patient_is_a_canary_with_its_study",
            ),
            one_of("sex", code_lists.SEXES, table="patient"),
            one_of("diagnosis", code_lists.DIAGNOSES, table="patient"),
            one_of("cohort", code_lists.COHORTS, table="patient"),
            one_of("follow_up_end_reason", code_lists.END_REASONS, table="patient", or_empty=True),
            models.CheckConstraint(
                name="patient_end_has_date_and_reason",
                condition=Q(follow_up_ended_on__isnull=True, follow_up_end_reason="")
                | (Q(follow_up_ended_on__isnull=False) & ~Q(follow_up_end_reason="")),
            ),
            models.CheckConstraint(
                name="patient_cause_of_death_needs_death",
                condition=Q(cause_of_death="") | Q(follow_up_end_reason="death"),
            ),
            models.CheckConstraint(
                name="patient_index_date_is_for_comparators",
                condition=Q(cohort="COMPARATOR", index_date__isnull=False)
                | Q(cohort="CAR_T", index_date__isnull=True)
                # Screened subjects of an imported study never reached their first exposure.
                | Q(cohort="COMPARATOR", index_date__isnull=True, enrolled_on__isnull=True),
            ),
            not_before("follow_up_ended_on", "enrolled_on", name="patient_end_not_before_enrolment"),
            models.CheckConstraint(
                name="patient_birth_year_is_plausible",
                condition=Q(birth_year__gte=1900, birth_year__lte=2200),
            ),
            models.CheckConstraint(
                name="patient_disease_onset_not_before_birth",
                condition=Q(disease_onset_year__isnull=True) | Q(disease_onset_year__gte=F("birth_year")),
            ),
            models.CheckConstraint(
                name="patient_organs_are_known",
                condition=Q(organs_at_baseline__contained_by=list(code_lists.ORGANS)),
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def died_on(self) -> date | None:
        return self.follow_up_ended_on if self.follow_up_end_reason == "death" else None


class Course(models.Model):
    """A course of follow-up: from its day 0 to the day before the next one (rules.md G-1).

    Written when an infusion is recorded, or for a comparator from the index date.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="courses")
    day_zero = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["patient", "day_zero"], name="course_day_zero_is_unique"),
            models.UniqueConstraint(fields=["id", "patient"], name="course_with_patient"),
        ]

    def __str__(self) -> str:
        return self.day_zero.isoformat()


class Infusion(models.Model):
    """One infusion of CAR T-cells; it opens its course."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="infusions")
    course = models.OneToOneField(Course, on_delete=models.PROTECT, related_name="infusion")
    infused_on = models.DateField()
    product = models.ForeignKey(Product, on_delete=models.PROTECT)
    lot = models.CharField(max_length=80, blank=True)
    dose_cells = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    lymphodepletion = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["patient", "infused_on"], name="infusion_day_is_unique"),
            models.CheckConstraint(
                condition=Q(dose_cells__isnull=True) | Q(dose_cells__gt=0), name="infusion_dose_is_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.infused_on.isoformat()
