"""The days that pass between two measurements: each changes the record of one patient in a hundred.

The changes are those of the days after the cohort's cut: the visits that were held back, and blood counts
from elsewhere up to the share. Made through the models with every trigger on, as a site's entries are.
"""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from django.db import connection

from registry.access.scope import EVERYTHING, acting
from registry.models import AdverseEvent, LabResult, Study, Visit

CHANGED_SHARE = 0.01
# Analyte, unit, lowest and highest of the usual values, decimals
_COUNTS = (
    ("ANC", "10*9/L", 1.4, 6.0, 2),
    ("PLT", "10*9/L", 120, 320, 0),
    ("HGB", "g/L", 95, 150, 0),
    ("WBC", "10*9/L", 2.5, 9.0, 2),
    ("ALC", "10*9/L", 0.4, 2.4, 2),
    ("MCV", "fL", 82, 96, 1),
    ("CRP", "mg/L", 1, 20, 1),
    ("CREATININE", "umol/L", 50, 105, 0),
)
_LOW_SHARE = 0.03
_EVENT_SHARE = 0.05
# UTC. The day's entries are made when no site has the next day yet and all have this one: a form takes
# nothing that is dated tomorrow.
_EVENING = 20
_NIGHT = 2  # as the nightly scan


class DaysUsedUp(Exception):
    """The visits held back are all recorded; further days would leave every patient overdue."""


def evening_of(day: date) -> datetime:
    """Return the instant at which this day's entries are made, and swept."""
    return datetime.combine(day, time(_EVENING), tzinfo=UTC)


def night_after(day: date) -> datetime:
    """Return the instant of the nightly scan that follows this day."""
    return datetime.combine(day + timedelta(days=1), time(_NIGHT), tzinfo=UTC)


def today() -> date:
    """Return the day up to which the record goes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (value #>> '{}')::date FROM benchmark.noted WHERE name = 'today'")
        return cursor.fetchone()[0]


def let_a_day_pass() -> tuple[date, int]:
    """Record what the next day brings; return that day and how many patients changed. Raises DaysUsedUp."""
    day = today() + timedelta(days=1)
    random = Random(f"day {day}")
    with acting(rows=EVERYTHING, origin="form", reason="benchmark"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT max(visited_on) FROM benchmark.later_visit")
            if day > cursor.fetchone()[0]:
                raise DaysUsedUp
            changed = _due(day)
            cursor.execute("SELECT count(*) FROM registry_patient")
            wanted = max(1, round(cursor.fetchone()[0] * CHANGED_SHARE))
            changed += [(patient_id, None, "") for patient_id in _others(day, changed, wanted)]
            changed = changed[:wanted]
            cursor.execute(
                "UPDATE benchmark.noted SET value = %s WHERE name = 'today'", [json.dumps(day.isoformat())]
            )
        _record(changed, day, random)
    return day, len(changed)


def save_a_count(*, patient_id: int, on: date, number: int) -> None:
    """Record one blood count of one patient, as a saved form would; another `number`, another value."""
    with acting(rows=EVERYTHING, origin="form", reason="benchmark"):
        _result(patient_id, None, on, "PLT", "10*9/L", Decimal(200 + number)).save()


def _due(day: date) -> list[tuple[int, int | None, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT patient_id, course_id, code FROM benchmark.later_visit
            WHERE visited_on = %s ORDER BY course_id, code
            """,
            [day],
        )
        return cursor.fetchall()


def _others(day: date, changed: Sequence[tuple[int, int | None, str]], wanted: int) -> list[int]:
    """Patients under follow-up who had their blood counted elsewhere."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.id FROM registry_patient p
            WHERE p.enrolled_on IS NOT NULL AND p.follow_up_ended_on IS NULL AND p.id <> ALL (%s)
              AND EXISTS (SELECT FROM registry_course c WHERE c.patient_id = p.id)
            ORDER BY hashint8extended(p.id, %s) LIMIT %s
            """,
            [[patient_id for patient_id, _, _ in changed], day.toordinal(), max(0, wanted - len(changed))],
        )
        return [row[0] for row in cursor.fetchall()]


def _record(changed: Sequence[tuple[int, int | None, str]], day: date, random: Random) -> None:
    at = evening_of(day)
    visits = Visit.objects.bulk_create(
        Visit(
            patient_id=patient_id,
            course_id=course_id,
            code=code,
            status="completed",
            visited_on=day,
            new_malignancy=False,
            entered_at=at,
            origin="form",
        )
        for patient_id, course_id, code in changed
        if course_id
    )
    visit_of = {visit.patient_id: visit.pk for visit in visits}
    LabResult.objects.bulk_create(
        (
            _result(patient_id, visit_of.get(patient_id), day, analyte, unit, value)
            for patient_id in dict.fromkeys(patient_id for patient_id, _, _ in changed)
            for analyte, unit, value in _count(random)
        ),
        batch_size=2000,
    )
    study = Study.objects.get(key="CART-AID")
    AdverseEvent.objects.bulk_create(
        AdverseEvent(
            patient_id=patient_id,
            study=study,
            event_id=f"DAY-{day}-{patient_id}",
            term=random.choice(("Sinusitis", "Headache", "Herpes zoster", "Fatigue", "Raised ALT")),
            category="other",
            started_on=day.isoformat(),
            aware_on=day,
            entered_at=at,
            origin="form",
        )
        for patient_id in dict.fromkeys(patient_id for patient_id, _, _ in changed)
        if random.random() < _EVENT_SHARE
    )


def _count(random: Random) -> list[tuple[str, str, Decimal]]:
    values = []
    is_low = random.random() < _LOW_SHARE
    for analyte, unit, lowest, highest, decimals in _COUNTS:
        value = round(random.uniform(lowest, highest), decimals)
        values.append((analyte, unit, Decimal("0.8") if analyte == "ANC" and is_low else Decimal(str(value))))
    return values


def _result(
    patient_id: int, visit_id: int | None, day: date, analyte: str, unit: str, value: Decimal
) -> LabResult:
    return LabResult(
        patient_id=patient_id,
        visit_id=visit_id,
        collected_on=day,
        analyte=analyte,
        entered_value=str(value),
        entered_unit=unit,
        value=value,
        entered_at=evening_of(day),
        origin="form",
    )
