"""Rule 2 as the rule book draws it. Test names and comments name the sentence (CYT-4)."""

from dataclasses import replace
from decimal import Decimal

import pytest

from registry.monitoring import prolonged_cytopenia
from registry.monitoring.prolonged_cytopenia import RULE
from registry.monitoring.rule import Raised
from tests.monitoring.saying import cytopenias, episode_said, span, spans
from tests.tables import DAY_0, history_of, on_day, series


def anc(text: str, *, as_of_day: int = 120, **facts) -> list[str]:
    """Certainty and days of the neutrophil episodes of a series written as in the rule book."""
    return [span(f) for f in cytopenias(history_of(series("ANC", text), **facts), as_of_day=as_of_day)]


def only_episode(table: str, *, as_of_day: int = 120, **facts) -> dict[str, object]:
    (finding,) = cytopenias(history_of(table, **facts), as_of_day=as_of_day)
    return episode_said(finding)


def only_anc_episode(text: str, *, as_of_day: int = 120, **facts) -> dict[str, object]:
    return only_episode(series("ANC", text), as_of_day=as_of_day, **facts)


DAILY_LOW_TO_30 = " ".join(f"{day}:0.6" for day in range(3, 31))


class TestTheWorkedExamples:
    def test_p01_lasts_32_days_and_recovers_on_day_42(self):
        said = only_anc_episode("3:0.4 7:0.2 14:0.6 21:0.6 28:0.7 35:0.8 42:1.5 49:1.6 56:1.7")

        assert said == {
            "lineage": "ANC",
            "first_low_on": 3,
            "last_low_on": 35,
            "certain_days": 32,
            "possible_days": 41,
            "earliest_start_on": 0,
            "latest_end_on": 41,
            "outcome": "recovered",
            "recovered_on": 42,
            "deepest_value": "0.2",
            "deepest_on": 7,
            "labels": ["largest_gap:7", "ctcae_v5:4", "ctcae_v6:3"],
            "results": [1, 2, 3, 4, 5, 6],
        }

    def test_p04_of_exactly_28_days_is_possible_when_nothing_is_known_before(self):
        said = only_anc_episode(f"{DAILY_LOW_TO_30} 31:0.9 32:1.1 33:1.2 34:1.3")

        assert (said["certain_days"], said["possible_days"]) == (28, 31)

    def test_p04_with_a_normal_count_on_day_2_is_nothing(self):
        assert anc(f"2:1.4 {DAILY_LOW_TO_30} 31:0.9 32:1.1 33:1.2 34:1.3") == []

    def test_p05_of_29_days_is_certain(self):
        said = only_anc_episode(f"{DAILY_LOW_TO_30} 31:0.9 32:0.9 33:1.1 34:1.2 35:1.3")

        assert (said["certain_days"], said["outcome"], said["recovered_on"]) == (29, "recovered", 33)

    def test_p07_counts_lifted_by_g_csf_are_no_recovery(self):
        said = only_episode("""
            day | ANC | given
            ----+-----+------
             10 | 0.4 |
             11 |     | g_csf
             12 |     | g_csf
             13 |     | g_csf
             14 |     | g_csf
             15 | 5.0 |
             16 | 4.2 |
             17 | 3.1 |
             20 | 0.7 |
             27 | 0.6 |
             41 | 0.9 |
        """)

        assert (said["first_low_on"], said["last_low_on"], said["certain_days"]) == (10, 41, 31)
        assert "supported" in said["labels"]

    def test_p08_one_low_count_is_possible_while_nothing_bounds_it_before(self):
        said = only_anc_episode("20:0.7 37:1.6 44:1.8 51:1.9")

        assert (said["certain_days"], said["possible_days"]) == (0, 36)
        assert (said["earliest_start_on"], said["latest_end_on"]) == (0, 36)

    def test_p14_low_before_the_infusion_is_a_label_and_no_excuse(self):
        every_five_days = " ".join(f"{day}:0.85" for day in range(5, 61, 5))

        said = only_anc_episode(f"-5:0.9 {every_five_days}")

        assert (said["first_low_on"], said["certain_days"]) == (5, 55)
        assert said["labels"][0] == "baseline_low"

    def test_p16_two_low_counts_half_a_year_apart_are_two_possible_episodes(self):
        first, second = cytopenias(history_of(series("ANC", "60:0.9 150:1.8 240:0.9")), as_of_day=300)

        assert episode_said(first)["possible_days"] == 149
        assert episode_said(second)["possible_days"] == 149
        assert [span(first), span(second)] == ["possible 60-60", "possible 240-240"]

    @pytest.mark.parametrize(("as_of_day", "possible_days"), [(30, None), (33, None), (34, 29)])
    def test_p17_the_clock_alone_makes_it_possible(self, as_of_day, possible_days):
        found = cytopenias(history_of(series("ANC", "4:1.2 5:0.5 20:0.6")), as_of_day=as_of_day)

        assert [f.evidence["possible_days"] for f in found] == ([possible_days] if possible_days else [])
        assert all(f.certainty == "possible" for f in found)


