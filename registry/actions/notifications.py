"""Mails: made from the news of alerts, sent at least once, looked after by a person when they cannot be.

Nothing is marked sent before a mail server accepted it. A sender that dies in between leaves the mail
waiting, and it is sent again under the same Message-ID.
"""

import logging
import smtplib
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import Q

from registry.access.roles import VERBS_OF, Verb, holders, require
from registry.access.scope import EVERYTHING, NOTHING, acting, because
from registry.actions.letters import letter
from registry.models import Alert, AlertNews, Membership, Notification, NotificationPreference, User
from registry.monitoring.lifecycle import WAITING

logger = logging.getLogger(__name__)

# One, two, four … minutes after each beginning, at most six hours: all together nearly four days, a mail
# server's long weekend.
MOST_ATTEMPTS = 24
_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=6)
# Of one run; the next is a minute away, and a task must end before its time limit.
MOST_MAILS = 100
_MOST_NEWS = 5000
# The right side of every Message-ID: no host's name, so that a mail keeps its id when hosts change; and
# short, since some servers do not know a Message-ID that is folded.
_NAMESPACE = "cart-safety-registry"


class NotDead(Exception):
    """Somebody sent this mail again, or gave it up, first. `for_people` says so."""

    for_people = "Somebody looked after this mail already, and nothing is changed."


class ReasonMissing(ValueError):
    """A mail is given up without a reason."""

    for_people = "Say why this mail is given up: the reason is kept with it."


class _MailRefused(Exception):
    """The server will never take this mail for this address."""


class _MailDelayed(Exception):
    """The server takes this mail later; it may take others now."""


class _NoServer(Exception):
    """There is no server to talk to, or it takes nothing from us."""


@dataclass(slots=True)
class Sent:
    """What one run of the sender did, in numbers of mails."""

    sent: int = 0
    delayed: int = 0
    dead: int = 0
    given_up: int = 0


def message_id(notification: Notification) -> str:
    """The mail's Message-ID: the same however often it is sent."""
    return f"<{notification.public_id}@{_NAMESPACE}>"


def send_waiting(*, at: datetime, most: int = MOST_MAILS) -> Sent:
    """Make the mails that news asks for at once, send what is due, and return what became of it.

    Any number of senders may run: each mail is claimed by one. A server that does not answer ends the
    run, and the mails wait. `at` is by the real clock, never a demonstration's date.
    """
    tell_of_critical_alerts()
    done = Sent()
    connection = get_connection()
    try:
        for _ in range(most):
            claimed = _claim(at)
            if claimed is None or not _send(claimed, at, connection, done):
                break
    finally:
        with suppress(OSError):
            connection.close()
    return done


def tell_of_critical_alerts() -> int:
    """Turn news of critical alerts into one mail for each person who reviews them; return how many.

    One mail for all that happened since the last minute, so that a night after days without checks is
    one mail and not a thousand. News of a study without such a person waits, and the status tells.
    """
    with acting(rows=EVERYTHING):
        people = _people_of_studies("review_alerts")
        news = list(
            AlertNews.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(purpose="at_once", alert__patient__study__in=list(people))
            .select_related("alert__patient__study")
            .order_by("pk")[:_MOST_NEWS]
        )
        to_tell: dict[int, dict[int, AlertNews]] = defaultdict(dict)
        for each in news:
            if each.alert.state in WAITING:  # otherwise it was settled within the minute
                for user_id in people[each.alert.patient.study_id]:
                    to_tell[user_id][each.alert_id] = each
        made = Notification.objects.bulk_create(
            Notification(
                recipient_id=user_id, kind="critical_alert", payload=_alerts_as_payload(told.values())
            )
            for user_id, told in sorted(to_tell.items())
        )
        AlertNews.objects.filter(pk__in=[each.pk for each in news]).delete()
    return len(made)


