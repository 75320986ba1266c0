"""Disease activity of the invented cohort: high at enrolment, and how it went after day 0.

Source: clinical-reference.md 9.1, S1 (SLEDAI 12.8 falls to 3.6 by month 3 and 2.3 by month 6) and S2.
"""

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any

from registry.clinical.disease_activity import REACHED

# Share of the first value that is left, by months after day 0; comparators keep more.
_LEFT = ((2, 0.55), (5, 0.3), (11, 0.18), (1_000, 0.12))
_ASSESSED = ("D28", "M3", "M6", "M12", "M18", "M24")


def activity_rows(
    *, patient: dict[str, Any], day_zero: date, visits: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield rows of scores.csv of one patient, by a chance of its own: the others stay as they were."""
    random = Random(f"activity {patient['patient_id']}")  # noqa: S311 - invented people, no secret
    first = {"SLE": random.choice((8, 10, 12, 14, 16)), "SSC": random.randint(16, 34)}
    start, is_answering = patient["enrolled_on"], patient["cohort"] == "CAR_T" and random.random() < 0.85
    days = [(start, 1.0)] if start else []
    for visit in visits:
        on = visit["visited_on"]
        if visit["visit_code"] in _ASSESSED and on and on > day_zero:
            months = (on - day_zero).days / 30.4
            left = next(share for until, share in _LEFT if months < until)
            days.append((on, left if is_answering else min(1.0, left + 0.5)))
    for on, left in days:
        for score, value in _scores(patient["diagnosis"], first, left, random):
            yield {
                "patient_id": patient["patient_id"],
                "assessed_on": on,
                "score": score,
                "value": value,
            }


def _scores(
    diagnosis: str, first: dict[str, int], left: float, random: Random
) -> Iterator[tuple[str, int | float | str]]:
    if diagnosis == "SLE":
        total = 2 * round(first["SLE"] * left / 2)
        yield "SLEDAI-2K", total
        yield "CSLEDAI", max(total - random.choice((0, 2, 4)), 0) if total >= 4 else 0
        yield "PHGA", round(2.4 * left, 1)
    elif diagnosis == "SSC":
        yield "MRSS", round(first["SSC"] * (0.6 + 0.4 * left))
        yield "EUSTAR", f"{max(reached for reached in REACHED['EUSTAR'] if reached <= 1 + round(5 * left)):f}"
    else:
        yield "MMT8", round(80 - 18 * left)
        yield "HAQ-DI", round(1.75 * left * 8) / 8
