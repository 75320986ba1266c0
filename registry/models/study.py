"""The frame patients are followed in: sponsor, study, sites, visit schedule, products."""

from django.db import models
from django.db.models import Q

from registry.clinical import code_lists
from registry.models.constraints import one_of


class Sponsor(models.Model):
    """An organisation that studies belong to and that takes data out."""

    key = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.name


class Study(models.Model):
    """One registry study of one sponsor; everything clinical hangs below it.

    `is_canary`: invented patients whom every night must find, and nobody else may see. Their keys are
    negative, here and in every table below, which is what row-level security goes by (migration 0005).
    """

    key = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    sponsor = models.ForeignKey(Sponsor, on_delete=models.PROTECT, related_name="studies")
    is_canary = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(id__gt=0, is_canary=False) | Q(id__lt=0, is_canary=True),
                name="study_of_canaries_has_a_negative_key",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Site(models.Model):
    """A hospital that follows patients of a study; `time_zone` decides which date it is there."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="sites")
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    country = models.CharField(max_length=2)
    time_zone = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "code"], name="site_code_is_unique"),
            # Target of the composite foreign keys that keep a patient's site inside the patient's study.
            models.UniqueConstraint(fields=["id", "study"], name="site_with_study"),
            models.CheckConstraint(condition=Q(country__regex=r"^[A-Z]{2}$"), name="site_country_is_alpha_2"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class VisitSchedule(models.Model):
    """One version of a study's visit schedule, in force from a date on (rules.md, OVD-1)."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="schedules")
    version = models.PositiveIntegerField()
    effective_from = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "version"], name="schedule_version_is_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.study_id} v{self.version}"


class ScheduledVisit(models.Model):
    """One row of a schedule version: offset from day 0 and window in days."""

    schedule = models.ForeignKey(VisitSchedule, on_delete=models.PROTECT, related_name="visits")
    code = models.CharField(max_length=20)
    offset = models.PositiveIntegerField()
    offset_unit = models.CharField(max_length=5, choices=list(code_lists.OFFSET_UNITS.items()))
    days_before = models.PositiveIntegerField()
    days_after = models.PositiveIntegerField()
    mode = models.CharField(max_length=10, choices=list(code_lists.MODES.items()), default="on_site")
    repeats_yearly = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["schedule", "code"], name="scheduled_visit_code_is_unique"),
            one_of("offset_unit", code_lists.OFFSET_UNITS, table="scheduledvisit"),
            one_of("mode", code_lists.MODES, table="scheduledvisit"),
            models.CheckConstraint(condition=~Q(code="UNS"), name="scheduled_visit_is_not_unscheduled"),
        ]

    def __str__(self) -> str:
        return self.code


class Product(models.Model):
    """A CAR T-cell product: target antigen, source of the cells, vector."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="products")
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    target = models.CharField(max_length=20, choices=list(code_lists.TARGETS.items()))
    source = models.CharField(max_length=20, choices=list(code_lists.SOURCES.items()))
    vector = models.CharField(max_length=20, choices=list(code_lists.VECTORS.items()))
    manufacturer = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "code"], name="product_code_is_unique"),
            models.UniqueConstraint(fields=["id", "study"], name="product_with_study"),
            one_of("target", code_lists.TARGETS, table="product"),
            one_of("source", code_lists.SOURCES, table="product"),
            one_of("vector", code_lists.VECTORS, table="product"),
        ]

    def __str__(self) -> str:
        return self.name
