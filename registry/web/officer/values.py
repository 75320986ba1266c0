"""The results behind an alert as table rows: as entered, canonical, graded twice, and what they count as."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

from registry.clinical.analytes import ANALYTES
from registry.clinical.ctcae import Comparator, Version, grade_of
from registry.clinical.study_days import study_day
from registry.clinical.units import format_value, to_canonical, unit_label
from registry.models import LabResult
from registry.monitoring.blood_counts import (
    LINEAGES,
    CountLimits,
    Course,
    DayCount,
    Lineage,
    courses,
    days_of,
    is_below,
)
from registry.monitoring.evidence import History, LabPoint, Support
from registry.queries.alert_file import AlertFile
from registry.web.officer.wording.told import anchor_of

# What a laboratory trigger of the malignancy rule looks at (rules.md MAL-7).
_TRIGGER_ANALYTES: Mapping[str, tuple[str, ...]] = {
    "T2": ("CAR_DNA",),
    "T4": ("ALC",),
    "L2": ("ANC", "PLT", "HGB", "MCV"),
    "L3": ("BLASTS",),
}
_TRIGGERING = re.compile(r"(\w+) [<>]?[\d.]+ .* on (\d{4}-\d{2}-\d{2})")
_TRIGGER_LIMITS = {
    "ALC": "lymphocytes_over_10e9_per_l",
    "BLASTS": "blasts_once_percent",
    "MCV": "mcv_over_fl",
}


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One result as the page shows it. `state`: low, supported, not_low or empty, as rules 2 and 3 count."""

    result: LabResult
    day: int
    anchor: str
    entered: str
    canonical: str
    grade_v5: str
    grade_v6: str
    state: str
    marks: tuple[str, ...]
    is_used: bool
    is_superseded: bool


@dataclass(frozen=True, slots=True)
class Series:
    """The results of one analyte; `near`: from a month before the alert's span on, `before`: earlier ones."""

    analyte: str
    name: str
    unit: str
    rows: tuple[ValueRow, ...]
    near: tuple[ValueRow, ...]
    before: tuple[ValueRow, ...]
    limit: Decimal | None

    @property
    def is_graded(self) -> bool:
        return any(row.grade_v5 or row.grade_v6 for row in self.rows)


def analytes_of(*, subject: str, evidence: Mapping[str, Any]) -> tuple[str, ...]:
    """The analytes whose values an officer needs beside this alert."""
    lineage = evidence.get("lineage")
    if lineage in ANALYTES:
        return (str(lineage),)
    kind, _, name = subject.partition(":")
    return _TRIGGER_ANALYTES.get(name, ()) if kind == "trigger" else ()


def series_of(
    *, file: AlertFile, analytes: Sequence[str], used: Sequence[int], near_from: date
) -> list[Series]:
    """The table of each analyte that has results."""
    limits = _count_limits(file.alert.limits)
    made = []
    for analyte in analytes:
        results = [result for result in file.results if result.analyte == analyte]
        if results:
            made.append(_series(file, analyte, results, frozenset(used), near_from, limits))
    return made


def _series(
    file: AlertFile,
    analyte: str,
    results: Sequence[LabResult],
    used: frozenset[int],
    near_from: date,
    limits: CountLimits,
) -> Series:
    lineage = next((known for known in LINEAGES if known == analyte), None)
    limit = limits.low_below(lineage) if lineage else _trigger_limit(file.alert.limits, analyte)
    counted = _counted_days(file, lineage, results, limits) if lineage else {}
    recovery = _recovery_days(file.alert.evidence, counted, limits)
    triggering = _days_of_trigger(file.alert.evidence)
    landmark_low = _last_low_of_landmark(file.alert.evidence)
    shown = {result.pk for result in results}
    rows: list[ValueRow] = []
    days_seen: set[date] = set()
    for result in results:
        is_first = result.collected_on not in days_seen
        days_seen.add(result.collected_on)
        rows.append(
            ValueRow(
                result=result,
                day=study_day(result.collected_on, day_zero=file.alert.day_zero),
                anchor=anchor_of(result.collected_on) if is_first else "",
                entered=f"{result.entered_value} {unit_label(result.entered_unit)}",
                canonical=f"{result.comparator}{format_value(result.value, analyte=analyte)}",
                grade_v5=_grade(result, "5.0"),
                grade_v6=_grade(result, "6.0"),
                state=_state(result, counted),
                marks=tuple(
                    filter(None, [*_marks(result, file, counted, recovery, limit), _was(result, shown)])
                ),
                is_used=result.pk in used
                or (analyte, result.collected_on) in triggering
                or (result.collected_on == landmark_low and _state(result, counted) == "low"),
                is_superseded=result.superseded_at is not None,
            )
        )
    measured = ANALYTES[analyte]
    return Series(
        analyte=analyte,
        name=measured.name,
        unit=unit_label(measured.canonical_unit),
        rows=tuple(rows),
        near=tuple(row for row in rows if row.result.collected_on >= near_from),
        before=tuple(row for row in rows if row.result.collected_on < near_from),
        limit=limit,
    )


