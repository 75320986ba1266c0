"""When each rule judged a patient last, with what result, and why it found nothing more.

Results are not stored for each patient and night: a record that did not change since it was judged gives the
same answer again, and a record that did change leaves a row in *to be judged*, which is then said instead.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from django.conf import settings
from django.db.models import Min

from registry.clinical.spoken_dates import spoken
from registry.clinical.study_days import local_date
from registry.models import (
    Alert,
    AuditEvent,
    Judgement,
    Patient,
    ScanFailure,
    ScanRun,
    WaitingEvaluation,
)
from registry.monitoring.catalogue import RULES
from registry.monitoring.evidence import Finding, History
from registry.monitoring.lifecycle import DECIDED, WAITING
from registry.monitoring.rule import Kind, Rule
from registry.monitoring.standing import why_not
from registry.queries.evidence import PackedHistory, packed_histories
from registry.queries.monitoring_status import latest_whole_runs

State = Literal["judged", "waiting", "failed", "never", "not_in_scope"]

# Everything that any rule looks at.
_ANALYTES = tuple(sorted({analyte for rule in RULES for analyte in rule.reads_labs}))


@dataclass(frozen=True, slots=True)
class RuleStanding:
    """What one rule in force has said of one patient.

    `judged_at`, `as_of`: the latest judgement, of a whole run or of the patient alone; empty: never.
    `since`: waiting or failed since. `result` and `why_not` in words; `alerts`: those that stand.
    `is_of_another_day`: it was judged as of another date than the site's at that moment.
    """

    rule: str
    title: str
    version: int
    state: State
    judged_at: datetime | None
    as_of: date | None
    since: datetime | None
    result: str
    why_not: tuple[str, ...]
    alerts: tuple[Alert, ...]
    is_of_another_day: bool

    @property
    def only_alert(self) -> Alert | None:
        """The alert that the result is about, when it is one."""
        return self.alerts[0] if len(self.alerts) == 1 else None


@dataclass(frozen=True, slots=True)
class _Judged:
    at: datetime
    as_of: date
    version: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What the machinery left about one patient, by rule."""

    judged: Mapping[str, _Judged]
    failed_at: Mapping[str, datetime]
    waiting_since: datetime | None


def standing_of(*, patient: Patient, today: date) -> tuple[RuleStanding, ...]:
    """Return what every rule in force has said of the patient, in their order; a fixed number of queries."""
    alerts = Alert.objects.filter(patient=patient).order_by("-raised_at", "pk")
    return standings(
        patient=patient, record=packed_record(patient=patient), alerts=tuple(alerts), today=today
    )


def standings(
    *, patient: Patient, record: PackedHistory, alerts: Sequence[Alert], today: date
) -> tuple[RuleStanding, ...]:
    """As `standing_of`, where the record and the patient's alerts have been read already."""
    known = _known(patient)
    return tuple(
        _standing(
            rule,
            patient,
            history_for(record=record, analytes=rule.reads_labs, reads=rule.reads),
            tuple(alert for alert in alerts if alert.rule == rule.key and _stands(alert)),
            known,
            today,
        )
        for rule in RULES
    )


def packed_record(*, patient: Patient) -> PackedHistory:
    """Return everything that any rule reads of the patient, still packed."""
    [(_, packed)] = packed_histories(patient_ids=[patient.pk], analytes=_ANALYTES)
    return packed


def history_for(*, record: PackedHistory, analytes: Iterable[str], reads: frozenset[Kind]) -> History | None:
    """Return what a rule looks at, or None where a broken row keeps it from being read (G-9)."""
    wanted = replace(
        record,
        visits=record.visits if "visits" in reads else (),
        supports=record.supports if "supports" in reads else (),
        events=record.events if "events" in reads else (),
        labs={analyte: record.labs[analyte] for analyte in analytes if analyte in record.labs},
    )
    try:
        return wanted.unpack()
    except (ValueError, TypeError, KeyError):
        return None


