"""What a candidate version would say beside the one in force: gained, lost, changed (G-7)."""

import pytest

from registry.monitoring import prolonged_cytopenia
from registry.monitoring.catalogue import CANDIDATES, RULES, UnknownRule, by_key, by_name
from registry.monitoring.evidence import Finding
from registry.monitoring.shadow import compare
from tests.tables import DAY_0, day_number, history_of, on_day, rows_of


def findings_of(text: str) -> list[Finding]:
    """`ANC certain high 5-34; PLT possible low 7-9`: subject, certainty, severity, first and last day."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        subject, certainty, severity, span = part.split()
        first, last = span.split("-")
        found.append(Finding(subject, certainty, severity, DAY_0, on_day(int(first)), on_day(int(last)), {}))
    return found


def text_of(findings) -> str:
    return "; ".join(
        f"{f.subject} {f.certainty} {f.severity} {day_number(f.first_on)}-{day_number(f.last_on)}"
        for f in findings
    )


COMPARISONS = """
    in force                                    | candidate                                   | gained                 | lost                   | changed | unchanged
    --------------------------------------------+---------------------------------------------+------------------------+------------------------+---------+----------
                                                |                                             |                        |                        |         | 0
    ANC certain high 5-34                       | ANC certain high 5-34                       |                        |                        |         | 1
                                                | ANC certain high 5-30                       | ANC certain high 5-30  |                        |         | 0
    ANC certain high 5-34                       |                                             |                        | ANC certain high 5-34  |         | 0
    ANC certain high 5-34                       | ANC certain medium 5-34                     |                        |                        | ANC     | 0
    ANC certain high 5-34                       | ANC possible high 5-34                      |                        |                        | ANC     | 0
    ANC certain high 5-34                       | ANC certain high 5-40                       |                        |                        | ANC     | 0
    ANC certain high 5-34                       | ANC certain high 4-34                       |                        |                        | ANC     | 0
    ANC certain high 5-34                       | PLT certain high 5-34                       | PLT certain high 5-34  | ANC certain high 5-34  |         | 0
    ANC certain high 5-34                       | ANC certain high 35-70                      | ANC certain high 35-70 | ANC certain high 5-34  |         | 0
    ANC certain high 5-34                       | ANC certain high 34-70                      |                        |                        | ANC     | 0
    ANC certain high 5-34; ANC certain high 60-99 | ANC certain high 5-99                     |                        | ANC certain high 60-99 | ANC     | 0
    ANC certain high 5-99                       | ANC certain high 5-34; ANC certain high 60-99 | ANC certain high 5-34 |                       | ANC     | 0
    ANC certain high 5-34; PLT possible low 7-9 | PLT possible low 7-9; ANC certain high 5-34 |                        |                        |         | 2
"""  # noqa: E501


@pytest.mark.parametrize(
    "row", rows_of(COMPARISONS), ids=lambda row: f"{row['in force']} | {row['candidate']}"
)
def test_two_versions_of_a_rule_by_overlap(row):  # G-7
    said = compare(
        in_force=findings_of(row["in force"]),
        candidate=findings_of(row["candidate"]),
        identity="overlap",
    )

    assert text_of(said.gained) == row["gained"]
    assert text_of(said.lost) == row["lost"]
    assert " ".join(becomes.subject for _, becomes in said.changed) == row["changed"]
    assert said.unchanged == int(row["unchanged"])


def test_two_versions_of_a_rule_by_subject_are_compared_whatever_their_dates():  # G-7
    before, after = findings_of("M6@x certain low 5-34"), findings_of("M6@x certain low 50-60")

    said = compare(in_force=before, candidate=after, identity="subject")

    assert (said.gained, said.lost, said.unchanged) == ((), (), 0)
    assert said.changed == ((before[0], after[0]),)


CANDIDATE_21 = by_name("prolonged_cytopenia:2")


@pytest.mark.parametrize(
    ("last_low", "in_force", "candidate"),
    [(25, "possible", "possible"), (26, "possible", "possible"), (27, "possible", "certain")],
)
def test_the_candidate_of_21_days_judges_at_its_own_limit(last_low, in_force, candidate):  # CYT-6
    history = history_of(
        f"""
        day        | ANC
        -----------+-----
          5        | 0.9
         15        | 0.9
         {last_low} | 0.9
        """
    )

    assert [f.certainty for f in by_key("prolonged_cytopenia").findings(history, on_day(60))] == [in_force]
    assert [f.certainty for f in CANDIDATE_21.findings(history, on_day(60))] == [candidate]


def test_a_candidate_is_the_same_rule_with_other_limits():
    for candidate in CANDIDATES:
        in_force = by_key(candidate.key)
        assert (candidate.judge, candidate.identity, candidate.reads_labs) == (
            in_force.judge,
            in_force.identity,
            in_force.reads_labs,
        )
        assert candidate.version > in_force.version


def test_a_candidate_is_never_in_force():
    assert by_key("prolonged_cytopenia") is prolonged_cytopenia.RULE
    assert not {rule.name for rule in RULES} & {rule.name for rule in CANDIDATES}


@pytest.mark.parametrize("name", ["prolonged_cytopenia:99", "prolonged_cytopenia", "no_such_rule:1", ""])
def test_an_unknown_version_is_refused(name):
    with pytest.raises(UnknownRule):
        by_name(name)
