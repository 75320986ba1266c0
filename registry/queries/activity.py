"""Disease activity, serology and treatments of one patient: for the visit form and for the patient page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from django.db import connection

from registry.clinical.analytes import ANALYTES
from registry.clinical.code_lists import SCORES
from registry.clinical.disease_activity import item_names
from registry.clinical.partial_dates import PartialDate
from registry.clinical.remission import Assessment, Verdict, doris, drug_free_remission, lldas
from registry.clinical.serology import (
    ASSAYS,
    FINDINGS,
    TESTS,
    BCells,
    Quantity,
    b_cell_course,
    has_normalised,
    is_at_least,
    is_at_most,
)
from registry.clinical.study_days import course_of
from registry.clinical.treatments import (
    AGENTS,
    SECTION_GROUPS,
    DrugFree,
    Span,
    drug_free_on,
    prednisolone_equivalent,
    prednisolone_on,
)
from registry.clinical.units import to_canonical, unit_label
from registry.models import Patient, Score, ScoreDetail, Serology, Treatment, TreatmentAnswer
from registry.queries.stored_rows import rows_where


def scores_of(*, patient: Patient) -> list[Score]:
    """Return the patient's scores with what they were made of, latest first."""
    return rows_where(
        Score,
        "t.patient_id = %(patient)s ORDER BY t.assessed_on DESC, t.score",
        related=["detail"],
        patient=patient.pk,
    )


def serology_of(*, patient: Patient) -> list[Serology]:
    """Return the patient's serology, latest first."""
    return rows_where(
        Serology, "patient_id = %(patient)s ORDER BY collected_on DESC, test, assay", patient=patient.pk
    )


def treatments_of(*, patient: Patient, section: str) -> list[Treatment]:
    """Return the treatments of one section of the visit form, latest start first."""
    return of_section(all_treatments_of(patient=patient), section=section)


def all_treatments_of(*, patient: Patient) -> list[Treatment]:
    """Return the treatments of every section, latest start first."""
    return rows_where(
        Treatment, "patient_id = %(patient)s ORDER BY started_on DESC, id DESC", patient=patient.pk
    )


def of_section(treatments: Iterable[Treatment], *, section: str) -> list[Treatment]:
    """Return those that one section of the visit form asks about."""
    return [each for each in treatments if AGENTS[each.agent].group in SECTION_GROUPS[section]]


def treatment_answers_of(*, patient: Patient) -> list[TreatmentAnswer]:
    """Return what was answered at visits about treatments of every section, latest visit first."""
    return rows_where(
        TreatmentAnswer,
        "t.patient_id = %(patient)s ORDER BY visit.visited_on DESC, t.id",
        related=["visit"],
        patient=patient.pk,
    )


def detail_of(score: Score) -> ScoreDetail | None:
    """Return what a score was made of, when that is known."""
    return getattr(score, "detail", None)


def points_of(detail: ScoreDetail | None) -> dict[str, Decimal] | None:
    """Return the items of an assessment with their points; None when only the total is known."""
    if detail is None or detail.items is None:
        return None
    return {key: Decimal(points) for key, points in detail.items.items()}


def span_of(treatment: Treatment) -> Span:
    """Return a stored treatment as the pure rules read it."""
    return Span(
        agent=treatment.agent,
        started=PartialDate.parse(treatment.started_on),
        stopped=PartialDate.parse(treatment.stopped_on) if treatment.stopped_on else None,
        name=treatment.name,
        mg_per_day=treatment.mg_per_day,
    )


def complete_on(answers: Iterable[TreatmentAnswer]) -> date | None:
    """Return the latest visit at which the list was said to be complete."""
    days = (a.visit.visited_on for a in answers if a.treatment_id is None)
    return max((day for day in days if day is not None), default=None)


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """The assessments of one score, latest first, each with the day 0 it counts from and its items."""

    score: str
    name: str
    latest: Score
    day_zero: date | None
    variant: str
    items: tuple[str, ...]
    # The total that the items make, when the score says something else since.
    items_total: Decimal | None
    earlier: tuple[tuple[Score, date | None], ...]


