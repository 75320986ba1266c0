"""Rule 4's laboratory triggers (MAL-7) and code table (MAL-2, MAL-8) a second time; see oracle_counts."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal

from registry.monitoring.evidence import History, LabPoint
from tests.monitoring import oracle_counts


def seen(history: History, analyte: str, day_zero: date, as_of: date) -> list[tuple[int, LabPoint]]:
    """The results of one course with their day numbers, in order of time."""
    later = [day for day in history.day_zeros if day_zero < day <= as_of]
    found = [
        ((point.collected_on - day_zero).days, point)
        for point in history.labs.get(analyte, ())
        if point.collected_on <= as_of
        and point.collected_on >= day_zero
        and (not later or point.collected_on < min(later))
    ]
    return sorted(found, key=lambda pair: pair[0])


def surely_at_least(point: LabPoint, limit: Decimal) -> bool:
    return point.comparator != "<" and point.value >= limit


def surely_over(point: LabPoint, limit: Decimal) -> bool:
    return point.value >= limit if point.comparator == ">" else not point.comparator and point.value > limit


def pair_apart(points: list[tuple[int, LabPoint]], days: int, holds: Callable[[LabPoint], bool]) -> list[int]:
    """Return all days that belong to some pair that far apart of which both hold."""
    good = [day for day, point in points if holds(point)]
    return sorted({day for one in good for other in good for day in (one, other) if abs(one - other) >= days})


def transgene_rises(points: list[tuple[int, LabPoint]]) -> list[int]:
    """T2: two results 14 days apart, both at least 10 times the lowest value after day 30 before them.

    No sentence says what ten times nothing is: a result of 0 is no rise, any other is. `<10` lies below
    10, so that 10 is taken for its value; nothing is known of the height of `>100` but that it is over.
    """
    found = set()
    for first_day, first in points:
        for second_day, second in points:
            if second_day - first_day < 14:
                continue
            earlier = [p.value for day, p in points if 30 < day < first_day and p.comparator != ">"]
            if earlier and all(
                p.value > 0 and surely_at_least(p, 10 * min(earlier)) for p in (first, second)
            ):
                found |= {first_day, second_day}
    return sorted(found)


def blasts(points: list[tuple[int, LabPoint]]) -> tuple[str, list[int]]:
    """L3. All results that fulfil either half are its evidence."""
    once = [day for day, point in points if surely_at_least(point, Decimal(5))]
    twice = pair_apart(points, 7, lambda point: surely_at_least(point, Decimal(1)))
    return ("certain" if once else "possible"), sorted({*once, *twice})


def late_episodes(history: History, day_zero: date, as_of: date) -> list[tuple[str, list[int]]]:
    """L2: the certain episodes of rule 2 with a low day after day 90, as day numbers."""
    found = []
    for lineage in oracle_counts.LIMIT:
        course = oracle_counts.course_of(history, lineage, day_zero, as_of)
        for episode in oracle_counts.certain_episodes(course):
            days = [(day - day_zero).days for day in episode]
            if days[-1] > 90:
                found.append((lineage, days))
    return found


def clonal_cytopenia(history: History, day_zero: date, as_of: date) -> list[int]:
    """L2: two lineages that overlap in time, or one with a large or grown MCV from its late low day on."""
    late = late_episodes(history, day_zero, as_of)
    before = [p for p in history.labs.get("MCV", ()) if p.collected_on < day_zero and not p.comparator]
    # Of several results of the last day no sentence says which: the lowest misses no rise.
    base = max(before, key=lambda p: (p.collected_on, -p.value)).value if before else None
    days: set[int] = set()
    for lineage, low_days in late:
        for other_lineage, other in late:
            if lineage != other_lineage and low_days[0] <= other[-1] and other[0] <= low_days[-1]:
                days |= {*low_days, *other}
        first_late = min(day for day in low_days if day > 90)
        for day, point in seen(history, "MCV", day_zero, as_of):
            grown = base is not None and surely_at_least(point, base + 5)
            if day >= first_late and (surely_over(point, Decimal(100)) or grown):
                days |= {*low_days, day}
    return sorted(days)


def evidence_days(history: History, zero: date, as_of: date) -> Iterator[tuple[str, str, list[int]]]:
    """MAL-7 in one course: each trigger's certainty and the days that fulfil it."""
    late = [pair for pair in seen(history, "ALC", zero, as_of) if pair[0] > 90]
    yield "T2", "possible", transgene_rises(seen(history, "CAR_DNA", zero, as_of))
    yield "T4", "possible", pair_apart(late, 14, lambda point: surely_over(point, Decimal("4.0")))
    yield "L2", "possible", clonal_cytopenia(history, zero, as_of)
    yield "L3", *blasts(seen(history, "BLASTS", zero, as_of))


def triggers(history: History, as_of: date) -> Iterator[dict[str, object]]:
    """MAL-7 at the as-of date. One source, one candidate (MAL-10): the courses are told together."""
    if not oracle_counts.in_scope(history, as_of):
        return
    found: dict[str, list[tuple[date, str, date, date]]] = {}
    for zero in sorted({day for day in history.day_zeros if day <= as_of}):
        for name, certainty, days in evidence_days(history, zero, as_of):
            if days:
                first, last = zero + timedelta(days=days[0]), zero + timedelta(days=days[-1])
                found.setdefault(name, []).append((zero, certainty, first, last))
    for name, parts in found.items():
        zero, _, onset, _ = parts[0]
        yield {
            "subject": f"trigger:{name}",
            "certainty": min(certainty for _, certainty, _, _ in parts),
            "severity": "critical" if name == "L3" else "medium",
            "day_zero": zero,
            "first_on": onset,
            "last_on": max(last for _, _, _, last in parts),
            "class": "unspecified",
            "onset": onset.isoformat(),
            "latency_days": (onset - zero).days,
        }


def class_of_icd10(code: str) -> tuple[str, str] | None:
    """Return certainty and class of an ICD-10 code (MAL-2, MAL-8), or nothing for no candidate."""
    code = code.strip().upper().replace(".", "")
    head, tail = code[:3], code[3:]
    if not re.fullmatch(r"[CD]\d[0-9A-Z]", head):
        return None
    if head in ("D45", "D46") or (head == "D47" and tail[:1] in ("1", "3", "4", "5")):
        return "certain", "myeloid"
    if head == "D47" and tail[:2] == "Z1":
        return "certain", "lymphoid"
    if head[0] == "D" and head[1:].isdigit():
        number = int(head[1:])
        if number <= 9:
            return "certain", "in_situ"
        return ("possible", "uncertain") if 37 <= number <= 49 else None
    if head in ("C7A", "C7B", "C4A"):
        return "certain", "solid"
    if not head[1:].isdigit() or int(head[1:]) > 97:
        return None
    if head in ("C84", "C86") or code[:4] in ("C915", "C916", "C835"):
        return "certain", "t_cell"
    if head in ("C92", "C93", "C94"):
        return "certain", "myeloid"
    if 81 <= int(head[1:]) <= 96:
        return "certain", "lymphoid"
    return "certain", "skin_non_melanoma" if head == "C44" else "solid"


def behaviour(code: str) -> str | None:
    """ICD-O-3 by its behaviour digit (MAL-2)."""
    digit = code.partition("/")[2][:1]
    return {"3": "certain", "6": "certain", "9": "certain", "2": "certain", "1": "possible"}.get(digit)
