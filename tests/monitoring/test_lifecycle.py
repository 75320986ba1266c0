"""The states of an alert and who may move it where (contract.md section 4)."""

from itertools import product

import pytest

from registry.monitoring import lifecycle
from registry.monitoring.lifecycle import MoveNotAllowed, check_move, moves_from, state_after
from tests.tables import rows_of

STATES = tuple(lifecycle.MEANINGS)

# The contract's sentence, drawn: p a person may, s the system may, empty nobody may.
CONTRACT = """
    from         | open | acknowledged | in_review | confirmed | dismissed | resolved | withdrawn
    -------------+------+--------------+-----------+-----------+-----------+----------+----------
    open         |      | p            | p         | p         | p         | s        | s
    acknowledged |      |              | p         | p         | p         | s        | s
    in_review    |      |              |           | p         | p         | s        | s
    confirmed    | s    |              |           |           |           |          |
    dismissed    | s    |              |           |           |           |          |
    resolved     | s    |              |           |           |           |          |
    withdrawn    | s    |              |           |           |           |          |
"""
DRAWN = {(row["from"], state): row[state] for row in rows_of(CONTRACT) for state in STATES}
MOVERS = {"person": "p", "system": "s"}


def is_allowed(from_state, to_state, by):
    try:
        check_move(from_state=from_state, to_state=to_state, by=by)
    except MoveNotAllowed:
        return False
    return True


@pytest.mark.parametrize("by", MOVERS)
@pytest.mark.parametrize(("from_state", "to_state"), list(product(STATES, STATES)))
def test_every_move_is_as_the_contract_draws_it(from_state, to_state, by):
    assert is_allowed(from_state, to_state, by) == (DRAWN[from_state, to_state] == MOVERS[by])


@pytest.mark.parametrize("state", lifecycle.WAITING)
@pytest.mark.parametrize(
    ("decision", "after"),
    [("confirmed", "confirmed"), ("not_confirmed", "dismissed"), ("need_information", "in_review")],
)
def test_any_waiting_alert_may_be_decided_directly(state, decision, after):
    assert state_after(decision, from_state=state) == after


@pytest.mark.parametrize("state", [*lifecycle.DECIDED, *lifecycle.SETTLED])
@pytest.mark.parametrize("decision", lifecycle.STATE_AFTER)
def test_a_decided_or_settled_alert_takes_no_decision(state, decision):
    with pytest.raises(MoveNotAllowed):
        state_after(decision, from_state=state)


@pytest.mark.parametrize("state", [*lifecycle.DECIDED, *lifecycle.SETTLED])
def test_only_new_evidence_opens_an_alert_again(state):
    assert moves_from(state, by="system") == ("open",)
    assert moves_from(state, by="person") == ()


def test_a_refusal_tells_people_what_happened():
    with pytest.raises(MoveNotAllowed) as refusal:
        check_move(from_state="dismissed", to_state="confirmed", by="person")

    assert refusal.value.for_people == ("This alert is already dismissed; only new evidence opens it again.")


def test_a_refusal_tells_people_what_is_possible():
    with pytest.raises(MoveNotAllowed) as refusal:
        check_move(from_state="in_review", to_state="acknowledged", by="person")

    assert refusal.value.for_people == (
        "An alert that is in review cannot become acknowledged. "
        "From here it can become confirmed or dismissed."
    )
