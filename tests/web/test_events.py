"""Adverse events by form: first reports with partial dates, follow-ups in a chain, refusals in words."""

import re
from datetime import date
from uuid import uuid4

import pytest
from django.utils.html import escape

from registry.models import AdverseEvent, WaitingEvaluation


def address(patient):
    return f"/patients/{patient.public_id}/events/"


def event_data(**typed):
    return {
        "submission": str(uuid4()),
        "term": "Cutaneous T-cell lymphoma",
        "category": "malignancy",
        "started_on_month": "may",
        "started_on_year": "2024",
        "serious": "yes",
        "seriousness": ["important", "hospitalisation"],
        "grade": "3",
        "grade_scale": "CTCAE-5",
        "relatedness": "possible",
        "outcome": "not recovered",
        "code_system": "ICD-10",
        "code": "C84.0",
        "narrative": "Biopsy of the left arm.",
        "aware_on_day": "3",
        "aware_on_month": "6",
        "aware_on_year": "2024",
        **typed,
    }


@pytest.fixture
def person(as_user, coordinator, scene):
    return as_user(coordinator)


def new_events(patient):
    return AdverseEvent.objects.filter(patient=patient).exclude(category="crs")


def test_an_event_that_a_visit_named_is_told_at_that_visit(person, scene):
    """It is signed with the visit; an address that names no visit is of none."""
    for query in ("?after=D28&day_zero=2024-03-01", "?after=M12", ""):
        page = person.get(f"{address(scene.patient)}{query}").content.decode()
        action = re.search(r'data-draft="[^"]*" action="([^"]*)"', page)[1].replace("&amp;", "&")
        assert person.post(action, event_data()).status_code == 302

    told = new_events(scene.patient).order_by("pk").values_list("visit__code", flat=True)
    assert list(told) == ["D28", None, None]


def test_an_event_is_kept_as_reported_with_its_partial_date(person, coordinator, scene):
    WaitingEvaluation.objects.all().delete()

    answer = person.post(address(scene.patient), event_data())

    assert answer.status_code == 302
    event = new_events(scene.patient).get()
    assert (event.term, event.started_on, event.ended_on) == ("Cutaneous T-cell lymphoma", "2024-05", "")
    assert (event.grade, event.grade_scale, event.code_system, event.code) == (
        3,
        "CTCAE-5",
        "ICD-10",
        "C84.0",
    )
    assert (event.serious, event.seriousness) == (True, ["important", "hospitalisation"])
    assert (event.aware_on, event.entered_by, event.origin) == (date(2024, 6, 3), coordinator, "form")
    assert scene.patient.code not in event.event_id
    assert WaitingEvaluation.objects.filter(patient=scene.patient).exists()
    page = person.get(address(scene.patient)).content.decode()
    assert "May 2024" in page
    assert "Cutaneous T-cell lymphoma" in page


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ({"started_on_day": "4"}, "2024-05-04"),
        ({"started_on_day": "unk"}, "2024-05"),
        ({"started_on_month": "", "started_on_year": "2024"}, "2024"),
        ({"started_on_month": "", "started_on_year": ""}, ""),
    ],
)
def test_a_date_is_kept_as_precisely_as_it_is_known(person, scene, typed, kept):
    assert person.post(address(scene.patient), event_data(**typed)).status_code == 302

    assert new_events(scene.patient).get().started_on == kept


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"term": " "}, "The field term is empty."),
        ({"term": "x" * 501}, "The text has 501 characters. Write at most 500."),
        ({"term": "a\x00b"}, "Null characters are not allowed."),
        ({"started_on_day": "31", "started_on_month": "june"}, "31 june 2024 is not a day of the calendar."),
        ({"started_on_month": "", "started_on_day": "3"}, "has a day and no month"),
        ({"started_on_month": "oct"}, "lies in the future"),
        ({"started_on_year": "1980"}, "is before birth in 1985"),
        ({"ended_on_year": "2023"}, "before it began in 2024-05"),
        ({"category": "plague"}, "is not one of the available choices"),
        ({"code": "84.C"}, "84.C is no ICD-10 code."),
        ({"code": ""}, "has no code"),
        ({"code_system": "SNOMED"}, "is not one of the available choices"),
        ({"grade": "6"}, "is not one of the available choices"),
        ({"grade_scale": "CTCAE-4"}, "is not one of the available choices"),
        ({"serious": "no"}, "The event is not marked serious and meets"),
        ({"aware_on_day": ""}, "is not complete."),
        ({"aware_on_month": "3"}, "The site was aware of the event before it began."),
        ({"narrative": "x" * 20_001}, "The text has 20001 characters."),
    ],
)
def test_the_impossible_is_refused_and_everything_typed_comes_back(person, scene, typed, words):
    answer = person.post(address(scene.patient), event_data(**typed))

    page = answer.content.decode()
    assert answer.status_code == 422
    assert escape(words) in page
    assert "<title>Error: Adverse events" in page
    assert "Biopsy of the left arm." in page or "narrative" in typed
    assert not new_events(scene.patient).exists()


def test_an_event_that_began_after_death_is_refused(person, scene):
    answer = person.post(
        address(scene.dead), event_data(started_on_month="8", started_on_day="2", aware_on_month="8")
    )

    assert answer.status_code == 422
    assert "is after death on 1 Aug 2024." in answer.content.decode()


