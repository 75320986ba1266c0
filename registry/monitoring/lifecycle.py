"""The states of an alert and the moves between them, as tables.

Source: contract.md section 4. A person decides, the system follows the record: it settles what the record
settled, withdraws what a change took the ground from, and opens again only on new evidence (G-8).
`docs/lifecycle.md` is generated from these tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

State = Literal["open", "acknowledged", "in_review", "confirmed", "dismissed", "resolved", "withdrawn"]
Mover = Literal["person", "system"]
Decision = Literal["confirmed", "not_confirmed", "need_information"]

MEANINGS: Mapping[State, str] = {
    "open": "waits for a person",
    "acknowledged": "a person has seen it",
    "in_review": "a person is working on it, or waits for the site's answer",
    "confirmed": "a person decided: it is what the rule says",
    "dismissed": "a person decided: it is not",
    "resolved": "the record settled it, for example by the visit that was missing",
    "withdrawn": "a change of the record took its ground away",
}

WAITING: tuple[State, ...] = ("open", "acknowledged", "in_review")
DECIDED: tuple[State, ...] = ("confirmed", "dismissed")
SETTLED: tuple[State, ...] = ("resolved", "withdrawn")

STATE_AFTER: Mapping[Decision, State] = {
    "confirmed": "confirmed",
    "not_confirmed": "dismissed",
    "need_information": "in_review",
}


@dataclass(frozen=True, slots=True)
class Move:
    """One allowed step of an alert, who may take it, and when."""

    from_state: State
    to_state: State
    by: Mover
    when: str


MOVES: tuple[Move, ...] = (
    Move("open", "acknowledged", "person", "has seen it"),
    Move("open", "in_review", "person", "takes it up, or decides *need information*"),
    Move("acknowledged", "in_review", "person", "takes it up, or decides *need information*"),
    *(Move(state, "confirmed", "person", "decides *confirmed*, with a reason") for state in WAITING),
    *(Move(state, "dismissed", "person", "decides *not confirmed*, with a reason") for state in WAITING),
    *(Move(state, "resolved", "system", "the record settled it") for state in WAITING),
    *(Move(state, "withdrawn", "system", "a change took the ground away") for state in WAITING),
    *(Move(state, "open", "system", "new evidence") for state in (*DECIDED, *SETTLED)),
)

_ALLOWED = {(move.from_state, move.to_state, move.by) for move in MOVES}


class MoveNotAllowed(Exception):
    """The table has no such move for this mover. `for_people` says it to an officer."""

    def __init__(self, *, from_state: str, to_state: str, by: Mover) -> None:
        super().__init__(f"{by} may not move an alert from {from_state} to {to_state}")
        self.from_state = from_state
        self.to_state = to_state
        self.by = by

    @property
    def for_people(self) -> str:
        """What a person reads who asked for the move."""
        if self.from_state not in WAITING:
            return f"This alert is already {_words(self.from_state)}; only new evidence opens it again."
        return (
            f"An alert that is {_words(self.from_state)} cannot become {_words(self.to_state)}. "
            f"From here it can become {_one_of(moves_from(self.from_state, by=self.by))}."
        )


def moves_from(state: str, *, by: Mover) -> tuple[State, ...]:
    """Return the states an alert can be moved to by a person or by the system, in the table's order."""
    return tuple(move.to_state for move in MOVES if move.from_state == state and move.by == by)


def check_move(*, from_state: str, to_state: str, by: Mover) -> None:
    """Raise MoveNotAllowed unless the table has this move for this mover."""
    if (from_state, to_state, by) not in _ALLOWED:
        raise MoveNotAllowed(from_state=from_state, to_state=to_state, by=by)


def state_after(decision: Decision, *, from_state: str) -> State:
    """Return the state in which a person's decision leaves an alert; raises MoveNotAllowed.

    *Need information* leaves an alert in review where it is.
    """
    to_state = STATE_AFTER[decision]
    if from_state != to_state or to_state != "in_review":
        check_move(from_state=from_state, to_state=to_state, by="person")
    return to_state


def as_markdown() -> str:
    """Return docs/lifecycle.md."""
    lines = [
        "# The life of an alert",
        "",
        "Generated from `registry/monitoring/lifecycle.py`; change it there.",
        "",
        "| state | meaning |",
        "|---|---|",
        *(f"| `{state}` | {meaning} |" for state, meaning in MEANINGS.items()),
        "",
        "A decided alert whose ground is gone keeps its state and carries the flag *ground gone*.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> open",
        *(f"    {move.from_state} --> {move.to_state}: {move.by}" for move in MOVES),
        "```",
        "",
        "| from | to | by | when |",
        "|---|---|---|---|",
        *(f"| `{move.from_state}` | `{move.to_state}` | {move.by} | {move.when} |" for move in MOVES),
        "",
    ]
    return "\n".join(lines)


def _words(state: str) -> str:
    return state.replace("_", " ")


def _one_of(states: tuple[State, ...]) -> str:
    *others, latest = [_words(state) for state in states]
    return f"{', '.join(others)} or {latest}" if others else latest