class TestWhatIsSeen:
    def test_results_before_day_0_are_not_seen(self):  # CYT-1
        assert anc("-1:0.4 14:0.4 28:0.4 29:2") == []
        assert anc("0:0.4 14:0.4 29:0.4 30:2") == ["certain 0-29"]

    def test_day_0_itself_is_seen(self):  # CYT-1
        assert anc("0:0.4 15:0.4 29:0.4") == ["certain 0-29"]

    def test_results_before_enrolment_and_after_day_0_are_seen(self):  # CYT-1
        assert anc("3:0.4 20:0.4 35:0.4", enrolled_day=30) == ["certain 3-35"]

    @pytest.mark.parametrize(
        ("next_infusion_day", "said"),
        [
            (33, ["certain 3-32"]),  # day 32 is the last day of the course
            (32, ["possible 3-20", "possible 32-32"]),  # day 32 is day 0 of the next
        ],
    )
    def test_a_course_ends_on_the_day_before_the_next_infusion(self, next_infusion_day, said):  # CYT-1
        assert anc("3:0.4 20:0.4 32:0.4", infusion_days=(0, next_infusion_day)) == said

    @pytest.mark.parametrize(("ended_day", "last_low_day"), [(31, 20), (32, 32), (33, 32)])
    def test_results_after_the_end_of_follow_up_are_not_seen(self, ended_day, last_low_day):  # CYT-1
        said = only_anc_episode("3:0.4 20:0.4 32:0.4", ended_day=ended_day)

        assert said["last_low_on"] == last_low_day

    def test_a_course_that_began_after_the_end_of_follow_up_shows_nothing(self):  # CYT-1
        assert anc("60:0.4 70:0.4 95:0.4", infusion_days=(0, 55), ended_day=50) == []

    def test_results_after_the_as_of_date_are_not_seen(self):  # G-2
        assert anc("3:0.4 20:0.4 32:0.4", as_of_day=31) == ["possible 3-20"]

    def test_an_infusion_after_the_as_of_date_is_not_seen(self):  # G-1
        said = only_anc_episode("3:0.4 20:0.4 40:0.4", infusion_days=(0, 60), as_of_day=59)

        assert (said["outcome"], said["latest_end_on"]) == ("ongoing", 59)

    def test_a_patient_not_enrolled_yet_is_in_no_scope(self):  # G-3
        assert anc("3:0.4 20:0.4 40:0.4", enrolled_day=None) == []
        assert anc("3:0.4 20:0.4 40:0.4", enrolled_day=121, as_of_day=120) == []