def test_an_event_form_sent_twice_is_one_event(person, scene):
    data = event_data()

    assert [person.post(address(scene.patient), data).status_code for _ in range(2)] == [302, 302]
    assert new_events(scene.patient).count() == 1


def test_a_saved_event_changed_and_sent_again_is_not_lost_in_silence(person, scene):
    data = event_data()
    person.post(address(scene.patient), data)

    again = person.post(address(scene.patient), {**data, "term": "Basal-cell carcinoma"})

    assert again.status_code == 409
    assert "What was changed since is not stored" in again.content.decode()
    assert new_events(scene.patient).get().term == "Cutaneous T-cell lymphoma"


@pytest.fixture
def event(scene):
    return AdverseEvent.objects.get(patient=scene.patient)


def report_data(**typed):
    return {
        "number": "1",
        "reported_on_day": "1",
        "reported_on_month": "4",
        "reported_on_year": "2024",
        "outcome": "recovered",
        **typed,
    }


def follow_up_of(event):
    return f"{address(event.patient)}{event.pk}/follow-up/"


def test_a_follow_up_report_is_added_and_the_first_report_stays(person, event):
    answer = person.post(follow_up_of(event), report_data(narrative="Afebrile since 20 March."))

    assert answer.status_code == 302
    report = event.follow_ups.get()
    assert (report.number, report.outcome, report.reported_on) == (1, "recovered", date(2024, 4, 1))
    event.refresh_from_db()
    assert event.outcome == ""
    assert "Afebrile since 20 March." in person.get(address(event.patient)).content.decode()


def test_a_follow_up_report_sent_twice_is_one_report(person, event):
    for _ in range(2):
        assert person.post(follow_up_of(event), report_data()).status_code == 302

    assert event.follow_ups.count() == 1


def test_two_different_reports_with_the_same_number_are_both_kept(person, event):
    person.post(follow_up_of(event), report_data())
    person.post(follow_up_of(event), report_data(outcome="recovered with sequelae"))

    assert [report.outcome for report in event.follow_ups.order_by("number")] == [
        "recovered",
        "recovered with sequelae",
    ]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"outcome": ""}, "The report says nothing new."),
        ({"reported_on_year": "2025"}, "lies in the future"),
        ({"reported_on_month": "2"}, "The report is dated before the event began."),
        (
            {"reported_on_day": "", "reported_on_month": "", "reported_on_year": ""},
            "Give the date of this report.",
        ),
        ({"code": "C84.0"}, "has no code system"),
    ],
)
def test_an_impossible_report_is_refused(person, event, typed, words):
    answer = person.post(follow_up_of(event), report_data(**typed))

    assert answer.status_code == 422
    assert escape(words) in answer.content.decode()
    assert not event.follow_ups.exists()


def test_another_site_can_neither_read_nor_report(as_user, other_site, event):
    person = as_user(other_site)

    assert person.get(address(event.patient)).status_code == 404
    assert person.post(address(event.patient), event_data()).status_code == 404
    assert person.post(follow_up_of(event), report_data()).status_code == 404


def test_an_event_of_another_patient_is_not_found_under_this_one(person, scene, event):
    assert person.get(f"{address(scene.low)}{event.pk}/follow-up/").status_code == 404


@pytest.mark.parametrize("actor", ["officer", "lead", "manager"])
def test_those_who_only_read_see_events_and_may_not_report(request, as_user, actor, event):
    person = as_user(request.getfixturevalue(actor))

    page = person.get(address(event.patient))
    assert page.status_code == 200
    assert "Save event" not in page.content.decode()
    assert person.post(address(event.patient), event_data()).status_code == 403
    assert person.post(follow_up_of(event), report_data()).status_code == 403


def test_after_a_withdrawal_the_page_says_which_events_can_still_be_recorded(as_user, coordinator, scene):
    scene.patient.follow_up_ended_on = date(2024, 8, 1)
    scene.patient.follow_up_end_reason = "withdrawal"
    scene.patient.save(update_fields=["follow_up_ended_on", "follow_up_end_reason"])

    page = as_user(coordinator).get(f"/patients/{scene.patient.public_id}/events/").content.decode()

    assert "Consent to follow-up was withdrawn on day 153, 1 Aug 2024. An event that began by then" in page


def test_a_follow_up_asks_in_the_order_of_the_first_report(as_user, coordinator, scene):
    person = as_user(coordinator)
    event = scene.patient.adverse_events.get()
    first = asked_in(person.get(f"/patients/{scene.patient.public_id}/events/"))
    follow_up = asked_in(person.get(f"/patients/{scene.patient.public_id}/events/{event.pk}/follow-up/"))

    both = [name for name in first if name in follow_up]

    assert [name for name in follow_up if name in first] == both
    assert {"term", "outcome", "grade", "relatedness", "code", "narrative"} <= set(both)


def asked_in(answer):
    """The names of a page's fields, each once, in their order."""
    return list(
        dict.fromkeys(re.findall(r'<(?:input|select|textarea)[^>]* name="([\w-]+)"', answer.content.decode()))
    )
