"""The canaries: invented patients with the findings that every night must come to, as they are written.

Fixed and long past, so that the calendar changes nothing of them: day 0 is 4 January 2010 and follow-up
ended with the year. Each shows one condition by which the pre-selection picks patients, or a record just
beside a limit that must be left alone.

What is written here is never edited: results and patients cannot be deleted. A changed canary is a new set
with the next number, and the earlier set is left behind unread.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db.models import Model

from registry.clinical.units import to_canonical
from registry.models import (
    AdverseEvent,
    Course,
    Infusion,
    LabResult,
    Patient,
    Product,
    ScheduledVisit,
    Site,
    Sponsor,
    Study,
    Visit,
    VisitSchedule,
)
from registry.monitoring.evidence import Certainty

SET = 1
RESERVED = "canaries-"  # no study of patients has a key that begins so
KEY = f"{RESERVED}{SET}"
STUDY_ID = -SET
# Patients of this set; every key of a canary is negative (migration 0005).
FIRST_ID, LAST_ID = -SET * 1_000 - 999, -SET * 1_000

DAY_0 = date(2010, 1, 4)
ENDED_ON = date(2010, 12, 31)
# From this date on the canaries are expected; a demonstration pinned to an earlier one has none.
EXPECTED_FROM = date(2011, 1, 1)
_ENTERED_AT = datetime(2011, 1, 1, tzinfo=UTC)
_NAMES = uuid.UUID("6f1d3f0e-6d0a-5a39-9c55-6b1f0b7d8a10")

# Day from day 0 and value, one analyte a line; the unit is one a laboratory would print.
Counts = Mapping[tuple[str, str], Mapping[int, str]]


@dataclass(frozen=True, slots=True)
class Canary:
    """One invented patient. `finds`: rule, subject and certainty of everything that must be found."""

    code: str
    finds: frozenset[tuple[str, str, Certainty]] = frozenset()
    has_d28: bool = True
    counts: Counts = field(default_factory=dict)
    event: Mapping[str, str] = field(default_factory=dict)
    new_malignancy_text: str = ""
    cause_of_death: str = ""


def _finds(*expected: tuple[str, str, Certainty]) -> frozenset[tuple[str, str, Certainty]]:
    return frozenset(expected)


_LANDMARK = "unresolved_at_day_28"
_CYTOPENIA = "prolonged_cytopenia"
_MALIGNANCY = "secondary_malignancy"
_ZERO = DAY_0.isoformat()

CANARIES: tuple[Canary, ...] = (
    Canary("overdue-visit", _finds(("overdue_visit", f"D28@{_ZERO}", "certain")), has_d28=False),
    # CYT-6: 29 days are over 28. Counted as reports give them: per microlitre, in g/dL.
    Canary(
        "neutrophils-low-29-days",
        _finds((_CYTOPENIA, "ANC", "certain"), (_LANDMARK, f"ANC@{_ZERO}", "certain")),
        counts={
            ("ANC", "/uL"): {2: "1400", 3: "400", 10: "200", 17: "600", 24: "700", 32: "990"}
            | {33: "1100", 34: "1200", 35: "1300"}
        },
    ),
    Canary(
        "platelets-low-29-days",
        _finds((_CYTOPENIA, "PLT", "certain"), (_LANDMARK, f"PLT@{_ZERO}", "certain")),
        counts={
            ("PLT", "10*9/L"): {2: "90", 3: "40", 10: "20", 17: "30", 24: "45", 32: "49"}
            | {33: "60", 34: "70", 35: "80"}
        },
    ),
    Canary(
        "haemoglobin-low-29-days",
        _finds((_CYTOPENIA, "HGB", "certain"), (_LANDMARK, f"HGB@{_ZERO}", "certain")),
        counts={
            ("HGB", "g/dL"): {2: "9.5", 3: "7.8", 10: "7.1", 17: "7.4", 24: "7.9", 32: "7.9"}
            | {33: "8.1", 34: "8.4", 35: "9.0"}
        },
    ),
    # CYT-6, CYT-8: 28 days are not over 28, whichever way they are counted.
    Canary(
        "neutrophils-low-28-days",
        _finds((_LANDMARK, f"ANC@{_ZERO}", "certain")),
        counts={
            ("ANC", "10*9/L"): {2: "1.4", 3: "0.6", 10: "0.6", 17: "0.6", 24: "0.6", 31: "0.9"}
            | {32: "1.1", 33: "1.2", 34: "1.3"}
        },
    ),
    # CYT-8: one low count, and nobody counted again for longer than 28 days.
    Canary(
        "neutrophils-not-counted-again",
        _finds((_CYTOPENIA, "ANC", "possible")),
        counts={
            ("ANC", "10*9/L"): {1: "2.1", 2: "2.0", 3: "1.9", 40: "0.7", 75: "1.6", 76: "1.8", 77: "1.9"}
        },
    ),
    Canary(
        "neutrophils-low-on-day-28",
        _finds((_LANDMARK, f"ANC@{_ZERO}", "certain")),
        counts={
            ("ANC", "10*9/L"): {2: "1.4", 14: "0.5", 21: "0.7", 28: "0.9", 29: "1.1", 30: "1.2", 31: "1.3"}
        },
    ),
    Canary(
        "neutrophils-recovered-by-day-28",
        counts={("ANC", "10*9/L"): {2: "1.4", 7: "0.5", 14: "0.7", 21: "1.0", 24: "1.2", 28: "1.3"}},
    ),
    # MAL-2: a code that does not begin with C.
    Canary(
        "malignancy-by-code",
        _finds((_MALIGNANCY, "adverse_event:canary-code", "certain")),
        event={
            "event_id": "canary-code",
            "term": "Refractory anaemia",
            "code_system": "ICD-10",
            "code": "D46.9",
        },
    ),
    # MAL-3, MAL-5: nothing but words, and no category.
    Canary(
        "malignancy-by-text",
        _finds((_MALIGNANCY, "adverse_event:canary-text", "possible")),
        event={
            "event_id": "canary-text",
            "term": "Rash",
            "narrative": "Skin biopsy on day 120 shows cutaneous T-cell lymphoma.",
        },
    ),
    Canary(
        "malignancy-by-question",
        _finds((_MALIGNANCY, f"visit_question:D28@{_ZERO}", "possible")),
        new_malignancy_text="Melanoma of the back",
    ),
    Canary(
        "malignancy-by-cause-of-death",
        _finds((_MALIGNANCY, "cause_of_death", "possible")),
        cause_of_death="Acute myeloid leukaemia",
    ),
    Canary(
        "malignancy-by-blasts",
        _finds((_MALIGNANCY, "trigger:L3", "certain")),
        counts={("BLASTS", "%"): {120: "6"}},
    ),
    Canary(
        "malignancy-by-transgene",
        _finds((_MALIGNANCY, "trigger:T2", "possible")),
        counts={("CAR_DNA", "copies/ug"): {40: "100", 120: "2000", 150: "3000"}},
    ),
    Canary(
        "malignancy-by-lymphocytes",
        _finds((_MALIGNANCY, "trigger:T4", "possible")),
        counts={("ALC", "10*9/L"): {100: "4.5", 120: "5.0"}},
    ),
    # MAL-7 L2: two lineages low for more than 28 days, and still after day 90.
    Canary(
        "malignancy-by-late-low-counts",
        _finds(
            (_MALIGNANCY, "trigger:L2", "possible"),
            (_CYTOPENIA, "ANC", "certain"),
            (_CYTOPENIA, "PLT", "certain"),
        ),
        counts={
            ("ANC", "10*9/L"): {7: "2.4", 8: "2.3", 9: "2.4", 95: "0.9", 105: "0.8", 115: "0.8", 125: "0.9"}
            | {130: "1.8", 131: "1.9", 132: "2.0"},
            ("PLT", "10*9/L"): {7: "180", 8: "170", 9: "180", 95: "45", 105: "40", 115: "41", 125: "48"}
            | {130: "90", 131: "95", 132: "99"},
        },
    ),
    # MAL-2, MAL-4: nothing that is a candidate.
    Canary(
        "naevus-and-no-lymphoma",
        event={
            "event_id": "canary-naevus",
            "term": "Naevus",
            "code_system": "ICD-10",
            "code": "D22.5",
            "narrative": "There is no evidence of lymphoma.",
        },
    ),
    # Normal counts and nothing else: the pre-selection has no reason to call for this one.
    Canary(
        "clear",
        counts={
            ("ANC", "10*9/L"): {7: "2.4", 28: "3.1", 90: "3.4"},
            ("PLT", "10*9/L"): {7: "180", 28: "210", 90: "240"},
            ("HGB", "g/L"): {7: "120", 28: "125", 90: "131"},
        },
    ),
)


def patient_id_of(canary: Canary) -> int:
    """Return the negative key of the canary's patient."""
    return LAST_ID - 1 - CANARIES.index(canary)


