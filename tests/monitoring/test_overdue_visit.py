"""Rule 1 on the default schedule of the rule book. Test names and comments name the sentence (OVD-4)."""

from datetime import date, timedelta

import pytest

from registry.clinical.visit_windows import window_label, window_of
from registry.monitoring.evidence import Finding, History, RecordedVisit
from registry.monitoring.overdue_visit import RULE, is_annual, recorded_visit
from registry.monitoring.rule import Raised
from tests.tables import SCHEDULE, schedule_of

DEFAULT = schedule_of(SCHEDULE)
CODES = [visit.code for visit in DEFAULT.visits]


def visit(code: str, *, day_zero: date, on: date | None = None, status: str = "completed") -> RecordedVisit:
    return RecordedVisit(
        visit_id=1,
        code=code,
        day_zero=day_zero,
        status=status,
        visited_on=on if on or status == "missed" else day_zero,
    )


def patient(
    *infused_on: date,
    enrolled_on: date | None = None,
    ended_on: date | None = None,
    visits: tuple[RecordedVisit, ...] = (),
    but: str = "",
    schedules=(DEFAULT,),
) -> History:
    """A patient; `but` names the only visits of the first course not recorded."""
    recorded = tuple(visit(code, day_zero=infused_on[0]) for code in CODES if but and code not in but.split())
    return History(
        patient_id=1,
        enrolled_on=enrolled_on or infused_on[0],
        day_zeros=infused_on,
        follow_up_ended_on=ended_on,
        schedules=tuple(schedules),
        visits=(*recorded, *visits),
    )


def overdue(history: History, as_of: date) -> dict[str, Finding]:
    return {f.subject.split("@")[0]: f for f in RULE.findings(history, as_of)}


def labels(history: History, as_of: date) -> dict[str, list[str]]:
    return {code: f.evidence["labels"] for code, f in overdue(history, as_of).items()}


INFUSED = date(2025, 1, 31)


class TestTheWorkedExamples:
    def test_d28_is_overdue_on_the_day_after_it_closes(self):  # OVD-1, OVD-4
        history = patient(INFUSED, but="D28")

        assert overdue(history, date(2025, 3, 3)) == {}
        (finding,) = RULE.findings(history, date(2025, 3, 4))
        assert finding.evidence == {
            "visit_code": "D28",
            "day_zero": "2025-01-31",
            "target_on": "2025-02-28",
            "opens_on": "2025-02-25",
            "closes_on": "2025-03-03",
            "days_overdue": 1,
            "labels": [],
        }
        assert finding.subject == "D28@2025-01-31"
        assert (finding.certainty, finding.severity) == ("certain", "low")
        assert (finding.first_on, finding.last_on) == (date(2025, 2, 25), date(2025, 3, 3))

    def test_a_year_from_a_leap_day_is_28_february(self):  # G-4
        finding = overdue(patient(date(2024, 2, 29), but="M12"), date(2025, 5, 1))["M12"]

        assert (finding.evidence["target_on"], finding.evidence["closes_on"]) == ("2025-02-28", "2025-04-29")

    @pytest.mark.parametrize(
        ("died_on", "is_owed"),
        [(date(2025, 3, 2), False), (date(2025, 3, 3), True), (date(2025, 3, 4), True)],
    )
    def test_the_end_of_follow_up_is_the_last_day_that_owes(self, died_on, is_owed):  # OVD-3
        assert ("D28" in overdue(patient(INFUSED, ended_on=died_on, but="D28"), date(2025, 6, 1))) == is_owed


