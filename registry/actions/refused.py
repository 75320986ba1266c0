"""A record that cannot be kept, with every problem found, for the page to show beside its fields."""

from collections.abc import Iterable

from django.db import DatabaseError

from registry.clinical.refusals import Problem


class RecordRefused(ValueError):
    """Something of the record is impossible; nothing was written. `problems` say what and why."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(problems)
        super().__init__(", ".join(sorted({problem.field for problem in self.problems})))


class FormOfAnotherRecord(RuntimeError):
    """The sent form was stored before, for another patient or another visit; nothing was written now."""

    for_people = (
        "This form was saved before, for another patient or another visit. Nothing of it was stored here: "
        "open the form anew where it belongs and type it there."
    )


def form_of_another_behind(error: DatabaseError) -> FormOfAnotherRecord | None:
    """Return the refusal that a database error is: a form's `submission` that is another row's; else None.

    The row may be one of a patient whom the person does not see, and then nobody but the database knows.
    """
    told = getattr(error.__cause__, "diag", None)
    return FormOfAnotherRecord() if "_submission_" in (getattr(told, "constraint_name", None) or "") else None


def refuse_if(problems: Iterable[Problem]) -> None:
    """Raise RecordRefused when there is any problem."""
    found = tuple(problems)
    if found:
        raise RecordRefused(found)
