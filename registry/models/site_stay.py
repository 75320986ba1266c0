"""Which site followed a patient from when to when."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import Q

from registry.models.patient import Patient
from registry.models.people import User
from registry.models.study import Site, Study


class SiteStay(models.Model):
    """One site's time with a patient, the last day not included; without an end it is the present site.

    Written at the first transfer, for the old site and the new one: whoever was never transferred has none.
    `reason`, `moved_by`, `moved_at`: of the transfer that began the stay; empty for the first.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="site_stays")
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    stay = DateRangeField()
    reason = models.CharField(max_length=500, blank=True)
    moved_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    moved_at = models.DateTimeField()
    submission = models.UUIDField(null=True, unique=True, editable=False)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="site_stays_of_a_patient_do_not_overlap",
                expressions=[("patient", RangeOperators.EQUAL), ("stay", RangeOperators.OVERLAPS)],
            ),
            models.CheckConstraint(name="site_stay_lasts", condition=~Q(stay__isempty=True)),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} {self.stay}"
