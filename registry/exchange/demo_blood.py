"""Immunoglobulins, B cells and what lupus and myositis are followed by, of the invented cohort.

Source: clinical-reference.md 9.1, S1 (B cells gone by day 10 and back at about day 110; complement and
anti-dsDNA normalise with the disease; IgG falls and slowly recovers).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from random import Random
from typing import Any

_MEASURED = ("D28", "M3", "M6", "M12", "M18", "M24")
# What is left of the first value, by days after day 0.
_B_CELLS = ((40, 0.01), (120, 0.06), (240, 0.3), (100_000, 0.6))
_IGG = ((40, 0.75), (120, 0.55), (240, 0.5), (450, 0.65), (100_000, 0.8))


def blood_rows(
    *, patient: Mapping[str, Any], day_zeros: Sequence[date], visits: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield rows of labs.csv of one patient, by a chance of its own: the others stay as they were.

    `day_zeros`: of every course, the earliest first.
    """
    random = Random(f"blood {patient['patient_id']}")  # noqa: S311 - invented people, no secret
    first = {"CD19": random.randint(120, 310), "IGG": random.uniform(8.5, 15)}
    seen = [v["visited_on"] for v in visits if v["visit_code"] in _MEASURED and v["visited_on"]]
    is_depleted = patient["cohort"] == "CAR_T"
    for on in sorted({*day_zeros, *seen}):
        day = min((on - day_zero).days for day_zero in day_zeros if day_zero <= on)
        b_cells, igg = first["CD19"], first["IGG"]
        if day > 0 and is_depleted:
            b_cells, igg = b_cells * _left(_B_CELLS, day), igg * _left(_IGG, day)
        measured = [
            ("CD19", str(round(b_cells * random.uniform(0.8, 1.2))), "/uL", "90", "570"),
            ("IGG", f"{igg * random.uniform(0.92, 1.08):.1f}", "g/L", "7.0", "16.0"),
            *_of_disease(str(patient["diagnosis"]), random, is_active=day < 20 or not is_depleted),
        ]
        for analyte, value, unit, lower, upper in measured:
            yield {
                "patient_id": patient["patient_id"],
                "collected_on": on,
                "analyte": analyte,
                "value": value,
                "unit": unit,
                "lower_limit": lower,
                "upper_limit": upper,
            }


def _of_disease(
    diagnosis: str, random: Random, *, is_active: bool
) -> Iterator[tuple[str, str, str, str, str]]:
    if diagnosis == "SLE":
        c3, c4 = (random.uniform(0.5, 0.85), random.uniform(0.04, 0.09))
        dsdna = random.randint(60, 420)
        if not is_active:
            c3, c4, dsdna = c3 + 0.45, c4 + 0.12, dsdna // 40
        yield "C3", f"{c3:.2f}", "g/L", "0.90", "1.80"
        yield "C4", f"{c4:.2f}", "g/L", "0.10", "0.40"
        yield "ANTI_DSDNA", str(dsdna), "IU/mL", "", "15"
    elif diagnosis == "IIM":
        ck = random.randint(600, 2_600) if is_active else random.randint(60, 210)
        yield "CK", str(ck), "U/L", "30", "190"


def _left(course: tuple[tuple[int, float], ...], day: int) -> float:
    return next(share for until, share in course if day < until)
