"""Infusions of an import and the courses they open; the course of a comparator's index date."""

from datetime import date
from typing import Any

from registry.actions.enrolment import moved_visits
from registry.actions.importing.checking import Facts, accepted, unknown
from registry.actions.importing.merging import Entry, Merge, Writes
from registry.actions.importing.people import MovedCourse, People, Person
from registry.actions.importing.record import Row
from registry.clinical.record_checks import check_infusion
from registry.clinical.refusals import Problem
from registry.models import Course, Infusion, Visit


def plan_courses(people: People) -> None:
    """Merge infusions; open, move and complete courses; give stored visits the course they lie in."""
    _load_courses(people)
    _merge_infusions(people)
    _place_courses(people)
    _reattach_visits(people)


def _load_courses(people: People) -> None:
    by_pk = people.by_pk
    courses = {}
    for course in Course.objects.filter(patient__in=people.stored_ids):
        by_pk[course.patient_id].courses[course.day_zero] = course
        courses[course.pk] = course
    for visit in Visit.objects.filter(patient__in=people.stored_ids):
        visit.course = courses[visit.course_id]
        by_pk[visit.patient_id].stored_visits.append(visit)


def _merge_infusions(people: People) -> None:
    by_pk = people.by_pk
    products = {product.pk: product for product in people.frame.products.values() if product.pk}
    stored = {}
    for infusion in Infusion.objects.filter(patient__in=people.stored_ids):
        person = by_pk[infusion.patient_id]
        infusion.product = products[infusion.product_id]
        person.infused_days.add(infusion.infused_on)
        stored[person, infusion.infused_on] = infusion
    _turn_into_first_infusion(people)

    def make(key: tuple[Person, date], values: Any) -> Infusion:
        person, on = key
        return Infusion(
            patient=person.patient, course=_course_for(person, on, people.writes), infused_on=on, **values
        )

    def forbids(infusion: Infusion) -> list[Problem]:
        person = people.by_id[infusion.patient.code]
        return person.forbids(field="infused_on", what="An infusion", on=infusion.infused_on)

    merge = Merge(
        "infusions.csv",
        people.ledger,
        people.writes,
        stored,
        make,
        columns={"product": "product_id"},
        forbids=forbids,
    )
    for row in people.record.rows("infusions.csv"):
        person_of_row = people.find("infusions.csv", row)
        if person_of_row is None:
            continue
        product = people.frame.products.get(row.cells["product_id"])

        def check(
            facts: Facts, *, person: Person = person_of_row, product: Any = product, row: Row = row
        ) -> list[Problem]:
            found = [] if product else _check_product(people, row)
            return [*found, *_check_infusion(facts, person)]

        facts = accepted(file="infusions.csv", row=row, ledger=people.ledger, check=check)
        if facts is None or product is None:
            continue
        on = facts["infused_on"]
        values = {k: v for k, v in facts.items() if k not in ("patient_id", "infused_on", "product_id")}
        person_of_row.infused_days.add(on)
        person_of_row.day_zeros_of_record.append(on)
        merge.add(Entry(row=row, key=(person_of_row, on), values={**values, "product": product}))
    for infusion in merge.untouched():
        by_pk[infusion.patient_id].note_kept(infusion.infused_on)


def _check_product(people: People, row: Row) -> list[Problem]:
    code = row.cells["product_id"]
    if ("products.csv", code) in people.frame.refused or not people.record.is_readable("products.csv"):
        return []
    if not code:
        return [Problem("product_id", "", "The product's id is empty.", "It must be given.")]
    return [unknown("product_id", code, what="product", where="products.csv")]


def _check_infusion(facts: Facts, person: Person) -> list[Problem]:
    patient = person.patient
    return check_infusion(
        infused_on=facts["infused_on"],
        dose_cells=facts.get("dose_cells"),
        birth_year=patient.birth_year,
        died_on=patient.died_on,
        today=person.today,
        cohort=patient.cohort,
        lot=facts.get("lot", ""),
        lymphodepletion=facts.get("lymphodepletion", ""),
    )


def _course_for(person: Person, day_zero: date, writes: Writes) -> Course:
    """Return the course that begins on the day, opened when there is none."""
    course = person.courses.get(day_zero)
    if course is None:
        course = person.courses[day_zero] = Course(patient=person.patient, day_zero=day_zero)
        writes.create(course)
    return course


def _turn_into_first_infusion(people: People) -> None:
    """Who was a comparator and turns out to have been treated keeps the course, from the first infusion."""
    first: dict[Person, date] = {}
    for row in people.record.rows("infusions.csv"):
        person = people.by_id.get(row.cells.get("patient_id", ""))
        on = row.facts.get("infused_on")
        if person and on and person.patient.cohort == "CAR_T" and on not in person.infused_days:
            first[person] = min(on, first.get(person, on))
    for person, on in first.items():
        loose = [day for day in person.courses if day not in person.infused_days]
        if loose and on not in person.courses:
            _move_course(person, before=loose[0], to=on, column="cohort", people=people)


def _place_courses(people: People) -> None:
    """Give comparators the course of their index date, and move one that was corrected."""
    for person in people.by_id.values():
        patient, index_date = person.patient, person.patient.index_date
        if patient.cohort == "CAR_T":
            if person.row and any(day not in person.infused_days for day in person.courses):
                people.ledger.stop("patients.csv", person.row, _COHORT_NEEDS_INFUSION)
            continue
        if person.infused_days and person.row:
            people.ledger.stop("patients.csv", person.row, _COHORT_HAS_INFUSIONS)
        elif index_date:
            person.day_zeros_of_record.append(index_date)
            if not person.courses:
                _course_for(person, index_date, people.writes)
            elif index_date not in person.courses:
                before = min(person.courses)
                _move_course(person, before=before, to=index_date, column="index_date", people=people)


def _move_course(person: Person, *, before: date, to: date, column: str, people: People) -> None:
    course = person.courses.pop(before)
    course.day_zero = to
    person.courses[to] = course
    people.writes.update(course, "day_zero")
    person.moved_course = MovedCourse(before=before, to=to, column=column)


_COHORT_HAS_INFUSIONS = Problem(
    "cohort", "COMPARATOR", "The patient has infusions and is called a comparator.", "Write CAR_T."
)
_COHORT_NEEDS_INFUSION = Problem(
    "cohort",
    "CAR_T",
    "The patient was followed from an index date and has no infusion that replaces it.",
    "Give the infusion in the same bundle, or write COMPARATOR.",
)


def _reattach_visits(people: People) -> None:
    """A visit's day 0 is the latest infusion on or before it, also when that infusion is told later."""
    for person in people.by_id.values():
        for visit in moved_visits(visits=person.stored_visits, courses=person.courses):
            people.writes.update(visit, "course")