def rows() -> Iterator[list[Model]]:
    """Give the rows of all canaries as they must stand, table by table, parents before children."""
    sponsor = Sponsor(pk=-SET, key=KEY, name="Invented patients of the nightly check")
    study = Study(pk=STUDY_ID, key=KEY, name=sponsor.name, sponsor=sponsor, is_canary=True)
    site = Site(pk=-SET, study=study, code="CANARY", name=sponsor.name, country="AT", time_zone="UTC")
    product = Product(
        pk=-SET,
        study=study,
        code="CANARY",
        name="none",
        target="CD19",
        source="autologous",
        vector="lentiviral",
    )
    schedule = VisitSchedule(pk=-SET, study=study, version=1, effective_from=date(2000, 1, 1))
    planned = ScheduledVisit(
        pk=-SET, schedule=schedule, code="D28", offset=28, offset_unit="day", days_before=3, days_after=3
    )
    frame: tuple[Model, ...] = (sponsor, study, site, product, schedule, planned)
    yield from ([row] for row in frame)
    patients = {canary.code: _patient(canary, study, site) for canary in CANARIES}
    courses = {code: Course(pk=p.pk, patient=p, day_zero=DAY_0) for code, p in patients.items()}
    yield list(patients.values())
    yield list(courses.values())
    yield [
        Infusion(pk=p.pk, patient=p, course=courses[code], infused_on=DAY_0, product=product)
        for code, p in patients.items()
    ]
    yield [_visit(canary, courses[canary.code]) for canary in CANARIES if canary.has_d28]
    yield [result for canary in CANARIES for result in _results(canary, patients[canary.code])]
    yield [_event(canary, patients[canary.code]) for canary in CANARIES if canary.event]


