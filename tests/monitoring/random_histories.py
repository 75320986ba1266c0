"""Histories drawn to lie on the edges that the sentences of rules.md name.

`random` may be a seeded `random.Random` or what `hypothesis.strategies.randoms` hands out.
"""

from datetime import date, timedelta
from decimal import Decimal
from random import Random

from registry.clinical.visit_windows import ScheduledVisit, ScheduleVersion
from registry.monitoring.evidence import Comparator, History, LabPoint, RecordedVisit, Support
from tests.tables import SCHEDULE, schedule_of

EDGE_DATES = (date(2024, 2, 29), date(2025, 1, 31), date(2023, 8, 31), date(2024, 12, 31), date(2024, 1, 30))
LOW_VALUES = {
    "ANC": "0.999 0.9 0.5 0.499 0.1 0.09 <1.0 <0.9 <0.5 <0.501 <0.1",
    "PLT": "49.9 49 25 24.9 10 9.9 <50 <49 <25 <26 <10",
    "HGB": "79.9 79 65 64.9 <80 <79 <65 <66",
}
MILD_VALUES = {  # not severe (CYT-11), or at its edge
    "ANC": "0.999 0.9 0.501 0.5 <1.0 <0.501",
    "PLT": "49.9 49 25.1 25 <50 <26",
    "HGB": "79.9 79 65.1 65 <80 <66",
}
OTHER_VALUES = {
    "ANC": "1.0 1.001 1.5 >1.0 >1.1 4.0",
    "PLT": "50 50.1 75 >50 >51 150",
    "HGB": "80 80.1 100 >80 >81 120",
}
NOT_EVALUABLE = {"ANC": "<1.001 >0.999 <2 >0.5", "PLT": "<50.1 >49.9 <100 >20", "HGB": "<80.1 >79.9 <100 >60"}
STEPS = (0, 1, 1, 1, 2, 3, 5, 7, 7, 14, 20, 27, 28, 29, 34, 35, 36, 37, 60)
PACES = ((1, 1, 1, 2, 7), STEPS, STEPS, (30, 30, 30, 29, 31, 1))
COURSE_LENGTHS = (1, 13, 27, 28, 29, 30, 42, 43, 60, 91, 120, 200, 365)
KINDS = {
    "ANC": ("g_csf", "peg_g_csf"),
    "PLT": ("platelet_transfusion", "tpo_ra"),
    "HGB": ("rbc_transfusion",),
}
SUPPORT_LAGS = (-1, 0, 1, 5, 6, 7, 12, 13, 14, 28, 29, 30)
DAY = timedelta(days=1)


def point(text: str, *, on: date, result_id: int) -> LabPoint:
    comparator: Comparator = text[0] if text[0] in "<>" else ""  # type: ignore[assignment]
    return LabPoint(
        result_id=result_id, collected_on=on, value=Decimal(text.lstrip("<>")), comparator=comparator
    )


def day_zeros(random: Random) -> tuple[date, ...]:
    first = random.choice([*EDGE_DATES, date(2022, 1, 1) + random.randrange(1200) * DAY])
    found = [first]
    for _ in range(random.choice([0, 0, 0, 1, 1, 2])):
        found.append(found[-1] + random.choice(COURSE_LENGTHS) * DAY)
    return tuple(found)


def follow_up(random: Random, zeros: tuple[date, ...], span: int) -> tuple[date, date | None]:
    """Return enrolment, often on day 0, and the end of follow-up, often on an edge or none."""
    zero = random.choice(zeros)
    enrolled = zeros[0] + random.choice([0, 0, 0, -20, 1, 24, 25, 31, 32, random.randrange(span)]) * DAY
    edge = zero + random.choice([27, 28, 29, 30, 31, 32, random.randrange(span)]) * DAY
    return enrolled, random.choice([None, None, max(edge, enrolled)])


def counts_of(random: Random, lineage: str, start: date, end: date) -> list[tuple[date, str]]:
    """A walk that stays low or normal for a while, with steps at the edges of the gaps."""
    day = start + random.choice([0, 0, 1, 3, 14, 21, 28, -5, -30, -31]) * DAY
    pace = random.choice(PACES)
    lows = random.choice([LOW_VALUES, LOW_VALUES, MILD_VALUES])
    low = random.random() < 0.6
    found: list[tuple[date, str]] = []
    while day <= end and len(found) < 45:
        for _ in range(random.choice([1, 1, 1, 1, 2, 3])):
            if random.random() < 0.12:
                pool = NOT_EVALUABLE
            elif random.random() < 0.1:
                pool = OTHER_VALUES if low else lows
            else:
                pool = lows if low else OTHER_VALUES
            found.append((day, random.choice(pool[lineage].split())))
        day += random.choice(pace) * DAY
        if random.random() < 0.2:
            low = not low
    return found


