"""How a notification reads as a mail: from its payload alone, so that it reads the same however often sent.

Counts, titles of rules, severity and links; no clinical value and no patient's number ever gets here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from registry.models import Notification
from registry.models.alert import SEVERITIES
from registry.monitoring import catalogue

# More than this nobody reads in a mail; the rest is a number and a link.
MOST_LINES = 20


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail's subject, one line, and its plain text."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One alert in a mail, the gravest first."""

    severity: str
    title: str
    certainty: str
    happened: str
    address: str


_HAPPENED = {"raised": "", "reopened": "opened again", "risen": "graver or more certain than before"}


def letter(notification: Notification) -> Letter:
    """Put a notification into words."""
    tell = _critical_alerts if notification.kind == "critical_alert" else _digest
    return Letter(subject_of(notification), tell(notification))


def subject_of(notification: Notification) -> str:
    """The mail's subject: what it is about in one line that may stand on a locked telephone."""
    payload = notification.payload
    if notification.kind == "critical_alert":
        return f"{counted(len(payload['alerts']), 'critical alert')} to review"
    return _digest_subject(payload, _day_of(notification))


def _critical_alerts(notification: Notification) -> str:
    told = notification.payload["alerts"]
    return _write("critical_alert", notification, **_listed(told), count=len(told))


def _digest(notification: Notification) -> str:
    payload = notification.payload
    officer = payload.get("officer")
    shown: dict[str, Any] = {
        "day": _day_of(notification),
        "checks": payload["checks"],
        "site": payload.get("site"),
    }
    if officer:
        late = [
            {
                "count": counted(period["count"], "alert"),
                "since": spoken_instant(period["since"]),
                "until": spoken_instant(period["until"]),
                "lines": _count_lines(period["counts"]),
            }
            for period in officer["late"]
        ]
        shown |= {"officer": officer, "new_lines": _count_lines(officer["new"]), "late": late}
        shown |= _listed(officer["critical"])
    return _write("digest", notification, **shown)


def _day_of(notification: Notification) -> str:
    return spoken_day(notification.day) if notification.day else ""


def _digest_subject(payload: Mapping[str, Any], day: str) -> str:
    if not payload["checks"]["ok"]:
        return f"Digest of {day}: the alert checks did not run as they should"
    officer, site = payload.get("officer"), payload.get("site")
    late = officer["late_count"] if officer else 0
    new = officer["new_count"] + late if officer else 0
    parts = [counted(new, "new alert")] if new else []
    if late:
        parts.append(f"{late} found late")
    if site and site["overdue"]:
        parts.append(counted(site["overdue"], "overdue visit"))
    if site and site["asked"]:
        parts.append(counted(site["asked"], "request for data", "requests for data"))
    return f"Digest of {day}: {', '.join(parts) or 'nothing new'}"


def _listed(references: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    ranks = list(SEVERITIES)
    ordered = sorted(references, key=lambda each: (ranks.index(each["severity"]), each["certainty"]))
    lines = [
        AlertLine(
            severity=each["severity"].capitalize(),
            title=title_of(each["rule"]),
            certainty="cannot be excluded" if each["certainty"] == "possible" else "",
            happened=_happened(each),
            address=f"{settings.PUBLIC_URL}/alerts/{each['id']}/",
        )
        for each in ordered[:MOST_LINES]
    ]
    return {"lines": lines, "more": len(ordered) - len(lines)}


def _happened(told: Mapping[str, str]) -> str:
    late = told.get("late_since", "")
    found_late = f"found late: the checks had not run since {spoken_instant(late)}" if late else ""
    return "; ".join(filter(None, (_HAPPENED.get(told["kind"], ""), found_late)))


def _count_lines(counts: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each severity and rule: `3  Critical: Candidate secondary malignancy`."""
    ranks = list(SEVERITIES)
    ordered = sorted(
        counts, key=lambda each: (ranks.index(each["severity"]), each["rule"], each["certainty"])
    )
    return [
        f"{each['count']:>4}  {each['severity'].capitalize()}: {title_of(each['rule'])}"
        + (" (cannot be excluded)" if each["certainty"] == "possible" else "")
        for each in ordered
    ]


def title_of(rule: str) -> str:
    """The rule in words; a rule no longer in force keeps its key."""
    try:
        return catalogue.by_key(rule).title
    except catalogue.UnknownRule:
        return rule


def counted(number: int, one: str, many: str = "") -> str:
    """`1 overdue visit`, `3 overdue visits`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def spoken_day(on: date) -> str:
    """22 Nov 2026, whatever language the machine speaks."""
    return f"{on.day} {_MONTHS[on.month - 1]} {on.year}"


def spoken_instant(at: str) -> str:
    """22 Nov 2026, 02:04 UTC."""
    read = datetime.fromisoformat(at)
    return f"{spoken_day(read.date())}, {read:%H:%M} UTC"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _write(template: str, notification: Notification, **shown: Any) -> str:
    text = render_to_string(
        f"mail/{template}.txt",
        {
            "address": settings.PUBLIC_URL,
            "studies": notification.payload.get("studies", ()),
            "person": str(notification.recipient),
            "is_demo": settings.DEMO,
            **shown,
        },
    )
    return re.sub(r"\n{3,}", "\n\n", text.strip()) + "\n"
