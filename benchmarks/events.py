"""Adverse events in words: about eight a patient, a quarter with a narrative, few of them a malignancy.

The texts are put together from many clauses, so that hardly two narratives are the same: what makes a
repeated sentence fast would not hold for what people write.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from benchmarks.cohort import CUT, Cohort, as_date

# Term, category, grade scale, share among ordinary events, first and last day after day 0 (0: all follow-up)
_ORDINARY = (
    ("Cytokine release syndrome", "crs", "ASTCT", 70, 1, 9),
    ("Immune effector cell-associated neurotoxicity", "icans", "ASTCT", 6, 3, 12),
    ("Neutropenia", "cytopenia", "CTCAE-5", 45, 3, 40),
    ("Febrile neutropenia", "cytopenia", "CTCAE-5", 12, 4, 25),
    ("Leukopenia", "cytopenia", "CTCAE-5", 20, 2, 60),
    ("Lymphopenia", "cytopenia", "CTCAE-5", 25, 1, 200),
    ("Thrombocytopenia", "cytopenia", "CTCAE-5", 20, 3, 40),
    ("Anaemia", "cytopenia", "CTCAE-5", 30, 3, 90),
    ("Hypogammaglobulinaemia", "hypogammaglobulinaemia", "CTCAE-5", 30, 20, 700),
    ("Pneumonia", "infection", "CTCAE-5", 18, 0, 0),
    ("Urinary tract infection", "infection", "CTCAE-5", 30, 0, 0),
    ("Upper respiratory tract infection", "infection", "CTCAE-5", 60, 0, 0),
    ("Herpes zoster", "infection", "CTCAE-5", 14, 0, 0),
    ("COVID-19", "infection", "CTCAE-5", 28, 0, 0),
    ("Sinusitis", "infection", "CTCAE-5", 16, 0, 0),
    ("CMV reactivation", "infection", "CTCAE-5", 8, 5, 120),
    ("Transient rash over the elbows", "licats", "LICATS", 12, 5, 28),
    ("Joint pain and swelling", "licats", "LICATS", 16, 5, 28),
    ("Proteinuria, transient increase", "licats", "LICATS", 12, 5, 30),
    ("Nausea", "other", "CTCAE-5", 40, 0, 20),
    ("Headache", "other", "CTCAE-5", 35, 0, 0),
    ("Fatigue", "other", "CTCAE-5", 38, 0, 0),
    ("Diarrhoea", "other", "CTCAE-5", 24, 0, 0),
    ("Raised ALT", "other", "CTCAE-5", 18, 0, 0),
    ("Raised creatinine", "other", "CTCAE-5", 12, 0, 0),
    ("Hypertension", "other", "CTCAE-5", 14, 0, 0),
    ("Deep vein thrombosis of the left leg", "other", "CTCAE-5", 3, 0, 0),
    ("Fracture of the distal radius after a fall", "other", "CTCAE-5", 3, 0, 0),
    ("Lymphadenopathy, axillary", "other", "CTCAE-5", 6, 0, 0),
    ("Lung nodule, 5 mm", "other", "CTCAE-5", 2, 0, 0),
    ("Tumour lysis syndrome, laboratory only", "other", "CTCAE-5", 1, 1, 7),
    ("Benign naevus removed", "other", "CTCAE-5", 2, 0, 0),
    ("Flare of lupus nephritis", "other", "CTCAE-5", 9, 200, 3000),
    ("Allergic reaction to cotrimoxazole", "other", "CTCAE-5", 5, 0, 0),
    ("Cholecystitis", "other", "CTCAE-5", 2, 0, 0),
    ("Depressed mood", "other", "CTCAE-5", 7, 0, 0),
)
_SIDES = ("", "", "", "", ", mild", ", recurrent", ", left", ", right", ", worsening", ", resolved at visit")

_OPENINGS = (
    "{age}-year-old seen on {on} with {word}.",
    "Admitted on {on} because of {word}, discharged after {n} days.",
    "Called the ward on {on}: {word} for {n} days.",
    "At the visit of {on} the patient reported {word}.",
    "{word_capital} first noticed on {on}, about day {day}.",
    "Seen in the emergency department on {on}; {word}, temperature {temperature} °C.",
)
_FINDINGS = (
    "CRP {n} mg/L, ferritin {big} µg/L.",
    "Blood cultures from both arms stayed without growth after {n} days.",
    "CT of the chest showed infiltrates in the {place} lobe.",
    "Ultrasound of the abdomen unremarkable.",
    "Haemoglobin {hb} g/L, platelets {big} G/L, neutrophils {small} G/L.",
    "No fever since, blood pressure {bp} mmHg.",
    "Neurological examination normal, ICE score 10.",
    "Urine: protein {n} mg/dL, no casts.",
    "Complement unchanged, anti-dsDNA {big} IU/mL.",
    "PCR for CMV {big} copies/mL, repeated after {n} days.",
    "Weight {hb} kg, oxygen saturation 9{small} %.",
    "Lymph nodes of the neck not enlarged.",
)
_TREATMENTS = (
    "Given tocilizumab {n} mg/kg once.",
    "Treated with amoxicillin and clavulanic acid for {n} days.",
    "Paracetamol and fluids only.",
    "Filgrastim from day {day} for {n} days.",
    "Immunoglobulins {n} g replaced.",
    "Valaciclovir continued, dose adapted to the renal function.",
    "Prednisolone {n} mg, tapered over {small} weeks.",
    "No treatment needed.",
    "Dexamethasone 10 mg every 6 hours, {small} doses.",
)
_ENDINGS = (
    "Recovered on {later}.",
    "Resolved without sequelae after {n} days.",
    "Still improving at the last contact on {later}.",
    "Will be checked again in {small} weeks.",
    "The investigator sees a relation to the infusion as possible.",
    "Follow-up letter of the general practitioner received on {later}.",
)
# Words that look like a malignancy, or say that there is none.
_NEGATED = (
    "Biopsy of the node: reactive changes, no evidence of lymphoma.",
    "Mother had breast cancer at {age}.",
    "Mammography on {later} without suspicion, cancer screening normal.",
    "Had been on a tumour necrosis factor inhibitor until {year}.",
    "CA-125 measured by the gynaecologist, {n} U/mL, no action.",
    "Leukaemia was ruled out by bone marrow examination on {later}.",
    "Malignancy excluded by CT of {later}.",
    "History of melanoma in situ, removed in {year}.",
    "Skin lesion excised, histology: seborrhoeic keratosis, negative for malignancy.",
)
# Term, category, code system, code, narrative
_MALIGNANT = (
    ("Basal cell carcinoma of the nose", "malignancy", "ICD-10", "C44.3", "Excised in sano on {later}."),
    ("Basal cell carcinoma", "other", "", "", "Removed by the dermatologist on {later}, margins free."),
    ("Squamous cell carcinoma of the skin", "malignancy", "ICD-10", "C44.5", ""),
    ("Breast cancer", "malignancy", "ICD-10", "C50.4", "Invasive ductal, found at screening on {on}."),
    ("Myelodysplastic syndrome", "malignancy", "ICD-10", "D46.9", "Bone marrow of {later}: dysplasia."),
    ("Refractory anaemia", "other", "ICD-10", "D46.4", ""),
    ("Weight loss", "other", "", "", "Colonoscopy on {later}: adenocarcinoma of the sigmoid colon."),
    (
        "Enlarged cervical lymph nodes",
        "other",
        "",
        "",
        "Biopsy of {later} shows diffuse large B-cell lymphoma.",
    ),
    ("Rash on trunk and thighs", "licats", "", "", "Skin biopsy of {later} reads cutaneous T-cell lymphoma."),
    (
        "Pancytopenia",
        "cytopenia",
        "",
        "",
        "Acute myeloid leukaemia cannot be excluded, marrow planned {later}.",
    ),
    ("Melanoma of the back", "malignancy", "ICD-10", "C43.5", "Breslow 0.{small} mm."),
    ("Papillary thyroid carcinoma", "other", "ICD-O-3", "8260/3", ""),
    ("Cervical intraepithelial neoplasia grade III", "other", "ICD-10", "D06.9", "Conisation on {later}."),
    ("Prostate cancer", "malignancy", "", "", "PSA {n}, Gleason 7, found on {on}."),
)
_MALIGNANT_SHARE = 0.015  # of the patients
_NEGATED_SHARE = 0.012  # of the events


@dataclass(frozen=True, slots=True)
class Event:
    """One row of adverse events; the names are the table's columns. `entered_on` in days."""

    patient: int
    term: str
    category: str
    code_system: str
    code: str
    grade: int | None
    grade_scale: str
    started_on: str
    serious: bool
    seriousness: str
    relatedness: str
    outcome: str
    narrative: str
    entered_on: int
    follow_up: str