class TestALowDay:
    @pytest.mark.parametrize(
        ("lineage", "below", "at", "above"),
        [("ANC", "0.999", "1.0", "1.001"), ("PLT", "49.9", "50", "50.1"), ("HGB", "79.9", "80", "80.1")],
    )
    def test_at_the_limit_is_not_low(self, lineage, below, at, above):  # CYT-2
        def lasts(value):
            return spans(cytopenias(history_of(series(lineage, f"2:{value} 16:{value} 31:{value}"))))

        assert lasts(below) == [f"{lineage} certain 2-31"]
        assert lasts(at) == []
        assert lasts(above) == []

    @pytest.mark.parametrize(
        ("reported", "is_low", "is_recovery"),
        [
            ("<0.9", True, False),
            ("<1.0", True, False),
            ("<1.1", False, False),  # not evaluable: skipped
            (">0.9", False, False),  # not evaluable: skipped
            (">1.0", False, True),
            (">1.1", False, True),
        ],
    )
    def test_a_bound_counts_only_when_it_proves_a_side(self, reported, is_low, is_recovery):  # CYT-1
        low = anc(f"2:{reported} 16:{reported} 31:{reported}")
        recovered = only_anc_episode(f"2:0.4 16:0.4 31:0.4 40:{reported} 41:{reported} 42:{reported}")

        assert low == (["certain 2-31"] if is_low else [])
        assert (recovered["outcome"] == "recovered") == is_recovery

    def test_the_lowest_result_stands_for_the_day(self):  # CYT-1
        said = only_episode("""
            day | ANC
            ----+-----
              3 | 2.0, 0.4
             16 | 0.9
             32 | 0.7, 0.6, 1.4
        """)

        assert (said["certain_days"], said["deepest_value"]) == (29, "0.4")
        assert said["results"] == [2, 3, 4, 5], "all low results of the low days"

    def test_what_is_not_evaluable_never_stands_for_the_day(self):  # CYT-1
        # <1.1 might be the lowest of the day, but it is removed first: the day is not low.
        assert anc("2:1.5 5:0.4 6:2.0 6:<1.1 7:2 8:2") == []

    def test_a_bound_below_lies_deeper_than_the_same_number(self):  # CYT-10
        said = only_anc_episode("3:0.1 16:<0.1 32:0.4")

        assert (said["deepest_value"], said["deepest_on"]) == ("<0.1", 16)

    def test_the_earliest_of_equally_deep_days_is_named(self):  # CYT-10
        assert only_anc_episode("3:0.40 16:0.4 32:0.400")["deepest_on"] == 3

    def test_each_lineage_is_judged_by_itself(self):  # CYT-1
        found = cytopenias(
            history_of("""
                day | ANC | PLT | HGB
                ----+-----+-----+----
                  2 | 0.9 | 200 | 79
                 16 | 0.9 |  49 | 79
                 31 | 0.9 | 200 | 79
                 45 | 2.0 | 200 | 90
            """)
        )

        assert spans(found) == ["ANC certain 2-31", "HGB certain 2-31"]


class TestSupport:
    """CYT-3: counts on the day of a support and N days after it are neither low nor recovery."""

    @pytest.mark.parametrize(
        ("lineage", "kind", "hidden_days"),
        [
            ("PLT", "platelet_transfusion", 6),
            ("PLT", "tpo_ra", 6),
            ("HGB", "rbc_transfusion", 29),
            ("ANC", "g_csf", 6),
            ("ANC", "peg_g_csf", 13),
        ],
    )
    def test_a_support_hides_its_own_day_and_n_days_after(self, lineage, kind, hidden_days):
        low, normal = {"ANC": ("0.4", "2"), "PLT": ("20", "150"), "HGB": ("70", "110")}[lineage]

        def outcome(first_normal_day):
            table = f"""
                day | {lineage} | given
                ----+-----------+------
                  2 | {low}     |
                 31 | {low}     |
                 35 |           | {kind}
                {first_normal_day} | {normal} |
            """
            return only_episode(table)["outcome"]

        assert outcome(34) == "recovering", "the day before"
        assert outcome(35) == "ongoing", "the same day"
        assert outcome(35 + hidden_days - 1) == "ongoing"
        assert outcome(35 + hidden_days) == "ongoing"
        assert outcome(35 + hidden_days + 1) == "recovering"

    @pytest.mark.parametrize(
        ("lineage", "kind"),
        [("ANC", "platelet_transfusion"), ("PLT", "rbc_transfusion"), ("HGB", "g_csf"), ("ANC", "tpo_ra")],
    )
    def test_a_support_of_another_lineage_hides_nothing(self, lineage, kind):
        low, normal = {"ANC": ("0.4", "2"), "PLT": ("20", "150"), "HGB": ("70", "110")}[lineage]
        said = only_episode(f"""
            day | {lineage} | given
            ----+-----------+------
              2 | {low}     |
             31 | {low}     |
             35 | {normal}  | {kind}
        """)

        assert said["outcome"] == "recovering"

    def test_a_support_before_day_0_hides_counts_after_it(self):
        said = only_episode("""
            day | HGB | given
            ----+-----+----------------
            -10 |     | rbc_transfusion
             19 | 100 |
             25 |  70 |
             40 |  70 |
             60 |  70 |
        """)

        assert said["earliest_start_on"] == 0, "day 19 is supported and bounds nothing"

    def test_a_support_in_an_earlier_course_hides_counts_of_the_next(self):
        table = """
            day | HGB | given
            ----+-----+----------------
             95 |     | rbc_transfusion
            124 | 100 |
            130 |  70 |
            159 |  70 |
        """

        said = only_episode(table, infusion_days=(0, 100), as_of_day=170)

        assert said["earliest_start_on"] == 100

    def test_a_support_after_the_as_of_date_is_not_seen(self):  # G-2: and could hide nothing before it
        table = """
            day | ANC | given
            ----+-----+------
              2 | 0.4 |
             31 | 0.4 |
             40 | 2.0 |
             41 |     | g_csf
        """

        assert only_episode(table, as_of_day=40)["outcome"] == "recovering"

    def test_a_low_day_is_low_whether_supported_or_not(self):
        said = only_episode("""
            day | ANC | given
            ----+-----+------
              2 | 0.4 | g_csf
             16 | 0.4 | g_csf
             31 | 0.4 | g_csf
        """)

        assert said["certain_days"] == 29
        assert "supported" not in said["labels"], "only a day that is not low can be supported"


