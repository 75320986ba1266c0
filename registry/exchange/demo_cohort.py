"""An invented cohort as a bundle: the same for the same number, seed and day.

Its first patients are made by hand, one for each thing the registry is there to notice; the rest
follow the course that the published series describe, with the gaps that sites leave.
Source: clinical-reference.md section 9.1 (frequencies of CRS, ICANS, infection, prolonged cytopenia).
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import cast

from registry.clinical.default_schedule import DEFAULT_SCHEDULE
from registry.clinical.visit_windows import VisitWindow, planned_windows
from registry.exchange.demo_activity import activity_rows
from registry.exchange.demo_blood import blood_rows

Row = Mapping[str, object]

SITES = (
    ("VIE", "University Hospital Vienna", "AT", "Europe/Vienna"),
    ("BER", "Charité Campus Mitte", "DE", "Europe/Berlin"),
    ("PAR", "Hôpital Saint-Louis", "FR", "Europe/Paris"),
    ("BCN", "Hospital Clínic Barcelona", "ES", "Europe/Madrid"),
    ("MIL", "Ospedale Niguarda", "IT", "Europe/Rome"),
    ("ROC", "Rochester Clinic", "US", "America/Chicago"),
)
SILENT_SITE = "MIL"
SILENT_DAYS = 200
PRODUCTS = (
    ("CAR19-A", "Autoleucel-19", "CD19", "autologous", "lentiviral", "Invented Cell Works"),
    ("CAR19B-A", "Duocel-19B", "CD19-BCMA", "autologous", "lentiviral", "Invented Cell Works"),
    ("CAR19-AL", "Allocel-19", "CD19", "allogeneic", "non-integrating", "Example Therapeutics"),
)


@dataclass(slots=True)
class Cohort:
    """The rows of the bundle's files, by file name."""

    today: date
    random: Random
    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def add(self, file: str, **row: object) -> None:
        self.rows[file].append(row)

    def write(self, directory: Path) -> None:
        """Write each file with the columns its rows have."""
        for file, rows in self.rows.items():
            columns = list(dict.fromkeys(column for row in rows for column in row))
            with (directory / file).open("w", encoding="utf-8", newline="") as target:
                writer = csv.DictWriter(target, columns, restval="")
                writer.writeheader()
                writer.writerows(rows)


def make_cohort(*, patients: int, seed: int, today: date) -> Cohort:
    """Return a cohort of `patients` people as it would stand on `today`."""
    cohort = Cohort(today=today, random=Random(f"cohort {seed}"))  # noqa: S311 - invented people, no secret
    for site_id, name, country, time_zone in SITES:
        cohort.add("sites.csv", site_id=site_id, name=name, country=country, time_zone=time_zone)
    for product_id, name, target, source, vector, manufacturer in PRODUCTS:
        cohort.add(
            "products.csv",
            product_id=product_id,
            name=name,
            target=target,
            source=source,
            vector=vector,
            manufacturer=manufacturer,
        )
    shown = (
        _cytopenia_of_29_days,
        _hidden_by_growth_factor,
        _only_the_clock,
        _lymphoma_in_free_text,
        _myelodysplasia_by_code,
        _lost_for_years,
        _comparator,
        _screened_only,
        _no_evidence_of_lymphoma,
        _infused_twice,
        _called_once_a_year,
    )
    for number, show in enumerate(shown[:patients], start=1):
        show(cohort, f"VIE-{number:04}")
    numbers = {site[0]: 0 for site in SITES} | {"VIE": len(shown)}
    for _ in range(patients - len(shown)):
        site_id = cohort.random.choice([site[0] for site in SITES])
        numbers[site_id] += 1
        _ordinary_patient(cohort, site_id, f"{site_id}-{numbers[site_id]:04}")
    _assess(cohort)
    return cohort


def _assess(cohort: Cohort) -> None:
    """Give everybody the scores and the blood of their disease at the visits they came to."""
    infused = defaultdict(list)
    for row in cohort.rows["infusions.csv"]:
        infused[row["patient_id"]].append(cast(date, row["infused_on"]))
    visits = defaultdict(list)
    for row in cohort.rows["visits.csv"]:
        visits[row["patient_id"]].append(dict(row))
    for row in list(cohort.rows["patients.csv"]):
        day_zero = min(infused[row["patient_id"]], default=row["index_date"])
        if not isinstance(day_zero, date):
            continue
        for found in activity_rows(patient=dict(row), day_zero=day_zero, visits=visits[row["patient_id"]]):
            cohort.add("scores.csv", **found)
        day_zeros = sorted(infused[row["patient_id"]]) or [day_zero]
        for found in blood_rows(patient=row, day_zeros=day_zeros, visits=visits[row["patient_id"]]):
            cohort.add("labs.csv", **found)


