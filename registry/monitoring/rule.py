"""What a rule is: limits, a pure function, a version, dated changes (architecture.md)."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, Literal, get_args

from registry.monitoring.evidence import Certainty, Finding, History

Kind = Literal["visits", "supports", "events"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Change:
    """One dated line of a rule's history."""

    version: int
    on: date
    what: str


# Necessary conditions by name; each is tested with the rule's own limits (queries/preselection.py).
Condition = Literal[
    "closed_window",
    "prolonged_counts",
    "landmark_counts",
    "late_prolonged_counts",
    "transgene_rise",
    "high_lymphocytes",
    "blasts",
    "malignancy_report",
    "malignancy_answer",
    "malignancy_death",
]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a record must hold at the least: one of these conditions, generous and never narrow.

    A patient who meets none of them has no finding of the rule on any day, as long as the record stays, and
    need not be judged. A rule that names no condition judges everybody.

    `closed_window`: a planned visit not recorded, its window closed by the day asked for (OVD-4);
    `prolonged_counts`: low days that may last long enough (CYT-6, CYT-8); `landmark_counts`: a low day by
    the landmark that no proven recovery ended (LMK-1 to LMK-3); `late_prolonged_counts`, `transgene_rise`,
    `high_lymphocytes`, `blasts`: results as L2, T2, T4, L3 ask for (MAL-7); `malignancy_report`,
    `malignancy_answer`, `malignancy_death`: a category, code, *yes* or word of the lists (MAL-1).
    """

    any_of: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Raised:
    """What an alert was raised for, as the rule saw it last."""

    subject: str
    certainty: Certainty
    first_on: date | None
    last_on: date


def _never(history: History, raised: Raised, limits: Any) -> bool:
    """The rule asks for nothing that a record could settle: what is gone lost its ground."""
    return False


def _sleeps(history: History, as_of: date, limits: Any) -> date | None:
    """The calendar alone changes nothing that the rule says."""
    return None


def _as_it_was(evidence: Mapping[str, Any], since: date, on: date) -> Mapping[str, Any]:
    """The evidence holds nothing that grows with the calendar."""
    return evidence


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in force. `identity` says what makes two findings the same alert (G-7).

    `subject`: one alert per patient and subject, whatever its dates. `overlap`: findings of one
    subject whose spans share a day. `clock_keys`: evidence that can change by the calendar, or by newer
    lists, alone and is therefore no new evidence on a decided alert (G-8). `reads_labs`: the analytes
    whose series the rule looks at; `reads`: what else it looks at besides courses, enrolment and end of
    follow-up.
    `is_selected_by_date`: its pre-selection depends on the date: who is clear is asked about again when the
    next window closes.
    `wakes`: see `wake_on`; `carries`: see `carried`. `lists`: the versions of the code lists in force.
    """

    key: str
    version: int
    limits: Any
    judge: Callable[[History, date, Any], tuple[Finding, ...]]
    needs: Needs
    identity: Literal["subject", "overlap"]
    changes: tuple[Change, ...]
    title: str
    clock_keys: frozenset[str] = frozenset()
    reads_labs: tuple[str, ...] = ()
    reads: frozenset[Kind] = frozenset(KINDS)
    is_selected_by_date: bool = False
    wakes: Callable[[History, date, Any], date | None] = _sleeps
    carries: Callable[[Mapping[str, Any], date, date], Mapping[str, Any]] = _as_it_was
    lists: Callable[[], str] = str
    is_answered: Callable[[History, Raised, Any], bool] = _never

    def findings(self, history: History, as_of: date) -> tuple[Finding, ...]:
        """Judge what the history shows on `as_of`; patients out of scope have no findings."""
        seen = history.as_of(as_of)
        return self.judge(seen, as_of, self.limits) if seen.in_scope else ()

    def wake_on(self, history: History, as_of: date) -> date | None:
        """Return the first day after `as_of` on which the findings may differ though the record does not.

        What only `carried` changes is no difference. None: as long as the record stays, they stay.
        May be too early, never too late: until that day nobody looks at the patient again.
        """
        days = [history.next_fact_after(as_of)]
        seen = history.as_of(as_of)
        if seen.in_scope:
            days.append(self.wakes(seen, as_of, self.limits))
        return min((day for day in days if day is not None), default=None)

    def carried(self, evidence: Mapping[str, Any], *, since: date, on: date) -> Mapping[str, Any]:
        """Return the evidence found on `since` as the rule would write it `on` another day before it wakes.

        Days overdue and open ends grow with the calendar; they are brought up to date when they are
        read, because writing them every night would bury the audit trail.
        """
        return self.carries(evidence, since, on)

    def settles(self, history: History, as_of: date, raised: Raised) -> bool:
        """Say of an alert whose finding is gone whether the record settled it: `resolved`, not `withdrawn`.

        Settled: what the alert asked for was entered (the visit, the missing counts). Otherwise a change
        took its ground away (a corrected count, an earlier end of follow-up).
        """
        return self.is_answered(history.as_of(as_of), raised, self.limits)

    @property
    def name(self) -> str:
        """Key and version as one word, as `scan --shadow` takes it: `prolonged_cytopenia:2`."""
        return f"{self.key}:{self.version}"

    def proposed(self, *, version: int, limits: Any, on: date, why: str) -> "Rule":
        """Return a candidate version: the same judge with other limits, not in force.

        Its number is never given again. To put it in force is to make it the RULE of its file.
        """
        changes = (*self.changes, Change(version, on, why))
        return replace(self, version=version, limits=limits, changes=changes)

    def limits_unlike(self, other: "Rule") -> dict[str, dict[str, object]]:
        """Return the limits that differ, by name, as this rule and as the other has them."""
        mine, theirs = flat(self.limits_as_json), flat(other.limits_as_json)
        return {
            name: {"in_force": theirs.get(name), "shadow": value}
            for name, value in mine.items()
            if theirs.get(name) != value
        }

    @property
    def limits_as_json(self) -> Mapping[str, object]:
        """The limits as the run stores them: decimals as text, limits shared by rules as an object."""
        return _as_json(asdict(self.limits))


def _as_json(limits: Mapping[str, Any]) -> dict[str, object]:
    return {
        name: _as_json(value)
        if isinstance(value, dict)
        else (value if isinstance(value, int) else str(value))
        for name, value in limits.items()
    }


def flat(limits: Mapping[str, object]) -> dict[str, object]:
    """Name limits that rules share by the name of their group: `counts.recovery_days_count`."""
    rows: dict[str, object] = {}
    for name, value in limits.items():
        if isinstance(value, Mapping):
            rows |= {f"{name}.{inner}": inner_value for inner, inner_value in flat(value).items()}
        else:
            rows[name] = value
    return rows
