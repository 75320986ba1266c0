"""What a page of entry says of a locked record before anybody types: what is locked, who opens it, where.

In the view `"closed": closed(request, patient=patient)`; in the template the part `_closed.html`, and the
form only where the record is open or shows what was typed before it was locked:

    {% include "investigator/_closed.html" %}
    {% if not closed or form.is_bound %}
    <form …> … {% if not closed %}<button>Save</button>{% endif %}</form>
    {% endif %}

The action refuses whatever a page says (actions/locks.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from registry.access.gates import get_user
from registry.access.scope import rows_of
from registry.models import Patient, RecordLock, Site, User, Visit
from registry.queries.locks import LockLine, locks_over, locks_over_sites, standing_over, who_unlocks


@dataclass(frozen=True, slots=True)
class Closed:
    """The locks that stand, of which one is enough, and who asks to unlock them.

    `ask_at`: where the reader asks for it; empty for who may not. `people`: who may.
    """

    lines: tuple[LockLine, ...]
    ask_at: str
    people: tuple[User, ...]

    @property
    def locks(self) -> tuple[RecordLock, ...]:
        return tuple(line.lock for line in self.lines)

    @property
    def asked(self) -> list[LockLine]:
        """All of them when each is asked about already; none while one is still to be asked about."""
        return list(self.lines) if all(line.waiting for line in self.lines) else []


def closed(request: HttpRequest, *, patient: Patient, visit: Visit | None = None) -> Closed | None:
    """Return what keeps this visit, or without one the patient's record, from being changed, if anything."""
    return closed_by(request, lines=standing_over(lines=locks_over(patient=patient), visit=visit))


def closed_sites(request: HttpRequest, *, sites: Iterable[Site]) -> Closed | None:
    """Return what keeps a patient from being enrolled at any of these sites; None while one is open."""
    asked = list(sites)
    lines = locks_over_sites(sites=asked)
    locked = {(line.lock.level, line.lock.site_id or line.lock.study_id) for line in lines}
    if any(not locked & {("site", site.pk), ("study", site.study_id)} for site in asked):
        return None
    return closed_by(request, lines=lines)


def closed_by(request: HttpRequest, *, lines: tuple[LockLine, ...]) -> Closed | None:
    """The same of locks that were read already."""
    if not lines:
        return None
    first = next((line for line in lines if not line.waiting), lines[0])
    lock, waiting = first.lock, first.waiting
    place = f"unlocking-{waiting.pk}" if waiting else f"lock-{lock.pk}"
    may_ask = lock.study_id in rows_of(get_user(request), verb="unlock_record").studies
    return Closed(
        lines=lines,
        ask_at=f"{reverse('study:locks')}#{place}" if may_ask else "",
        people=who_unlocks(study_id=lock.study_id),
    )
