"""Judging some patients by the rules and storing what they say.

One broken record blinds nobody and hides nothing: here, and here alone, is caught whatever a rule raises
for a patient (rules.md G-9).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction

from registry.actions import alerts
from registry.actions.alerts import Counts, Judged
from registry.actions.wake_ups import note_judgements
from registry.models import ScanFailure, ScanRun
from registry.monitoring.catalogue import RULES
from registry.monitoring.rule import Rule
from registry.queries import evidence
from registry.queries.evidence import Candidate, PackedHistory

logger = logging.getLogger(__name__)

# Key of PostgreSQL's advisory locks: one judge of a patient at a time.
_PATIENT_LOCK = 74


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that raised for a patient; `error` may name values and stays inside the database."""

    patient_id: int
    rule_key: str
    error: str


def judge_patients(
    *,
    patient_ids: Sequence[int],
    as_of: date | None,
    at: datetime,
    late_since: Mapping[int, datetime] | None = None,
) -> list[Failure]:
    """Judge these patients by every rule in force, inside the caller's transaction; return the failures.

    `late_since`: see alerts.store_findings.
    """
    lock_patients(patient_ids=patient_ids)
    found = evidence.candidates(as_of=as_of, at=at, patient_ids=patient_ids)
    histories = dict(
        evidence.packed_histories(
            patient_ids=[candidate.patient_id for candidate in found],
            analytes=sorted({analyte for rule in RULES for analyte in rule.reads_labs}),
        )
    )
    failures: list[Failure] = []
    for rule in RULES:
        _, failed = judge_batch(
            rule=rule, batch=found, at=at, is_whole=False, late_since=late_since, histories=histories
        )
        note_failures(failed=failed, rule=rule, batch=found, run=None, at=at)
        failures.extend(failed)
    return failures


def judge_batch(
    *,
    rule: Rule,
    batch: Sequence[Candidate],
    at: datetime,
    is_whole: bool,
    late_since: Mapping[int, datetime] | None = None,
    again_on: date | None = None,
    numbers: Mapping[int, int] | None = None,
    histories: Mapping[int, PackedHistory] | None = None,
) -> tuple[Counts, list[Failure]]:
    """Judge a batch and store it; when that fails, store it patient by patient.

    `numbers`, `again_on`: see wake_ups.note_judgements; `late_since`, `is_whole`: alerts.store_findings;
    `histories`: read already, for all rules.
    Within `acting`, with the patients locked.
    """
    judged, failures = judge_unstored(rule=rule, batch=batch, histories=histories)

    def store(those: Sequence[Judged]) -> Counts:
        with transaction.atomic():
            counts = alerts.store_findings(
                rule=rule, judged=those, at=at, is_whole=is_whole, late_since=late_since
            )
            note_judgements(
                rule=rule, judged=those, at=at, is_whole=is_whole, numbers=numbers, again_on=again_on
            )
            return counts

    try:
        return store(judged), failures
    except SoftTimeLimitExceeded:
        raise
    except Exception:  # the database refused a row, or a rule fails when asked for its next day (G-9)
        logger.exception("storing a batch of rule %s failed, storing each patient alone", rule.key)
    counts = Counts()
    for each in judged:
        try:
            counts.add(store([each]))
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:  # noqa: BLE001 - one broken record blinds nobody (G-9)
            failures.append(_failure(rule, each.patient_id, error))
    return counts, failures


def judge_unstored(
    *, rule: Rule, batch: Sequence[Candidate], histories: Mapping[int, PackedHistory] | None = None
) -> tuple[list[Judged], list[Failure]]:
    """Judge a batch and store nothing: the findings, and for whom the rule raised."""
    judged: list[Judged] = []
    failures: list[Failure] = []
    as_of = {candidate.patient_id: candidate.as_of for candidate in batch}
    if histories is None:
        histories = dict(
            evidence.packed_histories(patient_ids=list(as_of), analytes=rule.reads_labs, reads=rule.reads)
        )
    for patient_id, packed in histories.items():
        try:
            # Of a record that is broken in one place, the rules that do not look there are not.
            history = packed.part(analytes=rule.reads_labs, reads=rule.reads).unpack()
            findings = rule.findings(history, as_of[patient_id])
        except SoftTimeLimitExceeded:  # the whole task is to stop; no patient is to blame
            raise
        except Exception as error:  # noqa: BLE001 - one broken record blinds nobody (G-9)
            failures.append(_failure(rule, patient_id, error))
        else:
            judged.append(Judged(patient_id, as_of[patient_id], history, findings))
    return judged, failures


def _failure(rule: Rule, patient_id: int, error: Exception) -> Failure:
    logger.error("rule %s failed for patient %s: %s", rule.key, patient_id, type(error).__name__)
    return Failure(patient_id, rule.key, f"{type(error).__name__}: {error}"[:500])


def note_failures(
    *, failed: Sequence[Failure], rule: Rule, batch: Sequence[Candidate], run: ScanRun | None, at: datetime
) -> None:
    """Keep each failure against its patient and run; what is judged again without failing is settled."""
    ScanFailure.objects.filter(
        rule=rule.key,
        settled_at__isnull=True,
        patient_id__in=[candidate.patient_id for candidate in batch],
    ).update(settled_at=at)
    ScanFailure.objects.bulk_create(
        ScanFailure(run=run, patient_id=f.patient_id, rule=f.rule_key, at=at, error=f.error) for f in failed
    )


def lock_patients(*, patient_ids: Sequence[int]) -> None:
    """Let nobody else judge these patients until the transaction ends; saving forms does not wait for it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, id::int) FROM unnest(%s::bigint[]) AS id ORDER BY id",
            [_PATIENT_LOCK, sorted(patient_ids)],
        )