def _standing(
    rule: Rule,
    patient: Patient,
    history: History | None,
    alerts: tuple[Alert, ...],
    known: _Known,
    today: date,
) -> RuleStanding:
    judged = known.judged.get(rule.key)
    failed_at = known.failed_at.get(rule.key)
    said = _alert_words(alerts)
    state: State = "judged"
    since: datetime | None = None
    why: tuple[str, ...] = ()
    if outside := _outside(patient, history, today):
        state, result = "not_in_scope", said or outside
    elif failed_at is not None or history is None:
        state, since = "failed", failed_at
        result = " ".join(filter(None, (said, "Could not be judged. It is tried again on its own.")))
    elif known.waiting_since is not None:
        state, since, result = "waiting", known.waiting_since, said
    elif judged is None:
        state, result = "never", said or "Not judged yet: the next check does."
    elif judged.version != rule.version:
        state = "never"
        result = f"Judged by version {judged.version}; version {rule.version} has not judged yet."
    else:
        result, why = _told(rule, history, judged.as_of, said)
    return RuleStanding(
        rule=rule.key,
        title=rule.title,
        version=rule.version,
        state=state,
        judged_at=judged.at if judged else None,
        as_of=judged.as_of if judged else None,
        since=since,
        result=result,
        why_not=why,
        alerts=alerts,
        is_of_another_day=judged is not None
        and judged.as_of != local_date(judged.at, time_zone=patient.site.time_zone),
    )


def _told(rule: Rule, history: History, as_of: date, said: str) -> tuple[str, tuple[str, ...]]:
    try:
        findings: tuple[Finding, ...] = rule.findings(history, as_of)
        why = why_not(rule=rule, history=history, as_of=as_of)
    except (ValueError, TypeError, KeyError, ArithmeticError):
        # The rule's own failure is recorded when it judges; a page never falls over it.
        return said or "The record cannot be put into words.", ()
    if findings and not said:
        said = "Found, but no alert is kept. Tell the operators."
    return said or "Nothing found", why


def _outside(patient: Patient, history: History | None, today: date) -> str:
    """Why no rule judges the patient today; empty when they do."""
    if patient.enrolled_on is None:
        return "Not in scope: screened, not enrolled."
    if patient.enrolled_on > today:
        return f"Not in scope before enrolment on {spoken(patient.enrolled_on)}."
    if history is not None and not any(day_zero <= today for day_zero in history.day_zeros):
        return "Not in scope: there is no day 0 yet."
    return ""


def _stands(alert: Alert) -> bool:
    return alert.merged_into_id is None and (
        alert.state in WAITING or (alert.state in DECIDED and not alert.ground_gone)
    )


def _alert_words(alerts: Iterable[Alert]) -> str:
    found = list(alerts)
    waiting = sum(alert.state in WAITING for alert in found)
    parts = [f"{waiting} {'alert' if waiting == 1 else 'alerts'} open"] if waiting else []
    for state in DECIDED:
        if count := sum(alert.state == state for alert in found):
            parts.append(f"{count} {state}")
    return ", ".join(parts)


def _known(patient: Patient) -> _Known:
    failures = ScanFailure.objects.filter(patient=patient, settled_at__isnull=True).order_by("at")
    # A row that was tried already waits for the rule that failed; the others have judged.
    waiting = WaitingEvaluation.objects.filter(patient=patient, attempts=0).aggregate(since=Min("since"))
    return _Known(
        judged=_latest_judgements(patient),
        failed_at=dict(failures.values_list("rule", "at")),
        waiting_since=waiting["since"],
    )


def _latest_judgements(patient: Patient) -> dict[str, _Judged]:
    zone = patient.site.time_zone
    entered_at = _entered_at(patient)
    found = {
        run.rule: _Judged(
            at=run.started_at,
            as_of=run.as_of or local_date(run.started_at, time_zone=zone),
            version=run.rule_version,
        )
        for run in latest_whole_runs()
        if _was_there(patient, entered_at, run, zone)
    }
    for judgement in Judgement.objects.filter(patient=patient, is_clear=False):
        of_run = found.get(judgement.rule)
        if of_run is None or of_run.at < judgement.at:
            found[judgement.rule] = _Judged(judgement.at, judgement.as_of, judgement.rule_version)
    return found


def _was_there(patient: Patient, entered_at: datetime | None, run: ScanRun, zone: str) -> bool:
    """Whether the run could have seen the patient in scope."""
    as_of = run.as_of or local_date(run.started_at, time_zone=zone)
    if patient.enrolled_on is None or patient.enrolled_on > as_of:
        return False
    # On a pinned date the registry's clock and the database's do not tell the same time.
    return entered_at is None or settings.REGISTRY_TODAY is not None or entered_at <= run.started_at


def _entered_at(patient: Patient) -> datetime | None:
    return (
        AuditEvent.objects.filter(patient_id=patient.pk, tbl="registry_patient", op="I")
        .values_list("at", flat=True)
        .first()
    )
