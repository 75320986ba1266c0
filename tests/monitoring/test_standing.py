"""The negative proof: what was read, and how far it lay from a finding (issue 3, "why not")."""

import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random

import pytest

from registry.clinical.partial_dates import PartialDate
from registry.monitoring import (
    overdue_visit,
    prolonged_cytopenia,
    secondary_malignancy,
    unresolved_at_day_28,
)
from registry.monitoring.catalogue import RULES
from registry.monitoring.evidence import Event, EventReport, History, RecordedVisit
from registry.monitoring.standing import why_not
from tests.monitoring import random_histories
from tests.tables import DAY_0, history_of, on_day, schedule_of, series

SCHEDULE = schedule_of("""
    code | target | before | after
    -----+--------+--------+------
    D28  | 28 d   | 3      | 3
    M6   | 6 mo   | 30     | 30
""")


def visit(code, day, *, status="completed", **facts):
    return RecordedVisit(1, code, DAY_0, status, on_day(day), **facts)


def say(rule, history, *, as_of_day):
    return list(why_not(rule=rule.RULE, history=history, as_of=on_day(as_of_day)))


def counts(text, *, as_of_day=120, **facts):
    """The sentence about neutrophils."""
    return say(prolonged_cytopenia, history_of(series("ANC", text), **facts), as_of_day=as_of_day)[0]


def landmark(text, *, as_of_day=120, **facts):
    return say(unresolved_at_day_28, history_of(series("ANC", text), **facts), as_of_day=as_of_day)[0]


class TestOverdueVisits:
    def visits(self, *recorded, as_of_day, **facts):
        history = history_of(visits=recorded, schedules=[SCHEDULE], **facts)
        return say(overdue_visit, history, as_of_day=as_of_day)

    def test_the_next_window_is_named_with_both_its_days(self):
        assert self.visits(visit("D28", 28), as_of_day=100) == [
            "No visit owed is unrecorded; 1 recorded visit read.",
            "Next window M6 opens 2 Aug 2024 (day 154), closes 1 Oct 2024 (day 214).",
        ]

    @pytest.mark.parametrize(
        ("as_of_day", "words"),
        [
            (24, "Next window D28 opens 26 Mar 2024 (day 25), closes 1 Apr 2024 (day 31)."),
            (
                25,
                "Window D28 is open until 1 Apr 2024 (day 31); unrecorded, it is overdue from"
                " 2 Apr 2024 (day 32).",
            ),
            (
                31,
                "Window D28 is open until 1 Apr 2024 (day 31); unrecorded, it is overdue from"
                " 2 Apr 2024 (day 32).",
            ),
            (32, "Next window M6 opens 2 Aug 2024 (day 154), closes 1 Oct 2024 (day 214)."),
        ],
    )
    def test_before_on_and_after_the_days_of_a_window(self, as_of_day, words):
        assert self.visits(as_of_day=as_of_day)[1] == words

    def test_what_is_owed_and_not_recorded_is_said(self):
        assert self.visits(as_of_day=32)[0] == "Owed and not recorded: D28 (closed 1 Apr 2024, day 31)."

    def test_after_the_end_of_follow_up_no_later_visit_is_owed(self):
        assert self.visits(visit("D28", 28), as_of_day=100, ended_day=60) == [
            "No visit owed is unrecorded; 1 recorded visit read.",
            "Follow-up ended 30 Apr 2024 (day 60): no later visit is owed.",
        ]

    def test_after_the_last_visit_and_without_a_schedule(self):
        done = visit("D28", 28), visit("M6", 184)

        assert self.visits(*done, as_of_day=300)[1] == "No further visit is planned."
        assert say(overdue_visit, history_of(), as_of_day=300)[1] == "The study plans no visits."


