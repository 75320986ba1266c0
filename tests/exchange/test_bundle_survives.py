"""Whatever stands in a bundle, the import answers with a report: it never falls over."""

import csv
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.exchange.bundle_columns import COLUMNS
from registry.exchange.csv_tables import read_csv
from registry.models import AuditEvent
from tests.exchange.bundles import BASE, load, write

ODD = st.sampled_from(
    [
        "", " ", "0", "-1", "1", "01", "1.5", "1e3", "<0.1", ">100", "≤1", "NaN", "Infinity", "٣", "9" * 40,
        "2024-03-05", "2024-02-30", "0000-01-01", "9999-12-31", "2024", "2024-13", "P1", "VIE", "CAR19",
        "Y", "N", "y", "ANC", "10*9/L", "/uL", "completed", "missed", "D28", "UNS", "AE1", "death", "a;b",
        ";", "CAR_T", "COMPARATOR", "F", "SLE", "day", "month", "\u202e", "\x00", "\x85", "é", "=1+1",
        "ICD-10", "D46.9", "g_csf", "TIS", "x" * 300,
    ]
)  # fmt: skip
CELL = ODD | st.text(max_size=12, alphabet=st.characters(exclude_categories=("Cs",)))


@st.composite
def tables(draw):
    """One file of the bundle with up to three lines of anything."""
    file = draw(st.sampled_from(sorted(COLUMNS)))
    names = [column.name for column in COLUMNS[file]]
    lines = draw(st.lists(st.lists(CELL, min_size=len(names), max_size=len(names)), min_size=1, max_size=3))
    text = io.StringIO()
    csv.writer(text).writerows([names, *lines])
    return file, text.getvalue()


@pytest.mark.django_db
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(tables(), min_size=1, max_size=3))
def test_any_cells_give_a_report_and_errors_store_nothing(tmp_path, files):
    before = AuditEvent.objects.count()
    directory = write(tmp_path, {**BASE, **dict(files)})

    report = load(directory, dry_run=True)

    json.dumps(report.as_json())
    assert AuditEvent.objects.count() == before
    for file in dict(files):
        (directory / file).unlink()


VALID = {
    "sites.csv": "VIE,Vienna,AT,Europe/Vienna",
    "products.csv": "CAR19,CAR nineteen,CD19,autologous,lentiviral,Maker",
    "patients.csv": "P1,VIE,F,1985,SLE,CAR_T,2024-02-20,,2025-01-01,death,sepsis,2010,3,skin,N",
    "infusions.csv": "P1,2024-03-01,CAR19,L1,100,flu/cy",
    "visits.csv": "P1,D28,2024-03-29,completed,,Y,naevus",
    "labs.csv": "P1,2024-03-05,ANC,0.4,10*9/L,1.5,8,",
    "support.csv": "P1,2024-03-06,g_csf",
    "adverse_events.csv": "P1,AE1,Fever,crs,ICD-10,R50.9,2,ASTCT,2024-03,2024-04,Y,death,certain,over,words",
    "schedules.csv": "1,2020-01-01,D28,28,day,3,3,on_site,N",
    "scores.csv": "P1,2024-03-29,TIS,40",
}


@st.composite
def nearly_valid(draw):
    """Every file of the bundle with one valid line, one of whose cells is anything."""
    file = draw(st.sampled_from(sorted(VALID)))
    place = draw(st.integers(0, len(COLUMNS[file]) - 1))
    files = {}
    for name, line in VALID.items():
        cells = line.split(",")
        if name == file:
            cells[place] = draw(CELL)
        text = io.StringIO()
        csv.writer(text).writerows([[column.name for column in COLUMNS[name]], cells])
        files[name] = text.getvalue()
    return files


@pytest.mark.django_db
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=nearly_valid())
def test_what_the_checks_let_pass_the_database_takes(tmp_path, files):
    directory = write(tmp_path, files)

    report = load(directory, dry_run=True)

    assert bool(report.errors) is not bool(sum(report.created.values()))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | st.text(alphabet='a,"\n\r\0\ufeffé', max_size=30).map(str.encode))
def test_any_bytes_are_read_or_told_to_be_unreadable(tmp_path, content):
    path = tmp_path / "labs.csv"
    path.write_bytes(content)

    table = read_csv(path)

    assert table.header or table.flaws
    assert table.is_whole is (not table.flaws)
