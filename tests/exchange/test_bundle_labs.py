"""Laboratory results of a bundle: one key, corrections that supersede, nothing told back to life."""

from decimal import Decimal

import pytest

from registry.models import AuditEvent, LabResult
from tests.exchange.bundles import BASE, LABS, load, problems

pytestmark = pytest.mark.django_db

HEADER = f"{LABS},lower_limit,upper_limit,corrects_value"


def labs(*rows, header=HEADER):
    """labs.csv of P1's neutrophils on 5 March 2024; a row is `value unit corrects lower upper`."""
    lines = [header]
    for row in rows:
        value, unit, corrects, lower, upper = (*row.split(), *["-"] * 5)[:5]
        cells = ["P1", "2024-03-05", "ANC", value, unit, lower, upper, corrects]
        lines.append(",".join("" if cell == "-" else cell for cell in cells))
    return {"labs.csv": "\n".join(lines) + "\n"}


def stored():
    """The results as `value` or `value>successor` when superseded, canonical."""
    found = []
    for result in LabResult.objects.select_related("superseded_by").order_by("value", "pk"):
        successor = result.superseded_by
        mark = "" if result.superseded_at is None else f">{_plain(successor) if successor else ''}"
        found.append(f"{_plain(result)}{mark}")
    return found


def _plain(result):
    return f"{result.comparator}{result.value.normalize():f}"


def outcome(report):
    return tuple(counts["labs.csv"] for counts in (report.created, report.updated, report.unchanged))


@pytest.fixture
def bundle(tmp_path):
    """Load the base once, then `bundle("0.4 10*9/L")` loads only results."""
    load(tmp_path / "base", BASE)

    def load_labs(*rows, **options):
        return load(tmp_path / "labs", labs(*rows), **options)

    return load_labs


def test_two_results_of_one_day_stay_two(bundle):
    bundle("0.4 10*9/L", "0.6 10*9/L", "<0.4 10*9/L")

    assert sorted(stored()) == ["0.4", "0.6", "<0.4"]


def test_the_same_value_in_another_unit_is_the_same_result(bundle):  # P10
    bundle("800 /uL")

    report = bundle("0.80 10*9/L")

    assert outcome(report) == (0, 0, 1)
    assert stored() == ["0.8"]


def test_a_correction_supersedes_the_old_value(bundle):
    bundle("40 10*9/L")

    report = bundle("0.4 10*9/L 40")

    assert outcome(report) == (0, 1, 0)
    assert stored() == ["0.4", "40>0.4"]
    [old] = LabResult.objects.filter(superseded_at__isnull=False)
    assert old.superseded_reason == "import"
    assert AuditEvent.objects.filter(tbl="registry_labresult", reason="import", op="U").count() == 1


def test_the_old_value_is_meant_in_the_unit_of_the_row(bundle):
    bundle("40 10*9/L")

    bundle("400 /uL 40000")

    assert stored() == ["0.4", "40>0.4"]


def test_the_correction_again_changes_nothing(bundle):
    bundle("40 10*9/L")
    bundle("0.4 10*9/L 40")

    again = bundle("0.4 10*9/L 40")

    assert outcome(again) == (0, 0, 1)
    assert stored() == ["0.4", "40>0.4"]


def test_the_wrong_value_told_again_is_not_told_back_to_life(bundle):
    bundle("40 10*9/L")
    bundle("0.4 10*9/L 40")

    again = bundle("40 10*9/L")

    assert outcome(again) == (0, 0, 1)
    assert stored() == ["0.4", "40>0.4"]


@pytest.mark.parametrize(
    "rows", [("40 10*9/L", "0.4 10*9/L 40"), ("0.4 10*9/L 40", "40 10*9/L")], ids=["in order", "turned"]
)
def test_the_wrong_and_the_right_row_in_one_bundle_come_in_cleanly_twice(bundle, rows):
    first = bundle(*rows)

    assert first.errors == ()
    assert outcome(first) == (1, 1, 0)
    assert stored() == ["0.4", "40>0.4"]
    assert outcome(bundle(*rows)) == (0, 0, 2)


def test_corrections_of_corrections_follow_each_other(bundle):
    rows = ("0.6 10*9/L 0.4", "0.7 10*9/L 0.6", "0.4 10*9/L")

    bundle(*rows)

    assert stored() == ["0.4>0.6", "0.6>0.7", "0.7"]
    assert outcome(bundle(*rows)) == (0, 0, 3)


