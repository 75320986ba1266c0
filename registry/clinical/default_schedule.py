"""The visit schedule a study starts with, as data.

Source: rules.md, "Default schedule `CART-AID` version 1".
"""

from datetime import date

from registry.clinical.visit_windows import ScheduledVisit, ScheduleVersion

_BY_DAY = ((1, 0), (3, 1), (7, 1), (10, 1), (14, 2), (21, 2), (28, 3))
_BY_MONTH = (
    ("M2", 2, 7, 7),
    ("M3", 3, 14, 14),
    ("M6", 6, 30, 30),
    ("M9", 9, 30, 30),
    ("M12", 12, 30, 60),
    ("M18", 18, 30, 30),
    ("M24", 24, 30, 60),
    *((f"Y{year}", 12 * year, 60, 60) for year in range(3, 6)),
)
_LATE_YEARS = range(6, 16)

DEFAULT_SCHEDULE = ScheduleVersion(
    version=1,
    effective_from=date(2000, 1, 1),
    visits=(
        *(ScheduledVisit(f"D{day}", day, "day", around, around) for day, around in _BY_DAY),
        *(ScheduledVisit(code, months, "month", before, after) for code, months, before, after in _BY_MONTH),
        *(ScheduledVisit(f"Y{year}", 12 * year, "month", 90, 90, mode="either") for year in _LATE_YEARS),
    ),
)