def _patient(
    cohort: Cohort, patient_id: str, /, *, infused_on: date | None, site_id: str = "VIE", **facts: object
) -> None:
    random = cohort.random
    cohort.add(
        "patients.csv",
        **{
            "patient_id": patient_id,
            "site_id": site_id,
            "sex": random.choices("FM", (8, 2))[0],
            "birth_year": random.randint(1958, 2004),
            "diagnosis": random.choices(("SLE", "IIM", "SSC"), (6, 2, 2))[0],
            "cohort": "CAR_T",
            "enrolled_on": infused_on - timedelta(days=random.randint(7, 40)) if infused_on else "",
            "index_date": "",
            "follow_up_ended_on": "",
            "follow_up_end_reason": "",
            "cause_of_death": "",
            "disease_onset_year": "",
            "failed_therapies": random.randint(2, 7),
            "organs_at_baseline": ";".join(random.sample(("skin", "joint", "kidney", "lung", "blood"), 2)),
            "prior_malignancy": "N",
            **facts,
        },
    )
    if infused_on and facts.get("cohort") != "COMPARATOR":
        _infusion(cohort, patient_id, infused_on)


def _infusion(cohort: Cohort, patient_id: str, infused_on: date) -> None:
    random = cohort.random
    cohort.add(
        "infusions.csv",
        patient_id=patient_id,
        infused_on=infused_on,
        product_id=random.choices([product[0] for product in PRODUCTS], (7, 2, 1))[0],
        lot=f"L{random.randint(1000, 9999)}",
        dose_cells=random.randint(50, 200),
        lymphodepletion="fludarabine and cyclophosphamide",
    )


def _visits(
    cohort: Cohort,
    patient_id: str,
    day_zero: date,
    *,
    left_out: Iterable[str] = (),
    until: date | None = None,
) -> list[tuple[VisitWindow, date]]:
    """Record the visits of the schedule up to `until` but those left out; return windows and dates."""
    until = until or cohort.today
    made = []
    for window in planned_windows(day_zero=day_zero, schedules=(DEFAULT_SCHEDULE,), as_of=until, until=until):
        on = window.opens_on + timedelta(
            days=cohort.random.randint(0, (window.closes_on - window.opens_on).days)
        )
        if on > until or window.code in left_out:
            continue
        cohort.add(
            "visits.csv",
            patient_id=patient_id,
            visit_code=window.code,
            visited_on=on,
            status="completed",
            missed_reason="",
            new_malignancy="N" if (on - day_zero).days >= 28 else "",
            new_malignancy_text="",
        )
        made.append((window, on))
    return made


def _count(cohort: Cohort, patient_id: str, on: date, analyte: str, value: str, unit: str = "10*9/L") -> None:
    cohort.add("labs.csv", patient_id=patient_id, collected_on=on, analyte=analyte, value=value, unit=unit)


def _neutrophils(cohort: Cohort, patient_id: str, day_zero: date, table: str) -> None:
    """Counts drawn as `day:value` pairs."""
    for pair in table.split():
        day, value = pair.split(":")
        _count(cohort, patient_id, day_zero + timedelta(days=int(day)), "ANC", value)


def _event(cohort: Cohort, patient_id: str, term: str, started_on: date | str, **facts: object) -> None:
    number = len(cohort.rows["adverse_events.csv"]) + 1
    cohort.add(
        "adverse_events.csv",
        **{
            "patient_id": patient_id,
            "event_id": f"AE-{number:05}",
            "term": term,
            "category": "other",
            "code_system": "",
            "code": "",
            "grade": "",
            "grade_scale": "",
            "started_on": started_on,
            "ended_on": "",
            "serious": "N",
            "seriousness": "",
            "relatedness": "",
            "outcome": "",
            "narrative": "",
            **facts,
        },
    )


def _cytopenia_of_29_days(cohort: Cohort, patient_id: str) -> None:
    day_zero = cohort.today - timedelta(days=45)
    _patient(cohort, patient_id, infused_on=day_zero)
    _visits(cohort, patient_id, day_zero)
    _neutrophils(cohort, patient_id, day_zero, "0:3.1 5:0.6 9:0.2 14:0.4 19:0.6 25:0.8 30:0.7 34:0.9 41:1.4")


