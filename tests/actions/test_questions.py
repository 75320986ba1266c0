"""Questions to sites: one thread for each fact, moves by the table, messages that never change."""

from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import DatabaseError, connection, transaction

from registry.access.roles import NotAllowed
from registry.access.scope import EVERYTHING, acting, rows_of
from registry.actions import questions
from registry.actions.laboratory import ResultEntry, correct_lab_result
from registry.actions.refused import RecordRefused
from registry.clinical.facts import parse_fact
from registry.models import Alert, AlertMove, AuditEvent, Question, QuestionMessage
from registry.monitoring.question_lifecycle import MOVES, QuestionMoveNotAllowed
from registry.queries import questions as asked
from tests import factories
from tests.factories import DAY_0

AT = datetime(2024, 9, 1, 10, 0, tzinfo=UTC)
TODAY = date(2024, 9, 1)
HOUR = timedelta(hours=1)
VISITED_ON = "visit:D28@2024-03-01:visited_on"


@pytest.fixture
def visit(patient):
    return factories.make_visit(patient=patient, code="D28", visited_on=date(2024, 3, 29))


def ask(patient, by, *, fact=VISITED_ON, text="Is the day right?", at=AT, due_on=None, alert=None):
    return questions.ask(
        patient=patient,
        asking=questions.Asking(parse_fact(fact), text, due_on),
        by=by,
        at=at,
        today=TODAY,
        alert=alert,
    )


def said(question):
    return [(m.kind, m.to_state, str(m.by or "registry")) for m in asked.thread(question=question)]


# --- the thread -------------------------------------------------------------------------------


def test_a_question_goes_from_asking_to_closing_and_every_step_is_kept(patient, visit, manager, coordinator):
    question = ask(patient, manager, due_on=date(2024, 9, 15))
    questions.answer(question=question, text="Yes, see the letter.", by=coordinator, at=AT + HOUR)
    questions.say_not_enough(question=question, text="Which letter?", by=manager, at=AT + 2 * HOUR)
    questions.answer(question=question, text="Of 2 April.", by=coordinator, at=AT + 3 * HOUR)
    closed = questions.close(question=question, closing="confirmed", by=manager, at=AT + 4 * HOUR)

    assert (closed.state, closed.closed_because, closed.closed_at) == ("closed", "confirmed", AT + 4 * HOUR)
    assert said(question) == [
        ("asked", "open", "manager"),
        ("answered", "answered", "coordinator"),
        ("not_enough", "open", "manager"),
        ("answered", "answered", "coordinator"),
        ("closed", "closed", "manager"),
    ]
    assert {m.value for m in asked.thread(question=question)} == {"day 28, 29 Mar 2024"}


def test_asking_about_a_fact_with_an_open_thread_adds_to_it(patient, visit, manager, officer):
    first = ask(patient, manager)
    second = ask(patient, officer, text="And the hour?", at=AT + HOUR)

    assert first.pk == second.pk
    assert said(first) == [("asked", "open", "manager"), ("added", "open", "officer")]
    assert second.asked_at == AT  # it waits since it was first asked


def test_asking_about_an_answered_fact_opens_it_again(patient, visit, manager, coordinator):
    question = ask(patient, manager)
    questions.answer(question=question, text="Yes.", by=coordinator, at=AT + HOUR)
    again = ask(patient, manager, text="Sure?", at=AT + 2 * HOUR)

    assert (again.pk, again.state) == (question.pk, "open")
    assert said(question)[-1] == ("asked_again", "open", "manager")


@pytest.mark.parametrize("how", ["close", "cancel"])
def test_asking_about_a_settled_fact_opens_its_thread_with_the_history(patient, visit, manager, how):
    question = ask(patient, manager)
    if how == "close":
        questions.close(question=question, closing="not_relevant", by=manager, at=AT + HOUR)
    else:
        questions.cancel(question=question, by=manager, at=AT + HOUR)
    again = ask(patient, manager, text="After all?", at=AT + 2 * HOUR)

    assert (again.pk, again.state, again.closed_at, again.closed_because) == (question.pk, "open", None, "")
    assert again.asked_at == AT + 2 * HOUR  # it is young again
    assert [kind for kind, *_ in said(question)][-1] == "asked_again"


