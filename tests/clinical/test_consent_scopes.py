"""Whether a scope of consent stands on a day."""

from datetime import date

import pytest

from registry.clinical.consent_scopes import (
    COMPULSORY,
    SCOPES,
    ConsentGiven,
    ScopesWithdrawn,
    check_may_collect,
    stands,
)

ALL = frozenset(SCOPES)


def day(number):
    return date(2024, 5, number)


def given(on, *scopes, asked=ALL):
    return ConsentGiven(on=day(on), asked=asked, given=frozenset(scopes) or ALL)


def withdrawn(on, *scopes):
    return ScopesWithdrawn(on=day(on), scopes=frozenset(scopes) or ALL)


def test_without_any_act_nothing_is_known():
    assert stands("laboratory", acts=(), on=day(10)) is None


@pytest.mark.parametrize(("on", "expected"), [(9, None), (10, True), (11, True)])
def test_a_consent_holds_from_its_day_and_says_nothing_of_before(on, expected):
    assert stands("laboratory", acts=[given(10)], on=day(on)) is expected


@pytest.mark.parametrize(("on", "expected"), [(19, True), (20, True), (21, False)])
def test_a_withdrawal_holds_from_the_day_after_it(on, expected):
    assert stands("laboratory", acts=[given(10), withdrawn(20)], on=day(on)) is expected


def test_a_withdrawal_takes_back_only_what_it_names():
    acts = [given(10), withdrawn(20, "share_sponsor")]

    assert stands("share_sponsor", acts=acts, on=day(21)) is False
    assert stands("follow_up", acts=acts, on=day(21)) is True


def test_a_scope_that_was_asked_and_not_given_does_not_stand():
    assert stands("genetics", acts=[given(10, "follow_up")], on=day(10)) is False


def test_a_scope_that_the_version_does_not_ask_about_stays_as_it_was():
    older = given(1, "follow_up", "genetics")
    newer = given(10, "follow_up", asked=frozenset({"follow_up"}))

    assert stands("genetics", acts=[older, newer], on=day(11)) is True
    assert stands("laboratory", acts=[newer], on=day(11)) is None


@pytest.mark.parametrize(("again_on", "expected"), [(19, False), (20, False), (21, True)])
def test_a_consent_given_anew_counts_when_it_is_later_than_the_withdrawal(again_on, expected):
    acts = [given(10), withdrawn(20), given(again_on)]

    assert stands(COMPULSORY, acts=acts, on=day(25)) is expected


def test_the_order_in_which_acts_were_recorded_does_not_matter():
    acts = [given(10), withdrawn(20), given(22, "follow_up")]

    assert [stands(scope, acts=acts, on=day(23)) for scope in SCOPES] == [
        stands(scope, acts=acts[::-1], on=day(23)) for scope in SCOPES
    ]


def test_of_two_consents_of_one_day_the_narrower_counts():
    acts = [given(10), given(10, "follow_up")]

    assert stands("genetics", acts=acts, on=day(11)) is False
    assert stands("genetics", acts=acts[::-1], on=day(11)) is False


def test_what_is_dated_after_a_withdrawal_is_refused_with_the_day_in_words():
    (problem,) = check_may_collect(
        field="visited_on", what="A visit", scope=COMPULSORY, on=day(21), acts=[given(10), withdrawn(20)]
    )

    assert problem.field == "visited_on"
    assert "A visit on 21 May 2024 must not be recorded" in problem.problem
    assert "withdrawn on 20 May 2024" in problem.problem


def test_what_was_never_agreed_to_is_refused_with_the_consent_that_leaves_it_out():
    (problem,) = check_may_collect(
        field="collected_on", what="A result", scope="laboratory", on=day(12), acts=[given(10, "follow_up")]
    )

    assert "The consent of 10 May 2024 does not include laboratory results and samples" in problem.problem


@pytest.mark.parametrize("on", [None, day(9), day(20)])
def test_what_has_no_date_or_lies_before_is_not_refused(on):
    found = check_may_collect(
        field="visited_on", what="A visit", scope=COMPULSORY, on=on, acts=[given(10), withdrawn(20)]
    )

    assert found == []