class TestProlongedCytopenia:
    def test_the_longest_run_with_its_days_and_dates(self):
        assert counts("3:2 4:2 5:2 13:0.6 25:0.7 30:2 31:2 32:2 40:0.9 41:2 42:2 43:2") == (
            "Neutrophils: longest low run 12 days, 14–26 Mar 2024 (days 13–25); at most 23 days with the"
            " days not counted, the limit is 28."
        )

    @pytest.mark.parametrize(
        ("last_low", "words"),
        [
            (30, "longest low run 27 days, 4–31 Mar 2024 (days 3–30); at most 27 days"),
            (31, "longest low run 28 days, 4 Mar–1 Apr 2024 (days 3–31); at most 28 days"),
            (32, "no low count besides what was found."),
        ],
    )
    def test_below_at_and_above_28_days(self, last_low, words):
        lows = " ".join(f"{day}:0.6" for day in range(3, last_low + 1))
        normal = " ".join(f"{day}:2" for day in range(last_low + 1, last_low + 4))

        assert words in counts(f"2:2 {lows} {normal}")

    def test_one_low_count_is_a_single_day(self):
        assert counts("3:2 4:0.6 5:2").startswith(
            "Neutrophils: longest low run a single day, 5 Mar 2024 (day 4); at most 0 days"
        )

    def test_no_low_count_is_said_with_how_many_days_were_counted(self):
        assert counts("3:2 4:1.0 5:>1.0 6:<3") == (
            "Neutrophils: no low count on 3 days counted, the latest 6 Mar 2024 (day 5)."
        )

    def test_no_count_at_all_is_no_proof_of_normal_counts(self):
        assert counts("-3:0.4") == "Neutrophils, platelets, haemoglobin: no count since day 0."

    @pytest.mark.parametrize(
        ("as_of_day", "words"),
        [
            (
                30,
                "at most 25 days with the days not counted, the limit is 28."
                " Without another count it becomes possible on 4 Apr 2024 (day 34).",
            ),
            (
                33,
                "at most 28 days with the days not counted, the limit is 28."
                " Without another count it becomes possible on 4 Apr 2024 (day 34).",
            ),
            (34, "no low count besides what was found."),
        ],
    )
    def test_from_when_the_clock_alone_makes_it_possible(self, as_of_day, words):  # P17
        assert counts("4:1.2 5:0.5 20:0.6", as_of_day=as_of_day).endswith(words)

    def test_that_day_is_the_day_on_which_the_rule_finds_it(self):
        history = history_of(series("ANC", "4:1.2 5:0.5 20:0.6"))

        assert prolonged_cytopenia.RULE.findings(history, date(2024, 4, 3)) == ()
        assert prolonged_cytopenia.RULE.findings(history, date(2024, 4, 4)) != ()

    @pytest.mark.parametrize("facts", [{"ended_day": 25}, {"infusion_days": (0, 25)}])
    def test_the_clock_adds_nothing_after_the_course(self, facts):
        assert "becomes possible" not in counts("4:1.2 5:0.5 20:0.6", as_of_day=26, **facts)

    def test_a_lineage_with_an_alert_says_what_else_was_read(self):
        lows = " ".join(f"{day}:0.6" for day in range(3, 40, 3))
        said = counts(f"{lows} 41:2 42:2 43:2 89:2 90:0.9 91:2 92:2 93:2")

        assert said.startswith(
            "Neutrophils: otherwise the longest low run a single day, 30 May 2024 (day 90)"
        )

    def test_lineages_of_which_the_same_is_said_share_a_sentence(self):
        said = say(prolonged_cytopenia, history_of(series("PLT", "5:200")), as_of_day=40)

        assert said == [
            "Neutrophils, haemoglobin: no count since day 0.",
            "Platelets: no low count on 1 day counted, the latest 6 Mar 2024 (day 5).",
        ]


class TestTheLandmark:
    @pytest.mark.parametrize(
        ("counts", "words"),
        [
            ("3:2 9:2", "Neutrophils: no low count on 2 days counted up to day 28."),
            ("40:0.4", "Neutrophils, platelets, haemoglobin: no count on days 0–28."),
            (
                "9:0.4 12:0.4 15:2 20:2 27:2",
                "Neutrophils: last low on day 12 (13 Mar 2024), recovered on day 15 (16 Mar 2024).",
            ),
            (
                "20:0.4 28:2 29:2 30:2",
                "Neutrophils: last low on day 20 (21 Mar 2024), recovered on day 28 (29 Mar 2024).",
            ),
        ],
    )
    def test_why_nothing_was_unresolved(self, counts, words):
        assert landmark(counts) == words

    @pytest.mark.parametrize(
        ("as_of_day", "words"),
        [
            (28, "Judged after day 28, from day 29 (30 Mar 2024) on."),
            (29, "Neutrophils: no low count on 1 day counted up to day 28."),
        ],
    )
    def test_it_is_judged_from_day_29_on(self, as_of_day, words):  # LMK-1
        assert landmark("3:2", as_of_day=as_of_day) == words

    @pytest.mark.parametrize(
        ("facts", "words"),
        [
            ({"ended_day": 28}, "Not judged, because follow-up ended on day 28 (29 Mar 2024)."),
            ({"ended_day": 29}, "Neutrophils: no low count on 1 day counted up to day 28."),
            (
                {"infusion_days": (0, 28)},
                "Course from 1 Mar 2024: not judged, because a new infusion was given on day 28"
                " (29 Mar 2024).",
            ),
        ],
    )
    def test_what_ended_by_day_28_is_not_judged(self, facts, words):  # LMK-4
        assert landmark("3:2", **facts) == words

    def test_a_lineage_that_was_found_is_left_to_its_alert(self):
        said = say(unresolved_at_day_28, history_of(series("ANC", "24:0.4 60:2")), as_of_day=120)

        assert said == ["Platelets, haemoglobin: no count on days 0–28."]