def test_a_correction_that_is_corrected_back_stands(bundle):
    bundle("0.4 10*9/L")
    bundle("0.6 10*9/L 0.4")
    bundle("0.4 10*9/L 0.6")

    assert stored() == ["0.4>0.6", "0.4", "0.6>0.4"]
    assert outcome(bundle("0.6 10*9/L 0.4")) == (0, 0, 1)
    assert outcome(bundle("0.4 10*9/L 0.6")) == (0, 0, 1)
    assert outcome(bundle("0.4 10*9/L")) == (0, 0, 1)


def test_two_wrong_results_may_have_one_right_value(bundle):
    bundle("40 10*9/L", "41 10*9/L")

    bundle("0.4 10*9/L 40", "0.4 10*9/L 41")

    assert sum(mark.endswith(">0.4") for mark in stored()) == 1
    assert LabResult.objects.filter(superseded_at__isnull=True).count() == 1
    assert outcome(bundle("0.4 10*9/L 40", "0.4 10*9/L 41")) == (0, 0, 2)


def test_a_wrong_result_may_be_corrected_to_one_that_is_there(bundle):
    bundle("40 10*9/L", "0.4 10*9/L")

    report = bundle("0.4 10*9/L 40")

    assert outcome(report) == (0, 1, 0)
    assert stored() == ["0.4", "40>0.4"]


REFUSED = [
    (("0.6 10*9/L 0.5",), "no such value", "Results stored for that day: 0.4 10*9/L."),
    (("0.4 10*9/L 0.4",), "corrects itself", None),
    (("0.6 10*9/L 0.4", "0.7 10*9/L 0.4"), "two corrections of one", None),
    (("0.6 10*9/L 0.7", "0.7 10*9/L 0.6"), "in a circle", None),
    (("0.6 10*9/L <0.4",), "another comparator", "Results stored for that day: 0.4 10*9/L."),
]


@pytest.mark.parametrize(("rows", "why", "accepted"), REFUSED, ids=[why for _, why, _ in REFUSED])
def test_a_correction_that_cannot_be_made_is_an_error(bundle, rows, why, accepted):
    bundle("0.4 10*9/L")

    report = bundle(*rows)

    assert {(file, column) for file, _, column in problems(report)} == {("labs.csv", "corrects_value")}
    if accepted:
        assert report.errors[0].accepted == accepted
    assert stored() == ["0.4"]


def test_a_value_corrected_otherwise_before_is_an_error(bundle):
    bundle("0.4 10*9/L")
    bundle("0.6 10*9/L 0.4")

    report = bundle("0.7 10*9/L 0.4")

    assert [error.problem for error in report.errors] == ["That result was corrected otherwise before."]


def test_other_limits_supersede_the_result_by_itself(bundle):
    bundle("0.4 10*9/L - 1.5 8")

    report = bundle("0.4 10*9/L - 1.8 8")

    assert outcome(report) == (0, 1, 0)
    assert stored() == ["0.4>0.4", "0.4"]
    assert LabResult.objects.get(superseded_at__isnull=True).lower_limit == Decimal("1.8")
    assert outcome(bundle("0.4 10*9/L - 1.8 8")) == (0, 0, 1)


def test_the_same_limits_in_another_unit_are_the_same(bundle):
    bundle("0.4 10*9/L - 1.5 8")

    assert outcome(bundle("400 /uL - 1500 8000")) == (0, 0, 1)


def test_a_file_without_limits_says_nothing_of_them(bundle, tmp_path):
    bundle("0.4 10*9/L - 1.5 8")

    report = load(tmp_path / "plain", {"labs.csv": f"{LABS}\nP1,2024-03-05,ANC,0.4,10*9/L\n"})

    assert outcome(report) == (0, 0, 1)


def test_a_correction_may_bring_other_limits_of_a_result_that_is_there(bundle):
    bundle("40 10*9/L", "0.4 10*9/L")

    report = bundle("0.4 10*9/L 40 1.5 8")

    assert outcome(report) == (0, 1, 0)
    assert LabResult.objects.filter(superseded_at__isnull=True).count() == 1
    assert outcome(bundle("0.4 10*9/L 40 1.5 8")) == (0, 0, 1)


def test_a_result_taken_back_on_a_page_is_not_told_back_to_life(bundle):
    bundle("0.4 10*9/L")
    LabResult.objects.update(superseded_at="2025-01-01T00:00Z", superseded_reason="wrong patient")

    assert outcome(bundle("0.4 10*9/L")) == (0, 0, 1)


def test_a_dry_run_of_a_correction_stores_nothing(bundle):
    bundle("40 10*9/L")

    report = bundle("0.4 10*9/L 40", dry_run=True)

    assert outcome(report) == (0, 1, 0)
    assert stored() == ["40"]
