"""What a rule is: limits, a pure function, a version, dated changes (architecture.md)."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

from registry.monitoring.evidence import Finding, History


@dataclass(frozen=True, slots=True)
class Change:
    """One dated line of a rule's history."""

    version: int
    on: date
    what: str


@dataclass(frozen=True, slots=True)
class Needs:
    """A necessary condition that the database can test, generous and never narrow.

    A patient who meets none of them cannot have a finding of the rule and need not be judged:
    `everyone`: no condition; `low_results`: a result below the limits of prolonged_cytopenia;
    `adverse_events`: any; `new_malignancy_answers`: a *yes*; `analytes`: any result of these;
    `cause_of_death`: a text.
    """

    everyone: bool = False
    low_results: bool = False
    adverse_events: bool = False
    new_malignancy_answers: bool = False
    analytes: tuple[str, ...] = ()
    cause_of_death: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in force. `identity` says what makes two findings the same alert (G-7).

    `subject`: one alert per patient and subject, whatever its dates. `overlap`: findings of one
    subject whose spans share a day. `clock_keys`: evidence that can change by the calendar alone and
    is therefore no new evidence on a decided alert (G-8).
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

    def findings(self, history: History, as_of: date) -> tuple[Finding, ...]:
        """Judge what the history shows on `as_of`; patients out of scope have no findings."""
        seen = history.as_of(as_of)
        return self.judge(seen, as_of, self.limits) if seen.in_scope else ()

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
