"""What a candidate version of a rule would say beside the version in force, of one patient.

Finding is compared with finding, on the same record and date: a stored alert may lag behind, and a person
may have decided on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from registry.monitoring.evidence import Finding
from registry.monitoring.identity import KnownAlert, plan


@dataclass(frozen=True, slots=True)
class Comparison:
    """Findings only the candidate has, only the version in force has, and both have but not alike.

    `changed`: pairs (in force, candidate) of the same finding (G-7) with another certainty, severity or
    span. `unchanged`: how many are the same in all of these.
    """

    gained: tuple[Finding, ...]
    lost: tuple[Finding, ...]
    changed: tuple[tuple[Finding, Finding], ...]
    unchanged: int


def compare(
    *,
    in_force: Sequence[Finding],
    candidate: Sequence[Finding],
    identity: Literal["subject", "overlap"],
) -> Comparison:
    """Compare as a change of version would: what is the same alert by G-7 is the same finding.

    Two that the candidate joins: the first stays, the other is lost. One that it splits: the part with the
    larger overlap stays, the other is gained.
    """
    known = [
        KnownAlert(
            alert_id=position,
            subject=finding.subject,
            first_on=finding.first_on,
            last_on=finding.last_on,
            state="open",
            raised_at=datetime.min,  # noqa: DTZ901 - none is older than another: their order decides
        )
        for position, finding in enumerate(in_force)
    ]
    planned = plan(findings=candidate, alerts=known, identity=identity)
    pairs = [
        (in_force[match.alert_id], match.finding) for match in planned.matches if match.alert_id is not None
    ]
    changed = tuple(pair for pair in pairs if _said(pair[0]) != _said(pair[1]))
    absorbed = [position for match in planned.matches for position in match.absorbed]
    return Comparison(
        gained=tuple(match.finding for match in planned.matches if match.alert_id is None),
        lost=tuple(in_force[position] for position in sorted([*planned.gone, *absorbed])),
        changed=changed,
        unchanged=len(pairs) - len(changed),
    )


def _said(finding: Finding) -> tuple[object, ...]:
    return (finding.certainty, finding.severity, finding.first_on, finding.last_on)
