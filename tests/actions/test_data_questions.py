"""The registry's own questions: opened once for each ground, closed by themselves, signed by the registry."""

from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.access.scope import Rows
from registry.actions import data_questions, due_runs, questions
from registry.actions.laboratory import ResultEntry, correct_lab_result
from registry.clinical.facts import parse_fact
from registry.models import AuditEvent, DueRun, Question, QuestionMessage
from registry.queries.questions import yield_lines
from registry.tasks import judge_patient
from tests import factories

AT = datetime(2024, 9, 1, 4, 0, tzinfo=UTC)
NEXT = timedelta(days=1)
ANSWER = "visit:M3@2024-03-01:new_malignancy"


@pytest.fixture
def visit(patient):
    """A visit with its blood count, and without an answer to the question that matters."""
    factories.make_result(patient=patient, collected_on=date(2024, 6, 2))
    return factories.make_visit(patient=patient, code="M3", visited_on=date(2024, 6, 2))


def look(patient, at=AT):
    looked = data_questions.look_at(patient_ids=[patient.pk], at=at)
    return looked.opened_count, looked.closed_count


def stands():
    return [(q.fact, q.state, q.closed_because) for q in Question.objects.order_by("pk")]


def said(question):
    rows = QuestionMessage.objects.filter(question=question).order_by("pk")
    return [(m.kind, m.because, m.by_id) for m in rows]


def test_a_question_is_opened_once_however_often_it_is_looked_for(patient, visit):
    assert look(patient) == (1, 0)
    assert look(patient, AT + NEXT) == (0, 0)

    question = Question.objects.get()
    assert (question.fact, question.state, question.asked_by) == (ANSWER, "open", None)
    assert (question.check_key, question.check_version) == ("new_malignancy_unanswered", 1)
    assert question.asked_at == AT
    assert said(question) == [("asked", "", None)]


def test_it_closes_itself_when_the_record_answers_and_says_that_data_changed(patient, visit):
    look(patient)
    visit.new_malignancy = False
    visit.save()

    assert look(patient, AT + NEXT) == (0, 1)
    assert stands() == [(ANSWER, "closed", "data_changed")]
    assert said(Question.objects.get())[-1] == ("closed", "data_changed", None)
    event = AuditEvent.objects.filter(tbl="registry_question", op="U").latest("id")
    assert (event.actor_id, event.origin) == (None, "system")


def test_it_closes_itself_when_it_matters_no_longer(patient, visit):
    look(patient)
    factories.make_result(patient=patient, collected_on=date(2024, 8, 20))
    factories.make_visit(patient=patient, code="M6", visited_on=date(2024, 8, 20), new_malignancy=False)

    assert look(patient, AT + NEXT) == (0, 1)
    assert stands() == [(ANSWER, "closed", "not_relevant")]


def test_it_closes_itself_also_when_the_site_has_answered_already(patient, visit, coordinator):
    look(patient)
    questions.answer(question=Question.objects.get(), text="No, I add it.", by=coordinator, at=AT)
    visit.new_malignancy = False
    visit.save()

    look(patient, AT + NEXT)
    assert stands() == [(ANSWER, "closed", "data_changed")]


def test_a_ground_that_a_person_settled_is_not_asked_about_again(patient, visit, coordinator, manager):
    look(patient)
    question = Question.objects.get()
    questions.answer(question=question, text="The patient did not come to the scan.", by=coordinator, at=AT)
    questions.close(question=question, closing="confirmed", by=manager, at=AT)

    assert look(patient, AT + NEXT) == (0, 0)
    assert stands() == [(ANSWER, "closed", "confirmed")]


def test_another_ground_opens_the_settled_thread_again(patient, visit, manager):
    look(patient)
    questions.close(question=Question.objects.get(), closing="confirmed", by=manager, at=AT)
    visit.visited_on = date(2024, 6, 5)
    visit.save()

    assert look(patient, AT + NEXT) == (1, 0)
    question = Question.objects.get()
    assert (question.state, question.asked_at) == ("open", AT + NEXT)
    assert [kind for kind, *_ in said(question)] == ["asked", "closed", "asked_again"]


def test_a_ground_that_comes_back_is_asked_about_again(patient, visit):
    look(patient)
    for answer in (True, None):
        visit.new_malignancy = answer
        visit.new_malignancy_text = "nodule" if answer else ""
        visit.save()
        look(patient, AT + NEXT)

    assert stands() == [(ANSWER, "open", "")]


def test_a_changed_ground_of_an_open_question_is_added_to_it(patient):
    event = factories.make_event(patient=patient, event_id="AE-1", serious=True, started_on="2024")
    look(patient)
    event.started_on = "2024-05"
    event.save()

    assert look(patient, AT + NEXT) == (0, 0)
    question = Question.objects.get()
    assert question.state == "open"
    assert [kind for kind, *_ in said(question)] == ["asked", "added"]
    assert look(patient, AT + 2 * NEXT) == (0, 0)
    assert len(said(question)) == 2


def test_where_a_person_asks_already_the_registry_is_quiet(patient, visit, manager):
    questions.ask(
        patient=patient,
        asking=questions.Asking(parse_fact(ANSWER), "Well?"),
        by=manager,
        at=AT,
        today=date(2024, 9, 1),
    )

    assert look(patient) == (0, 0)
    visit.new_malignancy = False
    visit.save()
    assert look(patient, AT + NEXT) == (0, 0)
    assert stands() == [(ANSWER, "open", "")]  # who asked closes it


