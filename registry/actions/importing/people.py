"""Patients of an import: who the record names, and what is known of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from django.db.models import Max

from registry.actions.importing.checking import Facts, accepted, unknown
from registry.actions.importing.frame import Frame
from registry.actions.importing.merging import Entry, Merge, Writes
from registry.actions.importing.record import Ledger, Record, Row
from registry.clinical.consent_scopes import COMPULSORY, Act, check_may_collect
from registry.clinical.record_checks import check_patient
from registry.clinical.refusals import Problem
from registry.clinical.spoken_dates import spoken
from registry.clinical.study_days import course_of
from registry.models import Course, LabResult, Patient, Site, SiteStay, Visit
from registry.queries.consent import acts_by_patient

_PATIENT_FILES = (
    "patients.csv",
    "infusions.csv",
    "visits.csv",
    "labs.csv",
    "support.csv",
    "adverse_events.csv",
    "scores.csv",
)
# What a patient is made of when a file lacks the optional columns.
_OPTIONAL: dict[str, Any] = {
    "enrolled_on": None,
    "index_date": None,
    "follow_up_ended_on": None,
    "follow_up_end_reason": "",
    "cause_of_death": "",
    "disease_onset_year": None,
    "failed_therapies": None,
    "organs_at_baseline": [],
    "prior_malignancy": None,
}


class Today(Protocol):
    """The date at a site: `registry.clock.today`."""

    def __call__(self, *, time_zone: str) -> date: ...


@dataclass(frozen=True, slots=True)
class MovedCourse:
    """A day 0 that the record corrects; `column` is where it says so."""

    before: date
    to: date
    column: str


@dataclass(slots=True, eq=False)
class Person:
    """A patient as they will be after the import, with all their courses."""

    patient: Patient
    today: date
    row: Row | None = None
    courses: dict[date, Course] = field(default_factory=dict)
    infused_days: set[date] = field(default_factory=set)
    day_zeros_of_record: list[date] = field(default_factory=list)
    stored_visits: list[Visit] = field(default_factory=list)
    latest_kept_on: date | None = None
    moved_course: MovedCourse | None = None
    consent_acts: tuple[Act, ...] = ()

    def course_at(self, on: date | None) -> Course | None:
        """Return the course of a day; of a visit without a day, the latest the record tells of."""
        day_zeros = tuple(self.courses)
        if on is not None:
            day_zero = course_of(on, day_zeros=day_zeros)
        else:
            day_zero = max(self.day_zeros_of_record or day_zeros, default=None)
        return self.courses.get(day_zero) if day_zero else None

    def note_kept(self, on: date | None) -> None:
        """Remember the latest date of a stored fact that the record does not touch."""
        if on is not None and (self.latest_kept_on is None or on > self.latest_kept_on):
            self.latest_kept_on = on

    def forbids(self, *, field: str, what: str, on: date | None, scope: str = COMPULSORY) -> list[Problem]:
        """Refuse what is dated on a day on which the stored consent does not cover it."""
        return check_may_collect(field=field, what=what, scope=scope, on=on, acts=self.consent_acts)


@dataclass(slots=True)
class People:
    """Everyone whom the record names, by patient id."""

    frame: Frame
    record: Record
    ledger: Ledger
    writes: Writes
    by_id: dict[str, Person] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def find(self, file: str, row: Row) -> Person | None:
        """Return the patient of a row; None after noting a wrong id, silently when that was noted before."""
        if not row.is_whole:
            return None
        code = row.cells["patient_id"]
        person = self.by_id.get(code)
        if person is not None or not self.record.is_readable("patients.csv"):
            return person
        if code in self.refused:
            self.ledger.orphans[file] += 1
            return None
        problem = (
            unknown("patient_id", code, what="patient", where="patients.csv")
            if code
            else Problem("patient_id", "", "The patient's id is empty.", "It must be given.")
        )
        self.ledger.refuse(file, row, problem)
        return None

    @property
    def by_pk(self) -> dict[int, Person]:
        """Return those who are stored already, by their key in the database."""
        return {person.patient.pk: person for person in self.by_id.values() if person.patient.pk}

    @property
    def stored_ids(self) -> list[int]:
        return [person.patient.pk for person in self.by_id.values() if person.patient.pk]


def plan_people(*, record: Record, frame: Frame, day_at: Today, ledger: Ledger, writes: Writes) -> People:
    """Find everyone the record names and merge patients."""
    people = People(frame=frame, record=record, ledger=ledger, writes=writes)
    todays: dict[str, date] = {}

    def today_at(time_zone: str) -> date:
        if time_zone not in todays:
            todays[time_zone] = day_at(time_zone=time_zone)
        return todays[time_zone]

    stored = _load(people, today_at)
    _merge_patients(people, stored, today_at)
    _note_results(people)
    return people


def _load(people: People, today_at: Callable[[str], date]) -> dict[str, Patient]:
    # A line that is not whole may hold what no text in the database can: a NUL character.
    codes = {
        row.cells["patient_id"] for file in _PATIENT_FILES for row in people.record.rows(file) if row.is_whole
    }
    frame = people.frame
    if frame.study.pk is None:
        return {}
    sites = {site.pk: site for site in frame.sites.values() if site.pk}
    stored = {}
    # Who saves for one of these patients on a page waits until the import is done, and the other way round.
    concerned = Patient.objects.filter(study=frame.study, code__in=codes).order_by("pk")
    for patient in concerned.select_for_update(no_key=True):
        patient.site = sites[patient.site_id]
        patient.study = frame.study
        stored[patient.code] = patient
        people.by_id[patient.code] = Person(patient=patient, today=today_at(patient.site.time_zone))
    acts = acts_by_patient(patient_ids=people.stored_ids)
    for person in people.by_id.values():
        person.consent_acts = acts.get(person.patient.pk, ())
    return stored


def _merge_patients(people: People, stored: dict[str, Patient], today_at: Callable[[str], date]) -> None:
    frame, ledger = people.frame, people.ledger

    def make(code: str, values: Any) -> Patient:
        return Patient(study=frame.study, code=code, **{**_OPTIONAL, **values})

    merge = Merge("patients.csv", ledger, people.writes, stored, make, columns={"site": "site_id"})
    born = {code: patient.birth_year for code, patient in stored.items()}
    at_site = _transferred_to(stored)
    for row in people.record.rows("patients.csv"):
        code = row.cells.get("patient_id", "")
        site = frame.sites.get(row.cells.get("site_id", ""))
        day = today_at(site.time_zone if site else "UTC")

        def check(facts: Facts, *, site: Any = site, row: Row = row, day: date = day) -> list[Problem]:
            found = _check_stay(facts, site, at_site) if site else _check_site(people, row)
            return [*found, *_check_patient(facts, stored.get(facts["patient_id"]), day)]

        facts = accepted(file="patients.csv", row=row, ledger=ledger, check=check)
        if facts is None or site is None:
            people.refused.add(code)
            people.by_id.pop(code, None)
            continue
        values = {name: value for name, value in facts.items() if name not in ("patient_id", "site_id")}
        if code in born and born[code] != values["birth_year"]:
            values.setdefault("birth_year_is_derived", False)
        patient = merge.add(Entry(row=row, key=code, values={**values, "site": site}))
        if patient is not None:
            person = people.by_id.setdefault(code, Person(patient=patient, today=day))
            person.today = day
            person.row = person.row or row


def _transferred_to(stored: dict[str, Patient]) -> dict[str, Site]:
    """Return the present site of those who were ever transferred."""
    codes = {patient.pk: code for code, patient in stored.items()}
    moved = SiteStay.objects.filter(patient__in=codes).values_list("patient_id", flat=True)
    return {codes[pk]: stored[codes[pk]].site for pk in set(moved)}


def _check_stay(facts: Facts, site: Site, at_site: dict[str, Site]) -> list[Problem]:
    """A record of before a transfer must not move the patient back."""
    present = at_site.get(facts["patient_id"])
    if present is None or present.code == site.code:
        return []
    return [
        Problem(
            "site_id",
            site.code,
            f"The patient was transferred and is followed by {present.code}.",
            f"Write {present.code}; a data manager transfers a patient on the patient's page.",
        )
    ]


def _check_site(people: People, row: Row) -> list[Problem]:
    code = row.cells["site_id"]
    if ("sites.csv", code) in people.frame.refused or not people.record.is_readable("sites.csv"):
        return []
    if not code:
        return [Problem("site_id", "", "The site's id is empty.", "It must be given.")]
    return [unknown("site_id", code, what="site", where="sites.csv")]


def _check_patient(facts: Facts, stored: Patient | None, today: date) -> list[Problem]:
    """Check the patient as they will be: an absent column leaves what is stored."""
    merged = {
        **{name: getattr(stored, name) if stored else value for name, value in _OPTIONAL.items()},
        **facts,
    }
    for name in ("site_id", "prior_malignancy", "birth_year_is_derived"):
        merged.pop(name, None)
    return check_patient(**merged, today=today)


def _note_results(people: People) -> None:
    """A correction keeps its day, so the latest day of results stands whatever the file of results says."""
    died = {p.patient.pk: p for p in people.by_id.values() if p.row and p.patient.pk and p.patient.died_on}
    latest = (
        LabResult.objects.filter(patient__in=list(died), superseded_at__isnull=True)
        .values("patient_id")
        .annotate(latest_on=Max("collected_on"))
        .values_list("patient_id", "latest_on")
    )
    for pk, on in latest:
        died[pk].note_kept(on)


def check_moved_courses(people: People) -> None:
    """Refuse a day 0 moved past a visit, as visits will be after the import."""
    for person in people.by_id.values():
        moved = person.moved_course
        if moved is None or person.row is None:
            continue
        early = [v.visited_on for v in person.stored_visits if v.visited_on and v.visited_on < moved.to]
        if early:
            visit_on = spoken(min(early))
            problem = Problem(
                moved.column,
                moved.to.isoformat(),
                f"The visit on {visit_on} would be before day 0, {spoken(moved.to)}.",
                f"A day 0 up to {visit_on}, or leave {spoken(moved.before)}.",
            )
            people.ledger.stop("patients.csv", person.row, problem)


def check_deaths(people: People) -> None:
    """Refuse a date of death before what is already stored and stays."""
    for person in people.by_id.values():
        patient = person.patient
        died_on, kept_on = patient.died_on, person.latest_kept_on
        if person.row is None or died_on is None or kept_on is None or kept_on <= died_on:
            continue
        facts = {**_stored_facts(patient), "latest_record_on": kept_on}
        for problem in _check_patient(facts, patient, person.today):
            people.ledger.stop("patients.csv", person.row, problem)


def _stored_facts(patient: Patient) -> Facts:
    return {
        "patient_id": patient.code,
        "sex": patient.sex,
        "birth_year": patient.birth_year,
        "diagnosis": patient.diagnosis,
        "cohort": patient.cohort,
    }
