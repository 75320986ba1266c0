"""What stands of an event: its reports folded by their dates, each with what it changed."""

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from registry.access.scope import EVERYTHING, acting, because
from registry.models import (
    AdverseEvent,
    AdverseEventFollowUp,
    CrsDetails,
    InfectionDetails,
    LicatsAdjudication,
    User,
)
from registry.queries.event_chain import chain_of, chains_of, details_of, facts_of_events
from tests.factories import NIGHT, make_event, make_patient, make_visit


@pytest.fixture
def event(patient):
    return make_event(
        patient=patient,
        term="Pneumonia",
        category="infection",
        grade=3,
        grade_scale="CTCAE-5",
        serious=True,
        seriousness=["hospitalisation"],
        relatedness="possible",
        started_on="2024-03-03",
    )


def report(event, number, on, **facts):
    return AdverseEventFollowUp.objects.create(
        event=event,
        patient=event.patient,
        number=number,
        reported_on=date.fromisoformat(on),
        entered_at=NIGHT,
        origin="form",
        **facts,
    )


def changes(chain):
    return [[(c.field, c.old, c.new) for c in told.changes] for told in chain.reports]


def test_without_a_follow_up_the_first_report_stands(event):
    chain = chain_of(event=event)

    assert (chain.now.term, chain.now.grade, chain.now.is_ongoing) == ("Pneumonia", 3, True)
    assert not chain.has_changed


def test_a_follow_up_changes_what_it_says_and_nothing_else(event):
    report(event, 1, "2024-03-10", grade=2, grade_scale="CTCAE-5")

    chain = chain_of(event=event)

    assert (chain.now.grade, chain.now.serious, chain.now.relatedness) == (2, True, "possible")
    assert changes(chain) == [[("grade", "3", "2")]]
    assert chain.highest_grade == 3


def test_an_end_is_told_with_its_outcome(event):
    report(event, 1, "2024-04-01", still_ongoing=False, ended_on="2024-03", outcome="recovered")

    chain = chain_of(event=event)

    assert (chain.now.ended_on, chain.now.is_ongoing, chain.now.outcome) == ("2024-03", False, "recovered")
    assert changes(chain) == [
        [("outcome", "", "recovered"), ("ended on", "", "2024-03"), ("ongoing", "yes", "no")]
    ]


def test_an_event_that_came_back_has_no_end_any_more(event):
    report(event, 1, "2024-04-01", still_ongoing=False, ended_on="2024-03-20")
    report(event, 2, "2024-04-10", still_ongoing=True)

    chain = chain_of(event=event)

    assert (chain.now.ended_on, chain.now.is_ongoing) == ("", True)


def test_a_report_entered_late_does_not_undo_one_dated_after_it(event):
    report(event, 1, "2024-06-01", grade=1, grade_scale="CTCAE-5")
    report(event, 2, "2024-04-01", grade=4, grade_scale="CTCAE-5")

    chain = chain_of(event=event)

    assert [told.report.number for told in chain.reports] == [2, 1]
    assert (chain.now.grade, chain.highest_grade, chain.next_number) == (1, 4, 3)


def test_of_two_reports_of_one_day_the_later_number_stands(event):
    report(event, 1, "2024-04-01", grade=1, grade_scale="CTCAE-5")
    report(event, 2, "2024-04-01", grade=2, grade_scale="CTCAE-5")

    assert chain_of(event=event).now.grade == 2


def test_serious_can_be_taken_back_with_its_criteria(event):
    report(event, 1, "2024-04-01", serious=False, seriousness=[])

    chain = chain_of(event=event)

    assert (chain.now.serious, chain.now.seriousness) == (False, ())
    assert changes(chain)[0][0] == ("serious", "yes", "no")


def test_the_chains_of_a_patient_are_two_questions_however_many_there_are(patient, event):
    for number in range(1, 6):
        report(event, number, f"2024-04-{number:02}", grade=1, grade_scale="CTCAE-5")
        make_event(patient=patient, started_on="2024-05-01")

    with CaptureQueriesContext(connection) as asked:
        chains = chains_of(patient=patient)

    assert (len(chains), len(asked)) == (6, 2)


# --- details ----------------------------------------------------------------------------------


def infection(event, number, **facts):
    return InfectionDetails.objects.create(
        event=event, patient=event.patient, number=number, entered_at=NIGHT, origin="form", **facts
    )


def test_the_details_that_stand_are_those_of_the_latest_report_and_the_earlier_stay(event):
    infection(event, 0, site="lung")
    report(event, 1, "2024-03-10", narrative="Culture is back.")
    infection(event, 1, site="lung", documented="microbiological", organism="S. pneumoniae")

    told = details_of(event=event)

    assert [each.facts.organism for each in told] == ["", "S. pneumoniae"]
    assert facts_of_events(events=[event])[event.pk].organism == "S. pneumoniae"


def refused(make):
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        make()
    return str(refusal.value)


def test_the_database_refuses_details_of_another_category(event):
    assert "is for events of the category crs" in refused(
        lambda: CrsDetails.objects.create(
            event=event, patient=event.patient, number=0, entered_at=NIGHT, origin="form"
        )
    )


def test_the_database_refuses_details_without_a_report(event):
    assert "belong to a report" in refused(lambda: infection(event, 3))


def test_the_database_refuses_a_second_answer_to_the_same_report(event):
    infection(event, 0, site="lung")

    assert "infection_details_of_a_report_are_one" in refused(lambda: infection(event, 0, site="gut"))