def alert_reference(alert: Alert, kind: str) -> dict[str, str]:
    """What a mail may say of an alert: no value, no patient."""
    return {
        "id": str(alert.public_id),
        "rule": alert.rule,
        "severity": alert.severity,
        "certainty": alert.certainty,
        "kind": kind,
        # Of an alert found late: since when the checks had not run.
        "late_since": alert.late_since.isoformat() if alert.late_since else "",
    }


def _alerts_as_payload(news: Iterable[AlertNews]) -> dict[str, object]:
    told = list(news)
    return {
        "studies": sorted({each.alert.patient.study.key for each in told}),
        "alerts": [alert_reference(each.alert, each.kind) for each in told],
    }


def _people_of_studies(verb: Verb) -> dict[int, list[int]]:
    """The people with an open account who hold the verb in a study, by the study's key."""
    people: dict[int, set[int]] = defaultdict(set)
    held = Membership.objects.filter(
        role__in=list(holders(verb)), ended_at__isnull=True, user__is_active=True, study__isnull=False
    )
    for study_id, user_id in held.values_list("study_id", "user_id"):
        people[study_id].add(user_id)
    return {study_id: sorted(users) for study_id, users in people.items()}


def _claim(at: datetime) -> UUID | None:
    """Take the next mail that is due and count the attempt before it is made.

    So a mail that ends its sender cannot do so every minute, and nothing else waits behind it.
    """
    with acting(rows=NOTHING):
        due = Notification.objects.filter(Q(not_before__isnull=True) | Q(not_before__lte=at), state="waiting")
        # "critical_alert" before "digest".
        one = due.select_for_update(skip_locked=True).order_by("kind", "created_at", "pk").first()
        if one is None:
            return None
        one.attempts += 1
        one.not_before = at + _pause_after(one.attempts)
        one.save(update_fields=["attempts", "not_before"])
        return one.public_id


def _pause_after(attempts: int) -> timedelta:
    return min(_FIRST_PAUSE * 2 ** (attempts - 1), _LONGEST_PAUSE)


def _send(public_id: UUID, at: datetime, connection: BaseEmailBackend, done: Sent) -> bool:
    """Send a claimed mail and mark it, in one transaction; return whether to go on with the next."""
    with acting(rows=NOTHING):
        one = (
            # Waits: another sender holds the row for a moment after it looked at it and came too late.
            Notification.objects.select_for_update(of=("self",))
            .select_related("recipient")
            .filter(public_id=public_id, state="waiting")
            .first()
        )
        if one is None:  # looked after by a person in this moment
            return True
        goes_on = True
        try:
            if not _may_still_know(one.recipient):
                _give_up(one, reason="Its recipient has left.", by=None, at=at)
                done.given_up += 1
                return True
            _hand_over(one, connection)
        except _MailRefused as refusal:
            _bury(one, str(refusal), done)
        except (_MailDelayed, _NoServer) as trouble:
            goes_on = isinstance(trouble, _MailDelayed)
            if one.attempts >= MOST_ATTEMPTS:
                _bury(one, f"{one.attempts} attempts: {trouble}", done)
            else:
                one.error = str(trouble)[:500]
                one.save(update_fields=["error"])
                done.delayed += 1
        else:
            one.state, one.error = "sent", ""
            one.sent_at, one.sent_to = at, one.recipient.email
            one.save(update_fields=["state", "error", "sent_at", "sent_to"])
            done.sent += 1
    return goes_on