class TestSecondaryMalignancy:
    def said(self, history):
        return say(secondary_malignancy, history, as_of_day=300)

    def test_what_was_read_is_counted(self):
        history = replace(
            history_of(series("ANC", "-3:2 5:2 9:2"), visits=[visit("D28", 28, new_malignancy=False)]),
            events=(Event("AE-1", "other", None, None, (EventReport(on_day(9), "Headache"),)),),
        )

        assert self.said(history) == [
            "Read: 1 adverse event, 1 answer about a new malignancy, 2 laboratory results."
            " Nothing in them names or suggests one."
        ]

    def test_an_empty_record_says_so(self):
        assert self.said(history_of()) == [
            "Read: 0 adverse events, 0 answers about a new malignancy, 0 laboratory results."
            " Nothing in them names or suggests one."
        ]

    def test_a_dropped_word_is_named_with_its_reason(self):  # MAL-4
        event = Event("AE-7", "other", None, None, (EventReport(on_day(9), "No evidence of lymphoma"),))

        assert self.said(replace(history_of(), events=(event,)))[1] == (
            "“lymphoma” in adverse event AE-7 is no candidate: its sentence negates it (“No evidence of”)."
        )

    def test_an_event_from_before_day_0_is_named(self):  # MAL-6
        event = Event(
            "AE-8", "malignancy", PartialDate.parse("2019"), None, (EventReport(on_day(9), "Melanoma"),)
        )

        assert self.said(replace(history_of(), events=(event,)))[1] == (
            "Adverse event AE-8 is no candidate: it began before day 0 and tells of no recurrence."
        )

    def test_beside_a_candidate_the_rest_is_said_to_be_clear(self):
        event = Event("AE-9", "malignancy", None, None, (EventReport(on_day(9), "Melanoma"),))

        assert (
            "Besides what was found, nothing in them" in self.said(replace(history_of(), events=(event,)))[0]
        )


def test_every_rule_in_force_says_why_not():
    history = history_of(series("ANC", "3:2"), schedules=[SCHEDULE])

    for rule in RULES:
        said = why_not(rule=rule, history=history, as_of=on_day(100))
        assert said
        assert all(sentence.endswith(".") and "{" not in sentence for sentence in said)


def test_who_is_out_of_scope_is_given_no_proof():
    assert why_not(rule=RULES[0], history=History(1, None, (DAY_0,)), as_of=on_day(9)) == ()
    assert why_not(rule=RULES[0], history=history_of(infusion_days=()), as_of=on_day(9)) == ()


def test_the_proof_sees_nothing_after_its_day():  # G-2
    earlier = history_of(series("ANC", "3:2"))
    later = history_of(series("ANC", "3:2 60:0.1"))

    for rule in RULES:
        assert why_not(rule=rule, history=earlier, as_of=on_day(50)) == why_not(
            rule=rule, history=later, as_of=on_day(50)
        )


SEEDS = range(400)


def keys(rule, history, on):
    return {(finding.subject, finding.first_on) for finding in rule.RULE.findings(history, on)}


def spoken_days(pattern, said):
    return [
        datetime.strptime(f"{day} +0000", "%d %b %Y %z").date() for day in re.findall(pattern, " ".join(said))
    ]


def test_the_clock_is_announced_exactly_where_it_finds_something_later():  # CYT-8
    announced = 0
    for seed in SEEDS:
        history, as_of = random_histories.history_of_counts(Random(seed))
        seen = history.as_of(as_of)
        said = why_not(rule=prolonged_cytopenia.RULE, history=seen, as_of=as_of)
        days = spoken_days(r"becomes possible on (.+?) \(day", said)

        now = keys(prolonged_cytopenia, seen, as_of)
        later = keys(prolonged_cytopenia, seen, as_of + timedelta(days=400))
        assert bool(days) == (seen.in_scope and later > now), f"seed {seed}"
        for day in days:
            before = keys(prolonged_cytopenia, seen, day - timedelta(days=1))
            assert keys(prolonged_cytopenia, seen, day) > before, f"seed {seed}"
        announced += len(days)
    assert announced > 20, "the histories no longer show what they were drawn for"


def test_the_next_window_is_the_next_that_can_be_overdue():  # OVD-4
    checked = 0
    for seed in SEEDS:
        history, as_of = random_histories.history_of_visits(Random(seed))
        seen = history.as_of(as_of)
        said = why_not(rule=overdue_visit.RULE, history=seen, as_of=as_of)
        now = keys(overdue_visit, seen, as_of)

        assert bool(now) == any(sentence.startswith("Owed and not recorded") for sentence in said)
        for closes_on in spoken_days(r"(?:is open until|closes) (\d+ \w+ \d+) \(day \d+\)[.;]", said[1:]):
            assert keys(overdue_visit, seen, closes_on) == now, f"seed {seed}"
            assert keys(overdue_visit, seen, closes_on + timedelta(days=1)) > now, f"seed {seed}"
            checked += 1
    assert checked > 50, "the histories no longer show what they were drawn for"


def test_a_lineage_without_a_finding_was_never_low_or_recovered():  # LMK-3
    recovered = 0
    for seed in SEEDS:
        history, as_of = random_histories.history_of_counts(Random(seed))
        for sentence in why_not(rule=unresolved_at_day_28.RULE, history=history, as_of=as_of):
            assert ("last low on" in sentence) == ("recovered on" in sentence), f"seed {seed}"
            recovered += "recovered on" in sentence
    assert recovered > 10, "the histories no longer show what they were drawn for"
