"""People come under follow-up, courses begin, follow-up ends."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max

from registry.access.roles import require
from registry.access.scope import Rows, acting
from registry.actions.evaluations import nudge
from registry.actions.laboratory import lock_patient
from registry.actions.locks import refuse_if_locked
from registry.actions.refused import refuse_if
from registry.clinical.record_checks import check_infusion, check_patient
from registry.clinical.refusals import Problem
from registry.clinical.spoken_dates import spoken
from registry.clinical.study_days import course_of
from registry.models import Course, Infusion, LabResult, Patient, Product, Site, User, Visit
from registry.queries.consent import collection_problems


@dataclass(frozen=True, slots=True)
class EnrolmentEntry:
    """A patient as entered. Without `enrolled_on` the patient is screened only."""

    patient_id: str
    sex: str
    birth_year: int | None
    diagnosis: str
    cohort: str
    enrolled_on: date | None = None
    index_date: date | None = None
    disease_onset_year: int | None = None
    failed_therapies: int | None = None
    organs_at_baseline: tuple[str, ...] = ()
    prior_malignancy: bool | None = None


@dataclass(frozen=True, slots=True)
class InfusionEntry:
    """An infusion as entered; `dose_cells` in 10⁶ cells."""

    infused_on: date
    product: Product
    lot: str = ""
    dose_cells: Decimal | None = None
    lymphodepletion: str = ""


def enrol_patient(*, site: Site, entry: EnrolmentEntry, by: User | None, today: date) -> Patient:
    """Keep a patient of the site, with the course of the index date for a comparator; returns the patient.

    Raises NotAllowed and RecordRefused, also for an id that the study has already.
    """
    facts: dict[str, Any] = asdict(entry)
    code = facts.pop("patient_id")
    patient = Patient(
        **{**facts, "organs_at_baseline": list(entry.organs_at_baseline)},
        study_id=site.study_id,
        site=site,
        code=code,
    )
    require(by, "enrol_patients", patient=patient)
    refuse_if_locked(patient=patient)
    del facts["prior_malignancy"]
    with transaction.atomic():
        refuse_if(
            [
                *check_patient(patient_id=code, **facts, today=today),
                *_check_is_new(study_id=site.study_id, code=code),
            ]
        )
        patient.save()
        if entry.index_date is not None:
            Course.objects.create(patient=patient, day_zero=entry.index_date)
        nudge(patient_id=patient.pk)
    return patient


def record_infusion(*, patient: Patient, entry: InfusionEntry, by: User | None, today: date) -> Infusion:
    """Keep an infusion and open its course; visits dated from that day on move to it.

    Raises NotAllowed and RecordRefused, also for a second infusion of one day.
    """
    require(by, "enter_record", patient=patient)
    refuse_if_locked(patient=patient)
    with transaction.atomic():
        lock_patient(patient)
        refuse_if(
            [
                *check_infusion(
                    infused_on=entry.infused_on,
                    dose_cells=entry.dose_cells,
                    birth_year=patient.birth_year,
                    died_on=patient.died_on,
                    today=today,
                    cohort=patient.cohort,
                    lot=entry.lot,
                    lymphodepletion=entry.lymphodepletion,
                ),
                *collection_problems(
                    patient=patient, field="infused_on", what="An infusion", on=entry.infused_on
                ),
                *_check_product(patient=patient, product=entry.product),
                *_check_first_of_day(patient=patient, infused_on=entry.infused_on),
            ]
        )
        infusion = Infusion.objects.create(
            patient=patient,
            course=open_course(patient=patient, day_zero=entry.infused_on),
            infused_on=entry.infused_on,
            product=entry.product,
            lot=entry.lot,
            dose_cells=entry.dose_cells,
            lymphodepletion=entry.lymphodepletion,
        )
        nudge(patient_id=patient.pk)
    return infusion


def open_course(*, patient: Patient, day_zero: date) -> Course:
    """Open the course of a day 0, give it the visits that lie in it, and return it."""
    with transaction.atomic():
        course = Course.objects.create(patient=patient, day_zero=day_zero)
        courses = {each.day_zero: each for each in Course.objects.filter(patient=patient)}
        visits = Visit.objects.filter(patient=patient, visited_on__gte=day_zero)
        for visit in moved_visits(visits=visits, courses=courses):
            visit.save(update_fields=["course"])
    return course


def moved_visits(*, visits: Iterable[Visit], courses: Mapping[date, Course]) -> list[Visit]:
    """Give each dated visit the course it lies in (rules.md G-1); returns those that changed course.

    A missed visit without a date stays in the course it was declared missed in.
    """
    moved = []
    for visit in visits:
        if visit.visited_on is None:
            continue
        day_zero = course_of(visit.visited_on, day_zeros=tuple(courses))
        if day_zero is not None and courses[day_zero].pk != visit.course_id:
            visit.course = courses[day_zero]
            moved.append(visit)
    return moved


def end_follow_up(
    *,
    patient: Patient,
    ended_on: date | None,
    reason: str,
    cause_of_death: str = "",
    by: User | None,
    today: date,
) -> Patient:
    """Keep the last day under follow-up and why it was the last; returns the patient.

    Raises NotAllowed and RecordRefused, also for a death before what is recorded already.
    """
    require(by, "enter_record", patient=patient)
    refuse_if_locked(patient=patient)
    with transaction.atomic():
        lock_patient(patient)
        current = Patient.objects.get(pk=patient.pk)
        problems = check_patient(
            patient_id=current.code,
            sex=current.sex,
            birth_year=current.birth_year,
            diagnosis=current.diagnosis,
            cohort=current.cohort,
            enrolled_on=current.enrolled_on,
            index_date=current.index_date,
            follow_up_ended_on=ended_on,
            follow_up_end_reason=reason,
            cause_of_death=cause_of_death,
            latest_record_on=_latest_record_on(current),
            today=today,
        )
        if ended_on is None and not problems:
            problems.append(Problem("follow_up_ended_on", "", "The end has no date.", "Give the last day."))
        if current.follow_up_ended_on is not None:
            problems.append(
                Problem(
                    "follow_up_ended_on",
                    ended_on.isoformat() if ended_on else "",
                    f"Follow-up ended already on {spoken(current.follow_up_ended_on)}.",
                    "Correct the patient's record instead.",
                )
            )
        refuse_if(problems)
        current.follow_up_ended_on = ended_on
        current.follow_up_end_reason = reason
        current.cause_of_death = cause_of_death
        current.save(update_fields=["follow_up_ended_on", "follow_up_end_reason", "cause_of_death"])
        nudge(patient_id=current.pk)
    return current


def _latest_record_on(patient: Patient) -> date | None:
    latest = (
        Infusion.objects.filter(patient=patient).aggregate(on=Max("infused_on")),
        Visit.objects.filter(patient=patient).aggregate(on=Max("visited_on")),
        LabResult.objects.filter(patient=patient, superseded_at__isnull=True).aggregate(
            on=Max("collected_on")
        ),
    )
    return max((found["on"] for found in latest if found["on"] is not None), default=None)


def id_problems(*, site: Site, code: str) -> list[Problem]:
    """Return why the id cannot be given to a new patient: the study has it, at whatever site."""
    with acting(rows=Rows(studies=frozenset({site.study_id}))):
        return _check_is_new(study_id=site.study_id, code=code)


def _check_is_new(*, study_id: int, code: str) -> list[Problem]:
    if not Patient.objects.filter(study_id=study_id, code=code).exists():
        return []
    return [
        Problem("patient_id", code, f"The study has a patient {code} already.", "Give an id that is free.")
    ]


def _check_product(*, patient: Patient, product: Product) -> list[Problem]:
    if product.study_id == patient.study_id:
        return []
    return [
        Problem("product_id", product.code, f"{product.code} is no product of this study.", "Choose another.")
    ]


def _check_first_of_day(*, patient: Patient, infused_on: date) -> list[Problem]:
    if not Course.objects.filter(patient=patient, day_zero=infused_on).exists():
        return []
    return [
        Problem(
            "infused_on",
            infused_on.isoformat(),
            f"An infusion on {spoken(infused_on)} is recorded already.",
            "Correct that infusion instead.",
        )
    ]