def test_a_site_may_add_to_its_answer(patient, visit, manager, coordinator, investigator):
    question = ask(patient, manager)
    questions.answer(question=question, text="Yes.", by=coordinator, at=AT + HOUR)
    questions.answer(question=question, text="I saw the patient.", by=investigator, at=AT + 2 * HOUR)

    assert said(question)[1:] == [
        ("answered", "answered", "coordinator"),
        ("answered", "answered", "investigator"),
    ]


def test_a_form_sent_twice_says_it_once(patient, visit, manager, coordinator):
    question = ask(patient, manager)
    ask(patient, manager, at=AT + HOUR)
    for _ in range(2):
        questions.answer(question=question, text="Yes.", by=coordinator, at=AT + 2 * HOUR)
    for _ in range(2):
        questions.say_not_enough(question=question, text="Why?", by=manager, at=AT + 3 * HOUR)
    for _ in range(2):
        questions.close(question=question, closing="confirmed", by=manager, at=AT + 4 * HOUR)

    assert [kind for kind, *_ in said(question)] == ["asked", "answered", "not_enough", "closed"]


def test_a_corrected_result_keeps_its_thread(patient, manager, coordinator):
    result = factories.make_result(patient=patient, collected_on=date(2024, 3, 15), value="40")
    question = ask(patient, manager, fact=f"result:{result.pk}")
    new = correct_lab_result(
        result=result,
        entry=ResultEntry("ANC", "0.04", "10*9/L", date(2024, 3, 15)),
        reason="per microlitre",
        by=coordinator,
        at=AT + HOUR,
        today=TODAY,
    )
    again = ask(patient, manager, fact=f"result:{new.pk}", at=AT + 2 * HOUR)

    assert again.pk == question.pk
    assert [m.value for m in asked.thread(question=question)] == ["40 ×10⁹/L", "0.04 ×10⁹/L"]
    assert set(asked.open_by_fact(patient=patient)) == {f"result:{result.pk}", f"result:{new.pk}"}


# --- who may ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actor", "is_allowed"),
    [
        ("manager", True),
        ("officer", True),
        ("lead", True),
        ("coordinator", False),
        ("investigator", False),
        ("sponsor", False),
        ("administrator", False),
        ("stranger", False),
    ],
)
def test_managers_and_officers_of_the_study_ask(request, patient, visit, actor, is_allowed):
    person = request.getfixturevalue(actor)
    if is_allowed:
        assert ask(patient, person).asked_by == person
    else:
        with pytest.raises(NotAllowed):
            ask(patient, person)


@pytest.mark.parametrize(
    ("actor", "is_allowed"),
    [
        ("coordinator", True),
        ("investigator", True),
        ("other_site", False),
        ("manager", False),
        ("officer", False),
    ],
)
def test_the_patients_own_site_answers(request, patient, visit, lead, actor, is_allowed):
    question = ask(patient, lead)
    person = request.getfixturevalue(actor)
    if is_allowed:
        assert questions.answer(question=question, text="Yes.", by=person, at=AT).state == "answered"
    else:
        with pytest.raises(NotAllowed):
            questions.answer(question=question, text="Yes.", by=person, at=AT)


def test_only_who_asked_takes_a_question_back(patient, visit, manager, officer):
    question = ask(patient, manager)

    with pytest.raises(questions.NotYourQuestion):
        questions.cancel(question=question, by=officer, at=AT)
    assert questions.cancel(question=question, by=manager, at=AT).state == "cancelled"


def test_an_answered_question_is_not_taken_back(patient, visit, manager, coordinator):
    question = ask(patient, manager)
    questions.answer(question=question, text="Yes.", by=coordinator, at=AT)

    with pytest.raises(QuestionMoveNotAllowed):
        questions.cancel(question=question, by=manager, at=AT)