def _hand_over(one: Notification, connection: BaseEmailBackend) -> None:
    """Give the mail to the server; returning means that it was accepted."""
    address = one.recipient.email
    if not address:
        raise _MailRefused("The account has no mail address.")
    if one.attempts > MOST_ATTEMPTS:
        raise _MailRefused(f"{one.attempts - 1} attempts without an answer: its sender stopped each time.")
    written = letter(one)
    mail = EmailMessage(
        subject=written.subject,
        body=written.body,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[address],
        # Auto-Submitted: no holiday note comes back (RFC 3834).
        headers={"Message-ID": message_id(one), "Auto-Submitted": "auto-generated"},
        connection=connection,
    )
    try:
        connection.open()  # kept open for the next mail
        mail.send()
    except smtplib.SMTPRecipientsRefused as refusal:
        code, words = next(iter(refusal.recipients.values()))
        _raise_by_code(code, words)
    except smtplib.SMTPDataError as refusal:
        _raise_by_code(refusal.smtp_code, refusal.smtp_error)
    except (UnicodeError, ValueError) as refusal:
        raise _MailRefused(f"The address cannot be written: {type(refusal).__name__}") from refusal
    except OSError as trouble:  # smtplib's own exceptions too: refused sender, password, greeting
        logger.warning("no mail could be handed over: %s", type(trouble).__name__)
        with suppress(OSError):
            connection.close()
        raise _NoServer(_in_words(trouble)) from trouble


def _raise_by_code(code: int, words: bytes | str) -> None:
    said = f"{code} {words.decode(errors='replace') if isinstance(words, bytes) else words}"
    # 4xx: try again later, 5xx: never (RFC 5321 4.2.1).
    raise _MailRefused(said) if code >= 500 else _MailDelayed(said)


def _in_words(trouble: OSError) -> str:
    if isinstance(trouble, smtplib.SMTPResponseException):
        said = trouble.smtp_error
        return f"{trouble.smtp_code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
    return f"No mail server: {trouble or type(trouble).__name__}"


def _may_still_know(user: User) -> bool:
    roles = Membership.objects.filter(user=user, ended_at__isnull=True).values_list("role", flat=True)
    return user.is_active and any("see_alerts" in VERBS_OF[role] for role in roles)


def _bury(one: Notification, error: str, done: Sent) -> None:
    logger.error("notification %s is a dead letter", one.public_id)
    one.state, one.error = "dead", error[:500]
    one.save(update_fields=["state", "error"])
    done.dead += 1


def send_again(*, notification: Notification, by: User) -> Notification:
    """Let a dead letter wait again, with all its attempts; raises NotDead or NotAllowed."""
    require(by, "manage_notifications")
    with because("send again"):
        dead = _locked_dead(notification)
        dead.state, dead.attempts, dead.not_before = "waiting", 0, None
        dead.save(update_fields=["state", "attempts", "not_before"])
    return dead


def give_up(*, notification: Notification, reason: str, by: User, at: datetime) -> Notification:
    """Keep a dead letter as given up, with the reason; raises ReasonMissing, NotDead or NotAllowed."""
    require(by, "manage_notifications")
    if not reason.strip():
        raise ReasonMissing
    with because(reason.strip()):
        dead = _locked_dead(notification)
        _give_up(dead, reason=reason.strip(), by=by, at=at)
    return dead


def _give_up(one: Notification, *, reason: str, by: User | None, at: datetime) -> None:
    one.state = "given_up"
    one.given_up_at, one.given_up_by, one.given_up_reason = at, by, reason[:500]
    one.save(update_fields=["state", "given_up_at", "given_up_by", "given_up_reason"])


def _locked_dead(notification: Notification) -> Notification:
    dead = Notification.objects.select_for_update().filter(pk=notification.pk, state="dead").first()
    if dead is None:
        raise NotDead
    return dead


def set_preference(*, user: User, email: str, wants_digest: bool, at: datetime) -> None:
    """Keep a person's mail address and whether they want the daily digest; theirs alone to say.

    A new address revives the mails that could not be sent to the old one.
    """
    if email != user.email:
        user.email = email
        user.save(update_fields=["email"])
        Notification.objects.filter(recipient=user, state="dead").update(
            state="waiting", attempts=0, not_before=None
        )
    NotificationPreference.objects.update_or_create(
        user=user, defaults={"wants_digest": wants_digest, "changed_at": at}
    )
