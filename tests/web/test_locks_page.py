"""The page of locks: what may be locked, in words; what keeps a lock from being set, each with its link."""

import re
from datetime import date

import pytest

from registry.models import RecordLock, Visit
from tests import factories


@pytest.fixture
def desk(as_user, manager, scene):
    return as_user(manager)


def visit_of(patient, code="D28"):
    return Visit.objects.get(patient=patient, code=code)


TARGETS = {
    "visit": lambda patient: f"visit:{patient.public_id}:{visit_of(patient).pk}",
    "patient": lambda patient: f"patient:{patient.public_id}",
    "site": lambda patient: f"site:{patient.site_id}",
    "study": lambda patient: f"study:{patient.study_id}",
}


def ask_about(patient, *facts, **more):
    return [factories.make_question(patient=patient, fact=fact, **more) for fact in facts]


def obstacles_in(page):
    """The questions that the answer links to, and what it says of them."""
    part = page[page.index("To be settled before it is locked") :] if "To be settled" in page else ""
    part = part[: part.find("</section>")]
    return re.findall(r'href="/questions/([0-9a-f-]{36})/"', part), part


@pytest.mark.parametrize("level", TARGETS)
def test_a_refused_lock_links_to_each_question_in_its_way(desk, scene, level):
    first, second = ask_about(
        scene.patient, "visit:D28@2024-03-01:visited_on", "visit:D28@2024-03-01:comments", text="Which day?"
    )

    answer = desk.post("/locks/", {"target": TARGETS[level](scene.patient), "reason": "Cleaned"})

    page = answer.content.decode()
    linked, part = obstacles_in(page)
    assert (answer.status_code, RecordLock.objects.count()) == (422, 0)
    refused = "Not locked: 2 questions are still open about it. Settle them first."
    assert f'<a href="#obstacles-title">{refused}</a>' in page
    assert linked == [str(first.public_id), str(second.public_id)]
    assert "<strong>VIE-0001</strong> Visit D28, date of the visit" in part
    assert "Which day?" in part


def test_a_question_about_something_else_is_not_in_the_way_of_a_visit(desk, scene):
    (about_it,) = ask_about(scene.patient, "visit:D28@2024-03-01:visited_on")
    ask_about(scene.patient, "visit:M3@2024-03-01:visited_on", "patient:birth_year")
    ask_about(scene.low, "visit:D28@2024-03-01:visited_on")

    answer = desk.post("/locks/", {"target": TARGETS["visit"](scene.patient), "reason": "Cleaned"})

    assert obstacles_in(answer.content.decode())[0] == [str(about_it.public_id)]


def test_twenty_are_shown_and_the_list_has_them_all(desk, scene):
    ask_about(scene.patient, *(f"event:AE-{number}" for number in range(22)))

    page = desk.post("/locks/", {"target": TARGETS["patient"](scene.patient), "reason": "Done"})
    linked, part = obstacles_in(page.content.decode())

    assert len(linked) == 20
    assert "The 20 oldest of 22." in part
    assert 'href="/questions/?state=pending&amp;patient=VIE-0001"' in part


def test_a_lock_refused_for_another_reason_shows_no_questions(desk, scene):
    factories.make_lock(patient=scene.patient)

    answer = desk.post("/locks/", {"target": TARGETS["patient"](scene.patient), "reason": "Once more"})

    assert "It is locked already." in answer.content.decode()
    assert "To be settled" not in answer.content.decode()


def test_the_obstacles_of_twenty_questions_cost_as_much_as_those_of_one(
    desk, scene, django_assert_max_num_queries
):
    sent = {"target": TARGETS["site"](scene.patient), "reason": "Cleaned"}
    ask_about(scene.patient, "event:AE-1", "visit:D28@2024-03-01:visited_on")
    with django_assert_max_num_queries(45) as few:
        desk.post("/locks/", sent)
    ask_about(scene.low, *(f"event:AE-2{number}" for number in range(18)), "visit:M3@2024-03-01:comments")

    with django_assert_max_num_queries(len(few)):
        desk.post("/locks/", sent)


# --- words ------------------------------------------------------------------------------------


def test_what_may_be_locked_is_said_with_day_and_date(desk, scene):
    factories.make_visit(patient=scene.patient, code="UNS", visited_on=date(2024, 4, 3))
    factories.make_visit(
        patient=scene.patient, code="M6", status="missed", visited_on=None, missed_reason="Did not come"
    )

    page = desk.get(f"/locks/?target=patient:{scene.patient.public_id}").content.decode()

    assert "Patient VIE-0001, visit D28, day 28, 29 Mar 2024" in page
    assert "Patient VIE-0001, unscheduled visit, day 33, 3 Apr 2024" in page
    assert "Patient VIE-0001, visit M6, not done" in page
    assert not re.search(r">[^<]*\d{4}-\d{2}-\d{2}", page)


def test_a_locked_unscheduled_visit_is_named_by_its_day(desk, scene):
    factories.make_lock(
        visit=factories.make_visit(patient=scene.patient, code="UNS", visited_on=date(2024, 4, 3))
    )

    assert "Unscheduled visit on 3 Apr 2024 of VIE-0001" in desk.get("/locks/").content.decode()


def test_no_name_on_the_page_is_that_of_the_dialog_for_who_was_away(desk, scene):
    page = desk.get("/locks/").content.decode()

    names = re.findall(r'\bid="([^"]+)"', page)
    assert sorted(names) == sorted(set(names))
