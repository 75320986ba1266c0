"""Many patients at once, for tests in which only their number matters."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from registry.models import Course, Infusion, LabResult, Patient, WaitingEvaluation
from tests.factories import DAY_0, NIGHT, make_product, make_site


def day(number: int) -> date:
    """The date of a study day."""
    return DAY_0 + timedelta(days=number)


def make_patients(
    *, count: int, low_on: Sequence[int], first: int = 1, day_zero: date = DAY_0
) -> list[Patient]:
    """Patients of one site, infused on day 0, with a low neutrophil count on each of the days.

    Everybody waits to be judged.
    """
    site = make_site()
    patients = Patient.objects.bulk_create(
        [
            Patient(
                study=site.study,
                site=site,
                code=f"{site.code}-{number:05}",
                sex="F",
                birth_year=1985,
                diagnosis="SLE",
                cohort="CAR_T",
                enrolled_on=day_zero - timedelta(days=7),
            )
            for number in range(first, first + count)
        ]
    )
    product = make_product(study=site.study)
    courses = Course.objects.bulk_create([Course(patient=each, day_zero=day_zero) for each in patients])
    Infusion.objects.bulk_create(
        [
            Infusion(patient=each.patient, course=each, infused_on=day_zero, product=product)
            for each in courses
        ]
    )
    add_lows(patients=patients, low_on=low_on)
    return patients


def add_lows(*, patients: Sequence[Patient], low_on: Sequence[int]) -> None:
    """Give each of them a low neutrophil count on each of the days.

    Lows on days 3, 20 and 34 make a prolonged cytopenia of 31 days; without the last one there is none
    that is certain.
    """
    LabResult.objects.bulk_create(
        [
            LabResult(
                patient=each,
                collected_on=day(number),
                analyte="ANC",
                entered_value="0.4",
                entered_unit="10*9/L",
                value=Decimal("0.4"),
                entered_at=NIGHT,
                origin="form",
            )
            for each in patients
            for number in low_on
        ],
        batch_size=5000,
    )


def nobody_waits() -> None:
    """As if everybody had been judged on what is there."""
    WaitingEvaluation.objects.all().delete()