def test_a_corrected_result_closes_its_question(patient, coordinator):
    result = factories.make_result(patient=patient, collected_on=date(2024, 8, 1), value="40")
    look(patient)
    wrong_again = correct_lab_result(
        result=result,
        entry=ResultEntry("ANC", "41", "10*9/L", date(2024, 8, 1)),
        reason="typed wrongly",
        by=coordinator,
        at=AT,
        today=date(2024, 9, 1),
    )
    assert look(patient, AT + NEXT) == (0, 0)  # another value, asked about in the same thread
    correct_lab_result(
        result=wrong_again,
        entry=ResultEntry("ANC", "41", "/uL", date(2024, 8, 1)),
        reason="the report said per microlitre",
        by=coordinator,
        at=AT,
        today=date(2024, 9, 1),
    )

    assert look(patient, AT + 2 * NEXT) == (0, 1)
    question = Question.objects.get()
    assert question.fact == f"result:{result.pk}"
    assert [(m.kind, m.value) for m in question.messages.order_by("pk")] == [
        ("asked", "40 ×10⁹/L"),
        ("added", "41 ×10⁹/L"),
        ("closed", "41 /µL"),
    ]


@pytest.mark.parametrize(
    ("facts", "opened"),
    [
        ({}, 1),
        ({"enrolled_on": None}, 0),
        ({"follow_up_ended_on": date(2024, 8, 1), "follow_up_end_reason": "death"}, 1),
        ({"follow_up_ended_on": date(2024, 8, 1), "follow_up_end_reason": "withdrawal"}, 0),
    ],
)
def test_nobody_who_is_not_enrolled_or_withdrew_is_asked_after(site, facts, opened):
    patient = factories.make_patient(site=site, **facts)
    factories.make_event(patient=patient, serious=True)

    assert look(patient) == (opened, 0)


def test_a_withdrawal_closes_what_was_asked(patient, visit):
    look(patient)
    patient.follow_up_ended_on, patient.follow_up_end_reason = date(2024, 9, 1), "withdrawal"
    patient.save()

    assert look(patient, AT + NEXT) == (0, 1)
    assert stands() == [(ANSWER, "closed", "not_relevant")]


@pytest.mark.parametrize(("at", "opened"), [("2024-09-14T21:59", 0), ("2024-09-14T22:00", 1)])
def test_the_days_are_those_of_the_site(patient, at, opened):
    """A visit of 31 August waits for its laboratory until the end of 14 September in Vienna."""
    factories.make_visit(patient=patient, code="M6", visited_on=date(2024, 8, 31), new_malignancy=False)

    assert look(patient, datetime.fromisoformat(at).replace(tzinfo=UTC)) == (opened, 0)


def test_the_night_looks_at_everybody_once_for_all_its_slots(patient, visit, site):
    for _ in range(3):
        factories.make_event(patient=factories.make_patient(site=site), serious=True)
    due_runs.plan(at=AT)

    assert due_runs.run_job(job="data_questions", at=AT) == 1
    assert Question.objects.count() == 4
    assert due_runs.run_job(job="data_questions", at=AT) == 0
    assert DueRun.objects.get(job="data_questions").state == "done"


def test_batches_reach_everybody(site, monkeypatch):
    monkeypatch.setattr(data_questions, "_BATCH", 2)
    for _ in range(5):
        factories.make_event(patient=factories.make_patient(site=site), serious=True)

    looked = data_questions.look_at_everybody(at=AT)

    assert (looked.patient_count, looked.opened_count) == (5, 5)


def test_a_change_that_is_judged_is_looked_at_as_well(patient, settings):
    settings.REGISTRY_TODAY = date(2024, 9, 1)
    factories.make_event(patient=patient, event_id="AE-1", serious=True)

    for _ in range(2):
        judge_patient(patient_id=patient.pk)

    assert stands() == [("event:AE-1:started_on", "open", "")]


def test_as_many_queries_for_a_hundred_patients_without_a_question_as_for_one(site):
    def queries(count):
        people = [factories.make_patient(site=site) for _ in range(count)]
        for each in people:
            factories.make_result(patient=each, collected_on=date(2024, 6, 2))
            factories.make_visit(patient=each, code="M3", visited_on=date(2024, 6, 2), new_malignancy=False)
        with CaptureQueriesContext(connection) as seen:
            data_questions.look_at(patient_ids=[each.pk for each in people], at=AT)
        return len(seen)

    assert queries(1) == queries(30)


@pytest.mark.django_db(transaction=True)
def test_two_who_look_at_once_ask_once():
    patient = factories.make_patient()
    factories.make_event(patient=patient, event_id="AE-1", serious=True)
    start = Barrier(4)
    raised = []

    def run():
        try:
            start.wait(timeout=20)
            look(patient)
        except Exception as error:  # noqa: BLE001 - told below
            raised.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert raised == []
    assert [kind for kind, *_ in said(Question.objects.get())] == ["asked"]


def test_the_yield_is_counted_by_source(patient, visit, site, manager, study):
    look(patient)
    visit.new_malignancy = False
    visit.save()
    look(patient, AT + NEXT)
    for closing in ("confirmed", "confirmed", "data_changed"):
        other = factories.make_patient(site=site)
        asked = questions.ask(
            patient=other,
            asking=questions.Asking(parse_fact("patient:birth_year"), "Sure?"),
            by=manager,
            at=AT,
            today=date(2024, 9, 1),
        )
        questions.close(question=asked, closing=closing, by=manager, at=AT)

    lines = {
        line.source: (line.asked, line.data_changed, line.confirmed, line.pending, line.changed_percent)
        for line in yield_lines(rows=Rows(studies=frozenset({study.pk})))
    }
    assert lines == {"people": (3, 1, 2, 0, 33), "new_malignancy_unanswered": (1, 1, 0, 0, 100)}
