"""Rule 3: the label's landmark. Test names and comments name the sentence (LMK-2)."""

import pytest

from registry.monitoring.rule import Raised
from registry.monitoring.unresolved_at_day_28 import RULE
from tests.monitoring.saying import landmarks, readings
from tests.tables import DAY_0, history_of, on_day, series


def anc(text: str, *, as_of_day: int = 120, **facts) -> list[str]:
    return readings(landmarks(history_of(series("ANC", text), **facts), as_of_day=as_of_day))


class TestWhenItIsEvaluated:
    @pytest.mark.parametrize(("as_of_day", "is_evaluated"), [(27, False), (28, False), (29, True)])
    def test_only_after_day_28(self, as_of_day, is_evaluated):  # LMK-1
        assert bool(anc("25:0.4", as_of_day=as_of_day)) == is_evaluated

    @pytest.mark.parametrize(("ended_day", "is_evaluated"), [(27, False), (28, False), (29, True)])
    def test_not_when_follow_up_ended_by_day_28(self, ended_day, is_evaluated):  # LMK-4
        assert bool(anc("25:0.4", ended_day=ended_day)) == is_evaluated

    @pytest.mark.parametrize(("next_infusion_day", "is_evaluated"), [(27, False), (28, False), (29, True)])
    def test_not_when_a_new_infusion_was_given_by_day_28(self, next_infusion_day, is_evaluated):  # LMK-4
        assert bool(anc("25:0.4", infusion_days=(0, next_infusion_day))) == is_evaluated

    def test_an_end_of_follow_up_after_the_as_of_date_is_not_seen(self):  # G-2
        assert anc("25:0.4", as_of_day=29, ended_day=30) == ["ANC certain landmark 25"]

    def test_each_course_has_its_own_day_28(self):  # CYT-1
        found = landmarks(history_of(series("ANC", "25:0.4 125:0.4"), infusion_days=(0, 100)), as_of_day=140)

        assert [f.subject for f in found] == [f"ANC@{DAY_0}", f"ANC@{on_day(100)}"]

    @pytest.mark.parametrize(("day", "is_found"), [(-1, False), (0, True), (28, True), (29, False)])
    def test_the_low_day_lies_in_days_0_to_28(self, day, is_found):  # LMK-1
        assert bool(anc(f"{day}:0.4")) == is_found

    def test_each_lineage_is_judged_by_itself(self):  # LMK-1
        found = landmarks(
            history_of("""
                day | ANC | PLT | HGB
                ----+-----+-----+----
                 24 | 0.9 | 49  | 80
            """)
        )

        assert readings(found) == ["ANC certain landmark 24", "PLT certain landmark 24"]


class TestTheLandmark:
    """LMK-2a: low on day 21 or later, and nothing normal after it up to day 28."""

    @pytest.mark.parametrize(
        ("low_day", "said"),
        [
            (20, "ANC possible missing_count 20"),
            (21, "ANC certain landmark 21"),
            (22, "ANC certain landmark 22"),
            (28, "ANC certain landmark 28"),
        ],
    )
    def test_the_latest_low_day_is_day_21_or_later(self, low_day, said):
        assert anc(f"{low_day}:0.4") == [said]

    @pytest.mark.parametrize(
        ("normal_day", "reading"),
        [(27, "unconfirmed_recovery"), (28, "unconfirmed_recovery"), (29, "landmark")],
    )
    def test_a_normal_count_up_to_day_28_prevents_it(self, normal_day, reading):
        (said,) = anc(f"24:0.4 {normal_day}:2")

        assert said.split()[2] == reading

    def test_a_supported_count_prevents_nothing(self):
        found = landmarks(
            history_of("""
                day | ANC | given
                ----+-----+------
                 24 | 0.4 | g_csf
                 28 | 3.0 |
            """)
        )

        assert readings(found) == ["ANC certain landmark 24"]