def test_a_closed_question_takes_no_answer(patient, visit, manager, coordinator):
    question = ask(patient, manager)
    questions.close(question=question, closing="confirmed", by=manager, at=AT)

    with pytest.raises(QuestionMoveNotAllowed):
        questions.answer(question=question, text="Yes.", by=coordinator, at=AT)
    assert len(said(question)) == 2


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"text": "  "}, "text"),
        ({"text": "x" * 2001}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"due_on": date(2024, 8, 31)}, "due_on"),
        ({"fact": "visit:M99@2024-03-01"}, "fact"),
        ({"fact": "visit:D28@2023-03-01"}, "fact"),
        ({"fact": "visit:UNS@2024-03-01#99"}, "fact"),
        ({"fact": "result:99"}, "fact"),
        ({"fact": "event:AE-99:grade"}, "fact"),
        ({"fact": "infusion:2024-03-02:lot"}, "fact"),
        ({"fact": "alert:1b4e28ba-2fa1-41d2-883f-0016d3cca427"}, "fact"),
    ],
)
def test_what_cannot_be_asked_is_refused(patient, visit, manager, wrong, field):
    with pytest.raises(RecordRefused) as refusal:
        ask(patient, manager, **wrong)

    assert [problem.field for problem in refusal.value.problems] == [field]
    assert not Question.objects.exists()


def test_an_answer_is_wanted_today_at_the_earliest(patient, visit, manager):
    assert ask(patient, manager, due_on=TODAY).due_on == TODAY


def test_a_form_not_started_can_be_asked_about(patient, manager):
    question = ask(patient, manager, fact="visit:D28@2024-03-01")

    [message] = asked.thread(question=question)
    assert message.value == "Not started"


def test_another_patients_facts_cannot_be_asked_about(patient, site, manager):
    other = factories.make_patient(site=site)
    result = factories.make_result(patient=other, collected_on=DAY_0)

    with pytest.raises(RecordRefused):
        ask(patient, manager, fact=f"result:{result.pk}")


def test_closing_says_what_came_of_it(patient, visit, manager):
    question = ask(patient, manager)

    with pytest.raises(RecordRefused):
        questions.close(question=question, closing="", by=manager, at=AT)


# --- alerts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "after", "moves"),
    [
        ("open", "in_review", 1),
        ("acknowledged", "in_review", 1),
        ("in_review", "in_review", 0),
        ("confirmed", "confirmed", 0),
    ],
)
def test_an_alert_whose_site_is_asked_is_in_review(patient, officer, state, after, moves):
    decision = {"decision": "confirmed"} if state == "confirmed" else {}
    alert = factories.make_alert(patient=patient, state=state, **decision)
    question = ask(patient, officer, fact=f"alert:{alert.public_id}", alert=alert)

    assert Alert.objects.get(pk=alert.pk).state == after
    assert AlertMove.objects.filter(alert=alert).count() == moves
    [(line, messages)] = asked.asked_from(alert=alert, at=AT)
    assert (line.question, [m.kind for m in messages]) == (question, ["asked"])


def test_a_manager_who_asks_from_an_alert_reviews_nothing(patient, manager):
    alert = factories.make_alert(patient=patient)
    ask(patient, manager, fact=f"alert:{alert.public_id}", alert=alert)

    assert Alert.objects.get(pk=alert.pk).state == "open"


# --- two at once ------------------------------------------------------------------------------


def at_once(*acts):
    start = Barrier(len(acts))
    raised = []

    def run(act):
        try:
            start.wait(timeout=20)
            with acting(rows=EVERYTHING):
                act()
        except Exception as error:  # noqa: BLE001 - told below
            raised.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return raised


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(5))
def test_two_who_ask_about_one_fact_at_once_share_a_thread(patient, visit, manager, officer, attempt):
    raised = at_once(
        lambda: ask(patient, manager, text="From the manager"),
        lambda: ask(patient, officer, text="From the officer"),
    )

    assert raised == []
    question = Question.objects.get()
    kinds = [kind for kind, *_ in said(question)]
    assert sorted(kinds) == ["added", "asked"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(5))
