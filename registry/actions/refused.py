"""A record that cannot be kept, with every problem found, for the page to show beside its fields."""

from collections.abc import Iterable

from registry.clinical.refusals import Problem


class RecordRefused(ValueError):
    """Something of the record is impossible; nothing was written. `problems` say what and why."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(problems)
        super().__init__(", ".join(sorted({problem.field for problem in self.problems})))


def refuse_if(problems: Iterable[Problem]) -> None:
    """Raise RecordRefused when there is any problem."""
    found = tuple(problems)
    if found:
        raise RecordRefused(found)
