"""The datasets of the record itself: patients, infusions, lab_results, adverse_events, scores."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from registry.clinical import code_lists
from registry.clinical.analytes import ANALYTES
from registry.clinical.ctcae import Version, grade_of
from registry.clinical.partial_dates import PartialDate
from registry.clinical.units import Comparator, to_canonical
from registry.models import AdverseEvent, Infusion, LabResult, Patient, Score
from registry.queries.dataset_frame import (
    ORDER,
    PATIENT_ID,
    Column,
    Dataset,
    Known,
    entered_columns,
    field_column,
    learn_courses,
    learn_making,
    learn_names,
    learn_patients,
    made_columns,
    of_studies,
    study_columns,
    study_day_columns,
)
from registry.queries.event_columns import CURRENT_COLUMNS, follow_up_columns, learn_chains
from registry.queries.icaht_columns import ICAHT_COLUMNS, learn_icaht

# --- patients ---------------------------------------------------------------------------------


def _learn_patients_themselves(patients: Sequence[Patient], known: Known) -> None:
    known.patients |= {patient.pk: patient for patient in patients}
    learn_courses((patient.pk for patient in patients), known)
    learn_making(Patient, patients, known)


def _state_of(patient: Patient, known: Known) -> str:
    if patient.enrolled_on is None:
        return "screened"
    return "under_follow_up" if patient.follow_up_ended_on is None else "ended"


PATIENTS = Dataset(
    name="patients",
    meaning="One row per patient",
    columns=(
        Column("patient_id", "text", PATIENT_ID.meaning, lambda p, known: p.code, ("Patient.code",)),
        Column("site_id", "text", "Site of the patient", lambda p, known: p.site.code, ("Site.code",)),
        field_column("sex", "text", "Sex", "Patient.sex", codes=code_lists.SEXES),
        field_column("birth_year", "integer", "Year of birth", "Patient.birth_year"),
        field_column("diagnosis", "text", "Index disease", "Patient.diagnosis", codes=code_lists.DIAGNOSES),
        field_column("cohort", "text", "Cohort", "Patient.cohort", codes=code_lists.COHORTS),
        field_column("enrolled_on", "date", "Date of enrolment; empty: screened only", "Patient.enrolled_on"),
        field_column("index_date", "date", "Day 0 of a comparator", "Patient.index_date"),
        field_column("follow_up_ended_on", "date", "Last day under follow-up", "Patient.follow_up_ended_on"),
        field_column(
            "follow_up_end_reason",
            "text",
            "Why follow-up ended",
            "Patient.follow_up_end_reason",
            codes=code_lists.END_REASONS,
        ),
        field_column("cause_of_death", "text", "Cause of death as written", "Patient.cause_of_death"),
        field_column("disease_onset_year", "integer", "Year of disease onset", "Patient.disease_onset_year"),
        field_column(
            "failed_therapies", "integer", "Therapies that failed before", "Patient.failed_therapies"
        ),
        field_column(
            "organs_at_baseline", "list", "Organs involved at baseline", "Patient.organs_at_baseline"
        ),
        field_column(
            "prior_malignancy", "boolean", "Malignancy before enrolment", "Patient.prior_malignancy"
        ),
        Column("study", "text", "Key of the study", lambda p, known: p.study.key, ("Study.key",)),
        Column("state", "text", "screened, under_follow_up or ended", _state_of, ("Patient.enrolled_on",)),
        Column(
            "first_day_zero",
            "date",
            "Day 0 of the first course",
            lambda p, known: next(iter(known.day_zeros.get(p.pk, ())), None),
            ("Course.day_zero",),
        ),
        Column(
            "latest_day_zero",
            "date",
            "Day 0 of the latest course",
            lambda p, known: next(iter(reversed(known.day_zeros.get(p.pk, ()))), None),
            ("Course.day_zero",),
        ),
        Column(
            "course_count",
            "integer",
            "Number of courses",
            lambda p, known: len(known.day_zeros.get(p.pk, ())),
            ("Course.day_zero",),
        ),
        field_column(
            "birth_year_is_derived",
            "boolean",
            "Year of birth computed from an age",
            "Patient.birth_year_is_derived",
        ),
        *made_columns(),
    ),
    source=lambda studies: of_studies(
        Patient.objects.select_related("site", "study__sponsor"), studies, patient=""
    ).order_by(*ORDER),
    learn=_learn_patients_themselves,
)

# --- infusions --------------------------------------------------------------------------------


def _learn_infusions(infusions: Sequence[Infusion], known: Known) -> None:
    learn_patients(infusions, known)
    learn_making(Infusion, infusions, known)
    learn_icaht(infusions, known)


INFUSIONS = Dataset(
    name="infusions",
    meaning="One row per infusion of CAR T-cells",
    columns=(
        PATIENT_ID,
        field_column("infused_on", "date", "Date of infusion, day 0 of its course", "Infusion.infused_on"),
        Column("product_id", "text", "Product", lambda i, known: i.product.code, ("Product.code",)),
        field_column("lot", "text", "Lot", "Infusion.lot"),
        field_column("dose_cells", "decimal", "Dose", "Infusion.dose_cells", unit_in="dose_unit"),
        field_column("lymphodepletion", "text", "Lymphodepletion", "Infusion.lymphodepletion"),
        *study_columns(),
        field_column("infusion_id", "integer", "The row's id", "Infusion.id"),
        Column(
            "dose_unit",
            "text",
            "Unit of dose_cells",
            lambda i, known: "" if i.dose_cells is None else "10*6 cells",
            ("Infusion.dose_cells",),
        ),
        Column(
            "course_number",
            "integer",
            "1 for the first infusion",
            lambda i, known: known.day_zeros[i.patient_id].index(i.infused_on) + 1,
            ("Course.day_zero",),
        ),
        Column(
            "product_name", "text", "Name of the product", lambda i, known: i.product.name, ("Product.name",)
        ),
        Column(
            "target",
            "text",
            "Target antigen",
            lambda i, known: i.product.target,
            ("Product.target",),
            codes=code_lists.TARGETS,
        ),
        Column(
            "source",
            "text",
            "Source of the cells",
            lambda i, known: i.product.source,
            ("Product.source",),
            codes=code_lists.SOURCES,
        ),
        Column(
            "vector",
            "text",
            "Vector",
            lambda i, known: i.product.vector,
            ("Product.vector",),
            codes=code_lists.VECTORS,
        ),
        *made_columns(),
        *ICAHT_COLUMNS,
    ),
    source=lambda studies: of_studies(Infusion.objects.select_related("product"), studies).order_by(
        *ORDER, "infused_on"
    ),
    learn=_learn_infusions,
)

# --- laboratory results -----------------------------------------------------------------------


def _learn_results(results: Sequence[LabResult], known: Known) -> None:
    learn_patients(results, known)
    learn_names((result.entered_by_id for result in results), known)
    known.more["corrected"] = dict(
        LabResult.objects.filter(superseded_by__in=[result.pk for result in results]).values_list(
            "superseded_by_id", "entered_value"
        )
    )


# The same few thousand values come back a million times.
@lru_cache(maxsize=65_536)
def _grade(
    value: Decimal, analyte: str, version: Version, lower: Decimal | None, unit: str, comparator: Comparator
) -> str:
    lower_limit = None if lower is None else to_canonical(lower, analyte=analyte, unit=unit)
    grade = grade_of(value, analyte=analyte, version=version, lower_limit=lower_limit, comparator=comparator)
    return "" if grade is None else str(grade)


def _grade_column(name: str, version: Version) -> Column:
    return Column(
        name,
        "text",
        f"CTCAE v{version} grade; 0-1 where the lower limit of normal is not known",
        lambda r, known: _grade(r.value, r.analyte, version, r.lower_limit, r.entered_unit, r.comparator),
        ("LabResult.value", "LabResult.lower_limit"),
    )


LAB_RESULTS = Dataset(
    name="lab_results",
    meaning="One row per current laboratory result; superseded results are left out",
    columns=(
        PATIENT_ID,
        field_column("collected_on", "date", "Date of collection", "LabResult.collected_on"),
        field_column("analyte", "text", "Analyte", "LabResult.analyte"),
        field_column(
            "value", "text", "Value as entered: a number, <x or >x", "LabResult.entered_value", unit_in="unit"
        ),
        field_column("unit", "text", "Unit as entered", "LabResult.entered_unit"),
        field_column(
            "lower_limit", "decimal", "Lower limit of normal", "LabResult.lower_limit", unit_in="unit"
        ),
        field_column(
            "upper_limit", "decimal", "Upper limit of normal", "LabResult.upper_limit", unit_in="unit"
        ),
        Column(
            "corrects_value",
            "text",
            "Always empty here, since a file of current results corrects nothing: see corrected_from",
            lambda r, known: None,
            ("LabResult.entered_value",),
        ),
        *study_columns(),
        field_column("result_id", "integer", "The row's id; evidence names results by it", "LabResult.id"),
        field_column(
            "canonical_value",
            "decimal",
            "Value in the canonical unit",
            "LabResult.value",
            unit_in="canonical_unit",
        ),
        field_column("comparator", "text", "< or > of the value; empty: equal", "LabResult.comparator"),
        Column(
            "canonical_unit",
            "text",
            "Canonical unit of the analyte",
            lambda r, known: ANALYTES[r.analyte].canonical_unit,
            ("LabResult.analyte",),
        ),
        _grade_column("ctcae_v5_grade", "5.0"),
        _grade_column("ctcae_v6_grade", "6.0"),
        *study_day_columns(lambda r: r.collected_on, "LabResult.collected_on"),
        Column(
            "corrected_from",
            "text",
            "The value, as entered, that this result replaced",
            lambda r, known: known.more["corrected"].get(r.pk),
            ("LabResult.entered_value",),
        ),
        *entered_columns("LabResult"),
    ),
    source=lambda studies: of_studies(LabResult.objects.filter(superseded_at__isnull=True), studies).order_by(
        *ORDER, "collected_on", "analyte", "value", "comparator", "pk"
    ),
    learn=_learn_results,
)

# --- adverse events ---------------------------------------------------------------------------


def _learn_events(events: Sequence[AdverseEvent], known: Known) -> None:
    learn_patients(events, known)
    learn_names((event.entered_by_id for event in events), known)
    learn_chains(events, known)


def _onset(event: AdverseEvent) -> date | None:
    """The first day of the event where it is known to the day."""
    if not event.started_on:
        return None
    onset = PartialDate.parse(event.started_on)
    return onset.earliest if onset.is_complete else None


def _reports(event: AdverseEvent, known: Known) -> list[dict[str, Any]]:
    return [
        {
            "number": report.number,
            "reported_on": report.reported_on.isoformat(),
            "term": report.term,
            "coded_term": report.coded_term,
            "code_system": report.code_system,
            "code": report.code,
            "outcome": report.outcome,
            "narrative": report.narrative,
            **follow_up_columns(report),
        }
        for report in event.follow_ups.all()
    ]


def reports_for_sponsors(event: AdverseEvent, known: Known) -> list[dict[str, Any]]:
    """The follow-up reports without their free text."""
    return [{name: told[name] for name in told if name != "narrative"} for told in _reports(event, known)]


ADVERSE_EVENTS = Dataset(
    name="adverse_events",
    meaning="One row per adverse event as first reported, its follow-up reports beside it",
    columns=(
        PATIENT_ID,
        field_column("event_id", "text", "The site's id of the event", "AdverseEvent.event_id"),
        field_column("term", "text", "Term as reported", "AdverseEvent.term"),
        field_column(
            "category", "text", "Category", "AdverseEvent.category", codes=code_lists.EVENT_CATEGORIES
        ),
        field_column(
            "code_system", "text", "Coding system", "AdverseEvent.code_system", codes=code_lists.CODE_SYSTEMS
        ),
        field_column("code", "text", "Code", "AdverseEvent.code"),
        field_column("grade", "integer", "Grade 1 to 5, of grade_scale", "AdverseEvent.grade"),
        field_column(
            "grade_scale",
            "text",
            "Scale of the grade and its version",
            "AdverseEvent.grade_scale",
            codes=code_lists.GRADE_SCALES,
        ),
        field_column("started_on", "partial_date", "Onset as precisely as known", "AdverseEvent.started_on"),
        field_column("ended_on", "partial_date", "End as precisely as known", "AdverseEvent.ended_on"),
        field_column("serious", "boolean", "Serious in the regulatory sense", "AdverseEvent.serious"),
        field_column("seriousness", "list", "Criteria of seriousness", "AdverseEvent.seriousness"),
        field_column(
            "relatedness", "text", "Causality", "AdverseEvent.relatedness", codes=code_lists.RELATEDNESS
        ),
        field_column("outcome", "text", "Outcome", "AdverseEvent.outcome"),
        field_column("narrative", "text", "Narrative", "AdverseEvent.narrative"),
        *study_columns(),
        field_column("coded_term", "text", "Term of the code", "AdverseEvent.coded_term"),
        field_column("body_system", "text", "Body system of the code", "AdverseEvent.body_system"),
        field_column("aware_on", "date", "Day the site became aware", "AdverseEvent.aware_on"),
        *study_day_columns(_onset, "AdverseEvent.started_on"),
        Column(
            "follow_ups",
            "object",
            "Later reports, oldest first",
            _reports,
            ("AdverseEventFollowUp.narrative",),
        ),
        *CURRENT_COLUMNS,
        *entered_columns("AdverseEvent"),
    ),
    source=lambda studies: of_studies(AdverseEvent.objects.all(), studies).order_by(*ORDER, "event_id"),
    learn=_learn_events,
)

# --- scores -----------------------------------------------------------------------------------


def _learn_scores(scores: Sequence[Score], known: Known) -> None:
    learn_patients(scores, known)
    learn_names((score.entered_by_id for score in scores), known)


SCORES = Dataset(
    name="scores",
    meaning="One row per score assessed on a day",
    columns=(
        PATIENT_ID,
        field_column("assessed_on", "date", "Date of assessment", "Score.assessed_on"),
        field_column("score", "text", "Score", "Score.score", codes=code_lists.SCORES),
        field_column("value", "decimal", "Value, in points of the score", "Score.value", unit="points"),
        *study_columns(),
        field_column("score_id", "integer", "The row's id", "Score.id"),
        *study_day_columns(lambda s: s.assessed_on, "Score.assessed_on"),
        *entered_columns("Score"),
    ),
    source=lambda studies: of_studies(Score.objects.all(), studies).order_by(*ORDER, "assessed_on", "score"),
    learn=_learn_scores,
)
