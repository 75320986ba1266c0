"""What a score was made of, and antibodies by the assay that measured them."""

from django.db import models
from django.db.models import Q

from registry.clinical import serology
from registry.models.constraints import one_of
from registry.models.patient import Patient
from registry.models.visit import Entered, Score


class ScoreDetail(Entered):
    """Of one assessment what its total alone does not say: the items, the scale, what was asked beside it.

    `items`: the points of each item present, `{"rash": "2"}`; an item of 0 points was present and not due to
    the disease. Empty when the site knew the total only. `variant`: the scale of PhGA or MMT-8, the days a
    SLEDAI-2K looks back. `answers`: yes or no to what LLDAS needs beside the SLEDAI-2K.

    Written with its score by the visit form; `total` is the sum of the items, which the database checks. An
    import may later correct the score itself: then the two differ, and pages say so.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    # Items are nothing without their total, so they go with it.
    score = models.OneToOneField(Score, on_delete=models.CASCADE, related_name="detail")
    variant = models.CharField(max_length=3, blank=True)
    items = models.JSONField(null=True, blank=True)
    total = models.DecimalField(max_digits=8, decimal_places=3, null=True, blank=True)
    answers = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = "items of a score"
        verbose_name_plural = "items of scores"
        constraints = [
            models.CheckConstraint(
                name="score_items_have_a_total",
                condition=Q(items__isnull=True, total__isnull=True)
                | Q(items__isnull=False, total__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"items of {self.score_id}"


class Serology(Entered):
    """One antibody, or one share of the B cells, of one day in one assay.

    `finding`: negative, borderline or positive; `titre`: the dilution, 320 for 1:320; `value` with `unit` and
    the assay's own `upper_limit`. Of anti-dsDNA the assay alone may be named: its value then stands among
    the laboratory results of the day.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="serology")
    collected_on = models.DateField()
    test = models.CharField(max_length=20, choices=list(serology.TESTS.items()))
    assay = models.CharField(max_length=8, blank=True, choices=list(serology.ASSAYS.items()))
    finding = models.CharField(max_length=10, blank=True, choices=list(serology.FINDINGS.items()))
    titre = models.PositiveIntegerField(null=True, blank=True)
    comparator = models.CharField(max_length=1, blank=True)
    value = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    unit = models.CharField(max_length=8, blank=True)
    upper_limit = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)

    class Meta:
        verbose_name = "serology"
        verbose_name_plural = "serology"
        constraints = [
            one_of("test", serology.TESTS, table="serology"),
            one_of("assay", serology.ASSAYS, table="serology", or_empty=True),
            one_of("finding", serology.FINDINGS, table="serology", or_empty=True),
            one_of("comparator", ("<", ">"), table="serology", or_empty=True),
            models.UniqueConstraint(
                fields=["patient", "collected_on", "test", "assay"], name="serology_is_recorded_once"
            ),
            models.CheckConstraint(
                name="serology_says_something",
                condition=~Q(finding="")
                | Q(titre__isnull=False)
                | Q(value__isnull=False)
                | (Q(test="anti_dsdna") & ~Q(assay="")),
            ),
            models.CheckConstraint(
                name="serology_value_has_a_unit",
                condition=Q(value__isnull=True, unit="", comparator="", upper_limit__isnull=True)
                | (Q(value__isnull=False, value__gte=0) & ~Q(unit="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.test} {self.collected_on}"
