"""What a site has ahead of it, by the same sentences as what is overdue (OVD-2, OVD-3, OVD-5)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from registry.clinical.visit_windows import ScheduledVisit, ScheduleVersion
from registry.monitoring.evidence import History, RecordedVisit
from registry.monitoring.overdue_visit import RULE, awaited_windows

DAY_0 = date(2024, 3, 1)
SCHEDULE = ScheduleVersion(
    version=1,
    effective_from=date(2000, 1, 1),
    visits=(
        ScheduledVisit("D28", 28, "day", 3, 3),  # 26 Mar to 1 Apr
        ScheduledVisit("M3", 3, "month", 14, 14),  # 18 May to 15 Jun
        ScheduledVisit("M12", 12, "month", 30, 60, repeats_yearly=True),
    ),
)
HISTORY = History(patient_id=1, enrolled_on=DAY_0, day_zeros=(DAY_0,), schedules=(SCHEDULE,))


def awaited(history=HISTORY, *, as_of=date(2024, 4, 10), until=date(2025, 4, 10)):
    return [window.code for window in awaited_windows(history=history, as_of=as_of, until=until)]


def test_overdue_and_coming_visits_are_awaited_by_target():
    assert awaited() == ["D28", "M3", "M12"]


@pytest.mark.parametrize("status", ["completed", "missed"])
def test_a_recorded_visit_is_awaited_no_more(status):  # OVD-2
    visit = RecordedVisit(1, "D28", DAY_0, status, date(2024, 3, 29) if status == "completed" else None)

    assert awaited(replace(HISTORY, visits=(visit,))) == ["M3", "M12"]


@pytest.mark.parametrize(
    ("ended_on", "codes"),
    [
        (date(2024, 3, 31), []),
        (date(2024, 4, 1), ["D28"]),
        (date(2024, 4, 2), ["D28"]),
    ],
)
def test_after_follow_up_ended_only_what_had_closed_is_awaited(ended_on, codes):  # OVD-3
    ended = replace(HISTORY, follow_up_ended_on=ended_on, follow_up_end_reason="withdrawal")

    assert awaited(ended) == codes


@pytest.mark.parametrize(
    ("enrolled_on", "codes"),
    [
        (date(2024, 4, 1), ["D28", "M3", "M12"]),
        (date(2024, 4, 2), ["M3", "M12"]),
    ],
)
def test_what_closed_before_enrolment_is_not_awaited(enrolled_on, codes):  # OVD-3
    assert awaited(replace(HISTORY, enrolled_on=enrolled_on)) == codes


def test_a_screened_patient_awaits_nothing():
    assert awaited(replace(HISTORY, enrolled_on=None)) == []


@pytest.mark.parametrize(
    ("again_on", "old"),
    [(date(2024, 4, 1), []), (date(2024, 4, 2), ["D28"])],
)
def test_a_new_infusion_drops_what_had_not_closed(again_on, old):  # OVD-5
    windows = awaited_windows(
        history=replace(HISTORY, day_zeros=(DAY_0, again_on)),
        as_of=date(2024, 4, 10),
        until=date(2024, 4, 10),
    )

    assert [window.code for window in windows if window.day_zero == DAY_0] == old
    assert [window.code for window in windows if window.day_zero == again_on] == ["D28", "M3", "M12"]


def test_yearly_visits_are_given_while_they_open_in_time():
    assert awaited(until=date(2026, 1, 29)) == ["D28", "M3", "M12"]
    assert awaited(until=date(2026, 1, 30)) == ["D28", "M3", "M12", "M12+1Y"]


def test_what_is_awaited_and_closed_is_what_is_overdue():
    for days in range(0, 500, 7):
        as_of = DAY_0 + timedelta(days=days)
        closed = {
            window.code
            for window in awaited_windows(history=HISTORY, as_of=as_of, until=as_of)
            if window.closes_on < as_of
        }

        assert closed == {finding.evidence["visit_code"] for finding in RULE.findings(HISTORY, as_of)}
