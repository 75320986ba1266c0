"""A first report is corrected in place, with a reason; every rule, page and file sees what it says now."""

from dataclasses import replace
from datetime import date

import pytest
from django.db import connection

from registry.access.roles import NotAllowed
from registry.actions.adverse_events import record_follow_up
from registry.actions.evaluations import judge_waiting
from registry.actions.event_corrections import CorrectedMeanwhile, as_read, correct_first_report
from registry.actions.event_entries import EventEntry, FollowUpEntry
from registry.actions.locks import RecordLocked
from registry.actions.refused import RecordRefused
from registry.actions.signatures import sign
from registry.clinical.partial_dates import PartialDate
from registry.models import AdverseEvent, Alert, AuditEvent, WaitingEvaluation
from registry.queries.event_chain import chain_of, event_of
from registry.queries.event_page import corrections_of
from registry.queries.signatures import canonical
from tests import factories
from tests.factories import NIGHT

TODAY = date(2024, 9, 1)
ENTRY = EventEntry(
    term="Melanoma",
    category="malignancy",
    started_on=PartialDate.parse("2024-05"),
    aware_on=date(2024, 6, 3),
    grade=3,
    grade_scale="CTCAE-5",
)


@pytest.fixture
def event(patient):
    return factories.make_event(
        patient=patient,
        term="Melanoma",
        category="malignancy",
        started_on="2024-05",
        aware_on=date(2024, 6, 3),
        grade=3,
        grade_scale="CTCAE-5",
    )


def corrected(event, by, *, reason="misread in the letter", read=None, **changes):
    event = event_of(patient=event.patient, event_id=event.pk)
    return correct_first_report(
        event=event,
        read=read or as_read(event=event),
        entry=replace(ENTRY, **changes),
        reason=reason,
        by=by,
        at=NIGHT,
        today=TODAY,
    )


def partial(text):
    return PartialDate.parse(text)


@pytest.mark.parametrize(
    ("change", "column", "says"),
    [
        ({"started_on": partial("2024-04-12")}, "started_on", "2024-04-12"),
        ({"started_on": None}, "started_on", ""),
        ({"ended_on": partial("2024-07")}, "ended_on", "2024-07"),
        ({"term": "Naevus"}, "term", "Naevus"),
        ({"category": "other"}, "category", "other"),
        ({"outcome": "recovered"}, "outcome", "recovered"),
        ({"grade": 2}, "grade", 2),
        ({"serious": True, "seriousness": ("important",)}, "seriousness", ["important"]),
        ({"relatedness": "possible"}, "relatedness", "possible"),
        ({"aware_on": date(2024, 6, 5)}, "aware_on", date(2024, 6, 5)),
    ],
)
def test_every_fact_of_a_first_report_can_be_corrected(event, coordinator, change, column, says):
    WaitingEvaluation.objects.all().delete()

    corrected(event, coordinator, **change)

    event.refresh_from_db()
    assert getattr(event, column) == says
    assert WaitingEvaluation.objects.filter(patient=event.patient).exists()


def test_the_trail_keeps_what_it_said_and_why_it_was_wrong(event, coordinator):
    with_actor = AuditEvent.objects.filter(tbl="registry_adverseevent", op="U")

    corrected(event, coordinator, started_on=partial("2024-04-12"))

    (correction,) = corrections_of(event=event)
    assert (correction.old, correction.new) == ({"started_on": "2024-05"}, {"started_on": "2024-04-12"})
    assert correction.reason == with_actor.get().reason == "misread in the letter"


def test_a_later_report_still_says_what_it_said(event, coordinator):
    report = FollowUpEntry(reported_on=date(2024, 7, 1), term="Melanoma in situ")
    record_follow_up(event=event, entry=report, number=1, by=coordinator, at=NIGHT, today=TODAY)

    corrected(event, coordinator, term="Naevus", started_on=partial("2024-04-12"))

    chain = chain_of(event=event_of(patient=event.patient, event_id=event.pk))
    assert (chain.term, chain.started_on) == ("Melanoma in situ", "2024-04-12")


def test_the_rules_judge_the_corrected_onset(event, coordinator):
    """Day 0 is 1 March 2024: an event that began before it is no second malignancy."""
    judge_waiting(at=NIGHT)
    assert Alert.objects.get(rule="secondary_malignancy").state == "open"

    corrected(event, coordinator, started_on=partial("2024-02-10"), kept_because="known before")
    judge_waiting(at=NIGHT)

    assert Alert.objects.get(rule="secondary_malignancy").state == "withdrawn"