def _hidden_by_growth_factor(cohort: Cohort, patient_id: str) -> None:
    day_zero = cohort.today - timedelta(days=60)
    _patient(cohort, patient_id, infused_on=day_zero)
    _visits(cohort, patient_id, day_zero)
    _neutrophils(
        cohort,
        patient_id,
        day_zero,
        "0:2.8 10:0.4 15:5.0 16:4.2 17:3.1 20:0.7 27:0.6 41:0.9 48:1.6 50:1.7 53:1.9",
    )
    for day in range(11, 15):
        cohort.add(
            "support.csv", patient_id=patient_id, given_on=day_zero + timedelta(days=day), kind="g_csf"
        )


def _only_the_clock(cohort: Cohort, patient_id: str) -> None:
    day_zero = cohort.today - timedelta(days=34)
    _patient(cohort, patient_id, infused_on=day_zero)
    _visits(cohort, patient_id, day_zero, left_out={"D28"})
    _neutrophils(cohort, patient_id, day_zero, "4:1.2 5:0.5 20:0.6")


def _lymphoma_in_free_text(cohort: Cohort, patient_id: str) -> None:
    day_zero = cohort.today - timedelta(days=430)
    _patient(cohort, patient_id, infused_on=day_zero)
    _visits(cohort, patient_id, day_zero)
    _event(
        cohort,
        patient_id,
        "Rash on trunk and thighs",
        cohort.today - timedelta(days=20),
        category="licats",
        grade=2,
        grade_scale="LICATS",
        narrative="Taken for LICATS at first. Skin biopsy reads cutaneous T-cell lymphoma, CTCL."
        " Sample for CAR transgene testing not sent yet.",
    )


def _myelodysplasia_by_code(cohort: Cohort, patient_id: str) -> None:
    day_zero = cohort.today - timedelta(days=900)
    _patient(cohort, patient_id, infused_on=day_zero)
    _visits(cohort, patient_id, day_zero)
    _event(
        cohort,
        patient_id,
        "Refractory anaemia",
        cohort.today - timedelta(days=75),
        code_system="ICD-10",
        code="D46.9",
        grade=3,
        grade_scale="CTCAE-5",
        serious="Y",
        seriousness="hospitalisation;important",
        relatedness="possible",
    )


def _lost_for_years(cohort: Cohort, patient_id: str) -> None:
    day_zero = cohort.today - timedelta(days=1240)
    _patient(cohort, patient_id, infused_on=day_zero)
    _visits(cohort, patient_id, day_zero, left_out={"M24", "Y3"})


def _comparator(cohort: Cohort, patient_id: str) -> None:
    index_date = cohort.today - timedelta(days=300)
    _patient(cohort, patient_id, infused_on=index_date, cohort="COMPARATOR", index_date=index_date)
    _visits(cohort, patient_id, index_date, left_out={"D1", "D3"})


def _screened_only(cohort: Cohort, patient_id: str) -> None:
    _patient(cohort, patient_id, infused_on=None)


def _no_evidence_of_lymphoma(cohort: Cohort, patient_id: str) -> None:
    day_zero = cohort.today - timedelta(days=250)
    _patient(cohort, patient_id, infused_on=day_zero)
    _visits(cohort, patient_id, day_zero)
    _event(
        cohort,
        patient_id,
        "Swollen lymph node in the neck",
        cohort.today - timedelta(days=40),
        narrative="Ultrasound and biopsy: reactive, no evidence of lymphoma.",
        outcome="recovered",
    )


def _infused_twice(cohort: Cohort, patient_id: str) -> None:
    """Two courses, each with its own day 0: what was not yet due of the first is asked for no longer."""
    first, second = cohort.today - timedelta(days=500), cohort.today - timedelta(days=50)
    _patient(cohort, patient_id, infused_on=first)
    _infusion(cohort, patient_id, second)
    for day_zero, until in ((first, second - timedelta(days=1)), (second, cohort.today)):
        visits = _visits(cohort, patient_id, day_zero, until=until)
        _blood_counts(cohort, "VIE", patient_id, day_zero, [on for _, on in visits])


def _called_once_a_year(cohort: Cohort, patient_id: str) -> None:
    """In the seventh year: nobody comes to the hospital any more; the window of the yearly call is open."""
    day_zero = cohort.today - timedelta(days=6 * 365 + 12)
    _patient(cohort, patient_id, infused_on=day_zero)
    visits = _visits(cohort, patient_id, day_zero, left_out={"Y6"})
    _blood_counts(cohort, "VIE", patient_id, day_zero, [on for _, on in visits])


