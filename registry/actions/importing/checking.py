"""One row put to the checks of record_checks.py: refused, or with its doubtful optional facts left out."""

from collections.abc import Callable, Mapping
from typing import Any

from registry.actions.importing.record import Ledger, Row
from registry.clinical.refusals import Problem

Facts = dict[str, Any]

# What may be taken away from a row so that the rest of it can be kept, when an import leaves out what it
# refuses: an adverse event whose end lies before its beginning is still an adverse event.
_SPARED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "patients.csv": {
        "follow_up_ended_on": ("follow_up_ended_on", "follow_up_end_reason", "cause_of_death"),
        "cause_of_death": ("cause_of_death",),
    },
    "labs.csv": {
        "lower_limit": ("lower_limit", "upper_limit"),
        "upper_limit": ("lower_limit", "upper_limit"),
    },
    "adverse_events.csv": {
        "started_on": ("started_on",),
        "ended_on": ("ended_on",),
        "grade": ("grade", "grade_scale"),
        "code": ("code", "code_system"),
        "coded_term": ("coded_term",),
        "body_system": ("body_system",),
    },
}


# Without its site a whole hospital would be left out in one line.
_NEVER_LEFT_OUT = ("sites.csv", "products.csv", "schedules.csv")


def accepted(
    *,
    file: str,
    row: Row,
    ledger: Ledger,
    check: Callable[[Facts], list[Problem]],
) -> Facts | None:
    """Return the facts of a row that passes, or None after noting in the ledger why it does not."""
    if not row.is_whole:
        return None
    facts = dict(row.facts)
    problems = _problems(row, check(facts))
    if problems and ledger.leaves_out:
        spared = _SPARED.get(file, {})
        taken_away = {name for problem in problems for name in spared.get(problem.field, ())}
        if taken_away:
            for problem in problems:
                if problem.field in spared:
                    ledger.spare(file, row, problem)
            facts = {name: _empty(value) if name in taken_away else value for name, value in facts.items()}
            problems = check(facts)
    for problem in problems:
        (ledger.stop if file in _NEVER_LEFT_OUT else ledger.refuse)(file, row, problem)
    return None if problems else facts


def _problems(row: Row, checked: list[Problem]) -> list[Problem]:
    """A cell that could not be read is not also reported as missing."""
    unread = {problem.field for problem in row.problems}
    return [*row.problems, *(problem for problem in checked if problem.field not in unread)]


def _empty(value: Any) -> Any:
    return "" if isinstance(value, str) else None


def unknown(field: str, value: str, *, what: str, where: str) -> Problem:
    """Return the problem of a reference that leads nowhere."""
    return Problem(
        field,
        value,
        f"There is no {what} {value}.",
        f"The id of a {what} in {where}, or of one already in the study.",
    )