class TestRecovery:
    """CYT-4: the first of three consecutive unsupported days that are not low."""

    @pytest.mark.parametrize(
        ("normal_days", "said"),
        [
            ("20:2 21:2", ["certain 2-31"]),  # two days: one episode of 29 days
            ("20:2 21:2 22:2", []),  # three: two episodes, bounded to 2-19 and 23-31
        ],
    )
    def test_three_days_make_a_recovery_and_two_do_not(self, normal_days, said):
        assert anc(f"1:2 2:0.4 {normal_days} 31:0.4 32:2 33:2 34:2") == said

    def test_a_low_day_breaks_the_run(self):
        assert anc("2:0.4 20:2 21:2 22:0.9 23:2 24:2 31:0.4") == ["certain 2-31"]

    def test_a_supported_day_is_passed_over_and_breaks_nothing(self):
        table = """
            day | ANC | given
            ----+-----+------
              1 | 2   |
              2 | 0.4 |
             10 | 2   |
             11 | 2   |
             12 | 5   | g_csf
             19 | 2   |
             31 | 0.4 |
             32 | 2   |
             33 | 2   |
             34 | 2   |
        """

        assert spans(cytopenias(history_of(table))) == []

    def test_the_days_need_not_follow_each_other_in_the_calendar(self):
        assert only_anc_episode("2:0.4 31:0.4 40:2 60:2 90:2")["recovered_on"] == 40

    def test_three_results_of_one_day_are_one_day(self):
        table = """
            day | ANC
            ----+-----
              2 | 0.4
             31 | 0.4
             40 | 2, 2, 2
             41 | 2
        """

        assert only_episode(table)["outcome"] == "recovering"


