"""The facts of a category are corrected with the first report: in place, with a reason, seen by everybody."""

from dataclasses import fields, replace
from datetime import date
from uuid import uuid4

import pytest
from django.db import connection

from registry.access.scope import because
from registry.actions.adverse_events import record_event, record_follow_up
from registry.actions.evaluations import judge_waiting
from registry.actions.event_corrections import CorrectedMeanwhile, as_read, correct_first_report
from registry.actions.event_entries import EventEntry, FollowUpEntry
from registry.actions.refused import RecordRefused
from registry.actions.signatures import sign
from registry.clinical.event_facts import CrsFacts, IcansFacts, InfectionFacts, LicatsFacts, MalignancyFacts
from registry.clinical.partial_dates import PartialDate
from registry.models import AdverseEvent, Alert, CrsDetails, InfectionDetails
from registry.queries.event_chain import event_of, first_facts, standing_facts
from registry.queries.event_page import corrections_of
from registry.queries.signatures import canonical
from registry.queries.sponsor_data import changed_since
from tests import factories
from tests.factories import NIGHT

TODAY = date(2024, 9, 1)
LATER = NIGHT.replace(year=NIGHT.year + 1)
FACTS = {
    "crs": CrsFacts(
        has_fever=True, is_fever_explained=False, hypotension="one_vasopressor", hypoxia="low_flow"
    ),
    "icans": IcansFacts(
        ice_points=("year", "month"),
        ice_total=2,
        consciousness="awake",
        seizure="none",
        motor="none",
        oedema="none",
    ),
    "infection": InfectionFacts(site="lung", documented="clinical", treatment="oral"),
    "licats": LicatsFacts(organ="skin", finding="A rash with its place."),
    "malignancy": MalignancyFacts(diagnosed_on="2024-05", morphology="8140/3", topography="C50.9"),
}


def entry_of(category, **told):
    return EventEntry(
        **{
            "term": "As it was called",
            "category": category,
            "started_on": PartialDate.parse("2024-05-04"),
            "aware_on": date(2024, 6, 3),
            "facts": FACTS[category],
            **told,
        }
    )


def recorded(patient, by, category, **told):
    return record_event(
        patient=patient,
        entry=entry_of(category, **told),
        submission=uuid4(),
        by=by,
        at=NIGHT,
        today=TODAY,
    )


def as_it_stands(event, **changes):
    """The entry that says what is recorded, but for the changes."""
    current = AdverseEvent.objects.get(pk=event.pk)
    names = {field.name for field in fields(EventEntry)} - {"facts", "started_on", "ended_on", "seriousness"}
    return EventEntry(
        **{
            **{name: getattr(current, name) for name in names},
            "started_on": PartialDate.parse(current.started_on),
            "facts": first_facts(event=current, category=current.category),
            **changes,
        }
    )


def corrected(event, by, *, reason="misread in the letter", read=None, at=LATER, **changes):
    event = event_of(patient=event.patient, event_id=event.pk)
    return correct_first_report(
        event=event,
        read=read or as_read(event=event),
        entry=as_it_stands(event, **changes),
        reason=reason,
        by=by,
        at=at,
        today=TODAY,
    )


def problems(make):
    with pytest.raises(RecordRefused) as refusal:
        make()
    return {problem.field: problem.for_people for problem in refusal.value.problems}


CHANGES = [
    ("crs", {"steroids_given": True}),
    ("icans", {"ice_points": (), "ice_total": 0}),
    ("infection", {"organism": "E. coli, urine", "site": "urinary", "treatment": "intravenous"}),
    ("licats", {"organ": "kidney", "investigator_label": "flare"}),
    ("malignancy", {"topography": "C77.0", "transgene_test": "pending"}),
]


@pytest.mark.parametrize(("category", "change"), CHANGES, ids=[category for category, _ in CHANGES])
def test_the_facts_of_each_category_are_corrected_in_place(patient, coordinator, category, change):
    event = recorded(patient, coordinator, category)
    facts = replace(FACTS[category], **change)

    corrected(event, coordinator, facts=facts)

    assert standing_facts(event=event_of(patient=patient, event_id=event.pk)) == facts
    (correction,) = corrections_of(event=event)
    assert correction.reason == "misread in the letter"
    assert set(change) <= set(correction.facts[0]["new"])
    assert {name: correction.facts[0]["old"][name] for name in change} == {
        name: list(old) if isinstance(old := getattr(FACTS[category], name), tuple) else old
        for name in change
    }


