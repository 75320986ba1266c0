"""The reference cohort as the rules see it: a bundle of CSV files read into one History per patient.

Shares nothing with the importer, so that the two ways into the rules can be compared.
"""

import csv
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from registry.clinical.partial_dates import PartialDate
from registry.clinical.study_days import course_of
from registry.clinical.units import to_canonical
from registry.clinical.visit_windows import ScheduleVersion
from registry.monitoring.evidence import Event, EventReport, History, LabPoint, RecordedVisit, Support
from tests.tables import SCHEDULE, lab_point, schedule_of

HERE = Path(__file__).parent
BUNDLE = HERE / "bundle"

Row = dict[str, str]


def rows_of_file(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def expected_rows() -> list[Row]:
    """The findings a person derived by hand; rule `none` says that a patient has none on that day."""
    return rows_of_file(HERE / "expected_findings.csv")


def histories(
    *, bundle: Path = BUNDLE, schedules: Sequence[ScheduleVersion] | None = None
) -> dict[str, History]:
    """Return the history of each patient of a bundle, by patient id."""
    tables = {
        name: rows_of_file(bundle / f"{name}.csv")
        for name in ("patients", "infusions", "visits", "labs", "support", "adverse_events")
    }
    in_force = tuple(schedules or (schedule_of(SCHEDULE),))
    found = {}
    for number, patient in enumerate(tables["patients"], start=1):
        own = {
            name: [row for row in rows if row["patient_id"] == patient["patient_id"]]
            for name, rows in tables.items()
        }
        infusions = [_date(row["infused_on"]) for row in own["infusions"]]
        day_zeros = sorted(infusions) if patient["cohort"] == "CAR_T" else [_date(patient["index_date"])]
        found[patient["patient_id"]] = History(
            patient_id=number,
            enrolled_on=_date_or_none(patient["enrolled_on"]),
            day_zeros=tuple(day_zeros),
            follow_up_ended_on=_date_or_none(patient["follow_up_ended_on"]),
            follow_up_end_reason=patient["follow_up_end_reason"],
            cause_of_death=patient["cause_of_death"],
            schedules=in_force,
            visits=tuple(_visit(row, day_zeros, at) for at, row in enumerate(own["visits"], start=1)),
            labs=_labs(own["labs"]),
            supports=tuple(Support(_date(row["given_on"]), row["kind"]) for row in own["support"]),
            events=tuple(_event(row) for row in own["adverse_events"]),
        )
    return found


def _labs(rows: list[Row]) -> dict[str, tuple[LabPoint, ...]]:
    """Current results only (G-5): a row with `corrects_value` takes the place of the value it names."""
    labs: dict[str, list[LabPoint]] = {}
    for number, row in enumerate(rows, start=1):
        points = labs.setdefault(row["analyte"], [])
        point = _point(row["value"], row, number)
        if row["corrects_value"]:
            points.remove(
                next(
                    wrong
                    for wrong in points
                    if (wrong.collected_on, wrong.value)
                    == (point.collected_on, _point(row["corrects_value"], row, 0).value)
                )
            )
        points.append(point)
    return {
        analyte: tuple(sorted(points, key=lambda point: (point.collected_on, point.result_id)))
        for analyte, points in labs.items()
    }


def _point(text: str, row: Row, number: int) -> LabPoint:
    entered = lab_point(text, on=_date(row["collected_on"]), result_id=number)
    value: Decimal = to_canonical(entered.value, analyte=row["analyte"], unit=row["unit"])
    return LabPoint(number, entered.collected_on, value, entered.comparator)


def _visit(row: Row, day_zeros: list[date], number: int) -> RecordedVisit:
    visited_on = _date_or_none(row["visited_on"])
    day_zero = course_of(visited_on, day_zeros=tuple(day_zeros)) if visited_on else max(day_zeros)
    assert day_zero is not None, row
    return RecordedVisit(
        visit_id=number,
        code=row["visit_code"],
        day_zero=day_zero,
        status="completed" if row["status"] == "completed" else "missed",
        visited_on=visited_on,
        new_malignancy={"Y": True, "N": False, "": None}[row["new_malignancy"]],
        new_malignancy_text=row["new_malignancy_text"],
    )


def _event(row: Row) -> Event:
    return Event(
        event_id=row["event_id"],
        category=row["category"],
        started_on=PartialDate.parse(row["started_on"]) if row["started_on"] else None,
        ended_on=None,
        reports=(
            EventReport(
                term=row["term"],
                code_system=row["code_system"],
                code=row["code"],
                narrative=row["narrative"],
            ),
        ),
    )


def _date(text: str) -> date:
    return date.fromisoformat(text)


def _date_or_none(text: str) -> date | None:
    return _date(text) if text else None
