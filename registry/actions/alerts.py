"""Alerts: what the rules say becomes rows, and what people decide on them.

The plan of which finding is which alert is pure (monitoring/identity.py); here it is carried out,
set-based for a whole batch of patients.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import cast
from zoneinfo import ZoneInfo

from django.db import connection

from registry.access.roles import require
from registry.access.scope import because
from registry.clinical.spoken_dates import spoken
from registry.models import Alert, AlertMove, User
from registry.monitoring.evidence import Certainty, Finding, History
from registry.monitoring.identity import KnownAlert, Match, plan
from registry.monitoring.lifecycle import (
    DECIDED,
    SETTLED,
    Decision,
    MoveNotAllowed,
    State,
    check_move,
    state_after,
)
from registry.monitoring.rule import Raised, Rule
from registry.queries.changes import latest_changes

_STORED = (
    "rule_version",
    "limits",
    "certainty",
    "severity",
    "state",
    "day_zero",
    "first_on",
    "last_on",
    "evidence",
    "as_of",
    "last_seen_at",
    "decided_at",
    "decided_by",
    "decision",
    "ground_gone",
    "is_new_since_decision",
    "late_since",
    "merged_into",
)


class AlreadyDecided(Exception):
    """Somebody decided this alert first. `for_people` says who and when."""

    def __init__(self, alert: Alert):
        super().__init__(alert.pk)
        self.alert = alert

    @property
    def for_people(self) -> str:
        who = str(self.alert.decided_by)
        if self.alert.decided_at is None:
            return f"This alert was decided by {who} before."
        at_site = self.alert.decided_at.astimezone(ZoneInfo(self.alert.patient.site.time_zone))
        when = f"{at_site:%H:%M} on {spoken(at_site.date())}, the site's time"
        return f"This alert was decided by {who} at {when}."


class EvidenceChanged(Exception):
    """The alert changed between what the person read and what they sent."""

    for_people = (
        "The evidence changed while you were reading, and nothing is recorded yet."
        " Look at it again; your reason is kept below."
    )


class ReasonMissing(ValueError):
    """A decision was sent without its reason."""

    for_people = "Give the reason for your decision: it is kept with the alert."


@dataclass(slots=True)
class Judged:
    """What a rule said of one patient on one date; the history is kept for alerts that lost their finding.

    `wake_on`: from which day on the calendar alone may change it (Rule.wake_on), where that is kept.
    """

    patient_id: int
    as_of: date
    history: History
    findings: tuple[Finding, ...]
    wake_on: date | None = None


@dataclass(slots=True)
class Counts:
    """What storing findings did, in numbers of findings and alerts."""

    findings: int = 0
    raised: int = 0
    extended: int = 0
    withdrawn: int = 0
    resolved: int = 0
    unchanged: int = 0

    def add(self, other: "Counts") -> None:
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass(slots=True)
class _Changes:
    """The rows that a batch of findings makes and changes, collected before anything is written."""

    counts: Counts = field(default_factory=Counts)
    new: list[Alert] = field(default_factory=list)
    changed: list[Alert] = field(default_factory=list)
    moves: list[AlertMove] = field(default_factory=list)


def store_findings(
    *,
    judged: Sequence[tuple[Rule, Sequence[Judged]]],
    at: datetime,
    is_whole: bool = False,
    late_since: Mapping[int, datetime] | None = None,
) -> list[Counts]:
    """Make the stored alerts of these patients what the rules say, and return by rule what changed.

    The same findings again change nothing. In a whole run neither does what the calendar alone adds:
    whoever reads an alert brings it up to the run's date (queries/alert_evidence.py). `late_since`: by
    patient, from when a new alert, or the return of one, would have been found had the checks been
    running. Within `acting`, with the patients locked.
    """
    stored = _stored_alerts(judged, to_change=True)
    counts, new, changed, moves = [], [], [], []
    for rule, those in judged:
        changes = _changes(rule, those, stored, at, is_whole=is_whole)
        reopened = {move.alert_id for move in changes.moves if move.kind == "reopened"}
        for alert in (*changes.new, *(alert for alert in changes.changed if alert.pk in reopened)):
            alert.late_since = (late_since or {}).get(alert.patient_id)
        counts.append(changes.counts)
        new += changes.new
        changed += changes.changed
        moves += changes.moves
    _update(changed)
    if new:
        Alert.objects.bulk_create(new, batch_size=500)
    if moves:
        AlertMove.objects.bulk_create(moves, batch_size=500)
    if new or changed:
        with connection.cursor() as cursor:
            # Twins are refused here and now, while the batch can still be taken back patient by patient.
            cursor.execute("SET CONSTRAINTS alert_no_twin_in_time IMMEDIATE")
            cursor.execute("SET CONSTRAINTS alert_no_twin_in_time DEFERRED")
    return counts


def differences(*, rule: Rule, judged: Sequence[Judged], at: datetime) -> list[tuple[int, str]]:
    """Say in words, by patient, what storing these findings would change; writes nothing."""
    changes = _changes(rule, judged, _stored_alerts([(rule, judged)]), at, is_whole=True)
    words = [(alert.patient_id, f"{alert.subject} is found and not stored") for alert in changes.new]
    told = {alert.pk: alert for alert in changes.changed}
    for move in changes.moves:
        if move.alert_id in told:
            subject = told[move.alert_id].subject
            states = f"({move.from_state or 'new'} to {move.to_state})"
            words.append((move.patient_id, f"the alert {subject} would be {move.kind} {states}"))
    return words


# By rule and patient.
_Stored = Mapping[tuple[str, int], list[Alert]]


def _stored_alerts(judged: Sequence[tuple[Rule, Sequence[Judged]]], *, to_change: bool = False) -> _Stored:
    """Read the alerts; `to_change` locks them, or a decision committed meanwhile would be overwritten."""
    patient_ids = {each.patient_id for _, those in judged for each in those}
    rows = Alert.objects.filter(
        rule__in=[rule.key for rule, _ in judged], patient_id__in=patient_ids
    ).order_by("pk")
    stored: dict[tuple[str, int], list[Alert]] = defaultdict(list)
    for alert in rows.select_for_update() if to_change else rows:
        stored[alert.rule, alert.patient_id].append(alert)
    return stored


def _changes(
    rule: Rule, judged: Sequence[Judged], stored: _Stored, at: datetime, *, is_whole: bool
) -> _Changes:
    changes = _Changes()
    gone: list[tuple[Alert, Judged]] = []
    for each in judged:
        alerts = {alert.pk: alert for alert in stored.get((rule.key, each.patient_id), ())}
        planned = plan(
            findings=each.findings, alerts=[_known(a) for a in alerts.values()], identity=rule.identity
        )
        changes.counts.findings += len(each.findings)
        for match in planned.matches:
            _hold(rule, each, match, alerts, changes, at, is_whole=is_whole)
        gone.extend((alerts[pk], each) for pk in planned.gone)
    losing = [(alert, each) for alert, each in gone if _still_stands(alert)]
    because_of = latest_changes(patient_ids=sorted({alert.patient_id for alert, _ in losing}))
    for alert, each in losing:
        _let_go(rule, alert, each, because_of.get(alert.patient_id, ""), changes, at)
    return changes


def _update(changed: Sequence[Alert]) -> None:
    """Write the alerts in one statement: every overdue visit changes every night, and with Django's
    `bulk_update`, a CASE for each field and row, a night would take minutes with the alerts locked."""
    if not changed:
        return
    stored = [each for each in Alert._meta.concrete_fields if each.name in _STORED]
    values = ", ".join(f"{each.column} = new.{each.column}" for each in stored)
    columns = ", ".join(f"{each.column} {each.db_type(connection)}" for each in stored)
    rows = [{"id": a.pk} | {str(each.column): getattr(a, each.attname) for each in stored} for a in changed]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE registry_alert a SET {values}"  # noqa: S608 - the names are the model's own
            f" FROM jsonb_to_recordset(%s) AS new (id bigint, {columns}) WHERE a.id = new.id",
            [json.dumps(rows, default=str)],
        )


def _known(alert: Alert) -> KnownAlert:
    return KnownAlert(
        alert_id=alert.pk,
        subject=alert.subject,
        first_on=alert.first_on,
        last_on=alert.last_on,
        state=alert.state,
        raised_at=alert.raised_at,
        is_merged=alert.merged_into_id is not None,
    )


def _still_stands(alert: Alert) -> bool:
    return alert.state not in SETTLED and not alert.ground_gone


def _hold(
    rule: Rule,
    each: Judged,
    match: Match,
    alerts: Mapping[int, Alert],
    changes: _Changes,
    at: datetime,
    *,
    is_whole: bool,
) -> None:
    """A finding that is there: raise its alert, or bring the alert it is up to date."""
    finding = match.finding
    if match.alert_id is None:
        alert = Alert(
            patient_id=each.patient_id,
            rule=rule.key,
            subject=finding.subject,
            one_per_subject=rule.identity == "subject",
            raised_at=at,
        )
        _write_finding(rule, alert, finding, each.as_of, at)
        changes.new.append(alert)
        changes.moves.append(_move(alert, at, kind="raised", from_state=""))
        changes.counts.raised += 1
        return
    alert = alerts[match.alert_id]
    for pk in match.absorbed:
        _absorb(alerts[pk], into=alert, changes=changes, at=at)
    seen_before = _content(rule, alert.first_on, alert.last_on, alert.certainty, alert.evidence)
    is_new = seen_before != _content(
        rule, finding.first_on, finding.last_on, finding.certainty, finding.evidence
    ) or bool(match.absorbed)
    from_state = alert.state
    comes_back = from_state in SETTLED
    reopens = comes_back or (from_state in DECIDED and is_new)
    if not (reopens or alert.ground_gone or is_new or _clock_moved(rule, alert, each, finding, is_whole)):
        changes.counts.unchanged += 1
        return
    _write_finding(rule, alert, finding, each.as_of, at)
    ground_back, alert.ground_gone = alert.ground_gone, False
    if reopens:
        check_move(from_state=from_state, to_state="open", by="system")
        alert.state = "open"
        alert.is_new_since_decision = bool(alert.decision)
        changes.moves.append(_move(alert, at, kind="reopened", from_state=from_state))
    elif is_new or ground_back:
        kind = "ground_back" if ground_back else "changed"
        changes.moves.append(_move(alert, at, kind=kind, from_state=from_state))
    changes.changed.append(alert)
    if comes_back:
        changes.counts.raised += 1
    else:
        changes.counts.extended += 1


def _absorb(alert: Alert, *, into: Alert, changes: _Changes, at: datetime) -> None:
    """The younger of two alerts that a result joined. One that people decided keeps their decision."""
    from_state = alert.state
    if from_state in (*DECIDED, "resolved"):
        alert.ground_gone = True
    else:
        check_move(from_state=from_state, to_state="withdrawn", by="system")
        alert.state = "withdrawn"
        changes.counts.withdrawn += 1
    alert.merged_into = into
    alert.last_seen_at = at
    changes.changed.append(alert)
    changes.moves.append(
        _move(alert, at, kind="merged", from_state=from_state, reason="Joined to an older alert by a result.")
    )


def _let_go(rule: Rule, alert: Alert, each: Judged, because_of: str, changes: _Changes, at: datetime) -> None:
    """A finding that is there no longer (G-8): settled by the record, or its ground is gone."""
    from_state = alert.state
    raised = Raised(alert.subject, cast(Certainty, alert.certainty), alert.first_on, alert.last_on)
    if from_state in DECIDED:
        kind, alert.ground_gone = "ground_gone", True
    elif rule.settles(each.history, each.as_of, raised):
        kind, alert.state = "resolved", "resolved"
        changes.counts.resolved += 1
    else:
        kind, alert.state = "withdrawn", "withdrawn"
        changes.counts.withdrawn += 1
    if alert.state != from_state:
        check_move(from_state=from_state, to_state=alert.state, by="system")
    if alert.as_of is not None and alert.state in SETTLED:
        # What it said in the end: nobody brings an alert up to date that stands no longer.
        alert.evidence = rule.carried(alert.evidence, since=alert.as_of, on=each.as_of)
        alert.as_of = each.as_of
    alert.last_seen_at = at
    changes.changed.append(alert)
    changes.moves.append(_move(alert, at, kind=kind, from_state=from_state, reason=because_of))


def _content(
    rule: Rule, first_on: date | None, last_on: date, certainty: str, evidence: Mapping[str, object]
) -> tuple[object, ...]:
    """What a finding says beyond what the calendar alone changes."""
    lasting = {key: value for key, value in evidence.items() if key not in rule.clock_keys}
    return (first_on, last_on, certainty, lasting)


def _clock_moved(rule: Rule, alert: Alert, each: Judged, finding: Finding, is_whole: bool) -> bool:
    """Whether what the calendar changed is to be written."""
    told = alert.evidence
    if is_whole and alert.as_of is not None:
        told = rule.carried(told, since=alert.as_of, on=each.as_of)
    return (alert.severity, told, alert.rule_version) != (
        finding.severity,
        dict(finding.evidence),
        rule.version,
    )


def _write_finding(rule: Rule, alert: Alert, finding: Finding, as_of: date, at: datetime) -> None:
    alert.rule_version = rule.version
    alert.limits = dict(rule.limits_as_json)
    alert.certainty = finding.certainty
    alert.severity = finding.severity
    alert.day_zero = finding.day_zero
    alert.first_on = finding.first_on
    alert.last_on = finding.last_on
    alert.evidence = dict(finding.evidence)
    alert.as_of = as_of
    alert.last_seen_at = at


def _move(
    alert: Alert,
    at: datetime,
    *,
    kind: str,
    from_state: str,
    by: User | None = None,
    decision: str = "",
    reason: str = "",
) -> AlertMove:
    return AlertMove(
        alert=alert,
        patient_id=alert.patient_id,
        at=at,
        by=by,
        kind=kind,
        from_state=from_state,
        to_state=alert.state,
        decision=decision,
        reason=reason,
        rule_version=alert.rule_version,
        evidence=alert.evidence,
    )


def acknowledge(*, alert: Alert, by: User, at: datetime, reason: str = "") -> Alert:
    """Record that a person has seen the alert; raises MoveNotAllowed or NotAllowed."""
    return _step(alert, to_state="acknowledged", kind="acknowledged", reason=reason, by=by, at=at)


def take_up(*, alert: Alert, by: User, at: datetime, reason: str = "") -> Alert:
    """Record that a person works on the alert; raises MoveNotAllowed or NotAllowed."""
    return _step(alert, to_state="in_review", kind="taken_up", reason=reason, by=by, at=at)


def decide(
    *,
    alert: Alert,
    decision: Decision,
    reason: str,
    by: User,
    at: datetime,
    seen_at: datetime | None = None,
) -> Alert:
    """Record a person's decision with its reason, and return the alert as it stands.

    `seen_at` is the `last_seen_at` of the alert that the person read. *Need information* leaves it in
    review. Raises ReasonMissing, AlreadyDecided when somebody was faster, EvidenceChanged when a rule
    was, MoveNotAllowed, NotAllowed.
    """
    if not reason.strip():
        raise ReasonMissing
    locked = _locked(alert, by)
    if locked.state in DECIDED:
        raise AlreadyDecided(locked)
    if seen_at is not None and locked.last_seen_at != seen_at:
        raise EvidenceChanged
    from_state = locked.state
    locked.state = state_after(decision, from_state=from_state)
    locked.decision = decision
    locked.decided_at = at
    locked.decided_by = by
    locked.is_new_since_decision = False
    return _save_step(
        locked, from_state, kind="decided", by=by, at=at, decision=decision, reason=reason.strip()
    )


def _step(alert: Alert, *, to_state: State, kind: str, reason: str, by: User, at: datetime) -> Alert:
    locked = _locked(alert, by)
    if locked.state in DECIDED:
        raise AlreadyDecided(locked)
    from_state = locked.state
    check_move(from_state=from_state, to_state=to_state, by="person")
    locked.state = to_state
    return _save_step(locked, from_state, kind=kind, by=by, at=at, decision="", reason=reason.strip())


def _locked(alert: Alert, by: User) -> Alert:
    require(by, "review_alerts", patient=alert.patient)
    # No join: after a wait for the lock the joined row would still be the one from before the wait.
    return Alert.objects.select_for_update().get(pk=alert.pk)


def _save_step(
    alert: Alert, from_state: str, *, kind: str, by: User, at: datetime, decision: str, reason: str
) -> Alert:
    with because(reason):
        alert.save(update_fields=["state", "decision", "decided_at", "decided_by", "is_new_since_decision"])
        _move(alert, at, kind=kind, from_state=from_state, by=by, decision=decision, reason=reason).save()
    return alert


__all__ = [
    "AlreadyDecided",
    "Counts",
    "EvidenceChanged",
    "Judged",
    "MoveNotAllowed",
    "ReasonMissing",
    "acknowledge",
    "decide",
    "differences",
    "store_findings",
    "take_up",
]
