"""Laboratory results: as entered and canonical beside each other; superseded, never overwritten."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from registry.clinical import code_lists
from registry.clinical.analytes import ANALYTES
from registry.models.constraints import one_of
from registry.models.patient import Patient
from registry.models.study import Site
from registry.models.visit import Entered, Visit

_ANALYTE_CHOICES = [(key, a.name) for key, a in ANALYTES.items()]


class Laboratory(Entered):
    """A laboratory that reports to a site, known by its name there. Made when results first name it."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="laboratories")
    name = models.CharField(max_length=120)

    class Meta:
        constraints = [
            models.UniqueConstraint("site", Lower("name"), name="laboratory_is_named_once_at_a_site"),
            models.CheckConstraint(name="laboratory_has_a_name", condition=~Q(name="")),
        ]

    def __str__(self) -> str:
        return self.name


class LaboratoryAnalyte(models.Model):
    """How a laboratory reported one analyte latest: in which unit, and with which normal range for this sex.

    Remembered from the latest entry, to fill in the next form. By sex, because haemoglobin, creatinine and
    ferritin have two ranges, and a man's would make a healthy woman anaemic.
    """

    laboratory = models.ForeignKey(Laboratory, on_delete=models.PROTECT, related_name="analytes")
    analyte = models.CharField(max_length=12, choices=_ANALYTE_CHOICES)
    sex = models.CharField(max_length=1, choices=list(code_lists.SEXES.items()))
    unit = models.CharField(max_length=20)
    lower_limit = models.DecimalField(max_digits=24, decimal_places=10, null=True)
    upper_limit = models.DecimalField(max_digits=24, decimal_places=10, null=True)
    reported_at = models.DateTimeField()

    class Meta:
        constraints = [
            one_of("analyte", ANALYTES, table="laboratoryanalyte"),
            one_of("sex", code_lists.SEXES, table="laboratoryanalyte"),
            models.UniqueConstraint(
                fields=["laboratory", "analyte", "sex"], name="laboratory_analyte_is_remembered_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.analyte} {self.unit}"


class LaboratoryName(Entered):
    """What a laboratory's reports call an analyte, as somebody told the registry when pasting one."""

    laboratory = models.ForeignKey(Laboratory, on_delete=models.PROTECT, related_name="names")
    name = models.CharField(max_length=80)  # folded: clinical/report_names.py
    analyte = models.CharField(max_length=12, choices=_ANALYTE_CHOICES)

    class Meta:
        constraints = [
            one_of("analyte", ANALYTES, table="laboratoryname"),
            models.UniqueConstraint(fields=["laboratory", "name"], name="laboratory_name_is_learned_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.analyte}"


class LabResult(Entered):
    """One laboratory result of one day.

    `entered_value` and `entered_unit` are what the report said (`400`, `/uL`, `<0.1`); `value` with
    `comparator` is the same in the analyte's canonical unit. `lower_limit`, `upper_limit` are the
    laboratory's own range in the entered unit. `right_because`: of a value that was asked about
    (clinical/plausibility.py), why it is right nevertheless. A correction is a new row, and the old row
    points to it in `superseded_by`.

    Written by a visit form or an import; a database trigger refuses any later change but being
    superseded.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="lab_results", db_index=False)
    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, null=True, related_name="lab_results")
    collected_on = models.DateField()
    analyte = models.CharField(max_length=12, choices=_ANALYTE_CHOICES)
    entered_value = models.CharField(max_length=30)
    entered_unit = models.CharField(max_length=20)
    comparator = models.CharField(max_length=1, blank=True)
    value = models.DecimalField(max_digits=24, decimal_places=10)
    lower_limit = models.DecimalField(max_digits=24, decimal_places=10, null=True, blank=True)
    upper_limit = models.DecimalField(max_digits=24, decimal_places=10, null=True, blank=True)
    # Not indexed: nobody asks for a laboratory's results, and the table is the longest of all.
    laboratory = models.ForeignKey(
        Laboratory, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    right_because = models.CharField(max_length=500, blank=True, default="", db_default="")
    superseded_by = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="supersedes"
    )
    superseded_at = models.DateTimeField(null=True)
    superseded_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            one_of("analyte", ANALYTES, table="labresult"),
            one_of("comparator", ("<", ">"), table="labresult", or_empty=True),
            # Two different results of one day stay two; the same result twice is one. It holds all that a
            # rule reads of a result: the series of a patient lie together here, and on forty pages there.
            models.UniqueConstraint(
                fields=["patient", "analyte", "collected_on", "value", "comparator"],
                include=["id"],
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
    analyte = models.CharField(max_length=12, choices=_ANALYTE_CHOICES)
    reason = models.CharField(max_length=500)

    class Meta:
        constraints = [
            one_of("analyte", ANALYTES, table="labnotdone"),
            models.UniqueConstraint(fields=["visit", "analyte"], name="lab_not_done_is_said_once"),
            models.CheckConstraint(name="lab_not_done_says_why", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.analyte} not done"
