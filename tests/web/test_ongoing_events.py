"""At a visit each event that goes on is asked about one by one; nothing is carried over in silence."""

from datetime import date

import pytest
from django.utils.html import escape

from registry.models import AdverseEvent, AdverseEventFollowUp, CrsDetails, Visit, VisitNewEvents
from registry.queries.event_chain import chain_of
from tests import factories
from tests.web.scene import visit_data


@pytest.fixture
def person(as_user, coordinator, scene):
    return as_user(coordinator)


@pytest.fixture
def event(scene):
    return factories.make_event(
        patient=scene.patient,
        term="Herpes zoster",
        category="infection",
        grade=2,
        grade_scale="CTCAE-5",
        started_on="2024-07-10",
    )


def address(patient, code="M6"):
    return f"/patients/{patient.public_id}/visits/{code}/"


def reports(event):
    return list(AdverseEventFollowUp.objects.filter(event=event).order_by("number"))


def test_an_event_not_asked_about_holds_the_visit_up(person, scene, event):
    answer = person.post(address(scene.patient), visit_data())

    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Herpes zoster: Say whether it still goes on." in page
    assert f'href="#id_ongoing-{event.pk}-state_0"' in page
    assert not Visit.objects.filter(patient=scene.patient, code="M6").exists()


def test_one_that_goes_on_is_a_report_dated_at_the_visit(person, coordinator, scene, event):
    typed = {f"ongoing-{event.pk}-state": "yes", f"ongoing-{event.pk}-grade": "1"}

    assert person.post(address(scene.patient), visit_data(**typed)).status_code == 302

    [report] = reports(event)
    assert (report.reported_on, report.still_ongoing, report.ended_on) == (date(2024, 8, 30), True, "")
    assert (report.grade, report.grade_scale, report.entered_by) == (1, "CTCAE-5", coordinator)
    assert report.visit == Visit.objects.get(patient=scene.patient, code="M6")
    assert chain_of(event=event).now.grade == 1


def test_one_that_is_over_is_a_report_with_its_end_and_outcome(person, scene, event):
    typed = {
        f"ongoing-{event.pk}-state": "no",
        f"ongoing-{event.pk}-ended_on_month": "aug",
        f"ongoing-{event.pk}-ended_on_year": "2024",
        f"ongoing-{event.pk}-outcome": "recovered",
    }

    person.post(address(scene.patient), visit_data(**typed))

    [report] = reports(event)
    assert (report.still_ongoing, report.ended_on, report.outcome) == (False, "2024-08", "recovered")
    assert not chain_of(event=event).now.is_ongoing


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"state": "no"}, "Give the end: month and year, or the year alone, are enough."),
        ({"state": "no", "ended_on_year": "24"}, "has no year of four digits"),
        ({"state": "no", "ended_on_year": "2023"}, "before it began"),
        (
            {"state": "no", "ended_on_day": "31", "ended_on_month": "8", "ended_on_year": "2024"},
            "The event ended after the date of this report.",
        ),
        ({"state": "no", "ended_on_year": "2024", "outcome": "fatal"}, "Choose one of the answers."),
        ({"state": "yes", "grade": "5"}, "Choose one of the answers."),
        ({"state": "perhaps"}, "Choose one of the answers."),
    ],
)
def test_an_impossible_answer_is_refused_and_comes_back(person, scene, event, typed, words):
    data = {f"ongoing-{event.pk}-{name}": value for name, value in typed.items()}

    answer = person.post(address(scene.patient), visit_data(**data))

    assert answer.status_code == 422
    assert escape(words) in answer.content.decode()
    assert not reports(event)


def test_a_visit_that_was_not_done_asks_nobody(person, scene, event):
    data = visit_data(
        status="missed",
        missed_why="Another reason",
        missed_reason="moved away",
        visited_on_day="",
        visited_on_month="",
        visited_on_year="",
        new_malignancy="",
    )

    assert person.post(address(scene.patient), data).status_code == 302
    assert not reports(event)


def test_an_event_that_began_after_the_visit_is_not_asked_about(person, scene):
    later = factories.make_event(patient=scene.patient, started_on="2024-08-31")

    assert person.post(address(scene.patient), visit_data()).status_code == 302
    assert not reports(later)


def test_an_event_that_has_ended_is_not_asked_about(person, scene):
    page = person.get(address(scene.patient)).content.decode()

    assert "No event is going on." in page
    assert "still ongoing?" not in page


