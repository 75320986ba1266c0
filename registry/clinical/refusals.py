"""How a refusal speaks: what we read, what we expect, what to do. The same words on page, API and import."""

import re
from dataclasses import dataclass

# Tab and line breaks are text. NUL ends a text in the database, C1 controls betray a wrong encoding,
# lone surrogates cannot be written as UTF-8.
CONTROL_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

# A cell of ten megabytes must not come back in an error report.
_SHOWN = 100


def shortened(value: str) -> str:
    """Return `value` fit for a message: its beginning, the cut marked, what cannot be printed replaced."""
    beginning = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
    return CONTROL_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", beginning)


@dataclass(frozen=True, slots=True)
class Problem:
    """One field that cannot be taken: the value as read, what is wrong with it, what would be taken."""

    field: str
    value: str
    problem: str
    accepted: str

    @property
    def for_people(self) -> str:
        return f"{self.problem} {self.accepted}".strip()


class EntryRefused(ValueError):
    """An entry that cannot be read. Base of the refusals below; each carries the value."""

    def __init__(self, value: str, problem: str, accepted: str) -> None:
        self.value = shortened(value)
        self.problem = problem
        self.accepted = accepted
        super().__init__(self.for_people)

    @property
    def for_people(self) -> str:
        return f"{self.problem} {self.accepted}".strip()

    def at(self, field: str) -> Problem:
        """Return this refusal as the problem of a field."""
        return Problem(field, self.value, self.problem, self.accepted)
