"""The yearly contact of the late years: ways, questions and when it takes the place of an examination.

Source: clinical-reference.md 1.1 (FDA: five years of annual examinations, then ten of annual queries; what
each contact records) and 1.4 (Y6–Y15 on site or remote).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from registry.clinical.code_lists import CodeList
from registry.clinical.study_days import add_months
from registry.clinical.visit_contact import CONTACT_MODES
from registry.clinical.visit_windows import VisitWindow

# The ways of visit_contact.py, the commonest first.
WAYS: CodeList = MappingProxyType(
    {way: CONTACT_MODES[way] for way in ("phone", "video", "letter", "on_site", "other_source")}
)
# What reaches the patient at home and so needs the consent to be contacted; a source is asked without.
REMOTE_WAYS = frozenset({"phone", "video", "letter"})

DETAILS: CodeList = MappingProxyType(
    {"right": "Yes, still right", "updated": "No, updated at the site", "not_asked": "Not asked"}
)

OUTCOMES: CodeList = MappingProxyType(
    {
        "no_answer": "No answer",
        "wrong_details": "Number or address no longer right",
        "message_left": "Message left, no reply yet",
        "declined": "Did not want to talk this time",
        "died": "Learned that the patient had died",
    }
)

# The years in which every visit is an examination.
EXAMINED_YEARS = 5
# So many attempts without success, and *lost to follow-up* is offered; a person decides.
ATTEMPTS_BEFORE_LOST = 3


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the contact whose yes is an adverse event of `category`."""

    key: str
    asked: str
    hint: str
    category: str
    described: str


MALIGNANCY = Question(
    "new_malignancy",
    "A new cancer?",
    "Any cancer, leukaemia, lymphoma or in-situ lesion, also when only suspected.",
    "malignancy",
    "What was found, where, and how was it proven?",
)
QUESTIONS = (
    MALIGNANCY,
    Question(
        "blood_disorder",
        "A new blood disorder?",
        "For example low blood counts, a clotting disorder, transfusions.",
        "other",
        "Which blood disorder?",
    ),
    Question(
        "serious_infection",
        "A serious infection?",
        "One that needed a hospital, treatment into a vein, or threatened life.",
        "infection",
        "Which infection?",
    ),
    Question(
        "autoimmune_or_neurological",
        "A new or worse autoimmune or neurological condition?",
        "Also a flare of the treated disease.",
        "other",
        "Which condition?",
    ),
)


def is_contact(window: VisitWindow) -> bool:
    """Whether the planned visit is asked for as a contact: beyond year 5, and not on site only."""
    return window.mode in ("remote", "either") and window.target_on > add_months(
        window.day_zero, 12 * EXAMINED_YEARS
    )


def may_be_lost(attempted_on: Collection[date]) -> bool:
    """Whether enough attempts failed to offer *lost to follow-up*."""
    return len(attempted_on) >= ATTEMPTS_BEFORE_LOST
