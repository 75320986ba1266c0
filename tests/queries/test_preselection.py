"""Pre-selection is generous and never narrow: whoever has a finding on any day is among the selected."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.access.scope import EVERYTHING, acting
from registry.actions.preselection import keep_ready
from registry.models import (
    AdverseEvent,
    AdverseEventFollowUp,
    LabResult,
    LabsToRepack,
    Patient,
    ReportScreening,
)
from registry.monitoring import malignancy_text
from registry.monitoring.catalogue import RULES
from registry.monitoring.evidence import History
from registry.queries import closed_windows, malignancy_words, preselection
from registry.queries.evidence import packed_histories
from registry.queries.preselection import patients_who_could
from tests.factories import (
    NIGHT,
    make_alert,
    make_event,
    make_infusion,
    make_patient,
    make_result,
    make_support,
    make_visit,
)
from tests.monitoring import random_histories as draw
from tests.queries.stored_histories import WRITTEN, add_answers, add_events, store
from tests.tables import on_day

pytestmark = pytest.mark.django_db

RULE = {rule.key: rule for rule in RULES}
FAR = date(2099, 1, 1)
DAY = timedelta(days=1)
CORPUS = Path(__file__).parents[1] / "clinical" / "malignancy_corpus"


def selected(rule, *, latest_day=FAR, **asked) -> set[int]:
    with acting(rows=EVERYTHING):
        found = patients_who_could(rule=RULE[rule], latest_day=latest_day, **asked)
    assert found is not None
    return found


def as_stored(rule) -> dict[int, History]:
    """The histories of all patients as the rule is handed them."""
    with acting(rows=EVERYTHING):
        ids = list(Patient.objects.order_by("pk").values_list("pk", flat=True))
        packed = packed_histories(patient_ids=ids, analytes=RULE[rule].reads_labs)
        return {patient_id: one.unpack() for patient_id, one in packed}


def days_of_interest(random: Random, history: History) -> list[date]:
    """Days on and beside what happened, and far ones."""
    facts = [
        *history.day_zeros,
        *(point.collected_on for points in history.labs.values() for point in points),
        *(visit.visited_on for visit in history.visits if visit.visited_on),
        *([history.follow_up_ended_on] if history.follow_up_ended_on else []),
    ]
    found = [
        random.choice(facts) + random.choice([0, 1, 2, 27, 28, 29, 30, 31, 36, 60]) * DAY for _ in range(12)
    ]
    return [*found, history.day_zeros[0] + 29 * DAY, history.day_zeros[-1] + 29 * DAY, date(2050, 1, 1)]


def has_finding(rule, history: History, on: Iterable[date]) -> bool:
    return any(RULE[rule].findings(history, day) for day in on)


def draw_patients(seed: int, make, number: int) -> Random:
    random = Random(seed)
    store(make(random)[0] for _ in range(number))
    return random


def lost(rule: str, random: Random, chosen: set[int], *, from_day: date = date.min) -> tuple[int, set[int]]:
    """Return how many patients have a finding from a day on, and which of them were not chosen."""
    found = set()
    for patient_id, history in as_stored(rule).items():
        days = [*days_of_interest(random, history), max(from_day, history.day_zeros[0])]
        if has_finding(rule, history, [day for day in days if day >= from_day]):
            found.add(patient_id)
    return len(found), found - chosen


@pytest.mark.parametrize("is_ready", [False, True], ids=["from the results", "from what is kept ready"])
@pytest.mark.parametrize(
    ("rule", "make", "at_least"),
    [
        ("prolonged_cytopenia", draw.history_of_counts, 15),
        ("unresolved_at_day_28", draw.history_of_counts, 8),
        ("secondary_malignancy", draw.history_of_triggers, 8),
    ],
)
def test_whoever_has_a_finding_on_any_day_is_selected(rule, make, at_least, is_ready):
    random = draw_patients(20_261, make, 60)
    if is_ready:
        keep_ready()

    count, not_selected = lost(rule, random, selected(rule))

    assert count >= at_least
    assert not_selected == set()


@pytest.mark.parametrize("rule", ["prolonged_cytopenia", "unresolved_at_day_28"])
def test_whoever_has_a_finding_from_the_earliest_day_on_is_selected(rule):
    random = draw_patients(20_262, draw.history_of_counts, 60)
    day = date(2024, 3, 1)

    count, not_selected = lost(rule, random, selected(rule, earliest_day=day), from_day=day)

    assert count >= 5
    assert not_selected == set()


@pytest.mark.parametrize("day", [date(2024, 3, 1), date(2026, 11, 22), date(2047, 1, 1)])
def test_whoever_has_a_visit_overdue_by_a_day_is_selected(day):  # OVD-1 to OVD-5
    draw_patients(20_263, draw.history_of_visits, 60)

    chosen = selected("overdue_visit", latest_day=day)

    # One instant has different dates at different sites.
    on = [day, day - DAY, day - 2 * DAY]
    found = {
        key
        for key, history in as_stored("overdue_visit").items()
        if has_finding("overdue_visit", history, on)
    }
    assert len(found) >= 15
    assert found - chosen == set()
    assert len(chosen) <= len(found) + 6


@pytest.mark.parametrize("is_ready", [False, True], ids=["from the reports", "from what is kept ready"])
def test_whose_record_names_a_malignancy_is_selected(is_ready):  # MAL-1
    random = draw_patients(20_264, draw.history_of_visits, 60)
    for patient in Patient.objects.all():
        add_events(random, patient)
        add_answers(random, patient)
    if is_ready:
        keep_ready()

    count, not_selected = lost("secondary_malignancy", random, selected("secondary_malignancy"))

    assert count >= 15
    assert not_selected == set()


# Days and values of one lineage; who could have a finding on some day. rules.md P01 to P17 and their edges.
DRAWN = [
    ("P01", "prolonged_cytopenia", "3:0.4 7:0.2 14:0.6 21:0.6 28:0.7 35:0.8 42:1.5 49:1.6 56:1.7", True),
    ("28 days possible", "prolonged_cytopenia", "2:1.4 3:0.6 30:0.6 31:0.9 32:1.1 33:1.2 34:1.3", False),
    ("31 days possible (P04)", "prolonged_cytopenia", "3:0.6 30:0.6 31:0.9 32:1.1 33:1.2 34:1.3", True),
    ("28 days low", "prolonged_cytopenia", "4:1.2 5:0.9 20:0.9 33:0.9 34:1.2", False),
    ("29 days low", "prolonged_cytopenia", "4:1.2 5:0.9 20:0.9 34:0.9 35:1.2", True),
    ("P08", "prolonged_cytopenia", "20:0.7 37:1.6 44:1.8 51:1.9", True),
    ("bounded on both sides by 29", "prolonged_cytopenia", "4:1.2 10:0.9 34:1.2", False),
    ("bounded on both sides by 30", "prolonged_cytopenia", "4:1.2 10:0.9 35:1.2", True),
    ("P16", "prolonged_cytopenia", "60:0.9 150:1.8 240:0.9", True),
    ("a gap of 35 days", "prolonged_cytopenia", "4:1.2 5:0.9 40:0.9 41:1.2", True),
    (
        "a gap of 36 days with a count inside",
        "prolonged_cytopenia",
        "4:1.2 5:0.9 20:1.2 41:0.9 42:1.2",
        False,
    ),
    ("P17: open to the right", "prolonged_cytopenia", "4:1.2 5:0.5 20:0.6", True),
    ("at the limit is not low", "prolonged_cytopenia", "4:1.2 5:1.0 34:1.0", False),
    ("<limit is low", "prolonged_cytopenia", "4:1.2 5:<1.0 20:<1.0 34:<1.0 35:1.2", True),
    ("<more is skipped", "prolonged_cytopenia", "4:1.2 5:<1.1 20:<1.1 34:<1.1 35:1.2", False),
    (">less bounds nothing", "prolonged_cytopenia", "4:1.2 5:0.9 20:>0.9", True),
    (">limit bounds", "prolonged_cytopenia", "4:1.2 5:0.9 20:>1.0", False),
    (
        "two not-low days are no recovery",
        "prolonged_cytopenia",
        "4:1.2 5:0.9 20:1.2 22:1.2 34:0.9 35:1.2",
        True,
    ),
    ("three are", "prolonged_cytopenia", "4:1.2 5:0.9 20:1.2 21:1.2 22:1.2 34:0.9 35:1.2", False),
    ("no low day by the landmark", "unresolved_at_day_28", "5:1.2 29:0.9", False),
    ("recovered on day 28", "unresolved_at_day_28", "20:0.9 28:1.2 29:1.2 30:1.2", True),
    ("recovered by day 29", "unresolved_at_day_28", "20:0.9 27:1.2 28:1.2 29:1.2", False),
    ("a count is missing", "unresolved_at_day_28", "20:0.9 27:1.2 28:1.2", True),
]


@pytest.mark.parametrize(
    ("series", "rule", "drawn", "could"), DRAWN, ids=[row[0] + " " + row[1] for row in DRAWN]
)
@pytest.mark.parametrize("is_ready", [False, True], ids=["results", "ready"])
def test_the_drawn_edges_of_counts(
    patient, series, rule, drawn, could, is_ready
):  # CYT-1 to CYT-8, LMK-1 to LMK-3
    counts(patient, drawn)
    if is_ready:
        keep_ready()

    assert selected(rule) == ({patient.pk} if could else set())
    [history] = as_stored(rule).values()
    assert has_finding(rule, history, [on_day(day) for day in range(400)]) == could


def counts(patient, drawn: str, *, analyte: str = "ANC") -> None:
    for entry in drawn.split():
        day, value = entry.split(":")
        make_result(patient=patient, collected_on=on_day(int(day)), value=value, analyte=analyte)


def test_a_recovery_confirmed_later_counts_from_the_day_it_was_proven(patient):  # LMK-3
    counts(patient, "20:0.9 28:1.2 29:1.2 60:1.2")

    assert selected("unresolved_at_day_28") == {patient.pk}
    assert selected("unresolved_at_day_28", earliest_day=on_day(59)) == {patient.pk}
    assert selected("unresolved_at_day_28", earliest_day=on_day(60)) == set()


@pytest.mark.parametrize(("lag", "could"), [(5, True), (6, True), (7, False)])
def test_a_count_that_a_support_hides_bounds_nothing(patient, lag, could):  # CYT-3
    counts(patient, "4:1.2 10:0.9 20:1.2")
    make_support(patient=patient, given_on=on_day(20 - lag))

    assert selected("prolonged_cytopenia") == ({patient.pk} if could else set())


def test_counts_of_an_earlier_course_bound_nothing_in_the_next(patient):  # CYT-1
    counts(patient, "90:1.2 105:0.9 120:1.2")
    assert selected("prolonged_cytopenia") == set()

    make_infusion(patient=patient, infused_on=on_day(91))
    assert selected("prolonged_cytopenia") == set()
    counts(patient, "122:0.9")
    make_infusion(patient=patient, infused_on=on_day(121))

    assert selected("prolonged_cytopenia") == {patient.pk}


def test_the_end_of_follow_up_ends_what_is_open(patient):  # CYT-7
    counts(patient, "4:1.2 5:0.9")
    Patient.objects.update(follow_up_ended_on=on_day(33), follow_up_end_reason="withdrawal")
    assert selected("prolonged_cytopenia") == set()

    Patient.objects.update(follow_up_ended_on=on_day(34))
    assert selected("prolonged_cytopenia") == {patient.pk}


def test_a_plain_record_is_nobody_s_business(patient):
    for lineage, low, high in (("ANC", "0.4", "2.5"), ("PLT", "30", "150"), ("HGB", "75", "120")):
        unit = "g/L" if lineage == "HGB" else "10*9/L"
        for day, value in ((0, high), (5, low), (12, high), (19, high), (26, high), (100, high)):
            make_result(patient=patient, collected_on=on_day(day), analyte=lineage, value=value, unit=unit)
    make_visit(patient=patient, code="D28", visited_on=on_day(28), new_malignancy=False)
    make_event(
        patient=patient, term="Headache", narrative="No evidence of lymphoma. Mother had breast cancer."
    )

    assert [selected(rule) for rule in RULE] == [set()] * 4


def test_a_change_after_all_was_kept_ready_is_seen(patient):
    counts(patient, "4:1.2 10:0.9 17:1.2")
    keep_ready()
    assert selected("prolonged_cytopenia") == set()

    # A late correction takes the count that bounded the low day.
    LabResult.objects.filter(collected_on=on_day(17)).update(
        superseded_at=NIGHT, superseded_reason="wrong patient"
    )
    assert selected("prolonged_cytopenia") == {patient.pk}

    keep_ready()
    assert selected("prolonged_cytopenia") == {patient.pk}
    assert not LabsToRepack.objects.exists()
    counts(patient, "18:1.3")
    assert selected("prolonged_cytopenia") == set()


def test_a_report_after_the_screening_is_seen(patient):  # MAL-1
    event = make_event(patient=patient, term="Swollen node")
    keep_ready()
    assert selected("secondary_malignancy") == set()

    AdverseEventFollowUp.objects.create(
        event=event,
        patient=patient,
        number=1,
        reported_on=on_day(90),
        narrative="T-cell lymphoma.",
        **WRITTEN,
    )
    assert selected("secondary_malignancy") == {patient.pk}


def test_a_report_changed_after_the_screening_is_seen(patient):
    event = make_event(patient=patient, term="Swollen node")
    keep_ready()

    AdverseEvent.objects.filter(pk=event.pk).update(narrative="T-cell lymphoma.")
    assert selected("secondary_malignancy") == {patient.pk}
    keep_ready()
    assert selected("secondary_malignancy") == {patient.pk}


def test_reports_screened_with_other_lists_are_screened_again(patient):
    make_event(patient=patient, term="T-cell lymphoma")
    keep_ready()

    ReportScreening.objects.update(lists="earlier lists", names_malignancy=False)

    assert selected("secondary_malignancy") == {patient.pk}


def test_results_packed_by_other_limits_are_read_again(patient):
    counts(patient, "4:1.2 5:1.05 20:1.05 34:1.05 35:1.2")
    keep_ready()
    rule = RULE["prolonged_cytopenia"]
    wider = replace(rule.limits.counts, neutrophils_low_below_10e9_per_l=Decimal("1.1"))
    other = replace(rule, limits=replace(rule.limits, counts=wider))

    with acting(rows=EVERYTHING):
        found = patients_who_could(rule=other, latest_day=FAR)

    assert found == {patient.pk}
    assert selected("prolonged_cytopenia") == set()


def test_a_day_that_no_reading_can_hold_clears_nobody(patient):
    counts(patient, "5:0.9")
    make_result(patient=patient, collected_on=date(1900, 1, 1), value="0.4")

    for _ in range(2):
        assert selected("prolonged_cytopenia") == {patient.pk}
        keep_ready()


@pytest.mark.parametrize(
    ("facts", "stands"),
    [
        ({"state": "open"}, True),
        ({"state": "acknowledged"}, True),
        ({"state": "resolved"}, False),
        ({"state": "withdrawn"}, False),
        ({"state": "confirmed", "decision": "confirmed"}, True),
        ({"state": "dismissed", "decision": "not_confirmed"}, True),
        ({"state": "confirmed", "decision": "confirmed", "ground_gone": True}, False),
    ],
)
def test_an_alert_that_stands_is_always_looked_at(patient, facts, stands):  # G-8
    make_alert(patient=patient, **facts)

    assert selected("prolonged_cytopenia") == ({patient.pk} if stands else set())
    assert selected("unresolved_at_day_28") == set()


def test_only_the_patients_of_the_range_are_returned(site):
    patients = [make_patient(site=site) for _ in range(3)]
    for patient in patients:
        counts(patient, "5:0.9")
        make_event(patient=patient, term="Lymphoma")

    middle = patients[1].pk
    for rule in RULE:
        if rule != "overdue_visit":
            assert selected(rule, first_id=middle, last_id=middle) <= {middle}
    assert selected("prolonged_cytopenia", first_id=middle) == {middle, patients[2].pk}


@pytest.mark.parametrize("rule", RULE)
def test_more_patients_take_no_more_queries(site, rule):
    def queries_for(number: int) -> int:
        for _ in range(number):
            patient = make_patient(site=site)
            counts(patient, "5:0.9 40:0.9 100:0.9 120:0.9 140:0.9")
            make_event(patient=patient, term="Lymphoma")
        with CaptureQueriesContext(connection) as captured:
            selected(rule)
        return len(captured)

    assert queries_for(2) == queries_for(15)


@pytest.mark.parametrize(
    ("sql", "asked", "index"),
    [
        (
            closed_windows._RECORDED,
            {"recorded_by": FAR, "codes": ["D28"]},
            "Index Only Scan using visit_of_patient",
        ),
        (malignancy_words._ANSWERS, {}, "visit_says_malignancy"),
        (malignancy_words._DEATHS, {}, "patient_with_cause_of_death"),
        (malignancy_words._NAMED, {"lists": "x"}, "screening_"),
        (malignancy_words._ARE_ALL_READ, {"lists": "x"}, "Index Only Scan using screening_of_patient"),
    ],
)
def test_an_index_answers_under_the_application_s_role(db, sql, asked, index):
    with acting(rows=EVERYTHING), connection.cursor() as cursor:
        # Empty tables are cheapest read whole; what matters is whether row security lets the index be used.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute("EXPLAIN " + sql, {"first": 1, "last": 9, **asked})
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert index in plan


def test_an_index_names_the_alerts_that_stand(patient):
    for number in range(100):
        make_alert(patient=patient, subject=f"S{number}", state="withdrawn")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE registry_alert")
    with acting(rows=EVERYTHING), connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN " + preselection._STANDING, {"rule": "prolonged_cytopenia", "first": 1, "last": 10**9}
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "alert_standing" in plan


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "it"])
def test_the_earliest_day_0_keeps_whatever_any_day_0_keeps(language):  # MAL-4
    sentences = (CORPUS / f"working_{language}.txt").read_text(encoding="utf-8").splitlines()
    days = [date(1990, 1, 1), date(2009, 6, 1), date(2020, 1, 1), date(2025, 6, 1), date(2040, 1, 1)]

    kept = [
        text
        for text in sentences
        if any(malignancy_text.read(texts=[text], day_zero=day).kept for day in days)
    ]

    assert len(kept) > 10
    assert [text for text in kept if not malignancy_text.may_name_malignancy(texts=[text])] == []
