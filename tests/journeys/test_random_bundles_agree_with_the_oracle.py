"""From files to files: a random cohort is imported, scanned and exported, and judged by the oracle.

What a bundle says of each patient is also given to the oracle as a history, without the database: the
alerts that leave the house must be the findings that the sentences of rules.md ask for.
"""

import csv
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from django.core.management import call_command

from registry.clinical.visit_windows import ScheduleVersion
from registry.monitoring.evidence import History, LabPoint
from tests.monitoring import random_histories as draw
from tests.monitoring.agreement import RULES, in_order, plain

PATIENTS = 200
FIRST_SCAN, SECOND_SCAN = date(2024, 9, 1), date(2026, 1, 10)
UNITS = {"HGB": "g/L", "MCV": "fL", "BLASTS": "%", "CAR_DNA": "{copies}/ug"}
OTHER_UNITS = {"ANC": ("/uL", Decimal(1000)), "ALC": ("K/uL", Decimal(1)), "HGB": ("g/dL", Decimal("0.1"))}


COLUMNS = "patient_id rule first_date last_date first_day last_day subject certainty severity"
EVIDENCE = {
    "overdue_visit": "visit_code day_zero target_on opens_on closes_on days_overdue labels",
    "prolonged_cytopenia": (
        "lineage first_low_on last_low_on certain_days possible_days earliest_start_on latest_end_on"
        " outcome recovered_on deepest_value deepest_on"
    ),
    "unresolved_at_day_28": "lineage day_zero last_low_on reading",
    "secondary_malignancy": "class onset latency_days",
}


def once(history: History) -> History:
    """Leave out what a bundle cannot say: two equal results of a day, a support given twice, and a
    missed visit without a date in a course that is not the latest (contract.md section 3)."""
    labs = {
        analyte: tuple({(p.collected_on, p.comparator, p.value.normalize()): p for p in points}.values())
        for analyte, points in history.labs.items()
    }
    visits = tuple(
        visit for visit in history.visits if visit.visited_on or visit.day_zero == history.day_zeros[-1]
    )
    return replace(history, labs=labs, visits=visits, supports=tuple(dict.fromkeys(history.supports)))


def patient(random: Random, number: int, versions: tuple[ScheduleVersion, ...]) -> History:
    """Counts or triggers of one drawn history, with visits of the study's schedule."""
    make = draw.history_of_counts if random.random() < 0.6 else draw.history_of_triggers
    history, _ = make(random)
    return once(
        replace(
            history,
            patient_id=number,
            schedules=versions,
            visits=draw.visits_of(random, history.day_zeros, versions),
        )
    )


def is_comparator(history: History) -> bool:
    return len(history.day_zeros) == 1 and history.patient_id % 4 == 0


def reported(random: Random, analyte: str, point: LabPoint) -> tuple[str, str]:
    """The value and unit of a cell, some in another unit than the canonical one."""
    unit, factor = UNITS.get(analyte, "10*9/L"), Decimal(1)
    if analyte in OTHER_UNITS and random.random() < 0.4:
        unit, factor = OTHER_UNITS[analyte]
    return f"{point.comparator}{(point.value * factor).normalize():f}", unit


def write(directory: Path, name: str, header: str, rows: Iterable[Iterable[object]]) -> None:
    with (directory / name).open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(header.split())
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)


