"""Who is told of an alert, and how: for the site that has just caused it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from registry.access.roles import holders
from registry.models import Alert, Membership, Notification, NotificationPreference, Study, User


@dataclass(frozen=True, slots=True)
class Told:
    """`at_once`: who gets a mail of a critical alert; `sent_at`: when the first of these was accepted.

    `next_digest`: who reads of the others in the digest of the next morning.
    """

    at_once: tuple[User, ...]
    sent_at: datetime | None
    next_digest: tuple[User, ...]


def who_is_told(*, study: Study, alerts: Sequence[Alert], since: datetime) -> Told:
    """Return who is told of the alerts raised since; nobody where none was."""
    raised = [alert for alert in alerts if alert.raised_at >= since]
    if not raised:
        return Told((), None, ())
    reviewers = _reviewers(study)
    critical = [alert for alert in raised if alert.severity == "critical"]
    without = set(
        NotificationPreference.objects.filter(user__in=reviewers, wants_digest=False).values_list(
            "user_id", flat=True
        )
    )
    return Told(
        at_once=tuple(reviewers) if critical else (),
        sent_at=_first_sent(critical) if critical else None,
        next_digest=tuple(user for user in reviewers if user.pk not in without),
    )


def _reviewers(study: Study) -> list[User]:
    held = Membership.objects.filter(
        study=study, role__in=list(holders("review_alerts")), ended_at__isnull=True, user__is_active=True
    ).select_related("user")
    return list({membership.user_id: membership.user for membership in held.order_by("user_id")}.values())


def _first_sent(alerts: Sequence[Alert]) -> datetime | None:
    names_one = Notification.objects.none()
    for alert in alerts:
        names_one |= Notification.objects.filter(payload__alerts__contains=[{"id": str(alert.public_id)}])
    sent = names_one.filter(kind="critical_alert", state="sent").order_by("sent_at").first()
    return sent.sent_at if sent else None
