"""Write a patient's history as a small text table, so that a clinician can read the test.

    day | ANC      | given
    ----+----------+------
      5 | 0.9      |
      9 | 0.8, 1.2 | g_csf

Days count from `DAY_0`. An empty cell is no result, a comma parts two results of one day, `<0.1` and
`>1.0` are what a laboratory reports. `series` reads the rule book's own `5:0.9 9:0.8`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from registry.clinical.visit_windows import ScheduledVisit, ScheduleVersion
from registry.monitoring.evidence import Comparator, History, LabPoint, RecordedVisit, Support

DAY_0 = date(2024, 3, 1)

SUPPORTS = "given"

SCHEDULE = """
    code | target | before | after
    -----+--------+--------+------
    D1   | 1 d    | 0      | 0
    D3   | 3 d    | 1      | 1
    D7   | 7 d    | 1      | 1
    D10  | 10 d   | 1      | 1
    D14  | 14 d   | 2      | 2
    D21  | 21 d   | 2      | 2
    D28  | 28 d   | 3      | 3
    M2   | 2 mo   | 7      | 7
    M3   | 3 mo   | 14     | 14
    M6   | 6 mo   | 30     | 30
    M9   | 9 mo   | 30     | 30
    M12  | 12 mo  | 30     | 60
    M18  | 18 mo  | 30     | 30
    M24  | 24 mo  | 30     | 60
    Y3   | 36 mo  | 60     | 60
    Y4   | 48 mo  | 60     | 60
    Y5   | 60 mo  | 60     | 60
    Y6   | 72 mo  | 90     | 90
    Y7   | 84 mo  | 90     | 90
    Y8   | 96 mo  | 90     | 90
    Y9   | 108 mo | 90     | 90
    Y10  | 120 mo | 90     | 90
    Y11  | 132 mo | 90     | 90
    Y12  | 144 mo | 90     | 90
    Y13  | 156 mo | 90     | 90
    Y14  | 168 mo | 90     | 90
    Y15  | 180 mo | 90     | 90
"""


def rows_of(table: str) -> list[dict[str, str]]:
    """Return the rows of a drawn table, each by the names of its columns."""
    header, _rule, *rows = [line for line in table.strip().splitlines() if line.strip()]
    names = [name.strip() for name in header.split("|")]
    return [
        dict(zip(names, [cell.strip() for cell in row.split("|")], strict=True))
        for row in rows
        if not row.lstrip().startswith("#")
    ]


def on_day(number: int, *, day_zero: date = DAY_0) -> date:
    """Return the date of a day number (G-1)."""
    return day_zero + timedelta(days=number)


def day_number(on: object, *, day_zero: date = DAY_0) -> int | None:
    """Return the day number of a date, or of the ISO text that evidence shows; empty stays empty."""
    return None if on is None else (date.fromisoformat(str(on)) - day_zero).days


def schedule_of(
    table: str, *, version: int = 1, effective_from: date = date(2020, 1, 1), repeats_yearly: str = ""
) -> ScheduleVersion:
    """Return a schedule version from a drawn table; `repeats_yearly` names the row that goes on for life."""
    visits = []
    for row in rows_of(table):
        offset, unit = row["target"].split()
        visits.append(
            ScheduledVisit(
                code=row["code"],
                offset=int(offset),
                offset_unit="day" if unit == "d" else "month",
                days_before=int(row["before"]),
                days_after=int(row["after"]),
                repeats_yearly=row["code"] == repeats_yearly,
            )
        )
    return ScheduleVersion(version=version, effective_from=effective_from, visits=tuple(visits))


def history_of(
    table: str = "",
    *,
    infusion_days: Sequence[int] = (0,),
    enrolled_day: int | None = 0,
    ended_day: int | None = None,
    visits: Iterable[RecordedVisit] = (),
    schedules: Sequence[ScheduleVersion] = (),
    day_zero: date = DAY_0,
) -> History:
    """Return the history that a drawn table shows; days are counted from `day_zero`."""
    labs: dict[str, list[LabPoint]] = {}
    supports: list[Support] = []
    result_id = 0
    for row in rows_of(table) if table.strip() else ():
        on = on_day(int(row.pop("day")), day_zero=day_zero)
        for column, cell in row.items():
            for text in filter(None, (part.strip() for part in cell.split(","))):
                if column == SUPPORTS:
                    supports.append(Support(given_on=on, kind=text))
                else:
                    result_id += 1
                    labs.setdefault(column, []).append(lab_point(text, on=on, result_id=result_id))
    return History(
        patient_id=1,
        enrolled_on=None if enrolled_day is None else on_day(enrolled_day, day_zero=day_zero),
        day_zeros=tuple(on_day(number, day_zero=day_zero) for number in infusion_days),
        follow_up_ended_on=None if ended_day is None else on_day(ended_day, day_zero=day_zero),
        follow_up_end_reason="" if ended_day is None else "withdrawal",
        schedules=tuple(schedules),
        visits=tuple(visits),
        labs={analyte: tuple(points) for analyte, points in labs.items()},
        supports=tuple(supports),
    )


def series(analyte: str, text: str) -> str:
    """Return the drawn table of a series written as in the rule book: `3:0.4 7:0.2`."""
    pairs = [pair.split(":") for pair in text.replace("−", "-").split()]
    return "\n".join([f"day | {analyte}", "----+-----", *(f"{day} | {value}" for day, value in pairs)])


def lab_point(text: str, *, on: date, result_id: int = 1) -> LabPoint:
    """Return a result from the text of a cell: a number, `<x` or `>x`."""
    found = re.fullmatch(r"([<>]?)([\d.]+)", text)
    assert found, f"{text!r} is no result"
    comparator: Comparator = found[1]  # type: ignore[assignment]
    return LabPoint(result_id=result_id, collected_on=on, value=Decimal(found[2]), comparator=comparator)


def moved(history: History, *, days: int) -> History:
    """Return the same history with every date of counts, courses and follow-up moved by `days`."""
    by = timedelta(days=days)
    return replace(
        history,
        enrolled_on=history.enrolled_on + by if history.enrolled_on else None,
        day_zeros=tuple(on + by for on in history.day_zeros),
        follow_up_ended_on=history.follow_up_ended_on + by if history.follow_up_ended_on else None,
        labs={
            analyte: tuple(point._replace(collected_on=point.collected_on + by) for point in points)
            for analyte, points in history.labs.items()
        },
        supports=tuple(replace(support, given_on=support.given_on + by) for support in history.supports),
    )