def make_events(*, cohort: Cohort, seed: int) -> list[Event]:
    """Return the events of everybody with a course, in the order of entry."""
    random = Random(f"events {seed} {len(cohort.people)}")
    events: list[Event] = []
    for patient, day_zero, until in zip(
        cohort.courses.patient.tolist(),
        cohort.courses.day_zero.tolist(),
        cohort.courses.until.tolist(),
        strict=True,
    ):
        last = min(until, CUT)
        age = 2026 - int(cohort.people.birth_year[patient])
        events.extend(_events_of(random, patient, age, day_zero, last))
    events.sort(key=lambda event: event.entered_on)
    return events


_WEIGHTS = [row[3] for row in _ORDINARY]


def _events_of(random: Random, patient: int, age: int, day_zero: int, last: int) -> Iterator[Event]:
    watched = last - day_zero
    # About eight over a follow-up of years, fewer in the first weeks.
    wanted = min(random.randint(5, 12), 1 + watched // 10)
    for term, category, scale, _share, earliest, latest in random.choices(_ORDINARY, _WEIGHTS, k=wanted):
        began = day_zero + random.randint(min(earliest, watched), max(min(latest or watched, watched), 0))
        texts = _Texts(random, age, day_zero, began)
        narrative = texts.narrative(term) if random.random() < 0.25 else ""
        is_serious = random.random() < 0.08
        yield Event(
            patient=patient,
            term=term + random.choice(_SIDES),
            category=category,
            code_system="",
            code="",
            grade=random.choices((1, 2, 3, 4), (55, 30, 12, 3))[0],
            grade_scale=scale,
            started_on=_partial(random, began),
            serious=is_serious,
            seriousness="{hospitalisation}" if is_serious else "{}",
            relatedness=random.choice(("probable", "possible", "possible", "unlikely", "")),
            outcome=random.choice(("recovered", "recovered", "recovering", "")),
            narrative=narrative,
            entered_on=min(began + random.randint(0, 20), last),
            follow_up=texts.ending() if random.random() < 0.03 else "",
        )
    if watched > 120 and random.random() < _MALIGNANT_SHARE / 0.97:
        yield _malignancy(random, patient, age, day_zero, watched, last)


def _malignancy(random: Random, patient: int, age: int, day_zero: int, watched: int, last: int) -> Event:
    term, category, code_system, code, narrative = random.choice(_MALIGNANT)
    began = day_zero + random.randint(90, watched)
    texts = _Texts(random, age, day_zero, began)
    return Event(
        patient=patient,
        term=term,
        category=category,
        code_system=code_system,
        code=code,
        grade=random.choice((2, 3, 3, 4)),
        grade_scale="CTCAE-5",
        started_on=_partial(random, began),
        serious=True,
        seriousness="{important}",
        relatedness="possible",
        outcome="",
        narrative=f"{texts.opening(term)} {texts.fill(narrative)}".strip(),
        entered_on=min(began + random.randint(0, 20), last),
        follow_up=texts.ending() if random.random() < 0.3 else "",
    )


def _partial(random: Random, day: int) -> str:
    """Some sites know the month only, few only the year, few nothing at all."""
    text = as_date(day).isoformat()
    return text[: random.choices((10, 7, 4, 0), (930, 50, 10, 10))[0]]


class _Texts:
    def __init__(self, random: Random, age: int, day_zero: int, began: int) -> None:
        self._random = random
        day = began - day_zero
        self._words: dict[str, object] = {
            "age": age,
            "on": as_date(began).isoformat(),
            "later": as_date(began + random.randint(2, 40)).isoformat(),
            "year": as_date(day_zero).year - random.randint(2, 12),
            "day": day,
            "n": random.randint(2, 98),
            "big": random.randint(100, 4000),
            "small": random.randint(1, 9),
            "hb": random.randint(70, 130),
            "bp": f"{random.randint(95, 160)}/{random.randint(55, 95)}",
            "temperature": f"{random.randint(36, 39)}.{random.randint(0, 9)}",
            "place": random.choice(("left lower", "right lower", "right middle", "left upper")),
        }

    def fill(self, text: str) -> str:
        return text.format(**self._words)

    def opening(self, term: str) -> str:
        word = term[0].lower() + term[1:] if not term.isupper() else term
        self._words |= {"word": word, "word_capital": term}
        return self.fill(self._random.choice(_OPENINGS))

    def ending(self) -> str:
        return self.fill(self._random.choice(_ENDINGS))

    def narrative(self, term: str) -> str:
        random = self._random
        clauses = [self.opening(term), *random.sample(_FINDINGS, random.randint(1, 4))]
        clauses.append(random.choice(_TREATMENTS))
        if random.random() < _NEGATED_SHARE * 4:  # a quarter of the events has a narrative
            clauses.append(random.choice(_NEGATED))
        return self.fill(" ".join([*clauses, random.choice(_ENDINGS)]))