def _patient(canary: Canary, study: Study, site: Site) -> Patient:
    return Patient(
        pk=patient_id_of(canary),
        public_id=uuid.uuid5(_NAMES, f"{KEY}/{canary.code}"),
        study=study,
        site=site,
        code=canary.code,
        sex="U",
        birth_year=1980,
        diagnosis="OTHER",
        cohort="CAR_T",
        enrolled_on=DAY_0 - timedelta(days=7),
        follow_up_ended_on=ENDED_ON,
        follow_up_end_reason="death" if canary.cause_of_death else "completed",
        cause_of_death=canary.cause_of_death,
    )


def _visit(canary: Canary, course: Course) -> Visit:
    return Visit(
        pk=course.pk,
        patient=course.patient,
        course=course,
        code="D28",
        status="completed",
        visited_on=DAY_0 + timedelta(days=28),
        new_malignancy=True if canary.new_malignancy_text else None,
        new_malignancy_text=canary.new_malignancy_text,
        entered_at=_ENTERED_AT,
        origin="system",
    )


def _results(canary: Canary, patient: Patient) -> list[LabResult]:
    drawn = [
        (analyte, unit, day, value)
        for (analyte, unit), values in canary.counts.items()
        for day, value in values.items()
    ]
    return [
        LabResult(
            pk=patient.pk * 100 - number,
            patient=patient,
            collected_on=DAY_0 + timedelta(days=day),
            analyte=analyte,
            entered_value=value,
            entered_unit=unit,
            value=to_canonical(Decimal(value), analyte=analyte, unit=unit),
            entered_at=_ENTERED_AT,
            origin="system",
        )
        for number, (analyte, unit, day, value) in enumerate(drawn)
    ]


def _event(canary: Canary, patient: Patient) -> AdverseEvent:
    return AdverseEvent(
        pk=patient.pk,
        patient=patient,
        study=patient.study,
        started_on=(DAY_0 + timedelta(days=120)).isoformat(),
        entered_at=_ENTERED_AT,
        origin="system",
        **canary.event,
    )
