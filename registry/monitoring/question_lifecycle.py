"""The states of a question to a site, the moves between them and how old it is, as tables.

Source: product.md, "Questions"; ICH E6(R3) 4.2.4 (corrections attributed, justified, timely). A site answers,
who asks decides whether the answer is enough, and the registry's own questions close themselves when the
record no longer gives them a ground. `docs/questions.md` is generated from these tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from registry.clinical.study_days import local_date

State = Literal["open", "answered", "closed", "cancelled"]
Mover = Literal["asker", "site", "system"]
Closing = Literal["data_changed", "confirmed", "not_relevant"]

MEANINGS: Mapping[State, str] = {
    "open": "waits for the site's answer",
    "answered": "the site has answered; who asks looks whether it is enough",
    "closed": "settled, with what came of it",
    "cancelled": "taken back by the person who asked",
}
# One state, seen from two sides.
SITE_WORDS: Mapping[State, str] = {
    "open": "To answer",
    "answered": "Waiting for the manager",
    "closed": "Closed",
    "cancelled": "Taken back",
}
ASKER_WORDS: Mapping[State, str] = {
    "open": "Waiting for the site",
    "answered": "Answered, to look at",
    "closed": "Closed",
    "cancelled": "Taken back",
}
# Why a question was closed: what makes its yield countable.
CLOSINGS: Mapping[Closing, str] = {
    "data_changed": "Data changed",
    "confirmed": "Confirmed as it is",
    "not_relevant": "No longer relevant",
}

PENDING: tuple[State, ...] = ("open", "answered")
SETTLED: tuple[State, ...] = ("closed", "cancelled")


@dataclass(frozen=True, slots=True)
class Move:
    """One allowed step of a question, who may take it, and when."""

    from_state: State
    to_state: State
    by: Mover
    when: str


MOVES: tuple[Move, ...] = (
    Move("open", "answered", "site", "answers"),
    Move("answered", "open", "asker", "finds the answer not enough, or asks more"),
    *(Move(state, "closed", "asker", "closes it, saying what came of it") for state in PENDING),
    Move("open", "cancelled", "asker", "takes back a question of their own"),
    *(Move(state, "closed", "system", "the ground of its own question is gone") for state in PENDING),
    *(Move(state, "open", "asker", "asks about the same fact again") for state in SETTLED),
    *(Move(state, "open", "system", "finds a new ground for a question of its own") for state in SETTLED),
)
_ALLOWED = {(move.from_state, move.to_state, move.by) for move in MOVES}

# Days open, both ends included; the last bucket has no upper end.
BUCKETS: tuple[tuple[str, int, int | None], ...] = (
    ("0-7", 0, 7),
    ("8-14", 8, 14),
    ("15-30", 15, 30),
    ("31-60", 31, 60),
    ("61", 61, None),
)


class QuestionMoveNotAllowed(Exception):
    """The table has no such move for this mover. `for_people` says it to who asked for it."""

    def __init__(self, *, from_state: str, to_state: str, by: Mover) -> None:
        super().__init__(f"{by} may not move a question from {from_state} to {to_state}")
        self.from_state = from_state
        self.to_state = to_state
        self.by = by

    @property
    def for_people(self) -> str:
        """What a person reads who came too late, or by another way than the page's."""
        if self.from_state == "closed":
            return "This question is closed already. Ask again if something is still open."
        if self.from_state == "cancelled":
            return "This question was taken back by the person who asked."
        if self.to_state == "cancelled":
            return "The site has answered already. Close the question, and say what came of it."
        return f"A question that is {self.from_state} cannot become {self.to_state}."


def moves_from(state: str, *, by: Mover) -> tuple[State, ...]:
    """Return the states a question can be moved to by this mover, in the table's order."""
    return tuple(move.to_state for move in MOVES if move.from_state == state and move.by == by)


def check_move(*, from_state: str, to_state: str, by: Mover) -> None:
    """Raise QuestionMoveNotAllowed unless the table has this move for this mover."""
    if (from_state, to_state, by) not in _ALLOWED:
        raise QuestionMoveNotAllowed(from_state=from_state, to_state=to_state, by=by)


def days_open(*, asked_at: datetime, until: datetime, time_zone: str) -> int:
    """Return the age in calendar days of the site: 0 on the day of asking, 1 from its next midnight on."""
    return (local_date(until, time_zone=time_zone) - local_date(asked_at, time_zone=time_zone)).days


def bucket_of(days: int) -> str:
    """Return the key of the bucket that holds this age."""
    return next(key for key, _, last in BUCKETS if last is None or days <= last)


def bucket_words(key: str) -> str:
    """Return a bucket as people read it: `8–14 days`, `over 60 days`."""
    _, first, last = next(bucket for bucket in BUCKETS if bucket[0] == key)
    return f"over {first - 1} days" if last is None else f"{first}–{last} days"


def days_past_due(*, due_on: date | None, today: date) -> int:
    """Return how many days ago the answer was due; 0 on the day itself, before it, and without one."""
    return max((today - due_on).days, 0) if due_on is not None else 0


def as_markdown() -> str:
    """Return docs/questions.md."""
    lines = [
        "# The life of a question",
        "",
        "Generated from `registry/monitoring/question_lifecycle.py`; change it there.",
        "",
        "One thread for each fact of a patient: who asks about a fact again adds to it, or opens it again.",
        "",
        "| state | meaning | the site reads | who asks reads |",
        "|---|---|---|---|",
        *(
            f"| `{state}` | {meaning} | {SITE_WORDS[state]} | {ASKER_WORDS[state]} |"
            for state, meaning in MEANINGS.items()
        ),
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
        "| closed because | words |",
        "|---|---|",
        *(f"| `{key}` | {words} |" for key, words in CLOSINGS.items()),
        "",
    ]
    return "\n".join(lines)
