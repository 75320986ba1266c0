"""Which finding is which alert (rules.md G-7, contract.md section 4): extend, merge, split, raise, let go.

Pure: the answer is a plan, carried out by actions/alerts.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from registry.monitoring.evidence import Finding


@dataclass(frozen=True, slots=True)
class KnownAlert:
    """What is needed of a stored alert to recognise it. Older: raised earlier, then smaller id."""

    alert_id: int
    subject: str
    first_on: date | None
    last_on: date
    state: str
    raised_at: datetime
    is_merged: bool = False

    @property
    def age(self) -> tuple[datetime, int]:
        return (self.raised_at, self.alert_id)


@dataclass(frozen=True, slots=True)
class Match:
    """One finding, the alert that it is (None: a new one), and the younger alerts it joins to that."""

    finding: Finding
    alert_id: int | None
    absorbed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All findings of one patient and rule with their alerts, and the alerts that no finding holds."""

    matches: tuple[Match, ...]
    gone: tuple[int, ...]


def plan(
    *,
    findings: Sequence[Finding],
    alerts: Sequence[KnownAlert],
    identity: Literal["subject", "overlap"],
) -> Plan:
    """Say which finding is which alert. Merged alerts are history and match nothing."""
    known = [alert for alert in alerts if not alert.is_merged]
    matches = _by_subject(findings, known) if identity == "subject" else _by_overlap(findings, known)
    held = {match.alert_id for match in matches} | {pk for match in matches for pk in match.absorbed}
    return Plan(
        matches=tuple(matches),
        gone=tuple(alert.alert_id for alert in known if alert.alert_id not in held),
    )


def _by_subject(findings: Sequence[Finding], alerts: Sequence[KnownAlert]) -> list[Match]:
    of_subject = {alert.subject: alert.alert_id for alert in alerts}
    return [Match(finding, of_subject.get(finding.subject)) for finding in findings]


def _by_overlap(findings: Sequence[Finding], alerts: Sequence[KnownAlert]) -> list[Match]:
    chosen: dict[int, list[KnownAlert]] = {position: [] for position in range(len(findings))}
    for alert in alerts:
        if alert.state != "withdrawn" and (position := _largest_share(alert, findings)) is not None:
            chosen[position].append(alert)
    withdrawn = [alert for alert in alerts if alert.state == "withdrawn"]
    matches = []
    for position, finding in enumerate(findings):
        joined = sorted(chosen[position], key=lambda alert: alert.age)
        if joined:
            # Two alerts that a late result joins: the older absorbs the younger.
            matches.append(Match(finding, joined[0].alert_id, tuple(alert.alert_id for alert in joined[1:])))
        else:
            back = _most_overlapping(finding, withdrawn)
            if back:
                withdrawn.remove(back)
            matches.append(Match(finding, back.alert_id if back else None))
    return matches


def _largest_share(alert: KnownAlert, findings: Sequence[Finding]) -> int | None:
    """Which finding keeps an alert that fell apart: the part with the larger overlap, then the earlier."""
    shares = [
        (shared, -position)
        for position, finding in enumerate(findings)
        if (shared := _shared_days(alert, finding)) > 0
    ]
    return -max(shares)[1] if shares else None


def _most_overlapping(finding: Finding, alerts: Sequence[KnownAlert]) -> KnownAlert | None:
    overlapping = [alert for alert in alerts if _shared_days(alert, finding) > 0]
    return max(overlapping, key=lambda alert: (_shared_days(alert, finding), alert.age), default=None)


def _shared_days(alert: KnownAlert, finding: Finding) -> int:
    if alert.subject != finding.subject or alert.first_on is None or finding.first_on is None:
        return 0
    first = max(alert.first_on, finding.first_on)
    last = min(alert.last_on, finding.last_on)
    return (last - first).days + 1
