"""Which finding is which alert (G-7): drawn as spans of days, `3-35`."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.monitoring.evidence import Finding
from registry.monitoring.identity import KnownAlert, plan

DAY_0 = date(2024, 3, 1)
NIGHT = datetime(2024, 9, 1, tzinfo=UTC)


def days(span):
    first, last = (int(day) for day in span.split("-"))
    return DAY_0 + timedelta(days=first), DAY_0 + timedelta(days=last)


def finding(span, subject="ANC"):
    first_on, last_on = days(span)
    return Finding(subject, "certain", "medium", DAY_0, first_on, last_on, {})


def alert(pk, span, *, state="open", subject="ANC", is_merged=False):
    """The smaller the id, the older the alert."""
    first_on, last_on = days(span)
    return KnownAlert(pk, subject, first_on, last_on, state, NIGHT + timedelta(days=pk), is_merged)


def planned(findings, alerts, identity="overlap"):
    """As `{span of days: (alert, absorbed alerts)}` and the alerts that no finding holds."""
    found = plan(findings=findings, alerts=alerts, identity=identity)
    by_span = {
        f"{(m.finding.first_on - DAY_0).days}-{(m.finding.last_on - DAY_0).days}": (m.alert_id, m.absorbed)
        for m in found.matches
    }
    return by_span, found.gone


CASES = {
    "nothing stored": (["3-35"], [], {"3-35": (None, ())}, ()),
    "the same": (["3-35"], [(1, "3-35")], {"3-35": (1, ())}, ()),
    "longer": (["3-38"], [(1, "3-35")], {"3-38": (1, ())}, ()),
    "shorter": (["3-30"], [(1, "3-35")], {"3-30": (1, ())}, ()),
    "one shared day": (["35-70"], [(1, "3-35")], {"35-70": (1, ())}, ()),
    "no shared day": (["36-70"], [(1, "3-35")], {"36-70": (None, ())}, (1,)),
    "gone": ([], [(1, "3-35")], {}, (1,)),
    "joined": (["3-90"], [(2, "3-35"), (1, "60-90")], {"3-90": (1, (2,))}, ()),
    "three joined": (["0-90"], [(1, "0-9"), (2, "40-49"), (3, "80-90")], {"0-90": (1, (2, 3))}, ()),
    "apart, larger later": (["0-30", "50-90"], [(1, "0-90")], {"0-30": (None, ()), "50-90": (1, ())}, ()),
    "apart, equal": (["0-30", "60-90"], [(1, "0-90")], {"0-30": (1, ()), "60-90": (None, ())}, ()),
}


@pytest.mark.parametrize("case", CASES)
def test_spans_that_share_a_day_are_the_same_alert(case):
    findings, alerts, matches, gone = CASES[case]

    assert planned([finding(s) for s in findings], [alert(*a) for a in alerts]) == (matches, gone)


def test_another_lineage_is_another_alert():
    assert planned([finding("3-35", "PLT")], [alert(1, "3-35")]) == ({"3-35": (None, ())}, (1,))


def test_a_withdrawn_alert_comes_back_only_where_no_other_stands():
    withdrawn, standing = alert(1, "3-35", state="withdrawn"), alert(2, "30-60")

    assert planned([finding("3-60")], [withdrawn, standing]) == ({"3-60": (2, ())}, (1,))
    assert planned([finding("3-40")], [withdrawn]) == ({"3-40": (1, ())}, ())


def test_a_merged_alert_is_history_and_matches_nothing():
    merged = alert(2, "60-90", state="withdrawn", is_merged=True)

    assert planned([finding("60-90")], [merged]) == ({"60-90": (None, ())}, ())


def test_where_a_subject_has_one_alert_its_dates_do_not_matter():
    moved = finding("50-60", "ANC@2024-03-01")
    stored = alert(1, "3-28", subject="ANC@2024-03-01", state="withdrawn")

    assert planned([moved], [stored], identity="subject") == ({"50-60": (1, ())}, ())


spans = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), max_size=5)


def apart(drawn):
    """Spans of one subject never overlap, as the rule and the database have them."""
    free, kept = -1, []
    for start, length in sorted(drawn):
        if start > free:
            kept.append(f"{start}-{start + length}")
            free = start + length
    return kept


@given(spans, spans)
def test_every_finding_has_one_alert_and_every_alert_one_place(found, stored):
    findings = [finding(span) for span in apart(found)]
    alerts = [alert(pk, span) for pk, span in enumerate(apart(stored), start=1)]

    result = plan(findings=findings, alerts=alerts, identity="overlap")

    assert [match.finding for match in result.matches] == findings
    held = [pk for m in result.matches for pk in ((m.alert_id,) if m.alert_id else ()) + m.absorbed]
    assert sorted([*held, *result.gone]) == [a.alert_id for a in alerts]


@given(spans)
def test_the_same_findings_again_are_the_same_alerts(found):
    findings = [finding(span) for span in apart(found)]
    alerts = [alert(pk, span) for pk, span in enumerate(apart(found), start=1)]

    result = plan(findings=findings, alerts=alerts, identity="overlap")

    assert [match.alert_id for match in result.matches] == [a.alert_id for a in alerts]
    assert result.gone == ()
