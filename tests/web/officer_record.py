"""Write a patient's record as a drawn table, judge it as the night does, hand out the alert."""

from datetime import UTC, date, datetime, timedelta

from registry.actions import scan
from registry.clinical.analytes import ANALYTES
from registry.models import Alert
from tests.factories import DAY_0, make_result, make_support
from tests.tables import SUPPORTS, rows_of

MORNING = datetime(2024, 6, 29, 6, 0, tzinfo=UTC)
LOW_FOR_A_MONTH = """
    day | ANC  | given
    ----+------+------
     -5 | 2.1  |
      3 | 0.4  |
      7 | 0.2  |
     14 | 0.6  | g_csf
     15 | 1.9  |
     21 | 0.6  |
     28 | <0.1 |
     35 | 0.8  |
     42 | 1.5  |
     49 | 1.6  |
     56 | 1.7  |
"""


def write(*, patient, table, day_zero=DAY_0):
    """Enter the drawn record; empty cells are nothing."""
    for row in rows_of(table):
        on = day_zero + timedelta(days=int(row.pop("day")))
        for column, cell in row.items():
            for text in filter(None, (part.strip() for part in cell.split(","))):
                if column == SUPPORTS:
                    make_support(patient=patient, given_on=on, kind=text)
                else:
                    unit = ANALYTES[column].canonical_unit
                    make_result(patient=patient, collected_on=on, analyte=column, value=text, unit=unit)


def judge(*, on: date = date(2024, 6, 29), at: datetime = MORNING) -> None:
    """Judge everybody by every rule, as the nightly scan does."""
    scan.run_rules(as_of=on, at=at, trigger="command")


def alert_of(*, patient, rule="prolonged_cytopenia") -> Alert:
    return Alert.objects.get(patient=patient, rule=rule)


def page_of(*, alert: Alert) -> str:
    return f"/alerts/{alert.public_id}/"