def test_the_database_refuses_a_change_of_what_a_follow_up_answered(event):
    report(event, 1, "2024-03-10", narrative="Culture is back.")
    row = infection(event, 1, site="lung")

    with because("misread"):
        change = refused(lambda: InfectionDetails.objects.filter(pk=row.pk).update(site="gut"))
    assert "written once" in change
    assert "written once" in refused(lambda: InfectionDetails.objects.filter(pk=row.pk).delete())


@pytest.mark.parametrize(
    ("reason", "change", "words"),
    [
        ("", {"site": "gut"}, "a correction has a reason"),
        ("misread", {"number": 1}, "facts stay with the report that told them"),
        ("misread", {"entered_at": NIGHT + timedelta(days=1)}, "facts stay with the report"),
        ("misread", {"site": "gut"}, ""),
    ],
    ids=["without a reason", "to another report", "as if entered later", "with a reason"],
)
def test_the_database_takes_a_correction_of_a_first_report_with_a_reason_only(event, reason, change, words):
    report(event, 1, "2024-03-10", narrative="Culture is back.")
    row = infection(event, 0, site="lung")

    def correct():
        with acting(rows=EVERYTHING), because(reason):
            InfectionDetails.objects.filter(pk=row.pk).update(**change)

    if words:
        assert words in refused(correct)
    else:
        correct()
    row.refresh_from_db()
    assert row.site == ("lung" if words else "gut")
    assert "written once" in refused(row.delete)


def test_the_database_refuses_a_correction_under_another_category(event):
    row = infection(event, 0, site="lung")
    AdverseEvent.objects.filter(pk=event.pk).update(category="crs")

    with because("misread"):
        change = refused(lambda: InfectionDetails.objects.filter(pk=row.pk).update(site="gut"))

    assert "is for events of the category infection" in change


def test_the_database_refuses_a_corrected_grade_without_its_reason(patient):
    event = make_event(patient=patient, category="crs", grade=3, grade_scale="ASTCT")
    row = CrsDetails.objects.create(
        event=event, patient=patient, number=0, entered_at=NIGHT, origin="form", computed_grade=3
    )
    mine = CrsDetails.objects.filter(pk=row.pk)

    with because("misread"):
        refusal = refused(lambda: mine.update(computed_grade=2))
        mine.update(computed_grade=2, grade_reason="Seen by the intensivist.")

    assert "a grade other than the computed one has a reason" in refusal


def test_the_database_refuses_the_details_of_another_patients_event(event, site):
    other = make_patient(site=site)

    def make():
        InfectionDetails.objects.create(event=event, patient=other, number=0, entered_at=NIGHT, origin="form")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    assert "registry_infectiondetails_event_id_patient_id_fkey" in refused(make)


def test_the_database_refuses_microbiology_without_an_organism(event):
    assert "names_the_organism" in refused(lambda: infection(event, 0, documented="microbiological"))


def crs(patient, *, grade, computed, reason="", number=0):
    event = make_event(patient=patient, category="crs", grade=grade, grade_scale="ASTCT")
    return CrsDetails.objects.create(
        event=event,
        patient=patient,
        number=number,
        computed_grade=computed,
        grade_reason=reason,
        entered_at=NIGHT,
        origin="form",
    )


def test_the_database_refuses_another_grade_than_the_computed_one_without_a_reason(patient):
    assert "has a reason" in refused(lambda: crs(patient, grade=2, computed=3))

    assert crs(patient, grade=3, computed=3)
    assert crs(patient, grade=2, computed=3, reason="The pressor ran for a minute only.")
    assert crs(patient, grade=5, computed=4)  # death is never computed
    assert crs(patient, grade=3, computed=None)


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"still_ongoing": False}, "follow_up_end_and_ongoing_agree"),
        ({"still_ongoing": True, "ended_on": "2024-03"}, "follow_up_end_and_ongoing_agree"),
        ({"ended_on": "2024-03"}, "follow_up_end_and_ongoing_agree"),
        ({"ended_on": "March", "still_ongoing": False}, "follow_up_end_is_iso"),
        ({"grade": 6}, "follow_up_grade_is_1_to_5"),
        ({"serious": False, "seriousness": ["death"]}, "follow_up_criteria_come_with_serious"),
        ({"seriousness": ["death"]}, "follow_up_criteria_come_with_serious"),
        ({"serious": True, "seriousness": ["bad"]}, "follow_up_seriousness_is_known"),
    ],
)
def test_the_database_refuses_an_impossible_report(event, facts, name):
    assert name in refused(lambda: report(event, 1, "2024-04-01", **facts))


def test_an_event_is_asked_about_once_at_a_visit(event):
    visit = make_visit(patient=event.patient, visited_on=date(2024, 3, 29))
    report(event, 1, "2024-03-29", still_ongoing=True, visit=visit)

    assert "event_is_asked_once_at_a_visit" in refused(
        lambda: report(event, 2, "2024-03-29", still_ongoing=True, visit=visit)
    )


def test_a_label_is_of_a_licats_event_only(event, officer):
    assert User.objects.filter(pk=officer.pk).exists()
    assert "is for events of the category licats" in refused(
        lambda: LicatsAdjudication.objects.create(
            event=event,
            patient=event.patient,
            number=1,
            label="flare",
            reason="new organ",
            entered_by=officer,
            entered_at=NIGHT,
            origin="form",
        )
    )