class TestEpisodes:
    @pytest.mark.parametrize(
        ("second_low_day", "said"),
        [
            (39, ["certain 5-39"]),
            (40, ["certain 5-40"]),
            (41, ["possible 5-5", "possible 41-41"]),
        ],
    )
    def test_a_gap_of_36_days_splits_the_episode(self, second_low_day, said):  # CYT-5
        assert anc(f"5:0.9 {second_low_day}:0.9", as_of_day=60) == said

    def test_a_count_that_is_not_low_does_not_bridge_a_gap(self):  # CYT-5: the gap is between low days
        assert anc("5:0.9 20:1.5 41:0.9", as_of_day=60) == ["possible 41-41"]
        assert anc("5:0.9 20:1.5 40:0.9", as_of_day=60) == ["certain 5-40"]

    @pytest.mark.parametrize(
        ("last_low_day", "certainty"), [(29, "possible"), (30, "possible"), (31, "certain")]
    )
    def test_exactly_28_days_is_not_prolonged(self, last_low_day, certainty):  # CYT-6
        assert anc(f"2:0.9 16:0.9 {last_low_day}:0.9") == [f"{certainty} 2-{last_low_day}"]

    @pytest.mark.parametrize(
        ("normal_before", "normal_after", "possible_days"),
        [
            (4, 34, None),  # 33 − 5 = 28
            (4, 35, 29),
            (3, 34, 29),
            (3, 33, None),
        ],
    )
    def test_possible_days_are_bounded_by_counts_that_are_not_low(
        self, normal_before, normal_after, possible_days
    ):  # CYT-7, CYT-8
        found = cytopenias(history_of(series("ANC", f"{normal_before}:2 10:0.4 {normal_after}:2")))

        assert [f.evidence["possible_days"] for f in found] == ([possible_days] if possible_days else [])

    def test_supported_days_bound_nothing(self):  # CYT-7
        said = only_episode("""
            day | ANC | given
            ----+-----+------
              2 | 2.0 |
              8 | 2.0 | g_csf
             10 | 0.4 |
             12 | 2.0 |
             40 | 2.0 |
        """)

        assert (said["earliest_start_on"], said["latest_end_on"]) == (3, 39)

    def test_low_days_of_another_episode_bound_nothing(self):  # CYT-7
        first, second = cytopenias(history_of(series("ANC", "3:2 10:0.4 60:0.4 70:2")), as_of_day=100)

        for said in (episode_said(first), episode_said(second)):
            assert (said["earliest_start_on"], said["latest_end_on"]) == (4, 69)

    def test_a_count_before_day_0_does_not_bound_the_start(self):  # CYT-7
        said = only_anc_episode("-3:2 20:0.4 30:2")

        assert (said["earliest_start_on"], said["possible_days"]) == (0, 29)

    @pytest.mark.parametrize(
        ("facts", "latest_end_day"),
        [
            ({"as_of_day": 50}, 50),
            ({"as_of_day": 120, "ended_day": 55}, 55),
            ({"as_of_day": 120, "infusion_days": (0, 61)}, 60),
            ({"as_of_day": 120, "ended_day": 55, "infusion_days": (0, 61)}, 55),
            ({"as_of_day": 50, "ended_day": 55, "infusion_days": (0, 61)}, 50),
        ],
    )
    def test_without_a_later_count_the_last_day_seen_bounds_the_end(self, facts, latest_end_day):  # CYT-7
        assert only_anc_episode("10:0.4", **facts)["latest_end_on"] == latest_end_day


class TestOutcome:
    """CYT-9, in its order: recovered, censored, recovering, ongoing."""

    LOW = "2:0.4 16:0.4 31:0.4"

    @pytest.mark.parametrize(
        ("later", "facts", "outcome"),
        [
            ("", {}, "ongoing"),
            ("40:2", {}, "recovering"),
            ("40:2 41:2", {}, "recovering"),
            ("40:2 41:2 42:2", {}, "recovered"),
            ("", {"ended_day": 60}, "censored"),
            ("40:2 41:2", {"ended_day": 60}, "censored"),
            ("40:2 41:2 42:2", {"ended_day": 60}, "recovered"),
            ("40:2 41:2 42:2", {"ended_day": 41}, "censored"),  # the third is not seen
            ("40:2 41:2", {"infusion_days": (0, 60)}, "censored"),
            ("40:2 41:2 42:2", {"infusion_days": (0, 60)}, "recovered"),
            ("40:2 41:2 42:2", {"infusion_days": (0, 42)}, "censored"),
            ("40:2", {"ended_day": 121}, "recovering"),  # not by the as-of date
            ("40:2", {"ended_day": 120}, "censored"),  # on the as-of date
            ("40:2", {"infusion_days": (0, 121)}, "recovering"),
            ("40:2", {"infusion_days": (0, 120)}, "censored"),
        ],
    )
    def test_the_outcome_of_the_latest_episode(self, later, facts, outcome):
        assert only_anc_episode(f"{self.LOW} {later}", **facts)["outcome"] == outcome

    @pytest.mark.parametrize(
        ("between", "outcome"),
        [
            ("40:2 41:2 42:2", "recovered"),
            ("40:2 41:2", "recovering"),  # the run is broken by the low day 70
            ("", "ongoing"),
        ],
    )
    def test_the_end_of_follow_up_does_not_censor_an_episode_before_another(self, between, outcome):
        first = cytopenias(history_of(series("ANC", f"{self.LOW} {between} 70:0.4"), ended_day=75))[0]

        assert first.evidence["outcome"] == outcome

    def test_recovery_after_the_next_low_day_is_not_this_episode_s(self):
        first, second = cytopenias(
            history_of(series("ANC", f"{self.LOW} 40:2 70:0.4 103:0.4 104:2 105:2 106:2"))
        )

        assert (first.evidence["outcome"], first.evidence["recovered_on"]) == ("recovering", None)
        assert second.evidence["outcome"] == "recovered"


