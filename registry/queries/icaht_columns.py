"""The ICAHT grades of a course as columns of the infusions (clinical/icaht.py), derived when they are read.

A comparator has no infusion and no such grade. Counts are read once for a batch of infusions.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from registry.clinical.icaht import LAST_EARLY_DAY, LAST_LATE_DAY, VERSION, Count, EarlyGrade, LateGrade, Span
from registry.models import Infusion, LabResult, Patient
from registry.monitoring.blood_counts import value_text
from registry.monitoring.evidence import Comparator, History, LabPoint
from registry.monitoring.icaht import CourseGrades, grades_by_course
from registry.queries.dataset_frame import Column, Known

_OF: tuple[str, ...] = (
    "LabResult.value",
    "LabResult.comparator",
    "LabResult.collected_on",
    "Course.day_zero",
    "Patient.follow_up_ended_on",
)
_UNIT = "10*9/L"


def learn_icaht(infusions: Sequence[Infusion], known: Known) -> None:
    """Grade the courses of these infusions; their patients are known already."""
    counts = _counts_by_patient(infusions)
    grades = {
        patient_id: {
            grades.day_zero: grades for grades in _of_patient(known.patients[patient_id], known, counts)
        }
        for patient_id in {infusion.patient_id for infusion in infusions}
    }
    known.more["icaht"] = {
        infusion.pk: grades[infusion.patient_id].get(infusion.infused_on) for infusion in infusions
    }


def _of_patient(
    patient: Patient, known: Known, counts: Mapping[int, tuple[LabPoint, ...]]
) -> tuple[CourseGrades, ...]:
    history = History(
        patient_id=patient.pk,
        enrolled_on=patient.enrolled_on,
        day_zeros=known.day_zeros[patient.pk],
        follow_up_ended_on=patient.follow_up_ended_on,
        labs={"ANC": counts.get(patient.pk, ())},
    )
    return grades_by_course(history=history, as_of=known.today_at(patient.site.time_zone))


def _counts_by_patient(infusions: Sequence[Infusion]) -> dict[int, tuple[LabPoint, ...]]:
    if not infusions:
        return {}
    infused = [infusion.infused_on for infusion in infusions]
    rows = (
        LabResult.objects.filter(
            patient__in={infusion.patient_id for infusion in infusions},
            analyte="ANC",
            superseded_at__isnull=True,
            collected_on__range=(min(infused), max(infused) + timedelta(days=LAST_LATE_DAY)),
        )
        .order_by("patient_id", "collected_on", "pk")
        .values_list("patient_id", "pk", "collected_on", "value", "comparator")
    )
    return {
        patient_id: tuple(LabPoint(pk, on, value, _comparator(sign)) for _, pk, on, value, sign in found)
        for patient_id, found in groupby(rows, key=itemgetter(0))
    }


def _comparator(sign: str) -> Comparator:
    return "<" if sign == "<" else ">" if sign == ">" else ""


def _early(read: Callable[[EarlyGrade], Any]) -> Callable[[Infusion, Known], Any]:
    def value(infusion: Infusion, known: Known) -> Any:
        grades = _grades(infusion, known)
        return None if grades is None or grades.early is None else read(grades.early)

    return value


def _late(read: Callable[[LateGrade], Any]) -> Callable[[Infusion, Known], Any]:
    def value(infusion: Infusion, known: Known) -> Any:
        grades = _grades(infusion, known)
        return None if grades is None or grades.late is None else read(grades.late)

    return value


def _grades(infusion: Infusion, known: Known) -> CourseGrades | None:
    """None: the infusion lies ahead of today."""
    found: CourseGrades | None = known.more["icaht"][infusion.pk]
    return found


def _basis_early(infusion: Infusion, known: Known) -> dict[str, Any]:
    grades = _grades(infusion, known)
    return _early_basis(grades.early) if grades and grades.early else _ungraded(grades, first_day=0)


def _basis_late(infusion: Infusion, known: Known) -> dict[str, Any]:
    grades = _grades(infusion, known)
    return (
        _late_basis(grades.late)
        if grades and grades.late
        else _ungraded(grades, first_day=LAST_EARLY_DAY + 1)
    )


def _ungraded(grades: CourseGrades | None, *, first_day: int) -> dict[str, Any]:
    return {"not_graded": grades.why_ungraded(first_day=first_day) if grades else "not_begun"}


def _early_basis(early: EarlyGrade) -> dict[str, Any]:
    return {
        "days_at_most_0_5": _days(early.severe),
        "days_at_most_0_1": _days(early.profound),
        "run_at_most_0_5": _span(early.severe),
        "run_at_most_0_1": _span(early.profound),
        "never_recovered": early.never_recovered,
        "counted_days": early.counted_days,
        "missing_days": [_span(span) for span in early.missing],
        "last_day": early.last_day,
        "is_final": early.is_final,
    }


def _late_basis(late: LateGrade) -> dict[str, Any]:
    nadir, second = late.nadir, late.second
    return {
        "lowest": _value(nadir),
        "lowest_day": nadir.day,
        "second_lowest": _value(second) if second else None,
        "second_lowest_day": second.day if second else None,
        "unit": _UNIT,
        "counted_days": late.counted_days,
        "last_day": late.last_day,
        "is_final": late.is_final,
    }


def _value(count: Count) -> str:
    return value_text(LabPoint(0, date.min, count.value, count.comparator))


def _days(span: Span | None) -> int:
    return span.days if span else 0


def _span(span: Span | None) -> list[int] | None:
    return [span.first, span.last] if span else None


def _of_period(
    period: str,
    days: str,
    of: Callable[..., Callable[[Infusion, Known], Any]],
    basis: Callable[[Infusion, Known], dict[str, Any]],
) -> tuple[Column, ...]:
    name = f"icaht_{period}_"
    return (
        Column(
            f"{name}grade",
            "integer",
            f"ICAHT grade 0 to 4 of the neutropenia {days}, by the counts recorded up to today;"
            " empty: no count allows one",
            of(lambda grade: grade.grade),
            _OF,
        ),
        Column(
            f"{name}grade_min",
            "integer",
            "The least grade that missing counts leave possible",
            of(lambda grade: grade.lowest),
            _OF,
        ),
        Column(
            f"{name}grade_max",
            "integer",
            "The highest grade that missing counts leave possible; equal to the least: the counts suffice",
            of(lambda grade: grade.highest),
            _OF,
        ),
        Column(
            f"{name}basis",
            "object",
            "What gave the grade: runs of study days, counts; is_final: the period is over; not_graded: why",
            basis,
            _OF,
        ),
    )


ICAHT_COLUMNS: tuple[Column, ...] = (
    *_of_period("early", "of days 0 to 30", _early, _basis_early),
    *_of_period("late", "of days 31 to 100", _late, _basis_late),
    Column(
        "icaht_version",
        "text",
        "Definition by which the ICAHT grades were derived",
        lambda infusion, known: VERSION,
        ("Infusion.infused_on",),
    ),
)
