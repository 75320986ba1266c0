"""Laboratory triggers (rules.md MAL-7, MAL-9, MAL-10)."""

from dataclasses import replace

import pytest

from registry.monitoring.evidence import Finding, History
from registry.monitoring.secondary_malignancy import RULE
from tests.tables import DAY_0, history_of, on_day, rows_of, series


def found_in(history: History, *, as_of_day: int = 400) -> dict[str, Finding]:
    return {finding.subject: finding for finding in RULE.findings(history, on_day(as_of_day))}


def said_of(history: History, key: str, *, as_of_day: int = 400) -> str:
    """`possible 60-74`: certainty and first to last day of a trigger, empty when it did not fire."""
    finding = found_in(history, as_of_day=as_of_day).get(f"trigger:{key}")
    if finding is None:
        return ""
    assert finding.first_on is not None
    return f"{finding.certainty} {(finding.first_on - DAY_0).days}-{(finding.last_on - DAY_0).days}"


TRANSGENE = """
    case                                      | results                          | says
    ------------------------------------------+----------------------------------+---------------
    ten times, 14 days apart                  | 31:10 60:100 74:100              | possible 60-74
    13 days apart                             | 31:10 60:100 73:100              |
    15 days apart                             | 31:10 60:100 75:100              | possible 60-75
    first below ten times                     | 31:10 60:99 74:100               |
    second below ten times                    | 31:10 60:100 74:99               |
    more than ten times                       | 31:10 60:500 90:101              | possible 60-90
    lowest on day 30 is not after day 30      | 30:10 60:100 74:100              |
    lowest on day 31 is                       | 31:10 60:100 74:100              | possible 60-74
    the peak before contraction is no rise    | 10:90000 31:10 60:50 90:40       |
    lowest comes after both                   | 60:100 74:100 90:10              |
    lowest between them counts for neither    | 31:50 60:100 70:1 84:100         |
    a later pair after a lower value          | 31:50 60:1 70:10 84:10           | possible 70-84
    a second rise over a lower value          | 31:9 60:90 74:90 75:1 80:10 94:10 | possible 60-94
    a second rise of 13 days                  | 31:9 60:90 74:90 75:1 80:10 93:10 | possible 60-74
    a low value between leaves the pair       | 31:10 60:100 67:5 74:100         | possible 60-74
    not detectable is below its limit         | 31:<10 60:100 74:100             | possible 60-74
    not detectable cannot reach               | 31:10 60:<100 74:100             |
    above the range is at least that          | 31:10 60:>100 74:>100            | possible 60-74
    above the range is no lowest              | 31:>10 60:100 74:100             |
    zero, then something                      | 31:0 60:1 74:1                   | possible 60-74
    zero stays zero                           | 31:0 60:0 74:0                   |
    a lower result of the same day is not earlier | 60:10,100 74:100             |
    one result only                           | 31:10 60:100                     |
    two of one day are not apart              | 31:10 60:100,200                 |
"""


@pytest.mark.parametrize("row", rows_of(TRANSGENE), ids=lambda row: row["case"])
def test_t2_transgene_re_expansion(row):  # MAL-7
    assert said_of(history_of(series("CAR_DNA", row["results"])), "T2") == row["says"]


LYMPHOCYTES = """
    case                                | results           | says
    ------------------------------------+-------------------+-----------------
    over 4.0 twice after day 90         | 91:4.1 105:4.1    | possible 91-105
    day 90 is not after day 90          | 90:4.1 105:4.1    |
    13 days apart                       | 91:4.1 104:4.1    |
    at 4.0 is not over                  | 91:4.0 105:4.1    |
    >4 is over 4.0                      | 91:>4 105:>4      | possible 91-105
    >3.9 does not prove it              | 91:>3.9 105:>3.9  |
    <9 does not prove it                | 91:<9 105:<9      |
    once                                | 91:9              |
    a normal count between              | 91:5 98:2 120:5   | possible 91-120
    three                               | 91:5 100:5 120:5  | possible 91-120
"""


@pytest.mark.parametrize("row", rows_of(LYMPHOCYTES), ids=lambda row: row["case"])
def test_t4_lymphocytes(row):  # MAL-7
    assert said_of(history_of(series("ALC", row["results"])), "T4") == row["says"]


BLASTS = """
    case                        | results       | says
    ----------------------------+---------------+--------------
    5 % once                    | 5:5           | certain 5-5
    4.9 % once                  | 5:4.9         |
    >5 % once                   | 5:>5          | certain 5-5
    <5 % proves nothing         | 5:<5          |
    1 % twice, 7 days apart     | 5:1 12:1      | possible 5-12
    1 % twice, 6 days apart     | 5:1 11:1      |
    0.9 % twice                 | 5:0.9 12:0.9  |
    1 % and later 5 %           | 5:1 40:5      | certain 5-40
    before day 0                | -5:20         |
    1 % once before day 0       | -2:1 12:1     |
"""


@pytest.mark.parametrize("row", rows_of(BLASTS), ids=lambda row: row["case"])
def test_l3_blasts(row):  # MAL-7
    assert said_of(history_of(series("BLASTS", row["results"])), "L3") == row["says"]


