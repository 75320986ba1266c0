"""Bundles for tests: written as text, one file a drawn block, or as a cohort of a given size."""

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from registry.exchange.bundle import import_directory

TODAY = date(2025, 6, 1)
AT = datetime(2025, 6, 1, 8, 0, tzinfo=UTC)

SITES = "site_id,name,country,time_zone\nVIE,Vienna General,AT,Europe/Vienna\n"
PRODUCTS = "product_id,name,target,source,vector\nCAR19,CAR nineteen,CD19,autologous,lentiviral\n"
PATIENTS = (
    "patient_id,site_id,sex,birth_year,diagnosis,cohort,enrolled_on\nP1,VIE,F,1985,SLE,CAR_T,2024-02-20\n"
)
INFUSIONS = "patient_id,infused_on,product_id\nP1,2024-03-01,CAR19\n"
BASE = {
    "sites.csv": SITES,
    "products.csv": PRODUCTS,
    "patients.csv": PATIENTS,
    "infusions.csv": INFUSIONS,
}
LABS = "patient_id,collected_on,analyte,value,unit"
VISITS = "patient_id,visit_code,visited_on,status,missed_reason"


def write(directory: Path, files: dict[str, str | bytes]) -> Path:
    """Write the files and return the directory; a text is written as UTF-8, bytes as they are."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (directory / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return directory


def load(directory: Path, files: dict[str, str | bytes] | None = None, *, today=TODAY, **options):
    """Import the directory, after writing `files` to it, as of a fixed day."""
    if files is not None:
        write(directory, files)
    return import_directory(
        directory,
        **{"study_key": "CART-AID", "at": AT, "today": lambda *, time_zone: today, **options},
    )


def problems(report) -> list[tuple[str, int | None, str]]:
    """Return where the errors of a report stand."""
    return [(error.file, error.line, error.column) for error in report.errors]


def write_cohort(directory: Path, *, patients: int, results: int, visits: int) -> Path:
    """Write a bundle of `patients`, each with so many results and visits."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "sites.csv").write_text(SITES)
    (directory / "products.csv").write_text(PRODUCTS)
    day_zero = date(2023, 1, 1)
    codes = ["D1", "D3", "D7", "D10", "D14", "D21", "D28", "M2", "M3", "M6", "M9", "M12"]
    with _writer(directory / "patients.csv", PATIENTS) as out:
        for number in range(patients):
            out.writerow([f"P{number}", "VIE", "F", 1985, "SLE", "CAR_T", "2022-12-20"])
    with _writer(directory / "infusions.csv", INFUSIONS) as out:
        for number in range(patients):
            out.writerow([f"P{number}", day_zero, "CAR19"])
    with _writer(directory / "labs.csv", f"{LABS},lower_limit,upper_limit\n") as out:
        for number in range(patients):
            for count in range(results):
                on = day_zero + timedelta(days=count // 3)
                analyte, unit = (("ANC", "10*9/L"), ("PLT", "10*9/L"), ("HGB", "g/L"))[count % 3]
                value = (2 + number % 7 / 10, 150 + count % 90, 120 + number % 20)[count % 3]
                out.writerow([f"P{number}", on, analyte, value, unit, 1, 90])
    with _writer(directory / "visits.csv", f"{VISITS}\n") as out:
        for number in range(patients):
            for place in range(visits):
                on = day_zero + timedelta(days=place + 1)
                out.writerow([f"P{number}", codes[place], on, "completed", ""])
    return directory


class _writer:
    """A CSV file that begins with the header of `like`."""

    def __init__(self, path: Path, like: str):
        self._file = path.open("w", newline="", encoding="utf-8")
        self._file.write(like.splitlines()[0] + "\n")

    def __enter__(self):
        return csv.writer(self._file)

    def __exit__(self, *problem):
        self._file.close()
