"""What the machinery remembers: duties that wait, runs that are due, signs of life."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from registry.models.constraints import one_of
from registry.models.patient import Patient


class WaitingEvaluation(models.Model):
    """A patient whose record changed and who is to be judged. The queue is a hint, this row is the duty.

    Written by database triggers in the transaction of the change, whatever path wrote. Removed in
    the transaction that stored what the rules said. `attempts`: how often a rule failed for it;
    `not_before`: when it is tried again, and without an attempt: a sweep has begun it (1970).
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["since"], name="waiting_evaluation_oldest")]

    def __str__(self) -> str:
        return f"patient {self.patient_id} since {self.since:%Y-%m-%d %H:%M}"


class Judgement(models.Model):
    """What a rule answered last of a patient, and until when the answer stands.

    `wake_on`: from that date on the calendar alone may change what the rule says; empty: only a changed
    record can. `is_clear`: the patient could have no finding and was not judged. `seen`: the fingerprint of
    the record that was judged (queries/fingerprints.py); empty: not taken.
    `answered_as`: the number of the version, limits, lists and code that answered; empty: nothing to rely
    on, because the rule failed since. `notes`: which notes of AnswersToRenew the answer has taken into
    account (queries/answers.py).
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+", db_index=False)
    rule = models.CharField(max_length=40)
    rule_version = models.PositiveIntegerField()
    at = models.DateTimeField()
    as_of = models.DateField()
    wake_on = models.DateField(null=True)
    seen = models.BigIntegerField(null=True)
    answered_as = models.BigIntegerField(null=True)
    notes = models.BigIntegerField(default=0, db_default=0)
    is_clear = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["patient", "rule"], name="judgement_is_kept_once"),
        ]
        indexes = [
            # a night asks whom the calendar calls
            models.Index(fields=["rule", "wake_on"], name="judgement_wakes"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} patient {self.patient_id} {self.as_of}"


class DueRun(models.Model):
    """One due slot of a periodic job; planned from the last row, so that a stopped beat is caught up."""

    job = models.CharField(max_length=20)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=8, default="waiting")
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "due_at"], name="due_run_is_planned_once"),
            one_of("state", ("waiting", "done"), table="duerun"),
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(state="waiting"), name="due_run_waiting")]

    def __str__(self) -> str:
        return f"{self.job} {self.due_at:%Y-%m-%d %H:%M}"


class Heartbeat(models.Model):
    """The latest sign of life of a process that has no address: beat, worker."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