def counts(**results: str) -> History:
    """A history of several series, each written as in the rule book."""
    parts = [history_of(series(analyte, text)) for analyte, text in results.items()]
    return replace(parts[0], labs={key: points for part in parts for key, points in part.labs.items()})


TWO_LINEAGES = """
    case                                      | ANC                   | PLT               | says
    ------------------------------------------+-----------------------+-------------------+----------------
    two lineages that overlap                 | 70:0.5 91:0.5 100:0.5 | 70:20 100:20      | possible 70-100
    one lineage alone                         | 70:0.5 91:0.5 100:0.5 | 100:200           |
    no low day after day 90                   | 55:0.5 70:0.5 90:0.5  | 55:20 70:20 90:20 |
    low on day 91 in one, day 90 in the other | 60:0.5 80:0.5 91:0.5  | 60:20 80:20 90:20 |
    29 days are prolonged                     | 71:0.5 100:0.5        | 71:20 100:20      | possible 71-100
    28 days are not                           | 72:0.5 100:0.5        | 71:20 100:20      |
    two that do not overlap                   | 70:0.5 100:0.5        | 101:20 130:20     |
    two that meet on one day                  | 70:0.5 100:0.5        | 100:20 130:20     | possible 70-130
"""


@pytest.mark.parametrize("row", rows_of(TWO_LINEAGES), ids=lambda row: row["case"])
def test_l2_late_cytopenia_of_two_lineages(row):  # MAL-7
    assert said_of(counts(ANC=row["ANC"], PLT=row["PLT"]), "L2") == row["says"]


# Neutrophils are low on days 70, 91 and 100: day 91 is the first low day after day 90.
CELL_VOLUME = """
    case                                 | MCV                | says
    -------------------------------------+--------------------+----------------
    over 100 on the low day              | 91:100.1           | possible 70-100
    at 100                               | 91:100             |
    >100 is over 100                     | 91:>100            | possible 70-100
    <110 proves nothing                  | 91:<110            |
    before the low day                   | 90:120             |
    later                                | 200:101            | possible 70-200
    up by 5                              | -9:85 91:90        | possible 70-100
    up by 4.9                            | -9:85 91:89.9      |
    up by 5.1                            | -9:85 91:90.1      | possible 70-100
    the last before day 0 is compared    | -90:80 -9:88 91:92 |
    of two of that day the lower         | -9:88,87 91:92     | possible 70-100
    <85 before day 0 is no starting point | -9:<85 91:95      |
    day 0 is not before day 0            | 0:80 91:92         |
"""


@pytest.mark.parametrize("row", rows_of(CELL_VOLUME), ids=lambda row: row["case"])
def test_l2_late_cytopenia_with_a_large_cell_volume(row):  # MAL-7
    assert said_of(counts(ANC="70:0.5 91:0.5 100:0.5", MCV=row["MCV"]), "L2") == row["says"]


def test_each_course_counts_its_own_days():  # G-1, MAL-7
    # Day 110 of the first course is day 10 of the second.
    history = history_of(series("ALC", "95:5 110:5"), infusion_days=(0, 100))

    assert said_of(history, "T4") == ""


def test_results_of_two_courses_make_no_pair():  # G-1, MAL-7
    history = history_of(series("BLASTS", "95:1 110:1"), infusion_days=(0, 100))

    assert said_of(history, "L3") == ""


def test_two_courses_are_one_alert_from_first_to_last():  # MAL-10
    history = history_of(series("BLASTS", "10:1 20:1 210:7"), infusion_days=(0, 200))

    finding = found_in(history)["trigger:L3"]

    assert (finding.certainty, finding.day_zero) == ("certain", DAY_0)
    assert (finding.first_on, finding.last_on) == (on_day(10), on_day(210))


def test_a_result_after_the_as_of_date_is_not_seen():  # G-2
    history = history_of(series("BLASTS", "5:1 12:1"))

    assert said_of(history, "L3", as_of_day=11) == ""
    assert said_of(history, "L3", as_of_day=12) == "possible 5-12"


@pytest.mark.parametrize(
    ("analyte", "results", "subject", "severity"),
    [
        ("BLASTS", "5:5", "trigger:L3", "critical"),
        ("BLASTS", "5:1 12:1", "trigger:L3", "critical"),
        ("ALC", "91:5 105:5", "trigger:T4", "medium"),
        ("CAR_DNA", "31:1 60:10 74:10", "trigger:T2", "medium"),
    ],
)
def test_blasts_are_critical_other_triggers_medium(analyte, results, subject, severity):  # MAL-9
    assert found_in(history_of(series(analyte, results)))[subject].severity == severity


def test_a_trigger_says_which_results():  # MAL-11
    finding = found_in(history_of(series("ALC", "91:5 105:>4")))["trigger:T4"]

    assert finding.evidence["source"] == "trigger"
    assert finding.evidence["source_id"] == "T4"
    assert finding.evidence["class"] == "unspecified"
    assert finding.evidence["latency_days"] == 91
    assert finding.evidence["onset"] == on_day(91).isoformat()
    assert finding.evidence["matched"] == [
        f"ALC 5 ×10⁹/L on {on_day(91).isoformat()}",
        f"ALC >4 ×10⁹/L on {on_day(105).isoformat()}",
    ]