def test_a_new_code_leaves_no_words_of_the_old_one(event, coordinator):
    AdverseEvent.objects.filter(pk=event.pk).update(
        code_system="ICD-10", code="C43.9", coded_term="Malignant melanoma", body_system="Neoplasms"
    )

    corrected(event, coordinator, code_system="ICD-10", code="D22.9")

    event.refresh_from_db()
    assert (event.code, event.coded_term, event.body_system) == ("D22.9", "", "")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, ""),
        ({"term": ""}, "term"),
        ({"started_on": partial("2024-07-02")}, "started_on"),
        ({"started_on": partial("2025")}, "started_on"),
        ({"ended_on": partial("2024-04")}, "ended_on"),
        ({"grade": 9}, "grade"),
        ({"reason": " ", "term": "Naevus"}, "reason"),
        ({"reason": "x" * 501, "term": "Naevus"}, "reason"),
        ({"grade": 5}, "grade"),
    ],
    ids=[
        "nothing",
        "no term",
        "an onset after a report",
        "an onset in the future",
        "an end before the onset",
        "no such grade",
        "no reason",
        "too long a reason",
        "an unlikely grade, unasked",
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(event, coordinator, change, field):
    report = FollowUpEntry(reported_on=date(2024, 7, 1), narrative="stable")
    record_follow_up(event=event, entry=report, number=1, by=coordinator, at=NIGHT, today=TODAY)

    with pytest.raises(RecordRefused) as refusal:
        corrected(event, coordinator, **change)

    assert field in {problem.field for problem in refusal.value.problems}
    assert corrections_of(event=event) == ()


@pytest.mark.parametrize(
    ("onset", "is_refused"), [("2024-06-30", False), ("2024-07-01", False), ("2024-07-02", True)]
)
def test_an_onset_is_not_after_the_first_follow_up(event, coordinator, onset, is_refused):
    report = FollowUpEntry(reported_on=date(2024, 7, 1), narrative="stable")
    record_follow_up(event=event, entry=report, number=1, by=coordinator, at=NIGHT, today=TODAY)
    change = {"started_on": partial(onset), "aware_on": date(2024, 7, 5)}

    if is_refused:
        with pytest.raises(RecordRefused):
            corrected(event, coordinator, **change)
    else:
        assert corrected(event, coordinator, **change).started_on == onset


def test_an_onset_is_not_after_the_end_that_a_follow_up_told(event, coordinator):
    report = FollowUpEntry(reported_on=date(2024, 8, 1), ended_on=partial("2024-06-10"))
    record_follow_up(event=event, entry=report, number=1, by=coordinator, at=NIGHT, today=TODAY)

    with pytest.raises(RecordRefused, match="started_on"):
        corrected(event, coordinator, started_on=partial("2024-06-11"), aware_on=date(2024, 6, 12))


def test_an_onset_is_not_after_a_follow_up_that_came_while_it_was_typed(event, coordinator):
    opened = event_of(patient=event.patient, event_id=event.pk)
    report = FollowUpEntry(reported_on=date(2024, 7, 1), narrative="stable")
    record_follow_up(event=event, entry=report, number=1, by=coordinator, at=NIGHT, today=TODAY)

    with pytest.raises(RecordRefused, match="started_on"):
        correct_first_report(
            event=opened,
            read=as_read(event=opened),
            entry=replace(ENTRY, started_on=partial("2024-07-02"), aware_on=date(2024, 7, 5)),
            reason="misread",
            by=coordinator,
            at=NIGHT,
            today=TODAY,
        )


def test_the_lines_of_a_narrative_are_no_correction(event, coordinator):
    """A file ends them as a browser does not."""
    AdverseEvent.objects.filter(pk=event.pk).update(narrative="Seen in May.\nBiopsy in June.")

    corrected(event, coordinator, term="Naevus", narrative="Seen in May.\r\nBiopsy in June.")

    assert corrections_of(event=event)[-1].new == {"term": "Naevus"}


def test_the_same_correction_sent_twice_is_one(event, coordinator):
    read = as_read(event=event)

    for _ in range(2):
        corrected(event, coordinator, term="Naevus", read=read)

    assert len(corrections_of(event=event)) == 1


def test_of_two_people_the_second_is_told(event, coordinator, investigator):
    read = as_read(event=event)
    corrected(event, coordinator, term="Naevus", read=read)

    with pytest.raises(CorrectedMeanwhile):
        corrected(event, investigator, term="Lentigo", read=read)

    event.refresh_from_db()
    assert event.term == "Naevus"


def test_an_import_between_reading_and_saving_is_told_too(event, coordinator):
    read = as_read(event=event)
    AdverseEvent.objects.filter(pk=event.pk).update(outcome="recovered")

    with pytest.raises(CorrectedMeanwhile):
        corrected(event, coordinator, term="Naevus", read=read)


def test_a_locked_record_takes_no_correction(event, coordinator):
    factories.make_lock(patient=event.patient)

    with pytest.raises(RecordLocked):
        corrected(event, coordinator, term="Naevus")


def test_only_who_enters_corrects(event, officer, other_site):
    for person in (officer, other_site):
        with pytest.raises(NotAllowed):
            corrected(event, person, term="Naevus")


def test_a_correction_of_words_goes_on_after_consent_was_taken_back(event, coordinator, study):
    factories.make_consent(patient=event.patient, version=factories.make_consent_version(study=study))
    factories.make_withdrawal(patient=event.patient, withdrawn_on=date(2024, 4, 1), scopes=("follow_up",))

    assert corrected(event, coordinator, term="Naevus").term == "Naevus"
    with pytest.raises(RecordRefused, match="started_on"):
        corrected(event, coordinator, term="Naevus", started_on=partial("2024-05-20"))


def test_a_correction_voids_the_signature_of_the_record(event, coordinator, investigator):
    patient = event.patient
    stands = canonical(patient=patient, visit=None)
    signature = sign(patient=patient, visit=None, sha256=stands.sha256, by=investigator, at=NIGHT)

    corrected(event, coordinator, term="Naevus")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    signature.refresh_from_db()
    assert signature.voided_reason == "misread in the letter"