class TestLabels:
    """CYT-10: labels, never suppressions."""

    @pytest.mark.parametrize(
        ("day", "value", "is_labelled"),
        [
            (-31, "0.9", False),
            (-30, "0.9", True),
            (-1, "0.9", True),
            (-5, "1.0", False),
            (-5, "<1.0", True),
            (-5, "<1.1", False),
            (0, "0.9", False),
        ],
    )
    def test_a_low_count_in_the_thirty_days_before_is_a_label(self, day, value, is_labelled):
        said = only_anc_episode(f"{day}:{value} 2:0.4 16:0.4 31:0.4")

        assert ("baseline_low" in said["labels"]) == is_labelled

    def test_any_low_result_before_counts_and_not_only_the_lowest_of_the_lineage(self):
        said = only_episode("""
            day | ANC      | PLT
            ----+----------+----
             -3 | 2.0, 0.9 | 20
              2 | 0.4      |
             31 | 0.4      |
        """)

        assert "baseline_low" in said["labels"]

    @pytest.mark.parametrize(("day", "is_labelled"), [(1, False), (20, True), (32, False)])
    def test_supported_is_said_of_a_supported_day_inside_the_episode(self, day, is_labelled):
        said = only_episode(f"""
            day   | ANC | given
            ------+-----+------
              2   | 0.4 |
             31   | 0.4 |
            {day} | 5.0 | g_csf
        """)

        assert ("supported" in said["labels"]) == is_labelled

    def test_the_largest_gap_is_between_evaluable_results_inside_the_episode(self):
        said = only_anc_episode("2:0.4 5:<1.5 16:2 31:0.4 60:2")

        assert "largest_gap:15" in said["labels"], "day 5 is not evaluable, day 60 lies outside"

    @pytest.mark.parametrize(
        ("lineage", "deepest", "grades"),
        [
            ("ANC", "0.999", ["ctcae_v5:3", "ctcae_v6:2"]),
            ("ANC", "0.5", ["ctcae_v5:3", "ctcae_v6:2"]),
            ("ANC", "0.499", ["ctcae_v5:4", "ctcae_v6:3"]),
            ("ANC", "<0.1", ["ctcae_v5:4", "ctcae_v6:4"]),
            ("ANC", "<0.5", ["ctcae_v5:4", "ctcae_v6:3-4"]),
            ("PLT", "24.9", ["ctcae_v5:4", "ctcae_v6:3"]),
            ("HGB", "79", ["ctcae_v5:3", "ctcae_v6:3"]),
        ],
    )
    def test_both_ctcae_grades_of_the_deepest_value(self, lineage, deepest, grades):
        said = only_episode(series(lineage, f"2:{deepest} 31:{deepest}"))

        assert [label for label in said["labels"] if label.startswith("ctcae")] == grades