def _ordinary_patient(cohort: Cohort, site_id: str, patient_id: str) -> None:
    random = cohort.random
    day_zero = cohort.today - timedelta(days=random.randint(15, 1500))
    last_heard = cohort.today
    if site_id == SILENT_SITE:
        day_zero = min(day_zero, cohort.today - timedelta(days=SILENT_DAYS + 60))
        last_heard = cohort.today - timedelta(days=SILENT_DAYS)
    ended: dict[str, object] = {}
    if random.random() < 0.04 and (last_heard - day_zero).days > 120:
        last_heard = day_zero + timedelta(days=random.randint(60, (last_heard - day_zero).days))
        reason = random.choice(("withdrawal", "lost", "death"))
        ended = {"follow_up_ended_on": last_heard, "follow_up_end_reason": reason}
        if reason == "death":
            ended["cause_of_death"] = "pneumococcal meningitis"
    _patient(cohort, patient_id, infused_on=day_zero, site_id=site_id, **ended)
    forgotten = {code for code in ("D21", "M2", "M9", "M12", "M18") if random.random() < 0.03}
    visits = _visits(cohort, patient_id, day_zero, left_out=forgotten, until=last_heard)
    _blood_counts(cohort, site_id, patient_id, day_zero, [on for _, on in visits])
    _usual_events(cohort, patient_id, day_zero, last_heard)


def _blood_counts(cohort: Cohort, site_id: str, patient_id: str, day_zero: date, days: list[date]) -> None:
    """A fall after lymphodepletion, back by day 14 to 24, and later in a few."""
    random = cohort.random
    low_until = random.randint(36, 60) if random.random() < 0.05 else random.randint(10, 24)
    depth = random.uniform(0.1, 0.9)
    for on in sorted({day_zero, *days}):
        day = (on - day_zero).days
        share = depth if 3 <= day <= low_until else random.uniform(1.3, 3.2)
        neutrophils = round(share * random.uniform(0.8, 1.2), 2)
        platelets = round((90 if 5 <= day <= low_until else 210) * random.uniform(0.7, 1.3))
        haemoglobin = round((98 if day < 40 else 122) * random.uniform(0.9, 1.1))
        lymphocytes = round((0.3 if day < 60 else 1.3) * random.uniform(0.6, 1.4), 2)
        if site_id == "ROC":
            _count(cohort, patient_id, on, "ANC", str(round(neutrophils * 1000)), "/uL")
            _count(cohort, patient_id, on, "HGB", f"{haemoglobin / 10:.1f}", "g/dL")
        else:
            _count(cohort, patient_id, on, "ANC", str(neutrophils), "G/L")
            _count(cohort, patient_id, on, "HGB", str(haemoglobin), "g/L")
        _count(cohort, patient_id, on, "PLT", str(platelets), "10*9/L")
        _count(cohort, patient_id, on, "ALC", str(lymphocytes), "10*9/L")


def _usual_events(cohort: Cohort, patient_id: str, day_zero: date, until: date) -> None:
    random = cohort.random
    if random.random() < 0.57:
        grade = random.choices((1, 2, 3), (50, 5, 1))[0]
        began = day_zero + timedelta(days=random.randint(1, 5))
        _event(
            cohort,
            patient_id,
            "Cytokine release syndrome",
            began,
            category="crs",
            grade=grade,
            grade_scale="ASTCT",
            ended_on=began + timedelta(days=random.randint(2, 6)),
            relatedness="certain",
            outcome="recovered",
        )
    if random.random() < 0.21 and (until - day_zero).days > 30:
        _event(
            cohort,
            patient_id,
            random.choice(("Pneumonia", "Urinary tract infection", "Herpes zoster", "Sinusitis")),
            day_zero + timedelta(days=random.randint(8, (until - day_zero).days)),
            category="infection",
            grade=random.choices((2, 3), (15, 6))[0],
            grade_scale="CTCAE-5",
            relatedness="probable",
        )
    if random.random() < 0.3 and (until - day_zero).days > 30:
        _event(
            cohort,
            patient_id,
            random.choice(("Transient rash", "Joint pain", "Raised creatinine")),
            day_zero + timedelta(days=random.randint(5, 25)),
            category="licats",
            grade=random.choices((1, 2), (65, 30))[0],
            grade_scale="LICATS",
            outcome="recovered",
        )
