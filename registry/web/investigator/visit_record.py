"""A recorded visit to read: every value, what it was before, who signed it, whether it is locked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from registry.access.gates import get_patient, get_user
from registry.access.roles import Verb, may
from registry.clinical.partial_dates import NotADate, parse_date
from registry.clinical.visit_windows import UNSCHEDULED, VisitWindow, window_label
from registry.clock import today
from registry.models import Course, LabResult, Patient, RecordLock, Signature, SupportiveTreatment, Visit
from registry.queries.casebook import Casebook, casebook
from registry.queries.locks import locks_of_sheet, locks_over
from registry.queries.signatures import (
    Canonical,
    SignatureLine,
    canonical,
    current_results,
    rows_of_visit,
    signature_lines,
)
from registry.queries.visit_sheet import course_for, recorded_visit, unscheduled_visit, window_of
from registry.web.investigator.record_words import Step, Story, signed_row, since, stories_of
from registry.web.investigator.visit_place import address_of

_VISIT = Visit._meta.db_table
_RESULTS = LabResult._meta.db_table
# Where a fact of the visit stands in the form.
_ANCHORS = {
    "status": "id_status_0",
    "visited_on": "id_visited_on_0",
    "contact_mode": "id_contact_mode",
    "missed_reason": "id_missed_reason",
    "new_malignancy": "id_new_malignancy_0",
    "new_malignancy_text": "id_new_malignancy_text",
    "comments": "id_comments",
}
_ANCHOR_OF_TABLE = {
    SupportiveTreatment._meta.db_table: "s-support",
    "registry_labnotdone": "s-labs",
    "registry_visitnewevents": "s-ongoing",
    "registry_score": "s-activity",
    "registry_serology": "s-activity",
    "registry_treatmentanswer": "s-treatments",
}


@dataclass(frozen=True, slots=True)
class ReadVisit:
    """A recorded visit with its rows in words, as whoever may see the patient reads it."""

    patient: Patient
    visit: Visit
    window: VisitWindow | None
    timing: str
    book: Casebook
    stories: Sequence[Story]
    stands: Canonical
    signatures: tuple[SignatureLine, ...]
    locks: tuple[RecordLock, ...]
    results: Sequence[LabResult]

    @property
    def own(self) -> Story:
        """The row of the visit itself."""
        return next(story for story in self.stories if story.key == (_VISIT, self.visit.pk))

    @property
    def result_lines(self) -> list[tuple[LabResult, Story | None]]:
        """The results that count, each with its story when it has a past."""
        changed = {s.key[1]: s for s in self.stories if s.key[0] == _RESULTS and s.is_changed}
        return [(result, changed.get(result.pk)) for result in self.results]

    @property
    def changed_stories(self) -> list[Story]:
        """The rows that say something else than when they were entered."""
        return [story for story in self.stories if story.is_changed and story.key[0] not in _FRAME]

    @property
    def others(self) -> list[tuple[str, str, list[Story]]]:
        """The rows of the other tables: heading, where they stand in the form, the rows."""
        rest = [s for s in self.stories if s.key[0] not in (_VISIT, _RESULTS, *_FRAME)]
        rest.sort(key=lambda story: story.key[0])
        return [
            (_heading(self.book, table), _ANCHOR_OF_TABLE.get(table, "main"), list(rows))
            for table, rows in groupby(rest, key=lambda story: story.key[0])
        ]

    @property
    def last_signature(self) -> SignatureLine | None:
        return self.signatures[0] if self.signatures else None

    def changes_since(self, line: SignatureLine | None) -> list[tuple[Story, Step]]:
        """What changed after a signature; all of it to be read when there is none."""
        row = signed_row(book=self.book, signature=line.signature) if line else None
        told = [story for story in self.stories if story.key[0] != _SIGNATURES]
        return since(stories=told, signed=row) if row else []


# That a change voided a signature is said beside the signature.
_SIGNATURES = Signature._meta.db_table
_FRAME = ("registry_patient", "registry_course", _SIGNATURES)


def record(request: HttpRequest, public_id: UUID, code: str) -> HttpResponse:
    """Everything the visit says, to read and to print."""
    read = read_visit(request, public_id, code)
    return render(request, "investigator/visit_record.html", page_of(request, read))


def history(request: HttpRequest, public_id: UUID, code: str) -> HttpResponse:
    """Every row of the visit that changed: old, new, who, when, why."""
    read = read_visit(request, public_id, code)
    return render(request, "investigator/visit_history.html", page_of(request, read))


def read_visit(request: HttpRequest, public_id: UUID, code: str, *, verb: Verb = "see_patients") -> ReadVisit:
    """Gate: the patient, then a recorded visit of the course and code; else 404."""
    patient = get_patient(request, public_id, verb=verb)
    found = visit_named(request, patient=patient, code=code)
    if found is None:
        raise Http404
    course = found.course
    # The digest before everything that is shown: of a change in between, what is shown has the news and the
    # digest has not, and the signature is refused. The other way round somebody signs what they never read.
    stands = canonical(patient=patient, visit=found)
    visit = _recorded(course, code, _date_of(request, "on"))
    if visit is None or visit.pk != found.pk:
        raise Http404
    visit.patient = patient
    on_site = today(time_zone=patient.site.time_zone)
    window = window_of(patient=patient, course=course, code=code, today=on_site)
    book = casebook(patient=patient)
    keys = rows_of_visit(visit=visit)
    return ReadVisit(
        patient=patient,
        visit=visit,
        window=window,
        timing=window_label(window=window, visited_on=visit.visited_on)
        if window and visit.visited_on
        else "",
        book=book,
        stories=stories_of(book=book, keys=keys, visit_id=visit.pk),
        stands=stands,
        signatures=signature_lines(patient=patient, visit=visit, now=stands),
        locks=locks_of_sheet(lines=locks_over(patient=patient), visit=visit),
        results=current_results(patient=patient, numbers=[pk for table, pk in keys if table == _RESULTS]),
    )


def visit_named(request: HttpRequest, *, patient: Patient, code: str) -> Visit | None:
    """Return the recorded visit of this code that the address names by its day 0 and day, or None."""
    course = course_for(
        patient=patient,
        day_zero=_date_of(request, "day_zero"),
        today=today(time_zone=patient.site.time_zone),
    )
    return _recorded(course, code, _date_of(request, "on"))


def _recorded(course: Course | None, code: str, on: date | None) -> Visit | None:
    if course is None:
        return None
    if code == UNSCHEDULED and on is not None:
        return unscheduled_visit(course=course, on=on)
    return recorded_visit(course=course, code=code)


def page_of(request: HttpRequest, read: ReadVisit) -> dict[str, object]:
    """What every page about a recorded visit shows."""
    user = get_user(request)
    may_change = may(user, "enter_record", patient=read.patient) and not read.locks
    signature = read.last_signature
    return {
        "patient": read.patient,
        "visit": read.visit,
        "course": read.visit.course,
        "read": read,
        "facts": _facts(read),
        "signature": signature,
        "signatures": read.signatures,
        "locks": read.locks,
        "changes_since": read.changes_since(signature) if signature and not signature.is_valid else [],
        "may_change": may_change,
        "may_sign": may(user, "sign_record", patient=read.patient),
        "form_address": address_of(read.visit, "investigator:visit"),
        "record_address": address_of(read.visit, "investigator:visit_record"),
        "history_address": address_of(read.visit, "investigator:visit_history"),
        "sign_address": address_of(read.visit, "investigator:sign_visit"),
    }


def _facts(read: ReadVisit) -> list[tuple[str, str, bool, str]]:
    """The visit's own facts: label, value, whether it changed, where it stands in the form."""
    visit, changed = read.visit, read.own.changed_fields
    answers = {True: "Yes", False: "No", None: "Not known"}
    completed = visit.status == "completed"
    shown = [
        ("status", "Took place", "Yes" if completed else "No, it was not done"),
        ("missed_reason", "Why not", visit.missed_reason),
        ("contact_mode", "How", visit.get_contact_mode_display()),
        ("new_malignancy", "New malignancy", answers[visit.new_malignancy] if completed else ""),
        ("new_malignancy_text", "What was found", visit.new_malignancy_text),
        ("comments", "Comments", visit.comments),
    ]
    return [(label, value, name in changed, _ANCHORS[name]) for name, label, value in shown if value]


def _heading(book: Casebook, table: str) -> str:
    model = next(row.model for row in book.every.values() if row.key[0] == table)
    words = str(model._meta.verbose_name_plural)
    return {
        "registry_labnotdone": "Not measured",
        "registry_supportivetreatment": "Transfusions and growth factors",
        "registry_adverseeventfollowup": "How events went on",
        "registry_visitnewevents": "Whether there were new events",
    }.get(table, words[:1].upper() + words[1:])


def _date_of(request: HttpRequest, name: str) -> date | None:
    text = request.GET.get(name, "")
    try:
        return parse_date(text) if text else None
    except NotADate as refusal:
        raise Http404 from refusal
