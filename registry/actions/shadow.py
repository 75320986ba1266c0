"""Judging all history by a candidate version of a rule, to see what it would change; nothing is stored.

Not even a run is noted: each batch is judged in a transaction that the database keeps from writing. There
is no pre-selection, which is made for the limits in force and could be narrow for others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from time import perf_counter
from typing import Any

from django.db import connection

from registry.access.scope import EVERYTHING, acting
from registry.actions.judging import Failure, judge_unstored
from registry.actions.scan import SPAN
from registry.monitoring.catalogue import by_key
from registry.monitoring.evidence import Certainty, Finding
from registry.monitoring.rule import Rule
from registry.monitoring.shadow import compare
from registry.queries import evidence, patient_codes
from registry.queries.evidence import BATCH, Candidate


@dataclass(frozen=True, slots=True)
class Line:
    """One finding of one patient, by the patient's own id."""

    patient_id: str
    finding: Finding

    def as_json(self) -> dict[str, Any]:
        return {"patient_id": self.patient_id, "subject": self.finding.subject, **_said(self.finding)}


@dataclass(frozen=True, slots=True)
class ChangedLine:
    """One finding that both versions have and describe otherwise."""

    patient_id: str
    was: Finding
    becomes: Finding

    def as_json(self) -> dict[str, Any]:
        return {
            "patient_id": self.patient_id,
            "subject": self.becomes.subject,
            "was": _said(self.was),
            "becomes": _said(self.becomes),
        }


@dataclass(slots=True)
class ShadowReport:
    """A candidate version beside the version in force, over everybody in scope."""

    candidate: Rule
    in_force: Rule
    as_of: date | None
    patients_in_scope: int = 0
    patients_judged: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    gained: list[Line] = field(default_factory=list)
    lost: list[Line] = field(default_factory=list)
    changed: list[ChangedLine] = field(default_factory=list)
    unchanged: int = 0
    seconds: float = 0.0

    @property
    def gained_by_certainty(self) -> dict[Certainty, int]:
        return _by_certainty(self.gained)

    @property
    def lost_by_certainty(self) -> dict[Certainty, int]:
        return _by_certainty(self.lost)

    def as_json(self) -> dict[str, Any]:
        """The object that `scan --shadow --json` prints; patients by their own ids."""
        return {
            "shadow": self.candidate.name,
            "rule": self.candidate.key,
            "version": self.candidate.version,
            "version_in_force": self.in_force.version,
            "limits": self.candidate.limits_unlike(self.in_force),
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "patients_in_scope": self.patients_in_scope,
            "patients_judged": self.patients_judged,
            "failures": [{"patient_id": code, "error": error} for code, error in self.failures],
            "counts": {
                "gained": self.gained_by_certainty,
                "lost": self.lost_by_certainty,
                "changed": len(self.changed),
                "unchanged": self.unchanged,
            },
            "gained": [line.as_json() for line in self.gained],
            "lost": [line.as_json() for line in self.lost],
            "changed": [line.as_json() for line in self.changed],
            "unchanged": self.unchanged,
            "seconds": round(self.seconds, 3),
        }


def run(
    *, candidate: Rule, as_of: date | None, at: datetime, patient_ids: Sequence[int] | None = None
) -> ShadowReport:
    """Judge everybody in scope, or these patients, by both versions and tell the difference.

    Both see one and the same record of a patient. A patient for whom either raises is a failure and is
    compared with nothing; the others are judged.
    """
    began = perf_counter()
    report = ShadowReport(candidate=candidate, in_force=by_key(candidate.key), as_of=as_of)
    for ids in _ranges(patient_ids):
        for start in range(0, len(ids), BATCH):
            with acting(rows=EVERYTHING, reason=f"shadow {candidate.name}"):
                _forbid_writing()
                batch = evidence.candidates(as_of=as_of, at=at, patient_ids=ids[start : start + BATCH])
                _compare(report, [patient for patient in batch if patient.is_in_scope])
    report.seconds = perf_counter() - began
    return report


def _ranges(patient_ids: Sequence[int] | None) -> Iterator[Sequence[int]]:
    """Range by range, so that memory holds the ids of one range only."""
    if patient_ids is not None:
        yield patient_ids
        return
    with acting(rows=EVERYTHING):
        spans = evidence.spans(size=SPAN)
    for span in spans:
        with acting(rows=EVERYTHING):
            ids = evidence.everybody_in(span=span)
        yield ids


def _compare(report: ShadowReport, batch: Sequence[Candidate]) -> None:
    in_force, failures = judge_unstored(rule=report.in_force, batch=batch)
    candidate, more_failures = judge_unstored(rule=report.candidate, batch=batch)
    codes = patient_codes.codes_of(patient_ids=[patient.patient_id for patient in batch])
    failed: dict[int, Failure] = {f.patient_id: f for f in [*more_failures, *failures]}
    report.patients_in_scope += len(batch)
    report.patients_judged += len(batch) - len(failed)
    report.failures += [(codes[pk], failure.error) for pk, failure in sorted(failed.items())]
    before = {judged.patient_id: judged.findings for judged in in_force}
    for judged in candidate:
        if judged.patient_id in failed:
            continue
        said = compare(
            in_force=before[judged.patient_id],
            candidate=judged.findings,
            identity=report.candidate.identity,
        )
        code = codes[judged.patient_id]
        report.gained += [Line(code, finding) for finding in said.gained]
        report.lost += [Line(code, finding) for finding in said.lost]
        report.changed += [ChangedLine(code, was, becomes) for was, becomes in said.changed]
        report.unchanged += said.unchanged


def _by_certainty(lines: Sequence[Line]) -> dict[Certainty, int]:
    counts: dict[Certainty, int] = {"certain": 0, "possible": 0}
    for line in lines:
        counts[line.finding.certainty] += 1
    return counts


def _forbid_writing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")


def _said(finding: Finding) -> dict[str, Any]:
    return {
        "certainty": finding.certainty,
        "severity": finding.severity,
        "first_date": finding.first_on.isoformat() if finding.first_on else None,
        "last_date": finding.last_on.isoformat(),
    }
