"""How the mails stand: for the screen of those that could not be sent, and for the status."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import Count, Q, QuerySet

from registry.access.roles import VERBS_OF, memberships_of
from registry.models import AlertNews, Notification, NotificationPreference, User
from registry.models.notification import NOTIFICATION_STATES


@dataclass(frozen=True, slots=True)
class MailState:
    """What waits and what is dead, over all studies. `oldest`: how long the oldest has waited."""

    oldest: timedelta | None
    waiting: int
    untold: int
    dead: int


@dataclass(frozen=True, slots=True)
class OwnMails:
    """What a person is sent."""

    gets_critical: bool
    gets_digest: bool
    gets_site_digest: bool
    wants_digest: bool
    dead: int


def mail_state() -> MailState:
    """Count what is not sent, and how old the oldest of it is, by the database's clock that dated the rows.

    Of people and of machinery only: needs no scope.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_timestamp() - least(w.since, n.since), w.count, n.count, d.count"
            " FROM (SELECT min(created_at) AS since, count(*) FROM registry_notification"
            "       WHERE state = 'waiting') AS w,"
            "      (SELECT min(since) AS since, count(*) FROM registry_alertnews"
            "       WHERE purpose = 'at_once') AS n,"
            "      (SELECT count(*) FROM registry_notification WHERE state = 'dead') AS d"
        )
        return MailState(*cursor.fetchone())


def counts(*, visible: Q) -> list[tuple[str, int]]:
    """The number of mails in each state, in words, none left out."""
    found = dict(
        Notification.objects.filter(visible)
        .values_list("state")
        .annotate(n=Count("pk"))
        .values_list("state", "n")
    )
    return [(words, found.get(state, 0)) for state, words in NOTIFICATION_STATES.items()]


def untold_count() -> int:
    """How many pieces of news of critical alerts are in no mail yet."""
    return AlertNews.objects.filter(purpose="at_once").count()


def dead_letters(*, visible: Q) -> QuerySet[Notification]:
    """The mails that could not be sent, the oldest first."""
    return (
        Notification.objects.filter(visible, state="dead")
        .select_related("recipient")
        .order_by("created_at", "pk")
    )


def waiting(*, visible: Q) -> QuerySet[Notification]:
    """The mails that wait, those that failed before and the oldest first."""
    return (
        Notification.objects.filter(visible, state="waiting")
        .select_related("recipient")
        .order_by("-attempts", "created_at", "pk")
    )


def given_up(*, visible: Q) -> QuerySet[Notification]:
    """The mails that were given up, the latest first."""
    return (
        Notification.objects.filter(visible, state="given_up")
        .select_related("recipient", "given_up_by")
        .order_by("-given_up_at", "-pk")
    )


def own_mails(*, user: User) -> OwnMails:
    """What this person is sent, by role and by their own choice."""
    held = memberships_of(user)
    preference = NotificationPreference.objects.filter(user=user).first()
    reviews = any("review_alerts" in VERBS_OF[m.role] for m in held)
    enters = any("enter_record" in VERBS_OF[m.role] for m in held)
    return OwnMails(
        gets_critical=reviews,
        gets_digest=reviews,
        gets_site_digest=enters,
        wants_digest=preference.wants_digest if preference else True,
        dead=Notification.objects.filter(recipient=user, state="dead").count(),
    )