class TestTheBridge:
    """LMK-2b: low on day 14 or later and again in days 29–42, without a recovery between."""

    @pytest.mark.parametrize(
        ("low_day", "said"),
        [
            (13, "ANC possible missing_count 13"),
            (14, "ANC certain bridge 14"),
            (15, "ANC certain bridge 15"),
        ],
    )
    def test_the_latest_low_day_by_day_28_is_day_14_or_later(self, low_day, said):
        assert anc(f"{low_day}:0.4 35:0.4") == [said]

    @pytest.mark.parametrize(
        ("later_low_day", "said"),
        [
            (29, "ANC certain bridge 15"),
            (41, "ANC certain bridge 15"),
            (42, "ANC certain bridge 15"),
            (43, "ANC possible missing_count 15"),
        ],
    )
    def test_the_later_low_day_lies_in_days_29_to_42(self, later_low_day, said):
        assert anc(f"15:0.4 {later_low_day}:0.4") == [said]

    @pytest.mark.parametrize(
        ("between", "said"),
        [
            ("20:2 26:2", ["ANC certain bridge 15"]),
            ("20:2 26:2 30:2", []),  # a recovery on day 20, confirmed on day 30
            ("29:2 30:2 31:2", ["ANC possible missing_count 15"]),  # a recovery, but after day 28
        ],
    )
    def test_a_recovery_between_breaks_it(self, between, said):
        assert anc(f"15:0.4 {between} 35:0.4") == said

    def test_only_the_days_up_to_the_next_low_day_matter(self):
        # the recovery of days 37 to 39 lies between day 15 and day 42, but day 35 bridges already
        assert anc("15:0.4 35:0.4 37:2 38:2 39:2 42:0.4") == ["ANC certain bridge 15"]

    def test_a_gap_of_more_than_35_days_does_not_matter_here(self):  # limits of rule 2, but not CYT-5
        assert anc("14:0.4 42:0.4") == ["ANC certain bridge 14"]

    def test_the_landmark_is_named_before_the_bridge(self):
        assert anc("21:0.4 30:0.4") == ["ANC certain landmark 21"]

    def test_a_later_low_day_not_seen_yet_bridges_nothing(self):  # G-2
        assert anc("15:0.4 35:0.4", as_of_day=34) == ["ANC possible missing_count 15"]

    def test_a_low_day_of_the_next_course_bridges_nothing(self):  # CYT-1
        assert anc("15:0.4 35:0.4", infusion_days=(0, 30), as_of_day=58) == ["ANC possible missing_count 15"]


class TestWhatCannotBeExcluded:
    """LMK-3: no recovery after L up to day 28."""

    def test_a_recovery_that_begins_by_day_28_is_enough(self):
        assert anc("10:0.4 20:2 21:2 22:2") == []

    @pytest.mark.parametrize(
        ("normal_days", "said"),
        [
            ("28:2 35:2 42:2", []),  # begins on day 28; its confirming days lie later
            ("29:2 35:2 42:2", ["ANC possible missing_count 10"]),
            ("28:2 35:2", ["ANC possible unconfirmed_recovery 10"]),
            ("28:2", ["ANC possible unconfirmed_recovery 10"]),
            ("", ["ANC possible missing_count 10"]),
        ],
    )
    def test_its_confirming_days_may_lie_after_day_28(self, normal_days, said):
        assert anc(f"10:0.4 {normal_days}") == said

    def test_confirming_days_after_the_as_of_date_are_not_seen(self):  # G-2
        assert anc("10:0.4 28:2 35:2 42:2", as_of_day=41) == ["ANC possible unconfirmed_recovery 10"]
        assert anc("10:0.4 28:2 35:2 42:2", as_of_day=42) == []

    def test_confirming_days_after_the_end_of_follow_up_are_not_seen(self):  # CYT-1
        assert anc("10:0.4 28:2 35:2 42:2", ended_day=41) == ["ANC possible unconfirmed_recovery 10"]

    def test_confirming_days_of_the_next_course_confirm_nothing(self):  # CYT-1
        assert anc("10:0.4 28:2 35:2 42:2", infusion_days=(0, 42)) == ["ANC possible unconfirmed_recovery 10"]

    def test_a_low_day_after_day_28_breaks_the_confirmation(self):  # CYT-4
        assert anc("10:0.4 27:2 28:2 29:0.4 30:2 31:2") == ["ANC possible unconfirmed_recovery 10"]

    def test_supported_counts_are_a_missing_count(self):
        found = landmarks(
            history_of("""
                day | HGB | given
                ----+-----+----------------
                  5 |  70 | rbc_transfusion
                 14 |  95 |
                 28 |  99 |
                 34 | 101 |
            """)
        )

        assert readings(found) == ["HGB possible missing_count 5"]


class TestTheFinding:
    def test_subject_span_and_evidence(self):
        (finding,) = landmarks(history_of(series("ANC", "24:0.4")))

        assert finding.subject == "ANC@2024-03-01"
        assert (finding.first_on, finding.last_on) == (on_day(24), on_day(28))
        assert finding.severity == "medium"
        assert finding.evidence == {
            "lineage": "ANC",
            "day_zero": "2024-03-01",
            "last_low_on": "2024-03-25",
            "reading": "landmark",
        }

    def test_what_cannot_be_excluded_is_low(self):
        (finding,) = landmarks(history_of(series("ANC", "10:0.4")))

        assert (finding.certainty, finding.severity) == ("possible", "low")

    @pytest.mark.parametrize(
        ("text", "certainty", "is_settled"),
        [
            ("10:0.4 20:2 21:2 22:2", "possible", True),  # the recovery was entered
            ("10:4.0", "possible", False),  # the low count was corrected
            ("10:0.4 20:2 21:2 22:2", "certain", False),
        ],
    )
    def test_counts_settle_only_a_request_for_counts(self, text, certainty, is_settled):  # contract.md 4
        raised = Raised(subject=f"ANC@{DAY_0}", certainty=certainty, first_on=on_day(10), last_on=on_day(28))

        assert RULE.settles(history_of(series("ANC", text)), on_day(60), raised) == is_settled
