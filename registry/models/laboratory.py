"""Laboratory results: as entered and canonical beside each other; superseded, never overwritten."""

from django.db import models
from django.db.models import Q

from registry.clinical.analytes import ANALYTES
from registry.models.constraints import one_of
from registry.models.patient import Patient
from registry.models.visit import Entered, Visit


class LabResult(Entered):
    """One laboratory result of one day.

    `entered_value` and `entered_unit` are what the report said (`400`, `/uL`, `<0.1`); `value` with
    `comparator` is the same in the analyte's canonical unit. `lower_limit`, `upper_limit` are the
    laboratory's own range in the entered unit. A correction is a new row, and the old row points to
    it in `superseded_by`.

    Written by a visit form or an import; a database trigger refuses any later change but being
    superseded.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="lab_results", db_index=False)
    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, null=True, related_name="lab_results")
    collected_on = models.DateField()
    analyte = models.CharField(max_length=12, choices=[(key, a.name) for key, a in ANALYTES.items()])
    entered_value = models.CharField(max_length=30)
    entered_unit = models.CharField(max_length=20)
    comparator = models.CharField(max_length=1, blank=True)
    value = models.DecimalField(max_digits=24, decimal_places=10)
    lower_limit = models.DecimalField(max_digits=24, decimal_places=10, null=True, blank=True)
    upper_limit = models.DecimalField(max_digits=24, decimal_places=10, null=True, blank=True)
    superseded_by = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="supersedes"
    )
    superseded_at = models.DateTimeField(null=True)
    superseded_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            one_of("analyte", ANALYTES, table="labresult"),
            one_of("comparator", ("<", ">"), table="labresult", or_empty=True),
            # Two different results of one day stay two; the same result twice is one.
            models.UniqueConstraint(
                fields=["patient", "analyte", "collected_on", "value", "comparator"],
                condition=Q(superseded_at__isnull=True),
                name="lab_result_is_recorded_once",
            ),
            models.CheckConstraint(
                name="lab_result_superseded_says_why",
                condition=Q(superseded_at__isnull=True, superseded_by__isnull=True, superseded_reason="")
                | (Q(superseded_at__isnull=False) & ~Q(superseded_reason="")),
            ),
            models.CheckConstraint(
                name="lab_result_range_is_ordered",
                condition=Q(lower_limit__isnull=True)
                | Q(upper_limit__isnull=True)
                | Q(lower_limit__lte=models.F("upper_limit")),
            ),
            models.CheckConstraint(name="lab_result_is_not_negative", condition=Q(value__gte=0)),
        ]
        indexes = [
            # The patient page and the series of one patient.
            models.Index(fields=["patient", "collected_on"], name="lab_result_of_patient"),
        ]

    def __str__(self) -> str:
        return f"{self.analyte} {self.entered_value} {self.entered_unit} {self.collected_on}"


class LabNotDone(Entered):
    """A measurement that a visit should have brought and did not, with the reason (SDTM LBSTAT, LBREASND).

    Its own row and never a code in place of a value. A result that comes later removes it.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="not_done")
    analyte = models.CharField(max_length=12, choices=[(key, a.name) for key, a in ANALYTES.items()])
    reason = models.CharField(max_length=500)

    class Meta:
        constraints = [
            one_of("analyte", ANALYTES, table="labnotdone"),
            models.UniqueConstraint(fields=["visit", "analyte"], name="lab_not_done_is_said_once"),
            models.CheckConstraint(name="lab_not_done_says_why", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.analyte} not done"
