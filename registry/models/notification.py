"""What people are told by mail: news that waits to be told, the mails, and who wants the daily digest.

No mail holds a clinical value or a patient's number: counts, titles of rules, severity, opaque links.
"""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from registry.models.alert import Alert
from registry.models.constraints import one_of
from registry.models.people import User

NOTIFICATION_KINDS = {"critical_alert": "Critical alerts", "digest": "Daily digest"}
NOTIFICATION_STATES = {
    "waiting": "Waiting",
    "sent": "Sent",
    "dead": "Could not be sent",
    "given_up": "Given up",
}
NEWS_KINDS = {
    "raised": "Raised",
    "reopened": "Opened again",
    "risen": "Graver or more certain than before",
    "asked": "The officer asks the site",
}


class AlertNews(models.Model):
    """Something about an alert that people are to be told. This row is the duty, a mail is made from it.

    Written by database triggers in the transaction that stored the alert, whatever path wrote. Removed
    in the transaction that made the mails. `purpose`: at once (critical alerts), and for the next digest.
    """

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=8, choices=list(NEWS_KINDS.items()))
    purpose = models.CharField(max_length=7)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            one_of("kind", NEWS_KINDS, table="alertnews"),
            one_of("purpose", ("at_once", "digest"), table="alertnews"),
        ]
        indexes = [
            # the sender asks every minute, and finds none but after a critical alert
            models.Index(fields=["since"], condition=Q(purpose="at_once"), name="alert_news_at_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} alert {self.alert_id}"


class Notification(models.Model):
    """One mail to one person, from when it is due until a mail server accepted it. Never deleted.

    `public_id` is the mail's Message-ID too: sent twice, it is the same mail. `payload` is all that it
    says, fixed when it was made: counts, rules and opaque ids. `attempts` counts beginnings, so that a
    mail that ends its sender is not tried for ever. `dead`: a person must look at it; `given_up`: one
    did, or its recipient had left.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    recipient = models.ForeignKey(User, on_delete=models.PROTECT, related_name="notifications")
    kind = models.CharField(max_length=16, choices=list(NOTIFICATION_KINDS.items()))
    # The day of a digest, in UTC.
    day = models.DateField(null=True)
    payload = models.JSONField()
    state = models.CharField(max_length=8, choices=list(NOTIFICATION_STATES.items()), default="waiting")
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    # As it was then: people change their address.
    sent_to = models.EmailField(blank=True)
    given_up_at = models.DateTimeField(null=True)
    given_up_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    given_up_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            one_of("kind", NOTIFICATION_KINDS, table="notification"),
            one_of("state", NOTIFICATION_STATES, table="notification"),
            models.CheckConstraint(
                name="notification_digest_has_its_day",
                condition=Q(kind="digest", day__isnull=False) | (~Q(kind="digest") & Q(day__isnull=True)),
            ),
            models.UniqueConstraint(
                fields=["recipient", "day"], condition=Q(kind="digest"), name="notification_one_digest_a_day"
            ),
            models.CheckConstraint(
                name="notification_sent_when_and_whereto",
                condition=(Q(state="sent", sent_at__isnull=False) & ~Q(sent_to=""))
                | (~Q(state="sent") & Q(sent_at__isnull=True, sent_to="")),
            ),
            models.CheckConstraint(
                name="notification_given_up_when_and_why",
                condition=(Q(state="given_up", given_up_at__isnull=False) & ~Q(given_up_reason=""))
                | (
                    ~Q(state="given_up")
                    & Q(given_up_at__isnull=True, given_up_by__isnull=True, given_up_reason="")
                ),
            ),
        ]
        indexes = [
            # the sender's next mail
            models.Index(fields=["created_at"], condition=Q(state="waiting"), name="notification_waiting"),
            # the screen of what could not be sent, and the status
            models.Index(fields=["created_at"], condition=Q(state="dead"), name="notification_dead"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient_id}"


class NotificationPreference(models.Model):
    """What a person changed about their mails; who has no row gets every mail of their role."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="+")
    wants_digest = models.BooleanField(default=True)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id} {'digest' if self.wants_digest else 'no digest'}"