def write_bundle(directory: Path, random: Random, cohort: list[History]) -> None:
    write(directory, "sites.csv", "site_id name country time_zone", [["VIE", "Wien", "AT", "Europe/Vienna"]])
    write(
        directory,
        "products.csv",
        "product_id name target source vector",
        [["CAR19", "CAR nineteen", "CD19", "autologous", "lentiviral"]],
    )
    write(
        directory,
        "patients.csv",
        "patient_id site_id sex birth_year diagnosis cohort enrolled_on index_date follow_up_ended_on"
        " follow_up_end_reason",
        [
            [f"P{h.patient_id}", "VIE", "F", 1985, "SLE"]
            + (
                ["COMPARATOR", h.enrolled_on, h.day_zeros[0]]
                if is_comparator(h)
                else ["CAR_T", h.enrolled_on, ""]
            )
            + [h.follow_up_ended_on, h.follow_up_end_reason]
            for h in cohort
        ],
    )
    write(
        directory,
        "infusions.csv",
        "patient_id infused_on product_id",
        [[f"P{h.patient_id}", on, "CAR19"] for h in cohort if not is_comparator(h) for on in h.day_zeros],
    )
    write(
        directory,
        "visits.csv",
        "patient_id visit_code visited_on status missed_reason",
        [
            [f"P{h.patient_id}", v.code, v.visited_on, v.status, "ill" if v.status == "missed" else ""]
            for h in cohort
            for v in h.visits
        ],
    )
    write(
        directory,
        "labs.csv",
        "patient_id collected_on analyte value unit",
        [
            [f"P{h.patient_id}", point.collected_on, analyte, *reported(random, analyte, point)]
            for h in cohort
            for analyte, points in h.labs.items()
            for point in points
        ],
    )
    write(
        directory,
        "support.csv",
        "patient_id given_on kind",
        [[f"P{h.patient_id}", support.given_on, support.kind] for h in cohort for support in h.supports],
    )
    write(
        directory,
        "schedules.csv",
        "version effective_from visit_code offset offset_unit days_before days_after repeats_yearly",
        [
            (
                s.version,
                s.effective_from,
                v.code,
                v.offset,
                v.offset_unit,
                v.days_before,
                v.days_after,
                "Y" if v.repeats_yearly else "N",
            )
            for s in cohort[0].schedules
            for v in s.visits
        ],
    )


def alerts_of_oracle(cohort: list[History], as_of: date) -> list[dict[str, object]]:
    """What the oracle says of the whole cohort, in the columns that are compared."""
    told = []
    for history in cohort:
        for rule, (_, oracle) in RULES.items():
            for said in oracle(history, as_of):
                zero = said["day_zero"]
                zero = zero if isinstance(zero, date) else date.fromisoformat(str(zero))
                first, last = said.pop("first_on"), said.pop("last_on")
                told.append(
                    {
                        "patient_id": f"P{history.patient_id}",
                        "rule": rule,
                        "first_date": first.isoformat(),
                        "last_date": last.isoformat(),
                        "first_day": (first - zero).days,
                        "last_day": (last - zero).days,
                        **{key: said[key] for key in ("subject", "certainty", "severity")},
                        **{key: said[key] for key in EVIDENCE[rule].split()},
                    }
                )
    return in_order(told)


def alerts_of_house(file: Path) -> list[dict[str, object]]:
    """The open alerts of an export, in the columns that are compared."""
    told = []
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["state"] != "open":
            continue
        evidence = row["evidence"]
        if "deepest_value" in evidence:
            evidence["deepest_value"] = plain(evidence["deepest_value"])
        if row["rule"] == "overdue_visit":
            evidence["labels"] = sorted(evidence["labels"])
        told.append(
            {column: row[column] for column in COLUMNS.split()}
            | {key: evidence[key] for key in EVIDENCE[row["rule"]].split()}
        )
    return in_order(told)


@pytest.fixture
def far_enough(settings):
    """No drawn date may lie in the future."""
    settings.REGISTRY_TODAY = date(2045, 6, 1)


@pytest.mark.django_db
def test_alerts_that_leave_the_house_are_what_the_sentences_ask_for(tmp_path, far_enough):
    random = Random(20_260)
    versions = draw.schedules_of(random, (date(2024, 1, 1),))
    cohort = [patient(random, number, versions) for number in range(PATIENTS)]
    write_bundle(tmp_path, random, cohort)
    call_command("import_bundle", str(tmp_path))

    for as_of in (FIRST_SCAN, SECOND_SCAN):
        call_command("scan", "--as-of", as_of.isoformat())
        call_command("recompute", "--diff", "--as-of", as_of.isoformat())
        out = tmp_path / f"alerts-{as_of}.ndjson"
        call_command("export", "alerts", "--out", str(out), "--format", "ndjson")

        house, oracle = alerts_of_house(out), alerts_of_oracle(cohort, as_of)
        assert len(oracle) > PATIENTS
        assert [row for row in house if row not in oracle] == []
        assert [row for row in oracle if row not in house] == []
        assert len(house) == len(oracle)
