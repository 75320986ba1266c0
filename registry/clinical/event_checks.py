"""The impossible among adverse events; see record_checks.py, the door to all checks."""

from collections.abc import Collection
from datetime import date

from registry.clinical import code_lists
from registry.clinical.code_lists import TEXT_LIMITS
from registry.clinical.entry_checks import (
    Life,
    check_all_listed,
    check_code,
    check_listed,
    check_required_text,
    check_text,
    check_texts,
    check_whole_number,
    spoken,
)
from registry.clinical.partial_dates import PartialDate
from registry.clinical.refusals import Problem, shortened


def check_event(
    *,
    event_id: str,
    term: str,
    birth_year: int | None,
    died_on: date | None,
    today: date,
    category: str = "",
    code_system: str = "",
    code: str = "",
    grade: int | None = None,
    grade_scale: str = "",
    started_on: PartialDate | None = None,
    ended_on: PartialDate | None = None,
    serious: bool | None = None,
    seriousness: Collection[str] = (),
    relatedness: str = "",
    outcome: str = "",
    narrative: str = "",
) -> list[Problem]:
    """Check an adverse event. It may outlast death in the record; it cannot begin after it."""
    life = Life(birth_year=birth_year, died_on=died_on, today=today)
    until_today = Life(birth_year=birth_year, died_on=None, today=today)
    found = [
        *check_required_text(field="event_id", value=event_id),
        *check_required_text(field="term", value=term),
        *check_listed(field="category", value=category, codes=code_lists.EVENT_CATEGORIES, required=False),
        *_check_coded(system=code_system, code=code),
        *check_whole_number(field="grade", value=grade, low=1, high=5),
        *check_listed(field="grade_scale", value=grade_scale, codes=code_lists.GRADE_SCALES, required=False),
        *life.check(field="started_on", on=started_on, what="An event that began"),
        *until_today.check(field="ended_on", on=ended_on, what="An event that ended"),
        *check_all_listed(field="seriousness", values=seriousness, codes=code_lists.SERIOUSNESS),
        *check_listed(field="relatedness", value=relatedness, codes=code_lists.RELATEDNESS, required=False),
        *check_texts(outcome=outcome, narrative=narrative),
    ]
    if started_on is not None and ended_on is not None and ended_on.latest < started_on.earliest:
        found.append(
            Problem(
                "ended_on",
                str(ended_on),
                f"The event ended in {ended_on}, before it began in {started_on}."
                if not (started_on.is_complete and ended_on.is_complete)
                else f"The event ended on {spoken(ended_on.latest)}, before it began on "
                f"{spoken(started_on.earliest)}.",
                "Correct one of the two dates.",
            )
        )
    if seriousness and serious is not True:
        found.append(
            Problem(
                "serious",
                "" if serious is None else "N",
                f"The event is not marked serious and meets {', '.join(seriousness)}.",
                "Mark it serious (Y), or leave the criteria empty.",
            )
        )
    return found


def _check_coded(*, system: str, code: str) -> list[Problem]:
    if not system and not code:
        return []
    if not system:
        return [
            Problem(
                "code_system",
                "",
                f"The code {shortened(code)} has no code system.",
                f"One of: {', '.join(code_lists.CODE_SYSTEMS)}.",
            )
        ]
    if not code:
        return [
            Problem("code", "", f"The code system {shortened(system)} has no code.", "Give both or neither.")
        ]
    return (
        check_listed(field="code_system", value=system, codes=code_lists.CODE_SYSTEMS)
        or check_text(field="code", value=code, maximum=TEXT_LIMITS["code"])
        or check_code(system=system, code=code)
    )
