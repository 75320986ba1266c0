"""Scores and serology of a visit: kept with it, changed with its reason, removed when they are emptied."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from registry.clinical.code_lists import SCORES
from registry.clinical.disease_activity import (
    check_clinical_sledai,
    check_items,
    check_total,
    total_of,
)
from registry.clinical.refusals import Problem
from registry.clinical.serology import TESTS
from registry.clinical.spoken_dates import spoken
from registry.models import Patient, Score, ScoreDetail, Serology, User, Visit
from registry.queries.consent import collection_problems


@dataclass(frozen=True, slots=True)
class ScoreEntry:
    """One score as entered. `items`: None when the site knew the total only."""

    score: str
    value: Decimal
    variant: str = ""
    items: Mapping[str, Decimal] | None = None
    answers: Mapping[str, bool] = field(default_factory=dict)

    @property
    def has_detail(self) -> bool:
        return bool(self.variant or self.answers or self.items is not None)


@dataclass(frozen=True, slots=True)
class SerologyEntry:
    """One antibody, or share of B cells, as entered."""

    test: str
    assay: str = ""
    finding: str = ""
    titre: int | None = None
    comparator: str = ""
    value: Decimal | None = None
    unit: str = ""
    upper_limit: Decimal | None = None


_SEROLOGY = ("finding", "titre", "comparator", "value", "unit", "upper_limit")


def score_problems(entries: Sequence[ScoreEntry]) -> list[Problem]:
    """What makes the scores of one day impossible."""
    found = []
    for entry in entries:
        found += check_total(score=entry.score, value=entry.value, variant=entry.variant)
        if entry.items is not None:
            found += check_items(score=entry.score, points=entry.items, total=entry.value)
    by_score = {entry.score: entry.value for entry in entries}
    if "CSLEDAI" in by_score:
        found += check_clinical_sledai(value=by_score["CSLEDAI"], sledai=by_score.get("SLEDAI-2K"))
    return found


def clashes(
    *, entries: Sequence[ScoreEntry], recorded: Iterable[Score], on: date, replaces_on: date | None
) -> list[tuple[str, Problem]]:
    """Scores of the day that stand already, by another way, with another value: as score and problem."""
    if on == replaces_on:
        return []
    there = {row.score: row.value for row in recorded if row.assessed_on == on}
    return [
        (
            entry.score,
            Problem(
                "value",
                str(entry.value),
                f"{SCORES[entry.score]} of {spoken(on)} is recorded already"
                f" as {there[entry.score].normalize():f}.",
                "Leave it empty, save the visit, then change it with a reason.",
            ),
        )
        for entry in entries
        if entry.score in there and there[entry.score] != entry.value
    ]


@dataclass(frozen=True, slots=True)
class ActivityPart:
    """The scores and serology of one visit. `replaces_on`: the day they stood under, of a recorded visit."""

    scores: tuple[ScoreEntry, ...]
    serology: tuple[SerologyEntry, ...]
    replaces_on: date | None

    def problems(self, *, patient: Patient, visited_on: date | None, today: date) -> list[Problem]:
        if visited_on is None:
            if not (self.scores or self.serology):
                return []
            return [
                Problem("activity", "", "A visit without a day has scores.", "Give the day of the visit.")
            ]
        recorded = Score.objects.filter(patient=patient, assessed_on=visited_on)
        return [
            *score_problems(self.scores),
            *(
                problem
                for _, problem in clashes(
                    entries=self.scores, recorded=recorded, on=visited_on, replaces_on=self.replaces_on
                )
            ),
            *(
                collection_problems(
                    patient=patient, field="activity", what="Serology", on=visited_on, scope="laboratory"
                )
                if self.serology
                else ()
            ),
            *(
                Problem("activity", entry.test, f"There is no test {entry.test}.", "Choose from the list.")
                for entry in self.serology
                if entry.test not in TESTS
            ),
        ]

    def store(self, *, visit: Visit, by: User | None, at: datetime) -> None:
        self._store_scores(visit, by, at)
        self._store_serology(visit, by, at)

    def _store_scores(self, visit: Visit, by: User | None, at: datetime) -> None:
        patient, on = visit.patient, visit.visited_on
        there = {
            (row.assessed_on, row.score): row
            for row in Score.objects.filter(patient=patient, assessed_on__in=_days(on, self.replaces_on))
            .select_related("detail")
            .order_by("pk")
        }
        for entry in self.scores:
            if on is None:
                continue
            row = there.pop((on, entry.score), None)
            if row is None:
                row = Score.objects.create(
                    patient=patient,
                    assessed_on=on,
                    score=entry.score,
                    value=entry.value,
                    entered_by=by,
                    entered_at=at,
                    origin="form",
                )
            elif row.value != entry.value:
                row.value = entry.value
                row.save(update_fields=["value"])
            _store_detail(row, entry, by=by, at=at)
        for row in there.values():
            if row.assessed_on == self.replaces_on:
                row.delete()

    def _store_serology(self, visit: Visit, by: User | None, at: datetime) -> None:
        patient, on = visit.patient, visit.visited_on
        there = {
            (row.collected_on, row.test, row.assay): row
            for row in Serology.objects.filter(
                patient=patient, collected_on__in=_days(on, self.replaces_on)
            ).order_by("pk")
        }
        for entry in self.serology:
            if on is None:
                continue
            facts = {name: getattr(entry, name) for name in _SEROLOGY}
            row = there.pop((on, entry.test, entry.assay), None)
            if row is None:
                Serology.objects.create(
                    patient=patient,
                    collected_on=on,
                    test=entry.test,
                    assay=entry.assay,
                    entered_by=by,
                    entered_at=at,
                    origin="form",
                    **facts,
                )
            elif any(getattr(row, name) != value for name, value in facts.items()):
                for name, value in facts.items():
                    setattr(row, name, value)
                row.save(update_fields=_SEROLOGY)
        for row in there.values():
            if row.collected_on == self.replaces_on:
                row.delete()


def _days(*days: date | None) -> set[date]:
    return {day for day in days if day is not None}


def _store_detail(score: Score, entry: ScoreEntry, *, by: User | None, at: datetime) -> None:
    detail = getattr(score, "detail", None)
    if not entry.has_detail:
        if detail is not None:
            detail.delete()
        return
    facts = {
        "variant": entry.variant,
        "items": None if entry.items is None else {key: f"{points:f}" for key, points in entry.items.items()},
        "total": None if entry.items is None else total_of(entry.items),
        "answers": dict(entry.answers),
    }
    if detail is None:
        ScoreDetail.objects.create(
            patient=score.patient, score=score, entered_by=by, entered_at=at, origin="form", **facts
        )
    elif any(getattr(detail, name) != value for name, value in facts.items()):
        for name, value in facts.items():
            setattr(detail, name, value)
        detail.save(update_fields=list(facts))
