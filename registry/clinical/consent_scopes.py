"""What a person may consent to, and whether a scope stands on a day.

A scope stands as the latest act that speaks of it says: a consent speaks of every scope that its version
asks about and gives some of them; a withdrawal takes back the scopes it names, from the day after it on, so
that what was done on the day itself may still be recorded. Acts of one day: the withdrawal counts, because
data kept against a person's will is worse than data asked for again.

Source: product.md (consent with version and scope, tied to what may be collected and exported);
clinical-reference.md 9, R22 (data until the withdrawal stay; stopping contact does not stop what safety law
asks for). The database has the same definition in migrations/sql/consent.sql; a test compares the two.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from registry.clinical.code_lists import CodeList
from registry.clinical.refusals import Problem
from registry.clinical.spoken_dates import spoken

SCOPES: CodeList = MappingProxyType(
    {
        "follow_up": "Follow-up data from visits and records",
        "laboratory": "Laboratory results and samples",
        "remote_contact": "Being contacted by phone, video or letter",
        "share_sponsor": "Sharing with the sponsor",
        "share_research": "Sharing for further research",
        "genetics": "Genetic analysis",
    }
)
# Without it nobody is followed: every version asks for it and every consent gives it.
COMPULSORY = "follow_up"


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """A consent: what its version asks about, and what the person agreed to of it."""

    on: date
    asked: frozenset[str]
    given: frozenset[str]


@dataclass(frozen=True, slots=True)
class ScopesWithdrawn:
    """A withdrawal of some scopes, or of all."""

    on: date
    scopes: frozenset[str]


Act = ConsentGiven | ScopesWithdrawn


def latest_act(scope: str, *, acts: Iterable[Act], on: date) -> Act | None:
    """Return the act that decides about the scope on this day; None when nobody spoke of it by then."""
    speaking = [
        act
        for act in acts
        if (isinstance(act, ConsentGiven) and act.on <= on and scope in act.asked)
        or (isinstance(act, ScopesWithdrawn) and act.on < on and scope in act.scopes)
    ]

    def order(act: Act) -> tuple[date, bool, bool]:
        # Of two consents of one day the one that gives less.
        is_withdrawal = isinstance(act, ScopesWithdrawn)
        return (act.on, is_withdrawal, isinstance(act, ConsentGiven) and scope not in act.given)

    return max(speaking, key=order, default=None)


def stands(scope: str, *, acts: Iterable[Act], on: date) -> bool | None:
    """Return whether the scope stands on this day; None when nobody spoke of it: not recorded."""
    act = latest_act(scope, acts=acts, on=on)
    if act is None:
        return None
    return scope in act.given if isinstance(act, ConsentGiven) else False


def check_may_collect(
    *, field: str, what: str, scope: str, on: date | None, acts: Iterable[Act]
) -> list[Problem]:
    """Refuse what is dated on a day on which the scope does not stand. `what`: "A visit", "A result"."""
    if on is None:
        return []
    act = latest_act(scope, acts=acts, on=on)
    if act is None or (isinstance(act, ConsentGiven) and scope in act.given):
        return []
    agreed = SCOPES[scope][0].lower() + SCOPES[scope][1:]
    if isinstance(act, ScopesWithdrawn):
        why = f"Consent to {agreed} was withdrawn on {spoken(act.on)}."
    else:
        why = f"The consent of {spoken(act.on)} does not include {agreed}."
    return [
        Problem(
            field,
            on.isoformat(),
            f"{what} on {spoken(on)} must not be recorded. {why}",
            "What is dated up to then may be completed; if the person consents anew, record that first.",
        )
    ]