@dataclass(frozen=True, slots=True)
class TreatmentLine:
    """One treatment with when it was asked about last; `equivalent`: mg of prednisolone a day."""

    treatment: Treatment
    name: str
    group: str
    day_zero: date | None
    equivalent: Decimal | None
    asked_on: date | None

    @property
    def is_ongoing(self) -> bool:
        return not self.treatment.stopped_on


@dataclass(frozen=True, slots=True)
class BloodRow:
    """One line of either table. `value` of a laboratory result is canonical, as its limits are made here."""

    on: date
    test: str
    assay: str
    finding: str
    titre: int | None
    comparator: str
    value: Decimal | None
    unit: str
    lower_limit: Decimal | None
    upper_limit: Decimal | None

    @property
    def name(self) -> str:
        return TESTS.get(self.test, self.test)

    @property
    def words(self) -> str:
        """`positive, 1:320`, `12 %`."""
        told = [FINDINGS[self.finding].lower()] if self.finding else []
        if self.titre is not None:
            told.append(f"1:{self.titre}")
        if self.value is not None:
            told.append(f"{self.comparator}{self.value.normalize():f} {self.unit}")
        if self.assay:
            told.append(ASSAYS[self.assay])
        return ", ".join(told)

    def quantity(self, *, assay: str) -> Quantity | None:
        if self.value is None:
            return None
        return Quantity(self.on, assay, self.value, self.comparator, self.lower_limit, self.upper_limit)


@dataclass(frozen=True, slots=True)
class BloodState:
    """Serology, complement and B cells. None: not recorded, or without the limit that it needs.

    `dsdna_normalised`: the last raised value and the first normal one after it, of the latest assay.
    `others`: of each further test and assay the latest.
    """

    dsdna: BloodRow | None
    dsdna_is_normal: bool | None
    dsdna_normalised: tuple[Quantity, Quantity] | None
    complement: tuple[tuple[BloodRow, bool | None], ...]
    complement_is_normal: bool | None
    b_cells: BCells | None
    latest_count: BloodRow | None
    others: tuple[BloodRow, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.dsdna or self.complement or self.latest_count or self.others)


@dataclass(frozen=True, slots=True)
class ActivityFile:
    """What the patient page shows of activity and treatments; everything worked out is so on reading."""

    scores: tuple[ScoreLine, ...]
    remission: tuple[Verdict, ...]
    remission_on: date | None
    blood: BloodState
    day_zero: date | None
    drug_free: DrugFree
    asked_on: date | None
    antimalarials: tuple[str, ...]
    treatments: tuple[TreatmentLine, ...]
    prophylaxis: tuple[TreatmentLine, ...]
    vaccines: tuple[TreatmentLine, ...]
    has_pneumococcal_vaccine: bool
    sledai: tuple[tuple[date, Decimal], ...]

    @property
    def ongoing(self) -> tuple[TreatmentLine, ...]:
        return tuple(line for line in self.treatments if line.is_ongoing)

    @property
    def past(self) -> tuple[TreatmentLine, ...]:
        return tuple(line for line in self.treatments if not line.is_ongoing)


def activity_file(*, patient: Patient, day_zeros: tuple[date, ...], today: date) -> ActivityFile:
    """Read the patient's activity, serology and treatments, in four queries."""
    scores = scores_of(patient=patient)
    rows = all_treatments_of(patient=patient)
    answers = treatment_answers_of(patient=patient)
    lines = _treatment_lines(rows, answers, day_zeros)
    spans = [span_of(row) for row in rows]
    asked_on = complete_on(answer for answer in answers if answer.section == "treatments")
    free = drug_free_on(spans=spans, on=asked_on or today, asked_on=asked_on)
    remission_on, verdicts = _remission(patient, scores, spans, asked_on)
    reference = asked_on or today
    day_zero = course_of(today, day_zeros=day_zeros)
    return ActivityFile(
        scores=_score_lines(scores, day_zeros),
        remission=verdicts,
        remission_on=remission_on,
        blood=_blood_state(patient, day_zero=day_zero),
        day_zero=day_zero,
        drug_free=free,
        asked_on=asked_on,
        antimalarials=tuple(
            dict.fromkeys(
                span.words
                for span in spans
                if AGENTS[span.agent].group == "antimalarial" and span.possibly_on(reference)
            )
        ),
        treatments=tuple(line for line in lines if line.group not in ("prophylaxis", "vaccine")),
        prophylaxis=tuple(line for line in lines if line.group == "prophylaxis"),
        vaccines=tuple(line for line in lines if line.group == "vaccine"),
        has_pneumococcal_vaccine=any(AGENTS[row.agent].covers_pneumococcus for row in rows),
        sledai=tuple(
            sorted((score.assessed_on, score.value) for score in scores if score.score == "SLEDAI-2K")
        ),
    )


