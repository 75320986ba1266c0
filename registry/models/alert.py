"""Alerts, the moves people and rules make on them, and the runs that raised them."""

import uuid

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from registry.models.constraints import all_or_none, one_of
from registry.models.patient import Patient
from registry.models.people import User
from registry.models.running import DueRun

STATES = {
    "open": "Open",
    "acknowledged": "Acknowledged",
    "in_review": "In review",
    "confirmed": "Confirmed",
    "dismissed": "Dismissed",
    "resolved": "Resolved",
    "withdrawn": "Withdrawn",
}
DECISIONS = {
    "confirmed": "Confirmed",
    "not_confirmed": "Not confirmed",
    "need_information": "Need information",
}
SEVERITIES = {"critical": _("Critical"), "high": _("High"), "medium": _("Medium"), "low": _("Low")}
CERTAINTIES = {"certain": _("Certain"), "possible": _("Cannot be excluded")}


class ScanRun(models.Model):
    """One judging of patients by one rule: version, limits, lists and as-of date used, and its counts.

    Empty `as_of`: every patient was judged at today's date of the site. Complete only when it
    finished and no patient failed (rules.md G-9). `is_whole`: everybody in scope, not a few.
    `is_from_raw`: nothing was taken from an earlier run; otherwise `patients_unchanged` were passed
    over because neither their record nor the calendar had changed what an earlier run found.
    `missed_since`: the first night that this run makes up for.
    """

    rule = models.CharField(max_length=40)
    rule_version = models.PositiveIntegerField()
    limits = models.JSONField()
    as_of = models.DateField(null=True)
    lists = models.CharField(max_length=300, blank=True)
    trigger = models.CharField(max_length=10)
    is_whole = models.BooleanField()
    is_from_raw = models.BooleanField(default=True)
    slot = models.ForeignKey(DueRun, on_delete=models.PROTECT, null=True, related_name="scan_runs")
    missed_since = models.DateTimeField(null=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    patients_in_scope = models.PositiveIntegerField(default=0)
    patients_judged = models.PositiveIntegerField(default=0)
    patients_skipped_as_clear = models.PositiveIntegerField(default=0)
    patients_unchanged = models.PositiveIntegerField(default=0)
    failure_count = models.PositiveIntegerField(default=0)
    findings = models.PositiveIntegerField(default=0)
    raised = models.PositiveIntegerField(default=0)
    extended = models.PositiveIntegerField(default=0)
    withdrawn = models.PositiveIntegerField(default=0)
    resolved = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0)
    # What became of the invented patients that this run had to find (actions/canaries.py); none counts above.
    canaries_expected = models.PositiveSmallIntegerField(null=True)
    canaries_found = models.PositiveSmallIntegerField(null=True)
    canary_problems = models.JSONField(default=list)

    class Meta:
        constraints = [
            one_of("trigger", ("night", "command", "start"), table="scanrun"),
        ]
        indexes = [
            # status and /readyz ask for the latest whole run of each rule
            models.Index(fields=["rule", "-finished_at"], name="scan_run_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def patients_covered(self) -> int:
        """Patients of whom this run can say that the rule has spoken: judged, clear or unchanged."""
        return self.patients_judged + self.patients_skipped_as_clear + self.patients_unchanged


class ScanPart(models.Model):
    """One range of patients of a run, both ends included: a task of its own that may be repeated.

    Its counts are those of its latest execution; the run's are their sum.
    """

    run = models.ForeignKey(ScanRun, on_delete=models.CASCADE, related_name="parts")
    first_patient_id = models.BigIntegerField()
    last_patient_id = models.BigIntegerField()
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "first_patient_id"], name="scan_part_is_planned_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.first_patient_id} to {self.last_patient_id}"


class ScanFailure(models.Model):
    """A rule that raised for one patient; the others were judged (G-9)."""

    # Empty when the patient was judged because of a change, outside any run.
    run = models.ForeignKey(ScanRun, on_delete=models.PROTECT, null=True, related_name="failures")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="scan_failures")
    rule = models.CharField(max_length=40)
    at = models.DateTimeField()
    error = models.CharField(max_length=500)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["rule"], condition=Q(settled_at__isnull=True), name="scan_failure_open"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} patient {self.patient_id}"


