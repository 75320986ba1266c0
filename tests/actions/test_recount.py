"""The nightly recount: whoever changed the alerts behind the rules' back is found within thirty nights."""

from datetime import timedelta

import pytest

from registry.access.roles import NotAllowed
from registry.actions import recount, scan
from registry.models import Alert, RecountRun, ScanRun, Visit, WaitingEvaluation
from registry.models.watchman import SHARES
from tests.factories import NIGHT, make_patient, make_result, make_visit

LATER = NIGHT + timedelta(hours=1)


@pytest.fixture
def judged(patient):
    """A patient with an overdue visit and a prolonged neutropenia, as the night left them."""
    for day in (3, 10, 17, 24, 32):
        make_result(patient=patient, collected_on=patient.enrolled_on + timedelta(days=7 + day), value="0.4")
    scan.run_rules(as_of=None, at=NIGHT, trigger="night")
    return patient


def of(patient, **more):
    return recount.recount_a_share(at=LATER, share=patient.pk % SHARES, **more)


def settled(patient):
    """What the rules would do next is done: nobody waits."""
    WaitingEvaluation.objects.filter(patient=patient).delete()


def test_what_the_night_left_is_what_the_recount_finds(judged):
    found = of(judged)

    assert (found.patients_counted, found.difference_count, found.overdue_difference_count) == (1, 0, 0)
    assert (found.overdue_patients_counted, found.overdue_visits_counted) == (1, 1)
    assert found.finished_at is not None


def test_a_lost_alert_is_found_with_the_patients_opaque_id(judged):
    Alert.objects.filter(rule="prolonged_cytopenia").update(state="withdrawn")

    found = of(judged)

    assert found.differences == [
        {
            "patient": str(judged.public_id),
            "rule": "prolonged_cytopenia",
            "problem": "an alert would be reopened (withdrawn to open)",
        }
    ]
    assert (found.difference_count, found.overdue_difference_count) == (1, 0)


def test_an_alert_without_ground_is_found(judged):
    make_visit(patient=judged, visited_on=judged.enrolled_on + timedelta(days=35))
    settled(judged)

    found = of(judged)

    assert [line["problem"] for line in found.differences] == [
        "an alert would be resolved (open to resolved)"
    ]
    assert [line["problem"] for line in found.overdue_differences] == ["D28 has an alert and is not overdue"]


def test_overdue_visits_are_counted_for_everybody_every_night(judged, site):
    """The other patients' share is not up tonight; by SQL they are counted all the same."""
    others = [make_patient(site=site) for _ in range(SHARES)]
    scan.run_rules(as_of=None, at=NIGHT, trigger="night")
    lost = next(one for one in others if one.pk % SHARES != judged.pk % SHARES)
    Alert.objects.filter(patient=lost).update(state="withdrawn")

    found = of(judged)

    assert found.difference_count == 0
    assert found.overdue_differences == [
        {
            "patient": str(lost.public_id),
            "rule": "overdue_visit",
            "problem": "D28 is overdue without an alert",
        }
    ]


def test_who_waits_to_be_judged_is_left_out_and_counted(judged):
    make_visit(patient=judged, visited_on=judged.enrolled_on + timedelta(days=35))

    found = of(judged)

    assert (found.patients_counted, found.patients_waiting) == (0, 1)
    assert (found.difference_count, found.overdue_difference_count) == (0, 0)


def test_a_rule_that_fails_is_a_difference_without_the_values_of_the_record(judged):
    Visit.objects.create(
        patient=judged,
        course=judged.courses.get(),
        code="D28",
        status="completed",
        visited_on=NIGHT.date() - timedelta(days=9),
        entered_at=NIGHT,
        origin="form",
    )
    judged.adverse_events.create(
        study=judged.study,
        event_id="AE-1",
        term="Rash",
        started_on="2024-13",
        entered_at=NIGHT,
        origin="form",
    )
    settled(judged)

    problems = {line["problem"] for line in of(judged).differences}

    assert any(problem.startswith("the rule fails: ") for problem in problems)
    assert not any("2024-13" in problem for problem in problems)


def test_the_calendar_alone_makes_no_difference(judged):
    """Days overdue grow every day; at three in the morning it is the next day west of here."""
    ScanRun.objects.update(started_at=NIGHT - timedelta(days=1))

    found = of(judged)

    assert (found.difference_count, found.overdue_difference_count) == (0, 0)


def test_thirty_nights_recount_everybody_once(site):
    patients = {make_patient(site=site).pk for _ in range(SHARES + 3)}
    shares = [recount.share_of(on=NIGHT.date() + timedelta(days=night)) for night in range(SHARES)]

    assert sorted(shares) == list(range(SHARES))
    assert sorted(pk for share in shares for pk in patients if pk % SHARES == share) == sorted(patients)


def test_before_the_first_run_there_is_nothing_to_compare_with(patient):
    found = of(patient)

    assert (found.patients_counted, found.difference_count) == (0, 0)


def test_a_person_explains_differences_and_stays_named(judged, administrator):
    Alert.objects.filter(rule="prolonged_cytopenia").update(state="withdrawn")
    found = of(judged)

    explained = recount.explain(recount_id=found.pk, reason="Withdrawn by hand.", by=administrator, at=LATER)

    assert (explained.explanation, explained.explained_by) == ("Withdrawn by hand.", administrator)
    with pytest.raises(recount.NothingToExplain):
        recount.explain(recount_id=found.pk, reason=" ", by=administrator, at=LATER)


def test_who_only_reads_the_status_explains_nothing(judged, coordinator):
    Alert.objects.filter(rule="prolonged_cytopenia").update(state="withdrawn")

    with pytest.raises(NotAllowed):
        recount.explain(recount_id=of(judged).pk, reason="Fine.", by=coordinator, at=LATER)


def test_a_clean_recount_needs_no_explanation(judged, administrator):
    with pytest.raises(recount.NothingToExplain):
        recount.explain(recount_id=of(judged).pk, reason="Why not.", by=administrator, at=LATER)
    assert RecountRun.objects.get().explanation == ""