def test_answers_that_were_never_given_are_added_by_a_correction(patient, coordinator):
    event = recorded(patient, coordinator, "infection", facts=None)

    corrected(event, coordinator, facts=FACTS["infection"])

    assert InfectionDetails.objects.get(event=event, number=0).site == "lung"
    (correction,) = corrections_of(event=event)
    assert correction.facts[0]["new"]["site"] == "lung"


def test_what_a_first_report_told_from_the_beginning_is_no_correction(patient, coordinator):
    assert corrections_of(event=recorded(patient, coordinator, "infection")) == ()


def test_answers_given_to_the_wrong_event_are_emptied(patient, coordinator):
    event = recorded(patient, coordinator, "infection")

    corrected(event, coordinator, facts=None)

    assert standing_facts(event=event_of(patient=patient, event_id=event.pk)).is_empty


def test_another_category_brings_its_own_answers_in_the_same_correction(patient, coordinator):
    event = recorded(patient, coordinator, "infection")

    corrected(event, coordinator, category="crs", facts=FACTS["crs"])

    event.refresh_from_db()
    assert (event.category, event.grade, event.grade_scale) == ("crs", 3, "ASTCT")
    assert CrsDetails.objects.get(event=event).computed_grade == 3
    corrected(
        event, coordinator, category="infection", facts=replace(FACTS["infection"], site="gut"), grade=None
    )
    assert InfectionDetails.objects.get(event=event).site == "gut"


def test_what_a_follow_up_told_stands_whatever_is_corrected_of_the_first_report(patient, coordinator):
    event = recorded(patient, coordinator, "infection")
    later = replace(FACTS["infection"], organism="E. coli, urine")
    record_follow_up(
        event=event_of(patient=patient, event_id=event.pk),
        entry=FollowUpEntry(reported_on=date(2024, 7, 1), facts=later),
        number=1,
        by=coordinator,
        at=NIGHT,
        today=TODAY,
    )

    corrected(event, coordinator, facts=replace(FACTS["infection"], site="gut"))

    found = event_of(patient=patient, event_id=event.pk)
    assert standing_facts(event=found) == later
    assert first_facts(event=found, category="infection").site == "gut"


def test_a_corrected_morphology_is_asked_about_until_the_code_says_the_same_and_rules_see_it(
    patient, coordinator
):
    event = recorded(patient, coordinator, "malignancy")
    judge_waiting(at=NIGHT)
    assert "8140/3" in str(Alert.objects.get(rule="secondary_malignancy").evidence)
    facts = replace(FACTS["malignancy"], morphology="9702/3")

    assert (
        "The morphology is 9702/3 and the code is 8140/3."
        in problems(lambda: corrected(event, coordinator, facts=facts))["code"]
    )
    corrected(event, coordinator, facts=facts, code="", code_system="")

    event.refresh_from_db()
    assert (event.code_system, event.code) == ("ICD-O-3", "9702/3")
    judge_waiting(at=LATER)
    assert "9702/3" in str(Alert.objects.get(rule="secondary_malignancy").evidence)


# --- grades ---------------------------------------------------------------------------------------

WORSE = replace(FACTS["crs"], hypoxia="positive_pressure")


def test_corrected_answers_ask_for_the_grade_that_they_compute_or_why_it_is_another(patient, coordinator):
    event = recorded(patient, coordinator, "crs")

    asked = problems(lambda: corrected(event, coordinator, facts=WORSE))
    assert asked["crs-grade_reason"].startswith("The answers compute grade 4, and grade 3 is given.")

    corrected(event, coordinator, facts=WORSE, grade=None)
    event.refresh_from_db()
    assert (event.grade, CrsDetails.objects.get(event=event).computed_grade) == (4, 4)


def test_a_corrected_grade_other_than_the_computed_one_has_a_reason(patient, coordinator):
    event = recorded(patient, coordinator, "crs")

    assert "crs-grade_reason" in problems(lambda: corrected(event, coordinator, grade=2))
    reasoned = replace(FACTS["crs"], grade_reason="The pressor ran for two minutes.")
    corrected(event, coordinator, grade=2, facts=reasoned)

    event.refresh_from_db()
    assert (event.grade, CrsDetails.objects.get(event=event).grade_reason) == (2, reasoned.grade_reason)
    assert [len(each.facts) for each in corrections_of(event=event)] == [1], "one act is one correction"


def test_a_reason_written_for_one_grade_is_none_for_another(patient, coordinator):
    reasoned = replace(FACTS["crs"], grade_reason="The pressor ran for two minutes.")
    event = recorded(patient, coordinator, "crs", grade=2, facts=reasoned)

    assert (
        "was written for another grade"
        in problems(lambda: corrected(event, coordinator, grade=1))["crs-grade_reason"]
    )
    assert "crs-grade_reason" in problems(
        lambda: corrected(event, coordinator, facts=replace(WORSE, grade_reason=reasoned.grade_reason))
    )
    corrected(event, coordinator, term="Fever and a pressor")
    corrected(event, coordinator, grade=1, facts=replace(reasoned, grade_reason="No pressor at all."))


