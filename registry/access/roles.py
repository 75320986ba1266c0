"""Permission verbs, the role that holds each, and the one question asked of them.

A page may hide a button; the action refuses, by `require`.
"""

from collections.abc import Iterable
from typing import Literal

from registry.models import Membership, Patient, User

Verb = Literal[
    "see_patients",
    "enter_record",
    "sign_record",
    "enrol_patients",
    "transfer_patients",
    "ask_questions",
    "answer_questions",
    "lock_record",
    "unlock_record",
    "see_alerts",
    "review_alerts",
    "manage_schedules",
    "take_exports",
    "see_status",
    "manage_accounts",
    "manage_notifications",
    "answer_for_checks",
]

VERBS_OF: dict[str, frozenset[Verb]] = {
    "coordinator": frozenset(
        {"see_patients", "enter_record", "enrol_patients", "answer_questions", "see_alerts", "see_status"}
    ),
    "investigator": frozenset(
        {
            "see_patients",
            "enter_record",
            "sign_record",
            "enrol_patients",
            "answer_questions",
            "see_alerts",
            "see_status",
        }
    ),
    "safety_officer": frozenset(
        {"see_patients", "see_alerts", "review_alerts", "ask_questions", "see_status"}
    ),
    "safety_lead": frozenset(
        {
            "see_patients",
            "see_alerts",
            "review_alerts",
            "ask_questions",
            "unlock_record",
            "see_status",
            "manage_notifications",
            "answer_for_checks",
        }
    ),
    "data_manager": frozenset(
        {
            "see_patients",
            "see_alerts",
            "transfer_patients",
            "ask_questions",
            "lock_record",
            "unlock_record",
            "manage_schedules",
            "see_status",
            "manage_notifications",
        }
    ),
    "sponsor": frozenset({"take_exports"}),
    # Keeps accounts and machinery; sees no clinical data.
    "administrator": frozenset(
        {"see_status", "manage_accounts", "manage_notifications", "answer_for_checks"}
    ),
}


class NotAllowed(PermissionError):
    """The person holds no role that may do this here. `for_people` says so in a sentence."""

    def __init__(self, verb: Verb):
        super().__init__(verb)
        self.verb = verb

    @property
    def for_people(self) -> str:
        return "Your role does not allow this. Ask the study's data manager if you think it should."


def memberships_of(user: User) -> tuple[Membership, ...]:
    """The person's current roles; asked once per request, since a request has its own `user`."""
    if not user.is_authenticated:
        return ()
    held = user.__dict__.get("_held_memberships")
    if held is None:
        held = tuple(
            Membership.objects.filter(user_id=user.pk, ended_at__isnull=True)
            .select_related("site", "site__study", "study", "sponsor")
            .order_by("pk")
        )
        user.__dict__["_held_memberships"] = held
    return held


def roles_of(user: User) -> frozenset[str]:
    return frozenset(membership.role for membership in memberships_of(user))


def may(user: User, verb: Verb, *, patient: Patient | None = None) -> bool:
    """Whether a role of the person allows the verb: anywhere, or for this patient's site and study."""
    return any(
        verb in VERBS_OF[membership.role] and (patient is None or _covers(membership, patient))
        for membership in memberships_of(user)
    )


def require(by: User | None, verb: Verb, *, patient: Patient | None = None) -> None:
    """Raise NotAllowed unless `by` may. `by` is None for the registry itself: tasks and the command line."""
    if by is not None and not may(by, verb, patient=patient):
        raise NotAllowed(verb)


def holders(verb: Verb) -> Iterable[str]:
    """The roles that hold a verb, for pages that explain."""
    return (role for role, verbs in VERBS_OF.items() if verb in verbs)


def _covers(membership: Membership, patient: Patient) -> bool:
    if membership.site_id is not None:
        return membership.site_id == patient.site_id
    if membership.sponsor_id is not None:
        return False  # a sponsor sees datasets, never a patient's page
    return membership.study_id == patient.study_id
