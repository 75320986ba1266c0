"""What the watchman wrote down: nightly recounts, and the latest ping of the outside heartbeat."""

from django.db import models
from django.db.models import Q

from registry.models.constraints import all_or_none
from registry.models.people import User

SHARES = 30


class RecountRun(models.Model):
    """One nightly recount: a thirtieth of the patients by every rule, and every overdue visit by SQL.

    `share`: the patients whose id leaves this remainder when divided by 30. `patients_waiting`: left out,
    because they wait to be judged anyway. `differences`, `overdue_differences`: what the stored alerts do
    not say, each with the patient's opaque id, the rule and the problem, no value of the record.
    `explanation`: why a person holds the differences to be understood.
    """

    at = models.DateTimeField()
    as_of = models.DateField(null=True)
    share = models.PositiveSmallIntegerField()
    finished_at = models.DateTimeField(null=True)
    patients_counted = models.PositiveIntegerField(default=0)
    patients_waiting = models.PositiveIntegerField(default=0)
    overdue_patients_counted = models.PositiveIntegerField(default=0)
    overdue_visits_counted = models.PositiveIntegerField(default=0)
    difference_count = models.PositiveIntegerField(default=0)
    overdue_difference_count = models.PositiveIntegerField(default=0)
    differences = models.JSONField(default=list)
    overdue_differences = models.JSONField(default=list)
    seconds = models.FloatField(default=0)
    explanation = models.CharField(max_length=500, blank=True)
    explained_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    explained_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(share__lt=SHARES), name="recount_share_is_of_thirty"),
            all_or_none("explained_by", "explained_at", name="recount_explained_when_and_by_whom"),
            models.CheckConstraint(
                condition=Q(explained_at__isnull=True) | ~Q(explanation=""),
                name="recount_explanation_has_words",
            ),
        ]
        indexes = [
            # status asks for the latest finished recount of each share
            models.Index(fields=["share", "-id"], name="recount_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d} share {self.share}"


class OutsidePing(models.Model):
    """The latest ping of the outside heartbeat, or why there was none. One row at most.

    `answered_at`: when the outside last said that it had heard us.
    """

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()
    is_heard = models.BooleanField()
    answer = models.CharField(max_length=200)
    answered_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M}"
