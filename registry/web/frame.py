"""What the frame around every page shows: who is here, where they may go, and when the checks last ran."""

from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.http import HttpRequest
from django.urls import Resolver404, resolve

from registry.access.roles import Verb, may, memberships_of
from registry.access.scope import rows_of
from registry.access.sign_in import enters_without_password
from registry.clock import now
from registry.models import Membership, User
from registry.queries import monitoring_status
from registry.queries.questions import waiting_count
from registry.web.questions.threads import OpenThreads

PRODUCT_NAME = "CAR-T Safety Registry"

_QUESTIONS = "/questions/"
# Address, words, and the verbs of which one is enough.
_PLACES: tuple[tuple[str, str, tuple[Verb, ...]], ...] = (
    ("/patients/", "Patients", ("see_patients",)),
    ("/alerts/", "Alerts", ("review_alerts", "manage_schedules")),
    (_QUESTIONS, "Questions", ("answer_questions", "ask_questions")),
    ("/exports/", "Data exports", ("take_exports",)),
    ("/dashboard/", "Dashboard", ("review_alerts", "manage_schedules")),
    ("/locks/", "Locks", ("lock_record", "unlock_record")),
    ("/status/", "Status", ("see_status",)),
    ("/security/", "Security", ("manage_accounts",)),
    ("/notifications/", "Mails", ("manage_notifications",)),
)
_HOME_WORDS = {"coordinator": "Today", "investigator": "Today", "sponsor": "Taking data out"}


@dataclass(frozen=True, slots=True)
class NavItem:
    """One line of the navigation; `is_here` on the page itself and on the pages below it.

    `count`: how much waits there for this person.
    """

    address: str
    label: str
    is_here: bool
    current: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """The signed-in person's part of the frame."""

    person: str
    role: str
    place: str
    study: str
    nav: tuple[NavItem, ...]
    questions_count: int
    may_see_status: bool
    idle_seconds: int
    needs_password: bool


def frame(request: HttpRequest) -> dict[str, object]:
    """Context processor: the frame of every page, and the status chip for whoever is signed in."""
    shown: dict[str, object] = {"product_name": PRODUCT_NAME, "is_demo": settings.DEMO}
    user = getattr(request, "user", None)
    if isinstance(user, User):
        shown["frame"] = _frame_of(user, request.path)
        shown["question_threads"] = OpenThreads(user)
        shown["status_chip"] = monitoring_status.chip(at=now())
    return shown


def _frame_of(user: User, path: str) -> Frame:
    held = memberships_of(user)
    questions_count = _questions_count(user)
    return Frame(
        person=str(user),
        role=", ".join(dict.fromkeys(membership.get_role_display() for membership in held)),
        place=", ".join(dict.fromkeys(filter(None, map(_place_of, held)))),
        study=", ".join(dict.fromkeys(filter(None, map(_study_of, held)))),
        nav=_nav_of(user, path, questions_count),
        questions_count=questions_count,
        may_see_status=may(user, "see_status"),
        idle_seconds=settings.SESSION_IDLE_SECONDS,
        needs_password=not enters_without_password(user),
    )


def _nav_of(user: User, path: str, questions_count: int) -> tuple[NavItem, ...]:
    home = next((_HOME_WORDS[m.role] for m in memberships_of(user) if m.role in _HOME_WORDS), "")
    items = [NavItem("/", home, path == "/", "page")] if home else []
    for address, label, verbs in _PLACES:
        if any(may(user, verb) for verb in verbs) and _exists(address):
            is_here = path.startswith(address)
            count = questions_count if address == _QUESTIONS else 0
            items.append(NavItem(address, label, is_here, "page" if path == address else "true", count))
    return tuple(items)


def _questions_count(user: User) -> int:
    """What waits for this person: a site's questions to answer, and for who asks the answers."""
    if may(user, "ask_questions"):
        return waiting_count(rows=rows_of(user, verb="ask_questions"), state="answered")
    if may(user, "answer_questions"):
        return waiting_count(rows=rows_of(user, verb="answer_questions"), state="open")
    return 0


def _place_of(membership: Membership) -> str:
    if membership.site is not None:
        return f"{membership.site.code} {membership.site.name}"
    return membership.sponsor.name if membership.sponsor is not None else ""


def _study_of(membership: Membership) -> str:
    if membership.site is not None:
        return membership.site.study.key
    return membership.study.key if membership.study is not None else ""


@cache
def _exists(address: str) -> bool:
    """A page that this installation does not have is not offered."""
    try:
        resolve(address)
    except Resolver404:
        return False
    return True