def test_an_answer_about_an_event_that_another_ended_meanwhile_is_not_lost(person, scene, event):
    typed = {f"ongoing-{event.pk}-state": "yes"}
    AdverseEventFollowUp.objects.create(
        event=event,
        patient=scene.patient,
        number=1,
        reported_on=date(2024, 8, 20),
        still_ongoing=False,
        ended_on="2024-08-15",
        entered_at=factories.NIGHT,
        origin="form",
    )

    person.post(address(scene.patient), visit_data(**typed))

    assert [report.still_ongoing for report in reports(event)] == [False, True]


def test_a_visit_sent_twice_asks_once(person, scene, event):
    data = visit_data(**{f"ongoing-{event.pk}-state": "yes"})

    for _ in range(2):
        assert person.post(address(scene.patient), data).status_code == 302

    assert len(reports(event)) == 1


def test_a_recorded_visit_shows_what_it_asked_and_asks_no_more(person, scene, event):
    person.post(address(scene.patient), visit_data(**{f"ongoing-{event.pk}-state": "yes"}))

    page = person.get(address(scene.patient)).content.decode()

    assert "asked at this visit, goes on" in page
    assert f"ongoing-{event.pk}-state" not in page


def test_a_change_of_an_older_visit_need_not_answer(person, scene, event):
    visit = Visit.objects.get(patient=scene.patient, code="M3")
    typed = {
        "visited_on_day": "3",
        "visited_on_month": "6",
        "version": str(visit.version),
        "reason": "misread",
    }

    assert person.post(address(scene.patient, "M3"), visit_data(**typed)).status_code == 302
    assert not reports(event)


def test_new_events_are_asked_about_and_yes_opens_the_form(person, scene):
    answer = person.post(address(scene.patient), visit_data(**{"ongoing-new": "yes"}))

    assert answer.status_code == 302
    assert answer.url.startswith(f"/patients/{scene.patient.public_id}/events/?after=M6")
    assert VisitNewEvents.objects.get().has_new_events is True
    page = person.get(answer.url).content.decode()
    assert "You said at visit M6 that there is a new event." in page
    assert f"{address(scene.patient)}saved/?day_zero=2024-03-01" in page


def test_no_new_events_goes_on_to_the_confirmation(person, scene):
    answer = person.post(address(scene.patient), visit_data(**{"ongoing-new": "no"}))

    assert "/visits/M6/saved/" in answer.url
    assert VisitNewEvents.objects.get().has_new_events is False


@pytest.mark.parametrize("after", ["M6", "../../x", "%00", "a" * 90])
def test_whatever_address_says_where_somebody_came_from(person, scene, after):
    answer = person.get(f"/patients/{scene.patient.public_id}/events/", {"after": after, "day_zero": "x"})

    assert answer.status_code == 200


@pytest.mark.parametrize(("grade", "is_taken"), [("1", True), ("2", True), ("3", False)])
def test_a_grade_above_the_computed_one_is_sent_to_a_report_with_room_for_the_reason(
    person, scene, event, grade, is_taken
):
    """The answers are of the worst there was: a lower grade is its course."""
    AdverseEvent.objects.filter(pk=event.pk).update(category="crs", grade=2, grade_scale="ASTCT")
    CrsDetails.objects.create(
        event=event,
        patient=scene.patient,
        number=0,
        has_fever=True,
        hypotension="no_vasopressor",
        hypoxia="none",
        computed_grade=2,
        entered_at=factories.NIGHT,
        origin="form",
    )
    typed = {f"ongoing-{event.pk}-state": "yes", f"ongoing-{event.pk}-grade": grade}

    answer = person.post(address(scene.patient), visit_data(**typed))

    assert answer.status_code == (302 if is_taken else 422)
    if not is_taken:
        page = answer.content.decode()
        assert "The answers compute grade 2, and grade 3 is given. Leave it unchanged here" in page
        assert f'href="#id_ongoing-{event.pk}-grade"' in page


def test_the_recorded_visit_says_of_which_event_it_was_told_that_it_goes_on(person, scene, event):
    person.post(
        address(scene.patient),
        {**visit_data(), f"ongoing-{event.pk}-state": "yes", "ongoing-new": "no"},
    )

    page = person.get(address(scene.patient) + "record/").content.decode()

    part = page[page.index("How events went on") :]
    assert "Herpes zoster" in part
    assert "Whether there were new events" in part
    assert "eventss" not in page