def touching_episodes(random: Random, start: date) -> dict[str, list[tuple[date, str]]]:
    """Mild episodes of two lineages at the edges of 28 and 90 days, the second where the first ends."""
    entries = {}
    day = start + random.randrange(20) * DAY
    for lineage in random.sample(["ANC", "PLT", "HGB"], 2):
        length = random.choice([28, 29, 30, 89, 90, 91])
        days = [*range(0, length, 30), length]
        entries[lineage] = [
            (day + number * DAY, random.choice(MILD_VALUES[lineage].split())) for number in days
        ]
        day += (length + random.choice([-1, 0, 1])) * DAY
    return entries


def lab_results(entries: dict[str, list[tuple[date, str]]]) -> dict[str, tuple[LabPoint, ...]]:
    """Number the results and order each series by date then id, as History asks."""
    number = 0
    labs = {}
    for analyte, found in entries.items():
        points = []
        for on, text in found:
            number += 1
            points.append(point(text, on=on, result_id=number))
        labs[analyte] = tuple(sorted(points, key=lambda one: (one.collected_on, one.result_id)))
    return labs


def supports_of(random: Random, entries: dict[str, list[tuple[date, str]]]) -> tuple[Support, ...]:
    """Supports at the edges before results, so also before day 0 and in earlier courses."""
    days = [on for found in entries.values() for on, _ in found]
    helpful = [kind for lineage in entries for kind in KINDS.get(lineage, ())]
    found = []
    for _ in range(random.choice([0, 0, 1, 3, 8]) if days else 0):
        kinds = (
            helpful if helpful and random.random() < 0.8 else [k for group in KINDS.values() for k in group]
        )
        found.append(
            Support(random.choice(days) - random.choice(SUPPORT_LAGS) * DAY, random.choice(sorted(kinds)))
        )
    return tuple(found)


def history_of_counts(random: Random) -> tuple[History, date]:
    """A patient with blood counts, and an as-of date on or beside something that happened."""
    zeros = day_zeros(random)
    span = random.choice([40, 60, 130, 320])
    enrolled, ended = follow_up(random, zeros, span)
    entries: dict[str, list[tuple[date, str]]] = {}
    for lineage in random.sample(["ANC", "PLT", "HGB"], random.choice([1, 1, 2, 3])):
        entries[lineage] = counts_of(random, lineage, random.choice(zeros), zeros[-1] + span * DAY)
    if random.random() < 0.15:
        entries = touching_episodes(random, zeros[-1])
    history = History(
        patient_id=1,
        enrolled_on=enrolled,
        day_zeros=zeros,
        follow_up_ended_on=ended,
        follow_up_end_reason="withdrawal" if ended else "",
        labs=lab_results(entries),
        supports=supports_of(random, entries),
    )
    dates = [*zeros, enrolled, *([ended] if ended else []), *(on for f in entries.values() for on, _ in f)]
    as_of = random.choice(dates) + random.choice([0, 0, 1, 2, 28, 29, 30, 36, 60, 300]) * DAY
    return history, as_of


def changed_version(random: Random, first: ScheduleVersion, number: int, since: date) -> ScheduleVersion:
    """The next version: rows moved, widened, dropped and added."""
    rows = []
    for row in first.visits:
        fate = random.random()
        if fate < 0.15:
            continue
        if fate < 0.45:
            row = ScheduledVisit(
                code=row.code,
                offset=row.offset + (random.choice([-2, -1, 1, 3]) if row.offset > 3 else 0),
                offset_unit=row.offset_unit,
                days_before=random.choice([0, row.days_before, row.days_before + 5]),
                days_after=random.choice([0, row.days_after, row.days_after + 5]),
                repeats_yearly=row.repeats_yearly,
            )
        rows.append(row)
    if random.random() < 0.5 and all(row.code != "EX" for row in rows):
        at = random.randrange(len(rows) + 1) if rows else 0
        rows.insert(at, ScheduledVisit("EX", random.choice([5, 45, 100, 400]), "day", 3, 3))
    return ScheduleVersion(version=number, effective_from=since, visits=tuple(rows))


def schedules_of(random: Random, zeros: tuple[date, ...]) -> tuple[ScheduleVersion, ...]:
    if random.random() < 0.3:
        first = schedule_of(SCHEDULE, repeats_yearly=random.choice(["", "Y15"]))
    else:
        rows = [
            ScheduledVisit("D7", 7, "day", 1, 1),
            ScheduledVisit("D28", 28, "day", 3, 3),
            ScheduledVisit("M2", 2, "month", 7, 7),
            ScheduledVisit("M6", 6, "month", 30, 30),
            ScheduledVisit("M12", 12, "month", 30, 60),
            ScheduledVisit("M24", 24, "month", 30, 60),
            ScheduledVisit("Y3", 36, "month", 60, 60, repeats_yearly=random.random() < 0.6),
        ]
        first = ScheduleVersion(1, date(2020, 1, 1), tuple(rows))
    if random.random() < 0.2:  # it took effect after the first infusion
        first = ScheduleVersion(1, zeros[0] + random.choice([0, 1, 30]) * DAY, first.visits)
    versions = [first]
    for number in range(2, 2 + random.choice([0, 0, 1, 1, 2])):
        beside = random.choice([-1, 0, 1, 25, 26, 31, 100, 335, 336, 365])
        since = max(random.choice(zeros) + beside * DAY, versions[-1].effective_from + DAY)
        versions.append(changed_version(random, versions[-1], number, since))
    return tuple(versions)


