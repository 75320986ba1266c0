"""What the invented cohort agreed to, was treated with and was assessed by: the same for the same cohort.

Written as an import would, in bulk and by nobody; no rule reads any of it. Within the transaction that makes
the demonstration's accounts, so that a seeding that was interrupted begins it anew.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from registry.clinical.consent_scopes import SCOPES
from registry.clinical.disease_activity import EUSTAR_ITEMS, MRSS_SITES, SLEDAI_ITEMS
from registry.models import (
    Consent,
    ConsentVersion,
    ConsentWithdrawal,
    Course,
    Patient,
    Score,
    ScoreDetail,
    Serology,
    Study,
    Treatment,
    TreatmentAnswer,
    Visit,
)

_FIRST_VERSION, _SECOND_VERSION = timedelta(days=7 * 365), timedelta(days=400)
_ASKED_FIRST = ("follow_up", "laboratory", "remote_contact", "share_sponsor")
_TAKEN_BACK = ("follow_up", "laboratory", "remote_contact")  # what was shared until then stays shared
_ASKED_AT = ("D28", "M3", "M6", "M12", "M24", "Y3")
_VARIANTS = {"SLEDAI-2K": "30", "PHGA": "3", "MMT8": "80"}
# What a lupus that is treated here most often shows, the commonest first.
_USUAL_ITEMS = ("arthritis", "rash", "proteinuria", "alopecia", "haematuria", "mucosal_ulcers", "pleurisy")
_ANTIBODIES = {
    "SLE": (("anti_sm", 0.4), ("anti_ro", 0.5), ("anti_rnp", 0.3)),
    "SSC": (("anti_scl70", 0.7), ("anti_rna_pol3", 0.2)),
    "IIM": (("anti_jo1", 0.4), ("anti_mda5", 0.3), ("anti_mi2", 0.2)),
}


@dataclass(frozen=True, slots=True)
class _Person:
    """A patient with day 0 and the visits that took place, and a chance of their own."""

    patient: Patient
    day_zero: date
    visits: Sequence[Visit]
    random: Random
    until: date

    @property
    def is_treated(self) -> bool:
        return self.patient.cohort == "CAR_T"

    def after(self, days: int) -> str:
        """The day so many days after day 0, or nothing when it is still to come."""
        on = self.day_zero + timedelta(days=days)
        return on.isoformat() if on <= self.until else ""


def complete(*, study_key: str, at: datetime, today: date) -> None:
    """Write consents, treatments, antibodies and the items of scores of everybody; within `acting`."""
    study = Study.objects.get(key=study_key)
    people = _people(study, today)
    entered = {"entered_by": None, "entered_at": at, "origin": "import"}
    ScoreDetail.objects.bulk_create(ScoreDetail(**found, **entered) for found in _details(study))
    Serology.objects.bulk_create(Serology(**row, **entered) for p in people for row in _antibodies(p))
    treatments = Treatment.objects.bulk_create(
        Treatment(patient=p.patient, **row, **entered) for p in people for row in _treatments(p)
    )
    TreatmentAnswer.objects.bulk_create(
        TreatmentAnswer(**row, **entered) for row in _answers(people, treatments)
    )
    _consents(study, people, today, entered)


def _people(study: Study, today: date) -> list[_Person]:
    first: dict[int, date] = {}
    for course in Course.objects.filter(patient__study=study).order_by("day_zero"):
        first.setdefault(course.patient_id, course.day_zero)
    visits: dict[int, list[Visit]] = {}
    for visit in Visit.objects.filter(patient__study=study, status="completed").order_by("visited_on", "pk"):
        visits.setdefault(visit.patient_id, []).append(visit)
    return [
        _Person(
            patient=patient,
            day_zero=first[patient.pk],
            visits=visits.get(patient.pk, ()),
            random=Random(f"record {patient.code}"),  # noqa: S311 - invented people, no secret
            until=min(patient.follow_up_ended_on or today, today),
        )
        for patient in Patient.objects.filter(study=study, pk__in=first).order_by("code")
    ]


# --- consent ----------------------------------------------------------------------------------


def _consents(study: Study, people: Sequence[_Person], today: date, entered: Mapping[str, Any]) -> None:
    """Most agreed to all they were asked about; a few have not been asked to the second version yet."""
    versions = [
        ConsentVersion.objects.create(
            study=study,
            version=number,
            title=title,
            text_digest=hashlib.sha256(f"{study.key} {number}".encode()).hexdigest(),
            effective_from=today - age,
            scopes=[scope for scope in SCOPES if scope in asked],
            entered_by=None,
            entered_at=entered["entered_at"],
        )
        for number, title, age, asked in (
            ("1.0", "Information and consent: long-term follow-up", _FIRST_VERSION, _ASKED_FIRST),
            (
                "2.0",
                "Information and consent: long-term follow-up, research, genetics",
                _SECOND_VERSION,
                tuple(SCOPES),
            ),
        )
    ]
    Consent.objects.bulk_create(
        Consent(patient=p.patient, study=study, version=version, given_on=on, scopes=scopes, **entered)
        for p in people
        for version, on, scopes in _agreed(p, *versions)
    )
    ConsentWithdrawal.objects.bulk_create(
        ConsentWithdrawal(
            patient=p.patient,
            withdrawn_on=p.until,
            scopes=list(_TAKEN_BACK),
            reason="Does not want further visits; what was collected may be kept and used.",
            **entered,
        )
        for p in people
        if p.patient.follow_up_end_reason == "withdrawal"
    )


def _agreed(
    p: _Person, first: ConsentVersion, second: ConsentVersion
) -> Iterator[tuple[ConsentVersion, date, list[str]]]:
    enrolled_on = p.patient.enrolled_on
    if enrolled_on is None:
        return
    refused = {
        scope for scope, share in (("genetics", 0.15), ("share_research", 0.08)) if _by_chance(p, share)
    }
    agreed = [scope for scope in second.scopes if scope not in refused]
    if enrolled_on >= second.effective_from:
        yield second, enrolled_on, agreed
        return
    yield first, enrolled_on, list(first.scopes)
    seen = next(
        (v.visited_on for v in p.visits if v.visited_on and v.visited_on >= second.effective_from), None
    )
    if seen is not None and not _by_chance(p, 0.1):
        yield second, seen, agreed


def _by_chance(p: _Person, share: float) -> bool:
    return p.random.random() < share


# --- treatments -------------------------------------------------------------------------------


def _treatments(p: _Person) -> Iterator[dict[str, Any]]:
    """Drugs stopped for the cells, prophylaxis after them; whom they did not help takes something again."""
    year = p.day_zero.year
    drug = {"SLE": "mycophenolate", "SSC": "mycophenolate", "IIM": "azathioprine"}.get(
        p.patient.diagnosis, "methotrexate"
    )
    dose = {"mycophenolate": "1 g twice a day", "azathioprine": "100 mg a day"}.get(drug, "15 mg a week")
    if p.patient.diagnosis == "SLE":
        yield _taken("hydroxychloroquine", str(year - 4), "", dose="200 mg twice a day")
    if not p.is_treated:
        yield _taken(drug, f"{year - 2}-03", "", dose=dose)
        yield _taken("prednisolone", f"{year - 2}-03", "", mg="7.5")
        return
    before = (p.day_zero - timedelta(days=p.random.randint(14, 28))).isoformat()
    yield _taken(drug, f"{year - 3}-0{p.random.randint(1, 9)}", before, dose=dose)
    tapered, stopped = p.random.randint(10, 24), p.random.randint(40, 85)
    yield _taken("prednisolone", f"{year - 2}-05", p.after(tapered), mg="10")
    if p.after(tapered):
        yield _taken("prednisolone", p.after(tapered), p.after(stopped), mg="5")
    if p.after(200) and _by_chance(p, 0.15):
        yield _taken("prednisolone", p.after(200), "", mg="7.5")
    yield _taken("aciclovir", p.day_zero.isoformat(), p.after(365), dose="400 mg twice a day")
    yield _taken("cotrimoxazole", p.day_zero.isoformat(), p.after(182), dose="960 mg three times a week")
    if p.after(95) and _by_chance(p, 0.2):
        yield _taken("ivig_replacement", p.after(95), p.after(400), dose="0.4 g/kg every 4 weeks")
    for agent, day in (("pneumococcal_conjugate", 200), ("influenza", 230), ("zoster_recombinant", 380)):
        if p.after(day) and _by_chance(p, 0.8):
            yield _taken(agent, p.after(day), p.after(day))


def _taken(agent: str, started_on: str, stopped_on: str, *, dose: str = "", mg: str = "") -> dict[str, Any]:
    mg_per_day = Decimal(mg) if mg else None
    return {
        "agent": agent,
        "started_on": started_on,
        "stopped_on": stopped_on,
        "dose": dose,
        "mg_per_day": mg_per_day,
    }


def _answers(people: Sequence[_Person], treatments: Sequence[Treatment]) -> Iterator[dict[str, Any]]:
    """At some visits the lists were gone through: what was taken then is answered, and nothing is missing."""
    of_patient: dict[int, list[Treatment]] = {}
    for treatment in treatments:
        of_patient.setdefault(treatment.patient_id, []).append(treatment)
    for p in people:
        for visit in p.visits:
            if visit.code not in _ASKED_AT or visit.visited_on is None:
                continue
            on = visit.visited_on.isoformat()
            for treatment in of_patient.get(p.patient.pk, ()):
                if treatment.started_on < on and not treatment.stopped_on:
                    yield _answer(p, visit, treatment=treatment, answer="same")
            for section in ("treatments", "prevention"):
                yield _answer(p, visit, section=section, answer="complete")


def _answer(p: _Person, visit: Visit, *, answer: str, **about: Any) -> dict[str, Any]:
    treatment = about.get("treatment")
    is_prophylaxis = treatment is not None and treatment.agent in ("aciclovir", "cotrimoxazole")
    section = about.get("section") or ("prevention" if is_prophylaxis else "treatments")
    return {
        "patient": p.patient,
        "visit": visit,
        "section": section,
        "treatment": treatment,
        "answer": answer,
    }


# --- disease activity -------------------------------------------------------------------------


def _details(study: Study) -> Iterator[dict[str, Any]]:
    """The items of each total that the bundle brought, so that they add up to it."""
    scores = list(
        Score.objects.filter(patient__study=study).select_related("patient").order_by("patient__code", "pk")
    )
    clinical = {(s.patient_id, s.assessed_on): s.value for s in scores if s.score == "CSLEDAI"}
    for score in scores:
        random = Random(f"items {score.patient.code} {score.assessed_on} {score.score}")  # noqa: S311 - invented
        items: Mapping[str, Decimal] | None = None
        if score.score == "SLEDAI-2K":
            items = _sledai(score.value, clinical.get((score.patient_id, score.assessed_on), score.value))
        elif score.score == "MRSS":
            items = _skin(int(score.value), random)
        elif score.score == "EUSTAR":
            items = _adding_up(score.value, [(item.key, item.points) for item in EUSTAR_ITEMS])
        variant = _VARIANTS.get(score.score, "")
        if items is None and not variant:
            continue
        answers = {"new_activity": False, "haemolysis_or_gi": False} if score.score == "SLEDAI-2K" else {}
        yield {
            "patient": score.patient,
            "score": score,
            "variant": variant,
            "items": None if items is None else {key: f"{points:f}" for key, points in items.items()},
            "total": None if items is None else sum(items.values(), Decimal(0)),
            "answers": answers,
        }


def _sledai(total: Decimal, clinical: Decimal) -> Mapping[str, Decimal] | None:
    points = {item.key: item.points for item in SLEDAI_ITEMS}
    serological = ("low_complement", "dna_binding")[: int(total - clinical) // 2]
    found = _adding_up(clinical, [(key, points[key]) for key in _USUAL_ITEMS])
    return None if found is None else {**found, **{key: points[key] for key in serological}}


def _skin(total: int, random: Random) -> Mapping[str, Decimal]:
    steps = dict.fromkeys(MRSS_SITES, 0)
    while total:
        site = random.choice([key for key, step in steps.items() if step < 3])
        steps[site] += 1
        total -= 1
    return {key: Decimal(step) for key, step in steps.items()}


def _adding_up(total: Decimal, items: Sequence[tuple[str, Decimal]]) -> Mapping[str, Decimal] | None:
    """Items whose points are the total, the first ones first; None when no choice of them is."""
    if total == 0:
        return {}
    for place, (key, points) in enumerate(items):
        if points <= total and (rest := _adding_up(total - points, items[place + 1 :])) is not None:
            return {key: points, **rest}
    return None


def _antibodies(p: _Person) -> Iterator[dict[str, Any]]:
    """Antibodies at day 0 and half a year on: those of the disease stay, the titre falls."""
    later = next((v.visited_on for v in p.visits if v.code == "M6"), None)
    positive = [test for test, share in _ANTIBODIES.get(p.patient.diagnosis, ()) if _by_chance(p, share)]
    for on, titre in (
        (p.day_zero, p.random.choice((640, 1280, 2560))),
        (later, p.random.choice((80, 160, 320))),
    ):
        if on is None:
            continue
        yield {
            "patient": p.patient,
            "collected_on": on,
            "test": "ana",
            "assay": "iif",
            "finding": "positive",
            "titre": titre,
        }
        for test in positive:
            yield {
                "patient": p.patient,
                "collected_on": on,
                "test": test,
                "assay": "blot",
                "finding": "positive",
            }
