"""The denominator: how long each patient was under observation after day 0.

Person-time runs from the first day 0 (first infusion, or a comparator's index date) to the end of
follow-up, and while follow-up goes on to the latest dated fact of the record: nobody was observed after
it. Only enrolled patients with a day 0, and not those whose follow-up ended before it. `enrolled_on` is
beside it, for an analysis that lets patients enter late.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db.models import Max, Q

from registry.clinical import code_lists
from registry.models import AdverseEvent, Infusion, LabResult, Patient, Score, SupportiveTreatment, Visit
from registry.queries.dataset_frame import ORDER, Column, Dataset, Known, learn_courses, of_studies

DAYS_OF_A_YEAR = Decimal("365.25")
LATEST_CONTACT = "latest_contact"


def _learn(patients: Sequence[Patient], known: Known) -> None:
    known.patients |= {patient.pk: patient for patient in patients}
    learn_courses(known.patients, known)
    latest: dict[int, date] = {}
    for model, name, condition in (
        (Infusion, "infused_on", Q()),
        (Visit, "visited_on", Q(status="completed")),
        (LabResult, "collected_on", Q(superseded_at__isnull=True)),
        (SupportiveTreatment, "given_on", Q()),
        (Score, "assessed_on", Q()),
    ):
        # The zones of sites differ by a day; that a fact is not of tomorrow was checked at its entry.
        found = (
            model._default_manager.filter(condition, patient__in=patients)
            .values_list("patient_id")
            .annotate(Max(name))
        )
        for patient_id, on in found:
            if on is not None:
                latest[patient_id] = max(on, latest.get(patient_id, on))
    for name in ("started_on", "ended_on"):
        complete = AdverseEvent.objects.filter(
            patient__in=patients, **{f"{name}__regex": r"^\d{4}-\d{2}-\d{2}$"}
        )
        for patient_id, text in complete.values_list("patient_id").annotate(Max(name)):
            on = date.fromisoformat(text)
            latest[patient_id] = max(on, latest.get(patient_id, on))
    known.more["latest"] = latest


def _end_of(patient: Patient, known: Known) -> date:
    start_on = known.day_zeros[patient.pk][0]
    return patient.follow_up_ended_on or max(start_on, known.more["latest"].get(patient.pk, start_on))


def _days(patient: Patient, known: Known) -> int:
    return (_end_of(patient, known) - known.day_zeros[patient.pk][0]).days


def _years(patient: Patient, known: Known) -> str:
    """Four decimals, always: sums of the column add up in every program."""
    years = Decimal(_days(patient, known)) / DAYS_OF_A_YEAR
    return str(years.quantize(Decimal("0.0001"), ROUND_HALF_UP))


def _at_risk(patients: Sequence[Patient], known: Known) -> Iterator[Patient]:
    return (p for p in patients if known.day_zeros.get(p.pk) and _days(p, known) >= 0)


_OF_END: tuple[str, ...] = ("Patient.follow_up_ended_on", "LabResult.collected_on", "Visit.visited_on")


def _source(studies: frozenset[int] | None) -> Any:
    enrolled = Patient.objects.filter(enrolled_on__isnull=False).select_related("site", "study")
    return of_studies(enrolled, studies, patient="").order_by(*ORDER)


PERSON_TIME = Dataset(
    name="person_time",
    meaning="One row per enrolled patient with a day 0: time under observation since day 0",
    columns=(
        Column("study", "text", "Key of the study", lambda p, known: p.study.key, ("Study.key",)),
        Column("site_id", "text", "Site of the patient", lambda p, known: p.site.code, ("Site.code",)),
        Column("patient_id", "text", "The registry's patient id", lambda p, known: p.code, ("Patient.code",)),
        Column(
            "cohort",
            "text",
            "Cohort",
            lambda p, known: p.cohort,
            ("Patient.cohort",),
            codes=code_lists.COHORTS,
        ),
        Column(
            "start_on",
            "date",
            "First infusion or index date",
            lambda p, known: known.day_zeros[p.pk][0],
            ("Course.day_zero",),
        ),
        Column("end_on", "date", "End of follow-up or latest contact", _end_of, _OF_END),
        Column(
            "end_reason",
            "text",
            f"Why follow-up ended; {LATEST_CONTACT} while it goes on",
            lambda p, known: p.follow_up_end_reason or LATEST_CONTACT,
            ("Patient.follow_up_end_reason",),
        ),
        Column("days", "integer", "end_on - start_on", _days, _OF_END, unit="d"),
        Column("person_years", "decimal", "days / 365.25", _years, _OF_END, unit="a"),
        Column(
            "enrolled_on",
            "date",
            "Date of enrolment",
            lambda p, known: p.enrolled_on,
            ("Patient.enrolled_on",),
        ),
    ),
    source=_source,
    learn=_learn,
    lines=_at_risk,
)
