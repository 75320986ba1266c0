"""When visits open and close, and what a new schedule version moves (rules.md OVD-1, OVD-6, G-4)."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.clinical.visit_windows import (
    ScheduledVisit,
    ScheduleVersion,
    VisitWindow,
    planned_windows,
    window_label,
    window_of,
)

FAR = date(2099, 1, 1)


def day(text: str) -> date:
    return date.fromisoformat(text)


def schedule(table: str, *, version: int = 1, effective_from: str = "2020-01-01") -> ScheduleVersion:
    """Read `code | offset | -/+`, an offset being `28 d` or `6 mo`, a star marking *repeats yearly*."""
    visits = []
    for row in table.strip().splitlines():
        code, offset, window = (cell.strip() for cell in row.split("|"))
        number, unit = offset.removesuffix("*").split()
        before, after = window.split("/")
        visits.append(
            ScheduledVisit(
                code=code,
                offset=int(number),
                offset_unit="day" if unit == "d" else "month",
                days_before=int(before),
                days_after=int(after),
                repeats_yearly=offset.endswith("*"),
            )
        )
    return ScheduleVersion(version=version, effective_from=day(effective_from), visits=tuple(visits))


CART_AID = schedule("""
    D1  |   1 d  |  0/0
    D3  |   3 d  |  1/1
    D7  |   7 d  |  1/1
    D10 |  10 d  |  1/1
    D14 |  14 d  |  2/2
    D21 |  21 d  |  2/2
    D28 |  28 d  |  3/3
    M2  |   2 mo |  7/7
    M3  |   3 mo | 14/14
    M6  |   6 mo | 30/30
    M9  |   9 mo | 30/30
    M12 |  12 mo | 30/60
    M18 |  18 mo | 30/30
    M24 |  24 mo | 30/60
    Y3  |  36 mo | 60/60
    Y4  |  48 mo | 60/60
    Y5  |  60 mo | 60/60
    Y15 | 180 mo | 90/90
