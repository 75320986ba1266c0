"""Questions to sites about single facts of the record, and what was said about each."""

import uuid

from django.db import models
from django.db.models import Q

from registry.clinical.facts import LONGEST_KEY
from registry.models.alert import Alert
from registry.models.constraints import one_of
from registry.models.patient import Patient
from registry.models.people import User
from registry.monitoring.question_lifecycle import ASKER_WORDS, CLOSINGS

MESSAGE_KINDS = {
    "asked": "Asked",
    "added": "Added",
    "asked_again": "Asked again",
    "answered": "Answered",
    "not_enough": "Not enough",
    "closed": "Closed",
    "cancelled": "Taken back",
}


class Question(models.Model):
    """The one thread about one fact of a patient: who asks again adds to it, or opens it again.

    `fact` is a key of clinical/facts.py. `asked_at`: since when it is open this time; its age counts from
    there. `asked_by` empty: the registry asks, by the check `check_key`, because of `ground`: what the
    record said at the time. A ground that a person settled is not asked about again. Never deleted.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="questions", db_index=False)
    fact = models.CharField(max_length=LONGEST_KEY)
    state = models.CharField(max_length=9, choices=list(ASKER_WORDS.items()), default="open")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField()
    due_on = models.DateField(null=True, blank=True)
    check_key = models.CharField(max_length=40, blank=True)
    check_version = models.PositiveSmallIntegerField(null=True)
    ground = models.CharField(max_length=300, blank=True)
    answered_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    closed_because = models.CharField(max_length=12, blank=True, choices=list(CLOSINGS.items()))

    class Meta:
        constraints = [
            one_of("state", ASKER_WORDS, table="question"),
            one_of("closed_because", CLOSINGS, table="question", or_empty=True),
            models.UniqueConstraint(fields=["patient", "fact"], name="question_one_thread_per_fact"),
            models.CheckConstraint(name="question_is_about_a_fact", condition=~Q(fact="")),
            models.CheckConstraint(
                name="question_is_asked_by_a_person_or_a_check",
                condition=Q(asked_by__isnull=False, check_key="", check_version__isnull=True)
                | (Q(asked_by__isnull=True, check_version__isnull=False) & ~Q(check_key="")),
            ),
            models.CheckConstraint(
                name="question_closed_when_and_why",
                condition=(Q(state="closed", closed_at__isnull=False) & ~Q(closed_because=""))
                | Q(state="cancelled", closed_at__isnull=False, closed_because="")
                | Q(state__in=["open", "answered"], closed_at__isnull=True, closed_because=""),
            ),
            models.CheckConstraint(
                name="question_answered_has_its_instant",
                condition=~Q(state="answered") | Q(answered_at__isnull=False),
            ),
        ]
        indexes = [
            # the lists, the navigation's count and the locks: what waits for somebody
            models.Index(
                fields=["asked_at"],
                include=["patient", "state"],
                condition=Q(state__in=["open", "answered"]),
                name="question_pending",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fact} {self.state}"


class QuestionMessage(models.Model):
    """One step of a thread: who asked, answered or closed it, with their words. Never changed.

    `by` empty: the registry itself. `value`: what stood in the record at that moment, in words. `check_key`:
    under which check the thread stood, empty for a person's question; with `because`, the yield is counted
    from these rows. `alert`: the alert from whose page it was asked.
    """

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="messages")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=11, choices=list(MESSAGE_KINDS.items()))
    from_state = models.CharField(max_length=9, blank=True, choices=list(ASKER_WORDS.items()))
    to_state = models.CharField(max_length=9, choices=list(ASKER_WORDS.items()))
    text = models.TextField(blank=True)
    value = models.TextField(blank=True)
    because = models.CharField(max_length=12, blank=True, choices=list(CLOSINGS.items()))
    check_key = models.CharField(max_length=40, blank=True)
    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, null=True, related_name="question_messages")
    due_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            one_of("kind", MESSAGE_KINDS, table="questionmessage"),
            one_of("because", CLOSINGS, table="questionmessage", or_empty=True),
            models.CheckConstraint(
                name="question_message_closes_with_a_reason",
                condition=(Q(kind="closed") & ~Q(because="")) | (~Q(kind="closed") & Q(because="")),
            ),
            models.CheckConstraint(
                name="question_message_says_something",
                condition=~Q(text="") | Q(kind__in=["closed", "cancelled"]),
            ),
            models.CheckConstraint(
                name="question_message_of_an_alert_is_a_persons",
                condition=Q(alert__isnull=True) | Q(by__isnull=False),
            ),
        ]
        indexes = [
            # the thread, and the yield of a period
            models.Index(fields=["question", "at"], name="question_message_of_thread"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"
