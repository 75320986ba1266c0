"""What a rule says of a drawn history, in day numbers and few words."""

from registry.monitoring import overdue_visit, prolonged_cytopenia, unresolved_at_day_28
from registry.monitoring.evidence import Finding, History
from tests.tables import day_number, on_day


def cytopenias(history: History, *, as_of_day: int = 120) -> tuple[Finding, ...]:
    return prolonged_cytopenia.RULE.findings(history, on_day(as_of_day))


def landmarks(history: History, *, as_of_day: int = 120) -> tuple[Finding, ...]:
    return unresolved_at_day_28.RULE.findings(history, on_day(as_of_day))


def overdue(history: History, *, as_of_day: int) -> tuple[Finding, ...]:
    return overdue_visit.RULE.findings(history, on_day(as_of_day))


def span(finding: Finding) -> str:
    """`certain 3-35`: certainty, first and last day."""
    return f"{finding.certainty} {day_number(finding.first_on)}-{day_number(finding.last_on)}"


def spans(findings: tuple[Finding, ...]) -> list[str]:
    return [f"{finding.subject[:3]} {span(finding)}" for finding in findings]


def episode_said(finding: Finding) -> dict[str, object]:
    """The evidence of an episode with its dates as day numbers of `DAY_0`."""
    return {
        key: day_number(value) if key.endswith("_on") else value for key, value in finding.evidence.items()
    }


def readings(findings: tuple[Finding, ...]) -> list[str]:
    """`ANC certain landmark 24`: lineage, certainty, reading, last low day."""
    return [
        f"{finding.evidence['lineage']} {finding.certainty} {finding.evidence['reading']} "
        f"{day_number(finding.evidence['last_low_on'])}"
        for finding in findings
    ]