class TestThePlan:
    @pytest.mark.parametrize(
        ("code", "infused_on", "target_on"),
        [
            ("M2", date(2024, 12, 31), date(2025, 2, 28)),  # month end clamped
            ("M2", date(2023, 12, 31), date(2024, 2, 29)),
            ("M3", date(2024, 11, 30), date(2025, 2, 28)),
            ("Y4", date(2024, 2, 29), date(2028, 2, 29)),  # never chained over 28 Feb
            ("Y3", date(2024, 2, 29), date(2027, 2, 28)),
        ],
    )
    def test_months_and_years_are_calendar_arithmetic(self, code, infused_on, target_on):  # G-4
        finding = overdue(patient(infused_on, but=code), date(2030, 1, 1))[code]

        assert finding.evidence["target_on"] == target_on.isoformat()

    def test_every_visit_of_fifteen_years_is_planned(self):  # OVD-1
        assert list(overdue(patient(INFUSED), date(2041, 1, 1))) == CODES

    def test_the_last_row_may_go_on_for_life(self):  # OVD-1: "repeats yearly"
        history = patient(INFUSED, schedules=[schedule_of(SCHEDULE, repeats_yearly="Y15")])

        found = overdue(history, date(2042, 5, 2))
        assert [code for code in found if code not in CODES] == ["Y16", "Y17"]
        assert found["Y17"].evidence["closes_on"] == "2042-05-01"

    def test_a_new_version_moves_only_visits_whose_window_has_not_opened(self):
        # On 1 May 2025 M3 (target 30 April, opens 16 April) is open, M6 (opens 1 July) is not.
        second = schedule_of(
            """
            code | target | before | after
            -----+--------+--------+------
            M3   | 3 mo   | 14     | 90
            M6   | 7 mo   | 10     | 10
            """,
            version=2,
            effective_from=date(2025, 5, 1),
        )
        history = patient(INFUSED, schedules=[second, DEFAULT])

        found = overdue(history, date(2026, 6, 1))
        assert found["M3"].evidence["closes_on"] == "2025-05-14", "open by then: stays"
        assert found["M6"].evidence["target_on"] == "2025-08-31", "not open yet: moved"
        assert "M9" not in found, "not open yet and no longer planned: dropped"

    def test_an_unopened_visit_moves_even_to_a_window_that_opens_earlier(self):
        second = schedule_of(
            """
            code | target | before | after
            -----+--------+--------+------
            M6   | 6 mo   | 120    | 5
            """,
            version=2,
            effective_from=date(2025, 5, 1),
        )

        found = overdue(patient(INFUSED, schedules=[DEFAULT, second]), date(2025, 9, 1))

        assert found["M6"].evidence["closes_on"] == "2025-08-05"

    def test_a_version_after_the_as_of_date_is_not_seen(self):  # G-2
        second = schedule_of(
            "code | target | before | after\n---\nM6 | 7 mo | 10 | 10",
            version=2,
            effective_from=date(2025, 9, 2),
        )

        found = overdue(patient(INFUSED, schedules=[DEFAULT, second]), date(2025, 9, 1))

        assert found["M6"].evidence["target_on"] == "2025-07-31"

    def test_a_course_begun_under_a_new_version_follows_it_whole(self):
        second = schedule_of(
            "code | target | before | after\n---\nD5 | 5 d | 5 | 5", version=2, effective_from=INFUSED
        )

        assert list(overdue(patient(INFUSED, schedules=[DEFAULT, second]), date(2026, 1, 1))) == ["D5"]

    def test_without_a_schedule_nothing_is_planned(self):  # contract.md 3: a study of SDTM data
        assert overdue(patient(INFUSED, schedules=[]), date(2026, 1, 1)) == {}


class TestRecorded:
    @pytest.mark.parametrize("status", ["completed", "missed"])
    def test_a_completed_or_missed_visit_is_recorded(self, status):  # OVD-2
        history = patient(
            INFUSED, but="D28", visits=(visit("D28", day_zero=INFUSED, on=date(2025, 2, 28), status=status),)
        )

        assert overdue(history, date(2025, 6, 1)) == {}

    @pytest.mark.parametrize("on", [date(2025, 2, 1), date(2025, 5, 20)])
    def test_a_visit_outside_its_window_is_never_overdue(self, on):  # OVD-6
        history = patient(INFUSED, but="D28", visits=(visit("D28", day_zero=INFUSED, on=on),))

        assert overdue(history, date(2025, 6, 1)) == {}

    def test_a_missed_visit_without_a_date_is_seen_from_day_0_on(self):  # contract.md 3
        history = patient(INFUSED, but="D28", visits=(visit("D28", day_zero=INFUSED, status="missed"),))

        assert overdue(history, date(2025, 3, 4)) == {}

    def test_a_visit_after_the_as_of_date_is_not_seen(self):  # G-2
        history = patient(INFUSED, but="D28", visits=(visit("D28", day_zero=INFUSED, on=date(2025, 3, 10)),))

        assert list(overdue(history, date(2025, 3, 9))) == ["D28"]
        assert overdue(history, date(2025, 3, 10)) == {}

    def test_a_visit_of_another_day_0_records_nothing_here(self):  # OVD-2
        second = date(2025, 4, 30)
        history = patient(INFUSED, second, but="D28", visits=(visit("D28", day_zero=second),))

        assert f"D28@{INFUSED}" in {f.subject for f in RULE.findings(history, date(2025, 4, 30))}

    def test_an_unscheduled_visit_records_no_planned_one(self):  # OVD-2
        history = patient(INFUSED, but="D28", visits=(visit("UNS", day_zero=INFUSED, on=date(2025, 2, 28)),))

        assert list(overdue(history, date(2025, 3, 4))) == ["D28"]

    @pytest.mark.parametrize(
        ("on", "label"),
        [
            (date(2025, 2, 24), "early"),
            (date(2025, 2, 25), ""),
            (date(2025, 3, 3), ""),
            (date(2025, 3, 4), "late"),
        ],
    )
    def test_a_recorded_visit_is_labelled_early_or_late(self, on, label):  # OVD-6
        d28 = next(visit for visit in DEFAULT.visits if visit.code == "D28")

        assert window_label(window=window_of(d28, day_zero=INFUSED, version=1), visited_on=on) == label