def _score_lines(scores: list[Score], day_zeros: tuple[date, ...]) -> tuple[ScoreLine, ...]:
    by_score: dict[str, list[Score]] = {}
    for score in scores:
        by_score.setdefault(score.score, []).append(score)
    lines = []
    for key in SCORES:
        if (rows := by_score.get(key)) is None:
            continue
        latest = rows[0]
        detail = detail_of(latest)
        points = points_of(detail)
        total = detail.total if detail is not None else None
        lines.append(
            ScoreLine(
                score=key,
                name=latest.get_score_display(),
                latest=latest,
                day_zero=course_of(latest.assessed_on, day_zeros=day_zeros),
                variant=detail.variant if detail is not None else "",
                items=item_names(score=key, points=points) if points is not None else (),
                items_total=total if total is not None and total != latest.value else None,
                earlier=tuple((row, course_of(row.assessed_on, day_zeros=day_zeros)) for row in rows[1:]),
            )
        )
    return tuple(lines)


def _treatment_lines(
    rows: list[Treatment], answers: list[TreatmentAnswer], day_zeros: tuple[date, ...]
) -> list[TreatmentLine]:
    asked: dict[int, date] = {}
    for answer in answers:
        if answer.treatment_id is not None and answer.visit.visited_on is not None:
            asked.setdefault(answer.treatment_id, answer.visit.visited_on)
    return [
        TreatmentLine(
            treatment=row,
            name=row.name or AGENTS[row.agent].name,
            group=AGENTS[row.agent].group,
            day_zero=_day_zero_of(row.started_on, day_zeros),
            equivalent=(
                round(prednisolone_equivalent(agent=row.agent, mg_per_day=row.mg_per_day), 2)
                if row.mg_per_day is not None
                else None
            ),
            asked_on=asked.get(row.pk),
        )
        for row in rows
    ]


def _day_zero_of(text: str, day_zeros: tuple[date, ...]) -> date | None:
    """A partial date has no study day."""
    return course_of(date.fromisoformat(text), day_zeros=day_zeros) if len(text) == 10 else None


def _remission(
    patient: Patient, scores: list[Score], spans: list[Span], asked_on: date | None
) -> tuple[date | None, tuple[Verdict, ...]]:
    """The verdicts of the latest day on which the activity of lupus was assessed."""
    if patient.diagnosis != "SLE":
        return None, ()
    on = next((row.assessed_on for row in scores if row.score in ("SLEDAI-2K", "CSLEDAI")), None)
    if on is None:
        return None, ()
    of_day = {row.score: row for row in scores if row.assessed_on == on}
    found = assessment(of_day=of_day, spans=spans, on=on, asked_on=asked_on)
    return on, (doris(found), lldas(found), drug_free_remission(found))


