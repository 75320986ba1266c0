"""What holds for every rule (rules.md section 0), on random histories."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.monitoring import overdue_visit, prolonged_cytopenia, unresolved_at_day_28
from registry.monitoring.evidence import Finding, History, LabPoint, RecordedVisit, Support
from tests.tables import DAY_0, SCHEDULE, moved, on_day, schedule_of

RULES = (overdue_visit.RULE, prolonged_cytopenia.RULE, unresolved_at_day_28.RULE)
COUNT_RULES = (prolonged_cytopenia.RULE, unresolved_at_day_28.RULE)

DEFAULT = schedule_of(SCHEDULE, repeats_yearly="Y15")
CODES = [visit.code for visit in DEFAULT.visits]

# Around each limit, so that every comparison is met on both sides and at the edge.
VALUES = {
    "ANC": ("0.1", "0.4", "0.5", "0.99", "1.0", "1.1", "2"),
    "PLT": ("10", "25", "49", "50", "51", "150"),
    "HGB": ("60", "65", "79", "80", "81", "110"),
}
KINDS = ("rbc_transfusion", "platelet_transfusion", "g_csf", "peg_g_csf", "tpo_ra")


@st.composite
def histories(draw, latest_day: int = 150) -> History:
    """Histories of up to three courses, dense around day 0 and day 28, with bounds, supports and ends."""
    infusion_days = draw(st.sets(st.sampled_from([0, 0, 28, 29, 30, 40, 60, 90]), min_size=1, max_size=3))
    first = min(infusion_days)
    labs: dict[str, tuple[LabPoint, ...]] = {}
    result_id = 0
    for lineage in draw(st.sets(st.sampled_from(sorted(VALUES)), min_size=1)):
        points = []
        for day, value, comparator in draw(
            st.lists(
                st.tuples(
                    st.integers(first - 40, latest_day),
                    st.sampled_from(VALUES[lineage]),
                    st.sampled_from(["", "", "", "", "<", ">"]),
                ),
                max_size=14,
            )
        ):
            result_id += 1
            points.append(LabPoint(result_id, on_day(day), Decimal(value), comparator))
        labs[lineage] = tuple(sorted(points, key=lambda point: (point.collected_on, point.result_id)))
    supports = draw(
        st.lists(
            st.builds(
                Support, given_on=st.integers(first - 40, latest_day).map(on_day), kind=st.sampled_from(KINDS)
            ),
            max_size=4,
        )
    )
    visits = tuple(
        RecordedVisit(
            visit_id=number, code=code, day_zero=on_day(day_zero), status="completed", visited_on=on_day(day)
        )
        for number, (code, day_zero, day) in enumerate(
            draw(
                st.lists(
                    st.tuples(
                        st.sampled_from(CODES),
                        st.sampled_from(sorted(infusion_days)),
                        st.integers(first, latest_day),
                    ),
                    max_size=6,
                )
            )
        )
    )
    ended_day = draw(st.none() | st.integers(first, latest_day + 20))
    return History(
        patient_id=1,
        enrolled_on=on_day(draw(st.integers(first - 20, first + 40))),
        day_zeros=tuple(on_day(day) for day in sorted(infusion_days)),
        follow_up_ended_on=None if ended_day is None else on_day(ended_day),
        follow_up_end_reason="" if ended_day is None else "lost",
        schedules=(DEFAULT,),
        visits=visits,
        labs=labs,
        supports=tuple(supports),
    )


as_of_days = st.integers(0, 200)
any_rule = st.sampled_from(RULES)


def dates_moved(findings: tuple[Finding, ...], *, days: int) -> list[object]:
    """Subjects apart (they hold dates): certainty, severity and span, moved back."""
    by = timedelta(days=days)
    return [(f.certainty, f.severity, f.day_zero - by, f.first_on - by, f.last_on - by) for f in findings]


@settings(max_examples=150, deadline=None)
@given(histories(), as_of_days, any_rule, st.randoms(use_true_random=False))
def test_the_order_of_entry_changes_nothing(history, day, rule, random):  # G-2
    def shuffled(rows):
        return tuple(random.sample(rows, len(rows)))

    other = replace(
        history,
        day_zeros=shuffled(history.day_zeros),
        visits=shuffled(history.visits),
        supports=shuffled(history.supports),
        labs={analyte: shuffled(points) for analyte, points in reversed(history.labs.items())},
    )

    assert rule.findings(other, on_day(day)) == rule.findings(history, on_day(day))


@settings(max_examples=150, deadline=None)
@given(histories(), as_of_days, st.sampled_from(COUNT_RULES), st.integers(-900, 900))
def test_moving_every_date_moves_every_answer(history, day, rule, days):  # G-1: day numbers decide
    as_of = on_day(day)

    later = rule.findings(moved(history, days=days), as_of + timedelta(days=days))

    assert dates_moved(later, days=days) == dates_moved(rule.findings(history, as_of), days=0)


@settings(max_examples=150, deadline=None)
@given(histories(), as_of_days, st.sampled_from(COUNT_RULES))
def test_the_same_value_written_otherwise_changes_nothing(history, day, rule):  # P10
    written = replace(
        history,
        labs={
            analyte: tuple(point._replace(value=point.value.quantize(Decimal("0.0000"))) for point in points)
            for analyte, points in history.labs.items()
        },
    )

    assert rule.findings(written, on_day(day)) == rule.findings(history, on_day(day))


@settings(max_examples=150, deadline=None)
@given(histories(), as_of_days, any_rule)
def test_facts_after_the_as_of_date_change_nothing(history, day, rule):  # G-2
    as_of = on_day(day)

    assert rule.findings(history.as_of(as_of), as_of) == rule.findings(history, as_of)


@settings(max_examples=150, deadline=None)
@given(histories(), as_of_days, st.sampled_from(COUNT_RULES))
def test_a_result_entered_twice_changes_only_the_list_of_results(history, day, rule):
    twice = replace(history, labs={analyte: points + points for analyte, points in history.labs.items()})

    def without_results(findings):
        return [{**f.evidence, "results": None} for f in findings]

    assert without_results(rule.findings(twice, on_day(day))) == without_results(
        rule.findings(history, on_day(day))
    )


@settings(max_examples=150, deadline=None)
@given(histories(), as_of_days, any_rule)
def test_other_analytes_and_unscheduled_visits_change_nothing(history, day, rule):
    more = replace(
        history,
        labs={**history.labs, "WBC": (LabPoint(999, on_day(3), Decimal("0.1")),)},
        visits=(*history.visits, RecordedVisit(999, "UNS", history.day_zeros[0], "completed", on_day(3))),
    )

    assert rule.findings(more, on_day(day)) == rule.findings(history, on_day(day))


@settings(max_examples=150, deadline=None)
@given(histories(), as_of_days)
def test_episodes_of_a_lineage_are_disjoint_and_certain_means_more_than_28_days(history, day):  # CYT-5, CYT-6
    seen = history.as_of(on_day(day))
    if not seen.in_scope:
        return
    found = prolonged_cytopenia.episodes(
        history=seen, as_of=on_day(day), limits=prolonged_cytopenia.RULE.limits
    )

    for one in found:
        assert one.certain_days <= one.possible_days
        assert one.earliest_start_on <= one.first_low_on <= one.last_low_on <= one.latest_end_on
        assert [
            other for other in found if other.lineage == one.lineage and one.shares_a_day_with(other)
        ] == [one]
    for finding in prolonged_cytopenia.RULE.findings(history, on_day(day)):
        assert (finding.certainty == "certain") == ((finding.last_on - finding.first_on).days > 28)


@settings(max_examples=150, deadline=None)
@given(histories(latest_day=150), st.integers(170, 400), st.integers(0, 400), any_rule)
def test_the_clock_alone_never_makes_a_certain_finding_uncertain(history, day, later, rule):  # G-6, CYT-8
    def certain(as_of):
        return {
            (f.subject, f.first_on, f.last_on)
            for f in rule.findings(history, as_of)
            if f.certainty == "certain"
        }

    assert certain(on_day(day)) <= certain(on_day(day + later))


@settings(max_examples=100, deadline=None)
@given(histories(), as_of_days, any_rule, st.integers(1, 40))
def test_the_clock_alone_changes_no_evidence_but_what_the_rule_names(history, day, rule, later):  # G-8
    # Nothing is dated after day 170 in these histories, so only the calendar moves between the two.
    def lasting(as_of):
        return {
            (f.subject, f.first_on, f.last_on): {
                k: v for k, v in f.evidence.items() if k not in rule.clock_keys
            }
            for f in rule.findings(history, as_of)
        }

    one, other = lasting(on_day(180 + day)), lasting(on_day(180 + day + later))

    assert {key: other[key] for key in one.keys() & other.keys()} == {
        key: one[key] for key in one.keys() & other.keys()
    }


@settings(max_examples=150, deadline=None)
@given(histories(), as_of_days, any_rule)
def test_no_two_findings_are_the_same_alert(history, day, rule):  # G-7
    found = rule.findings(history, on_day(day))

    if rule.identity == "subject":
        assert len({f.subject for f in found}) == len(found)
    else:
        assert not [
            (one, other)
            for position, one in enumerate(found)
            for other in found[position + 1 :]
            if one.subject == other.subject
            and one.first_on <= other.last_on
            and other.first_on <= one.last_on
        ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_a_patient_without_a_day_0_or_an_enrolment_is_in_no_scope(rule):  # contract.md 3
    infused = History(patient_id=1, enrolled_on=None, day_zeros=(DAY_0,), schedules=(DEFAULT,))
    enrolled = History(patient_id=1, enrolled_on=DAY_0, schedules=(DEFAULT,))

    assert rule.findings(infused, on_day(400)) == rule.findings(enrolled, on_day(400)) == ()
