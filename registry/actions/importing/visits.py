"""Visits, supportive treatments, adverse events and scores of an import."""

from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from registry.actions.importing.checking import Facts, accepted
from registry.actions.importing.merging import Entry, Merge
from registry.actions.importing.people import People, Person
from registry.clinical.partial_dates import PartialDate
from registry.clinical.record_checks import check_event, check_score, check_support, check_text, check_visit
from registry.clinical.refusals import Problem, shortened
from registry.clinical.visit_windows import UNSCHEDULED
from registry.models import AdverseEvent, Score, SupportiveTreatment, Visit

# What only a coded record brings; a bundle has no column for it.
_CODED_BY_OTHERS = {"coded_term": 500, "body_system": 200}


def plan_visits(people: People, *, entered: Facts) -> None:
    """Merge visits by patient, code and day 0, unscheduled ones by their date as well."""
    known_codes = people.frame.visit_codes()
    stored = {}
    by_pk = people.by_pk
    for person in people.by_id.values():
        for visit in person.stored_visits:
            key = _visit_key(person, visit.code, visit.course.day_zero, visit.visited_on)
            stored[key] = visit

    def make(key: tuple[Any, ...], values: Any) -> Visit:
        person, code, day_zero = key[:3]
        return Visit(
            patient=person.patient, course=person.courses[day_zero], code=code, **{**entered, **values}
        )

    def forbids(visit: Visit) -> list[Problem]:
        person = people.by_id[visit.patient.code]
        return person.forbids(field="visited_on", what="A visit", on=visit.visited_on)

    merge = Merge(
        "visits.csv",
        people.ledger,
        people.writes,
        stored,
        make,
        with_update=_next_version,
        forbids=forbids,
        dated="visited_on",
    )
    for row in people.record.rows("visits.csv"):
        person_of_row = people.find("visits.csv", row)
        if person_of_row is None:
            continue

        def check(facts: Facts, *, person: Person = person_of_row) -> list[Problem]:
            return [*_check_visit(facts, person, people), *_check_known(facts, known_codes, people)]

        facts = accepted(file="visits.csv", row=row, ledger=people.ledger, check=check)
        course = person_of_row.course_at(facts.get("visited_on")) if facts else None
        if facts is None or course is None:
            continue
        code = facts["visit_code"]
        on = facts.get("visited_on")
        values = {k: v for k, v in facts.items() if k not in ("patient_id", "visit_code")}
        merge.add(Entry(row, _visit_key(person_of_row, code, course.day_zero, on), values))
    for visit in merge.untouched():
        by_pk[visit.patient_id].note_kept(visit.visited_on)


def _visit_key(person: Person, code: str, day_zero: date, visited_on: date | None) -> tuple[Any, ...]:
    return (person, code, day_zero, visited_on if code == UNSCHEDULED else None)


def _next_version(visit: Visit) -> tuple[str, ...]:
    """An open form must notice that the visit changed under it."""
    visit.version += 1
    return ("version",)


def _check_visit(facts: Facts, person: Person, people: People) -> list[Problem]:
    patient = person.patient
    found = check_visit(
        visit_code=facts["visit_code"],
        status=facts["status"],
        visited_on=facts.get("visited_on"),
        missed_reason=facts.get("missed_reason", ""),
        first_day_zero=min(person.courses, default=None),
        birth_year=patient.birth_year,
        died_on=patient.died_on,
        today=person.today,
        new_malignancy_text=facts.get("new_malignancy_text", ""),
    )
    if not person.courses and not people.record.is_readable("infusions.csv"):
        return [problem for problem in found if problem.field != "visited_on"]
    return found


def _check_known(facts: Facts, known_codes: list[str], people: People) -> list[Problem]:
    code = facts["visit_code"]
    if not code or not known_codes or code in known_codes or people.frame.repeats(code):
        return []
    if not people.record.is_readable("schedules.csv"):
        return []
    return [
        Problem(
            "visit_code",
            shortened(code),
            f"{shortened(code)} is not a visit of the study's schedule.",
            f"One of: {', '.join(known_codes)}.",
        )
    ]


def plan_support(people: People, *, entered: Facts) -> None:
    """Merge supportive treatments; the key says everything, so there is nothing to correct."""
    by_pk = people.by_pk
    stored = {}
    if people.record.rows("support.csv"):
        for support in SupportiveTreatment.objects.filter(patient__in=people.stored_ids):
            stored[by_pk[support.patient_id], support.given_on, support.kind] = support

    def make(key: tuple[Any, ...], values: Any) -> SupportiveTreatment:
        person, on, kind = key
        return SupportiveTreatment(patient=person.patient, given_on=on, kind=kind, **entered)

    def forbids(support: SupportiveTreatment) -> list[Problem]:
        person = people.by_id[support.patient.code]
        return person.forbids(field="given_on", what="Treatment", on=support.given_on)

    merge = Merge("support.csv", people.ledger, people.writes, stored, make, forbids=forbids)
    for row, person, facts in _accepted_rows("support.csv", people, _check_support):
        merge.add(Entry(row, (person, facts["given_on"], facts["kind"]), {}))