def test_of_an_answer_and_a_closing_at_once_nothing_is_half_done(
    patient, visit, manager, coordinator, attempt
):
    with acting(rows=EVERYTHING):
        question = ask(patient, manager)
    raised = at_once(
        lambda: questions.answer(question=question, text="Yes.", by=coordinator, at=AT),
        lambda: questions.close(question=question, closing="not_relevant", by=manager, at=AT),
    )

    question.refresh_from_db()
    assert question.state == "closed"
    assert all(isinstance(error, QuestionMoveNotAllowed) for error in raised)
    assert len(said(question)) == 3 - len(raised)


# --- the database -----------------------------------------------------------------------------


MOVED = {
    "open": {"closed_at": None, "closed_because": ""},
    "answered": {"answered_at": AT, "closed_at": None, "closed_because": ""},
    "closed": {"closed_at": AT, "closed_because": "confirmed"},
    "cancelled": {"closed_at": AT, "closed_because": ""},
}


@pytest.mark.parametrize("from_state", MOVED)
@pytest.mark.parametrize("to_state", MOVED)
def test_the_databases_moves_are_those_of_the_table(patient, manager, from_state, to_state):
    is_allowed = from_state == to_state or any(
        (move.from_state, move.to_state) == (from_state, to_state) for move in MOVES
    )
    question = Question.objects.create(
        patient=patient,
        fact="patient:sex",
        asked_by=manager,
        asked_at=AT,
        state=from_state,
        **MOVED[from_state],
    )
    change = Question.objects.filter(pk=question.pk)
    if is_allowed:
        assert change.update(state=to_state, **MOVED[to_state]) == 1
    else:
        with pytest.raises(DatabaseError, match="no move from"), transaction.atomic():
            change.update(state=to_state, **MOVED[to_state])


def test_what_was_said_is_never_changed(patient, visit, manager):
    question = ask(patient, manager)

    for change in (
        lambda: QuestionMessage.objects.filter(question=question).update(text="Nothing"),
        lambda: QuestionMessage.objects.filter(question=question)._raw_delete("default"),
        lambda: Question.objects.filter(pk=question.pk)._raw_delete("default"),
        lambda: Question.objects.filter(pk=question.pk).update(fact="patient:sex"),
    ):
        with pytest.raises(DatabaseError, match=r"never|stays with"), transaction.atomic():
            change()
    assert said(question) == [("asked", "open", "manager")]


def test_the_applications_role_may_not_even_try(patient, visit, manager):
    question = ask(patient, manager)

    for change in (
        lambda: QuestionMessage.objects.filter(question=question).update(text="Nothing"),
        lambda: QuestionMessage.objects.filter(question=question)._raw_delete("default"),
        lambda: Question.objects.filter(pk=question.pk)._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError, match="permission denied"), acting(rows=EVERYTHING):
            change()


def test_a_site_sees_the_threads_of_its_own_patients(
    patient, visit, manager, coordinator, other_site, stranger
):
    ask(patient, manager)

    seen = {}
    for person in (coordinator, manager, other_site, stranger):
        with acting(rows=rows_of(person), by=person):
            seen[person.username] = (Question.objects.count(), QuestionMessage.objects.count())
    assert seen == {"coordinator": (1, 1), "manager": (1, 1), "other_site": (0, 0), "stranger": (0, 0)}


def test_every_step_stands_in_the_trail_with_who_took_it(patient, visit, manager, coordinator):
    with acting(rows=rows_of(manager), by=manager):
        question = ask(patient, manager)
    with acting(rows=rows_of(coordinator), by=coordinator):
        questions.answer(question=question, text="Yes.", by=coordinator, at=AT)

    trail = AuditEvent.objects.filter(tbl__in=("registry_question", "registry_questionmessage")).order_by(
        "id"
    )
    assert [(event.tbl, event.op, event.actor_id) for event in trail] == [
        ("registry_question", "I", manager.pk),
        ("registry_questionmessage", "I", manager.pk),
        ("registry_question", "U", coordinator.pk),
        ("registry_questionmessage", "I", coordinator.pk),
    ]