class TestSeverity:
    """CYT-11."""

    @pytest.mark.parametrize(
        ("lineage", "deepest", "severity"),
        [
            ("ANC", "0.499", "high"),
            ("ANC", "0.5", "medium"),
            ("ANC", "0.501", "medium"),
            ("ANC", "<0.5", "high"),
            ("ANC", "<0.6", "medium"),
            ("PLT", "24.9", "high"),
            ("PLT", "25", "medium"),
            ("HGB", "64.9", "high"),
            ("HGB", "65", "medium"),
        ],
    )
    def test_a_deep_count_is_high(self, lineage, deepest, severity):
        (finding,) = cytopenias(history_of(series(lineage, f"2:{deepest} 31:{deepest}")))

        assert finding.severity == severity

    @pytest.mark.parametrize(("last_low_day", "severity"), [(91, "medium"), (92, "medium"), (93, "high")])
    def test_more_than_90_certain_days_are_high(self, last_low_day, severity):
        (finding,) = cytopenias(
            history_of(series("ANC", f"2:0.9 30:0.9 60:0.9 {last_low_day}:0.9")), as_of_day=100
        )

        assert finding.severity == severity

    @pytest.mark.parametrize(("platelets_from", "severity"), [(40, "high"), (41, "high"), (42, "medium")])
    def test_two_lineages_that_share_a_day_are_both_high(self, platelets_from, severity):
        found = cytopenias(
            history_of(f"""
                day                   | ANC | PLT
                ----------------------+-----+----
                 1                    | 2   | 100
                 2                    | 0.9 | 100
                 {platelets_from - 1} |     | 100
                 {platelets_from}     |     | 40
                 20                   | 0.9 |
                 41                   | 0.9 |
                 42                   | 2   |
                 60                   |     | 40
                 80                   |     | 40
                 90                   |     | 100
            """)
        )

        assert [f.severity for f in found] == [severity, severity]

    def test_a_merely_possible_episode_of_another_lineage_raises_nothing(self):
        found = cytopenias(
            history_of("""
                day | ANC | PLT
                ----+-----+----
                  2 | 0.9 |
                 20 | 0.9 | 40
                 41 | 0.9 |
            """)
        )

        assert [(f.subject, f.certainty, f.severity) for f in found] == [
            ("ANC", "certain", "medium"),
            ("PLT", "possible", "low"),
        ]

    def test_episodes_of_different_courses_do_not_share_a_day(self):
        found = cytopenias(
            history_of(
                """
                day | ANC | PLT
                ----+-----+----
                  2 | 0.9 |
                 31 | 0.9 |
                 99 |     | 100
                101 |     | 40
                131 |     | 40
                """,
                infusion_days=(0, 100),
            ),
            as_of_day=140,
        )

        assert [f.severity for f in found] == ["medium", "medium"]

    def test_a_possible_episode_is_low_however_deep(self):
        (finding,) = cytopenias(history_of(series("ANC", "10:0.1")))

        assert finding.severity == "low"


class TestTheFinding:
    def test_its_subject_is_the_lineage_and_its_span_the_low_days(self):
        (finding,) = cytopenias(history_of(series("PLT", "2:40 31:40")))

        assert (finding.subject, finding.day_zero) == ("PLT", DAY_0)
        assert (finding.first_on, finding.last_on) == (on_day(2), on_day(31))

    def test_values_are_text_in_the_canonical_unit_without_noise(self):
        assert only_anc_episode("2:0.400 31:0.90")["deepest_value"] == "0.4"
        assert only_episode(series("PLT", "2:40.0 31:45"))["deepest_value"] == "40"
        assert only_anc_episode("2:<0.10 31:0.90")["deepest_value"] == "<0.1"


class TestAfterTheFinding:
    """contract.md 4: `resolved` when the record settled it, `withdrawn` when a change took its ground."""

    def raised(self, certainty="possible"):
        return Raised(subject="ANC", certainty=certainty, first_on=on_day(10), last_on=on_day(10))

    def test_counts_that_bound_a_possible_episode_settle_it(self):  # CYT-8
        history = history_of(series("ANC", "5:2 10:0.4 15:2"))

        assert RULE.settles(history, on_day(60), self.raised())

    def test_a_corrected_low_count_takes_the_ground_away(self):
        history = history_of(series("ANC", "5:2 10:4.0 15:2"))

        assert not RULE.settles(history, on_day(60), self.raised())

    def test_a_certain_episode_is_never_settled_by_more_counts(self):
        history = history_of(series("ANC", "5:2 10:0.4 15:2"))

        assert not RULE.settles(history, on_day(60), self.raised("certain"))


class TestLimits:
    @pytest.mark.parametrize(
        ("name", "value", "text", "said"),
        [
            ("longest_gap_days", 36, "5:0.9 41:0.9", ["certain 5-41"]),
            ("prolonged_over_days", 27, "1:2 2:0.9 16:0.9 30:0.9", ["certain 2-30"]),
        ],
    )
    def test_a_limit_of_the_rule_is_the_limit_used(self, name, value, text, said):
        limits = replace(RULE.limits, **{name: value})
        history = history_of(series("ANC", text)).as_of(on_day(60))

        assert [span(f) for f in prolonged_cytopenia.judge(history, on_day(60), limits)] == said

    def test_limits_are_shown_as_text_and_whole_numbers(self):
        assert RULE.limits_as_json["neutrophils_severe_below_10e9_per_l"] == "0.5"
        assert RULE.limits_as_json["counts"]["recovery_days_count"] == 3
        assert RULE.limits.counts.neutrophils_low_below_10e9_per_l == Decimal("1.0")