def _count_limits(stored: Mapping[str, Any]) -> CountLimits:
    """The limits as stored with the alert, so that old alerts keep their marks; else those in force."""
    # The malignancy rule keeps the limits of rule 2 with its laboratory triggers.
    of_rule_2 = stored.get("triggers", {}).get("cytopenia", stored)
    found = of_rule_2.get("counts")
    if not isinstance(found, Mapping):
        return CountLimits()
    in_force = CountLimits()
    return CountLimits(
        **{
            each.name: type(getattr(in_force, each.name))(found[each.name])
            for each in fields(CountLimits)
            if each.name in found
        }
    )


def _trigger_limit(stored: Mapping[str, Any], analyte: str) -> Decimal | None:
    """The level a laboratory trigger compares this analyte with, as stored with the alert."""
    name = _TRIGGER_LIMITS.get(analyte, "")
    text = stored.get("triggers", {}).get(name)
    return None if text is None else Decimal(str(text))


def _days_of_trigger(evidence: Mapping[str, Any]) -> frozenset[tuple[str, date]]:
    """The results that a laboratory trigger names, by analyte and day: `ALC 4.6 ×10⁹/L on 2024-09-12`."""
    found = (_TRIGGERING.fullmatch(str(words)) for words in evidence.get("matched", ()))
    return frozenset((hit[1], date.fromisoformat(hit[2])) for hit in found if hit)


def _last_low_of_landmark(evidence: Mapping[str, Any]) -> date | None:
    """The day that rule 3 stands on: it stores the last low day up to day 28 instead of results (LMK-1)."""
    return date.fromisoformat(evidence["last_low_on"]) if "reading" in evidence else None


def _counted_days(
    file: AlertFile, lineage: Lineage, results: Iterable[LabResult], limits: CountLimits
) -> dict[date, DayCount]:
    """What each day of the alert's course counts as, by the rules' own reading."""
    current = [result for result in results if result.superseded_at is None]
    if not current:
        return {}
    history = History(
        patient_id=file.alert.patient_id,
        enrolled_on=file.alert.patient.enrolled_on,
        day_zeros=file.day_zeros,
        follow_up_ended_on=file.alert.patient.follow_up_ended_on,
        labs={lineage: tuple(map(_point, current))},
        supports=tuple(Support(given.given_on, given.kind) for given in file.supports),
    )
    course = _course(history, file.alert.day_zero, max(result.collected_on for result in current))
    if course is None:
        return {}
    days = days_of(history=history, course=course, lineage=lineage, limits=limits)
    return {day.on: day for day in days}


def _course(history: History, day_zero: date, to: date) -> Course | None:
    return next(
        (course for course in courses(history=history, as_of=to) if course.day_zero == day_zero), None
    )


def _point(result: LabResult) -> LabPoint:
    return LabPoint(result.pk, result.collected_on, result.value, _comparator(result))


def _comparator(result: LabResult) -> Comparator:
    return "<" if result.comparator == "<" else ">" if result.comparator == ">" else ""


def _recovery_days(
    evidence: Mapping[str, Any], counted: Mapping[date, DayCount], limits: CountLimits
) -> dict[date, str]:
    """The recovery date and the counts that confirm it (CYT-4)."""
    if not evidence.get("recovered_on"):
        return {}
    first = date.fromisoformat(evidence["recovered_on"])
    run = [on for on, day in counted.items() if on >= first and day.state == "not_low"]
    confirming = dict.fromkeys(run[1 : limits.recovery_days_count], "confirms the recovery")
    return {first: "recovery", **confirming}


def _state(result: LabResult, counted: Mapping[date, DayCount]) -> str:
    day = counted.get(result.collected_on)
    return day.state if day and day.lowest.result_id == result.pk else ""


def _marks(
    result: LabResult,
    file: AlertFile,
    counted: Mapping[date, DayCount],
    recovery: Mapping[date, str],
    limit: Decimal | None,
) -> Iterable[str]:
    if result.superseded_at is not None:
        newer = result.superseded_by
        yield (
            f"corrected since: now {newer.entered_value} {unit_label(newer.entered_unit)}"
            if newer
            else ("taken back since")
        )
        return
    if limit is None or result.analyte not in LINEAGES:
        return
    day = counted.get(result.collected_on)
    if day is None:
        if result.collected_on < file.alert.day_zero and is_below(_point(result), limit):
            yield "low, before day 0"
        elif result.collected_on >= file.alert.day_zero:
            yield "not evaluable" if result.comparator else "not counted"
    elif day.lowest.result_id != result.pk:
        yield (
            "low, not the lowest of the day" if result.pk in day.low_results else "not the lowest of the day"
        )
    else:
        yield {"low": "low", "supported": "lifted by a support", "not_low": ""}[day.state]
        yield recovery.get(result.collected_on, "")


def _was(result: LabResult, shown: Collection[int]) -> str:
    """What a corrected value was before, unless the old value has a row of its own."""
    older = getattr(result, "supersedes", None)
    if older is None or older.pk in shown:
        return ""
    return f"corrected, was {older.entered_value} {unit_label(older.entered_unit)}"


def _grade(result: LabResult, version: Version) -> str:
    lower = result.lower_limit
    grade = grade_of(
        result.value,
        analyte=result.analyte,
        version=version,
        lower_limit=None
        if lower is None
        else to_canonical(lower, analyte=result.analyte, unit=result.entered_unit),
        comparator=_comparator(result),
    )
    return grade.words if grade else ""
