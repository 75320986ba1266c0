"""Drawn histories as rows: what the rules judge in memory, the pre-selection finds in tables."""

from collections.abc import Iterable
from datetime import date, timedelta
from random import Random

from registry.models import (
    AdverseEvent,
    AdverseEventFollowUp,
    Course,
    LabResult,
    Patient,
    ScheduledVisit,
    Study,
    SupportiveTreatment,
    Visit,
    VisitSchedule,
)
from registry.monitoring.evidence import History
from tests.factories import NIGHT, make_site, make_study

WRITTEN = {"entered_at": NIGHT, "origin": "form"}
TERMS = ("Headache", "Rash", "Swollen node", "T-cell lymphoma", "MDS", "Naevus", "Skin lesion")
NARRATIVES = (
    "",
    "No evidence of lymphoma.",
    "Mother had breast cancer.",
    "MDS cannot be excluded.",
    "Biopsy: peripheral T-cell lymphoma.",
    "Recurrence of melanoma, first treated 2009.",
    "History of breast cancer in 2009.",
    "Tumour lysis syndrome ruled out.",
)
CODES = (
    ("", ""),
    ("", ""),
    ("ICD-10", "C84.4"),
    ("ICD-10", "D22"),
    ("ICD-O-3", "8500/3"),
    ("MedDRA", "10000001"),
)
ONSETS = ("", "2019", "2023-05", "2024-01-01", "2025-06-01")


def store(histories: Iterable[History], *, study: Study | None = None) -> dict[int, History]:
    """Write histories of one schedule each a patient; give them back by the ids of their patients."""
    stored = {}
    for history in histories:
        own = study or make_study(key=f"S-{Study.objects.count()}")
        if study is None:
            store_schedules(own, history)
        patient = store_patient(history, own)
        stored[patient.pk] = history
    return stored


def store_schedules(study: Study, history: History) -> None:
    for version in history.schedules:
        schedule = VisitSchedule.objects.create(
            study=study, version=version.version, effective_from=version.effective_from
        )
        ScheduledVisit.objects.bulk_create(
            ScheduledVisit(
                schedule=schedule,
                code=visit.code,
                offset=visit.offset,
                offset_unit=visit.offset_unit,
                days_before=visit.days_before,
                days_after=visit.days_after,
                repeats_yearly=visit.repeats_yearly,
            )
            for visit in version.visits
        )


def store_patient(history: History, study: Study) -> Patient:
    patient = Patient.objects.create(
        study=study,
        site=make_site(study=study),
        code=f"P-{Patient.objects.count()}",
        sex="F",
        birth_year=1985,
        diagnosis="SLE",
        cohort="CAR_T",
        enrolled_on=history.enrolled_on,
        follow_up_ended_on=history.follow_up_ended_on,
        follow_up_end_reason=history.follow_up_end_reason,
        cause_of_death=history.cause_of_death,
    )
    courses = {
        day_zero: Course.objects.create(patient=patient, day_zero=day_zero) for day_zero in history.day_zeros
    }
    LabResult.objects.bulk_create(
        (
            LabResult(
                patient=patient,
                collected_on=point.collected_on,
                analyte=analyte,
                entered_value=f"{point.comparator}{point.value}",
                entered_unit="",
                comparator=point.comparator,
                value=point.value,
                **WRITTEN,
            )
            for analyte, points in history.labs.items()
            for point in points
        ),
        ignore_conflicts=True,  # the same result drawn twice is recorded once
    )
    SupportiveTreatment.objects.bulk_create(
        (
            SupportiveTreatment(patient=patient, given_on=support.given_on, kind=support.kind, **WRITTEN)
            for support in history.supports
        ),
        ignore_conflicts=True,
    )
    Visit.objects.bulk_create(
        Visit(
            patient=patient,
            course=courses[visit.day_zero],
            code=visit.code,
            status=visit.status,
            visited_on=visit.visited_on,
            missed_reason="ill" if visit.status == "missed" else "",
            new_malignancy=visit.new_malignancy,
            new_malignancy_text=visit.new_malignancy_text,
            **WRITTEN,
        )
        for visit in history.visits
    )
    return patient


def add_events(random: Random, patient: Patient) -> None:
    """Give a patient up to three events with reports that name a malignancy, deny one, or neither."""
    for number in range(random.choice([0, 0, 1, 3])):
        system, code = random.choice(CODES)
        event = AdverseEvent.objects.create(
            patient=patient,
            study=patient.study,
            event_id=f"{patient.code}-{number}",
            term=random.choice(TERMS),
            narrative=random.choice(NARRATIVES),
            category=random.choice(["", "", "", "malignancy"]),
            code_system=system,
            code=code,
            started_on=random.choice(ONSETS),
            aware_on=random.choice([None, date(2024, 6, 1)]),
            **WRITTEN,
        )
        for later in range(random.choice([0, 0, 1, 2])):
            add_report(random, event, later + 1)


def add_report(random: Random, event: AdverseEvent, number: int) -> AdverseEventFollowUp:
    return AdverseEventFollowUp.objects.create(
        event=event,
        patient=event.patient,
        number=number,
        reported_on=date(2024, 6, 1) + timedelta(days=random.randrange(700)),
        term=random.choice(["", *TERMS]),
        narrative=random.choice(NARRATIVES),
        **WRITTEN,
    )


def add_answers(random: Random, patient: Patient) -> None:
    """Let some visits answer the question about a new malignancy."""
    for visit in patient.visits.all():
        if random.random() < 0.2:
            visit.new_malignancy = random.choice([True, False, None])
            visit.new_malignancy_text = random.choice(["", "melanoma", "none", "no evidence of lymphoma"])
            visit.save()