class Alert(models.Model):
    """One candidate for a person's eye: one per patient, rule, subject and overlapping time (G-7).

    `first_on`, `last_on`: the span of contract.md section 4. `evidence`, `limits` are what the rule
    saw when the alert last changed. `ground_gone`: a decided alert whose finding no longer holds.
    `is_new_since_decision`: re-opened by evidence that came after the decision. `late_since`: the checks
    were not running from that instant until they raised it, so it was found late. Never deleted.

    `evidence` speaks for the date `as_of`; what the calendar alone adds to it (`days_overdue`) is brought
    up to date when it is read (queries/alert_evidence.py).
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="alerts")
    rule = models.CharField(max_length=40)
    rule_version = models.PositiveIntegerField()
    limits = models.JSONField()
    subject = models.CharField(max_length=120)
    one_per_subject = models.BooleanField()
    certainty = models.CharField(max_length=8, choices=list(CERTAINTIES.items()))
    severity = models.CharField(max_length=8, choices=list(SEVERITIES.items()))
    state = models.CharField(max_length=12, choices=list(STATES.items()), default="open")
    day_zero = models.DateField()
    first_on = models.DateField(null=True)
    last_on = models.DateField()
    evidence = models.JSONField()
    as_of = models.DateField(null=True)
    raised_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    decision = models.CharField(max_length=16, blank=True, choices=list(DECISIONS.items()))
    ground_gone = models.BooleanField(default=False)
    is_new_since_decision = models.BooleanField(default=False)
    late_since = models.DateTimeField(null=True)
    merged_into = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="absorbed")

    class Meta:
        constraints = [
            one_of("state", STATES, table="alert"),
            one_of("certainty", CERTAINTIES, table="alert"),
            one_of("severity", SEVERITIES, table="alert"),
            one_of("decision", DECISIONS, table="alert", or_empty=True),
            all_or_none("decided_at", "decided_by", name="alert_decided_when_and_by_whom"),
            models.CheckConstraint(
                name="alert_span_is_ordered",
                condition=Q(first_on__isnull=True) | Q(first_on__lte=F("last_on")),
            ),
            models.CheckConstraint(
                name="alert_decided_state_has_a_decision",
                condition=~Q(state__in=["confirmed", "dismissed"]) | ~Q(decision=""),
            ),
            models.CheckConstraint(
                name="alert_merged_stands_no_longer",
                condition=Q(merged_into__isnull=True) | Q(state="withdrawn") | Q(ground_gone=True),
            ),
            models.UniqueConstraint(
                fields=["patient", "rule", "subject"],
                condition=Q(one_per_subject=True),
                name="alert_one_per_subject",
            ),
            ExclusionConstraint(
                name="alert_no_twin_in_time",
                expressions=[
                    (F("patient"), RangeOperators.EQUAL),
                    (F("rule"), RangeOperators.EQUAL),
                    (F("subject"), RangeOperators.EQUAL),
                    (
                        Func(
                            "first_on",
                            "last_on",
                            RangeBoundary(inclusive_lower=True, inclusive_upper=True),
                            function="daterange",
                            output_field=DateRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                # A decided alert whose ground is gone keeps its state and its old span.
                condition=~Q(state="withdrawn") & Q(ground_gone=False),
                # Looked at when all alerts of a batch have their new spans, not in between.
                deferrable=models.Deferrable.DEFERRED,
            ),
        ]
        indexes = [
            # the officer's queue: what still waits for a person
            models.Index(
                fields=["severity", "raised_at"],
                condition=Q(state__in=["open", "acknowledged", "in_review"]),
                name="alert_queue",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.subject}"


class AlertMove(models.Model):
    """One step in the life of an alert, by a person or by the rule (`by` empty). Never changed.

    `decision` is filled when a person decided; these rows are the dataset `alert_decisions`.
    `evidence` is what the person or the rule saw at that moment.
    """

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="moves")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=16)
    from_state = models.CharField(max_length=12, blank=True, choices=list(STATES.items()))
    to_state = models.CharField(max_length=12, choices=list(STATES.items()))
    decision = models.CharField(max_length=16, blank=True, choices=list(DECISIONS.items()))
    reason = models.TextField(blank=True)
    rule_version = models.PositiveIntegerField()
    evidence = models.JSONField()

    class Meta:
        constraints = [
            one_of(
                "kind",
                (
                    "raised",
                    "changed",
                    "resolved",
                    "withdrawn",
                    "merged",
                    "reopened",
                    "ground_gone",
                    "ground_back",
                    "acknowledged",
                    "taken_up",
                    "decided",
                ),
                table="alertmove",
            ),
            models.CheckConstraint(
                name="alert_decision_has_reason_and_person",
                condition=Q(decision="") | (Q(by__isnull=False) & ~Q(reason="")),
            ),
        ]
        indexes = [models.Index(fields=["alert", "at"], name="alert_move_of_alert")]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"