""")


def planned(
    *versions: ScheduleVersion, day_zero: str, as_of: date = FAR, until: date = FAR
) -> dict[str, VisitWindow]:
    found = planned_windows(day_zero=day(day_zero), schedules=versions, as_of=as_of, until=until)
    return {window.code: window for window in found}


def versions_of(windows: dict[str, VisitWindow]) -> dict[str, int]:
    return {code: window.schedule_version for code, window in windows.items()}


@pytest.mark.parametrize(
    ("day_zero", "code", "opens", "target", "closes"),
    [
        ("2025-01-31", "D28", "2025-02-25", "2025-02-28", "2025-03-03"),
        ("2024-02-29", "M12", "2025-01-29", "2025-02-28", "2025-04-29"),
        ("2024-02-29", "M6", "2024-07-30", "2024-08-29", "2024-09-28"),
        ("2024-02-29", "Y4", "2027-12-31", "2028-02-29", "2028-04-29"),
        ("2024-02-29", "Y5", "2028-12-30", "2029-02-28", "2029-04-29"),
        ("2025-01-31", "D1", "2025-02-01", "2025-02-01", "2025-02-01"),
        ("2024-12-31", "M2", "2025-02-21", "2025-02-28", "2025-03-07"),
        ("2025-03-29", "D1", "2025-03-30", "2025-03-30", "2025-03-30"),
    ],
)
def test_a_window_opens_and_closes_around_its_target(
    day_zero: str, code: str, opens: str, target: str, closes: str
):  # OVD-1
    window = planned(CART_AID, day_zero=day_zero)[code]

    assert (window.opens_on, window.target_on, window.closes_on) == (day(opens), day(target), day(closes))
    assert window.day_zero == day(day_zero)


@given(st.dates(date(2015, 1, 1), date(2045, 12, 31)))
def test_every_window_holds_its_target_and_the_visits_come_in_order(day_zero: date):  # OVD-1
    windows = planned_windows(day_zero=day_zero, schedules=(CART_AID,), as_of=FAR, until=FAR)

    assert [window.code for window in windows] == [visit.code for visit in CART_AID.visits]
    for window in windows:
        assert day_zero < window.opens_on <= window.target_on <= window.closes_on


def test_a_visit_before_day_0_may_be_planned():
    window = window_of(
        ScheduledVisit(code="LD", offset=-5, offset_unit="day", days_before=2, days_after=2),
        day_zero=day("2025-03-03"),
        version=1,
    )

    assert (window.opens_on, window.closes_on) == (day("2025-02-24"), day("2025-02-28"))


@pytest.mark.parametrize(
    ("visited_on", "label"),
    [
        ("2025-02-24", "early"),
        ("2025-02-25", ""),
        ("2025-03-03", ""),
        ("2025-03-04", "late"),
    ],
)
def test_a_visit_outside_its_window_is_early_or_late(visited_on: str, label: str):  # OVD-6
    window = planned(CART_AID, day_zero="2025-01-31")["D28"]

    assert window_label(window=window, visited_on=day(visited_on)) == label


# M6 of an infusion on 2025-01-15: opens 2025-06-15, target 2025-07-15, closes 2025-08-14.
ONE = schedule("M6 | 6 mo | 30/30")


@pytest.mark.parametrize(
    ("effective_from", "version"),
    [("2025-06-14", 2), ("2025-06-15", 1), ("2025-06-16", 1), ("2025-08-15", 1)],
)
def test_a_new_version_moves_only_visits_whose_window_has_not_opened(effective_from: str, version: int):
    two = schedule("M6 | 7 mo | 30/30", version=2, effective_from=effective_from)

    window = planned(ONE, two, day_zero="2025-01-15")["M6"]

    assert window.schedule_version == version
    assert window.target_on == day("2025-07-15" if version == 1 else "2025-08-15")


@pytest.mark.parametrize(
    ("effective_from", "codes"), [("2025-06-14", []), ("2025-06-15", ["M6"]), ("2025-06-16", ["M6"])]
)
def test_a_dropped_visit_stays_once_its_window_has_opened(effective_from: str, codes: list[str]):
    two = schedule("", version=2, effective_from=effective_from)

    assert list(planned(ONE, two, day_zero="2025-01-15")) == codes


@pytest.mark.parametrize(
    ("effective_from", "codes"),
    [("2025-03-31", ["M3", "M6"]), ("2025-04-01", ["M6"]), ("2025-04-02", ["M6"])],
)
def test_an_added_visit_is_planned_only_when_its_window_can_still_open(effective_from: str, codes: list[str]):
    two = schedule(
        """
        M3 | 3 mo | 14/14
        M6 | 6 mo | 30/30
        """,
        version=2,
        effective_from=effective_from,
    )

    assert list(planned(ONE, two, day_zero="2025-01-15")) == codes


def test_an_unopened_visit_moves_even_to_a_window_that_opens_before_the_change():
    two = schedule("M6 | 6 mo | 45/30", version=2, effective_from="2025-06-10")

    window = planned(ONE, two, day_zero="2025-01-15")["M6"]

    assert (window.schedule_version, window.opens_on) == (2, day("2025-05-31"))


def test_a_version_is_not_seen_before_it_takes_effect():  # G-2
    two = schedule("M6 | 7 mo | 30/30", version=2, effective_from="2025-06-01")

    before = planned(ONE, two, day_zero="2025-01-15", as_of=day("2025-05-31"))
    on_the_day = planned(ONE, two, day_zero="2025-01-15", as_of=day("2025-06-01"))

    assert (versions_of(before), versions_of(on_the_day)) == ({"M6": 1}, {"M6": 2})


def test_a_course_follows_whole_the_version_in_force_on_its_day_0():
    two = schedule("D0 | 0 d | 0/0", version=2, effective_from="2025-01-15")

    assert versions_of(planned(ONE, two, day_zero="2025-01-15")) == {"D0": 2}
    assert versions_of(planned(ONE, two, day_zero="2025-01-14")) == {}


def test_a_course_older_than_the_first_version_follows_that_version():
    late = schedule("M6 | 6 mo | 30/30", effective_from="2026-01-01")

    assert versions_of(planned(late, day_zero="2025-01-15", as_of=day("2025-07-01"))) == {"M6": 1}


def test_each_of_three_versions_moves_what_had_not_opened():
    two = schedule(
        """
        M6  | 6 mo  | 30/60
        M12 | 12 mo | 30/60
        M18 | 18 mo | 30/60
        """,
        version=2,
        effective_from="2025-03-01",
    )
    three = schedule("M18 | 18 mo | 10/10", version=3, effective_from="2025-07-01")

    found = planned(ONE, two, three, day_zero="2025-01-15")

    assert versions_of(found) == {"M6": 2, "M18": 3}


def test_the_order_in_which_versions_are_given_does_not_matter():  # G-2
    two = schedule("M6 | 7 mo | 30/30", version=2, effective_from="2025-06-01")

    assert planned(two, ONE, day_zero="2025-01-15") == planned(ONE, two, day_zero="2025-01-15")


def test_a_patient_without_a_schedule_has_nothing_planned():
    assert planned(day_zero="2025-01-15") == {}


def test_a_yearly_repetition_from_29_february_is_counted_from_day_0_and_never_chained():  # G-4
    lifelong = schedule("Y15 | 180 mo* | 90/90")

    found = planned(lifelong, day_zero="2024-02-29", until=day("2044-03-01"))

    assert {code: window.target_on.isoformat() for code, window in found.items()} == {
        "Y15": "2039-02-28",
        "Y16": "2040-02-29",
        "Y17": "2041-02-28",
        "Y18": "2042-02-28",
        "Y19": "2043-02-28",
        "Y20": "2044-02-29",
    }


@pytest.mark.parametrize(
    ("until", "codes"),
    [("2039-11-30", ["Y15"]), ("2039-12-01", ["Y15", "Y16"]), ("2039-12-02", ["Y15", "Y16"])],
)
def test_a_repetition_is_planned_while_it_opens_by_the_last_day_asked_for(until: str, codes: list[str]):
    lifelong = schedule("Y15 | 180 mo* | 90/90")

    assert list(planned(lifelong, day_zero="2024-02-29", until=day(until))) == codes


def test_a_repetition_brought_forward_is_planned_before_it_would_have_opened():
    later = schedule("Y3 | 36 mo* | 60/60")
    sooner = schedule("Y3 | 30 mo* | 60/60", version=2, effective_from="2024-06-01")
    on = day("2024-09-15")  # Y5 would have opened on 2024-11-02; now it has closed on 2024-08-30

    found = planned(later, sooner, day_zero="2020-01-01", as_of=on, until=on)

    assert versions_of(found) == {"Y3": 1, "Y4": 1, "Y5": 2}


def test_a_repetition_of_a_visit_in_days_falls_on_the_anniversary():  # G-4
    yearly = schedule("CALL | 30 d* | 5/5")

    found = planned(yearly, day_zero="2023-03-01", until=day("2025-06-01"))

    assert {code: window.target_on.isoformat() for code, window in found.items()} == {
        "CALL": "2023-03-31",
        "CALL+1Y": "2024-03-31",
        "CALL+2Y": "2025-03-31",
    }
    assert {window.day_zero for window in found.values()} == {day("2023-03-01")}


def test_a_new_version_may_end_the_repetitions_that_had_not_opened():
    lifelong = schedule("Y15 | 180 mo* | 90/90")
    ended = schedule("Y15 | 180 mo | 90/90", version=2, effective_from="2040-06-01")

    found = planned(lifelong, ended, day_zero="2024-02-29", until=day("2045-01-01"))

    assert versions_of(found) == {"Y15": 1, "Y16": 1}


@given(
    st.dates(date(2024, 1, 1), date(2026, 12, 31)),
    st.dates(date(2024, 1, 1), date(2028, 12, 31)),
    st.integers(-40, 40),
)
def test_what_had_opened_never_changes(day_zero: date, effective_from: date, shift: int):
    two = ScheduleVersion(
        version=2,
        effective_from=effective_from,
        visits=tuple(
            ScheduledVisit(v.code, max(v.offset + shift, 0), v.offset_unit, v.days_before, v.days_after)
            for v in CART_AID.visits[8:]
        ),
    )
    before = planned_windows(day_zero=day_zero, schedules=(CART_AID,), as_of=FAR, until=FAR)

    after = planned_windows(day_zero=day_zero, schedules=(CART_AID, two), as_of=FAR, until=FAR)

    if day_zero < effective_from:
        opened = [window for window in before if window.opens_on <= effective_from]
        assert [window for window in after if window.schedule_version == 1] == opened
    else:
        assert {window.schedule_version for window in after} == {2}
    assert len({window.code for window in after}) == len(after)
    assert timedelta(0) <= min(w.closes_on - w.opens_on for w in after)