class TestOwed:
    @pytest.mark.parametrize(
        ("enrolled_on", "is_owed"),
        [(date(2025, 3, 2), True), (date(2025, 3, 3), True), (date(2025, 3, 4), False)],
    )
    def test_what_closed_before_enrolment_is_not_owed(self, enrolled_on, is_owed):  # OVD-3
        assert ("D28" in overdue(patient(INFUSED, enrolled_on=enrolled_on), date(2025, 6, 1))) == is_owed

    def test_what_opened_before_the_end_but_closes_after_it_is_not_owed(self):  # OVD-3
        assert "D28" not in overdue(patient(INFUSED, ended_on=date(2025, 2, 26)), date(2025, 6, 1))

    def test_what_closed_before_the_end_stays_owed_after_it(self):  # OVD-3
        assert "D21" in overdue(patient(INFUSED, ended_on=date(2025, 2, 26)), date(2025, 6, 1))

    def test_a_screened_patient_owes_nothing(self):  # contract.md 3
        history = patient(INFUSED)

        assert RULE.findings(history.as_of(date(2025, 1, 1)), date(2026, 1, 1)) == ()


class TestANewInfusion:
    @pytest.mark.parametrize(
        ("next_infusion_on", "is_owed"),
        [(date(2025, 3, 2), False), (date(2025, 3, 3), False), (date(2025, 3, 4), True)],
    )
    def test_drops_what_closes_on_or_after_it(self, next_infusion_on, is_owed):  # OVD-5
        subjects = {f.subject for f in RULE.findings(patient(INFUSED, next_infusion_on), date(2025, 6, 1))}

        assert (f"D28@{INFUSED}" in subjects) == is_owed

    def test_restarts_the_schedule(self):  # OVD-5
        second = date(2025, 4, 1)

        subjects = {f.subject for f in RULE.findings(patient(INFUSED, second, but="none"), date(2025, 4, 3))}

        assert subjects == {f"D1@{second}"}

    def test_drops_nothing_before_it_is_given(self):  # G-1
        second = date(2025, 4, 1)
        history = patient(INFUSED, second, but="M2")

        assert f"M2@{INFUSED}" not in {f.subject for f in RULE.findings(history, date(2025, 4, 1))}
        (finding,) = RULE.findings(patient(INFUSED, date(2025, 4, 10), but="M2"), date(2025, 4, 9))
        assert finding.subject == f"M2@{INFUSED}"

    def test_infusions_may_be_entered_in_any_order(self):  # G-2
        second = date(2025, 4, 1)

        one_way = patient(INFUSED, second, enrolled_on=INFUSED)
        other_way = patient(second, INFUSED, enrolled_on=INFUSED)

        assert RULE.findings(other_way, date(2025, 6, 1)) == RULE.findings(one_way, date(2025, 6, 1))


