"""The nightly recount: a thirtieth of the patients judged from nothing, and every overdue visit by SQL.

After thirty nights everybody was recounted. A difference means that the alerts are not what the record asks
for, by whichever mistake: it stays on the status until a later recount of the same patients is clean, or
somebody has understood and explained it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from time import perf_counter

from registry.access.roles import require
from registry.access.scope import EVERYTHING, acting
from registry.actions import scan
from registry.models import Alert, Patient, RecountRun, ScanRun, User, WaitingEvaluation
from registry.models.watchman import SHARES
from registry.monitoring.catalogue import RULES
from registry.monitoring.lifecycle import SETTLED
from registry.monitoring.overdue_visit import RULE as OVERDUE_VISIT
from registry.monitoring.rule import Rule
from registry.queries import evidence
from registry.queries.dataset_frame import snapshot
from registry.queries.evidence import Candidate
from registry.queries.overdue_by_sql import overdue_visits

_CHUNK = 200
# Of the words of alerts.differences only what became of an alert: subjects and row numbers stay inside.
_BECOMES = re.compile(r"would be .*|is found and not stored")


class NothingToExplain(ValueError):
    """There is no such recount, or it found no difference."""


@dataclass(frozen=True, slots=True)
class Line:
    """One difference: the patient's opaque id, the rule, and what is wrong, without a value of the record."""

    patient: str
    rule: str
    problem: str

    def as_json(self) -> dict[str, str]:
        return {"patient": self.patient, "rule": self.rule, "problem": self.problem}


@dataclass(slots=True)
class _Counted:
    patients: set[int] = field(default_factory=set)
    left_out: set[int] = field(default_factory=set)
    lines: list[tuple[int, str, str]] = field(default_factory=list)
    overdue_patients: int = 0
    overdue_visits: int = 0
    overdue_lines: list[tuple[int, str, str]] = field(default_factory=list)


def share_of(*, on: date) -> int:
    """Return which thirtieth of the patients is recounted on a day."""
    return on.toordinal() % SHARES


def recount_a_share(*, at: datetime, as_of: date | None = None, share: int | None = None) -> RecountRun:
    """Recount the day's thirtieth, or `share`, and all overdue visits; return the row with what differs.

    Each rule is asked about the date of its latest whole run, since that is what the stored alerts are of;
    `as_of` asks about another. Who waits to be judged is left out and counted. Repeating it adds a row.
    """
    began = perf_counter()
    share = share_of(on=at.date()) if share is None else share
    with acting(rows=EVERYTHING, reason="recount"):
        run = RecountRun.objects.create(at=at, as_of=as_of, share=share)
    with snapshot(rows=EVERYTHING):
        counted = _count(share, as_of)
        names = _opaque({pk for pk, _, _ in (*counted.lines, *counted.overdue_lines)})
    run.patients_counted = len(counted.patients)
    run.patients_waiting = len(counted.left_out)
    run.overdue_patients_counted = counted.overdue_patients
    run.overdue_visits_counted = counted.overdue_visits
    run.differences = [Line(names[pk], *line).as_json() for pk, *line in counted.lines]
    run.overdue_differences = [Line(names[pk], *line).as_json() for pk, *line in counted.overdue_lines]
    run.difference_count = len(run.differences)
    run.overdue_difference_count = len(run.overdue_differences)
    run.seconds = perf_counter() - began
    run.finished_at = at + timedelta(seconds=run.seconds)
    with acting(rows=EVERYTHING, reason="recount"):
        run.save()
    return run


def explain(*, recount_id: int, reason: str, by: User, at: datetime) -> RecountRun:
    """Record why the differences of a recount are understood, which ends their alarm.

    Raises NothingToExplain, NotAllowed.
    """
    require(by, "answer_for_checks")
    if not reason.strip():
        raise NothingToExplain("An explanation needs words.")
    with acting(rows=EVERYTHING, by=by, reason=reason.strip()):
        run = RecountRun.objects.select_for_update().filter(pk=recount_id).first()
        if run is None or not (run.difference_count or run.overdue_difference_count):
            raise NothingToExplain(f"No recount {recount_id} with differences.")
        run.explanation, run.explained_by, run.explained_at = reason.strip(), by, at
        run.save(update_fields=["explanation", "explained_by", "explained_at"])
    return run


def _count(share: int, as_of: date | None) -> _Counted:
    counted = _Counted()
    waiting = set(WaitingEvaluation.objects.values_list("patient_id", flat=True))
    for rule in RULES:
        run = ScanRun.objects.filter(rule=rule.key, is_whole=True, finished_at__isnull=False).last()
        if run is None:
            continue  # that it never ran is told by the check of the scan itself
        everybody = evidence.candidates(as_of=as_of or run.as_of, at=run.started_at)
        mine = [one.patient_id for one in everybody if one.patient_id % SHARES == share]
        counted.left_out |= waiting.intersection(mine)
        ids = [patient_id for patient_id in mine if patient_id not in waiting]
        counted.patients.update(ids)
        counted.lines += _differences(rule, ids, as_of or run.as_of, run.started_at)
        if rule.key == OVERDUE_VISIT.key:
            _count_overdue(counted, [one for one in everybody if one.patient_id not in waiting])
    return counted


def _differences(
    rule: Rule, ids: Sequence[int], as_of: date | None, at: datetime
) -> list[tuple[int, str, str]]:
    """Compare in chunks, and only where one differs patient by patient, to know whose it is."""
    lines = []
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        if not scan.recount(as_of=as_of, at=at, rules=[rule], patient_ids=chunk)[0]:
            continue
        for patient_id in chunk:
            found, _ = scan.recount(as_of=as_of, at=at, rules=[rule], patient_ids=[patient_id])
            lines += [(patient_id, rule.key, _without_values(each.problem)) for each in found]
    return lines


def _without_values(problem: str) -> str:
    becomes = _BECOMES.search(problem)
    if becomes:
        return f"an alert {becomes[0]}"
    return f"the rule fails: {problem.partition(':')[0]}"


def _count_overdue(counted: _Counted, everybody: Sequence[Candidate]) -> None:
    """Hold the overdue visits that SQL counts against the alerts that stand."""
    days = {one.patient_id: one.as_of for one in everybody}
    found = overdue_visits(days=days)
    standing = set(
        Alert.objects.filter(rule=OVERDUE_VISIT.key, ground_gone=False)
        .exclude(state__in=SETTLED)
        .values_list("patient_id", "subject")
    )
    standing = {(patient_id, subject) for patient_id, subject in standing if patient_id in days}
    counted.overdue_patients, counted.overdue_visits = len(days), len(found)
    for patient_id, subject in sorted(found - standing):
        counted.overdue_lines.append(
            (patient_id, OVERDUE_VISIT.key, f"{_code(subject)} is overdue without an alert")
        )
    for patient_id, subject in sorted(standing - found):
        counted.overdue_lines.append(
            (patient_id, OVERDUE_VISIT.key, f"{_code(subject)} has an alert and is not overdue")
        )


def _code(subject: str) -> str:
    """The visit's code without the day 0, which is the patient's own."""
    return subject.partition("@")[0]


def _opaque(patient_ids: set[int]) -> dict[int, str]:
    return {
        pk: str(public_id)
        for pk, public_id in Patient.objects.filter(pk__in=patient_ids).values_list("pk", "public_id")
    }