def assessment(
    *, of_day: Mapping[str, Score], spans: list[Span], on: date, asked_on: date | None
) -> Assessment:
    """Return what one day tells of lupus: its scores with their items, and the drugs of the day."""
    sledai, clinical, phga = (of_day.get(key) for key in ("SLEDAI-2K", "CSLEDAI", "PHGA"))
    detail = detail_of(sledai) if sledai is not None else None
    points = points_of(detail)
    if detail is not None and sledai is not None and detail.total not in (None, sledai.value):
        points = None  # corrected since by an import: the items are no longer those of the total
    scale = detail_of(phga) if phga is not None else None
    answers = detail.answers if detail is not None else {}
    dose, why = prednisolone_on(spans=spans, on=on, asked_on=asked_on)
    return Assessment(
        sledai=sledai.value if sledai is not None else None,
        clinical_sledai=clinical.value if clinical is not None else None,
        phga=phga.value if phga is not None and scale is not None and scale.variant == "3" else None,
        prednisolone=dose,
        dose_unknown=why,
        drugs=drug_free_on(spans=spans, on=on, asked_on=asked_on),
        items=points,
        has_new_activity=answers.get("new_activity"),
        has_haemolysis_or_gi=answers.get("haemolysis_or_gi"),
    )


_OF_LABS = ("ANTI_DSDNA", "C3", "C4", "CD19")
# What the laboratory grid holds and what it cannot hold, in one reading.
_BLOOD = """
    SELECT collected_on, analyte, '', '', NULL::int, comparator, value, entered_unit, lower_limit, upper_limit
    FROM registry_labresult WHERE patient_id = %s AND analyte = ANY (%s) AND superseded_at IS NULL
    UNION ALL
    SELECT collected_on, test, assay, finding, titre, comparator, value, unit, NULL, upper_limit
    FROM registry_serology WHERE patient_id = %s
    ORDER BY 1, 2, 3, 7
"""


def _blood(patient: Patient) -> list[BloodRow]:
    with connection.cursor() as cursor:
        cursor.execute(_BLOOD, [patient.pk, list(_OF_LABS), patient.pk])
        rows = [BloodRow(*row) for row in cursor.fetchall()]
    return [_with_canonical_limits(row) if row.test in _OF_LABS else row for row in rows]


def _with_canonical_limits(row: BloodRow) -> BloodRow:
    lower, upper = (
        to_canonical(limit, analyte=row.test, unit=row.unit) if limit is not None else None
        for limit in (row.lower_limit, row.upper_limit)
    )
    unit = unit_label(ANALYTES[row.test].canonical_unit)
    return replace(row, lower_limit=lower, upper_limit=upper, unit=unit)


def _blood_state(patient: Patient, *, day_zero: date | None) -> BloodState:
    rows = _blood(patient)
    named = {row.on: row.assay for row in rows if row.test == "anti_dsdna" and row.value is None}
    dsdna = []
    for row in rows:
        assay = named.get(row.on, "") if row.test == "ANTI_DSDNA" else row.assay
        if row.test in ("ANTI_DSDNA", "anti_dsdna") and (quantity := row.quantity(assay=assay)):
            dsdna.append((replace(row, assay=assay), quantity))
    complement = []
    for key in ("C3", "C4"):
        latest = next((row for row in reversed(rows) if row.test == key), None)
        if latest is not None and (quantity := latest.quantity(assay="")):
            complement.append((latest, is_at_least(quantity)))
    counts = [q for row in rows if row.test == "CD19" and (q := row.quantity(assay=""))]
    latest_of: dict[tuple[str, str], BloodRow] = {}
    for row in rows:
        if row.test in TESTS and row.words and not (row.test == "anti_dsdna" and row.value is not None):
            latest_of[row.test, row.assay] = row
    shown = [row for row in latest_of.values() if row.test != "anti_dsdna" or row.titre or row.finding]
    return BloodState(
        dsdna=dsdna[-1][0] if dsdna else None,
        dsdna_is_normal=is_at_most(dsdna[-1][1]) if dsdna else None,
        dsdna_normalised=(
            has_normalised((quantity for _, quantity in dsdna), assay=dsdna[-1][1].assay) if dsdna else None
        ),
        complement=tuple(complement),
        complement_is_normal=_all_known(state for _, state in complement) if len(complement) == 2 else None,
        b_cells=b_cell_course(counts, day_zero=day_zero) if day_zero is not None else None,
        latest_count=next((row for row in reversed(rows) if row.test == "CD19"), None),
        others=tuple(shown),
    )


def _all_known(states: Iterable[bool | None]) -> bool | None:
    """One no is a no; a yes needs every one of them."""
    found = list(states)
    if False in found:
        return False
    return None if None in found else True