class TestLabelsAndSeverity:
    @pytest.mark.parametrize(
        ("days_overdue", "severity"),
        [(1, "low"), (29, "low"), (30, "low"), (31, "medium"), (90, "medium"), (91, "high")],
    )
    def test_severity_grows_with_the_days(self, days_overdue, severity):  # OVD-8
        as_of = date(2025, 3, 3) + timedelta(days=days_overdue)

        finding = overdue(patient(INFUSED, but="D28"), as_of)["D28"]

        assert (finding.evidence["days_overdue"], finding.severity) == (days_overdue, severity)

    @pytest.mark.parametrize(
        ("as_of", "label"),
        [
            (date(2025, 3, 23), []),
            (date(2025, 3, 24), ["superseded by M2"]),  # M2: target 31 March, opens on the 24th
            (date(2025, 12, 24), ["superseded by M2"]),
        ],
    )
    def test_the_next_visit_s_open_window_supersedes(self, as_of, label):  # OVD-7
        assert labels(patient(INFUSED, but="D28"), as_of)["D28"] == label

    def test_the_next_planned_visit_supersedes_even_when_it_is_recorded(self):  # OVD-7
        assert labels(patient(INFUSED, but="M18"), date(2026, 12, 31))["M18"] == []
        assert labels(patient(INFUSED, but="M18"), date(2027, 1, 1))["M18"] == ["superseded by M24"]

    def test_a_visit_dropped_by_a_new_infusion_supersedes_nothing(self):  # OVD-5, OVD-7
        history = patient(INFUSED, date(2025, 3, 28), but="D28")

        (finding,) = [f for f in RULE.findings(history, date(2025, 3, 28)) if f.day_zero == INFUSED]
        assert finding.evidence["labels"] == []

    def test_a_yearly_repetition_that_has_not_opened_holds_up_no_label(self):  # OVD-7
        # M12+1Y and M24 aim at one day, and M24 opens a month before.
        table = """
            code | target | before | after
            -----+--------+--------+------
            M12  | 12 mo  | 30     | 30
            M24  | 24 mo  | 60     | 60
        """
        history = patient(date(2024, 3, 1), schedules=[schedule_of(table, repeats_yearly="M12")])

        assert labels(history, date(2025, 12, 30)) == {"M12": []}
        assert labels(history, date(2025, 12, 31)) == {"M12": ["superseded by M24"]}

    def test_the_last_planned_visit_is_superseded_by_none(self):  # OVD-7
        assert labels(patient(INFUSED, but="Y15"), date(2045, 1, 1)) == {"Y15": []}

    @pytest.mark.parametrize(
        ("missing", "lost"),
        [
            ("M12 M24", {"M12", "M24"}),
            ("M24 Y3", {"M24", "Y3"}),
            ("Y3 Y4", {"Y3", "Y4"}),
            ("M12 Y3", set()),  # not neighbours
            ("M12 M18", set()),  # M18 is no annual visit
            ("M18 M24", set()),
            ("M12 M24 Y4 Y5", {"M12", "M24", "Y4", "Y5"}),
            ("M24", set()),
        ],
    )
    def test_two_neighbouring_annual_visits_ask_whether_the_patient_is_lost(self, missing, lost):  # OVD-8
        found = overdue(patient(INFUSED, but=missing), date(2031, 1, 1))

        assert set(found) == set(missing.split())
        assert {code for code, f in found.items() if "lost to follow-up?" in f.evidence["labels"]} == lost

    def test_both_neighbours_are_high_however_few_days_they_are_overdue(self):  # OVD-8
        closed = date(2027, 4, 1)  # M24: target 31 Jan 2027 + 60 days

        found = overdue(patient(INFUSED, but="M12 M24"), closed + timedelta(days=1))

        assert (found["M24"].evidence["days_overdue"], found["M24"].severity) == (1, "high")
        assert found["M12"].severity == "high"
        assert found["M12"].evidence["labels"] == ["superseded by M18", "lost to follow-up?"]

    def test_a_neighbour_that_is_not_overdue_yet_says_nothing(self):  # OVD-8
        found = overdue(patient(INFUSED, but="M12 M24"), date(2027, 4, 1))

        assert list(found) == ["M12"]
        assert "lost to follow-up?" not in found["M12"].evidence["labels"]

    @pytest.mark.parametrize(
        ("code", "annual"),
        [
            ("M12", True),
            ("M24", True),
            ("Y3", True),
            ("Y15", True),
            ("Y16", True),
            ("Y2", False),
            ("M36", False),
        ],
    )
    def test_annual_visits_are_m12_m24_and_y3_onward(self, code, annual):  # OVD-8
        assert is_annual(code) == annual


class TestAfterTheFinding:
    def test_recording_the_visit_settles_the_alert(self):  # OVD-9
        entered = visit("D28", day_zero=INFUSED, on=date(2025, 3, 10))
        history = patient(INFUSED, but="D28", visits=(entered,))
        raised = Raised(f"D28@{INFUSED}", "certain", date(2025, 2, 25), date(2025, 3, 3))

        assert RULE.settles(history, date(2025, 3, 10), raised)
        assert not RULE.settles(history, date(2025, 3, 9), raised), "not seen yet"
        assert recorded_visit(history=history, subject=f"D28@{INFUSED}") is entered

    def test_an_earlier_end_of_follow_up_takes_the_ground_away(self):  # contract.md 4: withdrawn
        history = patient(INFUSED, but="D28", ended_on=date(2025, 3, 1))
        raised = Raised(f"D28@{INFUSED}", "certain", date(2025, 2, 25), date(2025, 3, 3))

        assert overdue(history, date(2025, 3, 10)) == {}
        assert not RULE.settles(history, date(2025, 3, 10), raised)