def test_whoever_corrects_a_word_is_not_asked_about_a_grade_that_a_file_brought(patient, coordinator):
    event = recorded(patient, coordinator, "crs")
    AdverseEvent.objects.filter(pk=event.pk).update(grade=2)

    assert corrected(event, coordinator, term="Fever").term == "Fever"


FOLLOW_UPS = [
    ("lower, as it gets better", {"grade": 2}, False),
    ("the same", {"grade": 3}, False),
    ("higher than the worst that was answered", {"grade": 4}, True),
    ("higher, with the answers", {"grade": 4, "facts": WORSE}, False),
    ("higher, and why", {"grade": 4, "facts": replace(FACTS["crs"], grade_reason="Bilevel mask.")}, False),
    ("the answers of another grade", {"grade": 2, "facts": WORSE}, True),
]


@pytest.mark.parametrize(
    ("entry", "is_asked"), [row[1:] for row in FOLLOW_UPS], ids=[row[0] for row in FOLLOW_UPS]
)
def test_a_follow_up_that_gives_another_grade_than_the_computed_one_says_why(
    patient, coordinator, entry, is_asked
):
    event = recorded(patient, coordinator, "crs")

    def report():
        return record_follow_up(
            event=event_of(patient=patient, event_id=event.pk),
            entry=FollowUpEntry(reported_on=date(2024, 7, 1), **entry),
            number=1,
            by=coordinator,
            at=NIGHT,
            today=TODAY,
        )

    if is_asked:
        assert "crs-grade_reason" in problems(report)
    else:
        assert report().grade == entry["grade"]


# --- two people, signatures, those who follow changes ----------------------------------------------


def test_of_two_people_who_correct_the_answers_the_second_is_told(patient, coordinator, investigator):
    event = recorded(patient, coordinator, "infection")
    read = as_read(event=event)
    corrected(event, coordinator, facts=replace(FACTS["infection"], site="gut"), read=read)

    with pytest.raises(CorrectedMeanwhile):
        corrected(event, investigator, facts=replace(FACTS["infection"], site="skin"), read=read)
    with pytest.raises(CorrectedMeanwhile):
        corrected(event, investigator, term="Colitis", read=read)

    assert InfectionDetails.objects.get(event=event).site == "gut"


def test_the_same_correction_of_answers_sent_twice_is_one(patient, coordinator):
    event = recorded(patient, coordinator, "infection")
    read = as_read(event=event)

    for _ in range(2):
        corrected(event, coordinator, facts=replace(FACTS["infection"], site="gut"), read=read)

    assert len(corrections_of(event=event)) == 1


def test_corrected_answers_void_the_signature_of_the_visit_that_told_of_them(
    patient, coordinator, investigator
):
    visit = factories.make_visit(
        patient=patient, code="D28", visited_on=date(2024, 3, 29), contact_mode="phone"
    )
    event = record_event(
        patient=patient,
        entry=entry_of("infection"),
        submission=uuid4(),
        visit=visit,
        by=coordinator,
        at=NIGHT,
        today=TODAY,
    )
    stands = canonical(patient=patient, visit=visit)
    signature = sign(patient=patient, visit=visit, sha256=stands.sha256, by=investigator, at=NIGHT)

    corrected(event, coordinator, facts=replace(FACTS["infection"], site="gut"))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    signature.refresh_from_db()
    assert signature.voided_reason == "misread in the letter"


def test_who_follows_changes_of_events_sees_corrected_answers(patient, coordinator):
    event = recorded(patient, coordinator, "infection")
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (since,) = cursor.fetchone()
    assert not changed_since(AdverseEvent.objects.all(), since=since).exists()

    with because("misread"):
        InfectionDetails.objects.filter(event=event).update(site="gut")

    assert list(changed_since(AdverseEvent.objects.all(), since=since)) == [event]


def test_an_answer_that_was_unlikely_is_asked_again_when_the_correction_makes_another(patient, coordinator):
    event = recorded(
        patient,
        coordinator,
        "infection",
        started_on=PartialDate.parse("2024-02-20"),
        kept_because="It got worse after the infusion.",
    )

    asked = problems(lambda: corrected(event, coordinator, outcome="fatal"))

    assert set(asked) == {"grade", "seriousness"}
    assert corrected(event, coordinator, term="Pneumonia").term == "Pneumonia"
