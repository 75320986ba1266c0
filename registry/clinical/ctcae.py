"""CTCAE laboratory grades, versions 5.0 and 6.0, as tables (clinical-reference.md 2.1).

Source: NCI CTCAE v5.0 (27 Nov 2017) and v6.0 (10 July 2025). A grade without its version means nothing:
ANC 0.6 is grade 3 in v5.0 and grade 2 in v6.0. Grades are derived from the canonical value, never stored
and never mapped from one version to the other.

Haemoglobin is graded on g/L: CTCAE prints 8.0 g/dL as 4.9 mmol/L, and 4.93 mmol/L lies between the two.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

from registry.clinical.units import Comparator

Version = Literal["5.0", "6.0"]
VERSIONS: tuple[Version, ...] = ("5.0", "6.0")


@dataclass(frozen=True, slots=True)
class Grade:
    """The grades a result can have: one, or several when the record cannot decide."""

    lowest: int
    highest: int

    @property
    def is_determined(self) -> bool:
        return self.lowest == self.highest

    @property
    def words(self) -> str:
        """`grade 3`, `grade 0 or 1`, `grade 1 to 4`."""
        if self.is_determined:
            return f"grade {self.lowest}"
        joint = "or" if self.highest == self.lowest + 1 else "to"
        return f"grade {self.lowest} {joint} {self.highest}"

    def __str__(self) -> str:
        return str(self.lowest) if self.is_determined else f"{self.lowest}-{self.highest}"


@dataclass(frozen=True, slots=True)
class _Criteria:
    """`below`: grade n or worse below its n-th limit, None being the laboratory's lower limit of normal.

    `above`: limit and grade of what lies above it. `transfusion`: the least grade when one is indicated.
    """

    below: tuple[Decimal | None, ...]
    above: tuple[tuple[Decimal, int], ...] = ()
    transfusion: int = 0


def _limits(*texts: str) -> tuple[Decimal | None, ...]:
    return tuple(None if text == "LLN" else Decimal(text) for text in texts)


_LYMPHOCYTOSIS = ((Decimal("4.0"), 2), (Decimal(20), 3))
_ANAEMIA = _Criteria(_limits("LLN", "100", "80"), transfusion=3)
_WBC = _Criteria(_limits("LLN", "3.0", "2.0", "1.0"))
_CD4 = _Criteria(_limits("LLN", "500", "200", "50"))

_CRITERIA: Mapping[tuple[str, Version], _Criteria] = MappingProxyType(
    {
        ("ANC", "5.0"): _Criteria(_limits("LLN", "1.5", "1.0", "0.5")),
        ("ANC", "6.0"): _Criteria(_limits("1.5", "1.0", "0.5", "0.1")),
        ("PLT", "5.0"): _Criteria(_limits("LLN", "75", "50", "25")),
        ("PLT", "6.0"): _Criteria(_limits("LLN", "75", "50", "10"), transfusion=3),
        ("HGB", "5.0"): _ANAEMIA,
        ("HGB", "6.0"): _ANAEMIA,
        ("WBC", "5.0"): _WBC,
        ("WBC", "6.0"): _WBC,
        ("ALC", "5.0"): _Criteria(_limits("LLN", "0.8", "0.5", "0.2"), above=_LYMPHOCYTOSIS),
        # v6.0 grades lymphopenia as "present" and no further.
        ("ALC", "6.0"): _Criteria(_limits("LLN"), above=_LYMPHOCYTOSIS),
        ("CD4", "5.0"): _CD4,
        ("CD4", "6.0"): _CD4,
    }
)


def grade_of(
    value: Decimal,
    *,
    analyte: str,
    version: Version,
    lower_limit: Decimal | None,
    comparator: Comparator = "",
    transfusion_indicated: bool = False,
) -> Grade | None:
    """Return the grade of a canonical value, or None for an analyte CTCAE does not grade by number here.

    `lower_limit` is the laboratory's lower limit of normal in the canonical unit; without it grade 0 and
    grade 1 cannot be told apart and both are given. `<x` and `>x` give every grade the result could be.
    """
    criteria = _CRITERIA.get((analyte, version))
    if criteria is None:
        return None
    floor = criteria.transfusion if transfusion_indicated else 0
    possible = {
        max(grade, floor)
        for point in _points(value, comparator=comparator, cuts=_cuts(criteria, lower_limit))
        for grade in _grades_at(point, criteria=criteria, lower_limit=lower_limit)
    }
    return Grade(min(possible), max(possible))


def _grades_at(value: Decimal, *, criteria: _Criteria, lower_limit: Decimal | None) -> set[int]:
    high = max((grade for limit, grade in criteria.above if value > limit), default=0)
    low = 0
    is_first_unknown = False
    for grade, limit in enumerate(criteria.below, start=1):
        threshold = lower_limit if limit is None else limit
        if threshold is None:
            is_first_unknown = True
        elif value < threshold:
            low = grade
    worst = max(low, high)
    # No laboratory's lower limit lies where the count is already too high.
    cannot_be_low = bool(criteria.above) and value >= criteria.above[0][0]
    if is_first_unknown and worst == 0 and not cannot_be_low:
        return {0, 1}
    return {worst}


def _cuts(criteria: _Criteria, lower_limit: Decimal | None) -> list[Decimal]:
    known = {limit for limit in criteria.below if limit is not None} | {limit for limit, _ in criteria.above}
    return sorted(known if lower_limit is None else known | {lower_limit})


def _points(value: Decimal, *, comparator: Comparator, cuts: list[Decimal]) -> Iterator[Decimal]:
    """Give one value of each piece of the number line that the result could lie in."""
    if not comparator:
        yield value
        return
    if comparator == "<":
        inside = [Decimal(0), *(cut for cut in cuts if 0 < cut < value)]
        yield from inside
        yield from (_middle(*pair) for pair in pairwise([*inside, value]))
        return
    inside = [cut for cut in cuts if cut > value]
    yield from inside
    yield from (_middle(*pair) for pair in pairwise([value, *inside]))
    yield max([value, *cuts]) + 1


def _middle(one: Decimal, other: Decimal) -> Decimal:
    return (one + other) / 2
