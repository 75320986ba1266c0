"""Rule 1 a second time, from the sentences of rules.md only; see oracle_counts.

Month arithmetic is by hand: the day before the first of the month after next is looked for, not known.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from registry.clinical.visit_windows import ScheduledVisit, ScheduleVersion
from registry.monitoring.evidence import History

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Window:
    code: str
    opens: date
    target: date
    closes: date


def months_later(day: date, months: int) -> date:
    """G-4: calendar arithmetic from day 0, month end clamped."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for number in (day.day, 30, 29, 28):
        if number <= day.day:
            try:
                return date(year, month + 1, number)
            except ValueError:
                continue
    raise AssertionError(day)


def window(visit: ScheduledVisit, day_zero: date, years: int = 0) -> Window:
    """OVD-1. `years`: how many times a visit that repeats yearly has come round."""
    if visit.offset_unit == "day":
        target = months_later(day_zero, 12 * years) + visit.offset * DAY
    else:
        target = months_later(day_zero, visit.offset + 12 * years)
    code = visit.code if not years else f"Y{int(visit.code[1:]) + years}"
    return Window(code, target - visit.days_before * DAY, target, target + visit.days_after * DAY)


def windows(schedule: ScheduleVersion, day_zero: date, until: date) -> dict[str, Window]:
    found = {}
    for visit in schedule.visits:
        found[visit.code] = window(visit, day_zero)
        years = 1
        while visit.repeats_yearly and window(visit, day_zero, years).opens <= until + 800 * DAY:
            again = window(visit, day_zero, years)
            found[again.code] = again
            years += 1
    return found


def planned(history: History, day_zero: date, as_of: date) -> list[Window]:
    """OVD-1 and *a new version moves only visits whose window has not opened*."""
    versions = sorted(history.schedules, key=lambda schedule: schedule.version)
    if not versions:
        return []
    # The version in force on day 0; a patient of the time before the first version follows the first.
    on_day_zero = [version for version in versions if version.effective_from <= day_zero] or versions[:1]
    plan = windows(on_day_zero[-1], day_zero, as_of)
    for version in versions[versions.index(on_day_zero[-1]) + 1 :]:
        since = version.effective_from
        if since > as_of:  # G-2
            continue
        new = windows(version, day_zero, as_of)
        # No sentence says whether a window that opens on the very day has opened; the house says it has.
        opened = {code: w for code, w in plan.items() if w.opens <= since}
        moved = {code: w for code, w in new.items() if code in plan and code not in opened}
        added = {code: w for code, w in new.items() if code not in plan and w.opens > since}
        plan = opened | moved | added
    # No sentence orders two visits of one target; the house takes their codes, so do we.
    return sorted(plan.values(), key=lambda w: (w.target, w.code))


def under_follow_up(history: History, day: date) -> bool:
    """G-3: the end date itself is the last day under follow-up."""
    ended_on = history.follow_up_ended_on
    return (
        history.enrolled_on is not None
        and history.enrolled_on <= day
        and (ended_on is None or day <= ended_on)
    )


def is_owed(history: History, w: Window) -> bool:
    """OVD-3, asked of each day of the window."""
    if history.enrolled_on is None or w.closes < history.enrolled_on:
        return False
    day = max(w.opens, history.enrolled_on)
    while day <= w.closes:
        if not under_follow_up(history, day):
            return False
        day += DAY
    return True


def is_recorded(history: History, day_zero: date, w: Window, as_of: date) -> bool:
    """OVD-2, of what had happened by the as-of date."""
    return any(
        visit.code == w.code
        and visit.day_zero == day_zero
        and visit.status in ("completed", "missed")
        and (visit.visited_on is None or visit.visited_on <= as_of)
        for visit in history.visits
    )


def is_annual(code: str) -> bool:
    return code in ("M12", "M24") or (code.startswith("Y") and int(code[1:]) >= 3)


def overdue_visits(history: History, as_of: date) -> Iterator[dict[str, object]]:
    """overdue_visit at the as-of date."""
    if history.enrolled_on is None or history.enrolled_on > as_of:
        return
    for day_zero in sorted({day for day in history.day_zeros if day <= as_of}):
        later = [day for day in history.day_zeros if day_zero < day <= as_of]
        plan = [w for w in planned(history, day_zero, as_of) if not later or w.closes < min(later)]  # OVD-5
        overdue = [
            w
            for w in plan
            if w.closes < as_of and is_owed(history, w) and not is_recorded(history, day_zero, w, as_of)
        ]
        annual = [w for w in plan if is_annual(w.code)]
        lost = set()
        for one, other in pairwise(annual):
            if one in overdue and other in overdue:
                lost |= {one, other}  # OVD-8
        for w in overdue:
            days = (as_of - w.closes).days
            following = plan[plan.index(w) + 1 :][:1]
            labels = [f"superseded by {n.code}" for n in following if n.opens <= as_of]  # OVD-7
            if w in lost:
                labels.append("lost to follow-up?")
            high = days > 90 or w in lost
            yield {
                "subject": f"{w.code}@{day_zero}",
                "certainty": "certain",
                "severity": "high" if high else "medium" if days > 30 else "low",
                "first_on": w.opens,
                "last_on": w.closes,
                "visit_code": w.code,
                "day_zero": day_zero.isoformat(),
                "target_on": w.target.isoformat(),
                "opens_on": w.opens.isoformat(),
                "closes_on": w.closes.isoformat(),
                "days_overdue": days,
                "labels": sorted(labels),
            }