def _check_support(facts: Facts, person: Person) -> list[Problem]:
    return check_support(given_on=facts["given_on"], kind=facts["kind"], **_life(person))


def plan_events(people: People, *, entered: Facts) -> None:
    """Merge adverse events by their id, which belongs to one patient for good."""
    study = people.frame.study
    by_pk = people.by_pk
    ids = {row.cells["event_id"] for row in people.record.rows("adverse_events.csv") if row.is_whole}
    stored = {}
    of_others = {}
    if study.pk and ids:
        for event in AdverseEvent.objects.filter(study=study, event_id__in=ids).select_related("patient"):
            of_others[event.event_id] = event.patient.code
            if person := by_pk.get(event.patient_id):
                event.patient = person.patient
                stored[event.event_id] = event
    owners: dict[str, str] = dict(of_others)

    def make(event_id: str, values: Any) -> AdverseEvent:
        return AdverseEvent(study=study, event_id=event_id, **{**entered, **values})

    def check(facts: Facts, person: Person) -> list[Problem]:
        owner = owners.setdefault(facts["event_id"], person.patient.code) if facts["event_id"] else None
        others = [] if owner in (None, person.patient.code) else [_of_another(facts["event_id"])]
        return [*others, *_check_event(facts, person)]

    def forbids(event: AdverseEvent) -> list[Problem]:
        began = PartialDate.parse(event.started_on).earliest if event.started_on else None
        person = people.by_id[event.patient.code]
        return person.forbids(field="started_on", what="An event that began", on=began)

    merge = Merge(
        "adverse_events.csv",
        people.ledger,
        people.writes,
        stored,
        make,
        forbids=forbids,
        dated="started_on",
    )
    for row, person, facts in _accepted_rows("adverse_events.csv", people, check):
        values = {k: v for k, v in facts.items() if k not in ("patient_id", "event_id")}
        for name in ("started_on", "ended_on"):
            if name in values:
                values[name] = str(values[name] or "")
        if "seriousness" in values:
            values["seriousness"] = list(values["seriousness"] or [])
        merge.add(Entry(row, facts["event_id"], {**values, "patient": person.patient}))


def _of_another(event_id: str) -> Problem:
    return Problem(
        "event_id",
        shortened(event_id),
        f"The event {shortened(event_id)} belongs to another patient.",
        "An id that no other patient's event has, or the right patient.",
    )


def _check_event(facts: Facts, person: Person) -> list[Problem]:
    told = {k: v for k, v in facts.items() if k not in ("patient_id", *_CODED_BY_OTHERS)}
    return [
        *check_event(**{**told, "seriousness": told.get("seriousness") or ()}, **_life(person)),
        *(
            problem
            for field, maximum in _CODED_BY_OTHERS.items()
            for problem in check_text(field=field, value=facts.get(field, ""), maximum=maximum)
        ),
    ]


def plan_scores(people: People, *, entered: Facts) -> None:
    """Merge scores by patient, date and score."""
    by_pk = people.by_pk
    stored = {}
    if people.record.rows("scores.csv"):
        for score in Score.objects.filter(patient__in=people.stored_ids):
            stored[by_pk[score.patient_id], score.assessed_on, score.score] = score

    def make(key: tuple[Any, ...], values: Any) -> Score:
        person, on, score = key
        return Score(patient=person.patient, assessed_on=on, score=score, **{**entered, **values})

    def forbids(score: Score) -> list[Problem]:
        person = people.by_id[score.patient.code]
        return person.forbids(field="assessed_on", what="A score", on=score.assessed_on)

    merge = Merge("scores.csv", people.ledger, people.writes, stored, make, forbids=forbids)
    for row, person, facts in _accepted_rows("scores.csv", people, _check_score):
        key = (person, facts["assessed_on"], facts["score"])
        merge.add(Entry(row, key, {"value": Decimal(facts["value"])}))


def _check_score(facts: Facts, person: Person) -> list[Problem]:
    return check_score(
        assessed_on=facts["assessed_on"],
        score=facts["score"],
        value=facts["value"],
        decimal_comma=False,
        **_life(person),
    )


def _life(person: Person) -> Facts:
    patient = person.patient
    return {"birth_year": patient.birth_year, "died_on": patient.died_on, "today": person.today}


def _accepted_rows(file: str, people: People, check: Any) -> Any:
    for row in people.record.rows(file):
        person = people.find(file, row)
        if person is None:
            continue
        facts = accepted(file=file, row=row, ledger=people.ledger, check=partial(check, person=person))
        if facts is not None:
            yield row, person, facts


def entered_by_import(*, at: datetime, by: Any) -> Facts:
    """Return where every row of an import came from."""
    return {"entered_at": at, "entered_by": by, "origin": "import"}
