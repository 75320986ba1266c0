"""Bring what the house says of a history into the words of the oracle, so that the two can be compared."""

from collections.abc import Iterable, Mapping
from datetime import date

from registry.monitoring.catalogue import by_key
from registry.monitoring.evidence import Finding, History
from tests.monitoring import oracle_counts, oracle_malignancy, oracle_visits

Said = list[dict[str, object]]


def in_order(said: Iterable[dict[str, object]]) -> Said:
    return sorted(said, key=lambda one: sorted((key, str(value)) for key, value in one.items()))


def told(finding: Finding, keys: Iterable[str]) -> dict[str, object]:
    return {
        "subject": finding.subject,
        "certainty": finding.certainty,
        "severity": finding.severity,
        "first_on": finding.first_on,
        "last_on": finding.last_on,
        "day_zero": finding.day_zero,
    } | {key: finding.evidence[key] for key in keys}


def label(evidence: Mapping[str, object], name: str) -> str | None:
    """Return what follows `name:` in a label, or the name itself, or nothing without such a label."""
    for text in evidence["labels"]:  # type: ignore[attr-defined]
        found, _, value = text.partition(":")
        if found == name:
            return value or name
    return None


def cytopenia_told(finding: Finding) -> dict[str, object]:
    keys = (
        "lineage first_low_on last_low_on certain_days possible_days earliest_start_on latest_end_on"
        " outcome recovered_on deepest_value deepest_on"
    )
    evidence = finding.evidence
    grades = [label(evidence, name) for name in ("ctcae_v5", "ctcae_v6")]
    return told(finding, keys.split()) | {
        "baseline_low": label(evidence, "baseline_low") is not None,
        "supported": label(evidence, "supported") is not None,
        "largest_gap": int(label(evidence, "largest_gap") or 0),
        "deepest_value": plain(str(evidence["deepest_value"])),
        "grades": " ".join(str(grade) for grade in grades),
    }


def plain(value: str) -> str:
    """Contract section 4 asks for text; `<1.0` and `<1` are the same value."""
    return f"{value.rstrip('0').rstrip('.')}" if "." in value else value


def visit_told(finding: Finding) -> dict[str, object]:
    keys = "visit_code day_zero target_on opens_on closes_on days_overdue"
    return told(finding, keys.split()) | {"labels": sorted(finding.evidence["labels"])}  # type: ignore[call-overload]


def landmark_told(finding: Finding) -> dict[str, object]:
    return told(finding, ("lineage", "day_zero", "last_low_on", "reading"))


def trigger_told(finding: Finding) -> dict[str, object]:
    return told(finding, ("class", "onset", "latency_days"))


RULES = {
    "overdue_visit": (visit_told, oracle_visits.overdue_visits),
    "prolonged_cytopenia": (cytopenia_told, oracle_counts.cytopenias),
    "unresolved_at_day_28": (landmark_told, oracle_counts.landmarks),
    "secondary_malignancy": (trigger_told, oracle_malignancy.triggers),
}


def both(rule: str, history: History, as_of: date) -> tuple[Said, Said]:
    """Return what the house says and what the oracle says, in the same words and order."""
    told_as, oracle = RULES[rule]
    house = [told_as(finding) for finding in by_key(rule).findings(history, as_of)]
    return in_order(house), in_order(oracle(history, as_of))
