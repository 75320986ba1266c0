"""What is unlikely about an adverse event and asked before it is kept: a question beside its field.

Source: clinical-reference.md 5.2; ux.md 1, soft checks. Each question is one that a site can answer at once;
whoever keeps what was asked says why.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from registry.clinical.partial_dates import PartialDate
from registry.clinical.spoken_dates import spoken

FATAL_OUTCOME = "fatal"
DEATH_GRADE = 5


@dataclass(frozen=True, slots=True)
class Doubt:
    """A question about one field: what is odd, and the likely fix."""

    field: str
    question: str


def outcome_code(outcome: str) -> str:
    """Return the code of the list with which an outcome begins, empty for other words.

    The contract's `outcome` is free text; the form writes `recovered: by her own account`.
    """
    return outcome.partition(":")[0].strip().casefold()


def is_fatal(*, outcome: str, seriousness: Collection[str]) -> bool:
    """Whether the person died of the event, by criterion or outcome."""
    return "death" in seriousness or outcome_code(outcome) == FATAL_OUTCOME


def doubts_about(
    *,
    grade: int | None,
    seriousness: Collection[str],
    outcome: str,
    started_on: PartialDate | None,
    first_day_zero: date | None,
) -> list[Doubt]:
    """Return the questions about an event as it would stand."""
    found = []
    is_death = is_fatal(outcome=outcome, seriousness=seriousness)
    if grade == DEATH_GRADE and not is_death:
        found.append(
            Doubt(
                "grade",
                "Grade 5 is death of the event. Did the person die of it? Then tick death below and choose "
                "the outcome fatal; otherwise choose the grade before.",
            )
        )
    if is_death and grade != DEATH_GRADE:
        given = "no grade is given" if grade is None else f"the grade is {grade}"
        found.append(
            Doubt(
                "grade",
                f"Death is reported and {given}. Did the person die of this event? Then choose grade 5; "
                "if of something else, report that as an event of its own.",
            )
        )
    if outcome_code(outcome) == FATAL_OUTCOME and "death" not in seriousness:
        found.append(
            Doubt("seriousness", "The outcome is fatal and death is not ticked. Tick it, or choose another.")
        )
    if started_on is not None and first_day_zero is not None and started_on.latest < first_day_zero:
        found.append(
            Doubt(
                "started_on",
                f"It began before the first infusion on {spoken(first_day_zero)}. Was it there before? An "
                "illness from before is an event only where it got worse.",
            )
        )
    return found
