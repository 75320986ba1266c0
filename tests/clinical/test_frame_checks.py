"""The impossible among sites, products and visit schedules is refused (contract.md section 3)."""

from datetime import date

import pytest

from registry.clinical.frame_checks import check_product, check_scheduled_visit, check_site
from registry.clinical.refusals import Problem


def fields(problems: list[Problem]) -> list[str]:
    return [problem.field for problem in problems]


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, []),
        ({"site_id": ""}, ["site_id"]),
        ({"name": ""}, ["name"]),
        ({"country": "UK"}, ["country"]),
        ({"country": "at"}, ["country"]),
        ({"country": ""}, ["country"]),
        ({"time_zone": "Vienna"}, ["time_zone"]),
        ({"time_zone": "Europe"}, ["time_zone"]),
        ({"time_zone": "europe/vienna"}, ["time_zone"]),
        ({"time_zone": ""}, ["time_zone"]),
        ({"time_zone": "../etc/passwd"}, ["time_zone"]),
        ({"time_zone": "x" * 1000}, ["time_zone"]),
        ({"time_zone": "UTC"}, []),
    ],
)
def test_a_site_has_a_country_and_a_time_zone(changes: dict[str, str], refused: list[str]):
    usual = {"site_id": "001", "name": "Vienna", "country": "AT", "time_zone": "Europe/Vienna"}

    assert fields(check_site(**usual | changes)) == refused


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, []),
        ({"target": "CD20"}, ["target"]),
        ({"source": "auto"}, ["source"]),
        ({"vector": ""}, ["vector"]),
        ({"manufacturer": "x" * 201}, ["manufacturer"]),
    ],
)
def test_a_product_has_a_target_a_source_and_a_vector(changes: dict[str, str], refused: list[str]):
    usual = {
        "product_id": "P1",
        "name": "Product 1",
        "target": "CD19",
        "source": "autologous",
        "vector": "lentiviral",
    }

    assert fields(check_product(**usual | changes)) == refused


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, []),
        ({"offset": 0}, []),
        ({"offset": -1}, ["offset"]),
        ({"offset": None}, ["offset"]),
        ({"offset": 1201}, ["offset"]),
        ({"offset": 1201, "offset_unit": "day"}, []),
        ({"offset_unit": "week"}, ["offset_unit"]),
        ({"days_before": -1}, ["days_before"]),
        ({"days_after": 3651}, ["days_after"]),
        ({"mode": ""}, []),
        ({"mode": "phone"}, ["mode"]),
        ({"version": 0}, ["version"]),
        ({"effective_from": None}, ["effective_from"]),
        ({"visit_code": "x" * 20}, []),
        ({"visit_code": "x" * 21}, ["visit_code"]),
        ({"visit_code": "UNS"}, ["visit_code"]),
    ],
)
def test_a_schedule_row_has_an_offset_and_a_window(changes: dict[str, object], refused: list[str]):
    usual: dict[str, object] = {
        "version": 1,
        "effective_from": date(2025, 1, 1),
        "visit_code": "M6",
        "offset": 6,
        "offset_unit": "month",
        "days_before": 30,
        "days_after": 30,
        "mode": "on_site",
    }

    assert fields(check_scheduled_visit(**usual | changes)) == refused  # type: ignore[arg-type]