def visits_of(
    random: Random, zeros: tuple[date, ...], versions: tuple[ScheduleVersion, ...]
) -> tuple[RecordedVisit, ...]:
    """Some of the planned visits: on time, early, late, missed with and without a date."""
    found = []
    for index, zero in enumerate(zeros):
        codes = {row.code: row for version in versions for row in version.visits}
        for code, row in codes.items():
            if random.random() < 0.6:
                continue
            target = zero + row.offset * (1 if row.offset_unit == "day" else 30) * DAY
            on = max(zero, target + random.choice([-40, -4, -3, 0, 3, 4, 40]) * DAY)
            # contract.md section 3: a visit's day 0 is the latest infusion on or before its date.
            if index + 1 < len(zeros) and on >= zeros[index + 1]:
                continue
            missed = random.random() < 0.3
            dated = not missed or random.random() < 0.5
            found.append(
                RecordedVisit(
                    visit_id=len(found) + 1,
                    code=code,
                    day_zero=zero,
                    status="missed" if missed else "completed",
                    visited_on=on if dated else None,
                )
            )
    return tuple(found)


def history_of_visits(random: Random) -> tuple[History, date]:
    """A patient with planned and recorded visits, and an as-of date beside a window's edge."""
    zeros = day_zeros(random)
    versions = schedules_of(random, zeros)
    enrolled, ended = follow_up(random, zeros, random.choice([60, 500]))
    zero = random.choice(zeros)
    edge = random.choice([8, 9, 31, 32, 40, 69, 122, 123, 154, 245, 425, 500, 900, 1300, 2000, 6500])
    if random.random() < 0.2:
        ended = max(zero + edge * DAY, enrolled)
    history = History(
        patient_id=1,
        enrolled_on=enrolled,
        day_zeros=zeros,
        follow_up_ended_on=ended,
        follow_up_end_reason="withdrawal" if ended else "",
        schedules=versions,
        visits=visits_of(random, zeros, versions),
    )
    as_of = zero + (edge + random.choice([-1, 0, 0, 1, 2, 30, 31, 90, 91, 200])) * DAY
    return history, as_of


def history_of_triggers(random: Random) -> tuple[History, date]:
    """A patient with series at the edges of MAL-7."""
    zeros = day_zeros(random)
    enrolled, ended = follow_up(random, zeros, 400)
    values = {
        "CAR_DNA": "0 1 10 10.1 9.9 100 99 1000 50 <10 <1 >100 >9",
        "ALC": "4.0 4.001 3.9 5 >4.0 >3.9 <5 1.0",
        "MCV": "90 95 94.9 100 100.1 105 >100 >99 <96",
        "BLASTS": "0 0 0.9 1 1 1.2 4.9 5 >5 >1 <1",
    }
    entries = {}
    for analyte in random.sample(sorted(values), random.choice([1, 2, 4])):
        day = random.choice(zeros) + random.choice([-40, -1, 0, 20, 29, 30, 31, 60, 89, 90, 91]) * DAY
        found = []
        for _ in range(random.randrange(1, 15 if analyte == "CAR_DNA" else 7)):
            found.append((day, random.choice(values[analyte].split())))
            day += random.choice([0, 1, 6, 7, 8, 13, 14, 15, 30]) * DAY
        entries[analyte] = found
    if "MCV" in entries or random.random() < 0.4:
        for lineage in random.sample(["ANC", "PLT", "HGB"], random.choice([1, 1, 2])):
            day = random.choice(zeros) + random.choice([50, 60, 61, 62, 90]) * DAY
            found = []
            for _ in range(random.randrange(2, 6)):
                low = random.random() < 0.85
                pool = LOW_VALUES if low else OTHER_VALUES
                found.append((day, random.choice(pool[lineage].split())))
                day += random.choice([1, 14, 28, 29, 30, 31, 35, 36]) * DAY
            entries[lineage] = found
    history = History(
        patient_id=1,
        enrolled_on=enrolled,
        day_zeros=zeros,
        follow_up_ended_on=ended,
        follow_up_end_reason="withdrawal" if ended else "",
        labs=lab_results(entries),
        supports=supports_of(random, entries),
    )
    dates = [on for found in entries.values() for on, _ in found]
    return history, random.choice(dates) + random.choice([0, 0, 1, 30, 200, 200, 200]) * DAY
